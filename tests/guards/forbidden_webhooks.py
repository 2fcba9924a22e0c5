"""What is forbidden to webhook endpoints and to what they are promised."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden, copy_row

ENDPOINT: Final = "alerts_webhookendpoint"
DELIVERY: Final = "alerts_webhookdelivery"

WEBHOOK_PREPARATION: Final = """
INSERT INTO alerts_webhookendpoint (id, client_id, url, events, secret_encrypted, state)
    SELECT gen_random_uuid(), id, 'https://hooks.acorn.example/', '{pool.low}', 'sealed', 'active'
    FROM credit_client LIMIT 1;
INSERT INTO alerts_webhookdelivery
    (id, endpoint_id, event_id, event_type, dedupe_key, body, state, next_attempt_at)
    SELECT gen_random_uuid(), id, gen_random_uuid(), 'pool.low', 'pool.low:1', '{}', 'pending',
        now() FROM alerts_webhookendpoint LIMIT 1;
"""


def _endpoint(**changes: str) -> str:
    return copy_row(ENDPOINT, **{"id": NEW, **changes})


def _delivery(**changes: str) -> str:
    return copy_row(DELIVERY, **{"id": NEW, "dedupe_key": "'pool.low:2'", **changes})


_TWENTY: Final = """
INSERT INTO alerts_webhookendpoint (id, client_id, url, events, secret_encrypted, state)
    SELECT gen_random_uuid(), {owner}, 'https://hooks.acorn.example/', '{{pool.low}}', 'sealed',
        'disabled'
    FROM generate_series(1, 20);
"""

WEBHOOKS: Final = [
    # Counted with the one that is there; the guard sees what its own statement has added.
    Forbidden(
        "alerts_webhook_owner_has_room",
        ENDPOINT,
        _TWENTY.format(owner=f"(SELECT client_id FROM {ENDPOINT} LIMIT 1)"),
    ),
    # Given to who has no room for it.
    Forbidden(
        "alerts_webhook_owner_has_room",
        ENDPOINT,
        _TWENTY.format(owner="null")
        + f"UPDATE {ENDPOINT} SET client_id = null WHERE client_id IS NOT NULL",
    ),
    Forbidden("alerts_webhook_of_one_organisation", ENDPOINT, _endpoint(agency_id=NEW)),
    Forbidden("alerts_webhook_state_known", ENDPOINT, _endpoint(state="'asleep'")),
    # A secret that never ends, and an end of nothing.
    Forbidden(
        "alerts_webhook_old_secret_has_its_end",
        ENDPOINT,
        _endpoint(previous_secret_encrypted="'sealed'"),
    ),
    Forbidden(
        "alerts_webhook_old_secret_has_its_end",
        ENDPOINT,
        _endpoint(previous_secret_until="now()"),
    ),
    # What happened once is told once.
    Forbidden(
        "alerts_delivery_once_per_occurrence", DELIVERY, _delivery(dedupe_key="'pool.low:1'")
    ),
    Forbidden("alerts_delivery_pending_has_its_time", DELIVERY, _delivery(next_attempt_at="null")),
    Forbidden("alerts_delivery_pending_has_its_time", DELIVERY, _delivery(state="'delivered'")),
    Forbidden("alerts_delivery_pending_has_its_time", DELIVERY, _delivery(finished_at="now()")),
]
