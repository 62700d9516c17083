"""Nothing that people write can style, click, crash or reach the terminal, wherever it is shown."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Log

from core.domain.columns import columns
from core.domain.errors import NotFound
from core.domain.kinds import Kind
from core.domain.lifecycle import State
from core.domain.resources import Resources
from core.domain.roles import Role
from core.views.background import DaemonHealth, EngineTrouble
from core.views.browsing import DeviceLine, EventLine, Holder
from core.views.chat import LinkLine
from core.views.foresight import BlockerLine, DelayLine, PreviewCard, QueueLine, WhyCard
from core.views.money import (
    CreditsBook,
    EntryLine,
    GpuTimeBook,
    PostingCard,
    PostingLine,
    StatementCard,
    Sum,
    UsageLine,
    WalletCard,
)
from core.views.operations import AuditLine, Diagnosis, Finding, Verdict
from core.views.people import AccountCard, InviteCard, MemberRow, OrgCard
from core.views.reports import DayUse, DeploymentUse, ReportCard
from core.views.work import ClusterCard, DeploymentCard, DeploymentLine, LogText, NodeCard
from tests.tui.console.scene import Scene, settled
from tui import messages
from tui.actions import CANCEL, Command, named
from tui.console import Console
from tui.screens.answer import AnswerScreen
from tui.screens.deployment import DeploymentScreen
from tui.screens.help import HelpScreen
from tui.screens.outcomes import OutcomesScreen
from tui.screens.sure import SureScreen
from tui.together import Together
from tui.widgets.columns import Cell, Column
from tui.widgets.plain import Plain, text
from tui.widgets.table import LineTable

PLANTED = (
    "[red]x",
    "[@click=app.quit]x[/]",
    "job[/]",
    "[/bad]",
    "[_==",
    "\x1b]52;c;aGFjaw==\x07",
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "a\u202eb\u2066c",
    "zero\u200bwidth\u2028line\ufeff",
    "\x00\x07\r\x7f",
    "\ud800",
    "👩\u200d🚀 テスト é\u0301",
    "two\nlines\ttab",
    "${HOME} `id` $(id) ; rm",
    "",
)
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f\u2028\u2029\ufeff\ud800-\udfff]"
)
hostile = st.one_of(st.sampled_from(PLANTED), st.text(max_size=30), st.lists(st.sampled_from(PLANTED)).map("".join))


def deployment(x: str) -> DeploymentCard:
    return DeploymentCard(
        id=x, name=x, org=x, owner=x, kind=Kind.JOB, state=State.QUEUED, cluster=x, node=x, image=x, command=(x, x),
        flavor=x, cpu_milli=1, ram_mib=1, gpu_milli=1, gpu_model=x, gpu_devices=(x,), disk_mib=1, replicas=2,
        priority=1, hours_ms=1, labels={x: x}, env={x: x}, public_ip=x, created_at=1, updated_at=1, started_at=1,
        ended_at=1, exit_code=1, reason=x, position=1, estimate=1, rate=Sum(1, 1), cost=Sum(1, 1), held=Sum(1, 1),
    )  # fmt: skip


def wallet(x: str) -> WalletCard:
    return WalletCard(x, x, CreditsBook(1, 1, 1, 1, 1), GpuTimeBook(1, 1, 1, 1, 1), 1)


def why(x: str) -> WhyCard:
    return WhyCard(x, x, State.QUEUED, 1, True, 1, 1, (BlockerLine(x, x, x, x, (x, x), 1, x),))


def cluster(x: str) -> ClusterCard:
    size = Resources(1000, 1024, 1000, 0)
    node = NodeCard(x, x, size, size, size, x, (), {x: x})
    return ClusterCard(x, x, x, x, x, size, size, size, (node,), (x,), {x: x}, 1, 1, 1)


def device(x: str) -> DeviceLine:
    return DeviceLine(x, x, x, 0, x, x, 500, (Holder(x, x, x, State.RUNNING, 500),))


def queue_line(x: str) -> QueueLine:
    return QueueLine(1, x, x, x, 1, 1, 1, x, 1, 1)


def line(x: str) -> DeploymentLine:
    return DeploymentLine(x, x, x, Kind.JOB, State.FAILED, x, 1, 1, 1, 1, 1, 1, x, x)


def posting(x: str) -> PostingCard:
    return PostingCard(1, x, x, 1, x, x, x, x, (PostingLine(x, x, 1, 1),))


def statement(x: str) -> StatementCard:
    return StatementCard(x, x, 1, 1, Sum(), Sum(), (EntryLine(1, 1, x, 1, 1, 1, 1, x, x, x),))


def people(x: str) -> messages.PeopleSeen:
    org = OrgCard(x, Role.ADMIN, True, 1, x, 1, 1, 1)
    invite = InviteCard(x, Role.MEMBER, 1, 1, x, 1, 1, 1, 1, x)
    return messages.PeopleSeen(org, (MemberRow(x, Role.ADMIN, 1),), (invite,), (LinkLine(x, x, x, 1),))


# screen -> what it is told, full of what somebody wrote
TOLD: dict[str, Callable[[str], Sequence[Any]]] = {
    "overview": lambda x: [
        messages.OverviewSeen(
            (cluster(x),), (device(x),), ((x, queue_line(x)),), wallet(x), wallet(x), (EventLine(1, x, x, x, x),), 1
        ),
        messages.DiagnosisSeen(Diagnosis(Verdict.WARN, (Finding(x, x, Verdict.WARN, x, x),))),
    ],
    "queue": lambda x: [messages.QueueSeen(((x, queue_line(x)),)), messages.WhySeen(why(x))],
    "deployments": lambda x: [messages.OrderSeen((x,)), messages.LinesSeen((line(x),))],
    "submit": lambda x: [
        messages.ChoicesSeen((x,), (x,)),
        messages.PreviewSeen(
            PreviewCard(x, 1, False, x, None, 1, Sum(), Sum(1, 1), x, (x,), why(x).blockers, (DelayLine(x, 1, 1),))
        ),
    ],
    "clusters": lambda x: [messages.ClustersSeen((cluster(x),)), messages.DevicesSeen(x, (device(x),))],
    "approvals": lambda x: [
        messages.ApprovalsSeen((line(x),)),
        messages.DeploymentSeen(deployment(x), (EventLine(1, x, x, x, x),), (posting(x),), why(x)),
    ],
    "people": lambda x: [people(x)],
    "money": lambda x: [messages.MoneySeen(wallet(x), wallet(x), statement(x), {x: wallet(x)})],
    "reports": lambda x: [messages.ReportSeen(report(x), "this-week")],
    "audit": lambda x: [messages.JournalSeen((1,), ("", False), 0), messages.JournalLinesSeen((audit_line(x),))],
    "health": lambda x: [
        messages.HealthSeen(DaemonHealth(x, 1, True, 1, 1, 1, (EngineTrouble(x, 1, x, x),)), (cluster(x),)),
        messages.DiagnosisSeen(Diagnosis(Verdict.WARN, (Finding(x, x, Verdict.WARN, x, x),))),
    ],
}


def audit_line(x: str) -> AuditLine:
    kept = json.dumps({x: x, "same": x})
    return AuditLine(1, 1, x, x, x, x, x, kept, json.dumps({"same": x, "new": x}), x)


def report(x: str) -> ReportCard:
    line, used = UsageLine(x, 1, 1, 1), Sum(1, 1)
    return ReportCard(
        org=x, zone="UTC", since=0, until=2, first_day="2026-01-01", last_day="2026-01-02", total=used, before=used,
        left=used, lasts_until_day=None, waits=None, unposted_runs=1, users=(line,), clusters=(line,), owner=x,
        deployments=(DeploymentUse(x, x, x, 1, 1, 1),), days=(DayUse("2026-01-01", 1, 1), DayUse("2026-01-02", 0, 0)),
    )  # fmt: skip


def assert_harmless(app: Console) -> None:
    """What goes to the terminal holds no control character, and nothing that is clicked but our own."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            assert segment.control is None
            assert not FORBIDDEN.search(segment.text), ascii(segment.text)
            click = (segment.style.meta if segment.style else {}).get("@click")
            assert click is None or "quit" not in str(click)


