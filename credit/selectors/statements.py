"""Statements: an account over a period, from its opening balance to its closing one."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from alerts.transactions import snapshot
from credit.models import Account, Entry
from credit.selectors.entries import entries_of_account
from credit.selectors.viewers import Viewer

_LINES_AT_ONCE: Final = 2000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One entry of a statement, with the account's balance from line to line.

    ``balance_after_minor`` is counted on from the opening balance, so that it is the account's
    also where the ledger keeps none or keeps it in slots.
    """

    id: UUID
    number: int
    transaction_id: UUID
    at: datetime
    kind: str
    reference: str
    note: str
    amount_minor: int
    balance_after_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An account from the first to the last day of a period, both included, in UTC.

    Opening balance and lines add up to the closing balance; it opens the next period.

    :param in_minor: the sum of the lines that are more than zero.
    :param out_minor: the sum of the lines that are less than zero, so not more than zero.
    """

    account_id: UUID
    account_name: str
    account_level: str
    currency: str
    start: date
    end: date
    opening_minor: int
    in_minor: int
    out_minor: int
    closing_minor: int
    line_count: int
    lines: Iterable[StatementLine]


def read_statement(*, viewer: Viewer, account_id: UUID, start: date, end: date) -> Statement:
    """Return a statement with all its lines, as of one moment.

    :raises Account.DoesNotExist: there is no such account in sight.
    """
    with open_statement(viewer=viewer, account_id=account_id, start=start, end=end) as statement:
        return dataclasses.replace(statement, lines=tuple(statement.lines))


@contextlib.contextmanager
def open_statement(
    *, viewer: Viewer, account_id: UUID, start: date, end: date
) -> Iterator[Statement]:
    """Give a statement whose lines are read while they are gone through, once, in the block.

    For files of any length. All of it is as of one moment; the transaction ends with the block,
    so nothing slow (a reader's connection) belongs into it.

    :raises Account.DoesNotExist: there is no such account in sight.
    """
    begins = datetime.combine(start, time.min, tzinfo=UTC)
    # The very last moment that a column can tell from the next day's first.
    ends = datetime.combine(end, time.max, tzinfo=UTC)
    with snapshot():
        account = Account.objects.get(viewer.account_filter(), pk=account_id)
        entries = entries_of_account(account_id)
        before = Q(transaction__created_at__lt=begins)
        within = Q(transaction__created_at__range=(begins, ends))
        sums = entries.aggregate(
            opening=Sum("amount_minor", filter=before, default=0),
            paid_in=Sum("amount_minor", filter=within & Q(amount_minor__gt=0), default=0),
            paid_out=Sum("amount_minor", filter=within & Q(amount_minor__lt=0), default=0),
            line_count=Count("number", filter=within),
        )
        yield Statement(
            account_id=account.pk,
            account_name=account.name,
            account_level=account.level,
            currency=account.currency,
            start=start,
            end=end,
            opening_minor=sums["opening"],
            in_minor=sums["paid_in"],
            out_minor=sums["paid_out"],
            closing_minor=sums["opening"] + sums["paid_in"] + sums["paid_out"],
            line_count=sums["line_count"],
            lines=_lines(entries.filter(within), opening_minor=sums["opening"]),
        )


def _lines(entries: QuerySet[Entry], *, opening_minor: int) -> Iterator[StatementLine]:
    balance_minor = opening_minor
    # By number: clocks may disagree about what came first, the ledger doesn't.
    rows = entries.order_by("number").values_list(
        "id",
        "number",
        "transaction_id",
        "transaction__created_at",
        "transaction__kind",
        "transaction__reference",
        "transaction__note",
        "amount_minor",
    )
    for key, number, transaction_id, at, kind, reference, note, amount_minor in rows.iterator(
        chunk_size=_LINES_AT_ONCE
    ):
        balance_minor += amount_minor
        yield StatementLine(
            id=key,
            number=number,
            transaction_id=transaction_id,
            at=at,
            kind=kind,
            reference=reference,
            note=note,
            amount_minor=amount_minor,
            balance_after_minor=balance_minor,
        )
