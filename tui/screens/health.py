"""Whether all is well: who leads and what lags, which engines answer, and each check of the doctor with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget

from core.domain.errors import BursarError
from core.domain.roles import Permission, allows
from core.views.background import DaemonHealth, EngineTrouble
from core.views.operations import Diagnosis, Finding, Verdict
from core.views.work import ClusterCard
from tui import actions, questions
from tui.actions import held_on, principal
from tui.amounts import age, span
from tui.completion import Names
from tui.messages import DiagnosisSeen, HealthSeen
from tui.screens.frame import Frame
from tui.theme import VERDICT_LOOKS, Look, Tone, node_look
from tui.widgets.columns import Cell, Column
from tui.widgets.hanging import Hanging, Line
from tui.widgets.panel import Panel
from tui.widgets.plain import joined, look, text
from tui.widgets.table import LineTable

_WORST_FIRST = (Verdict.FAIL, Verdict.WARN, Verdict.OK)
_SILENT = Look("✗", "trouble", Tone.BAD)
_HEAD = 10


class HealthScreen(Frame):
    PLACE = "health"
    AUTO_FOCUS = "#checks"
    CSS_PATH = "health.tcss"
    ACTIONS = (actions.RECONCILE, actions.CLEANUP)
    NOTES = (
        "the checks change nothing; what would mend a finding stands below it, and y copies it",
        "in a shell, for a monitor: bursar health and bursar doctor tell by how they exit",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "check", "Check again"),
        Binding("y", "copy", "Copy what would mend it"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._findings: dict[str, Finding] = {}
        self._checked_at: int | None = None
        self._is_checking = False
        self._engines: dict[str, ClusterCard] = {}

    def body(self) -> Iterator[Widget]:
        with Horizontal(classes="side"):
            with Panel("background side", classes="background"):
                yield Hanging([text("…", Tone.DIM)], classes="daemon")
            with Panel("engines", classes="engines"):
                yield LineTable(
                    [
                        Column("cluster", 12),
                        Column("driver", 9, drop=2),
                        Column("state", 10),
                        Column("nodes", 5, right=True, drop=1),
                        Column("said", 10, grow=True),
                    ],
                    name="engines",
                    nothing="no clusters yet",
                )
        with Panel("doctor", classes="doctor"):
            yield LineTable(
                [
                    Column("verdict", 7),
                    Column("check", 24, grow=True),
                    Column("found", 20, grow=True),
                    Column("id", 7, drop=1),
                ],
                name="checks",
                nothing="…",
                opens=False,
            )
            yield Hanging(classes="repair")

    def look(self) -> None:
        who = self.console.who
        if who is None:
            return
        self.ask(questions.health(who), "health")
        if self._checked_at is None:
            self.action_check()
        else:
            self._title()

    @property
    def _may_check(self) -> bool:
        who = self.console.who
        return who is not None and allows(principal(who), Permission.DOCTOR)

    # What comes in

    @on(HealthSeen)
    def _health_seen(self, seen: HealthSeen) -> None:
        now = self.console.now()
        self.query_one(".daemon", Hanging).hang(_daemon_lines(seen.health, now))
        self._engines = {cluster.name: cluster for cluster in seen.clusters or ()}
        troubles = {trouble.cluster: trouble for trouble in seen.health.troubles}
        fine = "answers" if seen.health.leads else "nobody asks it"
        rows = [(c.name, _engine_cells(c, troubles.get(c.name), fine, now)) for c in self._engines.values()]
        # A node that is an engine of its own, and a cluster of another organization, stand below by their own names.
        rows += [(name, _trouble_cells(t, now)) for name, t in troubles.items() if name not in self._engines]
        nothing = "no clusters yet" if seen.clusters is not None else "you work in no organization yet"
        self.query_one("#engines", LineTable).show_rows(rows, nothing=nothing)

    @on(DiagnosisSeen)
    def _diagnosis_seen(self, seen: DiagnosisSeen) -> None:
        self._checked_at, self._is_checking = self.console.now(), False
        ordered = sorted(seen.diagnosis.findings, key=lambda one: _WORST_FIRST.index(one.verdict))
        self._findings = {f"{place} {one.id}": one for place, one in enumerate(ordered)}
        rows = [(key, _finding_cells(one)) for key, one in self._findings.items()]
        self.query_one("#checks", LineTable).show_rows(rows, nothing="there is nothing to check")
        self._title(seen.diagnosis)
        self._show_repair()

    def show_refusal(self, error: BursarError) -> None:
        self._is_checking = False
        super().show_refusal(error)

    def _title(self, diagnosis: Diagnosis | None = None) -> None:
        """What was found is as old as it is: nothing is checked again by itself."""
        verdicts = [one.verdict for one in self._findings.values()]
        parts = [text("doctor")]
        if self._is_checking:
            parts.append(text("  checking …", Tone.BUSY))
        elif self._checked_at is not None and verdicts:
            worst = diagnosis.verdict if diagnosis else min(verdicts, key=_WORST_FIRST.index)
            bad = sum(verdict is not Verdict.OK for verdict in verdicts)
            told = f"  {bad} of {len(verdicts)} checks want a look" if bad else f"  all {len(verdicts)} checks pass"
            parts += [text("  "), look(VERDICT_LOOKS[worst]), text(told)]
            parts.append(text(f"  {span(self.console.now() - self._checked_at)} ago", Tone.DIM))
        self.query_one(".doctor", Panel).entitle(joined(*parts))

    @on(LineTable.Moved, "#checks")
    def _show_repair(self) -> None:
        finding = self._finding
        lines: list[Line] = []
        if finding is not None:
            lines.append(joined(text(f"{finding.check}: ", Tone.LOUD), text(finding.message)))
            if finding.repair:
                lines.append((text("to mend it: ", Tone.DIM), text(finding.repair, Tone.BUSY)))
        self.query_one(".repair", Hanging).hang(lines)

    @property
    def _finding(self) -> Finding | None:
        return self._findings.get(self.query_one("#checks", LineTable).key or "")

    # What is done

    def action_check(self) -> None:
        if not self._may_check:
            self.query_one("#checks", LineTable).show_rows([], nothing="the checks are for operators")
            return
        self._is_checking = True
        self._title()
        self.ask(questions.diagnosis, "doctor")

    def action_reload(self) -> None:
        super().action_reload()
        self.action_check()

    def action_copy(self) -> None:
        finding = self._finding
        if finding is None or finding.repair is None:
            self._say(text("nothing has to be mended here", Tone.DIM))
            return
        self.app.copy_to_clipboard(finding.repair)
        self.console.echo(joined(text("copied ", Tone.DIM), text(finding.repair)))

    @on(LineTable.Chosen, "#engines")
    def _opened(self, event: LineTable.Chosen) -> None:
        """What is there now."""
        cluster, _, node = event.key.partition("/")
        self.console.show_deployments(held_on(cluster, node) if node else f"cluster=={cluster}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("check", "copy") and not self._may_check:
            return False
        return super().check_action(action, parameters)

    def names(self) -> Names:
        return {"cluster": {cluster.name: cluster.driver for cluster in self._engines.values()}}


def _daemon_lines(health: DaemonHealth, now: int) -> list[Line]:
    who = health.leader or ("somebody" if health.leads else "nobody")
    tone, sign = (Tone.GOOD, "●") if health.leads else (Tone.BAD, "✗")
    lines: list[Line] = [_fact("leads", joined(text(f"{sign} {who}", tone), text(f"  epoch {health.epoch}", Tone.DIM)))]
    if not health.leads:
        lines.append(text("nothing starts, stops or is metered: bursar daemon", Tone.WAIT))
    sign_at = health.last_sign_at
    lines.append(_fact("last sign", text("never" if sign_at is None else f"{age(sign_at, now)} ago")))
    overdue = health.overdue_ms * 1000
    late = text(f"▲ by {span(overdue)}", Tone.WAIT) if overdue else text("nothing", Tone.DIM)
    stuck = (
        text(f"▲ {health.stuck}: bursar list --state stopping", Tone.WAIT)
        if health.stuck
        else text("nothing", Tone.DIM)
    )
    return [*lines, _fact("is late", late), _fact("is stuck", stuck)]


def _fact(word: str, value: Content) -> Line:
    return text(f"{word:<{_HEAD}} ", Tone.DIM), value


def _engine_cells(cluster: ClusterCard, trouble: EngineTrouble | None, fine: str, now: int) -> Sequence[Cell]:
    """Without trouble it is said to answer where somebody leads: nobody else asks an engine by itself."""
    seen = _SILENT if trouble is not None else node_look(cluster.state)
    down = sum(node.state == "down" for node in cluster.nodes)
    nodes = f"{len(cluster.nodes) - down}/{len(cluster.nodes)}"
    return (
        Cell(cluster.name, Tone.LOUD),
        Cell(cluster.driver, Tone.DIM),
        Cell(seen.text, seen.tone),
        Cell(nodes, Tone.WAIT if down else Tone.DIM),
        Cell(_told(trouble, now) if trouble else fine if cluster.nodes else "has no nodes", Tone.DIM),
    )


def _trouble_cells(trouble: EngineTrouble, now: int) -> Sequence[Cell]:
    return (
        Cell(trouble.cluster),
        Cell(""),
        Cell(_SILENT.text, _SILENT.tone),
        Cell(""),
        Cell(_told(trouble, now), Tone.DIM),
    )


def _told(trouble: EngineTrouble, now: int) -> str:
    since = f"{age(trouble.since, now)}: " if trouble.since else ""
    return f"{since}{trouble.reason}"


def _finding_cells(finding: Finding) -> Sequence[Cell]:
    seen = VERDICT_LOOKS[finding.verdict]
    return (
        Cell(seen.text, seen.tone),
        Cell(finding.check),
        Cell(finding.message, Tone.DIM),
        Cell(finding.id, Tone.DIM),
    )
