"""The pure ledger against a plain dictionary: whatever is done in whatever order, both say the same.

The model knows nothing of entries, sides or books: it keeps balances, holds and what each run cost in dictionaries
and computes costs with fractions.
"""

from __future__ import annotations

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.domain.errors import BursarError, Conflict, Exhausted
from core.domain.flavors import RunRate
from core.domain.lifecycle import State
from core.ledger import admission, checks, entries, meter, run_checks
from core.ledger.accounts import AccountKey, treasury, wallet
from core.ledger.amounts import Amounts
from core.ledger.balances import Balances, hold_left, metered, net_use
from core.ledger.meter import FREE, WHOLE, RunLine, Share
from core.ledger.postings import Posting, PostingKind, is_new
from core.ledger.refunds import REFUND_OF, RefundCause, refund_of_run
from core.ledger.run_checks import DeploymentFact
from tests.ledger.scenery import HOUR, MINUTE, ORG, T0

MEMBERS = ("ana", "ben", "eve")
members = st.sampled_from(MEMBERS)
small = st.builds(Amounts, st.integers(0, 40_000_000), st.integers(0, 12_000_000)).filter(bool)
causes = st.sampled_from([cause for cause in RefundCause if REFUND_OF[cause].window_us or cause == "user_exit"])
gaps = st.integers(0, 200 * MINUTE)
shares = st.sampled_from([WHOLE, Share(750, 1000), FREE])


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.ledger: list[Posting] = []
        self.balances = Balances()
        self.fingerprints: dict[str, str] = {}
        self.lines: dict[str, RunLine] = {}
        self.facts: dict[str, DeploymentFact] = {}
        # the model
        self.money: dict[str, list[int]] = {name: [0, 0] for name in ("treasury", *MEMBERS)}
        self.held: dict[str, list[int]] = {}
        self.payer: dict[str, str] = {}
        self.cost: dict[str, list[int]] = {}
        self.back: dict[str, list[int]] = {}
        self.pace: dict[str, list[tuple[int, Share]]] = {}

    def post(self, posting: Posting) -> bool:
        if not is_new(posting, self.fingerprints.get(posting.key)):
            return False
        self.fingerprints[posting.key] = posting.fingerprint
        self.ledger.append(posting)
        self.balances = self.balances.apply(posting)
        return True

    def account(self, name: str) -> AccountKey:
        return treasury(ORG) if name == "treasury" else wallet(ORG, name)

    def free(self, name: str) -> list[int]:
        held = [self.held[dep] for dep, payer in self.payer.items() if payer == name]
        return [self.money[name][book] - sum(hold[book] for hold in held) for book in (0, 1)]

    def try_to_move(self, source: str, target: str, amounts: Amounts, posting: Posting) -> None:
        fits = all(
            need == 0 or need <= have
            for need, have in zip((amounts.ucr, amounts.gpu_ms), self.free(source), strict=True)
        )
        try:
            admission.authorize(amounts, self.balances.of(self.account(source)).available)
        except Exhausted:
            assert not fits
            return
        assert fits
        self.post(posting)
        for book, amount in enumerate((amounts.ucr, amounts.gpu_ms)):
            self.money[source][book] -= amount
            self.money[target][book] += amount

    def open_runs(self) -> list[str]:
        return sorted(run for run, line in self.lines.items() if line.end is None)

    @initialize()
    def begin(self) -> None:
        self.post(entries.start_treasury(ORG, Amounts(700_000_000, 200_000_000), at=self.now))
        self.money["treasury"] = [700_000_000, 200_000_000]
        for name in MEMBERS[:2]:
            self.join_or_join_again(name, Amounts(100_000_000, 36_000_000))

    @rule(later=gaps)
    def time_passes(self, later: int) -> None:
        self.now += later

    @rule(name=members, amounts=small)
    def join_or_join_again(self, name: str, amounts: Amounts) -> None:
        posting = entries.allowance(ORG, name, amounts, at=self.now)
        known = self.fingerprints.get(posting.key)
        if known is None:
            self.try_to_move("treasury", name, amounts, posting)
            return
        try:
            assert not self.post(posting)
        except Conflict:
            assert known != posting.fingerprint

    @rule(name=members, amounts=small)
    def grant(self, name: str, amounts: Amounts) -> None:
        posting = entries.grant(ORG, name, amounts, key=f"g{len(self.ledger)}", at=self.now)
        self.try_to_move("treasury", name, amounts, posting)

    @rule(
        giver=st.sampled_from(("treasury", *MEMBERS)), receiver=st.sampled_from(("treasury", *MEMBERS)), amounts=small
    )
    def transfer(self, giver: str, receiver: str, amounts: Amounts) -> None:
        try:
            posting = entries.transfer(
                self.account(giver), self.account(receiver), amounts, key=f"t{len(self.ledger)}", at=self.now
            )
        except BursarError:
            assert giver == receiver
            return
        self.try_to_move(giver, receiver, amounts, posting)

    @rule(name=members, minutes=st.integers(1, 400), ucr=st.integers(0, 6_000_000), gpu=st.sampled_from([0, 500, 1000]))
    def submit_and_start_a_job(self, name: str, minutes: int, ucr: int, gpu: int) -> None:
        rate = RunRate(compute_ucr=ucr, gpu_milli=gpu)
        need = admission.job_hold(rate, minutes * 60_000)
        if not need:
            return
        dep = f"dep-{len(self.lines)}"
        exact = [int(Fraction(ucr * minutes, 60)), int(Fraction(gpu * minutes * 60_000, 1000))]
        assert exact == [need.ucr, need.gpu_ms]
        fits = all(want == 0 or want <= have for want, have in zip(exact, self.free(name), strict=True))
        payer = self.account(name)
        try:
            admission.authorize(need, self.balances.of(payer).available)
        except Exhausted:
            assert not fits
            return
        assert fits
        self.post(entries.hold(payer, dep, need, at=self.now))
        self.payer[dep], self.held[dep] = name, exact
        run = f"run-{len(self.lines)}"
        self.lines[run] = meter.open_line(run, dep, payer, rate, self.now)
        self.facts[dep] = DeploymentFact(dep, State.RUNNING, self.now)
        self.cost[run], self.back[run], self.pace[run] = [0, 0], [0, 0], [(self.now, WHOLE)]

    def exact_cost(self, run: str, until: int) -> list[int]:
        rate, changes = self.lines[run].rate, self.pace[run]
        ucr = gpu = Fraction(0)
        for (start, share), end in zip(changes, [at for at, _ in changes[1:]] + [until], strict=True):
            hours = Fraction(end - start, HOUR) * Fraction(share.compute_milli, 1000)
            ucr += rate.compute_ucr * hours
            gpu += rate.gpu_milli * 3600 * hours
        return [int(ucr), int(gpu)]

    def charge_in_the_model(self, run: str, until: int) -> None:
        dep = self.lines[run].deployment
        total = self.exact_cost(run, until)
        for book in (0, 1):
            more = total[book] - self.cost[run][book]
            self.money[self.payer[dep]][book] -= more
            self.held[dep][book] -= min(more, self.held[dep][book])
        self.cost[run] = total

    @precondition(lambda self: self.open_runs())
    @rule(data=st.data(), later=gaps, twice=st.booleans())
    def tick(self, data: st.DataObject, later: int, twice: bool) -> None:
        self.now += later
        run = data.draw(st.sampled_from(self.open_runs()))
        line = self.lines[run]
        posted, left = metered(self.ledger, run), hold_left(self.ledger, line.deployment)
        for _ in range(1 + twice):
            posting = meter.charge(line, self.now, posted=posted, hold_left=left)
            if posting is not None:
                self.post(posting)
        self.charge_in_the_model(run, self.now)

    @precondition(lambda self: self.open_runs())
    @rule(data=st.data(), later=gaps, share=shares)
    def change_share(self, data: st.DataObject, later: int, share: Share) -> None:
        self.now += later
        run = data.draw(st.sampled_from(self.open_runs()))
        self.lines[run] = self.lines[run].changed(self.now, share)
        self.pace[run].append((self.now, share))

    @precondition(lambda self: self.open_runs())
    @rule(data=st.data(), later=gaps, cause=causes)
    def end(self, data: st.DataObject, later: int, cause: RefundCause) -> None:
        self.now += later
        run = data.draw(st.sampled_from(self.open_runs()))
        line = self.lines[run] = self.lines[run].ended(self.now)
        dep, name = line.deployment, self.payer[line.deployment]
        left = hold_left(self.ledger, dep)
        for posting in meter.settle(line, posted=metered(self.ledger, run), hold_left=left, at=self.now):
            self.post(posting)
        self.charge_in_the_model(run, self.now)
        self.held[dep] = [0, 0]
        self.facts[dep] = DeploymentFact(dep, State.FAILED, self.now)
        back = refund_of_run(cause, line, net_use=net_use(self.ledger, run), at=self.now, event=f"end of {run}")
        if back is not None:
            self.post(back)
        window = REFUND_OF[cause].window_us
        if window:
            kept = self.cost_before(run, self.now - window)
            for book in (0, 1):
                lost = self.cost[run][book] - kept[book]
                given = max(0, min(lost, self.cost[run][book] - self.back[run][book]))
                self.back[run][book] += given
                self.money[name][book] += given

    def cost_before(self, run: str, instant: int) -> list[int]:
        changes = [(at, share) for at, share in self.pace[run] if at < instant]
        if not changes:
            return [0, 0]
        every, self.pace[run] = self.pace[run], changes
        cost = self.exact_cost(run, instant)
        self.pace[run] = every
        return cost

    @precondition(lambda self: any(posting.kind in entries.REVERSIBLE for posting in self.ledger))
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        original = data.draw(st.sampled_from(self.ledger))
        by = next((p.key for p in self.ledger if p.reverses == original.key), None)
        run = original.cause.run
        try:
            mirror = entries.reverse(
                original,
                reversed_by=by,
                at=self.now,
                reason="mistake",
                net_use=net_use(self.ledger, run) if run else None,
            )
        except Conflict as refused:
            assert (
                by is not None
                or original.kind in (PostingKind.HOLD, PostingKind.RELEASE, PostingKind.REVERSE)
                or refused.code == "already_refunded"
            )
            return
        moved = {name: [0, 0] for name in self.money}
        for entry in mirror.entries:
            if entry.account.may_run_dry:
                moved[entry.account.owner or "treasury"][entry.book != "credits"] += entry.amount
        for name, amounts in moved.items():
            if any(amount < 0 and self.free(name)[book] < -amount for book, amount in enumerate(amounts)):
                return  # the receiver spent it: a caller that asks `authorize` stops here
        self.post(mirror)
        for name, amounts in moved.items():
            for book, amount in enumerate(amounts):
                self.money[name][book] += amount
                if run:
                    self.back[run][book] += amount

    @rule()
    def read_the_ledger_again_from_the_start(self) -> None:
        assert Balances().apply(*self.ledger) == self.balances

    @invariant()
    def both_say_the_same(self) -> None:
        for name, (ucr, gpu_ms) in self.money.items():
            balance = self.balances.of(self.account(name))
            assert balance.posted == Amounts(ucr, gpu_ms)
            assert balance.available == Amounts(*self.free(name))

    def teardown(self) -> None:
        ledger, lines = self.ledger, list(self.lines.values())
        for dep, held in self.held.items():
            assert hold_left(self.ledger, dep) == Amounts(*held)
        for run, cost in self.cost.items():
            assert metered(self.ledger, run) == Amounts(*cost)
            back = self.back[run]
            assert net_use(self.ledger, run) == Amounts(cost[0] - back[0], cost[1] - back[1])
        assert checks.postings_sum_to_zero(ledger) == []
        assert checks.ledger_sums_to_zero(ledger) == []
        assert checks.cache_equals_entries(self.balances.known, ledger) == []
        assert checks.never_authorized_below_zero(ledger) == []
        assert checks.keys_are_unique(ledger) == []
        assert checks.reversals_mirror_once(ledger) == []
        assert checks.amounts_fit(ledger) == []
        assert run_checks.charges_lie_in_runs(lines, ledger, self.now) == []
        assert run_checks.charges_follow_the_line(ledger) == []
        assert run_checks.runs_are_charged([line for line in lines if line.end is not None], ledger, self.now) == []
        assert run_checks.running_has_one_run(self.facts.values(), lines) == []
        assert run_checks.holds_are_decided(self.facts.values(), ledger, self.now) == []


LedgerMachine.TestCase.settings = settings(max_examples=380, stateful_step_count=50, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
