"""Reads what an engine has shown, and draws the consequences: runs that ended, stops that are proved, strangers.

Only a complete listing proves an absence, or one of the node in question. What is not ours is never touched; it only
takes room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.clock import MINUTE, SECOND
from core.daemon import pacing, showing, starting
from core.daemon.ground import Ground
from core.daemon.outcomes import ENDS_ANYWAY, Outcomes
from core.domain.engines import Capabilities, Observation, Observed, Phase, Token
from core.domain.kinds import Kind
from core.domain.lifecycle import HOLDS_CAPACITY, State
from core.scheduler.values import Claim
from core.store.queries.holding import Outline, outlines
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.runs import RunRow
from core.store.units import Unit

# How long what was accepted may stay unseen before its absence counts.
LATE_VISIBILITY = MINUTE // 2
# Life is proved at each look, but written down no oftener: a crash may leave so much unbilled, never too much billed.
_WRITTEN_EVERY = 5 * SECOND
# So many in one unit, so that whoever wants to write meanwhile waits no longer than that.
_JUDGED_AT_ONCE = 200
_NOTED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one engine came to.

    `missing` are starts that it does not show, to be asked for again; `strays` bear our token and belong to nothing;
    `widows` live on in a gang that has lost a member or failed, and must end before the gang is over; `unlike` run
    although they are to stand still, or the other way round.
    """

    moved: int = 0
    foreign: tuple[Claim, ...] = ()
    missing: frozenset[str] = frozenset()
    strays: tuple[Observed, ...] = ()
    widows: tuple[Token, ...] = ()
    unlike: tuple[tuple[Token, State], ...] = ()


def judge(ground: Ground, cluster: ClusterRow, seen: Observation, shown: showing.Shown) -> Look:
    """What is as it should be costs no write; the rest is judged in parts, each on what the store says by then."""
    by_token = seen.by_token()
    with ground.units.look() as unit:
        holding = outlines(unit.connection, cluster.id)
        foreign = _foreign(unit, cluster, seen)
        expected = {one.id: ground.engines.tokens(one) for one in holding}
        calm = _calm(unit, holding, expected, by_token)
    missing = _missing_starts(seen, holding, expected, by_token)
    stale = [one for one in holding if one.id in calm and _is_stale(one.seen_at, seen.at)]
    for start in range(0, len(stale), _NOTED_AT_ONCE):
        part = stale[start : start + _NOTED_AT_ONCE]
        news = shown.news(by_token[token] for one in part for token in expected[one.id])
        with ground.units.lead(ground.leadership) as unit:
            unit.runs.note_seen([one.run_id for one in part if one.run_id is not None], seen.at)
            showing.write(unit, news)
        shown.keep(news)
    rest = [one.id for one in holding if one.id not in calm and one.id not in missing]
    judged = _Judge(ground.engines.capabilities(cluster), seen)
    for start in range(0, len(rest), _JUDGED_AT_ONCE):
        part_of_rest = rest[start : start + _JUDGED_AT_ONCE]
        news = shown.news(by_token[token] for id_ in part_of_rest for token in expected[id_] if token in by_token)
        with ground.units.lead(ground.leadership) as unit:
            rows = unit.deployments.by_ids(part_of_rest)
            judged.judge(unit, [row for row in rows if row.state in HOLDS_CAPACITY], ground.engines.tokens, by_token)
            showing.write(unit, news, rows)
        shown.keep(news)
    shown.forget_all_but(by_token)
    known = {token for tokens in expected.values() for token in tokens}
    strays = tuple(one for token, one in by_token.items() if one.is_live and token not in known)
    return Look(judged.moved, foreign, missing | judged.missing, strays, tuple(judged.widows), tuple(judged.unlike))


