"""What emulate leaves out of Slack: Socket Mode, commands, presses, response URLs, faults; behind it a strict Web API.

Delivers as Slack does: an envelope that must be acknowledged, and again where a test says so. But it is patient: how
many seconds something takes says more of the machine than of the bot, which acknowledges before it works.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web

from tests.live.slack_servers import APP, CHANNEL, LOOKING, TEAM

PATIENCE_S = 240.0  # a test that passes never waits so long, however slow the machine


class Harness:
    def __init__(self, emulate: str) -> None:
        self._emulate = emulate
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._sockets: list[web.WebSocketResponse] = []
        self._acks: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Condition()
        self._numbers = count(1)
        self._triggers: dict[str, str] = {}
        self.base = ""
        self.calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = []  # method, arguments, answer
        self.answers: list[dict[str, Any]] = []
        self.faults: dict[str, Callable[[], web.Response | None]] = {}
        self.connections = 0

    async def start(self) -> None:
        self._session = aiohttp.ClientSession()
        app = web.Application()
        app.add_routes(
            [
                web.route("*", "/api/{method}", self._web_api),
                web.get("/socket", self._socket),
                web.post("/answer/{user}", self._answer),
            ]
        )
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base = f"http://{host}:{port}"

    async def stop(self) -> None:
        for socket in self._sockets:
            await socket.close()
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()

    # What the bot asks of Slack

    async def _web_api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        given: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            given |= await request.json()
        elif request.method == "POST":
            given |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        fault = self.faults.get(method, lambda: None)()
        if fault is not None:
            return fault
        if method == "apps.connections.open":
            if token != APP["appToken"]:
                return web.json_response({"ok": False, "error": "not_allowed_token_type"})
            return web.json_response({"ok": True, "url": self.base.replace("http", "ws", 1) + "/socket"})
        if token != APP["botToken"]:
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if "trigger_id" in given:
            given["trigger_id"] = await self._used(given["trigger_id"])
        answer = await self.asked(method, given, token)
        async with self._changed:
            self.calls.append((method, given, answer))
            self._changed.notify_all()
        return web.json_response(answer)

    async def asked(self, method: str, given: dict[str, Any], token: str = LOOKING) -> dict[str, Any]:
        assert self._session
        arguments = {name: self._decoded(value) for name, value in given.items() if value is not None}
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.post(f"{self._emulate}/api/{method}", json=arguments, headers=headers) as answer:
            return dict(await answer.json(content_type=None))

    @staticmethod
    def _decoded(value: Any) -> Any:
        """The SDK writes lists and objects as JSON within a form."""
        if isinstance(value, str) and value[:1] in "[{":
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value

    async def _answer(self, request: web.Request) -> web.Response:
        payload = await request.json()
        assert payload["response_type"] == "ephemeral", "real Slack and its copies have different defaults"
        async with self._changed:
            self.answers.append({**payload, "to": request.match_info["user"]})
            self._changed.notify_all()
        return web.Response()

    # What Slack delivers to the bot

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP["appId"]}})
        self._sockets.append(socket)
        async with self._changed:
            self.connections += 1
            self._changed.notify_all()
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                said = json.loads(message.data)
                waiting = self._acks.get(said.get("envelope_id", ""))
                if waiting and not waiting.done():
                    waiting.set_result(said.get("payload") or {})
        self._sockets.remove(socket)
        return socket

    async def drop(self) -> None:
        """The socket breaks, as it does when a host goes away."""
        for socket in list(self._sockets):
            await socket.close(code=1011)

    async def deliver(self, kind: str, payload: dict[str, Any], *, again: int = 0) -> dict[str, Any]:
        """What it was acknowledged with."""
        envelope = f"envelope-{next(self._numbers)}"
        self._acks[envelope] = asyncio.get_running_loop().create_future()
        whole = {"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": True}
        if again:
            whole |= {"retry_attempt": again, "retry_reason": "timeout"}
        await self._sockets[-1].send_json(whole)
        return await asyncio.wait_for(self._acks[envelope], PATIENCE_S)

    def trigger(self) -> str:
        """Stands for one of emulate's own, which dies after one use; and after three seconds, so it is made at its
        first use."""
        return f"trigger-{next(self._numbers)}"

    async def _used(self, trigger: str) -> str:
        if trigger not in self._triggers:
            made = await self.asked("views.generateTriggerId", {}, str(APP["botToken"]))
            self._triggers[trigger] = str(made["trigger_id"])
        return self._triggers[trigger]

    async def command(self, user: str, text: str, *, channel: str = CHANNEL, trigger: str = "") -> dict[str, Any]:
        body = {
            "team_id": TEAM,
            "team_domain": "bursar-test",
            "channel_id": channel,
            "user_id": user,
            "user_name": "somebody",
            "command": "/bursar",
            "text": text,
            "api_app_id": APP["appId"],
            "is_enterprise_install": "false",
            "response_url": f"{self.base}/answer/{user}",
            "trigger_id": trigger or self.trigger(),
        }
        await self.deliver("slash_commands", body)
        return body

    async def press(self, user: str, action_id: str, value: str, channel: str, ts: str) -> dict[str, Any]:
        body = {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user, "username": "x", "team_id": TEAM},
            "api_app_id": APP["appId"],
            "channel": {"id": channel},
            "message": {"ts": ts},
            "container": {"type": "message", "message_ts": ts, "channel_id": channel},
            "actions": [
                {"type": "button", "action_id": action_id, "value": value, "action_ts": str(next(self._numbers))}
            ],
            "response_url": f"{self.base}/answer/{user}",
            "trigger_id": self.trigger(),
        }
        await self.deliver("interactive", body)
        return body

    async def press_in_form(self, user: str, action_id: str, view: dict[str, Any], inputs: dict[str, str]) -> None:
        """An input that says so at once: what stands in the whole form comes with it."""
        values = {name: {"value": {"type": "plain_text_input", "value": value}} for name, value in inputs.items()}
        body = {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user, "username": "x", "team_id": TEAM},
            "api_app_id": APP["appId"],
            "container": {"type": "view", "view_id": view["id"]},
            "view": {**view, "state": {"values": values}},
            "actions": [{"type": "plain_text_input", "action_id": action_id, "action_ts": str(next(self._numbers))}],
            "trigger_id": self.trigger(),
        }
        await self.deliver("interactive", body)

    async def until(self, seen: Callable[[], Any], what: str) -> Any:
        """Waits for the next call or answer, and looks again."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                while not (found := seen()):
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{what} did not come: {[(c[0], c[2]) for c in self.calls[-5:]]}") from None
        return found

    async def comes(self, holds: Callable[[], object], what: str) -> None:
        """What no call tells of: asked again and again."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(asyncio.Event().wait(), 0.05)
        except TimeoutError:
            raise AssertionError(f"{what} does not come") from None

    def answered(self, *words: str) -> dict[str, Any] | None:
        return next((one for one in reversed(self.answers) if all(w in json.dumps(one) for w in words)), None)

    def call(self, method: str, *words: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The newest successful call of a method with these words in its arguments."""
        for name, given, answer in reversed(self.calls):
            if name == method and answer.get("ok") and all(w in json.dumps(given, ensure_ascii=False) for w in words):
                return given, answer
        return None
