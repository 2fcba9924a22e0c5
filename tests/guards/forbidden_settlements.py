"""What is forbidden to the way down, to holds and to what settles something."""

from __future__ import annotations

from typing import Final

from tests.guards.forbidden import NOW_CHECK, Forbidden

TRANSACTION: Final = "credit_transaction"
_DOWN: Final = "credit_transaction_goes_down"
_ASIDE: Final = "credit_transaction_sets_aside"
_FITS: Final = "credit_transaction_fits_what_it_settles"

AGENCY: Final = "level = 'agency'"
CLIENT: Final = "level = 'client'"
ISSUING: Final = "purpose = 'credit' AND level = 'platform'"
CONSUMED: Final = "purpose = 'consumed' AND currency = 'USD'"
HELD: Final = "purpose = 'held' AND currency = 'USD'"
ADJUSTMENTS: Final = "purpose = 'adjustments' AND currency = 'USD'"
Side = tuple[str, int]


def movement(kind: str, *sides: Side, settles: str | None = None) -> str:
    """Return the statements that write a transaction with these sides into the ledger.

    :param settles: the kind of the one that it settles.
    """
    settled = f"(SELECT id FROM credit_transaction WHERE kind = '{settles}')" if settles else "NULL"
    written = (
        "INSERT INTO credit_transaction"
        " (id, kind, reference, idempotency_key, settles_id, actor, note)"
        f" VALUES (gen_random_uuid(), '{kind}', 'x', gen_random_uuid()::text, {settled}, 't', 'y')"
    )
    if not sides:
        return written + ";"
    rows = " UNION ALL ".join(
        f"SELECT t.id, a.id, {amount} FROM t, credit_account a WHERE {account}"
        for account, amount in sides
    )
    return (
        f"WITH t AS ({written} RETURNING id)"
        f" INSERT INTO credit_entry (transaction_id, account_id, amount_minor) {rows};"
    )


def transfer(payer: str, payee: str, amount_minor: int, kind: str, settles: str) -> str:
    """Return the call by which the application would do it."""
    settled = f"(SELECT id FROM credit_transaction WHERE kind = '{settles}')" if settles else "NULL"
    return (
        "SELECT credit_transfer(gen_random_uuid(),"
        f" (SELECT id FROM credit_account WHERE {payer}),"
        f" (SELECT id FROM credit_account WHERE {payee}),"
        f" {amount_minor}, '{kind}', 'x', 'x', {settled}, 't', 'y', now())" + NOW_CHECK
    )


# The client's 100 are held; every case below begins with it where it settles a hold.
HOLD: Final = movement("hold", (CLIENT, -100), (HELD, 100))
_EUROS: Final = "".join(
    "INSERT INTO credit_account (id, level, purpose, name, currency, status)"
    f" VALUES (gen_random_uuid(), 'platform', '{purpose}', 'E', 'EUR', 'active');"
    for purpose in ("held", "consumed")
)
_EUR: Final = "purpose = '{}' AND currency = 'EUR'"


def _refused(guard: str, *statements: str) -> Forbidden:
    return Forbidden(guard, TRANSACTION, "".join(statements).rstrip(";") + NOW_CHECK)


