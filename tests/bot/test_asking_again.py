"""[Ask again]: what has ended is asked for once more by a form that is filled in alike, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks.deployment import says_all_of
from bot.ids import Form
from bot.listeners.requests import inputs_of, request_of
from core.domain.kinds import Kind
from tests.bot.rules import everything_said
from tests.bot.scene import MEMBER, STRANGER, Scene, said
from tests.bot.test_blocks import plain_card


@given(
    cpu=st.integers(1, 64_000),
    ram=st.integers(1, 300_000),
    gpu=st.one_of(st.integers(1, 8).map(lambda whole: whole * 1000), st.integers(1, 999)),
    ms=st.one_of(st.none(), st.integers(36_000, 8_760 * 3_600_000)),
    words=st.lists(st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1), max_size=4),
)
def test_the_form_says_what_was_asked_for(cpu: int, ram: int, gpu: int, ms: int | None, words: list[str]) -> None:
    size: dict[str, Any] = {"cpu_milli": cpu, "ram_mib": ram, "gpu_milli": gpu, "hours_ms": ms}
    card = plain_card(text="train", image="train:v2", command=tuple(words), **size)
    request = request_of(inputs_of(card))
    asked = (request.name, request.image, request.hours_ms, request.priority, tuple(request.command or ()))
    assert asked == ("train", "train:v2", ms, 50, tuple(words))
    assert request.resources is not None
    assert (request.resources.cpu_milli, request.resources.ram_mib, request.resources.gpu_milli) == (cpu, ram, gpu)


@pytest.mark.parametrize(
    "more",
    [
        {"labels": {"zone": "a"}},
        {"env": {"TOKEN": "…"}},
        {"gpu_model": "a100"},
        {"replicas": 2},
        {"disk_mib": 10},
        {"flavor": "small"},
        {"public_ip": "192.0.2.1"},
        {"kind": Kind.VM, "hours_ms": None},
    ],
    ids=lambda more: next(iter(more)),
)
def test_where_the_form_would_lose_something_it_is_not_offered(more: dict[str, Any]) -> None:
    assert says_all_of(plain_card()) and says_all_of(plain_card(kind=Kind.SERVICE, hours_ms=None))
    assert not says_all_of(plain_card(**more))


async def test_what_has_ended_is_asked_for_again_by_one_press_and_one_change(scene: Scene) -> None:
    card = scene.world.submit(scene.member, "train", gpu=2, hours=3)
    await scene.press(MEMBER, "cancel", card.id)
    await scene.delivered()
    assert "Ask again …" in scene.said_to(MEMBER)
    assert await scene.press(MEMBER, "ask_again", card.id) == []
    (form,) = scene.slack.views
    shown = {b["block_id"]: b["element"].get("initial_value") for b in form["blocks"] if b["type"] == "input"}
    assert {name: shown[name] for name in ("name", "gpu", "hours", "image")} == {
        "name": "train",
        "gpu": "2",
        "hours": "3",
        "image": "busybox",
    }
    sent = {name: value for name, value in shown.items() if value} | {"cluster": "rack", "hours": "1"}
    assert await scene.send_form(scene.form_body(MEMBER, Form.DEPLOY, sent)) == {}
    again = scene.world.bursar.deployments.show(scene.member, "train")
    assert (again.hours_ms, again.gpu_milli, again.id != card.id) == (3_600_000, 2000, True)


async def test_nobody_asks_again_for_what_they_may_not_see(scene: Scene) -> None:
    card = scene.world.submit(scene.member, "train")
    answers = await scene.press(STRANGER, "ask_again", card.id)
    assert "I do not know you" in said(answers) and scene.slack.views == []
    assert "busybox" not in everything_said(answers)


@pytest.mark.parametrize("action", ["ask_again", "new_request"])
async def test_a_press_in_a_window_lays_the_form_on_top_of_it(scene: Scene, action: str) -> None:
    card = scene.world.submit(scene.member, "train")
    await scene.press(MEMBER, "cancel", card.id)
    await scene.press(MEMBER, action, card.id, view={"id": "V1", "type": "modal"}, response_url="")
    assert len(scene.slack.called("views.push")) == 1 and scene.slack.called("views.open") == []


async def test_the_home_tab_leads_back_to_what_has_ended_lately(scene: Scene) -> None:
    for number in range(4):
        card = scene.world.submit(scene.member, f"train-{number}")
        await scene.press(MEMBER, "cancel", card.id)
        scene.world.advance(1_000_000)
    scene.world.submit(scene.admin, "another")
    await scene.event("app_home_opened", MEMBER, tab="home")
    shown = everything_said(scene.slack.homes[MEMBER]["blocks"])
    assert "Nothing of yours runs or waits" in shown and "Ended lately" in shown
    assert [f"train-{number}" in shown for number in range(4)] == [False, True, True, True]
    assert "another" not in shown
