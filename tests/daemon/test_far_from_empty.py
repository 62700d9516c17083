"""A wallet that can pay for all that runs in it to its end is not read run by run, and stands where it would."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pytest

from core.clock import HOUR, MINUTE
from core.daemon import ladder
from core.ledger.amounts import Amounts, Book
from core.ledger.burn import Drain
from core.ledger.ladder import Standing
from tests.daemon.world import World

# What is in the purse, in percent of what its two jobs will have cost: just enough, around the first rung, plenty.
PURSES = (100, 110, 124, 125, 126, 150, 1000)
Looks = list[tuple[list[dict[Book, Standing]], list[tuple[str, str]]]]


def test_whoever_can_pay_for_all_to_its_end_costs_one_look_however_many_runs_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_run_by_run(_: object) -> Drain:
        raise AssertionError("each run was read")

    watched = cached_property(read_run_by_run)
    watched.__set_name__(ladder._Purse, "burning")
    monkeypatch.setattr(ladder._Purse, "burning", watched)
    world.cluster(cpu="32")
    ann = world.member("ann")
    for number in range(20):
        world.submit(f"job-{number}", by=ann, hours="10")
    daemon = world.daemon()
    daemon.once()
    world.pass_time(HOUR, daemon)
    world.submit("service", by=ann)
    with pytest.raises(AssertionError, match="each run was read"):
        daemon.once()  # no limit ends it: when it will have used up the wallet must be computed


def test_the_ladder_is_the_same_when_every_wallet_is_read_run_by_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_is = _two_hours_of_jobs(tmp_path / "one")
    monkeypatch.setattr(ladder._Purse, "at_most", None)
    assert _two_hours_of_jobs(tmp_path / "two") == as_it_is
    steps = {verb for _, heard in as_it_is for verb, _ in heard}
    assert {"wallet.notice", "wallet.need_approval", "wallet.refuse_submissions"} <= steps, "the purses are too full"
    assert [len(stands) for stands, _ in as_it_is] == [len(PURSES)] * len(as_it_is)


def _two_hours_of_jobs(home: Path) -> Looks:
    """Where each wallet stands every ten minutes, and what was told."""
    home.mkdir(mode=0o700)
    world = World(home)
    world.cluster(cpu="64", gpu="8")
    asked = {"plain": {"hours": "1.5"}, "gpu": {"hours": "1", "gpu": "1"}}
    cost = sum((world.held(world.submit(name, **size)) for name, size in asked.items()), Amounts())
    members = [
        world.member(f"member-{percent}", Amounts(cost.ucr * percent // 100, cost.gpu_ms * percent // 100))
        for percent in PURSES
    ]
    for who in members:
        for name, size in asked.items():
            world.submit(f"{name}-{who.account_id[-6:]}", by=who, **size)
    daemon, looks = world.daemon(), []
    for _ in range(12):
        daemon.once()
        with world.units.look() as unit:
            stands = [dict(unit.standings.of_wallet(world.org_id, who.account_id)) for who in members]
        looks.append((stands, world.events("wallet.")))
        world.clock.advance(10 * MINUTE)
    world.close()
    return looks
