"""Presses and forms: rights are asked anew, an old button does no harm, and three times is once."""

from __future__ import annotations

import asyncio

import pytest

from bot.ids import Action, Form
from bot.listeners.actions import check
from bot.payloads import Press, press_of
from core.domain.lifecycle import State
from core.settings import Approvals
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, MEMBER, STRANGER, Scene, said

FORM = {"name": "web", "cluster": "rack", "image": "busybox", "cpu": "1", "ram": "2", "gpu": "1", "hours": "1"}


@pytest.fixture
def asks(scene: Scene) -> Scene:
    """Everything that is asked for waits for an approval."""
    object.__setattr__(scene.world.bursar.deployments._settings, "approvals", Approvals(policy="always"))
    return scene


def state_of(scene: Scene, handle: str) -> State:
    return scene.world.bursar.deployments.show(scene.admin, handle).state


async def test_the_form_opens_with_the_clusters_and_is_submitted_once_however_often_it_comes(scene: Scene) -> None:
    assert await scene.command(MEMBER, "deploy") == []
    (form,) = scene.slack.views
    assert "rack: " in everything_said(form)
    body = scene.form_body(MEMBER, Form.DEPLOY, FORM)
    for _ in range(3):
        assert await scene.send_form(body) == {}
    (line,) = scene.world.bursar.deployments.list(scene.member, mine=True).items
    assert (line.name, line.gpu_milli, line.ram_mib) == ("web", 1000, 2048)


@pytest.mark.parametrize(
    ("changed", "wrong", "told"),
    [
        ({"gpu": "16"}, "gpu", "no node can hold"),
        ({"cpu": "65"}, "cpu", "no node can hold"),
        ({"ram": "4096"}, "ram", "no node can hold"),
        ({"hours": "90"}, "hours", "needs"),
        ({"cpu": "many"}, "cpu", "cpu"),
        ({"name": "x!"}, "name", "may hold only"),
        ({"cluster": "elsewhere"}, "cluster", "no cluster"),
        ({"command": "echo 'open"}, "command", "quotation"),
        ({"priority": "101"}, "priority", "priority"),
        ({"hours": "100000"}, "hours", "hours"),
    ],
)
async def test_what_is_wrong_is_said_at_its_input(scene: Scene, changed: dict[str, str], wrong: str, told: str) -> None:
    errors = await scene.send_form(scene.form_body(MEMBER, Form.DEPLOY, {**FORM, **changed}))
    assert set(errors) <= set(FORM) | {"command", "priority"}
    assert wrong in errors and told in errors[wrong]
    assert not scene.world.bursar.deployments.list(scene.member, mine=True).items


async def test_a_request_without_a_name_is_named_after_its_image_by_the_first_that_is_free(scene: Scene) -> None:
    nameless = {**FORM, "name": " ", "image": "ghcr.io/acme/train:v2"}
    for _ in range(3):
        assert await scene.send_form(scene.form_body(MEMBER, Form.DEPLOY, nameless)) == {}
    page = scene.world.bursar.deployments.list(scene.member, mine=True)
    assert sorted(line.name for line in page.items) == ["train", "train-2", "train-3"]
    errors = await scene.send_form(scene.form_body(MEMBER, Form.DEPLOY, {**nameless, "image": "", "command": "true"}))
    assert list(errors) == ["name"]
    errors = await scene.send_form(scene.form_body(MEMBER, Form.DEPLOY, {**nameless, "image": "x"}))
    assert list(errors) == ["name"], errors


async def test_check_shows_start_and_price_and_keeps_what_was_typed(scene: Scene) -> None:
    view = {
        "id": "V9",
        "hash": "h9",
        "callback_id": Form.DEPLOY,
        "state": scene.form_body(MEMBER, "", FORM)["view"]["state"],
    }
    await scene.press(MEMBER, Action.CHECK, "form", view=view, response_url="")
    form = scene.slack.views[-1]
    assert "starts now" in everything_said(form) and "credits" in everything_said(form)
    assert next(b for b in form["blocks"] if b.get("block_id") == "name")["element"]["initial_value"] == "web"
    view["state"] = scene.form_body(MEMBER, "", {"cluster": "rack", "gpu": "1", "hours": "1"})["view"]["state"]
    await scene.press(MEMBER, Action.CHANGED, "1", view=view, response_url="")
    assert "starts now" in everything_said(scene.slack.views[-1]), "neither name nor image is needed to know that"
    view["state"] = scene.form_body(MEMBER, "", {**FORM, "gpu": "99", "name": ""})["view"]["state"]
    await scene.press(MEMBER, Action.CHANGED, "99", view=view, response_url="")
    assert "no node can hold" in everything_said(scene.slack.views[-1]), "an Enter in a size says it too"
    shown = len(scene.slack.views)
    await scene.press(MEMBER, Action.CHANGED, "x", view={**view, "callback_id": Form.JOIN}, response_url="")
    assert len(scene.slack.views) == shown, "an input of another form is none of this one's"


