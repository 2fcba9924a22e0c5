"""Twilio's REST API: the Messages resource of one account."""

import dataclasses
import re
from collections import Counter
from threading import Lock
from typing import Final

from alerts.emulator.exchange import Answer, Request
from sms.emulator.acceptance import accept_text
from sms.emulator.account import Account
from sms.emulator.actions import Course
from sms.emulator.delivery import Delivery
from sms.emulator.faults import FaultScript
from sms.emulator.listing import list_messages
from sms.emulator.messages import API_VERSION, Message, message_resource
from sms.emulator.numbers import failure_of_recipient
from sms.emulator.plans import DeliveryPlan
from sms.emulator.refusals import RefusalError, error_body
from sms.emulator.store import MessageStore

API_PATH: Final = re.compile(
    rf"/{API_VERSION}/Accounts/(?P<account>\w+)/Messages(?:/(?P<sid>\w+))?\.json"
)
KINDS: Final = {
    ("POST", False): "create",
    ("GET", False): "list",
    ("GET", True): "fetch",
    ("POST", True): "update",
}
GATEWAY_PAGE: Final = (
    "<html><body><h1>{status}</h1><p>The upstream server failed.</p></body></html>"
)


class MessagesApi:
    """Answers requests to ``/2010-04-01/Accounts/<sid>/Messages``."""

    def __init__(
        self, *, account: Account, store: MessageStore, faults: FaultScript, delivery: Delivery
    ) -> None:
        self._account = account
        self._store = store
        self._faults = faults
        self._delivery = delivery
        self._lock = Lock()
        self.requests: Counter[str] = Counter()

    def respond(self, request: Request) -> Answer:
        """Return the answer, with the faults that the script has for this request."""
        try:
            return self._respond(request)
        except RefusalError as refusal:
            return _refuse(refusal)

    def _respond(self, request: Request) -> Answer:
        route = API_PATH.fullmatch(request.path)
        if not self._account.recognises(request.headers.get("authorization", "")):
            raise RefusalError(20003)
        if route is None or route["account"] != self._account.sid:
            raise RefusalError(20404, request.path)
        sid = route["sid"]
        kind = KINDS.get((request.method, sid is not None))
        if kind is None:
            raise RefusalError(20004)
        with self._lock:
            self.requests[kind] += 1
        to = self._recipient(kind, request, sid)
        course = self._faults.course(request=kind, to=to, course=_usual_course(to))
        answer = Answer()
        if course.is_accepted:
            if kind == "create":
                answer = self._create(request, course)
            elif kind == "list":
                answer = self._list(request)
            elif kind == "fetch":
                answer = self._show(self._find(sid, request))
            else:
                answer = self._show(self._update(self._find(sid, request), request))
        return _disturb(answer, course, to)

    def _recipient(self, kind: str, request: Request, sid: str | None) -> str:
        """Return the phone number that fault rules are matched with."""
        if kind == "create":
            return request.form.get("To", "")
        if kind == "list":
            return request.query.get("To", "")
        message = self._store.find(sid or "")
        return message.to if message else ""

    def _create(self, request: Request, course: Course) -> Answer:
        message = accept_text(
            request.form, account=self._account, store=self._store, plan=course.plan
        )
        self._store.add(message)
        answer = self._show(message, status=201)
        if course.plan.is_early:
            self._delivery.deliver_at_once(message)
        elif course.is_disturbed:
            self._delivery.begin(message)
        else:
            # Only after the answer is written: whoever wants callbacks that overtake it has a
            # fault for that.
            return dataclasses.replace(answer, afterwards=self._delivery.promise(message))
        return answer

    def _list(self, request: Request) -> Answer:
        messages = self._store.newest_first()
        page = list_messages(messages, query=request.query, account_sid=self._account.sid)
        return Answer(payload=page)

    def _find(self, sid: str, request: Request) -> Message:
        message = self._store.find(sid)
        if message is None:
            raise RefusalError(20404, request.path)
        return message

    def _update(self, message: Message, request: Request) -> Message:
        changed: Message | None = message
        if "Status" in request.form:
            if request.form["Status"] != "canceled":
                raise RefusalError(20001, f"Status={request.form['Status']}")
            changed = self._delivery.cancel(message.sid)
            if changed is None:
                raise RefusalError(30409)
        if "Body" in request.form:
            if request.form["Body"]:
                raise RefusalError(20001, "Body must be empty")
            if not (changed and changed.is_final):
                raise RefusalError(20009)
            changed = self._store.change(message.sid, is_redacted=True)
        return changed or message

    def _show(self, message: Message, *, status: int = 200) -> Answer:
        resource = message_resource(message, account_sid=self._account.sid)
        return Answer(status=status, payload=resource)


def _usual_course(to: str) -> Course:
    """Return how a request goes without a script: only the recipient's number decides."""
    code = failure_of_recipient(to)
    if code is None:
        return Course()
    return Course(plan=DeliveryPlan(outcome="undelivered", error_code=code))


def _disturb(answer: Answer, course: Course, to: str) -> Answer:
    if course.error_status is not None:
        code, status = course.error_code, course.error_status
        if code is None:
            answer = Answer(status=status, html=GATEWAY_PAGE.format(status=status))
        else:
            message = course.error_message or RefusalError(code, to).sentence
            body = error_body(code=code, message=message, status=status)
            answer = Answer(status=status, payload=body)
        if course.retry_after_seconds is not None:
            headers = {"Retry-After": str(course.retry_after_seconds)}
            answer = dataclasses.replace(answer, headers=headers)
    return dataclasses.replace(
        answer, hold_seconds=course.hold_seconds, is_dropped=course.is_dropped
    )


def _refuse(refusal: RefusalError) -> Answer:
    body = error_body(code=refusal.code, message=refusal.sentence, status=refusal.status)
    return Answer(status=refusal.status, payload=body)
