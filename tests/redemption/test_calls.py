"""Calls at the desk below their pages: two at once, what a repeat does, what a day comes to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from django.db import connection

from alerts.errors import ValidationFailedError
from alerts.scope import NOTHING, seeing
from credit.models import Membership, User
from redemption.models import CallSession, ConditionMet, Recipient, Redemption
from redemption.selectors.desk import open_call_of, person_at_desk, rewards_at_desk
from redemption.selectors.desk_search import find_callers, seems_code
from redemption.selectors.desk_side import day_numbers, past_calls, stock_of_campaign
from redemption.services.calls import (
    HeldByColleagueError,
    NoCallError,
    RecipientNotFoundError,
    begin_call,
    choose_recipient,
    end_call,
    reopen_call,
    save_notes,
    take_over,
)
from redemption.services.desk_rewards import give_at_desk, require_turn, see_given_card
from redemption.services.redeem import AlreadyProvisionedError, Contact
from tests.guards.raw import as_owner
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.redemption.desking import ago, make_agent, now, someone, viewer_of
from tests.staff import make_user
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = Contact(method="sms", to="+12025550143")
T = TypeVar("T")


def race(count: int, step: Callable[[int], T]) -> list[T]:
    """Let each of so many take their step at once; return what each came to."""
    numbers = itertools.count()
    results = run_at_once(count, lambda: step(next(numbers)))
    for result in results:
        if isinstance(result, Exception):
            raise result
    return [result for result in results if not isinstance(result, Exception)]


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(3)
    return world


@pytest.fixture
def agent(world: World) -> User:
    return make_agent(world.client, name="Bea")


def take(agent: User, recipient: Recipient, **fields: Any) -> UUID:
    return choose_recipient(
        viewer=viewer_of(agent),
        agent_id=agent.pk,
        recipient_id=recipient.pk,
        now=now(),
        **fields,
    )


def give(agent: User, call_id: UUID, **fields: Any) -> Any:
    facts = {"condition_number": 1, "ticked": (), "contact": TEXT, "request_id": "r", "now": now()}
    return give_at_desk(
        viewer=viewer_of(agent), agent_id=agent.pk, call_id=call_id, **{**facts, **fields}
    )


class TestBeginCall:
    def test_begins_one_of_two_windows(self, agent: User) -> None:
        ids = race(4, lambda _: begin_call(agent_id=agent.pk, caller="", now=now()))
        assert len(set(ids)) == 1
        assert CallSession.objects.count() == 1

    def test_keeps_the_number_that_rang_first(self, agent: User) -> None:
        begin_call(agent_id=agent.pk, caller="+12025550101", now=now())
        begin_call(agent_id=agent.pk, caller="+12025550102", now=now())
        assert CallSession.objects.get().caller == "+12025550101"


class TestChooseRecipient:
    def test_is_refused_for_a_stranger(self, world: World) -> None:
        recipient, _code = someone(world)
        other = build_world(name="Birch")
        stranger = make_agent(other.client)
        with pytest.raises(RecipientNotFoundError):
            take(stranger, recipient)
        assert not CallSession.objects.exists()

    def test_is_refused_for_an_auditor(self, world: World) -> None:
        recipient, _code = someone(world)
        auditor = make_user(is_staff=False)
        Membership.objects.create(user=auditor, role=Membership.Role.AUDITOR, client=world.client)
        with pytest.raises(RecipientNotFoundError):
            take(auditor, recipient)

    def test_holds_for_one_of_many_at_once(self, world: World) -> None:
        recipient, _code = someone(world)
        agents = [make_agent(world.client) for _ in range(5)]
        race(5, lambda number: take(agents[number], recipient))
        assert CallSession.objects.filter(recipient=recipient, ended_at=None).count() == 5
        assert CallSession.objects.filter(recipient=recipient, held_at__isnull=False).count() == 1

    def test_would_hold_for_several_without_the_index(self, world: World) -> None:
        # The control: it is the unique index that decides, and the race is one.
        def loses() -> bool:
            recipient, _code = someone(world)
            agents = [make_agent(world.client) for _ in range(5)]
            race(5, lambda number: take(agents[number], recipient))
            return held.filter(recipient=recipient).count() > 1

        name = "redemption_callsession_one_holder_each"
        with connection.cursor() as cursor:
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
            (definition,) = cursor.fetchone()
        held = CallSession.objects.filter(held_at__isnull=False)
        with as_owner() as owner:
            owner.execute(f"DROP INDEX {name}")
            owner.commit()
            try:
                # Now and then they happen to come one after the other.
                assert any(loses() for _ in range(20))
            finally:
                held.update(held_at=None)
                owner.execute(definition)
                owner.commit()

    def test_lets_go_of_the_one_before(self, world: World, agent: User) -> None:
        first, _code = someone(world)
        second, _code = someone(world, first_name="Ben")
        take(agent, first)
        take(agent, second)
        assert CallSession.objects.get().recipient == second
        colleague = make_agent(world.client)
        take(colleague, first)
        assert CallSession.objects.get(agent=colleague).held_at is not None


class TestTakeOver:
    def test_is_refused_while_the_other_is_at_it(self, world: World, agent: User) -> None:
        recipient, _code = someone(world)
        take(agent, recipient)
        colleague = make_agent(world.client)
        call_id = take(colleague, recipient)
        with pytest.raises(HeldByColleagueError):
            take_over(
                viewer=viewer_of(colleague),
                agent_id=colleague.pk,
                call_id=call_id,
                now=now(),
            )

    def test_lets_one_of_two_colleagues_in(self, world: World, agent: User) -> None:
        recipient, _code = someone(world)
        take(agent, recipient)
        CallSession.objects.update(active_at=ago(minutes=11))
        colleagues = [make_agent(world.client) for _ in range(2)]
        calls = [take(one, recipient) for one in colleagues]

        def step(number: int) -> str:
            try:
                take_over(
                    viewer=viewer_of(colleagues[number]),
                    agent_id=colleagues[number].pk,
                    call_id=calls[number],
                    now=now(),
                )
            except HeldByColleagueError:
                return "held"
            return "taken"

        assert sorted(race(2, step)) == ["held", "taken"]
        # What the first has open still is about the same person, but no longer theirs to act on.
        call = open_call_of(agent_id=agent.pk, now=now())
        assert call is not None
        assert call.holder is not None
        assert not call.holder.is_idle


class TestGiveAtDesk:
    def test_gives_one_card_to_two_agents_at_once(self, world: World) -> None:
        recipient, _code = someone(world)
        agents = [make_agent(world.client) for _ in range(4)]
        calls = [take(one, recipient) for one in agents]

        def step(number: int) -> str:
            try:
                give(agents[number], calls[number])
            except (HeldByColleagueError, AlreadyProvisionedError) as error:
                return type(error).__name__
            return "given"

        assert race(4, step).count("given") == 1
        assert Redemption.objects.filter(recipient=recipient).count() == 1
        assert ConditionMet.objects.count() == 1

    def test_gives_one_card_for_many_presses_of_one(self, world: World, agent: User) -> None:
        recipient, _code = someone(world)
        call_id = take(agent, recipient)
        race(4, lambda _: give(agent, call_id))
        reward = Redemption.objects.get(recipient=recipient)
        assert CallSession.objects.get().redemption == reward
        assert ConditionMet.objects.filter(redemption=reward).count() == 1

    def test_takes_no_reward_of_another_door_for_its_own(self, world: World, agent: User) -> None:
        recipient, code = someone(world)
        ask(code)
        call_id = take(agent, recipient)
        with pytest.raises(AlreadyProvisionedError):
            give(agent, call_id)
        assert CallSession.objects.get().redemption is None
        shown = see_given_card(
            viewer=viewer_of(agent), agent_id=agent.pk, call_id=call_id, now=now()
        )
        assert shown is None

    def test_names_each_point_that_is_left(self, world: World, agent: User) -> None:
        world.condition.checklist = ["A", "B", "C"]
        world.condition.save()
        recipient, _code = someone(world)
        with pytest.raises(ValidationFailedError) as refusal:
            give(agent, take(agent, recipient), ticked={1})
        assert refusal.value.errors == {"checklist": ["Check this first: A", "Check this first: C"]}

    def test_needs_an_open_call_of_the_agent(self, world: World, agent: User) -> None:
        recipient, _code = someone(world)
        call_id = take(agent, recipient)
        colleague = make_agent(world.client)
        for who, which in ((colleague, call_id), (agent, uuid4())):
            with pytest.raises(NoCallError):
                give(who, which)
        end_call(agent_id=agent.pk, call_id=call_id, outcome="cut_off", now=now())
        with pytest.raises(NoCallError):
            give(agent, call_id)
        assert not Redemption.objects.exists()


class TestRequireTurn:
    def test_is_refused_for_a_reward_of_somebody_else(self, world: World, agent: User) -> None:
        recipient, _code = someone(world)
        _other, code = someone(world)
        reward = Redemption.objects.get(pk=ask(code).redemption_id)
        call_id = take(agent, recipient)
        with pytest.raises(NoCallError):
            require_turn(
                viewer=viewer_of(agent),
                agent_id=agent.pk,
                call_id=call_id,
                redemption_id=reward.pk,
                now=now(),
            )


class TestReopenCall:
    def test_counts_as_one_call_with_the_one_before(self, world: World, agent: User) -> None:
        recipient, _code = someone(world)
        call_id = take(agent, recipient)
        end_call(agent_id=agent.pk, call_id=call_id, outcome="helped", now=now())
        new_id = reopen_call(agent_id=agent.pk, call_id=call_id, now=now())
        assert reopen_call(agent_id=agent.pk, call_id=call_id, now=now()) == new_id
        end_call(agent_id=agent.pk, call_id=new_id, outcome="rewarded", now=now())
        numbers = day_numbers(agent_id=agent.pk, since=ago(hours=1))
        assert numbers.calls == 1
        (past,) = past_calls(viewer=viewer_of(agent), agent_id=agent.pk)
        assert past.outcome == "rewarded"

    def test_is_refused_when_it_is_long_ago_or_another_is_open(
        self, world: World, agent: User
    ) -> None:
        recipient, _code = someone(world)
        call_id = take(agent, recipient)
        end_call(agent_id=agent.pk, call_id=call_id, outcome="helped", now=now())
        with pytest.raises(NoCallError):
            reopen_call(agent_id=agent.pk, call_id=call_id, now=now() + timedelta(minutes=11))
        begin_call(agent_id=agent.pk, caller="", now=now())
        with pytest.raises(NoCallError):
            reopen_call(agent_id=agent.pk, call_id=call_id, now=now())
        stranger = make_agent(world.client)
        with pytest.raises(NoCallError):
            reopen_call(agent_id=stranger.pk, call_id=call_id, now=now())


class TestSaveNotes:
    def test_takes_words_that_only_look_like_codes(self, world: World, agent: User) -> None:
        recipient, _code = someone(world)
        call_id = take(agent, recipient)
        notes = "Ref 2024-11, room 12B, tel 202 555 0143, asked for JANE-DOE"
        save_notes(agent_id=agent.pk, call_id=call_id, notes=notes, now=now())
        assert CallSession.objects.get().notes == notes

    def test_is_refused_once_the_call_is_over(self, world: World, agent: User) -> None:
        recipient, _code = someone(world)
        call_id = take(agent, recipient)
        end_call(agent_id=agent.pk, call_id=call_id, outcome="helped", now=now())
        with pytest.raises(NoCallError):
            save_notes(agent_id=agent.pk, call_id=call_id, notes="late", now=now())


class TestFindCallers:
    def test_sees_nobody_without_a_role(self, world: World) -> None:
        _recipient, code = someone(world, external_crm_id="c-1")
        nobody = viewer_of(make_user(is_staff=False))
        with seeing(NOTHING):
            for text in (code, "+12025550143", "c-1", "Sample"):
                assert find_callers(viewer=nobody, text=text).matches == ()

    @pytest.mark.parametrize("text", ["", "%", "_", "'", "\\", "\x00", "a" * 5000, "💥", "%%%a_"])
    def test_finds_nobody_by_nonsense(self, world: World, agent: User, text: str) -> None:
        someone(world)
        assert find_callers(viewer=viewer_of(agent), text=text).matches == ()

    @pytest.mark.parametrize(
        ("text", "is_code"),
        [
            ("7Q2M-9VTX-4HRK0", True),
            ("7Q2M 9VTX 4HRK0", True),
            ("ACME12", True),
            ("https://x.example/redeem/?code=ABC123", True),
            ("Sample", False),
            ("Ana Sample", False),
            ("(202) 555-0143", False),
        ],
    )
    def test_tells_codes_from_names_and_numbers(self, text: str, *, is_code: bool) -> None:
        assert seems_code(text) is is_code


class TestFindPeople:
    def test_reads_the_index_in_its_own_order(self, world: World) -> None:
        # Thousands of one name: the first nine are found without looking at the others.
        world.invite()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO redemption_recipient (id, campaign_id, client_id, first_name,"
                " last_name, code_digest, code_encrypted, code_last4, approval, is_test)"
                " SELECT gen_random_uuid(), campaign_id, client_id, 'A' || n, 'Smith',"
                " sha256(n::text::bytea), 'x', '0000', approval, false"
                " FROM redemption_recipient, generate_series(1, 20000) n"
            )
            cursor.execute(
                "SELECT count(*) FROM redemption_find_people(%s, 'Smi', 'a1', 9)",
                [[world.client.pk]],
            )
            assert cursor.fetchone() == (9,)
        with as_owner() as owner:
            owner.execute("ANALYZE redemption_recipient")
            plan = owner.execute(
                "EXPLAIN SELECT id FROM redemption_recipient"
                f" WHERE client_id = '{world.client.pk}' AND last_name <> ''"
                " AND lower(last_name) LIKE 'smith%' AND lower(first_name) LIKE '%'"
                " ORDER BY lower(last_name) USING ~<~, lower(first_name) USING ~<~ LIMIT 9"
            ).fetchall()
        assert "redemption_recipient_people" in str(plan)
        assert "Sort" not in str(plan)


class TestPersonAtDesk:
    def test_is_not_there_for_a_stranger(self, world: World) -> None:
        recipient, code = someone(world)
        ask(code)
        stranger = viewer_of(make_agent(build_world(name="Birch").client))
        with seeing(NOTHING):
            assert person_at_desk(viewer=stranger, recipient_id=recipient.pk) is None
            assert rewards_at_desk(viewer=stranger, recipient_id=recipient.pk) == []
            assert (
                stock_of_campaign(viewer=stranger, campaign_id=world.campaign.pk, now=now()) == []
            )