def check_of(scene: Scene, action_ts: str, gpu: str) -> Press:
    state = scene.form_body(MEMBER, "", {"cluster": "rack", "gpu": gpu, "hours": "1"})["view"]["state"]
    view = {"id": "V9", "type": "modal", "hash": "h9", "callback_id": Form.DEPLOY, "state": state}
    body = scene.press_body(MEMBER, Action.CHANGED, gpu, view=view, response_url="")
    body["actions"][0]["action_ts"] = action_ts
    return press_of(body)


async def test_who_types_on_while_a_form_is_checked_sees_what_came_of_the_newest_alone(scene: Scene) -> None:
    presses = [check_of(scene, f"17.{number}", str(number)) for number in (1, 2, 3)]
    await asyncio.gather(*(check.pressed(scene.desk, press) for press in presses))
    (form,) = scene.slack.views
    assert "1 CPU, 1 GiB, 3 GPU for 1 h: starts now" in everything_said(form)


@pytest.mark.parametrize("error", ["hash_conflict", "not_found"])
async def test_a_form_that_was_sent_or_changed_meanwhile_is_left_as_it_is(scene: Scene, error: str) -> None:
    scene.slack.fault = lambda method, _given: scene.slack.refusal(error) if method == "views.update" else None
    assert await check.pressed(scene.desk, check_of(scene, "17.1", "1")) is None
    assert scene.slack.views == [] and len(scene.slack.called("views.update")) == 1


async def test_what_goes_wrong_within_a_form_is_laid_on_top_of_it(scene: Scene) -> None:
    view = {"id": "V9", "type": "modal", "hash": "h9", "callback_id": Form.DEPLOY, "state": {"values": {}}}
    await scene.press(STRANGER, Action.CHECK, "form", view=view, response_url="")
    assert [name for name, _ in scene.slack.calls] == ["views.push"]
    assert "do not know you" in everything_said(scene.slack.views[-1])


async def test_E56_approve_three_times_is_one_approval_and_a_second_press_is_told_so(asks: Scene) -> None:
    card = asks.world.submit(asks.member, "train")
    assert card.state is State.AWAITING_APPROVAL
    body = asks.press_body(ADMIN, Action.APPROVE, card.id)
    answers = [await asks.interact(body) for _ in range(3)]
    assert [len(one) for one in answers] == [1, 0, 0]
    assert state_of(asks, card.id) is State.QUEUED
    assert "somebody has decided already" in said(await asks.press(ADMIN, Action.APPROVE, card.id))


async def test_E57_approve_after_cancel_does_nothing_and_says_why(asks: Scene) -> None:
    card = asks.world.submit(asks.member, "train")
    asks.world.bursar.deployments.cancel(asks.member, card.id)
    assert "cancelled" in said(await asks.press(ADMIN, Action.APPROVE, card.id))
    assert "cancelled already" in said(await asks.press(ADMIN, Action.REJECT, card.id))
    assert state_of(asks, card.id) is State.CANCELLED


async def test_reject_asks_why_and_a_tampered_form_is_judged_anew_B39(asks: Scene) -> None:
    card = asks.world.submit(asks.member, "train")
    await asks.press(ADMIN, Action.REJECT, card.id)
    form = asks.slack.views[-1]
    assert (form["callback_id"], form["private_metadata"]) == (Form.REJECT, card.id)
    theirs = asks.form_body(MEMBER, Form.REJECT, {"reason": "mine now"}, card.id)
    assert "only an admin" in (await asks.send_form(theirs))["reason"]
    elsewhere = asks.form_body(ADMIN, Form.REJECT, {"reason": "no"}, "dep-zzzzzz")
    assert "no deployment" in (await asks.send_form(elsewhere))["reason"]
    assert "at least 1" in (await asks.send_form(asks.form_body(ADMIN, Form.REJECT, {}, card.id)))["reason"]
    sent = asks.form_body(ADMIN, Form.REJECT, {"reason": "too *large*"}, card.id)
    for _ in range(3):
        assert await asks.send_form(sent) == {}
    assert state_of(asks, card.id) is State.REJECTED


