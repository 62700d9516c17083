"""Events. They come at least once and in any order, so each may be heard again without harm."""

from __future__ import annotations

import re

from slack_bolt.async_app import AsyncApp

from bot.desk import Desk
from bot.listeners.events import gone, home_opened, mentioned
from bot.listeners.frame import acknowledge

HEARD = ("app_home_opened", "app_mention", "app_uninstalled", "tokens_revoked")


def hang(app: AsyncApp, desk: Desk) -> None:
    home_opened.hang(app, desk, HEARD[0])
    mentioned.hang(app, desk, HEARD[1])
    gone.hang(app, desk, HEARD[2:])
    app.event(re.compile(".*"))(acknowledge)
