"""The checker that other tests end with: whatever is broken, it says so."""

from typing import Final

import pytest

from alerts.transactions import transaction
from credit.services.settlements import hold_credit, release_hold
from credit.services.slots import split_account
from tests.giftcards.selling import master_pool, sell
from tests.guards.forbidden import copy_row
from tests.guards.forbidden_orders import PLACE
from tests.guards.raw import as_owner
from tests.invariants import INVARIANTS, broken_invariants
from tests.redemption.asking import ask, key_for
from tests.redemption.taking_back import cancel, redeem_one, replace
from tests.world import NOW, build_world

pytestmark = pytest.mark.django_db(transaction=True)

_TAKEN: Final = "status = 'claimed'"
_ISSUED: Final = "SELECT id FROM redemption_redemption WHERE card_id IS NOT NULL"
# For each promise a change that breaks it, made by the owner with all triggers off.
BREAKS: Final = {
    "every transaction sums to zero, in one currency": (
        "DELETE FROM credit_entry WHERE number = (SELECT max(number) FROM credit_entry)"
    ),
    "every balance is the sum of its entries": (
        "UPDATE credit_account SET balance_minor = balance_minor + 1 WHERE level = 'client'"
    ),
    "every slot's balance is the sum of its entries": (
        "UPDATE credit_accountslot SET balance_minor = balance_minor + 1"
    ),
    "replayed by number, every balance is what its entry says, and never negative": (
        "UPDATE credit_entry SET balance_after_minor = balance_after_minor + 1"
    ),
    "credit goes down one level, from a parent to its child": (
        "UPDATE credit_transaction SET kind = 'allocation' WHERE kind = 'issue'"
    ),
    "what is held is what the open holds took": (
        "UPDATE credit_entry SET amount_minor = amount_minor + 1 WHERE account_id ="
        " (SELECT id FROM credit_account WHERE purpose = 'held')"
    ),
    "a settlement settles what it may, and nobody gains by it": (
        "UPDATE credit_transaction SET settles_id = (SELECT id FROM credit_transaction"
        " WHERE kind = 'issue' ORDER BY id LIMIT 1) WHERE kind = 'release'"
    ),
    "every charge names its debit, every debit its redemption": (
        "UPDATE redemption_redemption SET charged_minor = 1 WHERE charged_minor > 1"
    ),
    "every debit's reference names its redemption, and its client or agency pays": (
        "UPDATE redemption_redemption SET debits = 2"
    ),
    "every card in use has the redemption that holds it": (
        f"UPDATE giftcards_giftcard SET holder_id = gen_random_uuid() WHERE {_TAKEN}"
    ),
    "every issued redemption has a card in use, of its brand and value": (
        f"UPDATE giftcards_giftcard SET status = 'void' WHERE {_TAKEN}"
    ),
    "a card that was shown is a card that was delivered, but for one that only staff has seen": (
        f"UPDATE giftcards_giftcard SET disclosed_at = now() WHERE {_TAKEN}"
    ),
    "no redemption has another's card": (
        "UPDATE redemption_redemption SET card_id = (SELECT id FROM giftcards_giftcard LIMIT 1)"
        " WHERE NOT is_test"
    ),
    "what waits has taken neither card nor money": (
        "UPDATE redemption_redemption SET charged_minor = 0 WHERE state = 'waiting_stock'"
    ),
    "who is being prepared has an order in work, and nobody else": (
        "UPDATE redemption_redemption SET state = 'unconfirmed' WHERE state = 'waiting_stock'"
    ),
    # The card is theirs, and paid as any other, but not by what was held for it.
    "what was bought for somebody is theirs, for what was held, at what it cost": (
        PLACE.replace("'parcel', gen_random_uuid()", f"'redemption', ({_ISSUED} LIMIT 1)").replace(
            ";", f" AND p.id = (SELECT pool_id FROM giftcards_giftcard WHERE {_TAKEN} LIMIT 1);"
        )
        + "UPDATE giftcards_providerorder SET state = 'succeeded', next_attempt_at = NULL,"
        " settled_at = now(), card_id = (SELECT r.card_id FROM redemption_redemption r"
        " WHERE r.id = holder_id)"
    ),
    "who waits for stock is in the queue, who was served is not": (
        "UPDATE redemption_pendingreward SET served_at = now()"
    ),
    "nobody has two rewards for one condition": (
        "DROP INDEX redemption_one_reward_each;"
        + copy_row("redemption_redemption", id="gen_random_uuid()")
    ),
    "an available card was seen by nobody": (
        "ALTER TABLE giftcards_giftcard DROP CONSTRAINT giftcards_card_held_exactly_when_claimed;"
        f"UPDATE giftcards_giftcard SET status = 'available' WHERE {_TAKEN}"
    ),
    "every card's state is where its events lead": (
        f"UPDATE giftcards_giftcard SET status = 'quarantined' WHERE {_TAKEN}"
    ),
    "every redemption has one text of its reward when it is issued, and none before": (
        copy_row("sms_message", "purpose = 'reward'", id="gen_random_uuid()")
    ),
    "every text is about a redemption": "UPDATE sms_message SET reference_id = gen_random_uuid()",
    "every redemption has its link": "DELETE FROM redemption_reveallink",
    "every sale that stands has all of its cards, one that was reversed none": (
        "UPDATE giftcards_giftcard SET sale_id = NULL"
    ),
    "every sale was paid by its client, so much for each card, and is refunded when reversed": (
        "UPDATE credit_transaction SET kind = 'redemption' WHERE kind = 'card_sale'"
    ),
    "what is redeemed is charged, but where its client had bought one of its cards": (
        "UPDATE giftcards_giftcard SET sale_id = (SELECT id FROM giftcards_cardsale)"
    ),
    "what has ended holds no card": (
        "UPDATE redemption_redemption SET state = 'cancelled' WHERE state = 'issued'"
    ),
    "what was taken back is refunded exactly when nobody may have seen a code of it": (
        "UPDATE giftcards_giftcard SET disclosed_at = now(), status = 'void', holder_id ="
        " (SELECT id FROM redemption_redemption WHERE state = 'cancelled')"
    ),
    "what stands is not refunded": (
        "UPDATE redemption_redemption SET state = 'delivered', card_id ="
        " (SELECT id FROM giftcards_giftcard LIMIT 1) WHERE state = 'cancelled'"
    ),
    "an exchanged card is void, and its redemption has the last one": (
        "UPDATE redemption_redemption r SET card_id = x.old_card_id"
        " FROM redemption_replacement x WHERE x.redemption_id = r.id"
    ),
    "every step of a card says who took it": (
        "UPDATE giftcards_cardevent SET actor = 'database:x' WHERE to_status = 'available'"
    ),
    "of an upload of people nobody is there unless it was imported": (
        "WITH batch AS (INSERT INTO redemption_recipientbatch (id, campaign_id, client_id,"
        " file_name, file_hash, state, rows, accepted, rejected, rejects, actor)"
        " SELECT gen_random_uuid(), id, client_id, 'x.csv', '\\x00', 'undone', 1, 1, 0, '[]', 'x'"
        " FROM redemption_campaign LIMIT 1 RETURNING id)"
        " UPDATE redemption_recipient SET batch_id = batch.id, line = 2 FROM batch"
    ),
    "every key that was answered leads to what it stands for": (
        "UPDATE credit_idempotencyrecord SET object_id = gen_random_uuid()"
    ),
}