async def tell(app: Console, pilot: Pilot[int], told: Sequence[Any]) -> None:
    for message in told:
        app.screen.post_message(message)
        await pilot.pause(0.01)
    assert app.is_running
    assert_harmless(app)


@settings(
    max_examples=1,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # to shrink what takes a second to try would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(hostile, min_size=1, max_size=1))
@example(texts=[" ".join(PLANTED[start::2]) for start in range(2)])
def test_B3_B4_B5_what_people_write_stays_text_on_every_screen(scene: Scene, texts: list[str]) -> None:
    async def look_everywhere() -> None:
        app = scene.console("ana")
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause(0.01)
            for place, told in TOLD.items():
                app.go(place)
                app.gateway.ask = lambda *_, **__: None  # type: ignore[method-assign] - what is told is told here
                await pilot.pause(0.01)
                for x in texts:
                    await tell(app, pilot, told(x))
            await look_at_a_deployment(app, pilot, texts)
            await look_at_dialogs(app, pilot, texts)

    asyncio.run(look_everywhere())


async def look_at_a_deployment(app: Console, pilot: Pilot[int], texts: list[str]) -> None:
    for tab in ("facts", "timeline", "logs", "money"):
        await app.push_screen(DeploymentScreen("dep-x", tab))
        await pilot.pause(0.01)
        for x in texts:
            told = [
                messages.DeploymentSeen(deployment(x), (EventLine(1, x, x, x, x),), (posting(x),), why(x)),
                messages.LogSeen(LogText(x, x + "\n", "1", False)),
            ]
            await tell(app, pilot, told)
        app.pop_screen()
        await pilot.pause(0.01)


async def look_at_dialogs(app: Console, pilot: Pilot[int], texts: list[str]) -> None:
    show = named(("show",))
    assert show is not None
    for x in texts:
        command = Command(show, {"deployment": (x,)})
        several = Together([Command(show, {"deployment": (x,)}, known_as=x), command])
        for one, error in zip(several.commands, (NotFound("x", x, x), None), strict=True):
            several.settle(one, error)
        for screen in (
            SureScreen.of(CANCEL, [command], [x]),
            AnswerScreen(command, deployment(x)),
            OutcomesScreen(several),
            HelpScreen(x, {"here": [], "in lists": [], "everywhere": []}, (x,), [text(x)]),
        ):
            await app.push_screen(screen)
            await tell(app, pilot, ())
            app.pop_screen()
        app.who = AccountCard(x, True, x, Role.ADMIN, (x,), "full", 1)
        app.trouble = x
        app.refuse(NotFound("x", x, x))
        await pilot.pause(0.01)
        assert_harmless(app)


class Bare(App[None]):
    """A table and a text by themselves."""

    def compose(self) -> ComposeResult:
        yield LineTable([Column("name", 12, grow=True), Column("n", 4, right=True)])
        yield Plain()
        yield Log()
        yield Input(max_length=4_000)


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(x=hostile)
@example(x="👩\u200d🚀 テスト é\u0301 " * 5)
def test_B57_no_line_of_a_table_is_wider_than_the_table(x: str) -> None:
    async def draw() -> None:
        app = Bare()
        async with app.run_test(size=(30, 12)) as pilot:
            app.query_one(LineTable).show_rows([("a", (Cell(x), Cell("1"))), ("b", (Cell("plain"), Cell("2")))])
            app.query_one(Plain).say(x)
            await pilot.pause(0.01)
            table = app.query_one(LineTable)
            for y in range(3):
                strip = table.render_line(y)
                assert strip.cell_length == table.size.width
                assert not FORBIDDEN.search(strip.text)
            shown = table.render_line(1).text
            assert cell_len(shown) == table.size.width
            assert columns(shown) == table.size.width or not shown.isprintable()  # signs that are none have no width

    asyncio.run(draw())


async def test_B58_a_pasted_megabyte_is_not_taken() -> None:
    app = Bare()
    async with app.run_test() as pilot:
        field = app.query_one(Input)
        field.insert_text_at_cursor("x" * 1_000_000)
        await pilot.pause(0.01)
        assert len(field.value) <= 4_000


async def test_B58_a_terminal_that_is_too_small_is_told_so(scene: Scene) -> None:
    app = scene.console("ana")
    async with app.run_test(size=(40, 8)) as pilot:
        assert "this needs a terminal of" in await settled(app, pilot)


@given(x=hostile)
def test_P9_no_text_of_the_console_is_read_as_markup(x: str) -> None:
    content = text(x, lines=True)
    assert isinstance(content, Content)
    assert not FORBIDDEN.search(content.plain)
    assert len(content.spans) <= 1
