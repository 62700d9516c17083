"""A submission tried beforehand: what it would do now, by the plan that would decide. Nothing is written."""

from __future__ import annotations

from core.domain.errors import Conflict
from core.ledger.meter import hourly
from core.scheduler.estimates import Estimate, Stretch
from core.scheduler.whatif import Preview, what_if
from core.services.blockers import handles, lines_of
from core.services.deployment_cards import as_sum
from core.services.sights import Sights
from core.services.submission import Admitted
from core.store import settlement
from core.store.queries.board import dependency_value, gates_of, waiting_value
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Unit
from core.views.foresight import DelayLine, PreviewCard
from core.views.money import Sum

# How much of the future is played for whoever asks, counted in what its passes look at: about a second.
MOST_WORK = 15_000
_MOST_DELAYED = 10


def cluster_of(unit: Unit, row: DeploymentRow) -> ClusterRow:
    cluster = unit.clusters.by_id(row.cluster_id)
    assert cluster is not None, "a deployment's cluster keeps its row"
    return cluster


def tried(unit: Unit, admitted: Admitted, sights: Sights) -> PreviewCard:
    """What it would do now: fit, start, cost, whom it would delay. Refused where it would be."""
    cluster = cluster_of(unit, admitted.row)
    rate = hourly(settlement.rate_of(unit, admitted.row, unit.now))
    after = tuple(dependency_value(row.id, row.state, any_outcome=any_of_it) for row, any_of_it in admitted.after)
    item = waiting_value(admitted.row, after, gates=gates_of(cluster))
    with sights.of(unit, cluster) as (board, policy):
        seen = what_if(board, policy, unit.now, item, ucr_per_hour=rate.ucr, most_work=MOST_WORK)
    if seen.refusal is not None:
        raise seen.refusal
    stretch = sights.stretch(unit, cluster)
    return _card(unit, cluster, admitted, seen, stretch, as_sum(rate))


def demand_version(unit: Unit, admitted: Admitted, wanted: int | None, sights: Sights) -> None:
    """Refuse to submit on a preview of another state of the cluster; the refusal carries the new preview."""
    cluster = cluster_of(unit, admitted.row)
    if wanted is None or wanted == cluster.version:
        return
    raise Conflict(
        "board_moved",
        f"the cluster changed since the preview: version {wanted} was asked for, it is {cluster.version} now",
        f"look at the new preview and submit with --if-version {cluster.version}",
        {"version": cluster.version, "preview": tried(unit, admitted, sights)},
    )


def _card(
    unit: Unit, cluster: ClusterRow, admitted: Admitted, seen: Preview, stretch: Stretch, rate: Sum
) -> PreviewCard:
    nodes = {node.id: node.name for node in unit.clusters.nodes_of(cluster.id)}
    estimate = stretch.of(seen.estimate or Estimate(None, None), unit.now)
    delayed = seen.delayed[:_MOST_DELAYED]
    names = handles(unit, [delay.id for delay in delayed])
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
        victims=handles(unit, seen.victims),
        blockers=lines_of(unit, seen.blockers),
        delayed=tuple(DelayLine(n, d.from_at, d.to_at) for n, d in zip(names, delayed, strict=True)),
        delayed_more=len(seen.delayed) - len(delayed),
        not_before_at=stretch.of(Estimate(seen.seen_until, None), unit.now).p50 if estimate.p50 is None else None,
    )
