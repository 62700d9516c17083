"""The bot as programs: `bursar bot`, `bursar slack manifest`, `bursar slack doctor`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot import http, serving
from bot.app import LOG, build_app, client_for
from bot.delivery import Courier
from bot.doctor import diagnosis
from bot.manifest import as_yaml, manifest
from core.bootstrap import Bursar, build
from core.domain.errors import Invalid, Unavailable
from core.settings import Settings, load
from core.views.operations import Verdict

_FAILED = 7
_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class Place(Protocol):
    @property
    def home(self) -> Path: ...


class Terminal(Protocol):
    def write(self, text: str) -> None: ...


def program(place: Place, values: Mapping[str, Any], terminal: Terminal) -> int:
    """Serve Slack until told to end."""
    settings = load(home_override=place.home)
    bot_token = settings.slack.bot_token
    if bot_token is None:
        raise Invalid("slack_token", "SLACK_BOT_TOKEN is not set", "`bursar slack manifest` makes the app that has one")
    logging.basicConfig(level=logging.INFO, format=_FORMAT)
    bursar = build(settings)
    try:
        asyncio.run(_serve(bursar, settings, values.get("http"), bot_token.reveal(), terminal))
    finally:
        bursar.close()
    return 0


def print_manifest(_place: Place, values: Mapping[str, Any], terminal: Terminal) -> int:
    terminal.write(as_yaml(manifest(values.get("url"))))
    return 0


def doctor(place: Place, _values: Mapping[str, Any], terminal: Terminal) -> int:
    settings = load(home_override=place.home)
    token, app_token = settings.slack.bot_token, settings.slack.app_token
    bursar = build(settings)
    try:
        found = asyncio.run(
            diagnosis(
                client_for(token.reveal(), settings.slack.api_url) if token else None,
                app_token.reveal() if app_token else None,
                settings.slack.signing_secret is not None,
                bursar.deliveries().counts(),
                bursar.deliveries().workspaces(),
            )
        )
    finally:
        bursar.close()
    for one in found.findings:
        terminal.write(f"{one.verdict.value:4}  {one.check}: {one.message}\n")
        if one.repair:
            terminal.write(f"      mend it: {one.repair}\n")
    terminal.write(f"all in all: {found.verdict.value}\n")
    return _FAILED if found.verdict is Verdict.FAIL else 0


async def workspace_of(client: AsyncWebClient) -> tuple[str, str]:
    """Whose the token is: a bot serves that workspace, and leaves what others are to be told to theirs."""
    answer = await _asked(client.auth_test(), "SLACK_BOT_TOKEN")
    team_id = str(answer["team_id"])
    return team_id, f"{answer.get('team') or 'Slack'} ({team_id})"


async def check_app_token(client: AsyncWebClient, app_token: str) -> None:
    """Slack's client would try one that is wrong again and again, and say so in the log alone."""
    await _asked(client.apps_connections_open(app_token=app_token), "SLACK_APP_TOKEN")


async def _asked(call: Awaitable[AsyncSlackResponse], token: str) -> AsyncSlackResponse:
    try:
        return await call
    except SlackApiError as error:
        word = error.response.get("error")
        raise Invalid("slack_token", f"Slack does not take {token}: {word}", "bursar slack doctor") from None
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        reason = f"Slack cannot be reached ({type(error).__name__})"
        raise Unavailable("slack_unreachable", reason, "look at the network, or at SLACK_API_URL") from None


async def _serve(bursar: Bursar, settings: Settings, port: int | None, bot_token: str, terminal: Terminal) -> None:
    slack = settings.slack
    secret = slack.signing_secret.reveal() if slack.signing_secret and port is not None else ""
    client = client_for(bot_token, slack.api_url)
    team_id, workspace = await workspace_of(client)
    app, desk = build_app(bursar, client, signing_secret=secret, team_id=team_id, log=LOG)
    answering: Callable[[asyncio.Event], Awaitable[None]]
    if port is not None:
        if not secret:
            raise Invalid(
                "slack_secret", "SLACK_SIGNING_SECRET is not set", "signed HTTP needs it; Socket Mode does not"
            )
        answering = partial(http.serve, app, secret, port)
        terminal.write(f"serving {workspace} over HTTP on port {port}\n")
    else:
        if slack.app_token is None:
            raise Invalid("slack_token", "SLACK_APP_TOKEN is not set", "Socket Mode needs it, or give --http PORT")
        await check_app_token(client, slack.app_token.reveal())
        answering = partial(serving.by_socket, app, slack.app_token.reveal())
        terminal.write(f"serving {workspace} in Socket Mode\n")
    owner = bursar.deliveries().new_owner()
    courier = Courier(desk, owner, late_after_us=settings.reports.late_after_ms * 1000)
    await serving.serve(desk, courier, answering)
