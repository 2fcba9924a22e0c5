"""Who may report an event, and what a body must be: whatever comes is answered in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from credit.models import Agency, Client
from redemption.models import EventSource, InboundEvent, Redemption
from redemption.services.event_refusals import refused_lately
from redemption.services.event_sources import rotate_secret
from tests.redemption.reporting import Crm, connect_crm, only_event, sign
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

OFF: Final[dict[str, Any]] = {"off": EventSource, "client off": Client, "agency off": Agency}
LATE: Final = {"old": -301, "early": 302}
HEADERS: Final = {
    "of another body": {"webhook-signature": sign("whsec_AAAA", "evt-1", 0, b"{}")},
    "other id": {"webhook-id": "evt-2"},
    "no signature": {"webhook-signature": ""},
    "no id": {"webhook-id": ""},
    "no time": {"webhook-timestamp": ""},
    "time in words": {"webhook-timestamp": "now"},
    "other version": {"webhook-signature": "v2,AAAA"},
    "not ascii": {"webhook-signature": "v1,\xe9"},
}
WRONG: Final = [
    *HEADERS, *LATE, *OFF, "other secret", "long id", "unknown source", "name of no source",
]  # fmt: skip


def without_id(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name != "request_id"}


@pytest.fixture
def crm() -> Crm:
    return connect_crm(build_world())


class TestSignature:
    def test_of_the_secret_before_is_good_until_it_ends(self, crm: Crm) -> None:
        now = datetime.now(UTC)
        fresh = rotate_secret(
            source_id=crm.source.pk, overlap=timedelta(hours=1), actor="user:1", now=now
        )
        assert crm.report(event_id="evt-1").status_code == 200
        assert only_event().signature == "previous"
        new = Crm(world=crm.world, source=crm.source, secret=fresh)
        assert new.report().json()["outcome"] == "already_redeemed"
        EventSource.objects.update(previous_secret_until=now)
        assert crm.report().status_code == 401
        assert new.report().status_code == 200

    def test_may_be_one_of_several(self, crm: Crm) -> None:
        body, at = b'{"event_type":"x","contact_id":"y","campaign_id":"%s"}', None
        raw = body % str(crm.world.campaign.pk).encode()
        at = int(datetime.now(UTC).timestamp())
        good = sign(crm.secret, "evt-1", at, raw)
        several = f"v1,AAAA v1a,BBBB {good}"
        answer = crm.report(raw, event_id="evt-1", at=at, headers={"webhook-signature": several})
        assert answer.status_code == 202

    @pytest.mark.parametrize("seconds", [-299, 299])
    def test_may_be_five_minutes_off(self, crm: Crm, seconds: int) -> None:
        at = int(datetime.now(UTC).timestamp()) + seconds
        assert crm.report(at=at).status_code == 200

    @pytest.mark.parametrize("wrong", WRONG)
    def test_that_is_not_right_leaves_nothing_but_a_count(self, crm: Crm, wrong: str) -> None:
        now = datetime.now(UTC)
        name, counted = crm.source.name, crm.source.name
        if wrong == "unknown source":
            name, counted = "nobody", ""
        elif wrong == "name of no source":
            name, counted = "%00", ""
        elif wrong == "other secret":
            crm.secret = "whsec_" + "A" * 44
        elif wrong in OFF:
            OFF[wrong].objects.update(is_active=False)
        before = refused_lately(name=counted, now=now) or 0
        at = int(now.timestamp()) + LATE.get(wrong, 0)
        headers = HEADERS.get(wrong, {})
        event_id = "e" * 256 if wrong == "long id" else "evt-1"
        answer = crm.report(event_id=event_id, at=at, headers=headers, name=name)
        assert answer.status_code == 401
        assert refused_lately(name=counted, now=now) == before + 1
        assert InboundEvent.objects.count() == Redemption.objects.count() == 0
        # The same words whatever was wrong.
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "GC-109"
        assert without_id(answer.json()) == without_id(crm.report(name="nobody-else").json())


class TestBody:
    @pytest.mark.parametrize(
        ("raw", "field"),
        [
            (b"{not json", "body"),
            (b"[]", "body"),
            (b'"text"', "body"),
            (b"\xff\xfe{}", "body"),
            (b'{"a": NaN}', "body"),
            (b'{"a":1,"a":2}', "body"),
            (b"[" * 5000, "body"),
            (b'{"a":' * 40 + b"1" + b"}" * 40, "body"),
            (b"", "event_type"),
            (b"{}", "contact_id"),
        ],
    )
    def test_that_is_malformed_is_told(self, crm: Crm, raw: bytes, field: str) -> None:
        answer = crm.report(raw)
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "GC-012"
        assert field in answer.json()["errors"]
        assert InboundEvent.objects.count() == 0

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"contact_id": 4711}, "contact_id"),
            ({"contact_id": ""}, "contact_id"),
            ({"contact_id": "x" * 121}, "contact_id"),
            ({"contact_id": "a\x00b"}, "contact_id"),
            ({"campaign_id": "spring"}, "campaign_id"),
            ({"occurred_at": "yesterday"}, "occurred_at"),
            ({"contact": "4711"}, "contact"),
        ],
    )
    def test_in_our_shape_is_checked_by_field(
        self, crm: Crm, changes: dict[str, object], field: str
    ) -> None:
        answer = crm.report(crm.body(**changes))
        assert (answer.status_code, answer.json()["code"]) == (400, "GC-012")
        assert list(answer.json()["errors"]) == [field]
        assert InboundEvent.objects.count() == 0

    def test_may_hold_anything_in_data(self, crm: Crm) -> None:
        data = {"odd": "\ud800 \x00 é", "deep": [[1.5, None, True]]}
        assert crm.report(data=data, contact_id="nobody").status_code == 202

    def test_that_is_huge_is_refused(self, crm: Crm) -> None:
        answer = crm.report(b" " * (10 * 1024 * 1024 + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "GC-116")

    def test_of_another_kind_is_refused(self, crm: Crm) -> None:
        at = int(datetime.now(UTC).timestamp())
        answer = crm.report(b"a=1", at=at, headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()["code"]) == (415, "GC-117")
