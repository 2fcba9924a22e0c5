"""How accounts, entries, statements and allocations are printed for partners."""

from __future__ import annotations

import json
from datetime import datetime
from typing import IO, Any

from credit.money import format_amount
from credit.selectors.balances import AccountFacts
from credit.selectors.entries import EntryFacts
from credit.selectors.statements import Statement, StatementLine
from credit.services.allocations import Allocation


def print_account(facts: AccountFacts) -> dict[str, Any]:
    """Print an account as it stands."""
    return {
        "id": str(facts.account_id),
        "level": facts.level,
        "name": facts.name,
        "parent_id": None if facts.parent_id is None else str(facts.parent_id),
        "currency": facts.currency,
        "balance": _amount(facts.balance_minor, facts.currency),
        "held": format_amount(facts.held_minor, facts.currency),
        "low_balance_threshold": _amount(facts.low_balance_threshold_minor, facts.currency),
        "status": facts.status,
    }


def print_entry(facts: EntryFacts) -> dict[str, Any]:
    """Print one side of a movement."""
    return {
        "id": str(facts.id),
        "number": facts.number,
        "transaction_id": str(facts.transaction_id),
        "kind": facts.kind,
        "account_id": str(facts.account_id),
        "amount": format_amount(facts.amount_minor, facts.currency),
        "currency": facts.currency,
        "balance_after": _amount(facts.balance_after_minor, facts.currency),
        "reference": facts.reference,
        "note": facts.note,
        "created_at": _time(facts.created_at),
    }


def print_allocation(allocation: Allocation) -> dict[str, Any]:
    """Print what was moved; the same for the first call and every repeat."""
    return {
        "transaction_id": str(allocation.transaction_id),
        "out_entry": print_entry(allocation.out_entry),
        "in_entry": print_entry(allocation.in_entry),
        "from_balance": _amount(allocation.from_balance_minor, allocation.currency),
        "to_balance": _amount(allocation.to_balance_minor, allocation.currency),
    }


def write_json(statement: Statement, file: IO[bytes]) -> None:
    """Write a statement as one JSON object, entry by entry: it may be a long one."""
    head = {
        "account_id": str(statement.account_id),
        "name": statement.account_name,
        "currency": statement.currency,
        "from": statement.start.isoformat(),
        "to": statement.end.isoformat(),
        "opening_balance": format_amount(statement.opening_minor, statement.currency),
    }
    file.write(f'{_json(head)[:-1]},"entries":['.encode())
    comma = ""
    for line in statement.lines:
        file.write(f"{comma}{_json(_print_line(line, statement))}".encode())
        comma = ","
    closing = _json(format_amount(statement.closing_minor, statement.currency))
    file.write(f'],"closing_balance":{closing}}}'.encode())


def _print_line(line: StatementLine, statement: Statement) -> dict[str, Any]:
    return {
        "id": str(line.id),
        "number": line.number,
        "transaction_id": str(line.transaction_id),
        "kind": line.kind,
        "account_id": str(statement.account_id),
        "amount": format_amount(line.amount_minor, statement.currency),
        "currency": statement.currency,
        "balance_after": format_amount(line.balance_after_minor, statement.currency),
        "reference": line.reference,
        "note": line.note,
        "created_at": _time(line.at),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _amount(amount_minor: int | None, currency: str) -> str | None:
    return None if amount_minor is None else format_amount(amount_minor, currency)


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
