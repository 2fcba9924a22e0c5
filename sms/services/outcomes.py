"""Writing down what became of messages: the only place that moves them on after a claim."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError

from alerts.tracing import tracing
from alerts.transactions import durable, transaction, transaction_required
from sms.models import StatusEvent
from sms.policies import UNREACHABLE
from sms.services.channels import report_destination, report_filtering, stop_channel
from sms.services.consents import SYSTEM, Proof, revoke_consent
from sms.services.parties import MessageEvent, Outcome, tell_parties
from sms.services.phone_health import note_phones
from sms.services.records import (
    copy_standing,
    lock_standings,
    provider_ids_of_others,
    save_standings,
)
from sms.services.standing import Answer, Consequences, Finding, Rules, Standing
from sms.services.verdicts import judge

log = structlog.get_logger()

Moved = tuple[Standing, Answer, Consequences]
# As operators look for them in the log.
_CALLED: Final = {"sms": "[TWILIO] SMS", "email": "[EMAIL] E-mail"}


@durable
def record_answers(*, answers: Sequence[Answer], rules: Rules, now: datetime) -> None:
    """Record what was learned of a batch of messages, and draw the conclusions.

    All in one transaction: states, log, the parties' own records. What touches the whole
    channel follows after the commit; it is found again by the next message if that is lost.
    """
    if not answers:
        return
    try:
        moved = _record_together(answers, rules, now)
    except DatabaseError as error:
        log.warning("a batch is recorded one by one", error=type(error).__name__)
        moved = _record_singly(answers, rules, now)
    follow_up(moved=moved, rules=rules, now=now)


def _record_singly(answers: Sequence[Answer], rules: Rules, now: datetime) -> list[Moved]:
    """Record what can be recorded: one row the database refuses must not cost the others'.

    :raises DatabaseError: something could not be recorded; it is looked up when its lease ends.
    """
    moved: list[Moved] = []
    failure: DatabaseError | None = None
    for answer in answers:
        try:
            moved += _record_together([answer], rules, now)
        except DatabaseError as error:
            log.exception("not recorded", message_id=str(answer.message_id))
            failure = error
    if failure is not None:
        follow_up(moved=moved, rules=rules, now=now)
        raise failure
    return moved


def _record_together(answers: Sequence[Answer], rules: Rules, now: datetime) -> list[Moved]:
    with transaction():
        standings = lock_standings({answer.message_id for answer in answers})
        return apply_answers(standings=standings, answers=answers, rules=rules, now=now)


@transaction_required
def apply_answers(
    *, standings: Mapping[UUID, Standing], answers: Sequence[Answer], rules: Rules, now: datetime
) -> list[Moved]:
    """Judge answers about locked messages, write the result and tell whom it concerns."""
    answers = _without_foreign_ids([one for one in answers if one.message_id in standings])
    before = [copy_standing(standing) for standing in standings.values()]
    moved = [
        (standings[answer.message_id], answer, judge(standings[answer.message_id], answer, rules))
        for answer in answers
    ]
    save_standings(before=before, after=list(standings.values()))
    _note_reports(answers)
    for standing, _, consequences in moved:
        # Somebody who was erased meanwhile has no number any more.
        if consequences.is_opt_out and standing.to:
            proof = Proof(way="refused by the provider", actor=SYSTEM)
            revoke_consent(client_ids=[standing.client_id], phone=standing.to, proof=proof, now=now)
    note_phones(moved=[(standing, said) for standing, _, said in moved], now=now)
    tell_parties(events=list(_events(moved)), now=now)
    return moved


@durable
def follow_up(*, moved: Sequence[Moved], rules: Rules, now: datetime) -> None:
    """Do what comes after the commit: log lines, and what concerns the channel as a whole."""
    for standing, answer, consequences in moved:
        # Also what the provider calls in: its own request is nobody's that asks.
        with tracing(standing.request_id):
            _log(standing, answer, consequences)
    broken = {
        (standing.channel, consequences.set_up_error)
        for standing, _, consequences in moved
        if consequences.set_up_error
    }
    for channel, error_code in sorted(broken):
        if error_code == UNREACHABLE or rules.policy(error_code).stops_channel:
            stop_channel(channel=channel, error_code=error_code, detail="", now=now)
        else:
            report_destination(channel=channel, error_code=error_code, now=now)
    if any(consequences.is_filtered for _, _, consequences in moved):
        report_filtering(rules=rules, now=now)


def _without_foreign_ids(answers: Sequence[Answer]) -> list[Answer]:
    """Keep a provider's id to the message that had it first.

    Two messages looked up at the same time may find the same text; and a provider that names
    two texts alike must not keep us from recording that it took them.
    """
    foreign = provider_ids_of_others(
        (answer.message_id, answer.text.provider_id) for answer in answers if answer.text
    )
    return [
        _disown(answer)
        if answer.text and (answer.message_id, answer.text.provider_id) in foreign
        else answer
        for answer in answers
    ]


def _disown(answer: Answer) -> Answer:
    if answer.finding is Finding.FOUND or answer.text is None:
        return dataclasses.replace(answer, finding=Finding.NOT_KNOWN, text=None)
    log.error("the provider gave two texts one id", message_id=str(answer.message_id))
    return dataclasses.replace(answer, text=dataclasses.replace(answer.text, provider_id=""))


def _note_reports(answers: Sequence[Answer]) -> None:
    """Keep what we asked for beside what was called in (which is kept before it is judged)."""
    StatusEvent.objects.bulk_create(
        [
            StatusEvent(
                message_id=answer.message_id,
                provider_id=answer.text.provider_id,
                status=answer.text.status,
                error_code=answer.text.error_code,
                received_at=answer.at,
            )
            for answer in answers
            if answer.finding is Finding.REPORTED and answer.number and answer.text
        ],
        ignore_conflicts=True,
    )


def _events(moved: Sequence[Moved]) -> Iterator[MessageEvent]:
    for standing, _, consequences in moved:
        for outcome in consequences.outcomes:
            yield MessageEvent(
                message_id=standing.id,
                client_id=standing.client_id,
                purpose=standing.purpose,
                channel=standing.channel,
                reference_kind=standing.reference_kind,
                reference_id=standing.reference_id,
                outcome=outcome,
                state=standing.state,
                error_code=standing.error_code,
                is_bad_address=consequences.is_bad_address,
            )


def _log(standing: Standing, answer: Answer, consequences: Consequences) -> None:
    """Say what happened, without the number and without a word of the text."""
    facts = {"message_id": str(standing.id), "state": standing.state}
    what = _CALLED.get(standing.channel, standing.channel)
    id_name = "SID" if standing.channel == "sms" else "id"
    if Outcome.ACCEPTED in consequences.outcomes:
        log.info(f"{what} sent successfully, {id_name} {standing.provider_id}", **facts)
    elif answer.finding in (Finding.REFUSED, Finding.UNREACHABLE, Finding.NO_ANSWER):
        log.warning(
            f"{what} not sent: {answer.finding.value}",
            code=answer.error_code or standing.error_code,
            detail=answer.error_message,
            **facts,
        )
    if Outcome.GIVEN_UP in consequences.outcomes:
        log.error(f"{what} given up", code=standing.error_code, **facts)
