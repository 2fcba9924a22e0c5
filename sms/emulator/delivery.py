"""Takes an accepted text through its statuses and tells our side of each."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sms.emulator.courier import Callback, Courier
from sms.emulator.messages import API_VERSION, Message
from sms.emulator.store import MessageStore
from sms.emulator.timetable import Timetable, Workload

# A step is taken only from the statuses before it: a cancelled text goes nowhere.
STATUSES_BEFORE: Final = {
    "queued": ("accepted", "queued"),
    "sent": ("queued",),
    "failed": ("queued",),
    "delivered": ("sent",),
    "undelivered": ("sent",),
    "canceled": ("accepted", "queued"),
}


class Delivery:
    """The life of outbound texts after they were accepted."""

    def __init__(
        self,
        *,
        store: MessageStore,
        timetable: Timetable,
        workload: Workload,
        courier: Courier,
        account_sid: str,
        service_number: str,
        step_delay_seconds: float,
    ) -> None:
        self._store = store
        self._timetable = timetable
        self._workload = workload
        self._courier = courier
        self._account_sid = account_sid
        self._service_number = service_number
        self._step_delay_seconds = step_delay_seconds

    def begin(self, message: Message) -> None:
        """Take all the steps of the text's plan, each after the usual delay."""
        self._schedule(message.sid, message.plan.steps)

    def promise(self, message: Message) -> Callable[[], None]:
        """Return what begins the delivery; the text counts as under way from now on."""
        self._workload.add()

        def keep() -> None:
            try:
                self.begin(message)
            finally:
                self._workload.finish()

        return keep

    def deliver_at_once(self, message: Message) -> None:
        """Take all the steps now, every callback answered before this returns."""
        for status in message.plan.steps:
            moved = self._move(message.sid, status)
            if moved is not None:
                for callback in self._callbacks(moved, (status,)):
                    self._courier.post_now(callback)

    def resume(self) -> None:
        """Go on with the texts that a restart interrupted."""
        for message in reversed(self._store.newest_first()):
            if message.is_final or message.direction == "inbound":
                continue
            # Whether the last callback went out before the end is not known: "queued" is told
            # again, and for "sent" our side has to ask.
            steps = message.plan.steps[2 if message.status == "sent" else 0 :]
            if steps:
                self._schedule(message.sid, steps)

    def cancel(self, sid: str) -> Message | None:
        """Cancel a text that is not sent yet; None when it is too late."""
        message = self._move(sid, "canceled")
        if message is not None:
            self._tell(message, ("canceled",))
        return message

    def _schedule(self, sid: str, steps: tuple[str, ...]) -> None:
        self._timetable.later(self._step_delay_seconds, partial(self._step, sid, steps))

    def _step(self, sid: str, steps: tuple[str, ...]) -> None:
        status, *rest = steps
        message = self._move(sid, status)
        if message is None:
            return
        if not message.plan.is_reversed:
            self._tell(message, (status,))
        elif not rest:
            self._tell(message, tuple(reversed(message.plan.steps)))
        if rest:
            self._schedule(sid, tuple(rest))

    def _move(self, sid: str, status: str) -> Message | None:
        message = self._store.find(sid)
        if message is None:
            return None
        now = datetime.now(UTC)
        changes: dict[str, Any] = {"status": status, "updated_at": now}
        if status == "queued" and message.from_ is None:
            # Only now does a messaging service choose the number it sends from.
            changes["from_"] = self._service_number
        if status == "sent":
            changes["sent_at"] = now
        if status in ("undelivered", "failed"):
            changes["error_code"] = message.plan.error_code
        return self._store.change(sid, only_from=STATUSES_BEFORE[status], **changes)

    def _tell(self, message: Message, statuses: tuple[str, ...]) -> None:
        for callback in self._callbacks(message, statuses):
            if message.plan.late_seconds:
                hand_over = partial(self._courier.hand_over, callback)
                self._timetable.later(message.plan.late_seconds, hand_over)
            else:
                self._courier.hand_over(callback)

    def _callbacks(self, message: Message, statuses: tuple[str, ...]) -> list[Callback]:
        if message.status_callback is None or message.plan.is_silent:
            return []
        return [
            Callback(
                sid=message.sid,
                url=message.status_callback,
                form=self._form(message, status),
            )
            for status in statuses
            for _ in range(message.plan.copies)
        ]

    def _form(self, message: Message, status: str) -> dict[str, str]:
        form = {
            "AccountSid": self._account_sid,
            "ApiVersion": API_VERSION,
            "From": message.from_ or "",
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.to,
        }
        if message.messaging_service_sid is not None:
            form["MessagingServiceSid"] = message.messaging_service_sid
        if message.error_code is not None and status in ("undelivered", "failed"):
            form["ErrorCode"] = str(message.error_code)
        return form
