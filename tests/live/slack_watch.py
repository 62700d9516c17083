"""Somebody at the screen of local-slack: sees what it shows, types commands, presses buttons and sends forms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp

PATIENCE_S = 240.0  # a test that passes never waits so long, however slow the machine
TOO_LATE = "Slack did not let me do that"
State = dict[str, Any]


class Screen:
    """Follows the web interface's own socket, so that it waits for what happens and never for a while."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self._base = base
        self._session = session
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.messages: dict[tuple[str, str], State] = {}
        self.forms: list[State] = []
        self.form_errors: dict[str, str] = {}
        self.homes: dict[str, State] = {}
        self.connected = False

    async def open(self) -> None:
        self._socket = await self._session.ws_connect(f"{self._base}/ui", max_msg_size=0)

    async def until(self, seen: Callable[[], Any], what: str) -> Any:
        """Reads on until it is seen; its value."""
        assert self._socket is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found := seen()):
                    message = await self._socket.receive()
                    assert message.type is aiohttp.WSMsgType.TEXT, f"the screen went dark before {what}"
                    self._take(json.loads(message.data))
        except TimeoutError:
            texts = [one.get("text") for one in self.messages.values()]
            last = list(self.messages.values())[-2:]
            raise AssertionError(f"{what} did not come; messages: {texts}; {last}; {self.form_errors}") from None
        return found

    def _take(self, event: State) -> None:
        match event.get("t"):
            case "init":
                state = event["state"]
                self.connected = any(app["connected"] for app in state["apps"])
                for shown in state["messages"].values():
                    for one in shown:
                        self._keep(one)
            case "message" | "message_update":
                self._keep(event["message"])
            case "view":
                self.forms, self.form_errors = event.get("stack") or [], {}
            case "view_errors":
                self.form_errors = event.get("errors") or {}
            case "home":
                self.homes[event["user"]] = event["view"]
            case "socket_status":
                self.connected = bool(event.get("connected", True))

    def _keep(self, message: State) -> None:
        self.messages[message["channel"], message["ts"]] = message

    def said(self, *words: str, to: str | None = None) -> State | None:
        """The newest message with all these words in its text or blocks."""
        for message in reversed(self.messages.values()):
            text = json.dumps([message.get("text"), message.get("blocks")], ensure_ascii=False)
            if all(word in text for word in words) and (to is None or message.get("ephemeral_to") == to):
                return message
        return None

    async def command(self, user: str, channel: str, text: str) -> None:
        await self._do(t="slash_command", user=user, channel=channel, command="/bursar", text=text)

    async def until_form(self, user: str, channel: str, text: str) -> State:
        """A form is opened with a trigger that dies after three seconds: on a slow machine one asks again, as told."""
        for _ in range(20):
            self.messages.clear()
            await self.command(user, channel, text)
            await self.until(lambda: self.forms or self.said(TOO_LATE, to=user), "the form")
            if self.forms:
                return self.forms[-1]
        raise AssertionError("the form comes too late each time")

    async def press(self, user: str, message: State, action_id: str) -> None:
        elements = [
            e for block in message["blocks"] for e in (*block.get("elements", ()), block.get("accessory") or {})
        ]
        button = next(one for one in elements if one.get("action_id") == action_id)
        action = {"type": "button", "action_id": action_id, "block_id": "b", "value": button["value"]}
        await self._do(t="block_action", user=user, channel=message["channel"], messageTs=message["ts"], action=action)

    async def send_form(self, user: str, inputs: dict[str, str]) -> None:
        """Fill in the form on the screen; its inputs keep the names that the bot gave them."""
        shown = {block["block_id"]: block["element"] for block in self.forms[-1]["blocks"] if block["type"] == "input"}
        values = {name: {shown[name]["action_id"]: _filled(shown[name], value)} for name, value in inputs.items()}
        await self._do(t="view_submit", user=user, values=values)

    async def open_home(self, user: str) -> None:
        await self._do(t="open_home", user=user)

    async def _do(self, **event: Any) -> None:
        assert self._socket is not None
        await self._socket.send_str(json.dumps(event))


def _filled(element: State, value: str) -> State:
    if element["type"] == "static_select":
        return {"type": "static_select", "selected_option": {"value": value}}
    return {"type": element["type"], "value": value}
