"""A small installation for the tests of the daemon: a real store, simulated engines, time and chance in hand."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from core.bootstrap import build
from core.clock import Clock, ManualClock
from core.daemon.background import Daemon
from core.domain.cluster_requests import NewCluster
from core.domain.engines import Spec, Token
from core.domain.lifecycle import State
from core.domain.requests import Joining, Login, NewAccount, NewInvite, NewOrg
from core.domain.resources import Resources
from core.domain.roles import Caller, anonymous
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from core.drivers.registry import DriverRegistry
from core.drivers.scripted import Control, ScriptedDriver
from core.ids import SeqIds
from core.ledger import entries
from core.ledger.accounts import AccountKey, treasury, wallet
from core.ledger.amounts import NOTHING, Amounts
from core.ledger.balances import Balance
from core.settings import Accounts, Database, Settings
from core.store.installation import identity
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.journal import Audit
from core.store.repositories.runs import RunRow
from core.store.scope import unscoped
from core.store.units import Units

PASSWORD = "correct horse staple"
HOUR_MS = 3_600_000
RICH = Amounts(10_000_000_000, 10_000 * HOUR_MS)


class World:
    """One installation with the operator `olga`, her organization `lab` and a purse that is full."""

    def __init__(
        self, home: Path, url: str = "", *, clock: Clock | None = None, like: World | None = None, **sections: Any
    ) -> None:
        self.time = clock or ManualClock()
        self._sections = sections
        self.ids = SeqIds() if like is None else SeqIds(seed=len(str(home)))
        database = Database(url=url.replace("+psycopg", ""))
        people = Accounts(bcrypt_cost=4, session_lifetime_ms=90 * 24 * HOUR_MS)
        self.settings = Settings(home=home, accounts=people, database=database, **sections)
        self.bursar = build(self.settings, clock=self.time, ids=self.ids)
        self.units = Units(self.bursar.database, self.time, self.ids)
        self.registry = DriverRegistry(home=home, clock=self.time, environ={})
        self._engines: dict[str, ScriptedDriver] = {}
        self._daemons: list[Daemon] = []
        if like is not None:
            self.olga, self.org_id = like.olga, like.org_id
            return
        self.olga = self._person("olga", installs=True)
        self.bursar.organizations.create(self.olga, NewOrg(name="lab"))
        self.org_id = self._org_id("lab")
        self.fund(self.olga, RICH)

    def copied(self, home: Path, url: str = "") -> World:
        """The same installation once more, in another home, as it is now; on PostgreSQL with a copy of its store."""
        shutil.copytree(self.settings.home, home)
        return World(home, url, like=self, clock=ManualClock(self.time.now()), **self._sections)

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.time, ManualClock)
        return self.time

    def _person(self, name: str, *, installs: bool = False) -> Caller:
        new = NewAccount(name=name, password=PASSWORD)
        make = self.bursar.accounts.install if installs else self.bursar.accounts.register
        make(anonymous("test"), new)
        token = self.bursar.accounts.login(anonymous("test"), Login(name=name, password=PASSWORD, source="test"))
        return self.bursar.accounts.authenticate(token.access_token, "test")

    def _org_id(self, name: str) -> str:
        with self.units.look() as unit:
            org = unit.orgs.living(name)
        assert org is not None
        return org.id

    def member(self, name: str, purse: Amounts = RICH) -> Caller:
        """Somebody who joined `lab`."""
        caller = self._person(name)
        code = self.bursar.invites.create(self.olga, NewInvite()).code
        self.bursar.invites.join(caller, validated(Joining, code=code))
        self.fund(caller, purse)
        return caller

    def purse(self, caller: Caller) -> AccountKey:
        return wallet(self.org_id, caller.account_id)

    def fund(self, caller: Caller, amounts: Amounts) -> None:
        """Set what a wallet holds: what is there already is topped up, or taken back, to the amounts."""
        with self.units.write(self.olga) as unit:
            there = unit.ledger.balance(self.purse(caller)).posted
            more, less = (amounts - there).at_least(NOTHING), (there - amounts).at_least(NOTHING)
            at, org, key = unit.now, self.org_id, self.ids.new()
            if more:
                minted = entries.mint(org, more, key=f"mint:{key}", at=at)
                given = entries.grant(org, caller.account_id, more, key=f"grant:{key}", at=at)
                unit.ledger.post([minted, given])
            if less:
                back = entries.transfer(self.purse(caller), treasury(org), less, key=f"back:{key}", at=at)
                unit.ledger.post([back])

    def cluster(
        self,
        name: str = "sim",
        *,
        cpu: str = "8",
        ram: str = "64",
        gpu: str = "0",
        driver: str = "scripted",
        **settings: str,
    ) -> str:
        request = validated(NewCluster, name=name, driver=driver, cpu=cpu, ram=ram, gpu=gpu, set=settings)
        self.bursar.clusters.create(self.olga, request)
        return name

    def submit(self, name: str = "work", *, by: Caller | None = None, cluster: str = "sim", **asked: Any) -> str:
        given: dict[str, Any] = {"cpu": "1", "ram": "1", "image": "busybox", **asked}
        request = validated(SubmitRequest, name=name, cluster=cluster, **given)
        return self.bursar.deployments.submit(by or self.olga, request).id

    def daemon(self) -> Daemon:
        made = Daemon(self.units, self.settings, self.registry, self.ids)
        self._daemons.append(made)
        return made

    def pass_time(self, microseconds: int, daemon: Daemon | None = None) -> None:
        """Let time pass, and let the daemon do what there is to do then."""
        self.clock.advance(microseconds)
        (daemon or self.daemon()).once()

    def row(self, handle: str) -> DeploymentRow:
        with self.units.look() as unit:
            found = unit.deployments.referred(handle)
        return found[0]

    def state(self, handle: str) -> State:
        return self.row(handle).state

    def runs(self, handle: str) -> list[RunRow]:
        with self.units.look() as unit:
            return unit.runs.of_deployment(self.row(handle).id)

    def cluster_row(self, name: str = "sim") -> ClusterRow:
        with self.units.look() as unit:
            return next(row for row in unit.clusters.all() if row.name == name)

    def balance(self, caller: Caller | None = None) -> Balance:
        with self.units.look() as unit:
            return unit.ledger.balance(self.purse(caller or self.olga))

    def cost(self, handle: str) -> Amounts:
        with self.units.look() as unit:
            return unit.ledger.costs([self.row(handle).id]).get(self.row(handle).id, NOTHING)

    def held(self, handle: str) -> Amounts:
        with self.units.look() as unit:
            return unit.ledger.holds_left([self.row(handle).id]).get(self.row(handle).id, NOTHING)

    def engine(self, cluster: str = "sim") -> ScriptedDriver:
        """The simulated engine of a cluster, as somebody with access to it would see it."""
        if cluster not in self._engines:
            row = self.cluster_row(cluster)
            opened = self.registry.open(row.driver, row.handle, row.settings)
            assert isinstance(opened, ScriptedDriver)
            self._engines[cluster] = opened
        return self._engines[cluster]

    def control(self, cluster: str = "sim") -> Control:
        return Control(self.engine(cluster).world, self.time)

    def token(self, handle: str, generation: int | None = None, rank: int = 0) -> Token:
        row = self.row(handle)
        install = identity(self.bursar.database, self.ids, self.time.now())
        return Token(install, handle, generation or row.generation, rank)

    def events(self, kind: str = "") -> list[tuple[str, str]]:
        """What is on record, oldest first, as verb and target."""
        with self.bursar.database.read() as connection:
            rows = Audit(connection, unscoped("a test reads it all")).from_the_beginning()
            return [(row.verb, row.target) for row in rows if row.verb.startswith(kind)]

    def note(self, verb: str) -> None:
        """An event as a use case would leave it."""
        with self.units.write(self.olga) as unit:
            unit.record(verb, "test")

    def spec(self, token: Token) -> Spec:
        """What an engine is given for a small job."""
        return Spec(token, "work", "job", Resources(1000, 1024), image="busybox", node="node-1")

    def close(self) -> None:
        for daemon in self._daemons:
            daemon.close()
        for engine in self._engines.values():
            engine.close()
        self.bursar.close()
