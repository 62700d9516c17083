"""A face dies by SIGKILL in the middle of a command: it was done or it was not, and asking again finds out which."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.domain.changes import ApproveRequest, RejectRequest
from core.domain.errors import Conflict
from core.domain.roles import Caller
from core.domain.validation import validated
from core.ids import RandomIds
from core.settings import Approvals
from core.store.queries import ledger_checks
from core.views.operations import Verdict
from tests.builders import World, job, quick_settings
from tests.fakes import clean


def submit(world: World, who: Caller) -> object:
    return world.bursar.deployments.submit(who, job("train", key="once"))


def approve(world: World, who: Caller) -> object:
    return world.bursar.decisions.approve(who, validated(ApproveRequest, id="train"))


def approve_with_changes(world: World, who: Caller) -> object:
    return world.bursar.decisions.approve(who, validated(ApproveRequest, id="train", hours="3", priority="70"))


def reject(world: World, who: Caller) -> object:
    return world.bursar.decisions.reject(who, validated(RejectRequest, id="train", reason="no"))


Act = Callable[[World, Caller], object]
# What is decided: the state and the hours set aside that follow.
DECISIONS: dict[Act, tuple[str, int]] = {
    approve: ("queued", 1),
    approve_with_changes: ("queued", 3),
    reject: ("rejected", 0),
}


def opened(home: Path, url: str, policy: str) -> World:
    return World.of(quick_settings(home, url, approvals=Approvals(policy=policy)), SystemClock(), RandomIds())


def act_and_die(home: Path, url: str, policy: str, act: Act, who: Caller, *, after_commit: bool) -> None:
    """In a process of its own: killed right before its commit, or right after it, before anybody is told."""
    world = opened(home, url, policy)
    dialect = world.store.engine.dialect
    really_commit = dialect.do_commit

    def commit_and_die(connection: Any) -> None:
        if after_commit:
            really_commit(connection)
        os.kill(os.getpid(), signal.SIGKILL)

    dialect.do_commit = commit_and_die  # type: ignore[method-assign]
    act(world, who)


class Desk:
    """An admin at work, who can be cut off."""

    def __init__(self, home: Path, url: str, policy: str) -> None:
        self._place = (home, url, policy)
        self.world = opened(*self._place)
        self.admin = self.world.org(self.world.operator(), "vision")
        self.world.cluster(self.admin)

    def is_cut_off(self, act: Act, *, after_commit: bool) -> None:
        process = clean.Process(
            target=act_and_die, args=(*self._place, act, self.admin), kwargs={"after_commit": after_commit}
        )
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL

    def found(self) -> list[tuple[str, int]]:
        """The state of what was asked for, and the hours that are set aside for it."""
        held = self.world.bursar.credits.wallet(self.admin).gpu_hours.held_gpu_ms // 3_600_000
        return [(line.state.value, held) for line in self.world.bursar.deployments.list(self.admin).items]

    def books_balance(self) -> None:
        with self.world.store.read() as connection:
            findings = ledger_checks.run(connection, self.world.units.now())
        assert [one for one in findings if one.verdict is Verdict.FAIL] == []


@pytest.fixture
def desk(tmp_path: Path, store_url: str) -> Iterator[Callable[[str], Desk]]:
    made: list[Desk] = []

    def make(policy: str) -> Desk:
        made.append(Desk(tmp_path / "home", store_url, policy))
        return made[0]

    yield make
    for one in made:
        one.world.close()


@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize(("policy", "state"), [("never", "queued"), ("always", "awaiting_approval")])
def test_E7_a_command_that_was_cut_off_is_done_or_not_and_the_same_key_tells(
    desk: Callable[[str], Desk], policy: str, state: str, after_commit: bool
) -> None:
    one = desk(policy)
    one.is_cut_off(submit, after_commit=after_commit)
    assert one.found() == ([(state, 1)] if after_commit else [])
    before = one.world.bursar.deployments.list(one.admin).items
    again = one.world.bursar.deployments.submit(one.admin, job("train", key="once"))
    after = one.world.bursar.deployments.list(one.admin).items
    assert [line.id for line in after] == [again.id]
    assert not before or before[0].id == again.id
    assert one.found() == [(state, 1)]
    one.books_balance()


@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("decide", DECISIONS, ids=lambda act: act.__name__)
def test_E6_E7_a_decision_that_was_cut_off_is_made_or_not_and_made_once(
    desk: Callable[[str], Desk], decide: Act, after_commit: bool
) -> None:
    one = desk("always")
    submit(one.world, one.admin)
    one.is_cut_off(decide, after_commit=after_commit)
    assert one.found() == [DECISIONS[decide] if after_commit else ("awaiting_approval", 1)]
    if after_commit:
        with pytest.raises(Conflict, match="cannot"):
            decide(one.world, one.admin)
    else:
        decide(one.world, one.admin)
    assert one.found() == [DECISIONS[decide]]
    one.books_balance()
