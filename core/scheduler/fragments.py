"""Which scorer a policy places with."""

from __future__ import annotations

from core.scheduler.placement import tightness
from core.scheduler.policy import Packing, Policy
from core.scheduler.watch import Scorer

SCORERS: dict[Packing, Scorer] = {Packing.TIGHT: tightness}


def scorer_for(policy: Policy) -> Scorer:
    return SCORERS[policy.packing]
