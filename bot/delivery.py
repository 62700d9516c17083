"""The courier: takes what is due, posts it or brings it up to date, and marks what became of it.

A message shows what its reader may see at the moment it is posted, so it is read under the reader's own rights.
"""

from __future__ import annotations

import asyncio
from typing import Any

from slack_sdk.errors import SlackApiError

from bot import charts
from bot.blocks import notice
from bot.blocks.approval import Decision, approval
from bot.blocks.deployment import card
from bot.blocks.more_time import more_time
from bot.blocks.parts import Message
from bot.blocks.report import Note, alt_text, report
from bot.desk import Desk, in_thread
from bot.outcomes import Fate, Outcome, outcome_of
from bot.payloads import Who
from core.domain.chat import DeliveryKind, NoticeKind
from core.domain.errors import BursarError, NotFound
from core.domain.lifecycle import State
from core.domain.roles import Caller
from core.views import csv_text
from core.views.chat import Parcel
from core.views.money import Sum
from core.views.reports import ReportCard
from core.views.work import DeploymentCard

_AT_ONCE = 10
REFRESH_EVERY_US = 60_000_000  # of fifty updates a minute that Slack takes, most are left for what happens
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class Courier:
    def __init__(self, desk: Desk, owner: str, *, late_after_us: int) -> None:
        self._desk = desk
        self._owner = owner
        self._late_after_us = late_after_us
        self._goes_on_at = 0
        self._refreshes_at = 0

    async def round(self) -> int:
        """Read on, take what is due, and deliver it; how much was found to do."""
        read = await in_thread(self._desk.deliveries.follow)
        if self._desk.deliveries.now() < self._goes_on_at:
            return read
        parcels = await in_thread(self._desk.deliveries.claim, self._owner, _AT_ONCE, self._desk.team_id)
        await asyncio.gather(*(self.deliver(parcel) for parcel in parcels))
        await self._freshen_a_home()
        return read + len(parcels)

    async def tick(self) -> int:
        found, now = await in_thread(self._desk.deliveries.tick), self._desk.deliveries.now()
        if now < self._refreshes_at:
            return found
        self._refreshes_at = now + REFRESH_EVERY_US
        return found + await in_thread(self._desk.deliveries.refresh)

    async def deliver(self, parcel: Parcel) -> None:
        try:
            content, report_card = await in_thread(self._content, parcel)
        except BursarError as error:
            if not isinstance(error, NotFound) or parcel.message_ts is None or parcel.kind is DeliveryKind.REPORT:
                await in_thread(self._desk.deliveries.never, parcel, error.message)
                return
            content, report_card = notice.out_of_reach(), None
        except Exception as found:  # noqa: BLE001 - one that cannot be drawn must not keep the others waiting
            self._desk.written_down(found, f"delivery {parcel.kind.value}")
            await in_thread(self._desk.deliveries.never, parcel, f"a bug in Bursar ({type(found).__name__})")
            return
        try:
            place = await self._show(parcel, content)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is judged and kept
            await self._failed(parcel, outcome_of(error, parcel.attempts, repeatable=parcel.message_ts is not None))
            return
        if report_card is not None:
            await self._add_files(parcel, report_card, place)
        await in_thread(self._desk.deliveries.done, parcel)
        self._desk.homes.outdated((parcel.team_id, parcel.recipient), self._desk.deliveries.now())

    async def _show(self, parcel: Parcel, content: Message) -> tuple[str, str]:
        """Post it, or change what was posted; where that is gone, there is nothing to change any more."""
        client, blocks = self._desk.client, list(content.blocks)
        if parcel.message_ts is not None and parcel.channel is not None:
            try:
                await client.chat_update(channel=parcel.channel, ts=parcel.message_ts, text=content.text, blocks=blocks)
            except SlackApiError as error:
                if error.response.get("error") not in _GONE:
                    raise
                self._desk.log.info("a message that was deleted is not brought back: %s", parcel.subject)
            return parcel.channel, parcel.message_ts
        posted = await client.chat_postMessage(
            channel=parcel.recipient,
            text=content.text,
            blocks=blocks,
            thread_ts=parcel.thread_ts,
            unfurl_links=False,
            unfurl_media=False,
        )
        channel, message_ts = str(posted["channel"]), str(posted["ts"])
        await in_thread(self._desk.deliveries.posted, parcel, channel, message_ts)
        return channel, message_ts

    async def _failed(self, parcel: Parcel, outcome: Outcome) -> None:
        desk = self._desk
        if outcome.slow_down:
            self._goes_on_at = max(self._goes_on_at, desk.deliveries.now() + outcome.wait_us)
        if outcome.fate is Fate.LATER:
            await in_thread(desk.deliveries.later, parcel, outcome.wait_us, outcome.reason)
        elif outcome.fate is Fate.UNSURE:
            await in_thread(desk.deliveries.unsure, parcel, outcome.reason)
        else:
            await in_thread(desk.deliveries.never, parcel, outcome.reason)
        desk.log.warning("%s %s: %s: %s", parcel.kind.value, parcel.subject, outcome.fate.value, outcome.reason)

    # What is shown

    def _content(self, parcel: Parcel) -> tuple[Message, ReportCard | None]:
        if parcel.kind is DeliveryKind.REPORT:
            report_card = self._desk.deliveries.report_of(parcel)
            return report(report_card, self._notes(parcel)), report_card
        kind = NoticeKind(str(parcel.data["notice"])) if parcel.kind is DeliveryKind.NOTICE else None
        if kind in notice.OF_ITSELF:
            return notice.OF_ITSELF[kind](parcel.data), None
        return self._of_deployment(parcel, kind), None

    def _of_deployment(self, parcel: Parcel, kind: NoticeKind | None) -> Message:
        visitor = self._desk.chat.visitor(parcel.team_id, parcel.recipient)
        if visitor.caller is None or not visitor.belongs:
            raise NotFound("not_linked", "its reader is not linked any more", None)
        view = self._desk.bursar.deployments.show(visitor.caller, str(parcel.data["deployment"]))
        now = self._desk.deliveries.now()
        if kind is None:
            if parcel.kind is DeliveryKind.CARD:
                return card(view, now)
            if "more_ms" in parcel.data:
                return more_time(view, parcel.data, _decision(parcel))
            return approval(view, _decision(parcel), self._left_to(visitor.caller, view))
        if kind is NoticeKind.ENDED:
            return notice.ended(view, parcel.data, self._desk.deliveries.refund_of(visitor.caller, view.id))
        return notice.OF_DEPLOYMENT[kind](view, {**parcel.data, "now": now})

    def _left_to(self, decider: Caller, view: DeploymentCard) -> Sum | None:
        """What its owner could spend besides, as long as there is something to decide and they belong here."""
        if view.state is not State.AWAITING_APPROVAL:
            return None
        try:
            wallet = self._desk.bursar.credits.wallet(decider, view.owner)
        except NotFound:
            return None
        return Sum(wallet.credits.available_ucr, wallet.gpu_hours.available_gpu_ms)

    def _notes(self, parcel: Parcel) -> tuple[Note, ...]:
        """What a reader must know of this posting: that it is late, that it was corrected, that no chart comes."""
        now, slot = self._desk.deliveries.now(), parcel.data.get("slot")
        notes: list[Note] = []
        if parcel.message_ts is not None:
            notes.append(("corrected", now))
        elif isinstance(slot, int) and now - slot > self._late_after_us:
            notes.append(("late: it was due", slot))
        if not charts.can_draw():
            notes.append((charts.MISSING, None))
        return tuple(notes)

    # What stands in the thread

    async def _add_files(self, parcel: Parcel, report_card: ReportCard, place: tuple[str, str]) -> None:
        """Chart and CSV, once. A crash among them leaves them out rather than sending them twice."""
        if parcel.data.get("files"):
            return
        await in_thread(self._desk.deliveries.remember, parcel, files="begun")
        try:
            files = await in_thread(_files, report_card)
            await self._desk.client.files_upload_v2(channel=place[0], thread_ts=place[1], file_uploads=files)
        except Exception as error:  # noqa: BLE001 - the report itself is posted; its files are worth no second one
            self._desk.log.warning("the files of %s could not be sent: %s", parcel.subject, error)

    async def _freshen_a_home(self) -> None:
        desk = self._desk
        person = desk.homes.next(desk.deliveries.now())
        if person is None:
            return
        try:
            await desk.publish_home(Who(*person, ""))
        except Exception as error:  # noqa: BLE001 - a home tab is shown anew whenever it is opened
            desk.log.info("a home tab could not be brought up to date: %s", error)


def _decision(parcel: Parcel) -> Decision | None:
    found = parcel.data.get("decision")
    if isinstance(found, list) and len(found) == 3 and isinstance(found[2], int):
        return str(found[0]), str(found[1]), found[2]
    return None


def _files(report_card: ReportCard) -> list[dict[str, Any]]:
    name = f"bursar-{report_card.first_day}-to-{report_card.last_day}"
    table = csv_text.of_report(report_card).csv.encode()
    files: list[dict[str, Any]] = [{"file": table, "filename": f"{name}.csv", "title": f"{name}.csv"}]
    if charts.can_draw() and charts.worth_drawing(report_card):
        picture = {"file": charts.png(report_card), "filename": f"{name}.png", "title": "use by day"}
        files.insert(0, {**picture, "alt_txt": alt_text(report_card)})
    return files
