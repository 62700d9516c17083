"""What is given back by itself, by cause: one table, and the arithmetic that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.ledger import entries
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.meter import HOUR_US, RunLine, due
from core.ledger.postings import Cause, Posting


class RefundCause(StrEnum):
    """Why a deployment or a run of it came to its end."""

    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED_BEFORE_START = "cancelled_before_start"
    DEPENDENCY_FAILED = "dependency_failed"
    ENGINE_FAILED = "engine_failed"
    NODE_FAILED = "node_failed"
    DRIVER_FAILED = "driver_failed"
    PREEMPTED = "preempted"
    USER_EXIT = "user_exit"
    COMPLETED = "completed"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    TIME_LIMIT = "time_limit"
    RUN_OUT = "run_out"


@dataclass(frozen=True, slots=True)
class RefundRule:
    """How much of a run's last part is given back: so long before its end or, if so said, before the notice."""

    window_us: int = 0
    before_notice: bool = False
    keeps_hold: bool = False  # it waits to run again, so what is set aside stays so


_NOTHING_RAN = RefundRule()  # nothing was charged: the release of the hold gives everything back
_NONE = RefundRule()
_LOST_BY_US = RefundRule(window_us=24 * HOUR_US)
_PUT_OFF = RefundRule(window_us=HOUR_US, before_notice=True, keeps_hold=True)

REFUND_OF: dict[RefundCause, RefundRule] = {
    RefundCause.REJECTED: _NOTHING_RAN,
    RefundCause.EXPIRED: _NOTHING_RAN,
    RefundCause.CANCELLED_BEFORE_START: _NOTHING_RAN,
    RefundCause.DEPENDENCY_FAILED: _NOTHING_RAN,
    RefundCause.ENGINE_FAILED: _LOST_BY_US,
    RefundCause.NODE_FAILED: _LOST_BY_US,
    RefundCause.DRIVER_FAILED: _LOST_BY_US,
    RefundCause.PREEMPTED: _PUT_OFF,
    RefundCause.USER_EXIT: _NONE,
    RefundCause.COMPLETED: _NONE,
    RefundCause.STOPPED: _NONE,
    RefundCause.CANCELLED: _NONE,
    RefundCause.TIME_LIMIT: _NONE,
    RefundCause.RUN_OUT: _NONE,
}


def refund_due(cause: RefundCause, line: RunLine, *, net_use: Amounts, notice_at: int | None = None) -> Amounts:
    """What to give back of a run that has ended; never more than it has cost so far.

    `notice_at` is when the stop was announced: for a preemption the grace since then comes on top of the last hour.
    """
    rule = REFUND_OF[cause]
    if line.end is None:
        raise ValueError(f"run {line.run} is still open")
    if not rule.window_us:
        return NOTHING
    since = line.end
    if rule.before_notice and notice_at is not None:
        since = min(notice_at, line.end)
    lost = due(line, line.end) - due(line, since - rule.window_us)
    return lost.at_most(net_use).at_least(NOTHING)


def refund_of_run(
    cause: RefundCause,
    line: RunLine,
    *,
    net_use: Amounts,
    at: int,
    event: str,
    notice_at: int | None = None,
) -> Posting | None:
    """The refund as a posting, linked to the event that caused it; one at most for a run."""
    amounts = refund_due(cause, line, net_use=net_use, notice_at=notice_at)
    if not amounts:
        return None
    why = Cause(deployment=line.deployment, run=line.run, event=event)
    return entries.refund(line.payer, amounts, key=f"refund:{line.run}", at=at, cause=why, reason=cause.value)
