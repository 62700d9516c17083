"""I-L4: sixteen who move the same money at once never move more than is there, in threads and in processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import SystemClock
from core.domain.errors import Exhausted
from core.domain.money_requests import GrantRequest, TransferRequest
from core.domain.roles import Caller
from core.ids import RandomIds
from tests.builders import World, quick_settings
from tests.fakes import clean, patient
from tests.services.conftest import Team

WRITERS = 16
CREDIT = 1_000_000

amounts = st.lists(st.integers(1, 40), min_size=WRITERS, max_size=WRITERS)


def outcome(move: Callable[[], object]) -> bool:
    try:
        move()
    except Exhausted:
        return False
    return True


def at_once(moves: list[Callable[[], object]]) -> list[bool]:
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(outcome, moves))


def balance(team: Team, user: str) -> int:
    return team.world.bursar.credits.wallet(team.admin, user).credits.balance_ucr // CREDIT


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(asked=amounts)
def test_I_L4_threads_never_move_more_than_is_there(team: Team, asked: list[int]) -> None:
    """What was refused was more than what was left at the end, so nothing was refused without need either."""
    patient(team.world)
    money = team.world.bursar.credits
    before = balance(team, "mia")
    moved = at_once([partial(money.transfer, team.member, TransferRequest(user="ana", credits=str(n))) for n in asked])
    left = balance(team, "mia")
    assert left == before - sum(n for n, done in zip(asked, moved, strict=True) if done) >= 0
    assert all(n > left for n, done in zip(asked, moved, strict=True) if not done)
    verdict = team.world.bursar.statements.verify(team.admin)
    assert verdict.holds, verdict.findings
    if left < 100:
        money.grant(team.admin, GrantRequest(user="mia", credits=str(100 - left)))


def test_the_same_key_from_sixteen_threads_moves_once(team: Team) -> None:
    patient(team.world)
    money = team.world.bursar.credits
    request = TransferRequest(user="ana", credits="7", key="once")
    with ThreadPoolExecutor(WRITERS) as pool:
        cards = list(pool.map(lambda _: money.transfer(team.member, request), range(WRITERS)))
    assert len({card.number for card in cards}) == 1
    assert balance(team, "mia") == 93


def transfers_of_a_process(home: Path, url: str, who: Caller, count: int) -> int:
    """In a process of its own, with its own connections: how many of its transfers of ten credits went through."""
    world = World.of(quick_settings(home, url), SystemClock(), RandomIds())
    patient(world)
    try:
        money = world.bursar.credits
        return sum(
            outcome(lambda: money.transfer(who, TransferRequest(user="ana", credits="10"))) for _ in range(count)
        )
    finally:
        world.close()


def test_I_L4_processes_never_move_more_than_is_there(tmp_path: Path, store_url: str) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    world = World.of(quick_settings(tmp_path / "home", store_url), SystemClock(), RandomIds())
    team = Team.of(world)
    work = [(tmp_path / "home", store_url, team.member, 4)] * (WRITERS // 4)
    with _processes(len(work)) as pool:
        done = pool.starmap(transfers_of_a_process, work)
    assert sum(done) == 10, "a hundred credits in tens"
    assert balance(team, "mia") == 0
    verdict = world.bursar.statements.verify(team.admin)
    assert verdict.holds, verdict.findings
    world.close()


def _processes(count: int) -> Pool:
    return clean.Pool(count)
