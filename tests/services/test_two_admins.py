"""E70: two admins change the same thing at once. Nothing that one of them did is lost, or undone unseen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.domain.changes import ApproveRequest, PriorityRequest, RejectRequest
from core.domain.cluster_requests import ClusterChange
from core.domain.money_requests import LimitsRequest, RatesRequest
from core.domain.roles import Caller
from core.domain.validation import validated
from core.ids import RandomIds
from core.settings import Approvals
from core.store.queries import ledger_checks
from core.store.repositories.journal import Audit
from core.store.scope import unscoped
from core.views.operations import Verdict
from tests.builders import World, quick_settings
from tests.fakes import at_once

ROUNDS = 6
Act = Callable[[World, Caller, int], Any]


class Two:
    """The organization `vision` with its member mia and two admins, of whom one has the even turns."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ana = world.org(world.operator(), "vision")
        self.ben = world.member(self.ana, "ben", "admin")
        self.mia = world.member(self.ana, "mia")
        world.cluster(self.ana)
        world.fund(self.mia, credits=1000, gpu_hours=1000)

    def change(self, first: Act, second: Act) -> list[str]:
        """Each admin again and again, all at the same moment."""

        def act(world: World, number: int) -> str:
            turn, who = ((first, self.ana), (second, self.ben))[number % 2]
            turn(world, who, number)
            return "done"

        return at_once(self.world, act, range(2 * ROUNDS))

    def recorded(self, verb: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """What each change found and what it left behind, oldest first."""
        with self.world.store.read() as connection:
            rows = list(Audit(connection, unscoped("a test reads it all")).from_the_beginning())
        return [(json.loads(row.before or "{}"), json.loads(row.after or "{}")) for row in rows if row.verb == verb]


@pytest.fixture
def two(tmp_path: Path, store_url: str) -> Iterator[Two]:
    (tmp_path / "home").mkdir(mode=0o700)
    settings = quick_settings(tmp_path / "home", store_url, approvals=Approvals(policy="always"))
    made = Two(World.of(settings, SystemClock(), RandomIds()))
    yield made
    made.world.close()


def test_E70_what_they_set_of_a_cluster_is_all_kept(two: Two) -> None:
    def setting(name: str) -> Act:
        def change(world: World, who: Caller, number: int) -> None:
            asked = validated(ClusterChange, cluster="rack", change={name: f"{number + 1}s"})
            world.bursar.clusters.change(who, asked)

        return change

    assert two.change(setting("boot"), setting("stop_takes")) == ["done"] * 2 * ROUNDS
    changes = [(before["settings"], after["settings"]) for before, after in two.recorded("cluster.change")]
    assert {"boot", "stop_takes"} <= changes[-1][1].keys()
    assert all(after == before for (_, after), (before, _) in pairwise(changes)), "each has seen what it changed"


def test_E70_of_limits_and_prices_each_keeps_what_the_other_set(two: Two) -> None:
    def limit(measure: str) -> Act:
        return lambda world, who, number: world.bursar.limits.set(
            who, validated(LimitsRequest, member="mia", **{measure: str(number + 1)})
        )

    def price(field: str) -> Act:
        """At two desks of the operator, who alone sets prices."""
        return lambda world, _who, number: world.bursar.prices.set_rates(
            two.ana, validated(RatesRequest, cluster="rack", set=[f"{field}={number + 1}"])
        )

    assert two.change(limit("gpus"), limit("cpus")) == ["done"] * 2 * ROUNDS
    limits = two.recorded("limits.set")
    assert len(limits[-1][1]) == 2
    assert all(after == before for (_, after), (before, _) in pairwise(limits)), "each has seen what it changed"
    assert two.change(price("cpu-hour"), price("gib-hour")) == ["done"] * 2 * ROUNDS
    versions = [(before["version"], after["version"]) for before, after in two.recorded("rates.set")]
    assert [after for _, after in versions] == list(range(versions[0][1], versions[0][1] + 2 * ROUNDS))
    assert all(after == before for (_, after), (before, _) in pairwise(versions)), "none starts from an older one"


def test_E70_of_those_who_say_what_they_have_seen_one_changes_it_and_the_others_are_told(two: Two) -> None:
    made = two.world.submit(two.mia, "train").id

    def prefer(world: World, who: Caller, number: int) -> None:
        asked = validated(PriorityRequest, id=made, priority=60 + number, if_still=50)
        world.bursar.decisions.set_priority(who, asked)

    outcomes = two.change(prefer, prefer)
    assert sorted(outcomes) == ["changed_meanwhile"] * (2 * ROUNDS - 1) + ["done"]
    assert two.world.bursar.deployments.show(two.mia, made).priority == 60 + outcomes.index("done")


def test_E70_what_they_decide_differently_is_decided_once_and_the_other_is_told(two: Two) -> None:
    """More hours, fewer hours or none at all: what is set aside is for what was decided, whoever came first."""
    made = two.world.submit(two.mia, "train", hours=2).id

    def approve(world: World, who: Caller, number: int) -> None:
        world.bursar.decisions.approve(who, validated(ApproveRequest, id=made, hours=str(number + 1)))

    def reject(world: World, who: Caller, _number: int) -> None:
        world.bursar.decisions.reject(who, validated(RejectRequest, id=made, reason="no"))

    outcomes = two.change(approve, reject)
    assert sorted(outcomes) == ["done"] + ["illegal_transition"] * (2 * ROUNDS - 1)
    card = two.world.bursar.deployments.show(two.mia, made)
    held = two.world.bursar.credits.wallet(two.mia).gpu_hours.held_gpu_ms
    winner = outcomes.index("done")
    assert (card.state.value, held) == (("queued", (winner + 1) * 3_600_000) if winner % 2 == 0 else ("rejected", 0))
    with two.world.store.read() as connection:
        findings = ledger_checks.run(connection, two.world.units.now())
    assert [one for one in findings if one.verdict is Verdict.FAIL] == []
