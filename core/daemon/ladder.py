"""Lets wallets and treasuries go down the run-out ladder: each is looked at when something moved it, or when it was
computed to.

What a rung asks for is taken once for each funding; what must not run on is stopped, with its disk.
"""

from __future__ import annotations

from functools import cached_property

from core.clock import HOUR
from core.daemon.ground import Ground
from core.domain.kinds import Kind
from core.domain.lifecycle import State, StopCause, Trigger
from core.ledger.admission import job_hold
from core.ledger.amounts import NOTHING, Amounts, Book
from core.ledger.burn import Drain, accrued, instant_when_left
from core.ledger.ladder import LADDER, Funds, Rung, Standing, Step, next_look_at, next_steps
from core.ledger.meter import draws_on
from core.settings import RunOut
from core.store import feed, settlement
from core.store.moves import move
from core.store.queries import wallets
from core.store.queries.wallets import Funded, Wallet
from core.store.repositories.runs import RunRow
from core.store.units import Unit

# Events after which a wallet may stand elsewhere; those of money name an organization, the others a deployment.
_OF_MONEY = ("money.", "member.", "org.", "invite.")


class Ladder:
    def __init__(self) -> None:
        self._seq: int | None = None

    def forget(self) -> None:
        self._seq = None

    def keep(self, ground: Ground) -> tuple[int, int]:
        with ground.units.look() as unit:
            newest = feed.newest(unit.connection)
            to_look_at = self._moved(unit) | set(unit.standings.due(unit.now))
        self._seq = newest
        moved = 0
        if to_look_at:
            rungs = rungs_of(ground.settings.run_out)
            kill_wait = ground.settings.scheduling.kill_wait_ms * 1000
            with ground.units.lead(ground.leadership) as unit:
                for whose in sorted(to_look_at):
                    moved += _look(unit, whose, rungs, kill_wait)
        with ground.units.look() as unit:
            ahead = unit.standings.next_look_at()
            return moved, min(unit.now + HOUR, ahead if ahead is not None else unit.now + HOUR)

    def _moved(self, unit: Unit) -> set[Wallet]:
        if self._seq is None or not feed.is_kept(unit.connection, self._seq):
            return wallets.that_matter(unit.connection)
        news = feed.behind(unit.connection, self._seq)
        orgs = {event.org_id for event in news if event.org_id and event.kind.startswith(_OF_MONEY)}
        found = wallets.that_matter(unit.connection, orgs) if orgs else set()
        handles = {event.subject for event in news if event.kind.startswith("deployment.")}
        return found | wallets.of_deployments(unit.connection, handles)


def rungs_of(rules: RunOut) -> tuple[Rung, ...]:
    """The ladder with this installation's numbers."""
    notice, approval, refuse, stop = LADDER
    return (
        Rung(rules.notice_percent * 10, notice.delay_us, notice.steps),
        Rung(rules.approval_percent * 10, approval.delay_us, approval.steps),
        refuse,
        Rung(stop.used_milli, rules.stop_after_ms * 1000, stop.steps),
    )


class _Purse:
    """What one wallet or treasury pays for now; read run by run only for who must know it to the micro-credit."""

    def __init__(self, unit: Unit, whose: Wallet) -> None:
        self._unit = unit
        self._whose = whose

    @cached_property
    def runs(self) -> list[RunRow]:
        return self._unit.runs.open_of_payer(*self._whose)

    @cached_property
    def burning(self) -> Drain:
        return Drain(settlement.burning_to_limits(self._unit, self.runs))

    @cached_property
    def at_most(self) -> Amounts | None:
        """No more than this will be used by what runs now, since all of it will be stopped; None where it will not."""
        most = NOTHING
        for rate, limit_ms, count in self._unit.runs.limits_of_payer(*self._whose):
            if limit_ms is None:
                return None
            each = job_hold(rate, limit_ms)
            most += Amounts(each.ucr * count, each.gpu_ms * count)
        return most

    def burning_towards(self, first: Rung, book: Book, funded: Funded, posted: int) -> Drain:
        """Nothing where all that runs can be paid for to its end, and the first rung is not reached by that."""
        most = self.at_most
        if most is None or Funds(funded.used + most.of(book), posted - most.of(book)).have_reached(first.used_milli):
            return self.burning
        return _NOTHING_BURNS


