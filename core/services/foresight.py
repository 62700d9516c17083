"""What the scheduler knows, for people: why something waits, the queue, the future, and a submission tried beforehand.

Each answer is computed by the code that decides, on a board built from the store. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.domain.engines import Registry
from core.domain.lifecycle import State
from core.domain.roles import Permission
from core.domain.workloads import SubmitRequest
from core.scheduler.estimates import Estimate, Stretch, quality
from core.scheduler.explain import Explanation, explain, first_in_queue, not_yet_in_queue
from core.scheduler.forecast import Bar, Forecast, chart, forecast
from core.services.blockers import MUST_BE_TENDED, beside_the_plan, in_short, lines_of, of_its_own
from core.services.clusters import named_or_only
from core.services.references import find
from core.services.sights import Sights
from core.services.submission import Desk
from core.services.trying import MOST_WORK, cluster_of, tried
from core.services.usecase import reads
from core.settings import Settings
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.estimates import SCORED
from core.store.units import Unit, Units
from core.views.foresight import BarLine, ForecastCard, PreviewCard, QueueLine, WhyCard
from core.views.operations import Page

MOST_EXPLAINED = 200


class Foresight:
    def __init__(self, units: Units, settings: Settings, registry: Registry) -> None:
        self.units = units
        self._settings = settings
        self._sights = Sights(settings)
        self._registry = registry

    @reads(Permission.DEPLOYMENT_READ)
    def why(self, unit: Unit, reference: str) -> WhyCard:
        """Every reason why it does not run, at once, with what would change each."""
        row = find(unit, reference)
        cluster = cluster_of(unit, row)
        besides = beside_the_plan(unit, cluster) if row.state in MUST_BE_TENDED else ()
        if row.state is not State.QUEUED:
            lines = (*of_its_own(row, unit.now), *besides)
            return WhyCard(row.handle, row.name, row.state, None, False, None, cluster.version, lines)
        with self._sights.of(unit, cluster) as (board, policy):
            found = explain(board, policy, unit.now, [row.id])[row.id]
        starts = found.starts and not besides
        own = of_its_own(row, unit.now)
        told = {line.code for line in own}
        lines = (*besides, *own, *(line for line in lines_of(unit, found.blockers) if line.code not in told))
        return WhyCard(
            row.handle, row.name, row.state, found.position, starts, found.promised_at, cluster.version, lines
        )

    @reads(Permission.DEPLOYMENT_READ)
    def queue(self, unit: Unit, cluster: str | None = None) -> Page[QueueLine]:
        """Who waits on a cluster, in order, and when each will start by the present plan.

        Below them one's own that may not start yet whatever is free, such as behind another.
        """
        row = named_or_only(unit, cluster)
        with self._sights.of(unit, row) as (board, policy):
            shown = first_in_queue(board, policy, unit.now, MOST_EXPLAINED)
            shown += not_yet_in_queue(board, unit.now, unit.org_id, MOST_EXPLAINED)
            explained = explain(board, policy, unit.now, shown)
            foreseen = forecast(board, policy, unit.now, only=shown, most_work=MOST_WORK)
        ordered = sorted(explained.values(), key=lambda e: (e.position is None, e.position or 0, e.id))
        rows, stretch = _rows(unit, [e.id for e in ordered]), self._sights.stretch(unit, row)
        return Page(tuple(_queue_line(unit, rows[e.id], e, foreseen, stretch) for e in ordered))

    @reads(Permission.DEPLOYMENT_READ)
    def forecast(self, unit: Unit, cluster: str | None = None) -> ForecastCard:
        """What runs and what will, node by node, if everything takes all the time it asked for."""
        row = named_or_only(unit, cluster)
        with self._sights.of(unit, row) as (board, policy):
            made = chart(board, policy, unit.now, most_work=MOST_WORK)
        rows = _rows(unit, [bar.id for bar in made.bars])
        nodes = {node.id: node.name for node in unit.clusters.nodes_of(row.id)}
        bars = [line for bar in made.bars for line in _bar_lines(unit, rows[bar.id], bar, nodes)]
        bars.sort(key=lambda line: (line.begins_at, line.node, line.id or ""))
        score = quality(unit.estimates.kept(row.id, unit.now - SCORED))
        within = score.percent_within
        return ForecastCard(
            row.name, made.board_version, made.made_at, made.seen_until, score.count, within, tuple(bars)
        )

    @reads(Permission.SUBMIT)
    def preview(self, unit: Unit, request: SubmitRequest) -> PreviewCard:
        """What this submission would do now: fit, start, cost, whom it would delay. Refused where it would be."""
        desk = Desk(unit, self._settings, self._registry, [request])
        return tried(unit, desk.admit(request), self._sights)


def _rows(unit: Unit, ids: list[str]) -> dict[str, DeploymentRow]:
    """Of whichever organization: what is shown of them is cut to one's own afterwards."""
    everywhere = unit.deployments_everywhere("a cluster's plan is one for all its organizations")
    return {row.id: row for row in everywhere.by_ids(ids)}


def _queue_line(
    unit: Unit, row: DeploymentRow, explained: Explanation, foreseen: Forecast, stretch: Stretch
) -> QueueLine:
    own = row.org_id == unit.me.org_id
    seen = own or unit.me.operator
    owner = unit.accounts.by_id(row.owner_id) if seen else None
    org = unit.orgs.by_id(row.org_id) if seen and not own else None
    estimate = stretch.of(foreseen.estimates[row.id], unit.now)
    first = explained.blockers[0] if explained.blockers else None
    return QueueLine(
        position=explained.position,
        id=row.handle if seen else None,
        name=row.name if seen else None,
        owner=owner.name if owner else None,
        priority=row.priority if seen else None,
        gpu_milli=row.all_resources.gpu_milli if seen else None,
        waits_since_at=row.submitted_at,
        blocker=in_short(first) if own else "",
        estimate_at=estimate.p50,
        latest_at=estimate.p90,
        org=org.name if org else None,
        not_before_at=stretch.of(Estimate(foreseen.seen_until, None), unit.now).p50 if estimate.p50 is None else None,
    )


def _bar_lines(unit: Unit, row: DeploymentRow, bar: Bar, nodes: Mapping[str, str]) -> list[BarLine]:
    own = row.org_id == unit.me.org_id
    on: dict[str, int] = {}
    for claim in bar.claims:
        name = nodes.get(claim.node_id, "")
        on[name] = on.get(name, 0) + claim.resources.gpu_milli
    line = BarLine(row.handle if own else None, row.name if own else None, "", 0, bar.since, bar.until, bar.starts)
    return [replace(line, node=name, gpu_milli=milli) for name, milli in on.items()]
