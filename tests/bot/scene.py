"""A workspace with people in it, the real app behind it, and everything delivered signed, as Slack does it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from slack_bolt.async_app import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.app import build_app
from bot.delivery import Courier
from core.clock import MINUTE, SECOND
from core.domain.report_requests import LinkCode
from core.domain.requests import Joining
from core.domain.roles import Caller
from core.services.chat import link_person
from tests.bot.fake_slack import FakeSlack
from tests.bot.rules import check_message, everything_said
from tests.builders import World

TEAM = "T0ACME"
CHANNEL = "C0TEAM"
SECRET = "a signing secret for tests"
ADMIN, MEMBER, STRANGER = "U0ANA", "U0MIA", "U0ZOE"
LATE_US = 60 * MINUTE


class Bugs(logging.Handler):
    """What was logged as an error: a test that does not expect it fails."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(f"{record.getMessage()} {record.exc_info and record.exc_info[1]!r}")


class Scene:
    """The org `vision` with its admin ana and its member mia, both linked; zoe is nobody yet."""

    def __init__(self, world: World, admin: Caller, member: Caller) -> None:
        self.world, self.admin, self.member = world, admin, member
        self.slack = FakeSlack()
        self.answers: list[dict[str, Any]] = []
        self.log = logging.getLogger("tests.bot")
        self.bugs = Bugs()
        self.log.handlers = [self.bugs]
        self._numbers = count(1)
        self.app, self.desk = build_app(
            self.world.bursar, self.slack, signing_secret=SECRET, answerer=self._answer, log=self.log
        )
        self.courier = self.another_courier("first")

    @classmethod
    def made(cls, home: Path, url: str | None = None, **sections: Any) -> Scene:
        world = World.on(home, url, **sections)
        operator = world.operator()
        admin = world.member(world.org(operator, "vision"), "ana", "admin")
        world.cluster(admin)
        world.bursar.deliveries().follow()  # what happened before anybody was linked is not told
        with world.units.serve() as unit:
            link_person(unit, TEAM, ADMIN, "ana", admin.account_id)
        # Acting as people do in Slack: their session there lives as long as the link.
        made = cls(world, world.bursar.chat().visitor(TEAM, ADMIN).caller or admin, admin)
        made.member = made.registered(MEMBER, "mia")
        return made

    def copied(self, home: Path) -> Scene:
        """The same once more in another home, for one test to change; this one must be closed."""
        return Scene(self.world.copied(home), self.admin, self.member)

    def close(self) -> None:
        self.world.close()

    async def _answer(self, _url: str, payload: dict[str, Any]) -> None:
        check_message(payload["text"], payload["blocks"])
        assert payload["response_type"] == "ephemeral"
        self.answers.append(payload)

    def another_courier(self, owner: str) -> Courier:
        return Courier(self.desk, owner, late_after_us=LATE_US)

    # People

    def link(self, user: str, account: Caller) -> None:
        offer = self.world.bursar.chat().offer_link(TEAM, user, user.lower(), "Acme")
        self.world.bursar.slack_links.confirm(account, LinkCode(code=offer.code))

    def registered(self, user: str, name: str) -> Caller:
        """Somebody who made an account in Slack and joined by a code."""
        chat = self.world.bursar.chat()
        chat.register(TEAM, user, name, None)
        caller = chat.visitor(TEAM, user).caller
        assert caller is not None
        self.world.bursar.invites.join(caller, Joining(code=self.world.invite(self.admin).code))
        joined = chat.visitor(TEAM, user).caller
        assert joined is not None
        return joined

    # What Slack delivers

    async def command(self, user: str, text: str, *, again: str | None = None) -> list[dict[str, Any]]:
        """The answers that came of it."""
        number = next(self._numbers)
        body = {
            "team_id": TEAM,
            "team_domain": "acme",
            "channel_id": CHANNEL,
            "user_id": user,
            "user_name": user.lower().removeprefix("u0"),
            "command": "/bursar",
            "text": text,
            "trigger_id": again or f"trigger-{number}",
            "response_url": "http://slack.invalid/answer",
        }
        before = len(self.answers)
        answer = await self.deliver(urlencode(body), "application/x-www-form-urlencoded")
        assert answer.status == 200
        return self.answers[before:]

    def press_body(self, user: str, action_id: str, value: str, **more: Any) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user, "username": user.lower(), "team_id": TEAM},
            "channel": {"id": "D0" + user[2:]},
            "message": {"ts": "1700000000.000001"},
            "container": {"type": "message", "message_ts": "1700000000.000001"},
            "actions": [
                {"type": "button", "action_id": action_id, "value": value, "action_ts": str(number), "block_id": "b"}
            ],
            "trigger_id": f"trigger-{number}",
            "response_url": "http://slack.invalid/answer",
            **more,
        }

    async def press(self, user: str, action_id: str, value: str, **more: Any) -> list[dict[str, Any]]:
        return await self.interact(self.press_body(user, action_id, value, **more))

    async def interact(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        before = len(self.answers)
        answer = await self.payload(body)
        assert answer.status == 200
        return self.answers[before:]

    def form_body(self, user: str, callback_id: str, inputs: dict[str, str], metadata: str = "") -> dict[str, Any]:
        number = next(self._numbers)
        values = {name: {"value": {"type": "plain_text_input", "value": value}} for name, value in inputs.items()}
        return {
            "type": "view_submission",
            "team": {"id": TEAM},
            "user": {"id": user, "username": user.lower(), "team_id": TEAM},
            "view": {
                "id": f"V{number}",
                "hash": "h",
                "type": "modal",
                "callback_id": callback_id,
                "private_metadata": metadata,
                "state": {"values": values},
            },
        }

    async def send_form(self, body: dict[str, Any]) -> dict[str, str]:
        """What is wrong with it, by input; nothing where it was taken."""
        answer = await self.payload(body)
        assert answer.status == 200
        held = json.loads(answer.body) if answer.body else {}
        return dict(held.get("errors", {}))

    async def event(self, kind: str, user: str = "", *, event_id: str = "", **more: Any) -> None:
        number = next(self._numbers)
        event = {"type": kind, "user": user, **more}
        body = {"type": "event_callback", "team_id": TEAM, "event_id": event_id or f"Ev{number}", "event": event}
        answer = await self.deliver(json.dumps(body), "application/json")
        assert answer.status == 200

    async def payload(self, body: dict[str, Any]) -> BoltResponse:
        return await self.deliver(urlencode({"payload": json.dumps(body)}), "application/x-www-form-urlencoded")

    async def deliver(self, body: str, kind: str) -> BoltResponse:
        answer = await self.app.async_dispatch(AsyncBoltRequest(body=body, headers=signed(body, kind)))
        await self.settled()
        return answer

    async def settled(self) -> None:
        """Until every task that a delivery has begun is over."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    # What goes out

    def follow(self) -> int:
        return self.world.bursar.deliveries().follow()

    async def delivered(self, rounds: int = 12) -> None:
        """Everything that is due is posted, at the pace that a channel bears."""
        for _ in range(rounds):
            await self.courier.round()
            self.world.advance(2 * SECOND)

    def said_to(self, user: str) -> str:
        return everything_said(self.slack.shown_in("D0" + user[2:]))


def signed(body: str, kind: str, *, at: int | None = None, secret: str = SECRET) -> dict[str, Any]:
    stamp = str(int(time.time()) if at is None else at)
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    return {
        "content-type": [kind],
        "x-slack-request-timestamp": [stamp],
        "x-slack-signature": [signature],
    }


def said(answers: list[dict[str, Any]]) -> str:
    return everything_said([[one["text"], one["blocks"]] for one in answers])