_NOTHING_BURNS = Drain()


def _look(unit: Unit, whose: Wallet, rungs: tuple[Rung, ...], kill_wait_us: int) -> int:
    purse, account = _Purse(unit, whose), wallets.account_of(whose)
    posted = unit.ledger.balance(account).posted
    stopped = 0
    for book in Book:
        funded = wallets.used_since_funded(unit.connection, account, book)
        before = unit.standings.of(*whose, book)
        computed = wallets.look_at(unit.connection, whose, book)
        stands_on_none = before.rung == 0 and computed is None
        burning = purse.burning_towards(rungs[0], book, funded, posted.of(book)) if stands_on_none else purse.burning
        more = accrued(burning, unit.now).of(book)
        funds = Funds(funded.used + more, posted.of(book) - more, funded.funding)
        emptied_at = _emptied_at(posted.of(book), book, burning, computed) if funds.have_reached(1000) else None
        emptied_at = emptied_at if emptied_at is not None and emptied_at <= unit.now else None
        after, steps = next_steps(before, funds, unit.now, emptied_at=emptied_at, ladder=rungs)
        look_at = next_look_at(after, funds, book, burning, unit.now, ladder=rungs)
        if (after, look_at) != (before, computed):
            unit.standings.put(*whose, book, after, look_at)
        _tell(unit, whose, book, before, after, steps, funds)
        if after.rung == len(rungs):
            stopped += _stop_unheld(unit, purse.runs, book, kill_wait_us)
    return stopped


def _emptied_at(posted: int, book: Book, burning: Drain, computed: int | None) -> int | None:
    """When the book came to nothing, also where several rungs were passed before anybody looked again."""
    if posted <= 0 or not burning:
        return computed  # by what is posted it was empty before: the last rung that was computed is near enough
    return instant_when_left(posted, 0, book, burning, min(run.line.start for run in burning))


def _tell(
    unit: Unit, whose: Wallet, book: Book, before: Standing, after: Standing, steps: list[Step], funds: Funds
) -> None:
    """Each step once for a funding; and that a wallet has come up again, for what waits because of it."""
    about, name = _named(unit, whose)
    facts: dict[str, object] = {"book": book.value, "used": funds.used, "left": funds.left}
    for step in dict.fromkeys(steps):
        unit.record(f"{about}.{step.value}", name, after=facts, org_id=whose[0])
    if before.refuses_submissions and not after.refuses_submissions:
        unit.record(f"{about}.refilled", name, after=facts, org_id=whose[0])


def _named(unit: Unit, whose: Wallet) -> tuple[str, str]:
    """What is told of, and its name: the wallet of somebody, or the treasury of an organization."""
    if not whose[1]:
        org = unit.orgs.by_id(whose[0])
        return "treasury", org.name if org else whose[0]
    owner = unit.accounts.by_id(whose[1])
    return "wallet", owner.name if owner else whose[1]


def _stop_unheld(unit: Unit, runs: list[RunRow], book: Book, kill_wait_us: int) -> int:
    """Services and machines that draw on the empty book. Work whose cost is held goes on."""
    drawing = {run.deployment_id for run in runs if draws_on(run.line, book)}
    stopped = 0
    for row in unit.deployments.by_ids(sorted(drawing)):
        if row.kind is Kind.JOB or row.state not in (State.RUNNING, State.SUSPENDED):
            continue
        reason = "the balance is used up"
        stop_by = unit.now + kill_wait_us
        move(unit, row, Trigger.RUN_OUT, reason=reason, stop_cause=StopCause.RUN_OUT, stop_by=stop_by)
        unit.clusters.touch(row.cluster_id)
        stopped += 1
    return stopped
