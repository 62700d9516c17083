"""What comes in from outside: signed or not at all, whatever it holds, and never a traceback."""

from __future__ import annotations

import io
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.http import PATH, web_app
from tests.bot.scene import ADMIN, SECRET, STRANGER, Scene, signed

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
COMMAND = urlencode({"team_id": "T0ACME", "user_id": STRANGER, "command": "/bursar", "text": "help"})


def flat(headers: dict[str, Any]) -> dict[str, str]:
    return {name: value[0] for name, value in headers.items()}


async def posted(scene: Scene, body: str | bytes | io.BytesIO, headers: dict[str, str]) -> tuple[int, str]:
    async with TestClient(TestServer(web_app(scene.app, SECRET))) as client:
        answer = await client.post(PATH, data=body, headers=headers)
        status, text = answer.status, await answer.text()
    await scene.settled()
    return status, text


@pytest.mark.parametrize(
    ("age", "secret", "status"),
    [(0, SECRET, 200), (290, SECRET, 200), (301, SECRET, 401), (-301, SECRET, 401), (0, "another secret", 401)],
)
async def test_only_what_slack_signed_within_five_minutes_comes_in(
    scene: Scene, age: int, secret: str, status: int
) -> None:
    headers = flat(signed(COMMAND, FORM, at=int(time.time()) - age, secret=secret))
    assert (await posted(scene, COMMAND, headers))[0] == status


@pytest.mark.parametrize("stamp", ["", "abc", "١٢٣", "-5", "9" * 400, "1e9"])
async def test_B38_a_bad_timestamp_is_refused_without_a_traceback(scene: Scene, stamp: str) -> None:
    headers = {**flat(signed(COMMAND, FORM)), "x-slack-request-timestamp": stamp}
    status, text = await posted(scene, COMMAND, headers)
    assert status == 401 and "Traceback" not in text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", JSON, 400),
        ("[]", JSON, 400),
        ("null", JSON, 400),
        ("payload=%7B", FORM, 400),
        ("payload=%5B%5D", FORM, 400),
        ("payload=7", FORM, 400),
    ],
)
async def test_B38_what_is_no_object_is_refused(scene: Scene, body: str, kind: str, status: int) -> None:
    assert (await posted(scene, body, flat(signed(body, kind))))[0] == status


async def test_B38_what_is_too_large_or_no_text_is_refused(scene: Scene) -> None:
    large = io.BytesIO(b"text=" + b"x" * 1_100_000)
    assert (await posted(scene, large, flat(signed("", FORM))))[0] == 413
    status, _ = await posted(scene, b"\xff\xfe", flat(signed("x", FORM)))
    assert status == 400


ODD_BODIES: list[dict[str, Any]] = [
    {},
    {"type": "block_actions"},
    {"type": "block_actions", "actions": []},
    {"type": "block_actions", "actions": [{"action_id": "approve"}], "user": 7, "team": None},
    {"type": "block_actions", "actions": [{"action_id": "approve", "value": 7}], "user": {"id": ADMIN}},
    {"type": "block_actions", "actions": [{"action_id": "no_such"}], "user": {"id": ADMIN}, "team": {"id": "T0ACME"}},
    {"type": "view_submission", "view": {"callback_id": "deploy"}, "user": {"id": ADMIN}, "team": {"id": "T0ACME"}},
    {"type": "view_submission", "view": {"callback_id": "no_such", "id": "V1"}, "user": {"id": ADMIN}},
    {"type": "view_closed", "view": {"callback_id": "deploy"}, "user": {"id": ADMIN}},
    {"type": "shortcut", "callback_id": "new_request"},
    {"type": "shortcut", "callback_id": "no_such"},
    {"type": "block_suggestion", "action_id": "x", "value": "y"},
    {"type": "event_callback", "event": {"type": "app_home_opened"}},
    {"type": "event_callback", "event": {"type": "message"}},
]


@pytest.mark.parametrize("body", ODD_BODIES, ids=lambda body: json.dumps(body)[:60])
async def test_B38_an_odd_payload_is_acknowledged_or_refused_and_changes_nothing(
    scene: Scene, body: dict[str, Any]
) -> None:
    is_event = body.get("type") == "event_callback"
    text = json.dumps({"team_id": "T0ACME", **body}) if is_event else urlencode({"payload": json.dumps(body)})
    status, answer = await posted(scene, text, flat(signed(text, JSON if is_event else FORM)))
    assert status in (200, 400, 404) and "Traceback" not in answer
    assert scene.answers == [] and scene.slack.called("chat.postMessage") == []


async def test_an_unknown_command_is_answered_too(scene: Scene) -> None:
    body = {"team_id": "T0ACME", "user_id": STRANGER, "command": "/other", "text": "", "response_url": "http://x/"}
    assert (await scene.deliver(urlencode(body), FORM)).status == 200
    assert "not known here" in scene.answers[-1]["text"]


async def test_E58_a_command_is_acknowledged_before_its_work_is_done(scene: Scene) -> None:
    """The work raises; the acknowledgement has gone out and the person gets a sentence, not a time-out."""

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("a bug for a test")

    object.__setattr__(scene.world.bursar.accounts, "whoami", broken)
    (answer,) = await scene.command(ADMIN, "whoami")
    assert "a bug in Bursar (RuntimeError)" in answer["text"]
    assert "whoami" not in scene.bugs.found.pop(), "what was typed is not logged"


async def test_E62_a_request_that_is_replayed_as_it_was_signed_changes_nothing_more(scene: Scene) -> None:
    body = {
        "team_id": "T0ACME",
        "user_id": ADMIN,
        "command": "/bursar",
        "text": "deploy busybox on rack hours 1",
        "trigger_id": "trigger-of-a-captured-request",
        "response_url": "http://slack.invalid/answer",
    }
    text = urlencode(body)
    headers = flat(signed(text, FORM))
    for _ in range(3):
        assert (await posted(scene, text, headers))[0] == 200
    assert len(scene.world.bursar.deployments.list(scene.admin).items) == 1
    assert len(scene.answers) == 1
