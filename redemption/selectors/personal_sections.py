"""Where something of a person stands, table by table, and what an erasure does there."""

from __future__ import annotations

from alerts.selectors.person_sections import Section
from credit.models import IdempotencyRecord
from redemption.models import (
    AttemptLog,
    ConditionMet,
    EventTry,
    PendingReward,
    ProvisioningTrace,
    Recipient,
    Redemption,
    Replacement,
    RevealLink,
)
from redemption.selectors.personal_data import (
    Person,
    at_their_address,
    bad_phones_of,
    calls_of,
    events_of,
    inbound_of,
    messages_of,
    records_of,
    tasks_of,
)
from sms.selectors.personal_sections import list_message_sections


def list_sections(person: Person) -> list[Section]:
    """Return where something of a person stands, table by table."""
    reward = {"redemption__in": person.redemption_ids}
    events = events_of(person)
    secret = frozenset({"code_digest", "code_encrypted"})
    codes = [bytes(one.code_digest) for one in person.recipients]
    return [
        Section(
            key="recipients",
            title="Who they are",
            rows=Recipient.objects.filter(pk__in=person.ids).order_by("pk"),
            fate="Emptied but for the country. The redemption code stays used: only its digest "
            "is left, which nobody can read, so that it is never given out again.",
            left_out=secret,
        ),
        Section(
            key="redemptions",
            title="Rewards",
            rows=Redemption.objects.filter(pk__in=person.redemption_ids).order_by("pk"),
            fate="Where it was sent, the address and the browser it was asked from are emptied. "
            "What was given, when and for how much stays: the ledger stands on it.",
            left_out=frozenset({"browser_digest"}),
        ),
        Section(
            key="waiting_rewards",
            title="Waiting for stock",
            rows=PendingReward.objects.filter(**reward).order_by("pk"),
            fate="Stays: it holds times only.",
        ),
        Section(
            key="links",
            title="Links to their cards",
            rows=RevealLink.objects.filter(**reward).order_by("created_at", "version"),
            fate="Dead from then on: the card can't be opened any more.",
            left_out=frozenset({"token_digest", "bound_to"}),
        ),
        Section(
            key="replacements",
            title="Exchanged cards",
            rows=Replacement.objects.filter(**reward).order_by("pk"),
            fate="Stays; a reason that names the person is emptied.",
        ),
        *list_message_sections(
            messages=messages_of(person),
            consent=at_their_address(person, "client", "phone"),
            inbound=inbound_of(person),
            bad_phones=bad_phones_of(person),
        ),
        Section(
            key="calls",
            title="Calls",
            rows=calls_of(person).order_by("started_at", "pk"),
            fate="The number and the notes are emptied; that somebody called stays.",
        ),
        Section(
            key="conditions_met",
            title="What agents vouched for",
            rows=ConditionMet.objects.filter(recipient__in=person.ids).order_by("at", "pk"),
            fate="Stays: points that were ticked, without a name.",
        ),
        Section(
            key="desk_tasks",
            title="Desk tasks",
            rows=tasks_of(person).order_by("created_at", "pk"),
            fate="Number and notes are emptied; what is open is closed.",
        ),
        Section(
            key="crm_events",
            title="Events from the CRM",
            rows=events.order_by("received_at", "pk"),
            fate="The contact's id and the body are emptied; that an event came stays, so that a "
            "repeat is known.",
            left_out=frozenset({"body_digest"}),
        ),
        Section(
            key="event_tries",
            title="What became of these events",
            rows=EventTry.objects.filter(event__in=events.values_list("pk", flat=True)).order_by(
                "pk"
            ),
            fate="Stays: it holds outcomes only.",
        ),
        Section(
            key="tries_at_codes",
            title="Tries at their codes",
            rows=AttemptLog.objects.filter(code_digest__in=codes).order_by("at", "pk"),
            fate="Gone, but for the last 25 hours, which the limits against guessing are counted "
            "from; those go by themselves (ATTEMPTS_KEPT).",
            left_out=frozenset({"code_digest"}),
        ),
        Section(
            key="traces",
            title="Steps of the provisioning",
            rows=ProvisioningTrace.objects.filter(redemption_id__in=person.redemption_ids).order_by(
                "pk"
            ),
            fate="Stays: steps and times, without a name.",
        ),
        Section(
            key="api_requests",
            title="Requests that may be repeated",
            rows=IdempotencyRecord.objects.filter(object_id__in=person.redemption_ids).order_by(
                "pk"
            ),
            fate="Goes by itself three days after it was answered.",
            left_out=frozenset({"fingerprint"}),
        ),
        Section(
            key="records",
            title="Who did what",
            rows=records_of(person).order_by("at", "pk"),
            fate="Stays; a reason that names the person is emptied.",
        ),
    ]
