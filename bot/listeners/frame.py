"""How listeners are hung into the app: acknowledge and work are two functions, and nothing escapes from either."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.blocks.parts import Message
from bot.desk import Desk
from bot.payloads import Command, Press, command_of, press_of
from core.domain.errors import BursarError

PressWork = Callable[[Desk, Press], Awaitable[Message | None]]
CommandWork = Callable[[Desk, Command], Awaitable[Message | None]]


async def acknowledge(ack: Callable[..., Awaitable[Any]]) -> None:
    await ack()


def on_command(app: AsyncApp, desk: Desk, name: Any, work: CommandWork) -> None:
    async def later(body: dict[str, Any]) -> None:
        try:
            command = command_of(body)
        except BursarError as error:
            desk.log.warning("a command that cannot be read: %s", error.message)
            return
        what = f"command of {command.who.user_id}"  # never its text: people type secrets where they should not

        async def served() -> Message | None:
            desk.serves(command.who)
            return await work(desk, command)

        await desk.answered(served, partial(desk.reply, command.response_url), what)

    app.command(name)(ack=acknowledge, lazy=[later])


def on_press(app: AsyncApp, desk: Desk, action: Any, work: PressWork) -> None:
    async def later(body: dict[str, Any]) -> None:
        try:
            press = press_of(body)
        except BursarError as error:
            desk.log.warning("a press that cannot be read: %s", error.message)
            return
        what = f"press of {press.action_id[:40]}"

        async def then_home() -> Message | None:
            desk.serves(press.who)
            answer = await work(desk, press)
            await desk.freshen_home(press.who)
            return answer

        await desk.answered(then_home, partial(desk.reply_to_press, press), what)

    app.action(action)(ack=acknowledge, lazy=[later])


async def unanswerable(desk: Desk, answer: Message) -> None:
    """For events, behind which nobody waits for words."""
    desk.log.warning("an event came to nothing: %s", answer.text)