@pytest.fixture(autouse=True)
def rows() -> None:
    """Make a bit of everything: issued, waiting, a test, cancelled, exchanged, held, sold."""
    world = build_world()
    with transaction():
        hold_id = hold_credit(
            account_id=world.account.pk,
            amount_minor=100,
            currency="USD",
            reference="order:1",
            actor="system",
            now=NOW,
        )
        release_hold(hold_id=hold_id, actor="system", now=NOW)
    assert world.account.parent is not None
    split_account(account_id=world.account.parent.pk, slots=2, actor="system", now=NOW)
    world.stock(2)
    for code in world.invite(3):
        ask(code, key=key_for(code, key=code))
    ask(world.invite(is_test=True)[0])
    cancel(redeem_one(world))
    exchanged = redeem_one(world)
    world.stock(1)
    replace(exchanged)
    sell(world, master_pool(world, 1), 1)


class TestBrokenInvariants:
    def test_are_none_in_a_sound_world(self) -> None:
        assert broken_invariants() == {}

    def test_are_all_tried_here(self) -> None:
        assert set(BREAKS) == set(INVARIANTS)

    @pytest.mark.parametrize("promise", INVARIANTS)
    def test_are_told_by_name(self, promise: str) -> None:
        with as_owner() as connection:
            for (table,) in connection.execute(
                "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
            ).fetchall():
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            connection.execute(BREAKS[promise])
            broken = broken_invariants(connection)
        assert promise in broken
        assert broken[promise]
