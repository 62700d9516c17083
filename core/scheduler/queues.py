"""Which order a policy asks for."""

from __future__ import annotations

from core.scheduler.facts import Facts
from core.scheduler.ordering import LaneQueue, Queue
from core.scheduler.policy import Order, Policy
from core.scheduler.smart import SmartQueue


def queue_for(policy: Policy, facts: Facts) -> Queue:
    return SmartQueue(policy, facts) if policy.order is Order.SMART else LaneQueue(policy, facts)
