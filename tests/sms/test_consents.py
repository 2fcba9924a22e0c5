"""What is kept of every opt-in, and what no service may do to one."""

import psycopg
import pytest

from alerts.errors import ServiceError
from alerts.transactions import transaction
from sms.models import ConsentEvent, OptIn
from sms.services.consents import OptedOutError, Proof, grant_consent, revoke_consent
from tests.guards.raw import as_application
from tests.races import run_at_once
from tests.sms.texting_fixture import PHONE, Texting


def grant(texting: Texting, *, actor: str = "recipient") -> None:
    with transaction():
        grant_consent(
            client_ids=[texting.client.pk],
            phone=PHONE,
            proof=Proof(way="by phone", actor=actor, text_shown="May we?", reason="asked on call"),
            now=texting.now,
        )


def revoke(texting: Texting) -> None:
    with transaction():
        revoke_consent(
            client_ids=[texting.client.pk],
            phone=PHONE,
            proof=Proof(way="text: STOP"),
            now=texting.now,
        )


class TestGrantConsent:
    def test_keeps_what_was_shown_and_how_and_by_whom(self, texting: Texting) -> None:
        grant(texting, actor="user:7")
        opt_in = OptIn.objects.get()
        assert (opt_in.state, opt_in.phone, opt_in.text_shown) == ("granted", PHONE, "May we?")
        assert (opt_in.way, opt_in.actor, opt_in.reason) == (
            "by phone",
            "user:7",
            "asked on call",
        )
        assert opt_in.changed_at == texting.now

    def test_by_anybody_else_is_refused_after_a_stop(self, texting: Texting) -> None:
        revoke(texting)
        with pytest.raises(OptedOutError) as refusal:
            grant(texting, actor="user:7")
        assert refusal.value.code.code == "GC-115"
        assert OptIn.objects.get().state == "revoked"
        assert ConsentEvent.objects.count() == 1

    def test_by_the_person_ends_a_stop(self, texting: Texting) -> None:
        revoke(texting)
        grant(texting)
        assert OptIn.objects.get().state == "granted"

    def test_never_outlasts_a_stop_of_the_same_moment(self, texting: Texting) -> None:
        turns = iter(range(1000))

        def either() -> None:
            if next(turns) % 2:
                revoke(texting)
            else:
                grant(texting, actor="user:7")

        for _ in range(5):
            results = run_at_once(6, either)
            refusals = [one for one in results if isinstance(one, Exception)]
            assert all(isinstance(one, ServiceError) for one in refusals), results
            assert OptIn.objects.get().state == "revoked"


class TestConsentEvent:
    def test_is_written_with_every_change(self, texting: Texting) -> None:
        grant(texting, actor="user:7")
        revoke(texting)
        grant(texting)
        steps = ConsentEvent.objects.order_by("pk").values_list("state", "way", "actor", "client")
        assert list(steps) == [
            ("granted", "by phone", "user:7", texting.client.pk),
            ("revoked", "text: STOP", "recipient", texting.client.pk),
            ("granted", "by phone", "recipient", texting.client.pk),
        ]
        assert set(ConsentEvent.objects.values_list("at", "phone")) == {(texting.now, PHONE)}

    def test_is_written_whoever_changes_it(self, texting: Texting) -> None:
        grant(texting)
        with as_application() as database:
            database.execute("UPDATE sms_optin SET state = 'revoked', actor = 'x'")
            (count,) = database.execute(
                "SELECT count(*) FROM sms_consentevent WHERE actor = 'x'"
            ).fetchone() or (0,)
        assert count == 1

    @pytest.mark.two_roles
    def test_is_the_databases_alone_to_write(self, texting: Texting) -> None:
        with as_application() as database, pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute(
                "INSERT INTO sms_consentevent (client_id, phone, state, at)"
                " SELECT id, '+1', 'granted', now() FROM credit_client"
            )