def _calm(
    unit: Unit, holding: Sequence[Outline], expected: Mapping[str, list[Token]], by_token: Mapping[Token, Observed]
) -> set[str]:
    """Those that are as they should be. Nearly all of them run and pay the whole price, which the outline tells."""
    calm, uneven = set(), {}
    for one in holding:
        tokens = expected[one.id]
        present = [by_token[token] for token in tokens if token in by_token and by_token[token].is_live]
        if one.state not in (State.RUNNING, State.SUSPENDED) or len(present) < len(tokens):
            continue
        if one.state is State.RUNNING and one.pays_whole and pacing.is_plain(present):
            calm.add(one.id)
        else:
            uneven[one.id] = present
    runs = unit.runs.open_of_each(list(uneven))
    rows = unit.deployments.by_ids(list(uneven))
    return calm | {row.id for row in rows if pacing.is_paced(row, runs.get(row.id), uneven[row.id])}


def _missing_starts(
    seen: Observation,
    holding: Sequence[Outline],
    expected: Mapping[str, list[Token]],
    by_token: Mapping[Token, Observed],
) -> frozenset[str]:
    """What shall start and surely has not begun to, such as a large plan as a whole: nothing more is to be judged."""
    if not seen.complete:
        return frozenset()
    starting = [one.id for one in holding if one.state is State.STARTING]
    return frozenset(id_ for id_ in starting if not any(token in by_token for token in expected[id_]))


def _is_stale(seen_at: int | None, now: int) -> bool:
    return seen_at is not None and now - seen_at >= _WRITTEN_EVERY


class _Judge:
    def __init__(self, capabilities: Capabilities, seen: Observation) -> None:
        self._seen = seen
        lag = round(capabilities.eventual_list_s * SECOND)
        self._lag = max(lag, LATE_VISIBILITY) if lag else 0
        self.moved = 0
        self.missing: set[str] = set()
        self.widows: list[Token] = []
        self.unlike: list[tuple[Token, State]] = []
        self._suspends = capabilities.suspend

    def judge(
        self,
        unit: Unit,
        rows: Sequence[DeploymentRow],
        tokens_of: Callable[[DeploymentRow], list[Token]],
        by_token: Mapping[Token, Observed],
    ) -> None:
        """Some of those that are not as they should be; what follows is written together."""
        outcomes = Outcomes(unit)
        runs = unit.runs.open_of_each([row.id for row in rows])
        for row in rows:
            tokens = tokens_of(row)
            present = [by_token[token] for token in tokens if token in by_token]
            absent = [token for token in tokens if token not in by_token]
            if not absent or self._are_proved_absent(unit, row, absent):
                self._judge(outcomes, row, runs.get(row.id), present, whole=not absent)
        outcomes.write()

    def _judge(
        self, outcomes: Outcomes, row: DeploymentRow, run: RunRow | None, present: list[Observed], *, whole: bool
    ) -> None:
        if row.state is State.STARTING:
            # What is missing is asked for again by the next start; what is there may have come to run meanwhile.
            if not whole:
                self.missing.add(row.id)
            elif starting.apply(outcomes, row, list(present)):
                self.moved += 1
        elif not whole and not self._is_surely_absent(row, run):
            return
        elif row.state is State.STOPPING:
            self.moved += self._judge_stopping(outcomes, row, run, present)
        else:
            self.moved += self._judge_running(outcomes, row, run, present, whole=whole)

    def _are_proved_absent(self, unit: Unit, row: DeploymentRow, tokens: list[Token]) -> bool:
        """Whether the nodes that hold a place for them were seen."""
        if self._seen.complete or not self._seen.nodes:
            return self._seen.complete
        names = {node.id: node.name for node in unit.clusters.nodes_of(row.cluster_id)}
        places = {place.replica: names[place.node_id] for place in unit.runs.allocations_of([row.id])}
        return all(self._seen.proves_absence_from(places.get(token.rank, "")) for token in tokens)

    def _is_surely_absent(self, row: DeploymentRow, run: RunRow | None) -> bool:
        """What has just been created may be missing from a listing for a while."""
        born = row.started_at if run is not None and row.started_at is not None else row.state_since
        return self._seen.at >= born + self._lag

    def _judge_running(
        self, outcomes: Outcomes, row: DeploymentRow, run: RunRow | None, present: list[Observed], *, whole: bool
    ) -> bool:
        if whole and all(one.is_live for one in present):
            self._judge_pace(outcomes.unit, row, run, present)
            return False
        if run is not None:
            pacing.pace(outcomes.unit, run, present, _over_at(present, run))
        finished = [one for one in present if one.phase is Phase.FINISHED]
        if whole and finished:
            if len(finished) < len(present):
                if row.kind is Kind.JOB and any(one.exit_code for one in finished):
                    self._end_rest(present)  # it has failed, and what waits for the one that did would wait in vain
                return False
            outcomes.finished(row, present)
            return True
        if self._end_rest(present):
            return False
        last_seen = run.seen_at if run else self._seen.at
        ended_at = max([one.finished_at for one in present if one.finished_at is not None], default=last_seen)
        failed = next((one for one in present if one.phase in (Phase.FAILED, Phase.GONE)), None)
        if failed is not None:
            outcomes.lost(row, ended_at, failed.message or "the engine lost it")
        else:
            switched_off = any(one.phase is Phase.OFF for one in present)
            message = "it was switched off at the engine" if switched_off else "it vanished from the engine"
            outcomes.gone(row, ended_at, message, by_somebody=switched_off)
        return True

    def _end_rest(self, present: list[Observed]) -> bool:
        """What still lives of a gang that is no more; True where anything does."""
        widows = [one.token for one in present if one.is_live and one.token is not None]
        self.widows += widows
        return bool(widows)

    def _judge_pace(self, unit: Unit, row: DeploymentRow, run: RunRow | None, present: list[Observed]) -> None:
        if run is not None:
            unit.runs.note_seen([run.id], self._seen.at)
            pacing.pace(unit, run, present, self._seen.at)
        if self._suspends:
            self.unlike += pacing.unlike(row, present)

    def _judge_stopping(
        self, outcomes: Outcomes, row: DeploymentRow, run: RunRow | None, present: list[Observed]
    ) -> bool:
        if any(one.is_live for one in present):
            return False
        if run is not None:
            pacing.pace(outcomes.unit, run, present, _over_at(present, run))
        ended = [one.finished_at for one in present if one.finished_at is not None]
        ended_at = max(ended, default=run.seen_at if run else self._seen.at)
        if run is not None and ended and _ended_by_itself(row, present, ended_at):
            outcomes.finished(row, present)
        else:
            outcomes.stopped(row, ended_at)
        return True


