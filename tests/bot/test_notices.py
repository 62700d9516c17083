"""Notices about money and ends: who gets them, what they say, and that each comes exactly once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.clock import HOUR, MINUTE
from core.domain.money_requests import GrantRequest
from core.domain.validation import validated
from core.settings import Approvals, Orgs
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, MEMBER, Scene, said
from tests.bot.test_delivery import run_daemon


def told(scene: Scene, user: str, *words: str) -> list[str]:
    """What was posted to somebody with all these words."""
    posts = [one for one in scene.slack.posts if one["channel"] == user]
    texts = [f"{one['text']}\n{everything_said(one['blocks'])}" for one in posts]
    return [text for text in texts if all(word in text for word in words)]


async def passes(scene: Scene, microseconds: int) -> None:
    """Time goes by, the daemon looks, and everything that is due is posted; twice, so that a repetition shows."""
    scene.world.advance(microseconds)
    for _ in range(2):
        run_daemon(scene)
        await scene.courier.tick()
        await scene.delivered(6)


async def test_the_rungs_of_the_run_out_ladder_are_told_once_each_to_the_owner(on_either_store: Scene) -> None:
    scene = on_either_store
    scene.world.submit(scene.member, "serve", gpu=1, hours=None)  # five credits and a GPU-hour an hour
    await passes(scene, MINUTE)
    assert told(scene, MEMBER, "% of your") == []
    await passes(scene, 8 * HOUR)  # of ten GPU-hours
    (low,) = told(scene, MEMBER, "% of your GPU-hours are used")
    assert "80 %" in low and "nothing changes yet" in low and "/bursar grant mia gpu-hours N" in low
    await passes(scene, HOUR + 35 * MINUTE)
    (nearly,) = told(scene, MEMBER, "95 % of your GPU-hours")
    assert "needs an approval" in nearly
    await passes(scene, 30 * MINUTE)
    (empty,) = told(scene, MEMBER, "100 % of your GPU-hours", "nothing new is taken")
    assert "no GPU-hours left" in empty
    await passes(scene, 31 * MINUTE)
    assert len(told(scene, MEMBER, "are stopped, with their disks")) == 1
    assert len(told(scene, MEMBER, "serve: stopped", "the balance is used up", "cost")) == 1
    assert len(told(scene, MEMBER, "% of your")) == 4
    assert told(scene, ADMIN, "% of your") == [], "it is the owner's own affair"
    scene.world.bursar.credits.grant(scene.admin, validated(GrantRequest, user="mia", gpu_hours="20", reason="go on"))
    await passes(scene, MINUTE)
    (given,) = told(scene, MEMBER, "ana gave you 20 GPU-hours")
    assert "go on" in given
    assert len(told(scene, MEMBER, "filled up", "taken again")) == 1


async def test_rungs_that_are_passed_while_nobody_looked_are_one_piece_of_news(scene: Scene) -> None:
    scene.world.submit(scene.member, "serve", gpu=1, hours=None)
    await passes(scene, MINUTE)
    await passes(scene, 9 * HOUR + 45 * MINUTE)
    assert len(told(scene, MEMBER, "% of your GPU-hours")) == 1


async def test_a_treasury_that_is_given_away_is_told_to_admins_once_for_each_filling(scene: Scene) -> None:
    grant = scene.world.bursar.credits.grant
    await scene.courier.tick()
    await scene.delivered()
    assert told(scene, ADMIN, "treasury") == []
    grant(scene.admin, validated(GrantRequest, user="mia", credits="8000"))
    await passes(scene, MINUTE)
    (low,) = told(scene, ADMIN, "of the treasury's credits")
    assert "8" in low and "bursar grant --treasury --credits N" in low
    await passes(scene, HOUR)
    assert len(told(scene, ADMIN, "of the treasury's credits")) == 1
    left = scene.world.bursar.credits.treasury(scene.admin).credits.available_ucr // 1_000_000
    grant(scene.admin, validated(GrantRequest, user="mia", credits=str(left)))
    await passes(scene, MINUTE)
    assert len(told(scene, ADMIN, "100 % of the treasury's credits")) == 1
    assert told(scene, MEMBER, "treasury") == []
    operator = scene.world.log_in("olga", org="vision")
    grant(operator, validated(GrantRequest, treasury=True, credits="1000"))
    await passes(scene, MINUTE)
    assert len(told(scene, ADMIN, "of the treasury's credits")) == 2, "filled up again, there is nothing to tell"
    grant(scene.admin, validated(GrantRequest, user="mia", credits="900"))
    await passes(scene, MINUTE)
    assert len(told(scene, ADMIN, "of the treasury's credits")) == 3


async def test_admins_are_told_that_what_ran_at_the_treasurys_cost_is_stopped_and_when_it_is_filled(
    tmp_path: Path, fresh_url: Callable[[str], str]
) -> None:
    rules = Orgs(fall_back_on_treasury=True, allowance_gpu_ms=0, treasury_gpu_ms=2 * HOUR // 1000)
    scene = Scene.made(tmp_path / "home", fresh_url("sqlite"), orgs=rules)
    scene.world.submit(scene.member, "serve", gpu=1, hours=None)
    await passes(scene, MINUTE)
    await passes(scene, 2 * HOUR)
    assert told(scene, ADMIN, "with their disks") == []
    await passes(scene, 31 * MINUTE)
    (stopped,) = told(scene, ADMIN, "the treasury's GPU-hours", "are stopped, with their disks")
    assert "bursar grant --treasury --gpu-hours N" in stopped
    assert told(scene, MEMBER, "treasury") == []
    operator = scene.world.log_in("olga", org="vision")
    scene.world.bursar.credits.grant(operator, validated(GrantRequest, treasury=True, gpu_hours="10"))
    await passes(scene, MINUTE)
    assert len(told(scene, ADMIN, "the treasury's GPU-hours are filled up")) == 1
    scene.close()
    assert scene.bugs.found == []


async def test_a_grant_is_told_to_who_gets_it_and_not_to_who_gives_it(scene: Scene) -> None:
    await scene.command(ADMIN, "grant mia credits 5 reason “well done”")
    await scene.command(ADMIN, "grant ana credits 7")
    await scene.command(MEMBER, "transfer ana credits 1")
    await scene.delivered()
    (given,) = told(scene, MEMBER, "gave you")
    assert "ana gave you 5 credits" in given and "well done" in given
    assert [text.splitlines()[0] for text in told(scene, ADMIN, "gave you")] == ["mia gave you 1 credit"]


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ("reject {id} reason “too large”", ("rejected by ana", "too large", "cost nothing")),
        ("cancel {id}", ("cancelled by ana", "cost nothing")),
    ],
)
async def test_an_end_says_who_ended_it_where_that_was_somebody_else(
    scene: Scene, do: str, words: tuple[str, ...]
) -> None:
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    card = scene.world.submit(scene.member, "train")
    await scene.command(ADMIN, do.format(id=card.id))
    await scene.delivered()
    assert len(told(scene, MEMBER, "train: ", *words)) == 1


async def test_a_vm_that_is_preempted_is_said_to_stop_and_by_whom(scene: Scene) -> None:
    scene.world.fund(scene.member, credits=500, gpu_hours=100)
    vm: dict[str, Any] = {"kind": "vm", "hours": None, "gpu": 8, "priority": 10}
    scene.world.submit(scene.member, "desk", **vm)
    await passes(scene, MINUTE)
    scene.world.advance(HOUR)
    high = scene.world.submit(scene.admin, "high", gpu=1, priority=60, hours=1)
    await passes(scene, MINUTE)
    (text,) = told(scene, MEMBER, f"desk: preempted by {high.id} (high of ana)")
    assert "stops with its disk" in text and "queue" not in text.splitlines()[0]


async def test_both_warnings_of_a_limit_come_once_and_an_extension_brings_new_ones(scene: Scene) -> None:
    scene.world.submit(scene.member, "train", hours=1, labels={"sim.duration": "9h"})
    await passes(scene, MINUTE)
    await passes(scene, 45 * MINUTE)
    assert len(told(scene, MEMBER, "reaches its time limit")) == 1
    await passes(scene, 9 * MINUTE)
    assert len(told(scene, MEMBER, "reaches its time limit")) == 2
    card = scene.world.bursar.deployments.list(scene.member, mine=True).items[0]
    assert "2 h" in said(await scene.press(MEMBER, "extend", f"{card.id} 1"))
    await passes(scene, 50 * MINUTE)
    assert len(told(scene, MEMBER, "reaches its time limit")) == 3


def test_the_allowances_that_these_tests_count_on_are_the_defaults() -> None:
    assert (Orgs().allowance_gpu_ms, Orgs().allowance_ucr) == (10 * HOUR // 1000, 100_000_000)
