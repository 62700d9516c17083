"""What the scheduler knows, for people: why something waits, the queue, the future, and a submission tried beforehand.

Each answer is computed by the code that decides, on a board built from the store. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from core.clock import DAY
from core.domain.engines import Registry
from core.domain.lifecycle import State
from core.domain.resources import format_cpu, format_gpu, format_memory
from core.domain.roles import Permission
from core.domain.workloads import SubmitRequest
from core.ledger.meter import hourly
from core.scheduler.decisions import Blocker
from core.scheduler.explain import explain
from core.scheduler.forecast import Bar, Estimate, forecast, quality
from core.scheduler.whatif import Preview, what_if
from core.services import submission
from core.services.clusters import visible_cluster
from core.services.deployment_cards import as_sum
from core.services.deployments import find
from core.services.usecase import reads
from core.settings import Settings
from core.store import settlement
from core.store.queries.board import board_of, waiting_value
from core.store.queries.policy import policy_for
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit, Units
from core.views.foresight import BarLine, BlockerLine, DelayLine, ForecastCard, PreviewCard, QueueLine, WhyCard
from core.views.money import Sum
from core.views.operations import Page

MOST_EXPLAINED = 200
_SCORED = 30 * DAY


class Foresight:
    def __init__(self, units: Units, settings: Settings, registry: Registry) -> None:
        self.units = units
        self._settings = settings
        self._registry = registry

    @reads(Permission.DEPLOYMENT_READ)
    def why(self, unit: Unit, reference: str) -> WhyCard:
        """Every reason why it does not run, at once, with what would change each."""
        row = find(unit, reference)
        cluster = _cluster_of(unit, row)
        if row.state is not State.QUEUED:
            return WhyCard(row.handle, row.name, row.state, None, False, None, cluster.version, _own_reason(row))
        board = board_of(_for_all(unit), cluster)
        found = explain(board, policy_for(unit, self._settings), unit.now, [row.id])[row.id]
        lines = _lines(unit, found.blockers)
        return WhyCard(
            row.handle, row.name, row.state, found.position, found.starts, found.promised_at, cluster.version, lines
        )

    @reads(Permission.DEPLOYMENT_READ)
    def queue(self, unit: Unit, cluster: str) -> Page[QueueLine]:
        """Who waits on a cluster, in order, and when each will start by the present plan."""
        row = visible_cluster(unit, cluster)
        everyone = _for_all(unit)
        board, policy = board_of(everyone, row), policy_for(unit, self._settings)
        explained = explain(board, policy, unit.now)
        estimates = forecast(board, policy, unit.now).estimates
        ordered = sorted(
            (e for e in explained.values() if e.position is not None), key=lambda e: (e.position or 0, e.id)
        )[:MOST_EXPLAINED]
        rows = {r.id: r for r in everyone.deployments.by_ids([e.id for e in ordered])}
        return Page(
            tuple(
                _queue_line(unit, rows[e.id], e.position or 0, e.blockers, estimates.get(e.id, Estimate(None, None)))
                for e in ordered
            )
        )

    @reads(Permission.DEPLOYMENT_READ)
    def forecast(self, unit: Unit, cluster: str) -> ForecastCard:
        """What runs and what will, node by node, if everything takes all the time it asked for."""
        row = visible_cluster(unit, cluster)
        everyone = _for_all(unit)
        made = forecast(board_of(everyone, row), policy_for(unit, self._settings), unit.now)
        rows = {r.id: r for r in everyone.deployments.by_ids([bar.id for bar in made.bars])}
        nodes = {node.id: node.name for node in unit.clusters.nodes_of(row.id)}
        bars = [line for bar in made.bars for line in _bar_lines(unit, rows[bar.id], bar, nodes)]
        bars.sort(key=lambda line: (line.begins_at, line.node, line.id or ""))
        score = quality(unit.estimates.kept(row.id, unit.now - _SCORED))
        within = score.percent_within if score.count else None
        return ForecastCard(row.name, made.board_version, made.made_at, made.horizon, score.count, within, tuple(bars))

    @reads(Permission.SUBMIT)
    def preview(self, unit: Unit, request: SubmitRequest) -> PreviewCard:
        """What this submission would do now: fit, start, cost, whom it would delay. Refused where it would be."""
        admitted = submission.admit(unit, request, self._settings, self._registry)
        cluster = _cluster_of(unit, admitted.row)
        rate = hourly(settlement.rate_of(unit, admitted.row, unit.now))
        board = board_of(_for_all(unit), cluster)
        seen = what_if(
            board, policy_for(unit, self._settings), unit.now, waiting_value(admitted.row), ucr_per_hour=rate.ucr
        )
        if seen.refusal is not None:
            raise seen.refusal
        return _preview_card(unit, cluster, admitted, seen, as_sum(rate))


def _preview_card(
    unit: Unit, cluster: ClusterRow, admitted: submission.Admitted, seen: Preview, rate: Sum
) -> PreviewCard:
    nodes = {node.id: node.name for node in unit.clusters.nodes_of(cluster.id)}
    estimate = seen.estimate or Estimate(None, None)
    return PreviewCard(
        cluster=cluster.name,
        version=seen.board_version,
        starts_now=seen.starts_now,
        node=", ".join(sorted({nodes[claim.node_id] for claim in seen.claims})) or None,
        estimate_at=estimate.p50,
        latest_at=estimate.p90,
        rate=rate,
        hold=as_sum(admitted.hold),
        needs_approval="; ".join(ground.text for ground in admitted.grounds) or None,
        victims=_handles(unit, seen.victims),
        blockers=_lines(unit, seen.blockers),
        delayed=tuple(DelayLine(_handles(unit, (delay.id,))[0], delay.from_at, delay.to_at) for delay in seen.delayed),
    )


def _cluster_of(unit: Unit, row: DeploymentRow) -> ClusterRow:
    cluster = unit.clusters.by_id(row.cluster_id)
    assert cluster is not None, "a deployment's cluster keeps its row"
    return cluster


def _for_all(unit: Unit) -> Unit:
    """The plan decides over all who use a cluster; what is shown of it is cut to one's own afterwards."""
    return unit.for_all("a cluster's plan is one for all its organizations")