def _over_at(present: Sequence[Observed], run: RunRow) -> int:
    """When the last of it ended, as far as that is known."""
    return max([one.finished_at for one in present if one.finished_at is not None], default=run.seen_at)


def _ended_by_itself(row: DeploymentRow, present: list[Observed], ended_at: int) -> bool:
    """It had done its work before it was asked to stop; what ends well after that may only have answered the signal."""
    if row.stop_cause in ENDS_ANYWAY or ended_at > row.state_since:
        return False
    return all(one.phase is Phase.FINISHED and one.exit_code == 0 for one in present)


def _foreign(unit: Unit, cluster: ClusterRow, seen: Observation) -> tuple[Claim, ...]:
    """What strangers take from each node."""
    strangers = [one for one in seen.foreign() if one.is_live]
    if not strangers:
        return ()
    nodes = {node.name: node for node in unit.clusters.nodes_of(cluster.id)}
    # An engine of a single machine need not know what that is called here.
    only = next(iter(nodes.values())) if len(nodes) == 1 else None
    taken: dict[str, Claim] = {}
    for one in strangers:
        node = nodes.get(one.node) or only
        if node is None:
            continue
        shares = tuple((node.gpu_ids.index(device), 1000) for device in one.gpu_devices if device in node.gpu_ids)
        before = taken.get(node.id)
        resources = one.resources + before.resources if before else one.resources
        taken[node.id] = Claim(node.id, resources, (*(before.shares if before else ()), *shares))
    return tuple(taken.values())
