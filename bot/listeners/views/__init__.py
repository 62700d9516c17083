"""Forms that were sent. Their acknowledgement carries what is wrong, so here the work comes before it, in a thread."""

from __future__ import annotations

import re

from slack_bolt.async_app import AsyncApp

from bot.desk import Desk
from bot.ids import Form
from bot.listeners.frame import acknowledge
from bot.listeners.views import approve, deploy, join, reject


def hang(app: AsyncApp, desk: Desk) -> None:
    deploy.hang(app, desk, Form.DEPLOY)
    approve.hang(app, desk, Form.APPROVE)
    reject.hang(app, desk, Form.REJECT)
    join.hang(app, desk, Form.JOIN)
    app.view(re.compile(".*"))(acknowledge)
    app.view_closed(re.compile(".*"))(acknowledge)
    app.options(re.compile(".*"))(acknowledge)
