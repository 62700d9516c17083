"""Approvals that nobody has given in time: what asked for one expires, and its hold comes back."""

from __future__ import annotations

from core.clock import HOUR
from core.daemon.ground import Ground
from core.domain.lifecycle import State, Trigger
from core.ledger.refunds import RefundCause
from core.store import settlement
from core.store.moves import move
from core.store.queries import instants


def keep(ground: Ground) -> tuple[int, int]:
    lasts = ground.settings.approvals.expires_after_ms * 1000
    with ground.units.look() as unit:
        now = unit.now
        oldest = instants.oldest_in(unit.connection, State.AWAITING_APPROVAL)
    if oldest is None:
        return 0, now + HOUR
    if oldest + lasts > now:
        return 0, min(now + HOUR, oldest + lasts)
    expired = 0
    with ground.units.lead(ground.leadership) as unit:
        for row in unit.deployments.in_states({State.AWAITING_APPROVAL}):
            if row.state_since + lasts <= unit.now:
                moved = move(unit, row, Trigger.EXPIRE, reason="nobody approved it in time")
                settlement.release_hold(unit, moved, RefundCause.EXPIRED)
                unit.clusters.touch(row.cluster_id)
                expired += 1
    return expired, now