async def test_an_approval_with_changes_is_made_by_a_form_that_keeps_what_is_left_empty(asks: Scene) -> None:
    card = asks.world.submit(asks.member, "train", hours=3)
    await asks.press(ADMIN, Action.CHANGE, card.id)
    form = asks.slack.views[-1]
    assert (form["callback_id"], form["private_metadata"]) == (Form.APPROVE, card.id)
    assert "Asked for: 3 h" in everything_said(form)
    theirs = asks.form_body(MEMBER, Form.APPROVE, {"hours": "2"}, card.id)
    assert "only an admin" in (await asks.send_form(theirs))["priority"]
    wrong = asks.form_body(ADMIN, Form.APPROVE, {"hours": "many"}, card.id)
    assert set(await asks.send_form(wrong)) == {"hours"}
    assert await asks.send_form(asks.form_body(ADMIN, Form.APPROVE, {"hours": "2"}, card.id)) == {}
    shown = asks.world.bursar.deployments.show(asks.member, card.id)
    assert (shown.state, shown.hours_ms, shown.priority) == (State.QUEUED, 2 * 3_600_000, 50)
    assert "cannot approve" in (await asks.send_form(asks.form_body(ADMIN, Form.APPROVE, {}, card.id)))["priority"]
    assert "queued already" in said(await asks.press(ADMIN, Action.CHANGE, card.id))


WHO_MAY = {
    Action.APPROVE: (False, True, False),
    Action.REJECT: (True, True, False),  # the form opens for whoever may look; sending it asks for the right
    Action.CANCEL: (True, True, False),
    Action.STOP: (True, True, False),
    Action.EXTEND: (True, True, False),
    Action.WHY: (True, True, False),
    Action.LOGS: (True, True, False),
}
REFUSED = ("only an admin", "do not know you")


@pytest.mark.parametrize("action", WHO_MAY)
@pytest.mark.parametrize(("place", "user"), [(0, MEMBER), (1, ADMIN), (2, STRANGER)])
async def test_the_matrix_of_presses(asks: Scene, action: Action, place: int, user: str) -> None:
    """The owner, an admin, and somebody who is not linked."""
    card = asks.world.submit(asks.member, "train")
    told = said(await asks.press(user, action, f"{card.id} 1" if action is Action.EXTEND else card.id))
    assert any(word in told for word in REFUSED) is not WHO_MAY[action][place], told


async def test_another_member_may_not_act_on_what_is_not_theirs(asks: Scene) -> None:
    card = asks.world.submit(asks.admin, "mine")
    for action in (Action.CANCEL, Action.STOP, Action.EXTEND):
        value = f"{card.id} 1" if action is Action.EXTEND else card.id
        assert "only an admin" in said(await asks.press(MEMBER, action, value))


async def test_the_buttons_of_the_home_tab_answer_in_a_window(scene: Scene) -> None:
    await scene.press(STRANGER, Action.LINK, "me", response_url="", view={"id": "VH", "hash": "h"})
    assert "slack link" in everything_said(scene.slack.views[-1])
    await scene.press(STRANGER, Action.REGISTER, "me", response_url="", view={"id": "VH", "hash": "h"})
    assert "join" in everything_said(scene.slack.views[-1]).lower()
    await scene.press(MEMBER, Action.NEW_REQUEST, "me", response_url="", view={"id": "VH", "hash": "h"})
    assert scene.slack.views[-1]["callback_id"] == Form.DEPLOY
    assert "nobody here" in said(await scene.press(MEMBER, Action.UNLINK, "me"))


async def test_a_guest_of_another_workspace_is_refused(scene: Scene) -> None:
    body = scene.press_body(ADMIN, Action.APPROVE, "dep-abcdef")
    body["user"]["team_id"] = "T0OTHER"
    assert await scene.interact(body) == []


async def test_E63_the_same_user_in_another_workspace_is_nobody(scene: Scene) -> None:
    body = scene.press_body(ADMIN, Action.APPROVE, "dep-abcdef", team={"id": "T0OTHER"})
    body["user"]["team_id"] = "T0OTHER"
    assert "do not know you" in said(await scene.interact(body))


async def test_E56_every_press_that_changes_something_does_so_once_however_often_it_comes(scene: Scene) -> None:
    """Three deliveries each: the second and the third find the first's key, written with its effect."""
    show = scene.world.bursar.deployments.show
    card = scene.world.submit(scene.member, "train", hours=1)
    thrice = {
        Action.EXTEND: f"{card.id} 1",
        Action.STOP: card.id,
        Action.START: card.id,
        Action.CANCEL: card.id,
    }
    for action, value in thrice.items():
        before = len(scene.world.bursar.operations.audit(scene.admin, 200).items)
        body = scene.press_body(MEMBER, action, value)
        assert [len(await scene.interact(body)) for _ in range(3)] == [1, 0, 0], action
        happened = scene.world.bursar.operations.audit(scene.admin, 200).items[: -before or None]
        assert len({one.verb for one in happened}) == len(happened) == 1, action
    assert show(scene.member, card.id).hours_ms == 2 * 3_600_000
    body = scene.press_body(STRANGER, Action.REGISTER, "me")
    assert [len(await scene.interact(body)) for _ in range(3)] == [1, 0, 0]
