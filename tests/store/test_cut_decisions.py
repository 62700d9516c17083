"""E6: a request, and what is decided of it, cut at any statement: all of it or nothing, and the hold with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.domain.changes import ApproveRequest, RejectRequest
from core.domain.roles import Caller
from core.domain.validation import validated
from core.settings import Approvals
from core.store.queries import ledger_checks
from core.views.operations import Verdict
from tests.builders import World, changed_tables, dump, job
from tests.store.test_units import PowerCut, cut_before

HOUR_MS = 3_600_000


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """Where an admin decides on everything that is asked for."""
    made = World.on(tmp_path / "home", store_url, approvals=Approvals(policy="always"))
    yield made
    made.close()


Prepare = Callable[[World, Caller, Caller], Callable[[], object]]


def ask(world: World, _admin: Caller, mia: Caller) -> Callable[[], object]:
    return lambda: world.bursar.deployments.submit(mia, job("train", hours=2, key="once"))


def decide(**changes: str) -> Prepare:
    def prepare(world: World, admin: Caller, mia: Caller) -> Callable[[], object]:
        made = world.submit(mia, "train", hours=2).id
        request = validated(ApproveRequest, id=made, **changes)
        return lambda: world.bursar.decisions.approve(admin, request)

    return prepare


def reject(world: World, admin: Caller, mia: Caller) -> Callable[[], object]:
    request = validated(RejectRequest, id=world.submit(mia, "train", hours=2).id, reason="not this week")
    return lambda: world.bursar.decisions.reject(admin, request)


CASES: dict[str, tuple[Prepare, str, int]] = {
    "ask": (ask, "awaiting_approval", 2),
    "approve": (decide(), "queued", 2),
    "approve with more hours": (decide(hours="5"), "queued", 5),
    "approve with fewer hours and another priority": (decide(hours="1", priority="70"), "queued", 1),
    "reject": (reject, "rejected", 0),
}


@pytest.mark.parametrize("case", CASES)
def test_E6_what_is_decided_is_kept_as_a_whole_or_not_at_all(world: World, case: str) -> None:
    prepare, state, hours = CASES[case]
    admin = world.org(world.operator(), "vision")
    mia = world.member(admin, "mia")
    world.cluster(admin)
    world.fund(mia, credits=1000, gpu_hours=100)
    act = prepare(world, admin, mia)
    before, cuts = dump(world.store), 0
    while True:
        with cut_before(world.store.engine, cuts):
            try:
                act()
                break
            except PowerCut:
                cuts += 1
        assert changed_tables(before, dump(world.store)) == set()
    assert cuts >= 8
    (line,) = world.bursar.deployments.list(mia).items
    assert (line.state.value, world.bursar.credits.wallet(mia).gpu_hours.held_gpu_ms) == (state, hours * HOUR_MS)
    with world.store.read() as connection:
        findings = ledger_checks.run(connection, world.units.now())
    assert [one for one in findings if one.verdict is Verdict.FAIL] == []
    assert world.bursar.operations.verify_audit(world.log_in("olga")).holds
