"""Ways to break a database that nobody but a superuser has, as pieces of SQL."""

from __future__ import annotations

import dataclasses
import itertools


@dataclasses.dataclass(frozen=True, slots=True)
class Corruption:
    """What breaks one invariant and no other, and the ids that it must name.

    Both are filled in from the rich world: ``{issued}`` is the redemption of that name,
    ``{c_issued}`` its card, ``{free}`` and ``{free2}`` are cards in stock.

    :param ids: a query of the ids, asked once it is broken.
    """

    sql: str
    ids: str


def one(thing: str) -> str:
    """Return the query of one id that is known."""
    return f"SELECT '{thing}'"


def event(card: str, *states: str, actor: str = "test") -> str:
    """Return the statements that write a card's steps down."""
    steps = itertools.pairwise(states)
    return "".join(
        "INSERT INTO giftcards_cardevent (card_id, from_status, to_status, actor, reason, at)"
        f" VALUES ('{card}', '{before}', '{after}', '{actor}', '', now());"
        for before, after in steps
    )


def hold(card: str, kind: str, holder: str, status: str = "quarantined") -> str:
    """Return the statements that give a card in stock to somebody, with its history."""
    states = ("available", "claimed") if status == "claimed" else ("available", "claimed", status)
    return (
        f"UPDATE giftcards_giftcard SET status = '{status}', holder_kind = '{kind}',"
        f" holder_id = '{holder}', claimed_at = now() WHERE id = '{card}';"
        f"{event(card, *states)}"
    )


def book(
    entries: dict[str, int],
    *,
    kind: str = "adjustment",
    settles: str = "NULL",
    number: int = 1,
    currency: str = "USD",
) -> str:
    """Return the statements that write a transaction on the platform's accounts, which keep no
    balance; its reference is ``corrupt:<number>``.

    :param entries: the amount by the account's purpose; one of them may be an account's id.
    """
    made = (
        "INSERT INTO credit_transaction (id, kind, reference, idempotency_key, settles_id, actor,"
        f" note, created_at) VALUES (gen_random_uuid(), '{kind}', 'corrupt:{number}',"
        f" 'corrupt:{number}', {settles}, 'test', 'corrupt', now());"
    )
    for name, amount in entries.items():
        purpose, _, code = name.partition(" ")
        account = (
            "(SELECT id FROM credit_account WHERE level = 'platform'"
            f" AND purpose = '{purpose}' AND currency = '{code or currency}')"
            if purpose in ("credit", "consumed", "held", "adjustments")
            else purpose
        )
        made += (
            "INSERT INTO credit_entry (transaction_id, account_id, amount_minor)"
            f" VALUES ({booked(number)}, {account}, {amount});"
        )
    return made


def booked(number: int = 1) -> str:
    """Return the id of a transaction that ``book`` has written, as SQL."""
    return f"(SELECT id FROM credit_transaction WHERE reference = 'corrupt:{number}')"


def paid_by(reward: str) -> str:
    """Return the transaction of a redemption, as SQL."""
    return f"(SELECT transaction_id FROM redemption_redemption WHERE id = '{reward}')"


def text_of(reward: str) -> str:
    """Return the text of a redemption, as SQL."""
    return (
        f"(SELECT id FROM sms_message WHERE reference_id = '{reward}' AND purpose = 'reward'"
        " AND reference_kind = 'redemption')"
    )
