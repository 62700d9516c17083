"""Concurrent quotas: how much a member and an org may hold at once. They make things wait, they refuse nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.scheduler.board import Board
from core.scheduler.policy import NO_QUOTA, Quotas
from core.scheduler.values import Waiting


@dataclass(frozen=True, slots=True)
class Shortfall:
    """`need` would be held with it, `have` is allowed; `member` is None for a limit of the whole org."""

    member: str | None
    unit: str  # gpu_milli, cpu_milli, deployments
    need: int
    have: int
    held: int


def shortfalls(board: Board, quotas: Quotas, item: Waiting) -> list[Shortfall]:
    """Every limit that it would pass if it started now."""
    return list(_shortfalls(board, quotas, item))


def _shortfalls(board: Board, quotas: Quotas, item: Waiting) -> Iterator[Shortfall]:
    for member, quota in ((item.member, quotas.of_member(item.org, item.member)), (None, quotas.of_org(item.org))):
        if quota == NO_QUOTA:
            continue
        held = board.held_by(item.org, member)
        total = item.resources.times(item.replicas)
        for unit, limit, now_held, more in (
            ("gpu_milli", quota.gpu_milli, held.gpu_milli, total.gpu_milli),
            ("cpu_milli", quota.cpu_milli, held.cpu_milli, total.cpu_milli),
            ("deployments", quota.deployments, held.deployments, 1),
        ):
            if limit is not None and more and now_held + more > limit:
                yield Shortfall(member, unit, now_held + more, limit, now_held)
