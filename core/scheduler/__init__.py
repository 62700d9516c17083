"""The scheduler decides and does nothing: `plan(board, policy, now)` over values, no store, clock or engine.

Build a `Board` from frozen values (`values.py`), keep it by its feed methods (`add_waiting`, `started`, `ended`,
`node_changed`, `pin` ...), ask `plan` (`cycle.py`), apply what the `Plan` (`decisions.py`) says, feed back what
came of it. See README.md.
"""

from core.domain.kinds import Kind
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Blocker, Code, Doom, Plan, Preempt, Reserve, Start, Unpin, Wait
from core.scheduler.facts import Usage
from core.scheduler.placement import refuse_impossible
from core.scheduler.policy import POLICIES, Policy, policy_named
from core.scheduler.values import (
    Claim,
    Dependency,
    Device,
    Gate,
    Holding,
    Node,
    NodeState,
    Pin,
    Waiting,
)

__all__ = [
    "POLICIES",
    "Blocker",
    "Board",
    "Claim",
    "Code",
    "Dependency",
    "Device",
    "Doom",
    "Gate",
    "Holding",
    "Kind",
    "Node",
    "NodeState",
    "Pin",
    "Plan",
    "Policy",
    "Preempt",
    "Reserve",
    "Start",
    "Unpin",
    "Usage",
    "Wait",
    "Waiting",
    "plan",
    "policy_named",
    "refuse_impossible",
]
