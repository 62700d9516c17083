"""Whole logs with evictions on: each eviction is checked as it happens, by books that the scheduler does not keep."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.scheduler.policy import Policy, policy_named
from core.scheduler.values import Waiting
from tests.bench.evictions import EvictingReplay, evicting, priority_of, replay_evicting
from tests.bench.logs import Job, generated
from tests.scheduler.test_classics import random_log

CLUSTERS = [("one machine", None, 32), ("four nodes of eight GPUs", 4, 8)]


@pytest.mark.parametrize(("what", "nodes", "per_node"), CLUSTERS, ids=[what for what, *_ in CLUSTERS])
@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=4, deadline=None)
def test_I_S6_on_a_replayed_log_no_eviction_breaks_a_rule(
    what: str, nodes: int | None, per_node: int, seed: int
) -> None:
    log = random_log(seed, 120, 32)
    _, witness = replay_evicting(log, evicting(Policy()), 32, nodes, per_node)
    assert witness.again <= witness.victims


def test_whoever_was_evicted_evicts_nobody_before_something_else_has_ended() -> None:
    _, witness = replay_evicting(generated(600), evicting(policy_named("priority")), 128, None, 0)
    assert witness.evictions > 20 and witness.again > 20


def three_in_a_row() -> list[Job]:
    """`high` evicts `mid`, as `low` has not run for long enough; when `mid` queues again, `low` has."""
    user = {priority_of(f"u{i}"): f"u{i}" for i in range(50)}
    return [
        Job("mid", 0, 9000, 9000, 2, user[50]),
        Job("low", 550, 9000, 9000, 2, user[20]),
        Job("high", 1140, 9000, 9000, 2, user[80]),
    ]


class Forgetful(EvictingReplay):
    """Queues the evicted again without saying that they were."""

    def _queue_again(self, item: Waiting) -> None:
        super()._queue_again(replace(item, preempted_at=None))


def test_a_chain_of_evictions_stops_at_the_first_and_the_witness_would_see_the_second() -> None:
    machine = EvictingReplay(three_in_a_row(), evicting(Policy()), 1, 4, gpus=False)
    machine.run()
    assert (machine.witness.evictions, machine.witness.again) == (1, 1)
    with pytest.raises(AssertionError, match="was evicted itself"):
        Forgetful(three_in_a_row(), evicting(Policy()), 1, 4, gpus=False).run()


def test_the_witness_sees_a_victim_that_was_spared_by_the_rules() -> None:
    lax = evicting(Policy())
    machine = EvictingReplay(random_log(1, 120, 32), lax, 1, 32, gpus=False)
    machine.witness.rules = replace(lax.preemption, gap=61)
    with pytest.raises(AssertionError):
        machine.run()
