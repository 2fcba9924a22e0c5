"""A file of opening balances, line by line: whose account, and how much."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from alerts.csvfiles import ByteSource, Row, RowProblem, read_rows
from credit.models import Account
from credit.money import LARGEST_AMOUNT_MINOR, AmountError, parse_amount
from redemption.models import Campaign
from redemption.selectors.account_holders import Holder

FIELDS: Final = ("level", "name", "amount")
MOST_LINES: Final = 100_000
_LEVELS: Final = (Account.Level.AGENCY, Account.Level.CLIENT, Account.Level.CAMPAIGN)
# What a spreadsheet would run instead of showing.
_FORMULA_SIGNS: Final = ("=", "+", "-", "@")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpeningBalance:
    """What one line gives to one holder, in minor units of the account's currency."""

    line: int
    holder: Holder
    amount_minor: int


@dataclasses.dataclass(eq=False)
class _LineError(Exception):
    field: str
    message: str


def read_opening_balances(
    source: ByteSource, *, holders: Sequence[Holder], currencies: Mapping[UUID, str]
) -> tuple[list[OpeningBalance], list[RowProblem]]:
    """Read the lines of a file; whatever is wrong is told by line, and changes nothing yet.

    :param currencies: of each holder's account, also of those that are not opened yet.
    :raises FileProblem: the file as a whole can't be read.
    """
    lines = _Lines(holders, currencies)
    balances: list[OpeningBalance] = []
    problems: list[RowProblem] = []
    for row in read_rows(source, fields=FIELDS, required=FIELDS, max_rows=MOST_LINES):
        if isinstance(row, RowProblem):
            problems.append(row)
            continue
        try:
            balances.append(lines.read(row))
        except _LineError as error:
            problems.append(RowProblem(row.line, error.field, error.message))
    return balances, problems


class _Lines:
    """Makes sense of the lines of one file."""

    def __init__(self, holders: Sequence[Holder], currencies: Mapping[UUID, str]) -> None:
        self._currencies = currencies
        self._found: dict[tuple[str, str], list[Holder]] = defaultdict(list)
        for holder in holders:
            self._found[holder.level, holder.name].append(holder)
            self._found[holder.level, str(holder.id)].append(holder)
        self._line_of: dict[UUID, int] = {}
        self._total_minor = 0

    def read(self, row: Row) -> OpeningBalance:
        """Return what a line says.

        :raises _LineError: it does not make sense.
        """
        for field in FIELDS:
            if not row.cells[field]:
                raise _LineError(field, "This cell is empty.")
        holder = self._find_holder(row.cells["level"].casefold(), row.cells["name"])
        first = self._line_of.setdefault(holder.id, row.line)
        if first != row.line:
            raise _LineError("name", f"This account is on line {first} already.")
        amount_minor = self._read_amount(row.cells["amount"], holder)
        return OpeningBalance(line=row.line, holder=holder, amount_minor=amount_minor)

    def _find_holder(self, level: str, name: str) -> Holder:
        if level not in _LEVELS:
            raise _LineError("level", "Write agency, client or campaign.")
        if name.startswith(_FORMULA_SIGNS):
            raise _LineError("name", "This looks like a formula. Write the name, or the id.")
        found = self._found.get((level, name)) or self._found.get((level, name.casefold()), [])
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(str(holder.id) for holder in found)
            raise _LineError("name", f"{len(found)} have this name: write the id instead ({ids}).")
        if level == Account.Level.CAMPAIGN and Campaign.objects.filter(name=name).exists():
            raise _LineError(
                "name", "This campaign is on a shared budget and gets none of its own."
            )
        raise _LineError("name", f"There is no {level} of this name or id.")

    def _read_amount(self, text: str, holder: Holder) -> int:
        try:
            amount_minor = parse_amount(text, self._currencies[holder.id])
        except AmountError as error:
            raise _LineError("amount", str(error)) from None
        for above in holder.path() if amount_minor else ():
            if above.account and above.account.status != Account.Status.ACTIVE:
                raise _LineError(
                    "name",
                    f"The {above.level}'s account is {above.account.status}: no credit goes there.",
                )
        self._total_minor += amount_minor
        if self._total_minor > LARGEST_AMOUNT_MINOR:
            raise _LineError("amount", "All amounts together are too large.")
        return amount_minor
