"""What the app asks for when it is made in Slack: no more scopes than the methods that the code calls.

The shipped config/slack-manifest.yaml is printed by this; a test compares, and asks for each method its scope.
"""

from __future__ import annotations

import json
from typing import Any

from bot.ids import COMMAND, Form
from bot.listeners.events import HEARD
from core.domain.errors import Invalid
from core.domain.text import visible

# Every method of the Web API that the bot calls, with the scope that it needs; none where any token will do.
METHODS: dict[str, str | None] = {
    "auth.test": None,
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
    "views.open": None,
    "views.publish": None,
    "views.push": None,
    "views.update": None,
}
# What Slack wants beside methods: for commands, and for each event that is heard.
_FOR_FEATURES = ("commands", "app_mentions:read")


def scopes() -> list[str]:
    return sorted({scope for scope in METHODS.values() if scope} | set(_FOR_FEATURES))


def manifest(url: str | None = None) -> dict[str, Any]:
    """For Socket Mode, or with the address at which Slack reaches the bot."""
    if url is not None and not (url.startswith("https://") and len(url) <= 500 and url.isprintable()):
        raise Invalid("url_malformed", f"url: {visible(url)} is no https address", "give https://bursar.example.org")
    address = f"{url.rstrip('/')}/slack/events" if url else None
    command: dict[str, Any] = {
        "command": COMMAND,
        "description": "Ask for compute, approve it, follow it",
        "usage_hint": "[deploy | list | why | wallet | report | link | help]",
        "should_escape": True,
    }
    events: dict[str, Any] = {"bot_events": list(HEARD)}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if address:
        command["url"] = events["request_url"] = interactivity["request_url"] = address
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": "Bursar",
            "description": "Compute for your team: requests, approvals and reports of use",
            "background_color": "#1f2937",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "bursar", "always_online": True},
            "slash_commands": [command],
            "shortcuts": [
                {
                    "name": "New compute request",
                    "type": "global",
                    "callback_id": Form.NEW_REQUEST.value,
                    "description": "Open the request form",
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": scopes()}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "socket_mode_enabled": address is None,
            "org_deploy_enabled": False,
            "token_rotation_enabled": False,
        },
    }


def as_yaml(value: dict[str, Any]) -> str:
    """YAML as far as a manifest needs it; words are written as JSON strings, which YAML reads."""
    return "\n".join(_lines(value, 0)) + "\n"


def _lines(value: Any, depth: int) -> list[str]:
    pad, lines = "  " * depth, []
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                lines += [f"{pad}{key}:", *_lines(inner, depth + 1)]
            else:
                lines.append(f"{pad}{key}: {json.dumps(inner)}")
        return lines
    for inner in value:
        if isinstance(inner, dict):
            first, *others = _lines(inner, depth + 1)
            lines += [f"{pad}- {first.strip()}", *others]
        else:
            lines.append(f"{pad}- {json.dumps(inner)}")
    return lines
