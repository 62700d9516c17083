"""The app: every listener hung in, and a catch-all behind each kind, so that Slack never waits for nothing."""

from __future__ import annotations

import logging

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.error import BoltError
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk import Answerer, Desk, Opened, by_webhook
from bot.listeners import actions, commands, events, shortcuts, views

LOG = logging.getLogger("bursar.bot")


class App(AsyncApp):
    """Bolt looks into what was delivered before any listener does, and trusts it: what is odd ends here."""

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        try:
            return await super().async_dispatch(req)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            self.logger.warning("something that cannot be read was delivered (%s)", type(error).__name__)
            return BoltResponse(status=400, body="")


def build_app(
    bursar: Opened,
    client: AsyncWebClient,
    *,
    signing_secret: str = "",
    answerer: Answerer = by_webhook,
    team_id: str | None = None,
    log: logging.Logger = LOG,
) -> tuple[AsyncApp, Desk]:
    """For Socket Mode without a signing secret: there is nothing to verify, the socket is Slack's."""
    desk = Desk(bursar, client, log, answerer, team_id)
    app = App(
        client=client,
        signing_secret=signing_secret,
        request_verification_enabled=bool(signing_secret),
        logger=log,
        name="bursar",
    )
    for kind in (commands, actions, views, shortcuts, events):
        kind.hang(app, desk)

    async def on_error(error: Exception) -> None:
        if not isinstance(error, BoltError):
            desk.written_down(error, "listener")

    app.error(on_error)
    return app, desk


def client_for(token: str, api_url: str) -> AsyncWebClient:
    """Without the SDK's own retries: one behind a lost connection could post a message twice."""
    return AsyncWebClient(token=token, base_url=api_url, retry_handlers=[], timeout=20)
