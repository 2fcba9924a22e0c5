"""The list of messages: Twilio's filters and pages."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import urlencode

from sms.emulator.messages import API_VERSION, Message, message_resource
from sms.emulator.refusals import RefusalError

DEFAULT_PAGE_SIZE: Final = 50
PAGE_SIZE_CAP: Final = 1000


def list_messages(
    messages: Sequence[Message], *, query: Mapping[str, str], account_sid: str
) -> dict[str, object]:
    """Return the page that ``query`` asks for.

    :param messages: all there are, newest first.
    :raises RefusalError: a date or a page size cannot be read.
    """
    page, size = _number(query, "Page", 0), _number(query, "PageSize", DEFAULT_PAGE_SIZE)
    size = max(1, min(size, PAGE_SIZE_CAP))
    found = list(_filter(messages, query))
    # A page begins after the last text of the one before, not at a count: texts that arrive in
    # between push nothing over the edge.
    last_sid = query.get("PageToken", "").removeprefix("PA")
    start = next((n for n, message in enumerate(found, 1) if message.sid == last_sid), 0)
    shown = found[start : start + size]
    path = f"/{API_VERSION}/Accounts/{account_sid}/Messages.json"
    filters = {
        name: value
        for name, value in query.items()
        if name not in ("Page", "PageSize", "PageToken")
    }

    def uri_of(number: int, token: str = "") -> str:
        turned = {**filters, "PageSize": size, "Page": number}
        return f"{path}?{urlencode(turned | ({'PageToken': token} if token else {}))}"

    has_more = start + size < len(found)
    return {
        "first_page_uri": uri_of(0),
        "next_page_uri": uri_of(page + 1, f"PA{shown[-1].sid}") if has_more else None,
        "previous_page_uri": None,
        "page": page,
        "page_size": size,
        "start": start,
        "end": start + len(shown) - 1 if shown else start,
        "uri": uri_of(page),
        "messages": [message_resource(message, account_sid=account_sid) for message in shown],
    }


def _filter(messages: Sequence[Message], query: Mapping[str, str]) -> Iterator[Message]:
    to, sender = query.get("To", ""), query.get("From", "")
    on = _moment(query, "DateSent")
    # The operator is part of the name: "DateSent>=2026-01-31" is DateSent> with a value.
    not_before, not_after = _moment(query, "DateSent>"), _moment(query, "DateSent<")
    for message in messages:
        # A text that is still waiting counts by the moment it was accepted.
        sent_at = (message.sent_at or message.created_at).replace(microsecond=0)
        if (
            (not to or message.to == to)
            and (not sender or message.from_ == sender)
            and (on is None or sent_at.date() == on.date())
            and (not_before is None or sent_at >= not_before)
            and (not_after is None or sent_at <= not_after)
        ):
            yield message


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusalError(20001, f"{name}={text}") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if text and not text.isdecimal():
        raise RefusalError(20001, f"{name}={text}")
    return int(text) if text else default
