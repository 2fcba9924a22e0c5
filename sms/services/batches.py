"""The provider calls for one batch of claims, several at once."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

import structlog

from alerts.tracing import tracing
from sms.policies import UNEXPECTED
from sms.providers import Provider, ProviderText
from sms.services.calls import answer, ask_status, list_texts, match_texts, send_text
from sms.services.claims import Claim, Task
from sms.services.parties import Draft, RenderedText, Rendering, Unsendable, render_drafts
from sms.services.records import ids_of_attempts, owners_of_provider_ids
from sms.services.standing import Answer, Finding, Rules

log = structlog.get_logger()

# What a call brings: an answer, or the texts that a look-up listed.
Result = Answer | list[ProviderText]


class Batch:
    """Claims on their way to the provider.

    :param latest_start: no call begins after it; what is left then is put back.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        claims: Sequence[Claim],
        rules: Rules,
        clock: Callable[[], datetime],
        latest_start: datetime,
    ) -> None:
        self._provider = provider
        self._claims = claims
        self._rules = rules
        self._clock = clock
        self._latest_start = latest_start
        self._halted = threading.Event()
        self._renderings: Mapping[UUID, Rendering] = {}

    def work(self, threads: ThreadPoolExecutor) -> list[Answer]:
        """Make the calls that the claims need; return what was learned, an answer for each."""
        # Written here and not in the threads, which have no connection to the database.
        self._renderings = render_drafts(
            drafts=[_draft(claim) for claim in self._claims if _needs_words(claim)],
            now=self._clock(),
        )
        calls = [(claim, threads.submit(self._call, claim)) for claim in self._claims]
        answers = []
        listed: dict[UUID, list[ProviderText]] = {}
        for claim, call in calls:
            result = self._result(claim, call)
            if isinstance(result, Answer):
                answers.append(result)
            else:
                listed[claim.message_id] = result
        return [*answers, *self._match(listed)] if listed else answers

    def _call(self, claim: Claim) -> Result:
        # In a thread of its own, which knows nothing of what the run has bound.
        with tracing(claim.request_id):
            return self._ask(claim)

    def _ask(self, claim: Claim) -> Result:
        if claim.task is Task.SEND:
            return self._send(claim)
        if self._is_over():
            return answer(claim, Finding.NOT_KNOWN, self._clock())
        if claim.task is Task.LOOK_UP:
            return list_texts(self._provider, claim, self._clock)
        return ask_status(self._provider, claim, self._clock)

    def _send(self, claim: Claim) -> Answer:
        if claim.is_opted_out:
            return answer(claim, Finding.OPTED_OUT, self._clock())
        rendering = self._renderings[claim.message_id]
        if isinstance(rendering, Unsendable):
            finding = Finding.UNWRITABLE if rendering.is_failure else Finding.UNWANTED
            return answer(claim, finding, self._clock(), error_message=rendering.reason)
        if self._is_over():
            return answer(claim, Finding.NOT_STARTED, self._clock())
        said = send_text(self._provider, claim, rendering, self._clock)
        # Our own set-up is broken: the others would only hear the same.
        if self._rules.policy(said.error_code).stops_channel:
            self._halted.set()
        return said

    def _is_over(self) -> bool:
        return self._halted.is_set() or self._clock() > self._latest_start

    def _result(self, claim: Claim, call: "Future[Result]") -> Result:
        error = call.exception()
        if error is None:
            return call.result()
        # A defect of ours must not keep the others' answers from being recorded. How far it
        # came is not known.
        with tracing(claim.request_id):
            log.error("a call failed", message_id=str(claim.message_id), exc_info=error)
        finding = Finding.NO_ANSWER if claim.task is Task.SEND else Finding.NOT_KNOWN
        return answer(
            claim,
            finding,
            self._clock(),
            error_code=UNEXPECTED,
            error_message=type(error).__name__,
        )

    def _match(self, listed: Mapping[UUID, list[ProviderText]]) -> list[Answer]:
        bodies = {
            message_id: rendering.body
            for message_id, rendering in self._renderings.items()
            if isinstance(rendering, RenderedText)
        }
        owners = owners_of_provider_ids(
            text.provider_id for texts in listed.values() for text in texts
        )
        found = match_texts(listed=self._without_earlier(listed), bodies=bodies, owners=owners)
        at = self._clock()
        return [
            answer(
                claim,
                Finding.FOUND,
                at,
                text=found[claim.message_id],
                rendered=self._words_of(claim),
            )
            if claim.message_id in found
            else answer(claim, Finding.NOT_FOUND, at)
            for claim in self._claims
            if claim.message_id in listed
        ]

    def _without_earlier(
        self, listed: Mapping[UUID, list[ProviderText]]
    ) -> dict[UUID, list[ProviderText]]:
        """Leave out what earlier attempts brought: it says nothing of the one in doubt."""
        known = ids_of_attempts(listed)
        numbers = {claim.message_id: claim.number for claim in self._claims}
        return {
            key: [
                text
                for text in texts
                if known.get((key, text.provider_id), numbers[key]) == numbers[key]
            ]
            for key, texts in listed.items()
        }

    def _words_of(self, claim: Claim) -> RenderedText | None:
        rendering = self._renderings.get(claim.message_id)
        return rendering if isinstance(rendering, RenderedText) else None


def _needs_words(claim: Claim) -> bool:
    # Writing may show a card's code, which is not undone: never for somebody who gets no text.
    return claim.task is Task.LOOK_UP or (claim.task is Task.SEND and not claim.is_opted_out)


def _draft(claim: Claim) -> Draft:
    return Draft(
        message_id=claim.message_id,
        client_id=claim.client_id,
        purpose=claim.purpose,
        channel=claim.channel,
        locale=claim.locale,
        values=claim.values,
        reference_kind=claim.reference_kind,
        reference_id=claim.reference_id,
    )
