"""A Slack that takes what the real one takes, remembers what it shows, and fails where it is told to."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.manifest import METHODS
from tests.bot.rules import check_message, check_view

BOT_USER = "U0BOT"
Fault = Callable[[str, dict[str, Any]], Exception | None]


class FakeSlack(AsyncWebClient):
    def __init__(self) -> None:
        super().__init__(token="xoxb-a-token-for-tests", base_url="http://slack.invalid/api/", retry_handlers=[])
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.messages: dict[tuple[str, str], dict[str, Any]] = {}
        self.posts: list[dict[str, Any]] = []
        self.homes: dict[str, dict[str, Any]] = {}
        self.views: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.fault: Fault = lambda _method, _given: None
        self.after_fault: Fault = lambda _method, _given: None
        self._stamps = count(1)

    async def api_call(self, api_method: str, **given: Any) -> AsyncSlackResponse:
        known = {**(given.get("params") or {}), **(given.get("data") or {}), **(given.get("json") or {})}
        assert api_method in METHODS, f"{api_method} is not in the manifest's table"
        self.calls.append((api_method, known))
        self._fail(self.fault, api_method, known)
        answer = getattr(self, "_" + api_method.replace(".", "_"))(known)
        self._fail(self.after_fault, api_method, known)
        return self.response({"ok": True, **answer})

    def response(self, data: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Any:
        url = "http://slack.invalid/api/"
        return AsyncSlackResponse(
            client=self,
            http_verb="POST",
            api_url=url,
            req_args={},
            data=data,
            headers=headers or {},
            status_code=status,
        )

    def refusal(self, error: str, status: int = 200, headers: dict[str, str] | None = None) -> SlackApiError:
        return SlackApiError(error, self.response({"ok": False, "error": error}, status, headers))

    @staticmethod
    def _fail(fault: Fault, method: str, given: dict[str, Any]) -> None:
        error = fault(method, given)
        if error is not None:
            raise error

    def called(self, method: str) -> list[dict[str, Any]]:
        return [given for name, given in self.calls if name == method]

    def shown_in(self, channel: str) -> list[dict[str, Any]]:
        return [message for (place, _), message in self.messages.items() if place == channel]

    # What the methods do

    def _auth_test(self, _given: dict[str, Any]) -> dict[str, Any]:
        return {"user_id": BOT_USER, "user": "bursar", "team_id": "T0ACME", "team": "Acme", "bot_id": "B0BOT"}

    def _chat_postMessage(self, given: dict[str, Any]) -> dict[str, Any]:
        check_message(given.get("text"), given["blocks"])
        channel = given["channel"].replace("U0", "D0", 1) if given["channel"].startswith("U") else given["channel"]
        stamp = f"1700000000.{next(self._stamps):06}"
        self.messages[channel, stamp] = {**given, "ts": stamp}
        self.posts.append({**given, "ts": stamp})
        return {"channel": channel, "ts": stamp}

    def _chat_postEphemeral(self, given: dict[str, Any]) -> dict[str, Any]:
        check_message(given.get("text"), given["blocks"])
        return {"message_ts": f"1700000000.{next(self._stamps):06}"}

    def _chat_update(self, given: dict[str, Any]) -> dict[str, Any]:
        check_message(given.get("text"), given["blocks"])
        place = (given["channel"], given["ts"])
        if place not in self.messages:
            raise self.refusal("message_not_found")
        self.messages[place].update(text=given["text"], blocks=given["blocks"])
        return {"channel": given["channel"], "ts": given["ts"]}

    def _views_open(self, given: dict[str, Any]) -> dict[str, Any]:
        check_view(given["view"])
        assert given["trigger_id"], "a form is opened by a trigger"
        self.views.append(given["view"])
        return {"view": {"id": f"V{len(self.views)}"}}

    def _views_push(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._views_open(given)

    def _views_update(self, given: dict[str, Any]) -> dict[str, Any]:
        check_view(given["view"])
        self.views.append(given["view"])
        return {}

    def _views_publish(self, given: dict[str, Any]) -> dict[str, Any]:
        check_view(given["view"])
        self.homes[given["user_id"]] = given["view"]
        return {}

    async def files_upload_v2(self, **given: Any) -> Any:
        self.calls.append(("files.upload", given))
        for file in given["file_uploads"]:
            assert file["file"] and file["filename"]
            self.files.append({**file, "channel": given["channel"], "thread_ts": given["thread_ts"]})
        return self.response({"ok": True})
