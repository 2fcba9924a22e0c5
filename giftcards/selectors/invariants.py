"""What is true of cards, their sales and their orders: Note [Invariant]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from alerts.keyring import DecryptionError, decrypt, digester
from alerts.selectors.invariants import Invariant, Reader
from alerts.selectors.secret_rows import read_secrets


def look_at_secrets(read: Reader, *, whole: bool) -> Iterator[str]:
    """Yield the cards whose secrets can't be opened, or whose code leads to another card."""
    digest = digester(purpose="card_code")
    columns = (
        "code_digest",
        "last4",
        "code_encrypted",
        "pin_encrypted",
        "number_encrypted",
        "security_code_encrypted",
        "url_encrypted",
    )
    rows = read_secrets(read, table="giftcards_giftcard", columns=columns, whole=whole)
    for card_id, code_digest, last4, code, *others in rows:
        try:
            opened = decrypt(code, context="giftcards_giftcard.code")
            for name, sealed in zip(("pin", "number", "security_code", "url"), others, strict=True):
                if sealed:
                    decrypt(sealed, context=f"giftcards_giftcard.{name}")
        except DecryptionError:
            yield str(card_id)
            continue
        folded = "".join(filter(str.isalnum, opened.upper()))
        if digest(folded) != bytes(code_digest) or folded[-4:] != last4:
            yield str(card_id)


