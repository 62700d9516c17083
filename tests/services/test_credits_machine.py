"""The money services against a plain dictionary: whatever is asked in whatever order, both say the same.

The dictionary knows balances, holds, limits and what each number moved; it knows no ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.clock import SECOND, ManualClock
from core.domain.errors import BursarError, Conflict, Exhausted
from core.domain.flavors import format_credits
from core.domain.money_requests import GrantRequest, LimitsRequest, ReverseRequest, TransferRequest
from core.domain.roles import Caller
from core.domain.validation import validated
from core.ids import SeqIds
from core.ledger.accounts import AccountKey, AccountKind
from core.store.queries import use
from tests.builders import World, copy_of, quick_settings
from tests.services.conftest import Team

HALF_HOUR_MS = 1_800_000
PEOPLE = ("ana", "mia", "noa")
TREASURY = "treasury"
GPU_HOUR_UCR, CPU_AND_GIB_UCR = 5_000_000, 60_000  # the default prices of what a job here asks for

Pair = tuple[int, int]


@dataclass
class Model:
    """Balances and holds by owner, in micro-credits and half-hours of GPU."""

    has: dict[str, Pair]
    held: dict[str, Pair] = field(default_factory=lambda: dict.fromkeys(PEOPLE, (0, 0)))
    moved: dict[int, tuple[str | None, str, Pair]] = field(default_factory=dict)  # from (or the mint), to, how much
    reversed: set[int] = field(default_factory=set)
    limits: dict[str, int] = field(default_factory=dict)  # half-hours by member; "" for all
    living: dict[str, tuple[str, Pair]] = field(default_factory=dict)  # deployment: owner, hold
    members: set[str] = field(default_factory=lambda: set(PEOPLE))

    def free(self, who: str) -> Pair:
        held = self.held.get(who, (0, 0))
        return self.has[who][0] - held[0], self.has[who][1] - held[1]

    def move(self, source: str | None, target: str | None, amount: Pair) -> None:
        if source is not None:
            self.has[source] = minus(self.has[source], amount)
        if target is not None:
            self.has[target] = plus(self.has[target], amount)

    def used(self, subject: str) -> int:
        return sum(held[1] for owner, held in self.living.values() if subject in ("", owner))


def plus(a: Pair, b: Pair) -> Pair:
    return a[0] + b[0], a[1] + b[1]


def minus(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]


def covers(have: Pair, need: Pair) -> bool:
    """In each book that is needed at all: a book may be below zero while the other is drawn on."""
    return all(h >= n for h, n in zip(have, need, strict=True) if n > 0)


def asked(amount: Pair) -> dict[str, str]:
    words = {"credits": format_credits(amount[0])} if amount[0] else {}
    return words | ({"gpu_hours": str(amount[1] / 2)} if amount[1] else {})


people = st.sampled_from(PEOPLE)


@dataclass
class Fourth(Team):
    """The team and one more, who comes and goes."""

    noa: Caller


pairs = st.tuples(st.one_of(st.just(0), st.integers(1, 80_000_000), st.just(100_000_000)), st.integers(0, 12)).filter(
    any
)


class MoneyMachine(RuleBasedStateMachine):
    make_team: Callable[[], Fourth]

    @initialize()
    def begin(self) -> None:
        self.team = type(self).make_team()
        self.world: World = self.team.world
        self.callers: dict[str, Caller] = {"ana": self.team.admin, "mia": self.team.member, "noa": self.team.noa}
        purse = (100_000_000, 20)
        self.model = Model({**dict.fromkeys(PEOPLE, purse), TREASURY: (10_000_000_000 - 3 * purse[0], 2_000 - 60)})
        self.names = 0
        self.owners = {caller.account_id: name for name, caller in self.callers.items()}

    def _do(self, call: Callable[[], Any], *, right: bool, refusal: type[BursarError]) -> Any:
        """The answer, where the dictionary says that there must be one; else the refusal that must come."""
        self.world.advance(SECOND)
        if right:
            return call()
        with pytest.raises(refusal):
            call()
        return None

    @rule(who=people, amount=pairs)
    def grant(self, who: str, amount: Pair) -> None:
        if who not in self.model.members:
            return
        request = validated(GrantRequest, user=who, **asked(amount))
        right = covers(self.model.free(TREASURY), amount)
        card = self._do(
            lambda: self.world.bursar.credits.grant(self.team.admin, request), right=right, refusal=Exhausted
        )
        if card:
            self.model.move(TREASURY, who, amount)
            self.model.moved[card.number] = TREASURY, who, amount

    @rule(amount=pairs)
    def mint(self, amount: Pair) -> None:
        request = validated(GrantRequest, treasury=True, **asked(amount))
        operator = replace(self.team.operator, org="vision")
        card = self._do(lambda: self.world.bursar.credits.grant(operator, request), right=True, refusal=Exhausted)
        self.model.move(None, TREASURY, amount)
        self.model.moved[card.number] = None, TREASURY, amount

    @rule(source=people, receiver=st.sampled_from((*PEOPLE, TREASURY)), amount=pairs, twice=st.booleans())
    def transfer(self, source: str, receiver: str, amount: Pair, twice: bool) -> None:
        if source == receiver or not {source, receiver} <= self.model.members | {TREASURY}:
            return
        self.names += 1
        place = {"treasury": True} if receiver == TREASURY else {"user": receiver}
        request = validated(TransferRequest, **place, **asked(amount), key=f"key-{self.names}")
        right = covers(self.model.free(source), amount)

        def move() -> Any:
            return self.world.bursar.credits.transfer(self.callers[source], request)

        card = self._do(move, right=right, refusal=Exhausted)
        if card:
            self.model.move(source, receiver, amount)
            self.model.moved[card.number] = source, receiver, amount
            if twice:
                assert move() == card

    @precondition(lambda self: self.model.moved)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.moved)))
        source, target, amount = self.model.moved[number]
        again = number in self.model.reversed
        right = not again and covers(self.model.free(target), amount)
        operator = replace(self.team.operator, org="vision")
        request = ReverseRequest(number=number, reason="a mistake")
        card = self._do(
            lambda: self.world.bursar.credits.reverse(operator, request),
            right=right,
            refusal=Conflict if again else Exhausted,
        )
        if card:
            self.model.move(target, source, amount)
            self.model.reversed.add(number)

    @rule(subject=st.sampled_from(("", *PEOPLE)), most=st.one_of(st.none(), st.integers(0, 30)))
    def set_limit(self, subject: str, most: int | None) -> None:
        if subject and subject not in self.model.members:
            return
        words = {"gpu_hours": "none" if most is None else str(most / 2) if most else "0"}
        request = validated(LimitsRequest, **words, **({"member": subject} if subject else {}))
        self._do(lambda: self.world.bursar.limits.set(self.team.admin, request), right=True, refusal=Conflict)
        self.model.limits.pop(subject, None)
        if most is not None:
            self.model.limits[subject] = most

    @rule(who=people, gpus=st.integers(1, 4), hours=st.integers(1, 3))
    def submit(self, who: str, gpus: int, hours: int) -> None:
        if who not in self.model.members:
            return
        ucr = hours * (GPU_HOUR_UCR * gpus + CPU_AND_GIB_UCR)
        need = ucr, 2 * gpus * hours
        model = self.model
        allowed = all(model.used(s) + need[1] <= most for s, most in model.limits.items() if s in ("", who))
        self.names += 1
        name = f"job-{self.names}"
        card = self._do(
            lambda: self.world.submit(self.callers[who], name, gpu=gpus, hours=hours),
            right=allowed and covers(model.free(who), need),
            refusal=Exhausted,
        )
        if card:
            model.living[card.id] = who, need
            model.held[who] = plus(model.held[who], need)

    @precondition(lambda self: self.model.living)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        deployment = data.draw(st.sampled_from(sorted(self.model.living)))
        owner, hold = self.model.living.pop(deployment)
        self._do(
            lambda: self.world.bursar.deployments.cancel(self.callers[owner], deployment), right=True, refusal=Conflict
        )
        self.model.held[owner] = minus(self.model.held[owner], hold)

    @rule()
    def noa_leaves(self) -> None:
        if "noa" not in self.model.members:
            return
        free = not any(owner == "noa" for owner, _ in self.model.living.values())
        leave = self.world.bursar.organizations.leave
        self._do(lambda: leave(self.callers["noa"]), right=free, refusal=Conflict)
        if free:
            self.model.members.discard("noa")
            self.model.move("noa", TREASURY, self.model.has["noa"])

    @precondition(lambda self: "noa" not in self.model.members)
    @rule()
    def noa_returns(self) -> None:
        code = self.world.invite(self.team.admin).code
        self._do(lambda: self.world.join(self.callers["noa"], code), right=True, refusal=Conflict)
        self.model.members.add("noa")

    @invariant()
    def both_say_the_same(self) -> None:
        with self.world.units.read(self.team.admin) as unit:
            found = use.cached_balances(unit.connection, unit.scope)
        told = {self._name(account): balance for account, balance in found.items()}
        for name, (ucr, halves) in self.model.has.items():
            assert (told[name].posted.ucr, told[name].posted.gpu_ms) == (ucr, halves * HALF_HOUR_MS), name
        for name, (ucr, halves) in self.model.held.items():
            assert (told[name].held.ucr, told[name].held.gpu_ms) == (ucr, halves * HALF_HOUR_MS), name

    def _name(self, account: AccountKey) -> str:
        return self.owners.get(account.owner, "olga") if account.kind is AccountKind.WALLET else account.kind.value

    def teardown(self) -> None:
        verdict = self.world.bursar.statements.verify(self.team.admin)
        shown = {line.subject: line for line in self.world.bursar.limits.show(self.team.admin).items}
        self.world.close()
        assert verdict.holds, verdict.findings
        told = {subject: (float(line.most), float(line.used)) for subject, line in shown.items()}
        assert told == {s or "vision": (most / 2, self.model.used(s) / 2) for s, most in self.model.limits.items()}


@pytest.fixture
def worlds(tmp_path: Path, sqlite_at_head: Path) -> Callable[[], Fourth]:
    """Each a copy of one that was made once: a team of three and a cluster that is never full."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    copy_of(sqlite_at_head, home / "bursar.db")
    team = Team.of(World.on(home))
    noa = team.world.member(team.admin, "noa")
    team.world.cluster(team.admin, gpu=1000, cpu=10_000, ram=10_000)
    team.world.close()
    numbers = count()

    def make() -> Fourth:
        copy = tmp_path / f"copy-{next(numbers)}"
        shutil.copytree(home, copy)
        world = World.of(quick_settings(copy), ManualClock(), SeqIds(seed=2))
        return Fourth(world, team.operator, team.admin, team.member, noa)

    return make


def test_the_services_and_a_plain_dictionary_say_the_same(worlds: Callable[[], Fourth]) -> None:
    class Machine(MoneyMachine):
        make_team = staticmethod(worlds)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
