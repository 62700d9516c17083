"""The address that Slack gives for answers: what it takes, and what becomes of an answer that it does not take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from bot.desk import by_webhook
from core.domain.errors import Unavailable


@dataclass
class Address:
    """Answers with these statuses in turn, and with the last for ever."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    taken: list[Any] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(await request.json())
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, text="ok" if status == 200 else "used_url")


@pytest_asyncio.fixture
async def address() -> AsyncIterator[Address]:
    made = Address()
    app = web.Application()
    app.add_routes([web.post("/answer", made.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = "http://{}:{}/answer".format(*runner.addresses[0][:2])
    yield made
    await runner.cleanup()


async def test_an_answer_is_given_once(address: Address) -> None:
    await by_webhook(address.url, {"text": "done"})
    assert address.taken == [{"text": "done"}]


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_an_answer_that_slack_does_not_take_is_an_error_and_not_silence(address: Address, status: int) -> None:
    address.statuses = [status]
    with pytest.raises(Unavailable, match=f"{status} used_url"):
        await by_webhook(address.url, {"text": "done"})
    assert len(address.taken) == 1