def _own_reason(row: DeploymentRow) -> tuple[BlockerLine, ...]:
    if row.reason is None:
        return ()
    return (BlockerLine(row.state.value, row.reason, None, None, (), None, None),)


def _lines(unit: Unit, blockers: Iterable[Blocker]) -> tuple[BlockerLine, ...]:
    return tuple(
        BlockerLine(
            code=blocker.code.value,
            message=blocker.detail or blocker.code.value.replace("_", " "),
            need=_amount(blocker.unit, blocker.need),
            have=_amount(blocker.unit, blocker.have),
            holders=_handles(unit, blocker.holders),
            earliest_at=blocker.earliest,
            suggestion=blocker.suggestion or None,
        )
        for blocker in blockers
    )


def _amount(unit_of: str, amount: int | None) -> str | None:
    if amount is None:
        return None
    words = {"gpu_milli": (format_gpu, " GPU"), "cpu_milli": (format_cpu, " CPU"), "ram_mib": (format_memory, "")}
    words["disk_mib"] = (format_memory, " disk")
    shown, after = words.get(unit_of, (str, f" {unit_of}" if unit_of else ""))
    return f"{shown(amount)}{after}"


def _handles(unit: Unit, ids: Iterable[str]) -> tuple[str, ...]:
    """Ids as people know them; words such as "another org" stay what they are."""
    known = {row.id: row.handle for row in unit.deployments.by_ids(list(ids))}
    return tuple(known.get(one, one) for one in ids)


def _queue_line(
    unit: Unit, row: DeploymentRow, position: int, blockers: tuple[Blocker, ...], estimate: Estimate
) -> QueueLine:
    own = row.org_id == unit.me.org_id
    owner = unit.accounts.by_id(row.owner_id) if own else None
    first = blockers[0] if blockers else None
    return QueueLine(
        position=position,
        id=row.handle if own else None,
        name=row.name if own else None,
        owner=owner.name if owner else None,
        priority=row.priority if own else None,
        gpu_milli=row.all_resources.gpu_milli if own else None,
        waits_since_at=row.submitted_at,
        blocker=_in_short(first) if own else "",
        estimate_at=estimate.p50,
        latest_at=estimate.p90,
    )


def _in_short(blocker: Blocker | None) -> str:
    if blocker is None:
        return "starts next"
    words = blocker.code.value.replace("_", " ")
    if blocker.need is None or blocker.have is None:
        return words
    return f"{words}: needs {_amount(blocker.unit, blocker.need)}, {_amount(blocker.unit, blocker.have)} there"


def _bar_lines(unit: Unit, row: DeploymentRow, bar: Bar, nodes: Mapping[str, str]) -> list[BarLine]:
    own = row.org_id == unit.me.org_id
    on: dict[str, int] = {}
    for claim in bar.claims:
        name = nodes.get(claim.node_id, "")
        on[name] = on.get(name, 0) + claim.resources.gpu_milli
    line = BarLine(row.handle if own else None, row.name if own else None, "", 0, bar.since, bar.until, bar.starts)
    return [replace(line, node=name, gpu_milli=milli) for name, milli in on.items()]
