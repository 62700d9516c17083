"""The bot in Socket Mode before emulate's strict Web API, with the least scopes and with what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from bot.app import build_app, client_for
from bot.delivery import Courier
from bot.manifest import scopes
from bot.serving import by_socket, deliver
from core.clock import MINUTE, SystemClock
from core.ids import RandomIds
from core.services.chat import link_person
from tests.builders import World, quick_settings
from tests.live.slack_harness import Harness
from tests.live.slack_servers import APP, TEAM, emulate

pytestmark = pytest.mark.live


class Served:
    def __init__(self, world: World, harness: Harness, users: dict[str, str]) -> None:
        self.alice_id, self.bob_id = users["alice"], users["bob"]
        self.world = world
        self.harness = harness
        founder = world.org(world.operator(), "vision")
        world.cluster(founder)
        for user, name, role in ((self.alice_id, "alice", "admin"), (self.bob_id, "bob", "member")):
            person = world.member(founder, name, role)
            with world.units.serve() as unit:
                link_person(unit, TEAM, user, name, person.account_id)
            world.bursar.chat().visitor(TEAM, user)
        self.bob = world.bursar.chat().visitor(TEAM, self.bob_id).caller
        self.alice = world.bursar.chat().visitor(TEAM, self.alice_id).caller
        world.bursar.deliveries().follow()
        self.until = asyncio.Event()
        client = client_for(str(APP["botToken"]), f"{harness.base}/api/")
        self.app, self.desk = build_app(world.bursar, client)
        courier = Courier(self.desk, world.bursar.deliveries().new_owner(), late_after_us=MINUTE)
        self._tasks = [
            asyncio.create_task(by_socket(self.app, str(APP["appToken"]), self.until)),
            asyncio.create_task(deliver(self.desk, courier, self.until)),
        ]

    async def end(self) -> None:
        self.until.set()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self.world.close()


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with emulate(tmp_path, scopes()) as url:
        harness = Harness(url)
        await harness.start()
        users = {one["name"]: one["id"] for one in (await harness.asked("users.list", {}))["members"]}
        made = Served(World.of(quick_settings(home), SystemClock(), RandomIds()), harness, users)
        await harness.until(lambda: harness.connections, "the bot's socket")
        yield made
        await made.end()
        await harness.stop()


async def test_the_least_scopes_are_enough_for_everything_that_the_bot_does(served: Served) -> None:
    harness = served.harness
    channels = (await harness.asked("conversations.list", {}))["channels"]
    channel = next(one["id"] for one in channels if one["name"] == "gpu-usage")
    await harness.command(served.bob_id, "deploy busybox on rack gpu 1 hours 1")
    await harness.until(lambda: harness.answered("busybox"), "the answer")
    _, answer = await harness.until(lambda: harness.call("chat.postMessage", "queued"), "the card")
    handle = next(one.id for one in served.world.bursar.deployments.list(served.bob).items)
    await harness.press(served.bob_id, "cancel", handle, answer["channel"], answer["ts"])
    await harness.until(lambda: harness.call("chat.update", "cancelled"), "the card that was brought up to date")
    await harness.until(lambda: harness.call("chat.postMessage", "cost", answer["ts"]), "the notice in its thread")
    await harness.command(served.bob_id, "deploy")
    _, opened = await harness.until(lambda: harness.call("views.open", "New request"), "the form")
    await harness.press_in_form(served.bob_id, "changed", opened["view"], {"cluster": "rack", "gpu": "2", "hours": "1"})
    await harness.until(lambda: harness.call("views.update", "starts now on"), "its fit, start and price")
    home = {"type": "app_home_opened", "user": served.bob_id, "tab": "home"}
    await harness.deliver("events_api", {"type": "event_callback", "team_id": TEAM, "event_id": "Ev1", "event": home})
    await harness.until(lambda: harness.call("views.publish", "Your work"), "the home tab")
    opened_messages = {"type": "app_home_opened", "user": served.bob_id, "tab": "messages"}
    for again in (0, 1):
        event = {"type": "event_callback", "team_id": TEAM, "event_id": "Ev3", "event": opened_messages}
        await harness.deliver("events_api", event, again=again)
    await harness.until(lambda: harness.call("chat.postMessage", "Hello bob"), "the greeting")
    mention: dict[str, Any] = {
        "type": "app_mention",
        "user": served.bob_id,
        "channel": channel,
        "text": "<@U1> list",
        "ts": "1.1",
    }
    await harness.deliver(
        "events_api", {"type": "event_callback", "team_id": TEAM, "event_id": "Ev2", "event": mention}
    )
    await harness.until(lambda: harness.call("chat.postEphemeral"), "the answer to a mention")
    await harness.command(served.alice_id, f"report schedule {channel} daily 09:00")
    made = await harness.until(lambda: harness.answered("rep-"), "the schedule")
    schedule = served.world.bursar.reports.list(served.alice).items[0].id
    assert schedule in str(made)
    await harness.command(served.alice_id, f"report run {schedule}")
    await harness.until(lambda: harness.call("chat.postMessage", "vision: use"), "the report")
    await harness.until(lambda: harness.call("files.completeUploadExternal"), "its files")
    await harness.press(served.alice_id, "report_schedule", f"{TEAM}/{channel} weekly tue 10:00", channel, "1.1")
    await harness.until(lambda: harness.call("chat.postEphemeral", "weekly tue 10:00"), "the schedule, in the channel")
    assert len([one for one in harness.calls if "Hello bob" in str(one[1])]) == 1
    refused = [(name, answer) for name, _, answer in harness.calls if not answer.get("ok")]
    assert refused == []


async def test_E61_what_is_delivered_three_times_over_a_broken_socket_has_one_effect(served: Served) -> None:
    harness = served.harness
    body = await harness.command(served.bob_id, "deploy busybox on rack hours 1")
    await harness.until(lambda: harness.answered("busybox"), "the answer")
    before = harness.connections
    await harness.drop()
    await harness.until(lambda: harness.connections > before, "a new socket")
    for again in (1, 2):
        await harness.deliver("slash_commands", body, again=again)
    await harness.command(served.bob_id, "list")
    await harness.until(lambda: harness.answered("list (1)"), "the list")
    assert len(served.world.bursar.deployments.list(served.bob).items) == 1


async def test_E61_presses_forms_and_events_that_come_three_times_have_one_effect(served: Served) -> None:
    harness, deployments = served.harness, served.world.bursar.deployments
    card = served.world.submit(served.bob, "train", hours=1)
    _, posted = await harness.until(lambda: harness.call("chat.postMessage", "train"), "the card")
    press = await harness.press(served.bob_id, "extend", f"{card.id} 1", posted["channel"], posted["ts"])
    form = form_of(served.bob_id, {"name": "web", "cluster": "rack", "image": "busybox", "hours": "1"})
    mention = {"type": "app_mention", "user": served.bob_id, "channel": posted["channel"], "ts": "1.1"}
    event = {"type": "event_callback", "team_id": TEAM, "event_id": "Ev7", "event": mention}
    mention["text"] = f"<@U1> priority {card.id} 40"
    taken = [await harness.deliver("interactive", form)]
    await harness.deliver("events_api", event)
    for again in (1, 2):
        await harness.deliver("interactive", press, again=again)
        taken.append(await harness.deliver("interactive", form, again=again))
        await harness.deliver("events_api", event, again=again)
    await harness.comes(lambda: len(deployments.list(served.bob).items) == 2, "what the form asked for")
    await harness.comes(lambda: deployments.show(served.bob, card.id).hours_ms == 2 * 3_600_000, "the hours")
    await harness.command(served.bob_id, "list mine")
    await harness.until(lambda: harness.answered("list (2)"), "the list")
    await harness.until(lambda: harness.call("chat.postEphemeral", "train"), "the answer to the mention")
    assert [one.get("response_action") for one in taken] == ["update", None, None]
    assert sorted(one.name for one in deployments.list(served.bob).items) == ["train", "web"]
    shown = deployments.show(served.bob, card.id)
    assert (shown.hours_ms, shown.priority) == (2 * 3_600_000, 40)
    audit = served.world.bursar.operations.audit(served.alice, 200).items
    for verb in ("deployment.hours", "deployment.priority"):
        assert len([line for line in audit if line.verb == verb]) == 1


def form_of(user: str, inputs: dict[str, str]) -> dict[str, Any]:
    values = {name: {"value": {"type": "plain_text_input", "value": value}} for name, value in inputs.items()}
    view = {"id": "V7", "type": "modal", "callback_id": "deploy", "private_metadata": "", "state": {"values": values}}
    return {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": user, "team_id": TEAM}, "view": view}


async def test_E59_too_fast_is_waited_out_and_then_posted_once(served: Served) -> None:
    harness = served.harness
    refusals = iter([1, 1])

    def too_fast() -> web.Response | None:
        wait = next(refusals, None)
        if wait is None:
            return None
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(wait)})

    harness.faults["chat.postMessage"] = too_fast
    served.world.submit(served.bob, "train")
    await harness.until(lambda: harness.call("chat.postMessage", "train"), "the card")
    assert len([one for one in harness.calls if one[0] == "chat.postMessage"]) == 1


async def test_a_trigger_that_was_used_is_told_to_the_one_who_asked(served: Served) -> None:
    harness = served.harness
    trigger = harness.trigger()
    await harness.command(served.bob_id, "deploy", trigger=trigger)
    await harness.until(lambda: harness.call("views.open"), "the form")
    await harness.command(served.bob_id, "deploy", trigger=trigger)
    await harness.until(lambda: harness.answered("Slack did not let me do that"), "the reason")
