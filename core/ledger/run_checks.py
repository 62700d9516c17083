"""The ledger against what ran and what is set aside: I-L5 to I-L9 and I-L15.

Takes lines and states as facts from the caller; each check answers findings, none being right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.domain.lifecycle import State, has_open_run, is_final
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.balances import hold_left, metered, net_use
from core.ledger.checks import Finding
from core.ledger.meter import LONGEST_UNPOSTED_US, RunLine, due
from core.ledger.postings import METERED, Posting, PostingKind


@dataclass(frozen=True, slots=True)
class DeploymentFact:
    """A deployment as the store has it; `changed_at` is its last change of state."""

    deployment: str
    state: State
    changed_at: int


def charges_lie_in_runs(lines: Sequence[RunLine], postings: Sequence[Posting], now: int) -> list[Finding]:
    """No charge without its run, none beyond its end or now, and never more given back than was charged."""
    known = {line.run for line in lines}
    findings = [
        Finding("I-L5", posting.key, "charges a run that does not exist")
        for posting in postings
        if posting.kind in METERED and posting.cause.run not in known
    ]
    by_run = _by_run(postings)
    for line in lines:
        ours = by_run.get(line.run, [])
        posted, most = metered(ours, line.run), due(line, now)
        if posted.at_most(most) != posted:
            findings.append(Finding("I-L5", line.run, f"charged {posted}, only {most} was due"))
        if (net := net_use(ours, line.run)).at_least(NOTHING) != net:
            findings.append(Finding("I-L5", line.run, f"more was given back than charged: {net}"))
    return findings


def runs_are_charged(
    lines: Iterable[RunLine], postings: Sequence[Posting], now: int, *, tolerance_us: int = 60_000_000
) -> list[Finding]:
    """A closed run is charged exactly; an open one lags by six hours and a tolerance at most."""
    findings = []
    by_run = _by_run(postings)
    for line in lines:
        posted = metered(by_run.get(line.run, []), line.run)
        if line.end is not None:
            if posted != due(line, line.end):
                findings.append(Finding("I-L6", line.run, f"charged {posted}, due was {due(line, line.end)}"))
            continue
        least = due(line, now - LONGEST_UNPOSTED_US - tolerance_us)
        if posted.at_least(least) != posted:
            findings.append(Finding("I-L6", line.run, f"charged {posted}, {least} is due since six hours"))
    return findings


def charges_follow_the_line(postings: Iterable[Posting]) -> list[Finding]:
    """Each charge says in its key what is charged in all so far: a lost, doubled or split one shows."""
    findings = []
    totals: defaultdict[str, Amounts] = defaultdict(Amounts)
    for posting in postings:
        run = posting.cause.run
        if posting.kind not in METERED or run is None:
            continue
        totals[run] += metered([posting], run)
        expected = f"meter:{run}:{totals[run].ucr}:{totals[run].gpu_ms}"
        if posting.kind is PostingKind.CHARGE and posting.key != expected:
            findings.append(Finding("I-L7", posting.key, f"the charges before it add up to {expected}"))
    return findings


def runs_do_not_overlap(lines: Iterable[RunLine]) -> list[Finding]:
    """One run at a time for a deployment, each with its segments in order and no end before its start."""
    findings = []
    by_deployment: defaultdict[str, list[RunLine]] = defaultdict(list)
    for line in lines:
        by_deployment[line.deployment].append(line)
        starts = [segment.start for segment in line.segments]
        if starts != sorted(starts) or (line.end is not None and line.end < starts[-1]):
            findings.append(Finding("I-L8", line.run, "does not run forward in time"))
    for runs in by_deployment.values():
        runs.sort(key=lambda line: (line.start, line.run))
        for first, second in pairwise(runs):
            if first.end is None or first.end > second.start:
                findings.append(Finding("I-L8", second.run, f"overlaps {first.run}"))
    return findings


def running_has_one_run(deployments: Iterable[DeploymentFact], lines: Iterable[RunLine]) -> list[Finding]:
    """Running or suspended: one open run. Stopping: one or none (it may never have run). Else none."""
    opened: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        if line.end is None:
            opened[line.deployment] += 1
    findings = []
    known = set()
    for fact in deployments:
        known.add(fact.deployment)
        count = opened[fact.deployment]
        least, most = int(has_open_run(fact.state, was_running=False)), int(has_open_run(fact.state))
        if not least <= count <= most:
            findings.append(Finding("I-L9", fact.deployment, f"is {fact.state.value} with {count} open runs"))
    return findings + [
        Finding("I-L9", name, "has an open run and does not exist") for name in sorted(set(opened) - known)
    ]


def holds_are_decided(
    deployments: Iterable[DeploymentFact], postings: Sequence[Posting], now: int, *, timeout_us: int = 60_000_000
) -> list[Finding]:
    """Nothing is set aside below zero, for what has ended, or for what does not exist."""
    by_deployment: defaultdict[str, list[Posting]] = defaultdict(list)
    for posting in postings:
        if posting.cause.deployment is not None:
            by_deployment[posting.cause.deployment].append(posting)
    facts: Mapping[str, DeploymentFact] = {fact.deployment: fact for fact in deployments}
    findings = []
    for name, ours in sorted(by_deployment.items()):
        left = hold_left(ours, name)
        if left.at_least(NOTHING) != left:
            findings.append(Finding("I-L15", name, f"more was taken from its hold than was in it: {left}"))
        if not left:
            continue
        fact = facts.get(name)
        if fact is None:
            findings.append(Finding("I-L15", name, "holds money and does not exist"))
        elif (is_final(fact.state) or fact.state is State.STOPPED) and now - fact.changed_at > timeout_us:
            findings.append(Finding("I-L15", name, f"is {fact.state.value} and still holds {left}"))
    return findings


def _by_run(postings: Iterable[Posting]) -> dict[str, list[Posting]]:
    by_run: defaultdict[str, list[Posting]] = defaultdict(list)
    for posting in postings:
        if posting.cause.run is not None:
            by_run[posting.cause.run].append(posting)
    return dict(by_run)
