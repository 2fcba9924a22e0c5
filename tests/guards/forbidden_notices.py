"""What is forbidden to notices of alerts, and to the routes they go."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden, copy_row

NOTICE: Final = "alerts_notice"
ROUTE: Final = "alerts_noticeroute"
_A_ROUTE: Final = "(SELECT id FROM alerts_noticeroute LIMIT 1)"
_OF_AN_ALERT: Final = "alert_id IS NOT NULL"
_OF_NO_ALERT: Final = "alert_id IS NULL"
_ID: Final = "(SELECT max(id) + 1 FROM alerts_notice)"


def _copy(where: str, **changes: str) -> str:
    given = {"id": _ID, "delivery_id": NEW, "occurrence": "7", **changes}
    return copy_row(NOTICE, where, **given)


NOTICES: Final = [
    # Of fifty who raise it at once, one promises.
    Forbidden("alerts_notice_once_per_alert", NOTICE, _copy(_OF_AN_ALERT, occurrence="0")),
    Forbidden("alerts_notice_once_per_reference", NOTICE, _copy(_OF_NO_ALERT, occurrence="0")),
    Forbidden("alerts_notice_is_about_one_thing", NOTICE, _copy(_OF_AN_ALERT, reference="'x'")),
    Forbidden("alerts_notice_is_about_one_thing", NOTICE, _copy(_OF_NO_ALERT, reference="''")),
    Forbidden(
        "alerts_notice_names_no_secret_address",
        NOTICE,
        _copy(_OF_AN_ALERT, target="'https://hooks.slack.example/x'"),
    ),
    Forbidden(
        "alerts_notice_names_no_secret_address", NOTICE, _copy(_OF_AN_ALERT, target="'route:x'")
    ),
    Forbidden(
        "alerts_notice_names_no_secret_address", NOTICE, _copy(_OF_AN_ALERT, route_id=_A_ROUTE)
    ),
    Forbidden(
        "alerts_notice_is_due_or_at_its_end", NOTICE, _copy(_OF_AN_ALERT, next_attempt_at="null")
    ),
    Forbidden("alerts_notice_is_due_or_at_its_end", NOTICE, _copy(_OF_AN_ALERT, state="'sent'")),
    Forbidden(
        "alerts_notice_is_due_or_at_its_end",
        NOTICE,
        _copy(_OF_AN_ALERT, state="'failed'", next_attempt_at="null"),
    ),
    Forbidden("alerts_notice_in_hand_was_tried", NOTICE, _copy(_OF_AN_ALERT, leased_until="now()")),
    Forbidden(
        "alerts_notice_given_up_later",
        NOTICE,
        _copy(_OF_AN_ALERT, give_up_at="created_at - interval '1 second'"),
    ),
    Forbidden(
        "alerts_noticeroute_has_what_its_channel_takes",
        ROUTE,
        copy_row(ROUTE, id=NEW, url_encrypted="''"),
    ),
    Forbidden(
        "alerts_noticeroute_has_what_its_channel_takes",
        ROUTE,
        copy_row(ROUTE, id=NEW, channel="'webhook'"),
    ),
    Forbidden(
        "alerts_noticeroute_severity_known", ROUTE, copy_row(ROUTE, id=NEW, minimum_severity="'x'")
    ),
]

# A route, and two notices to change.
NOTICE_PREPARATION: Final = """
    INSERT INTO alerts_alert (id, kind, severity, subject, message, data, dedupe_key, state, count)
        VALUES (gen_random_uuid(), 'k', 'info', 's', '', '{}', 'notices', 'open', 1);
    INSERT INTO alerts_noticeroute (id, name, channel, url_encrypted, minimum_severity)
        VALUES (gen_random_uuid(), 'r', 'slack', 'v1:x', 'info');
    INSERT INTO alerts_notice (alert_id, reference, event, channel, target, severity, subject,
        next_attempt_at, give_up_at)
        SELECT id, '', 'opened', 'slack', 'settings', 'info', 's', now(), now() + interval '1 day'
        FROM alerts_alert WHERE dedupe_key = 'notices';
    INSERT INTO alerts_notice (reference, event, channel, target, severity, subject,
        next_attempt_at, give_up_at)
        VALUES ('incident:1', 'step', 'slack', 'settings', 'info', 's', now(),
            now() + interval '1 day');
"""
