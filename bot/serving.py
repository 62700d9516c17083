"""The bot while it serves: one loop that answers, one that delivers, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot.delivery import Courier
from bot.desk import Desk

POLL_S = 0.5
TICK_EVERY = 20  # rounds; so every ten seconds
SLOWEST_POLL_S = 30.0


async def until_told(until: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, until.set)
    await until.wait()


async def deliver(desk: Desk, courier: Courier, until: asyncio.Event) -> None:
    """Round after round. A store that cannot answer now is asked again, later and later."""
    rounds, pause = 0, POLL_S
    while not until.is_set():
        try:
            if rounds % TICK_EVERY == 0:
                await courier.tick()
            found = await courier.round()
            rounds, pause = rounds + 1, POLL_S
        except Exception:
            desk.log.exception("a round of deliveries failed")
            found, pause = 0, min(SLOWEST_POLL_S, pause * 2)
        if not found:
            await _pause(until, pause)


async def _pause(until: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(until.wait(), seconds)
    except TimeoutError:
        return


class InOneLine(logging.Filter):
    """Slack's client says where in itself each try to connect has failed, every few seconds while Slack is away."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


_IN_ONE_LINE = InOneLine()


async def by_socket(app: AsyncApp, app_token: str, until: asyncio.Event) -> None:
    """Connects, and connects anew, until it is told to end; also while it has never come through."""
    log = app.logger.getChild("socket")
    log.addFilter(_IN_ONE_LINE)
    handler = AsyncSocketModeHandler(app, app_token, log, app.client, ping_interval=5)
    connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]
    told = asyncio.create_task(until.wait())
    try:
        await asyncio.wait({connecting, told}, return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            await connecting
            await told
    finally:
        for task in (connecting, told):
            task.cancel()
        await asyncio.gather(connecting, told, return_exceptions=True)
        await handler.close_async()  # type: ignore[no-untyped-call]


async def serve(desk: Desk, courier: Courier, answering: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Ends when it is told to, or when answering ends by itself, which is a failure to be told."""
    until = asyncio.Event()
    told = asyncio.create_task(until_told(until))
    delivering = asyncio.create_task(deliver(desk, courier, until))
    try:
        await answering(until)
    finally:
        until.set()
        await asyncio.gather(told, delivering)