INVARIANTS: Final = (
    Invariant(
        name="cards-unseen-in-stock",
        sentence="A card in stock was shown to nobody and is held by nobody.",
        things="card",
        query="""
            SELECT id FROM giftcards_giftcard WHERE status IN ('available', 'expired')
                AND (disclosed_at IS NOT NULL OR delivered_at IS NOT NULL OR claimed_at IS NOT NULL
                    OR holder_id IS NOT NULL OR holder_kind IS NOT NULL)""",
    ),
    Invariant(
        name="cards-unseen-set-aside",
        sentence="A card that is set aside for a person to look at was shown to nobody.",
        things="card",
        query="""
            SELECT id FROM giftcards_giftcard
            WHERE status = 'quarantined' AND disclosed_at IS NOT NULL""",
    ),
    Invariant(
        name="cards-one-holder",
        sentence="A holder has one card at a time.",
        things="card",
        query="""
            SELECT unnest(array_agg(id)) FROM giftcards_giftcard
            WHERE status IN ('claimed', 'delivered', 'redeemed', 'quarantined')
            GROUP BY holder_kind, holder_id HAVING count(*) > 1""",
    ),
    Invariant(
        name="card-codes-once",
        sentence="A code is in the house once.",
        things="card",
        query="""
            SELECT unnest(array_agg(id)) FROM giftcards_giftcard
            GROUP BY brand_id, code_digest HAVING count(*) > 1""",
    ),
    Invariant(
        name="card-states-follow-events",
        sentence="Every card's state is where its history leads, and its history has no gap.",
        things="card",
        query="""
            WITH step AS (
                SELECT card_id, from_status, to_status,
                    lag(to_status) OVER life AS before, lead(id) OVER life IS NULL AS is_last
                FROM giftcards_cardevent WINDOW life AS (PARTITION BY card_id ORDER BY id))
            SELECT c.id FROM giftcards_giftcard c
                JOIN step ON step.card_id = c.id AND step.is_last
                WHERE step.to_status <> c.status
            UNION SELECT card_id FROM step WHERE before <> from_status
            UNION SELECT c.id FROM giftcards_giftcard c
                WHERE c.status NOT IN ('available', 'claimed', 'held_back')
                    AND NOT EXISTS (SELECT 1 FROM giftcards_cardevent e WHERE e.card_id = c.id)""",
    ),
    Invariant(
        name="card-steps-have-an-actor",
        sentence="Every step of a card says who took it, and none back into stock was raw SQL's.",
        things="card",
        query="""
            SELECT card_id FROM giftcards_cardevent WHERE actor = ''
                OR to_status IN ('available', 'quarantined') AND starts_with(actor, 'database:')""",
    ),
    Invariant(
        name="cards-fit-their-pool",
        sentence="A card is of its pool's client, brand and value.",
        things="card",
        query="""
            SELECT c.id FROM giftcards_giftcard c JOIN giftcards_pool p ON p.id = c.pool_id
            JOIN giftcards_denomination d ON d.id = p.denomination_id
            WHERE (c.brand_id, c.value_minor, c.currency) <> (p.brand_id, d.value_minor, d.currency)
                OR c.client_id IS DISTINCT FROM p.client_id""",
    ),
    Invariant(
        name="cards-past-their-date",
        sentence="No card is in stock more than two days after its last day.",
        things="card",
        query="""
            SELECT id FROM giftcards_giftcard WHERE status = 'available'
                AND expires_on < (%(now)s AT TIME ZONE 'UTC')::date - 2""",
    ),
    Invariant(
        name="cards-held-back-stay",
        sentence="A card that is held back was never in stock and is held by nobody.",
        things="card",
        query="""
            SELECT c.id FROM giftcards_giftcard c WHERE c.status = 'held_back' AND (
                c.holder_id IS NOT NULL OR c.claimed_at IS NOT NULL OR c.sale_id IS NOT NULL)""",
    ),
    Invariant(
        name="sales-have-their-cards",
        sentence="A sale that stands has all of its cards; one that was reversed has none.",
        things="sale",
        query="""
            SELECT s.id FROM giftcards_cardsale s
            LEFT JOIN giftcards_giftcard c ON c.sale_id = s.id
            GROUP BY s.id HAVING count(c.id) <> CASE WHEN s.reversed_at IS NULL THEN s.quantity
                ELSE 0 END OR bool_or((c.pool_id, c.client_id) <> (s.pool_id, s.client_id))""",
    ),
    Invariant(
        name="sales-are-paid",
        sentence="A sale was paid by its client, so much a card, and refunded when reversed.",
        things="sale",
        query="""
            SELECT coalesce(s.id, t.id) FROM giftcards_cardsale s
            FULL JOIN (SELECT t.id, -sum(e.amount_minor) AS amount,
                    array_agg(DISTINCT a.client_id) AS payers
                FROM credit_transaction t
                JOIN credit_entry e ON e.transaction_id = t.id AND e.amount_minor < 0
                JOIN credit_account a ON a.id = e.account_id
                WHERE t.kind = 'card_sale' GROUP BY t.id) t ON t.id = s.transaction_id
            LEFT JOIN credit_transaction back ON back.settles_id = t.id
            WHERE (t.amount = s.quantity * s.price_per_card_minor AND t.payers = ARRAY[s.client_id]
                AND back.id IS NOT DISTINCT FROM s.refund_id) IS NOT TRUE""",
    ),
    Invariant(
        name="uploads-count-their-cards",
        sentence="An upload has as many cards as it says; one that was refused or undone has none.",
        things="upload",
        query="""
            SELECT b.id FROM giftcards_cardbatch b
            LEFT JOIN (SELECT batch_id, count(*) AS cards FROM giftcards_giftcard
                WHERE batch_id IS NOT NULL GROUP BY batch_id) c ON c.batch_id = b.id
            WHERE b.state <> 'importing' AND coalesce(c.cards, 0)
                <> CASE WHEN b.state = 'imported' THEN b.accepted ELSE 0 END""",
    ),
    Invariant(
        name="uploads-come-to-an-end",
        sentence="No upload has been in work for more than a day.",
        things="upload",
        query="""
            SELECT id FROM giftcards_cardbatch WHERE state IN ('receiving', 'checking', 'importing')
                AND created_at < %(now)s - interval '1 day'""",
    ),
    Invariant(
        name="orders-have-their-card",
        sentence="What was bought is one card, ours, of that worth; a card bought has its order.",
        things="order",
        query="""
            SELECT o.id FROM giftcards_providerorder o
            LEFT JOIN giftcards_giftcard c ON c.id = o.card_id
            WHERE o.state = 'succeeded' AND (c.pool_id = o.pool_id OR c.sale_id IS NOT NULL)
                    IS NOT TRUE
                OR c.id IS NOT NULL AND (c.value_minor, c.currency) <> (o.value_minor, o.currency)
                OR o.state = 'reversed' AND c.status <> 'void'
            UNION SELECT c.id FROM giftcards_giftcard c WHERE c.source = 'api' AND NOT EXISTS (
                SELECT 1 FROM giftcards_providerorder o WHERE o.card_id = c.id)""",
    ),
    Invariant(
        name="orders-settle-their-hold",
        sentence="The hold of an order in work is open; then it is captured, or released.",
        things="order",
        query="""
            SELECT o.id FROM giftcards_providerorder o
            LEFT JOIN credit_transaction h ON h.id = o.hold_id
            LEFT JOIN credit_transaction s ON s.settles_id = o.hold_id
            WHERE o.hold_id IS NOT NULL AND (h.kind IS DISTINCT FROM 'hold'
                OR s.kind IS DISTINCT FROM CASE
                    WHEN o.state IN ('requested', 'unknown') THEN NULL
                    WHEN o.card_id IS NOT NULL THEN 'capture' ELSE 'release' END)""",
    ),
    Invariant(
        name="holds-have-an-order",
        sentence="Money is set aside for an order in work, and for nothing else.",
        things="transaction",
        query="""
            SELECT h.id FROM credit_transaction h WHERE h.kind = 'hold'
                AND NOT EXISTS (SELECT 1 FROM credit_transaction s WHERE s.settles_id = h.id)
                AND NOT EXISTS (SELECT 1 FROM giftcards_providerorder o WHERE o.hold_id = h.id)""",
    ),
    Invariant(
        name="orders-of-one-client",
        sentence="An order fills a pool of its own client or of the platform.",
        things="order",
        query="""
            SELECT o.id FROM giftcards_providerorder o JOIN giftcards_pool p ON p.id = o.pool_id
            WHERE p.client_id IS NOT NULL AND p.client_id IS DISTINCT FROM o.client_id
                OR p.denomination_id <> o.denomination_id""",
    ),
    Invariant(
        name="orders-are-worked-on",
        sentence="No order is more than an hour past the time of its next attempt.",
        things="order",
        query="""
            SELECT id FROM giftcards_providerorder WHERE state = 'requested'
                AND greatest(next_attempt_at, leased_until) < %(now)s - interval '1 hour'
                AND NOT EXISTS (SELECT 1 FROM giftcards_providercircuit c
                    WHERE c.provider = giftcards_providerorder.provider
                        AND c.opened_at IS NOT NULL)""",
    ),
    Invariant(
        name="card-secrets-open",
        sentence="A card's code can be decrypted, and is the one that the card is found by.",
        things="card",
        look=look_at_secrets,
    ),
)
