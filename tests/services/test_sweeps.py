"""Many submissions in one unit: what one by one would be, and all of them or none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import HOUR, SECOND
from core.domain.errors import BursarError, Exhausted, Forbidden, NotFound
from core.domain.lifecycle import State
from core.domain.money_requests import LimitsRequest
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from core.ids import SeqIds
from core.ledger.accounts import wallet
from core.services.funds import funds_of, surely_available
from core.settings import Limits
from core.store.handles import free_handles
from tests.builders import dump, job
from tests.services.conftest import Team

GPU_HOUR = 3_600_000


@pytest.fixture
def ready(team: Team) -> Team:
    return _with_money(team)


@pytest.fixture
def small_ready(small_team: Team) -> Team:
    return _with_money(small_team)


def _with_money(team: Team) -> Team:
    team.world.cluster(team.admin)
    team.world.fund(team.member, credits=100, gpu_hours=20)
    return team


def together(team: Team, requests: list[SubmitRequest]) -> list[tuple[str, State, int]]:
    page = team.world.bursar.deployments.submit_all(team.member, requests)
    return [(card.name, card.state, card.held.gpu_ms) for card in page.items]


def sweep(count: int, **fields: object) -> list[SubmitRequest]:
    return [job(f"try-{number}", **fields) for number in range(count)]


def test_a_sweep_is_queued_and_held_for_in_one_step(ready: Team) -> None:
    world = ready.world
    before = world.bursar.credits.wallet(ready.member).gpu_hours
    assert together(ready, sweep(20)) == [(f"try-{n}", State.QUEUED, GPU_HOUR) for n in range(20)]
    after = world.bursar.credits.wallet(ready.member).gpu_hours
    assert (before.available_gpu_ms - after.available_gpu_ms) == 20 * GPU_HOUR
    assert len(world.bursar.deployments.list(ready.member).items) == 20
    assert world.bursar.operations.doctor(ready.operator).verdict.value != "fail"


def test_one_that_cannot_be_admitted_leaves_none_behind_and_is_named(ready: Team) -> None:
    before = dump(ready.world.store)
    with pytest.raises(Exhausted) as refused:
        together(ready, sweep(31))  # twenty, and the allowance of ten
    assert refused.value.message.startswith("try-30: needs 1.0 GPU-hours, 0.0 left")
    assert dump(ready.world.store) == before


def test_a_name_may_stand_once_in_a_sweep(ready: Team) -> None:
    with pytest.raises(BursarError) as refused:
        together(ready, [*sweep(2), job("try-1")])
    assert refused.value.code == "name_taken"


def test_one_of_a_sweep_may_follow_another(ready: Team) -> None:
    together(ready, [job("first"), job("second", after=["first"])])
    card = ready.world.bursar.deployments.show(ready.member, "second")
    why = ready.world.bursar.foresight.why(ready.member, card.id)
    assert why.state is State.QUEUED and "first" in str(why)


def test_the_same_keys_submit_a_sweep_once(ready: Team) -> None:
    requests = [replaced(one, key=f"monday-{number}") for number, one in enumerate(sweep(3))]
    first = ready.world.bursar.deployments.submit_all(ready.member, requests)
    again = ready.world.bursar.deployments.submit_all(ready.member, requests)
    assert [card.id for card in again.items] == [card.id for card in first.items]


def replaced(request: SubmitRequest, **fields: object) -> SubmitRequest:
    return request.model_copy(update=fields)


def test_what_lives_of_a_sweep_is_cancelled_in_one_step_and_gives_everything_back(ready: Team) -> None:
    world, names = ready.world, [f"try-{n}" for n in range(20)]
    before = world.bursar.credits.wallet(ready.member)
    together(ready, sweep(10))
    world.bursar.deployments.cancel(ready.member, "try-3")
    page = world.bursar.deployments.cancel_all(ready.member, names)
    assert [(line.name, line.state) for line in page.items] == [
        (f"try-{n}", State.CANCELLED) for n in range(10) if n != 3
    ]
    assert world.bursar.credits.wallet(ready.member) == before
    with pytest.raises(NotFound) as refused:
        world.bursar.deployments.cancel_all(ready.member, names)
    assert refused.value.code == "deployment_not_found"
    assert world.bursar.operations.doctor(ready.operator).verdict.value != "fail"


def test_who_may_not_cancel_one_of_them_cancels_none(ready: Team) -> None:
    together(ready, sweep(3))
    ben = ready.world.member(ready.admin, "ben")
    ready.world.submit(ben, "try-3")
    before = dump(ready.world.store)
    with pytest.raises(Forbidden):
        ready.world.bursar.deployments.cancel_all(ben, ["try-3", "try-2"])
    assert dump(ready.world.store) == before
    assert len(ready.world.bursar.deployments.cancel_all(ready.admin, ["try-3", "TRY-2"]).items) == 2


def test_a_sweep_meets_the_limits_that_one_by_one_would_meet(ready: Team) -> None:
    ready.world.bursar.limits.set(ready.admin, validated(LimitsRequest, member="mia", gpu_hours="5"))
    with pytest.raises(Exhausted) as refused:
        together(ready, sweep(6))
    assert refused.value.code == "limit_reached" and refused.value.message.startswith("try-5:")
    assert len(together(ready, sweep(5))) == 5


def test_a_sweep_is_no_way_around_the_pace_that_is_allowed(small_ready: Team) -> None:
    world = small_ready.world.reopened(replace(small_ready.world.settings, limits=Limits(5, 100, 7, 100)))
    team = replace(small_ready, world=world)
    with pytest.raises(Exhausted) as refused:
        together(team, sweep(6))
    assert refused.value.code == "too_fast"
    assert len(together(team, sweep(5))) == 5
    world.advance(61 * SECOND)
    with pytest.raises(Exhausted) as refused:
        together(team, [job(f"more-{n}") for n in range(3)])
    assert refused.value.code == "queue_full"


_WISH = st.builds(
    lambda gpu, hours, kind: {"gpu": gpu, "hours": hours if kind == "job" else None, "kind": kind},
    st.sampled_from((0, 0.5, 1, 9)),
    st.sampled_from((0.5, 2, 7)),
    st.sampled_from(("job", "job", "service")),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(_WISH, min_size=1, max_size=8))
def test_all_at_once_is_judged_as_one_by_one(small_ready: Team, wishes: list[dict[str, object]]) -> None:
    """Each prefix that one by one would take is taken together, and what would be refused is refused with its words."""
    deployments = small_ready.world.bursar.deployments
    requests = [job(f"try-{number}", **wish) for number, wish in enumerate(wishes)]
    one_by_one: list[tuple[str, State, int]] = []
    refusal: BursarError | None = None
    for request in requests:
        try:
            card = deployments.submit(small_ready.member, request)
        except BursarError as error:
            refusal = error
            break
        one_by_one.append((card.name, card.state, card.held.gpu_ms))
    _delete_all(small_ready)
    if refusal is None:
        assert together(small_ready, requests) == one_by_one
    else:
        with pytest.raises(type(refusal)) as refused:
            together(small_ready, requests)
        assert refused.value.code == refusal.code and refusal.message in refused.value.message
        if one_by_one:
            assert together(small_ready, requests[: len(one_by_one)]) == one_by_one
    _delete_all(small_ready)


def _delete_all(team: Team) -> None:
    for line in team.world.bursar.deployments.list(team.member).items:
        team.world.bursar.deployments.delete(team.member, line.id)
    team.world.advance(61 * SECOND)


def test_what_is_surely_available_is_never_more_than_what_is(small_ready: Team) -> None:
    """With work that holds its cost, work that burns, and some of it paid already."""
    world, member = small_ready.world, small_ready.member
    world.submit(member, "held", hours=2)
    world.submit(member, "web", gpu=0.5, hours=None, kind="service")
    daemon = world.bursar.daemon()
    for hours in (0, 1, 1, 7, 1):
        world.advance(hours * HOUR)
        daemon.once()
        with world.units.read(member) as unit:
            account = wallet(unit.org_id, member.account_id)
            surely, really = surely_available(unit, account), funds_of(unit, account).available
        assert all(surely.of(book) <= amount for book, amount in really)
    daemon.close()


def test_handles_drawn_at_once_are_free_and_differ() -> None:
    ids, seen = SeqIds(), SeqIds()
    taken = {seen.handle("dep") for _ in range(5)}
    drawn = free_handles(ids, "dep", 50, lambda handles: taken & set(handles))
    assert len(set(drawn)) == 50 and not taken & set(drawn)
