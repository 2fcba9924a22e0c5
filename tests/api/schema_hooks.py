"""What schemathesis can't know: real ids and codes to ask with, and which refusals are fair.

Read by the program that ``schema_run`` starts, in a process of its own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import schemathesis

FACTS: Final = "SCHEMA_FACTS"
_facts: dict[str, Any] = json.loads(Path(os.environ[FACTS]).read_text())
_codes = iter(_facts["codes"])
_asked = 0

# Fields that may be refused although they are as the schema says: it can't say which cursors we
# have signed, that a period ends after it began, which currencies there are, which numbers
# somebody can have, that one of two fields is needed, or that a body is JSON if it is no file.
_BEYOND_THE_SCHEMA: Final = {
    "cursor",
    "to",
    "from",
    "amount",
    "currency",
    "price_per_card",
    "to_account_id",
    "client_id",
    "code",
    "reason",
    "condition_number",
    "recipient_id",
    "brand_id",
    "denomination",
    "cards",
    "recipients",
    "file",
    # An address that is no public one.
    "url",
    "contact.phone",
    "contact.email",
    "method",
    # Who is no customer of the client, what it doesn't sell, what is worth nothing without its
    # edges, and sums that come out of prices.
    "customer_id",
    "register_session_id",
    "denomination_id",
    "lines",
    "points_to_redeem",
    "payment.amount",
    "payment.reference",
    "price",
    "sku",
    "name",
    "register",
    "order_number",
    "phone",
    "email",
    "first_name",
    "last_name",
    "note",
}


@schemathesis.hook
def before_call(_context: Any, case: Any, **_: Any) -> None:
    """Ask about things that are there, in every second well-formed request."""
    global _asked
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    _asked += 1
    if _asked % 2:
        return
    for name, value in _facts["ids"].items():
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = value
        if isinstance(case.body, dict) and name in case.body:
            case.body[name] = value
    if isinstance(case.body, dict) and set(case.body) >= {"code"}:
        case.body["code"] = next(_codes, "used up")


@schemathesis.check
def refusals_name_what_no_schema_says(_context: Any, response: Any, case: Any) -> None:
    """A well-formed request is refused for such a field, or not as malformed."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code != 400:
        return
    body = response.json()
    if body["code"] != "GC-012" or isinstance(body.get("errors"), list):
        return
    is_stateful = case.meta.phase.name.value == "stateful"
    unfair = {
        name
        for name, words in body["errors"].items()
        if not {name, _within(name)} & _BEYOND_THE_SCHEMA
        # What was answered before may be put into a body there, whatever its schema says.
        and not (is_stateful and words == ["This field is not known."])
    }
    assert not unfair, f"The schema allows it and the API refuses {sorted(unfair)}: {body}"


def _within(name: str) -> str:
    """Return what a field of a list's item is called there: `lines.4.sku` is a `sku`."""
    head, *rest = name.split(".")
    words = [word for word in rest if not word.isdecimal()]
    return name if len(words) == len(rest) else (words or [head])[-1]
