"""What every listener has at hand: the services, asked in threads; Slack's client; and the way to answer somebody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ParamSpec, Protocol, TypeVar

from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler, AsyncServerErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.blocks.home import MOST_ENDED, HomeView, home_tab
from bot.blocks.parts import Message, modal
from bot.errors import bug, told
from bot.homes import Homes
from bot.outcomes import Fate, outcome_of
from bot.payloads import Press, Who
from core.commands.verbs import Bursar
from core.domain.errors import BursarError, Unavailable
from core.domain.lifecycle import FINAL, State
from core.domain.roles import Caller
from core.services.chat import Chat
from core.services.deliveries import Deliveries
from core.views.chat import Visitor

P = ParamSpec("P")
R = TypeVar("R")
Answerer = Callable[[str, dict[str, Any]], Awaitable[None]]
DELIVERED_BEFORE = "delivered_before"
_TRIES = 3
_ENDED = tuple(state.value for state in FINAL - {State.DELETED})
_LIVING = tuple(state.value for state in State if state not in FINAL)


class Opened(Bursar, Protocol):
    """The services with the bot's own two."""

    @property
    def chat(self) -> Callable[[], Chat]: ...
    @property
    def deliveries(self) -> Callable[[], Deliveries]: ...


async def by_webhook(url: str, payload: dict[str, Any]) -> None:
    """Only the one who asked sees an answer, so one that comes twice is better than none."""
    client = AsyncWebhookClient(url)
    client.retry_handlers += [AsyncRateLimitErrorRetryHandler(_TRIES), AsyncServerErrorRetryHandler(_TRIES)]
    answer = await client.send_dict(payload)
    if answer.status_code != HTTPStatus.OK:
        raise Unavailable("slack_refused", f"Slack did not take the answer: {answer.status_code} {answer.body[:200]}")


async def in_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The store and a password's hash block; the loop that answers everybody must not."""
    return await asyncio.to_thread(call, *args, **kwargs)


@dataclass(frozen=True)
class Desk:
    bursar: Opened
    client: AsyncWebClient
    log: logging.Logger
    answerer: Answerer = by_webhook
    team_id: str | None = None  # the workspace that the client's token is good for; any, where it is not known
    homes: Homes = field(default_factory=Homes)
    checks: dict[str, str] = field(default_factory=dict)  # of each form the newest press that asks what it comes to

    @property
    def chat(self) -> Chat:
        return self.bursar.chat()

    @property
    def deliveries(self) -> Deliveries:
        return self.bursar.deliveries()

    async def visitor(self, who: Who, delivery: str | None = None) -> Visitor:
        return await in_thread(self.chat.visitor, who.team_id, who.user_id, delivery)

    def serves(self, who: Who) -> None:
        """Refuse people of another workspace: there this bot could neither open a form nor send a message."""
        if self.team_id is not None and who.team_id != self.team_id:
            raise Unavailable(
                "other_workspace",
                "this bot serves another workspace",
                "an operator starts one more `bursar bot` with this workspace's own token",
            )

    # Answers are seen by the one who asked, and always say so themselves: other Slacks have other defaults.

    async def reply(self, response_url: str, answer: Message) -> None:
        payload: dict[str, Any] = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": answer.text,
            "blocks": list(answer.blocks),
        }
        await self.answerer(response_url, payload)

    async def reply_to_press(self, press: Press, answer: Message) -> None:
        """Below the message that was pressed; on the home tab there is none, so in a window of its own.

        Of a form that is open the answer is laid on top, so that nothing of what was typed is lost.
        """
        if press.response_url:
            await self.reply(press.response_url, answer)
        elif press.trigger_id:
            show = self.client.views_push if press.in_form else self.client.views_open
            await show(trigger_id=press.trigger_id, view=modal("Bursar", list(answer.blocks), callback_id="answer"))

    async def answered(
        self, work: Callable[[], Awaitable[Message | None]], reply: Callable[[Message], Awaitable[None]], what: str
    ) -> None:
        """Do it and say what came of it; nothing leaves this but an answer."""
        try:
            answer = await self._outcome(work, what)
            if answer is not None:
                await reply(answer)
        except Exception:
            # Nobody is left to be told: Slack took the answer itself badly, or is away.
            self.log.exception("the answer to %s could not be given", what)

    async def _outcome(self, work: Callable[[], Awaitable[Message | None]], what: str) -> Message | None:
        try:
            return await work()
        except BursarError as error:
            return None if error.code == DELIVERED_BEFORE else told(error)
        except SlackApiError as error:
            word = str(error.response.get("error"))
            self.log.warning("%s: Slack refused: %s", what, word)
            return told(Unavailable("slack_refused", f"Slack did not let me do that ({word})", "say or press it again"))
        except Exception as found:  # noqa: BLE001 - the last net: what falls into it is a bug, and is written down
            return self.written_down(found, what)

    def written_down(self, found: Exception, what: str) -> Message:
        reference = f"{what}/{id(found) % 0xFFFF:04x}"
        self.log.error("a bug: %s", reference, exc_info=found)
        return bug(type(found).__name__, reference)

    # The home tab

    async def publish_home(self, who: Who) -> None:
        """What Slack does not take now is shown a little later."""
        person, now = (who.team_id, who.user_id), self.deliveries.now()
        self.homes.shown(person, now)
        view = await in_thread(self._home, who)
        try:
            await self.client.views_publish(user_id=who.user_id, view=home_tab(view))
        except Exception as error:
            outcome = outcome_of(error, 1, repeatable=True)
            if outcome.fate is Fate.LATER:
                self.homes.refused(person, now + outcome.wait_us)
            raise

    async def freshen_home(self, who: Who) -> None:
        """At once, for who has just done something and may look at it."""
        if self.homes.is_open((who.team_id, who.user_id)):
            await self.publish_home(who)

    def _home(self, who: Who) -> HomeView:
        visitor = self.chat.visitor(who.team_id, who.user_id)
        if visitor.caller is None or not visitor.belongs:
            return HomeView(visitor)
        caller: Caller = visitor.caller
        bursar = self.bursar
        return HomeView(
            visitor=visitor,
            waiting=bursar.decisions.approvals(caller).items if visitor.admin else (),
            work=bursar.deployments.list(caller, mine=True, states=_LIVING, limit=50).items,
            ended=bursar.deployments.list(caller, mine=True, states=_ENDED, limit=MOST_ENDED).items,
            wallet=bursar.credits.wallet(caller),
            hours=self.deliveries.hours_asked_of(caller, who.team_id, who.user_id) if visitor.admin else (),
            unsure=self.deliveries.unsure_of(caller, who.team_id, who.user_id),
            clusters=bursar.clusters.list(caller).items,
        )