WAY_DOWN: Final = [
    _refused(_DOWN, movement(*case))
    for case in (
        ("issue", (AGENCY, -5), (CLIENT, 5)),
        ("issue", (ADJUSTMENTS, -5), (AGENCY, 5)),
        ("issue", (ISSUING, -5), (CLIENT, 5)),
        ("issue",),
        ("allocation", (ISSUING, -5), (AGENCY, 5)),
        ("allocation", (CLIENT, -5), (AGENCY, 5)),
        ("allocation", (CLIENT, -5), (CONSUMED, 5)),
        ("allocation", (AGENCY, -5), (CLIENT, 4), (CONSUMED, 1)),
        ("allocation", (AGENCY, -5), (CONSUMED, 5), (CLIENT, 4), (CLIENT, -4)),
    )
]
HOLDS: Final = [
    _refused(_ASIDE, movement("hold", *sides))
    for sides in (
        ((CLIENT, -5), (CONSUMED, 5)),
        ((CLIENT, 5), (HELD, -5)),
        ((ADJUSTMENTS, -5), (HELD, 5)),
        ((CLIENT, -3), (AGENCY, -2), (HELD, 5)),
        ((CLIENT, -5), (HELD, 4), (CONSUMED, 1)),
        (),
    )
]
REFUNDS: Final = [
    *(
        _refused(_FITS, movement("refund", *sides, settles="redemption"))
        for sides in (
            ((CLIENT, 2_501), (CONSUMED, -2_501)),  # more than was taken
            ((AGENCY, 5), (CONSUMED, -5)),  # to another account
            ((CLIENT, 5), (HELD, -5)),  # from another account
            ((CLIENT, -5), (CONSUMED, 5)),  # taken once more
            ((CLIENT, 5), (AGENCY, 5), (CONSUMED, -10)),  # also to another account
            (),
        )
    ),
    _refused(
        _FITS,
        _EUROS,
        movement(
            "refund",
            (_EUR.format("held"), 5),
            (_EUR.format("consumed"), -5),
            settles="redemption",
        ),
    ),
    _refused(_FITS, movement("refund", (AGENCY, -5), (ISSUING, 5), settles="issue")),
    _refused(_FITS, movement("refund", (CLIENT, -5), (AGENCY, 5), settles="allocation")),
    _refused(_FITS, HOLD, movement("refund", (CLIENT, 5), (HELD, -5), settles="hold")),
    # What a capture gave back at once is not given back again.
    _refused(
        _FITS,
        HOLD,
        movement("capture", (HELD, -100), (CONSUMED, 60), (CLIENT, 40), settles="hold"),
        movement("refund", (CONSUMED, -61), (CLIENT, 61), settles="capture"),
    ),
    _refused(
        _FITS,
        movement("adjustment", (CLIENT, 2_501), (CONSUMED, -2_501), settles="redemption"),
    ),
]
CAPTURES: Final = [
    *(
        _refused(_FITS, HOLD, movement(kind, *sides, settles="hold"))
        for kind, sides in (
            ("release", ((HELD, -99), (CLIENT, 99))),
            ("release", ((HELD, -101), (CLIENT, 101))),
            ("release", ((HELD, -100), (AGENCY, 100))),
            ("release", ((HELD, -100), (CONSUMED, 100))),
            ("release", ()),
            ("capture", ((HELD, -99), (CONSUMED, 99))),
            ("capture", ((HELD, -100), (CLIENT, -5), (CONSUMED, 105))),
            ("capture", ((HELD, -100), (CLIENT, 100))),
            ("capture", ((HELD, -100), (AGENCY, 100))),
            ("capture", ((HELD, -100), (CONSUMED, 60), (AGENCY, 40))),
            ("capture", ()),
            ("card_sale", ((HELD, -99), (CONSUMED, 99))),
        )
    ),
    *(
        _refused(_FITS, movement(kind, (HELD, -5), (CONSUMED, 5), settles="redemption"))
        for kind in ("release", "capture", "card_sale")
    ),
]
# The same by the functions that the application has to move money with.
CALLS: Final = [
    Forbidden(guard, TRANSACTION, call, as_application=True)
    for guard, call in (
        (_FITS, transfer(CONSUMED, CLIENT, 2_501, "refund", "redemption")),
        (_FITS, transfer(CONSUMED, AGENCY, 2_500, "refund", "redemption")),
        (_FITS, transfer(HELD, CLIENT, 2_500, "release", "redemption")),
        (_FITS, transfer(HELD, CONSUMED, 2_500, "capture", "redemption")),
        (_ASIDE, transfer(CLIENT, CONSUMED, 5, "hold", "")),
        (
            _DOWN,
            "SELECT credit_debit_account(gen_random_uuid(), (SELECT id FROM credit_account"
            f" WHERE {CLIENT}), 5, 'USD', 'allocation', 'consumed', 'x', 't', now())" + NOW_CHECK,
        ),
    )
]
# One of each guard beside all others; the rest in ``test_settlements``, on one database.
SETTLEMENTS: Final = [WAY_DOWN[0], HOLDS[0], REFUNDS[0], *CALLS]
