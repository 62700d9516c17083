"""Everything at a glance: how full, who holds which GPU, who waits, what burns, what has just happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget

from core.domain.roles import Permission, allows
from core.views.money import WalletCard
from core.views.operations import Diagnosis, Verdict
from tui import questions
from tui.actions import principal
from tui.amounts import credits_of, gpu_hours_of, span, until
from tui.completion import Names
from tui.feed import event_line
from tui.messages import DiagnosisSeen, OverviewSeen
from tui.screens.frame import Frame
from tui.theme import VERDICT_LOOKS, Tone
from tui.widgets.capacity import cluster_bars, name_of, names_of_queue
from tui.widgets.columns import Cell, Column
from tui.widgets.devices import DeviceMap
from tui.widgets.hanging import Hanging
from tui.widgets.panel import Panel
from tui.widgets.plain import Plain, joined, stacked, text
from tui.widgets.table import LineTable


class OverviewScreen(Frame):
    PLACE = "overview"
    CSS_PATH = "overview.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "lead('health')", "Health"),
        Binding("a", "lead('audit')", "Audit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._seen: OverviewSeen | None = None
        self._asked_doctor = False

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Vertical(classes="left"):
                with Panel("capacity", classes="capacity"), VerticalScroll(can_focus=False):
                    yield Plain(text("…", Tone.DIM), classes="bars")
                with Panel("GPUs", classes="gpus"), VerticalScroll(can_focus=False):
                    yield DeviceMap()
                with Panel("begin here", classes="begin"):
                    yield Hanging(_BEGIN)
            with Vertical(classes="side"):
                with Panel("waiting", classes="waiting"):
                    yield LineTable(
                        [
                            Column("#", 3, right=True),
                            Column("name", 10, grow=True),
                            Column("owner", 8, drop=2),
                            Column("gpu", 4, right=True, drop=1),
                            Column("start", 8, right=True),
                        ],
                        nothing="nothing waits",
                    )
                with Panel("money", classes="money"):
                    yield Plain(classes="wallets")
                with Panel("happened", classes="happened"):
                    yield Plain(classes="feed")
        yield Plain(classes="doctor")

    def look(self) -> None:
        who = self.console.who
        if who is None:
            return
        if who.org is None:
            self._without_org()
            return
        self.ask(questions.overview(who), "all")

    def _without_org(self) -> None:
        self.query_one(".bars", Plain).say(
            stacked(
                [
                    text("you work in no organization yet", Tone.WAIT),
                    text(":join CODE            enter one by an invite"),
                    text(":org switch NAME      work in one of yours"),
                    text(":org create NAME      make one (operators)"),
                    text("0                     your account: the same by keys"),
                ]
            )
        )

    @on(OverviewSeen)
    def _overview_seen(self, seen: OverviewSeen) -> None:
        self._seen = seen
        self.console.approvals = seen.approvals
        self._draw()
        self._ask_doctor()

    def _ask_doctor(self) -> None:
        """Once, and behind the first data: its checks would keep them waiting."""
        who = self.console.who
        if who is not None and allows(principal(who), Permission.DOCTOR) and not self._asked_doctor:
            self._asked_doctor = True
            self.ask(questions.diagnosis, "doctor")

    @on(events.Resize)
    def _resized(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        seen = self._seen
        if seen is None:
            return
        now = self.console.now()
        width = self.query_one(".capacity VerticalScroll").scrollable_content_region.width
        bars = [line for cluster in seen.clusters for line in cluster_bars(cluster, width)]
        self.query_one(".bars", Plain).say(stacked(bars) if bars else _no_clusters())
        room = self.query_one(".gpus VerticalScroll").size.height
        self.query_one(DeviceMap).draw(seen.devices, width, room)
        self.query_one(".gpus").display = bool(seen.devices)
        has_begun = any(event.kind.startswith("deployment.") for event in seen.feed)
        self.query_one(".begin").display = not (seen.devices and has_begun)
        self._draw_queue(seen)
        self.query_one(".wallets", Plain).say(stacked(_money(seen.wallet, seen.treasury, now)))
        lines = [event_line(event, now) for event in seen.feed]
        room = max(1, self.query_one(".feed").size.height)
        self.query_one(".feed", Plain).say(stacked(lines[:room]) if lines else text("nothing yet", Tone.DIM))

    def _draw_queue(self, seen: OverviewSeen) -> None:
        now = self.console.now()
        rows = [
            (
                line.id or f"{cluster}-{line.position}",
                (
                    Cell("·" if line.position is None else str(line.position), Tone.DIM),
                    Cell(name_of(line), Tone.PLAIN if line.id else Tone.DIM),
                    Cell(line.owner or "", Tone.DIM),
                    Cell("" if line.gpu_milli is None else f"{line.gpu_milli / 1000:g}"),
                    Cell(until(line.estimate_at, now), Tone.BUSY),
                ),
            )
            for cluster, line in seen.queue
        ]
        self.query_one(LineTable).show_rows(rows)
        self.query_one(".waiting", Panel).entitle(f"waiting  {len(rows)}" if rows else "waiting")

    @on(LineTable.Chosen)
    def _chosen(self, event: LineTable.Chosen) -> None:
        lines = self._seen.queue if self._seen else ()
        line = next((line for _, line in lines if line.id == event.key), None)
        if line is not None:
            self.console.open_deployment(event.key, org=line.org)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "lead" and parameters == ("audit",):
            who = self.console.who
            return who is not None and allows(principal(who), Permission.AUDIT_READ)
        return super().check_action(action, parameters)

    def action_lead(self, place: str) -> None:
        """To a screen that has no key everywhere."""
        self.console.go(place)

    @on(DiagnosisSeen)
    def _diagnosis_seen(self, seen: DiagnosisSeen) -> None:
        self.query_one(".doctor", Plain).say(_verdict(seen.diagnosis))

    def names(self) -> Names:
        """All that is on it: this is the screen that everybody has seen."""
        seen = self._seen
        if seen is None:
            return {}
        devices = [holder for device in seen.devices for holder in device.holders if holder.id and not holder.org]
        held = {str(holder.id): f"{holder.name} of {holder.owner}" for holder in devices}
        waiting = names_of_queue(seen.queue)["deployment"]
        return {
            "deployment": {**waiting, **held},
            "cluster": {cluster.name: cluster.driver for cluster in seen.clusters},
            "node": {node.name: f"of {cluster.name}" for cluster in seen.clusters for node in cluster.nodes},
        }


_BEGIN = [
    (joined(text(f" {key} ", Tone.BUSY), text(f"{what:<9}", Tone.LOUD)), text(why, Tone.DIM))
    for key, what, why in (
        ("4", "Submit", "ask for a job, a service or a VM"),
        ("3", "Work", "its state, its logs, its cost"),
        ("5", "Clusters", "n makes one more"),
        ("7", "People", "i lets somebody in by a code"),
        ("?", "Help", "the keys that work where you are"),
    )
]


def _no_clusters() -> Content:
    return stacked([text("no clusters yet", Tone.WAIT), text("5 then n makes one, on this machine or elsewhere")])


def _money(wallet: WalletCard, treasury: WalletCard | None, now: int) -> list[Content]:
    lines = [_wallet_line("wallet", wallet), *_burn_line(wallet, now)]
    return [*lines, _wallet_line("treasury", treasury)] if treasury else lines


def _wallet_line(word: str, wallet: WalletCard) -> Content:
    credits_, gpu = credits_of(wallet.credits.available_ucr), gpu_hours_of(wallet.gpu_hours.available_gpu_ms)
    return joined(text(f"{word:<9}", Tone.DIM), f"{credits_} cr · {gpu} GPUh")


def _burn_line(wallet: WalletCard, now: int) -> list[Content]:
    """What goes by the hour, and how long it can go on."""
    rates = []
    if wallet.credits.burn_per_hour_ucr:
        rates.append(f"{credits_of(wallet.credits.burn_per_hour_ucr)} cr/h")
    if wallet.gpu_hours.burn_per_hour_gpu_ms:
        rates.append(f"{gpu_hours_of(wallet.gpu_hours.burn_per_hour_gpu_ms)} GPUh/h")
    if not rates:
        return []
    ends = [at for at in (wallet.credits.runs_out_at, wallet.gpu_hours.runs_out_at) if at is not None]
    lines = [joined(text(f"{'burns':<9}", Tone.DIM), text(" · ".join(rates), Tone.WAIT))]
    if ends:
        lines.append(joined(text(f"{'lasts':<9}", Tone.DIM), text(span(min(ends) - now), Tone.WAIT)))
    return lines


def _verdict(diagnosis: Diagnosis) -> Content:
    look = VERDICT_LOOKS[diagnosis.verdict]
    bad = [finding for finding in diagnosis.findings if finding.verdict is not Verdict.OK]
    worst = [finding for finding in bad if finding.verdict is diagnosis.verdict]
    words = f" {worst[0].check}: {worst[0].message}" if worst else " all checks pass"
    more = f"  (and {len(bad) - 1} more: h shows them)" if len(bad) > 1 else ""
    return joined(text(f"doctor {look.text}", look.tone), text(words), text(more, Tone.DIM))
