"""What engines show of runs is written for everybody to read, no oftener than it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.clock import SECOND
from core.daemon.showing import Shown, write
from core.domain.engines import UNHELD, Observed, Phase, Token, Use
from core.domain.errors import NotFound
from core.domain.lifecycle import State
from core.domain.requests import NewOrg
from core.store.queries import retention
from core.views.instances import head_of, pairs_of
from core.views.work import InstanceCard
from tests.daemon.world import World

TOKEN = Token("b7k2", "dep-1", 1)


def test_what_runs_is_shown_with_what_it_takes_and_later_with_how_it_ended(world: World) -> None:
    world.cluster(gpu="1")
    work = world.submit(gpu="1", labels={"sim.duration": "60s", "sim.gpu": "35%", "sim.exit": "3"})
    daemon = world.daemon()
    world.pass_time(0, daemon)
    (shown,) = world.bursar.deployments.show(world.olga, work).instances
    assert (shown.replica, shown.generation, shown.node, shown.gpu_busy_milli) == (0, 1, "node-1", 350)
    assert (shown.exit_code, shown.seen_at) == (None, world.time.now())
    world.pass_time(60 * SECOND, daemon)
    (over,) = world.bursar.deployments.show(world.olga, work).instances
    assert (over.engine_id, over.gpu_busy_milli) == (shown.engine_id, None), "what has ended takes nothing"
    assert world.row(work).exit_code == 3


def test_a_change_of_its_use_is_shown(world: World) -> None:
    world.cluster()
    work = world.submit()
    daemon = world.daemon()
    world.pass_time(0, daemon)
    world.control().set_utilization(world.token(work), 970)
    world.pass_time(60 * SECOND, daemon)
    (other,) = world.bursar.deployments.show(world.olga, work).instances
    assert (other.gpu_busy_milli, other.seen_at) == (970, world.time.now())


def test_each_member_of_a_gang_is_shown_and_the_next_start_takes_the_place_of_the_last(world: World) -> None:
    world.cluster()
    gang = world.submit(replicas=3, labels={"sim.gpu": "10%"})
    daemon = world.daemon()
    world.pass_time(0, daemon)
    assert [one.replica for one in world.bursar.deployments.show(world.olga, gang).instances] == [0, 1, 2]
    world.bursar.deployments.stop(world.olga, gang)
    world.pass_time(60 * SECOND, daemon)
    world.bursar.deployments.start(world.olga, gang)
    world.pass_time(60 * SECOND, daemon)
    assert world.state(gang) is State.RUNNING
    assert [one.generation for one in world.bursar.deployments.show(world.olga, gang).instances] == [2, 2, 2]


def test_a_tombstone_tells_nothing_of_it_and_strangers_never_see_it(world: World) -> None:
    world.cluster()
    work = world.submit(labels={"sim.gpu": "10%"})
    world.pass_time(0)
    stranger = world.member("mia")
    world.bursar.organizations.create(world.olga, NewOrg(name="other"))
    with world.units.look() as unit:
        other = unit.orgs.living("other")
        assert other is not None
        assert unit.within(other.id).instances.of(world.row(work).id) == []
    assert world.bursar.deployments.show(stranger, work).instances
    with pytest.raises(NotFound):
        world.bursar.deployments.show(world.olga, work)  # she is in the other organization now
    with world.units.write(stranger) as unit:
        retention.compact(unit.connection, world.row(work).id)
    assert world.bursar.deployments.show(stranger, work).instances == ()


def test_a_cluster_says_how_what_runs_there_is_held_down(world: World) -> None:
    world.cluster()
    work, other, idle = world.submit(), world.submit("other"), world.submit("idle")
    world.pass_time(0)
    said = {work: "cgroup v2", other: "cgroup v2", idle: ""}
    with world.units.write(world.olga) as unit:
        rows = [unit.deployments.referred(handle)[0] for handle in said]
        seen = [
            Observed(
                Token("b7k2", row.handle, 1), "e", Phase.RUNNING, facts={"limits": said[row.handle], "shim": row.id}
            )
            for row in rows
        ]
        write(unit, seen, rows)
    assert world.bursar.clusters.show(world.member("mia"), "sim").limits == ("cgroup v2",)

    def warned() -> list[str]:
        found = world.bursar.operations.doctor(world.olga).findings
        return [one.message for one in found if one.check == "processes are limited"]

    assert warned() == []
    with world.units.write(world.olga) as unit:
        write(unit, [replace(seen[2], facts={"limits": f"rlimits and nice; {UNHELD}"})], rows)
    assert warned() == ["sim: a run that forks without end takes its host down"]
    world.bursar.deployments.cancel(world.olga, idle)
    for handle in (work, other):
        world.bursar.deployments.cancel(world.olga, handle)
    world.pass_time(60 * SECOND)
    assert world.bursar.clusters.show(world.olga, "sim").limits == (), "nothing that lives there says so"


def test_what_was_not_committed_is_news_again() -> None:
    shown = Shown()
    one = Observed(TOKEN, "e", Phase.RUNNING, use=Use(100, 64))
    assert shown.news([one]) == [one] == shown.news([one])
    shown.keep([one])
    assert shown.news([one, Observed(TOKEN, "e", Phase.RUNNING, use=Use(100, 64))]) == []
    assert shown.news([Observed(TOKEN, "e", Phase.RUNNING, use=Use(200, 64))]) != []
    ended = Observed(TOKEN, "e", Phase.FINISHED, exit_code=3)
    assert shown.news([ended]) == [ended], "of what was shown the end is shown too"
    shown.forget_all_but([])
    assert shown.news([one]) == [one]


def test_what_is_on_its_way_or_says_nothing_is_not_written() -> None:
    pulling = Observed(TOKEN, "pull", Phase.STARTING, facts={"pull": "40 %"})
    assert Shown().news([pulling, Observed(TOKEN, "e", Phase.RUNNING), Observed(None, "x", Phase.RUNNING)]) == []


@pytest.mark.parametrize(
    ("parts", "head", "pairs"),
    [
        ({}, "run 1", []),
        ({"node": "big", "replica": 2}, "run 1, replica 2 on big", []),
        (
            {"cpu_used_milli": 338, "ram_used_mib": 62, "gpu_busy_milli": 456, "gpu_ram_used_mib": 12_288},
            "run 1",
            [("takes", "0.34 CPU, 62 MiB, GPU 45 % busy, 12 GiB on it")],
        ),
        ({"ram_used_mib": 0}, "run 1", [("takes", "less than 1 MiB")]),
        ({"exit_code": 137, "oom": True}, "run 1", [("ended", "out of memory, exit 137")]),
        (
            {"exit_code": 0, "facts": {"image": "a@sha256:1"}, "message": "so it was"},
            "run 1",
            [("ended", "exit 0"), ("image", "a@sha256:1"), ("note", "so it was")],
        ),
    ],
)
def test_it_is_said_in_few_words(parts: dict[str, Any], head: str, pairs: list[tuple[str, str]]) -> None:
    nothing: dict[str, Any] = {
        **dict.fromkeys(("cpu_used_milli", "ram_used_mib", "gpu_busy_milli", "gpu_ram_used_mib", "exit_code")),
        **dict.fromkeys(("node", "message"), ""),
        **dict.fromkeys(("replica", "seen_at"), 0),
    }
    one = InstanceCard(**{**nothing, "generation": 1, "engine_id": "e", "facts": {}, "oom": False, **parts})
    assert (head_of(one), pairs_of(one)) == (head, pairs)
