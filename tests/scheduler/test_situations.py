"""What a researcher is told in the situations that people ask about most: each answer is read here as a person would.

A line is `code: what is in the way [needed / there, until when] > what would help`; "+30" is in half an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from core.clock import MINUTE
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.decisions import Code
from core.scheduler.explain import explain
from core.scheduler.policy import Policy, Quota, Quotas, policy_named
from core.scheduler.values import Claim, Dependency, Gate, Holding, Node, NodeState, Waiting
from tests.scheduler.boards import NOW, amount, carry_out, job, node, running, service
from tests.scheduler.test_explain import FINAL, clear

G4, A, B = node("g4", gpus=4), node("a", gpus=2), node("b", gpus=2)
T4 = node("t", gpus=4, model="t4")
A_DRAINED = replace(A, state=NodeState.DRAINED)
ZONED = replace(A, labels=frozenset({"zone=a"}))
PLAIN = Policy()
SMALL = node("s", cpu=8, ram=64, gpus=4)
A100 = frozenset({"a100"})
TWO_EACH = policy_named("priority", quotas=Quotas(each_member=Quota(gpu_milli=2000)))
TWO_OF_ORG = policy_named("priority", quotas=Quotas(each_org=Quota(gpu_milli=2000)))
NO_EVICTIONS = policy_named("priority", preemption=replace(Policy().preemption, enabled=False))


@dataclass(frozen=True)
class Situation:
    asks: str
    nodes: tuple[Node, ...]
    holds: tuple[Holding, ...]
    waits: Waiting
    told: tuple[str, ...]
    before: tuple[Waiting, ...] = ()
    policy: Policy = PLAIN
    foreign: tuple[Claim, ...] = ()
    evicts: bool = False  # one pass is carried out before it is asked

    def board(self) -> Board:
        board = Board(self.nodes, self.holds, foreign=self.foreign)
        for item in (*self.before, self.waits):
            board.add_waiting(item)
        if self.evicts:
            carry_out(board, plan(board, self.policy, NOW))
        return board


def wish(**fields: object) -> Waiting:
    return job("wish", **fields)  # type: ignore[arg-type]


SITUATIONS = (
    Situation(
        "why do my two GPUs wait when three are free?",
        (A, B, node("c", gpus=2)),
        tuple(running(f"x{n.name}", n, devices=(0,)) for n in (A, B, node("c", gpus=2))),
        wish(gpu=2),
        (
            "fragmented: 3 GPUs free in all, but not on one node; a comes nearest [2000 / 1000, +60]"
            " > would start now with 1 GPU",
        ),
    ),
    Situation(
        "why does half a GPU wait when 0.7 are free?",
        (A,),
        (running("x", A, devices=(0,), share=600), running("y", A, devices=(1,), share=700)),
        wish(gpu=0.5),
        (
            "fragmented: 0.7 GPU free in all, but not in one device; a comes nearest [500 / 400, +60]"
            " > would start now with 0.4 GPU",
        ),
    ),
    Situation(
        "why does one GPU wait when two halves are free?",
        (A,),
        (running("x", A, devices=(0,), share=500), running("y", A, devices=(1,), share=500)),
        wish(gpu=1),
        (
            "fragmented: 1 GPU free in all, but not in one device; a comes nearest [1000 / 0, +60]"
            " > would start now with 0.5 GPU",
        ),
    ),
    Situation(
        "why does it wait when four GPUs of another model are free?",
        (A, T4),
        (running("x", A, devices=(0,)),),
        wish(gpu=2, gpu_models=A100),
        (
            "capacity: a, the only node with a100, has too little free [2000 / 1000, +60]"
            " > would start now with 1 GPU, or on t4",
        ),
    ),
    Situation(
        "why does it wait when a node without my label is free?",
        (ZONED, B),
        (running("x", ZONED, devices=(0, 1)),),
        wish(gpu=1, labels=frozenset({"zone=a"})),
        (
            "capacity: a, the only node with zone=a, has too little free [1000 / 0, +60]"
            " > would start now without the label zone=a",
        ),
    ),
    Situation(
        "why does it not use the drained node, which is empty?",
        (A_DRAINED, B),
        (running("x", B, devices=(0, 1), priority=50),),
        wish(gpu=2),
        (
            "capacity: b, the only node in service that could hold it, has too little free; a has room, but is drained"
            " [2000 / 0, +60] > at priority 60 it would preempt 1 deployment",
        ),
    ),
    Situation(
        "the only node with my model is drained",
        (A_DRAINED, T4),
        (),
        wish(gpu=1, gpu_models=A100),
        ("nodes_away: nodes that could hold it take nothing new: a is drained > would start now on t4",),
    ),
    Situation(
        "a gang for which too few nodes are in service",
        (replace(A, state=NodeState.CORDONED), B),
        (),
        wish(gpu=1, replicas=4),
        (
            "nodes_away: nodes that could hold it take nothing new: a is cordoned [4 / 2]"
            " > whoever looks after the cluster has to bring it back",
        ),
    ),
    Situation(
        "a gang of which three would fit",
        (A, B),
        (running("x", A, devices=(0,)),),
        wish(gpu=1, replicas=4),
        (
            "capacity: there is no room for all replicas at once [4 / 3, +60]"
            " > at priority 60 it would preempt 1 deployment",
        ),
    ),
    Situation(
        "more than the cluster has",
        (A, B),
        (),
        wish(gpu=1, replicas=6),
        ("impossible: the cluster cannot hold 6 replicas of 1 CPU, 1 GiB, 1 GPU at once > ask for at most 4",),
    ),
    Situation(
        "GPUs are free, CPUs are not",
        (SMALL,),
        (running("x", SMALL, cpu=7, devices=(0,)),),
        wish(gpu=1, cpu=4),
        (
            "capacity: s, the only node that could hold it, has too little free [4000 / 1000, +60]"
            " > would start now with 1 CPU",
        ),
    ),
    Situation(
        "GPUs and memory are short: both are told, the advice once",
        (SMALL,),
        (running("x", SMALL, ram=60, devices=(0, 1, 2, 3)),),
        wish(gpu=1, ram=32),
        (
            "capacity: s, the only node that could hold it, has too little free [1000 / 0, +60]"
            " > at priority 60 it would preempt 1 deployment",
            "capacity: s, the only node that could hold it, has too little free [32768 / 4096, +60]",
        ),
    ),
    Situation(
        "my own limit is used up",
        (G4,),
        (running("x", G4, devices=(0, 1)),),
        wish(gpu=1),
        (
            "quota_member: the member's limit at once [3000 / 2000, +60]"
            " > stop one of them, or ask an admin for a higher limit",
        ),
        policy=TWO_EACH,
    ),
    Situation(
        "my own limit is used up, and what I asked for first ends before enough is free",
        (G4,),
        (running("x", G4, devices=(0,), hours=1.5), running("y", G4, devices=(1,), hours=3)),
        wish(gpu=2),
        (
            "quota_member: the member's limit at once [4000 / 2000, +120]"
            " > stop one of them, or ask an admin for a higher limit",
        ),
        policy=TWO_EACH,
    ),
    Situation(
        "I ask for more than my limit will ever allow",
        (G4,),
        (),
        wish(gpu=4),
        (
            "quota_member: the member's limit at once [4000 / 2000]"
            " > ask for 2 GPUs at most, or ask an admin for a higher limit",
        ),
        policy=TWO_EACH,
    ),
    Situation(
        "a colleague uses up the organization's limit",
        (G4,),
        (running("x", G4, devices=(0, 1), member="bob"),),
        wish(gpu=1),
        (
            "quota_org: the organization's limit at once [3000 / 2000, +60]"
            " > stop one of them, or ask an admin for a higher limit",
        ),
        policy=TWO_OF_ORG,
    ),
    Situation(
        "it follows one that runs",
        (G4,),
        (running("prep", G4, devices=(0,)),),
        wish(gpu=1, after=(Dependency("prep"),)),
        ("dependency: has to succeed first [+60]",),
    ),
    Situation(
        "it follows one that waits: no advice, since nothing about itself would help",
        (G4,),
        (running("x", G4, devices=(0, 1, 2, 3)),),
        wish(gpu=1, after=(Dependency("prep"),)),
        (
            "dependency: has to succeed first, and waits itself",
            "capacity: g4, the only node that could hold it, has too little free [1000 / 0, +120]",
            "ahead: others are before it in the queue [0 / 1]",
        ),
        before=(job("prep", gpu=4),),
    ),
    Situation(
        "it follows one that failed",
        (G4,),
        (),
        wish(gpu=1, after=(Dependency("prep", succeeded=False),)),
        ("dependency: it failed, so this one can never start",),
    ),
    Situation(
        "a person holds it",
        (G4,),
        (),
        wish(gpu=1, gates=(Gate("held", suggestion="release it"),)),
        ("gate: held > release it",),
    ),
    Situation(
        "why does one GPU wait when one is free? It would delay a promise",
        (G4,),
        (running("busy", G4, devices=(0, 1, 2), hours=1.5, priority=90),),
        wish(gpu=1, hours=4),
        (
            "promised: it would fit now, but delay a start that is promised [+90]"
            " > would start now with a time limit of 30 m",
            "ahead: others are before it in the queue [0 / 1]",
        ),
        before=(job("head", gpu=4, priority=90),),
    ),
    Situation(
        "a service behind a promise",
        (G4,),
        (running("busy", G4, devices=(0, 1, 2), hours=1.5, priority=90),),
        service("wish", gpu=1),
        (
            "promised: it would fit now, but delay a start that is promised [+90]"
            " > would start now as a job with a time limit of 30 m",
            "ahead: others are before it in the queue [0 / 1]",
        ),
        before=(job("head", gpu=4, priority=90),),
    ),
    Situation(
        "its victims are leaving",
        (A,),
        (running("v", A, devices=(0, 1), hours=None, priority=10),),
        wish(gpu=2, priority=90),
        ("preempting: its place is kept; those preempted for it are still leaving [0 / 1, +2]",),
        evicts=True,
    ),
    Situation(
        "my priority is far above: why does it not preempt? It ran for two minutes only",
        (A,),
        (running("x", A, devices=(0, 1), since=NOW - 2 * MINUTE, priority=10),),
        wish(gpu=1, priority=90),
        (
            "capacity: a, the only node that could hold it, has too little free [1000 / 0, +8]"
            " > in 8 m it may preempt 1 deployment: who has just started is left alone for a while",
        ),
    ),
    Situation(
        "my priority is far above: why does it not preempt? It was preempted itself",
        (A,),
        (running("x", A, devices=(0, 1), priority=10),),
        wish(gpu=1, priority=90, preempted_at=NOW - MINUTE),
        (
            "capacity: a, the only node that could hold it, has too little free [1000 / 0, +60]"
            " > it was preempted itself and preempts nobody before something else has ended",
        ),
    ),
    Situation(
        "what runs may not be preempted: nothing helps but time",
        (A,),
        (running("x", A, devices=(0, 1), priority=10, preemptible=False),),
        wish(gpu=1, priority=90),
        ("capacity: a, the only node that could hold it, has too little free [1000 / 0, +60]",),
    ),
    Situation(
        "only services hold the GPUs: no start can be foreseen",
        (A,),
        (running("x", A, devices=(0, 1), hours=None),),
        wish(gpu=1),
        (
            "capacity: a, the only node that could hold it, has too little free [1000 / 0]"
            " > at priority 60 it would preempt 1 deployment",
            "no_foreseeable_start: those who hold the capacity have no end",
        ),
    ),
    Situation(
        "others than Bursar use the GPUs",
        (A,),
        (),
        wish(gpu=1),
        (
            "capacity: a, the only node that could hold it, has too little free [1000 / 0]",
            "no_foreseeable_start: those who hold the capacity have no end",
        ),
        foreign=(Claim(A.id, amount(gpu=2), ((0, 1000), (1, 1000))),),
    ),
    Situation(
        "many stand before it",
        (A, B),
        tuple(running(f"x{n.name}", n, devices=(0, 1), hours=1.5) for n in (A, B)),
        wish(gpu=1, hours=4),
        (
            "capacity: no node has enough free; a comes nearest [1000 / 0, +30]",
            "ahead: others are before it in the queue [0 / 7]",
        ),
        before=tuple(job(f"q{i}", gpu=2, priority=55) for i in range(7)),
        policy=NO_EVICTIONS,
    ),
    Situation(
        "who stands before it wants another model: not in its way, and not told",
        (A, T4),
        (running("x", A, devices=(0, 1), hours=None), running("y", T4, devices=(0, 1, 2, 3))),
        wish(gpu=1, gpu_models=frozenset({"t4"})),
        ("capacity: t, the only node with t4, has too little free [1000 / 0, +60]",),
        before=(job("head", gpu=1, gpu_models=A100),),
        policy=NO_EVICTIONS,
    ),
    Situation(
        "a higher priority stands behind a lower one: fair share",
        (A,),
        (running("x", A, devices=(0, 1), hold=10_000),),
        wish(gpu=1, priority=60),
        (
            "capacity: a, the only node that could hold it, has too little free [1000 / 0, +60]",
            "ahead: others are before it in the queue; past use takes 25 points off its priority [0 / 1]",
        ),
        before=(job("z", gpu=1, member="bob"),),
        policy=policy_named("fair"),
    ),
)
every_situation = pytest.mark.parametrize("situation", SITUATIONS, ids=[s.asks for s in SITUATIONS])


@every_situation
def test_the_answer_is_true_whole_and_short(situation: Situation) -> None:
    told = []
    for blocker in explain(situation.board(), situation.policy, NOW, ["wish"])["wish"].blockers:
        amounts = [] if blocker.need is None else [f"{blocker.need} / {blocker.have}"]
        amounts += [] if blocker.earliest is None else [f"+{round((blocker.earliest - NOW) / MINUTE)}"]
        line = f"{blocker.code}: {blocker.detail}" + (f" [{', '.join(amounts)}]" if amounts else "")
        told.append(line + (f" > {blocker.suggestion}" if blocker.suggestion else ""))
    assert tuple(told) == situation.told


@every_situation
def test_once_the_listed_blockers_are_cleared_it_starts_in_the_next_pass(situation: Situation) -> None:
    board = situation.board()
    blockers = explain(board, situation.policy, NOW, ["wish"])["wish"].blockers
    codes = {blocker.code for blocker in blockers}
    if codes & (FINAL | {Code.PREEMPTING}) or situation.foreign:
        return  # no holder on this board could be cleared
    cleared = clear(board, situation.policy, "wish", blockers)
    assert "wish" in {start.id for start in plan(board, cleared, NOW).starts}
