"""Who has said STOP is not texted, also once nothing else is known of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.transactions import transaction
from sms.models import ConsentEvent, KeptOptOut, Message, OptIn
from sms.services.consents import (
    OptedOutError,
    Proof,
    grant_consent,
    revoke_consent,
    start_texts,
)
from sms.services.forgetting import forget_number, ids_at_provider, redact_at_provider
from sms.services.kept_opt_outs import kept_opt_outs
from sms.services.requests import Request, note_request
from tests.sms.texting_fixture import PHONE, Texting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stopped(texting: Texting) -> Texting:
    """Somebody has said STOP, and was forgotten."""
    with transaction():
        revoke_consent(
            client_ids=[texting.client.pk],
            phone=PHONE,
            proof=Proof(way="text: STOP"),
            now=texting.now - timedelta(days=2),
        )
    with transaction():
        forget_number(client_id=texting.client.pk, phone=PHONE, now=texting.now)
    return texting


class TestForgetNumber:
    def test_keeps_an_opt_out_by_its_digest_alone(self, stopped: Texting) -> None:
        assert not OptIn.objects.exists()
        assert kept_opt_outs(phone=PHONE) == {stopped.client.pk}
        assert kept_opt_outs(phone="+12065550102") == set()
        assert list(ConsentEvent.objects.values_list("phone", "state", "way")) == [
            ("", "revoked", "text: STOP")
        ]

    def test_forgets_a_consent(self, texting: Texting) -> None:
        with transaction():
            grant_consent(
                client_ids=[texting.client.pk], phone=PHONE, proof=Proof(way="x"), now=texting.now
            )
        with transaction():
            forget_number(client_id=texting.client.pk, phone=PHONE, now=texting.now)
        assert not OptIn.objects.exists()
        assert not KeptOptOut.objects.exists()

    def test_keeps_it_when_done_again(self, stopped: Texting) -> None:
        with transaction():
            forget_number(client_id=stopped.client.pk, phone=PHONE, now=stopped.now)
        assert kept_opt_outs(phone=PHONE) == {stopped.client.pk}


class TestSending:
    def test_does_not_text_them(self, stopped: Texting) -> None:
        message = stopped.queue("Hello again")
        stopped.send()
        message.refresh_from_db()
        assert message.state == Message.State.SUPPRESSED
        assert stopped.bodies() == []
        # From here on it is as if it had never gone.
        assert OptIn.objects.get().state == "revoked"
        assert not KeptOptOut.objects.exists()
        stopped.queue("And again")
        stopped.send(after=1)
        assert stopped.bodies() == []

    def test_control_texts_who_has_said_nothing(self, stopped: Texting) -> None:
        KeptOptOut.objects.all().delete()
        stopped.queue("Hello again")
        stopped.send()
        assert stopped.bodies() == ["Hello again"]


class TestConsent:
    def test_is_not_asked_for(self, stopped: Texting) -> None:
        with transaction():
            asked = note_request(
                client_id=stopped.client.pk, phone=PHONE, actor="user:1", now=stopped.now
            )
        assert asked is Request.OPTED_OUT

    def test_is_given_by_nobody_else(self, stopped: Texting) -> None:
        with pytest.raises(OptedOutError), transaction():
            grant_consent(
                client_ids=[stopped.client.pk],
                phone=PHONE,
                proof=Proof(way="on the phone", actor="user:1"),
                now=stopped.now,
            )
        assert not OptIn.objects.filter(state="granted").exists()

    def test_comes_back_with_the_persons_own_start(self, stopped: Texting) -> None:
        with transaction():
            clients = start_texts(phone=PHONE, conversations=[], now=stopped.now)
        assert clients == {stopped.client.pk}
        assert OptIn.objects.get().state == "granted"
        assert not KeptOptOut.objects.exists()
        stopped.queue("Welcome back")
        stopped.send()
        assert stopped.bodies() == ["Welcome back"]


class TestRedactAtProvider:
    def test_asks_again_for_what_the_provider_has_not_emptied(self, texting: Texting) -> None:
        message = texting.queue("Hello Ana")
        texting.send()
        (provider_id,) = ids_at_provider(messages=[message.pk], texts=[])
        # What the provider does not know is nothing to go on about.
        unknown = "SM" + "0" * 32
        left = redact_at_provider([provider_id, unknown])
        (kept,) = texting.emulator.messages()
        assert left == ([] if kept.is_redacted else [provider_id])
