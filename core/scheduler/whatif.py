"""What would happen if this were submitted: does it fit, when, at whose cost, who is delayed.

The plan itself answers, on a copy of the board. Nothing is written; the answer carries the version of the board
it was read from, and a submission may demand that it still holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from core.domain.errors import Conflict, Invalid
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Blocker
from core.scheduler.estimates import Estimate
from core.scheduler.explain import ANOTHER_ORG, explain
from core.scheduler.forecast import HORIZON_MS, USUAL_SHARE, Future, estimate_of
from core.scheduler.placement import refuse_impossible
from core.scheduler.policy import Policy
from core.scheduler.twins import twin_of
from core.scheduler.values import Claim, Waiting

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Delay:
    """One that would start later. `id` is "another org" for those of others; None is later than was looked."""

    id: str
    from_at: int
    to_at: int | None


@dataclass(frozen=True, slots=True)
class Preview:
    """`refusal` is why it could never start; else `claims` are where it starts now or after its victims left.

    Without an estimate it starts no sooner than `seen_until`. Of those delayed, whoever starts soonest comes first.
    """

    board_version: int
    refusal: Invalid | None = None
    starts_now: bool = False
    claims: tuple[Claim, ...] = ()
    victims: tuple[str, ...] = ()
    estimate: Estimate | None = None
    seen_until: int = 0
    blockers: tuple[Blocker, ...] = ()
    delayed: tuple[Delay, ...] = ()
    gpu_ms: int = 0
    price_ucr: int | None = None  # of the whole limit; None for what has no end

    @property
    def fits(self) -> bool:
        return self.refusal is None


def what_if(
    board: Board,
    policy: Policy,
    now: int,
    item: Waiting,
    *,
    ucr_per_hour: int = 0,
    usual_share: float = USUAL_SHARE,
    most_work: int | None = None,
) -> Preview:
    """Preview one submission. `ucr_per_hour` is what all its replicas together cost, from the rate card."""
    try:
        refuse_impossible([host.node for host in board.hosts], item)
    except Invalid as refusal:
        return Preview(board.version, refusal=refusal)
    trial = twin_of(board)
    trial.add_waiting(item)
    made = plan(trial, policy, now)
    started = next((s for s in made.starts if s.id == item.id), None)
    preempt = next((p for p in made.preempts if p.for_id == item.id), None)
    blockers = () if started or preempt else explain(trial, policy, now, [item.id])[item.id].blockers
    horizon, each = now + HORIZON_MS * 1000, None if most_work is None else most_work // 3
    wanted = frozenset({item.id})
    soon = Future(twin_of(trial), policy, now, share=usual_share).play(horizon, each, wanted)
    after = Future(trial, policy, now, share=1.0).play(horizon, each)
    before = Future(twin_of(board), policy, now, share=1.0).play(horizon, each)
    claims = started.claims if started else preempt.claims if preempt else ()
    return Preview(
        board_version=board.version,
        starts_now=started is not None,
        claims=claims,
        victims=_masked(board, preempt.victims if preempt else (), item.org),
        estimate=estimate_of(item.id, soon, after),
        seen_until=min(soon.seen_until, after.seen_until),
        blockers=blockers,
        delayed=_delays(board, item, before, after),
        gpu_ms=item.resources.gpu_milli * item.replicas * item.limit_ms // 1000 if item.limit_ms is not None else 0,
        price_ucr=None if item.limit_ms is None else ucr_per_hour * item.limit_ms // HOUR_MS,
    )


def demand_version(preview: Preview, wanted: int) -> None:
    """Refuse to act on a preview that was read from another state of the board."""
    if preview.board_version != wanted:
        raise Conflict(
            "board_moved",
            f"the cluster changed since the preview: version {wanted} was asked for, it is {preview.board_version} now",
            f"look at the new preview and submit with --if-version {preview.board_version}",
            {"version": preview.board_version},
        )


def at_other_sizes(item: Waiting, gpu_millis: tuple[int, ...]) -> tuple[Waiting, ...]:
    """The same wish with other numbers of GPUs, to preview side by side."""
    return tuple(replace(item, resources=replace(item.resources, gpu_milli=milli)) for milli in gpu_millis)


def _delays(board: Board, item: Waiting, before: Future, after: Future) -> tuple[Delay, ...]:
    delays = []
    for waiting_id, from_at in before.started.items():
        to_at = after.started.get(waiting_id)
        if to_at is None and from_at >= after.seen_until:
            continue  # both lie further ahead than was looked
        if to_at is None or to_at > from_at:
            known = board.waiting.get(waiting_id) or board.holdings.get(waiting_id)
            shown = waiting_id if known is not None and known.org == item.org else ANOTHER_ORG
            delays.append(Delay(shown, from_at, to_at))
    return tuple(sorted(delays, key=lambda d: (d.from_at, d.id, d.to_at or inf)))


def _masked(board: Board, victims: tuple[str, ...], org: str) -> tuple[str, ...]:
    own = tuple(v for v in victims if board.holdings[v].org == org)
    return own + (ANOTHER_ORG,) * (len(victims) - len(own))
