"""What a person could change so that a deployment starts: each piece of advice was tried before it is given."""

from __future__ import annotations

from dataclasses import replace

from core.domain.resources import format_duration, format_gpu
from core.scheduler.cycle import Pass
from core.scheduler.ordering import Class, effective_priority
from core.scheduler.placement import Shape
from core.scheduler.policy import Order
from core.scheduler.preemption import choose_victims
from core.scheduler.values import WHOLE, Waiting

HIGHEST_PRIORITY = 100
SHORTEST_MS = 60_000
MOST_TRIES = 8


def fewer_gpus(made: Pass, item: Waiting) -> str:
    """The most GPUs per replica with which it would start in this very pass."""
    whole = item.resources.gpu_milli // WHOLE
    for count in range(whole - 1, max(0, whole - 1 - MOST_TRIES), -1):
        smaller = replace(item, resources=replace(item.resources, gpu_milli=count * WHOLE))
        if made.place(Class(Shape.of(smaller), item.limit_ms)) is not None:
            return f"would start now with {format_gpu(count * WHOLE)} GPUs"
    return ""


def higher_priority(made: Pass, item: Waiting) -> str:
    """The lowest priority at which it would be first and preempt others."""
    board, policy = made.board, made.policy
    if policy.order is not Order.PRIORITY or policy.fair_share is not None or not policy.preemption.enabled:
        return ""
    heads = [board.waiting[p.id] for p in made.promises.made]
    passed = max((effective_priority(head, policy, made.now) for head in heads), default=0.0)
    asked = sorted({p + policy.preemption.gap for p in board.by_priority} | {int(passed) + 1})
    for priority in [p for p in asked if item.priority < p <= HIGHEST_PRIORITY][-MOST_TRIES:]:
        raised = replace(item, priority=priority, preempted_at=None)
        if effective_priority(raised, policy, made.now) <= passed:
            continue
        preempt = choose_victims(board, policy, made.now, raised)
        if preempt is not None:
            return f"at priority {priority} it would preempt {len(preempt.victims)}"
    return ""


def shorter_limit(made: Pass, item: Waiting, promised_at: int) -> str:
    """The longest time limit with which it would be over before the first promised start."""
    limit_ms = (promised_at - made.now) // 1000
    if limit_ms < SHORTEST_MS or (item.limit_ms is not None and item.limit_ms <= limit_ms):
        return ""
    if made.place(Class(Shape.of(item), limit_ms)) is None:
        return ""
    return f"would start now with a time limit of {format_duration(limit_ms - limit_ms % SHORTEST_MS)}"
