"""The manifest asks for what the code uses and for nothing else; the doctor compares it with the token."""

from __future__ import annotations

import ast
import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp

import bot
from bot.__main__ import check_app_token, workspace_of
from bot.doctor import diagnosis
from bot.ids import COMMAND
from bot.listeners.events import HEARD
from bot.manifest import METHODS, as_yaml, manifest, scopes
from bot.serving import by_socket
from core.domain.chat import DeliveryState
from core.domain.errors import BursarError, Invalid
from core.views.operations import Verdict
from tests.bot.fake_slack import FakeSlack

ROOT = Path(bot.__file__).parent
CALLS = re.compile(r"^(auth|chat|files|views|apps|conversations|users|reactions|pins)_\w+$")
# What one call of the SDK is in methods of the Web API; and what is called with the app's token, which has no scopes.
IN_PARTS = {"files_upload_v2": ["files.getUploadURLExternal", "files.completeUploadExternal"]}
BY_APP_TOKEN = {"apps_connections_open"}


def called_methods() -> set[str]:
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and CALLS.match(node.attr):
                name = node.attr
                found.update(IN_PARTS.get(name, [] if name in BY_APP_TOKEN else [name.replace("_", ".", 1)]))
    return found


def test_every_method_that_is_called_is_in_the_table_and_no_other() -> None:
    assert called_methods() == set(METHODS)


def test_the_scopes_are_the_least_and_read_no_history() -> None:
    assert scopes() == ["app_mentions:read", "chat:write", "commands", "files:write"]
    assert not [scope for scope in scopes() if "history" in scope or "users" in scope]


def test_the_shipped_manifest_is_what_the_code_says() -> None:
    shipped = ROOT.parent / "config" / "slack-manifest.yaml"
    assert shipped.read_text(encoding="utf-8") == as_yaml(manifest()), "renew it: bursar slack manifest > it"


def test_over_http_every_address_is_the_same_and_no_socket_is_wanted() -> None:
    made = manifest("https://bursar.example.org/")
    assert made["settings"]["socket_mode_enabled"] is False
    address = "https://bursar.example.org/slack/events"
    assert made["features"]["slash_commands"][0]["url"] == address
    assert made["settings"]["interactivity"]["request_url"] == address
    assert made["settings"]["event_subscriptions"]["request_url"] == address
    with pytest.raises(Invalid):
        manifest("http://plain.example.org")


def test_it_stays_within_what_slack_takes_of_a_manifest() -> None:
    made = manifest()
    (command,) = made["features"]["slash_commands"]
    assert command["command"] == COMMAND and len(command["command"]) <= 32 and len(command["usage_hint"]) <= 1000
    assert command["should_escape"] is True and len(command["description"]) <= 140
    assert len(made["display_information"]["name"]) <= 35 and len(made["display_information"]["description"]) <= 140
    assert made["settings"]["event_subscriptions"]["bot_events"] == list(HEARD)


class Doctored(FakeSlack):
    def __init__(self, given: str, socket: bool = True) -> None:
        super().__init__()
        self.given, self.socket, self.sockets_asked = given, socket, 0

    async def auth_test(self, **_given: Any) -> Any:
        data = {"ok": True, "user": "bursar", "team": "Acme", "team_id": "T0ACME"}
        return self.response(data, headers={"X-OAuth-Scopes": self.given})

    async def apps_connections_open(self, *, app_token: str, **_given: Any) -> Any:
        self.sockets_asked += 1
        if not self.socket:
            raise self.refusal("not_allowed_token_type")
        return self.response({"ok": True, "url": "wss://x"})


@pytest.mark.parametrize(
    ("given", "socket", "verdict", "told"),
    [
        (",".join(scopes()), True, Verdict.OK, "no more"),
        ("commands", True, Verdict.FAIL, "missing: app_mentions:read, chat:write, files:write"),
        (",".join([*scopes(), "channels:history"]), True, Verdict.WARN, "channels:history"),
        (",".join(scopes()), False, Verdict.FAIL, "not_allowed_token_type"),
    ],
)
async def test_the_doctor_says_what_is_missing(given: str, socket: bool, verdict: Verdict, told: str) -> None:
    found = await diagnosis(Doctored(given, socket), "xapp-1", signed=False, counts={})
    without_charts = [one for one in found.findings if one.id != "charts"]
    assert max((one.verdict for one in without_charts), key=list(Verdict).index) is verdict
    assert any(told in one.message for one in found.findings)


async def test_the_doctor_without_any_token_and_with_messages_that_did_not_arrive() -> None:
    found = await diagnosis(None, None, signed=False, counts={DeliveryState.DEAD: 2, DeliveryState.UNSURE: 1})
    assert found.verdict is Verdict.FAIL
    said = " ".join(one.message for one in found.findings)
    assert "SLACK_BOT_TOKEN is not set" in said and "2 could not be posted" in said and "1 were perhaps" in said


class Silent(Doctored):
    async def auth_test(self, **_given: Any) -> Any:
        raise aiohttp.ServerDisconnectedError

    async def apps_connections_open(self, *, app_token: str, **_given: Any) -> Any:
        raise TimeoutError


async def test_where_slack_is_silent_the_doctor_blames_no_token() -> None:
    found = await diagnosis(Silent(""), "xapp-1", signed=False, counts={})
    silent = [one for one in found.findings if one.verdict is Verdict.FAIL]
    assert len(silent) == 2 and all("look at the network" in str(one.repair) for one in silent)


class Refused(Doctored):
    async def auth_test(self, **_given: Any) -> Any:
        raise self.refusal("invalid_auth")


@pytest.mark.parametrize(
    ("slack", "told"),
    [(Silent(""), "Slack cannot be reached"), (Refused(""), "does not take SLACK_BOT_TOKEN: invalid_auth")],
)
async def test_a_bot_that_cannot_say_whose_its_token_is_ends_with_the_reason(slack: Doctored, told: str) -> None:
    with pytest.raises(BursarError, match=told) as ended:
        await workspace_of(slack)
    assert ended.value.hint
    assert await workspace_of(Doctored("")) == ("T0ACME", "Acme (T0ACME)")


async def test_a_bot_whose_app_token_is_not_taken_ends_with_the_reason() -> None:
    with pytest.raises(BursarError, match="does not take SLACK_APP_TOKEN: not_allowed_token_type"):
        await check_app_token(Doctored("", socket=False), "xapp-1")
    await check_app_token(Doctored(""), "xapp-1")


async def test_a_bot_that_cannot_connect_ends_when_it_is_told_to() -> None:
    slack = Doctored("", socket=False)
    app = AsyncApp(client=slack, request_verification_enabled=False, logger=logging.getLogger("tests.bot.socket"))
    until = asyncio.Event()
    serving = asyncio.create_task(by_socket(app, "xapp-1", until))
    while not slack.sockets_asked:
        await asyncio.sleep(0)
    until.set()
    await asyncio.wait_for(serving, 5)
