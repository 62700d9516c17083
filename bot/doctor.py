"""`bursar slack doctor`: the tokens, what they may do, whether a socket opens, and what could not be posted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import charts
from bot.manifest import scopes
from core.domain.chat import DeliveryState
from core.views.operations import Diagnosis, Finding, Verdict

_OK, _WARN, _FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
_SILENCE = "nothing"
_TROUBLE = {
    DeliveryState.DEAD: "could not be posted; `report list` and the log say why",
    DeliveryState.UNSURE: "were perhaps posted; their readers are asked",
}


async def diagnosis(
    client: AsyncWebClient | None,
    app_token: str | None,
    signed: bool,
    counts: Mapping[DeliveryState, int],
    workspaces: Sequence[str] = (),
) -> Diagnosis:
    findings = [*await _bot_token(client, workspaces), *await _socket(client, app_token, signed), *_messages(counts)]
    drawn = "charts can be drawn" if charts.can_draw() else charts.MISSING
    findings.append(Finding("charts", "charts", _OK if charts.can_draw() else _WARN, drawn))
    worst = max((finding.verdict for finding in findings), key=list(Verdict).index)
    return Diagnosis(worst, tuple(findings))


async def _bot_token(client: AsyncWebClient | None, workspaces: Sequence[str]) -> list[Finding]:
    if client is None:
        return [Finding("bot-token", "bot token", _FAIL, "SLACK_BOT_TOKEN is not set", "set it, or its _FILE")]
    answer = await _asked(client, "auth.test")
    if isinstance(answer, str):
        repair = _of_network(answer) or "install the app and take its bot token"
        return [Finding("bot-token", "bot token", _FAIL, f"Slack says {answer}", repair)]
    whose = f"{answer.get('user')} in {answer.get('team')} ({answer.get('team_id')})"
    found = [Finding("bot-token", "bot token", _OK, f"it is {whose}"), _scopes(answer.headers)]
    others = [team for team in workspaces if team != answer.get("team_id")]
    if others:
        said = f"{', '.join(others)}: not served by this token"
        found.append(
            Finding("workspaces", "workspaces", _WARN, said, "run one more `bursar bot` for each, by its token")
        )
    return found


def _scopes(headers: Mapping[str, Any]) -> Finding:
    given = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), None)
    if given is None:
        return Finding("scopes", "scopes", _WARN, "Slack did not say which scopes the token has")
    have = {scope.strip() for scope in str(given).split(",")}
    missing, more = set(scopes()) - have, have - set(scopes())
    if missing:
        repair = "bursar slack manifest, then install the app anew"
        return Finding("scopes", "scopes", _FAIL, f"missing: {', '.join(sorted(missing))}", repair)
    if more:
        return Finding("scopes", "scopes", _WARN, f"more than are used: {', '.join(sorted(more))}")
    return Finding("scopes", "scopes", _OK, "those that are used, and no more")


async def _socket(client: AsyncWebClient | None, app_token: str | None, signed: bool) -> list[Finding]:
    if app_token is None or client is None:
        verdict = _OK if signed else _FAIL
        said = "signed HTTP only" if signed else "neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set"
        return [Finding("socket", "connection", verdict, said, None if signed else "set one of them")]
    answer = await _asked(client, "apps.connections.open", app_token)
    if isinstance(answer, str):
        repair = _of_network(answer) or "make an app-level token with connections:write"
        return [Finding("socket", "connection", _FAIL, f"Slack opens no socket: {answer}", repair)]
    return [Finding("socket", "connection", _OK, "Slack opens a socket")]


def _of_network(answer: str) -> str | None:
    """Where nothing at all was answered, no token is to blame."""
    return "look at the network, or at SLACK_API_URL" if answer.startswith(_SILENCE) else None


def _messages(counts: Mapping[DeliveryState, int]) -> Iterator[Finding]:
    waiting = counts.get(DeliveryState.DUE, 0) + counts.get(DeliveryState.CLAIMED, 0)
    yield Finding("deliveries", "messages", _OK, f"{waiting} wait to be posted")
    for state, said in _TROUBLE.items():
        if counts.get(state):
            yield Finding(f"deliveries-{state.value}", "messages", _WARN, f"{counts[state]} {said}")


async def _asked(client: AsyncWebClient, method: str, token: str | None = None) -> Any:
    """The answer, or in a word why there is none."""
    try:
        if token is not None:
            return await client.apps_connections_open(app_token=token)
        return await client.auth_test()
    except SlackApiError as error:
        return str(error.response.get("error"))
    except Exception as error:  # noqa: BLE001 - what keeps Slack away is what the doctor is asked for
        return f"{_SILENCE} ({method}: {type(error).__name__})"
