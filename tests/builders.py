"""Small worlds for tests: a real store, every service on it, and people who registered, logged in and joined.

Everything is made by the services, as people would make it; only time, chance and the cost of a hash are chosen.
Money alone is posted directly, so that a test can say to the unit what somebody has.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from core.bootstrap import Bursar, build
from core.clock import HOUR, Clock, ManualClock
from core.domain.cluster_requests import NewCluster, Sharing
from core.domain.requests import Joining, Login, NewAccount, NewInvite, NewOrg, NewToken
from core.domain.roles import Caller, anonymous
from core.domain.validation import validated
from core.domain.workloads import SubmitRequest
from core.ids import Ids, SeqIds
from core.ledger import entries
from core.ledger.amounts import Amounts
from core.settings import Accounts, Database, Settings
from core.store.database import Database as Store
from core.store.tables.everything import metadata
from core.store.units import Unit, Units
from core.views.people import InviteCard
from core.views.work import ClusterCard, DeploymentCard

FACE = "test"
PASSWORD = "correct horse staple"
NOBODY = anonymous(FACE)
Dump = dict[str, list[tuple[Any, ...]]]


def quick_settings(home: Path, url: str | None = None, **sections: Any) -> Settings:
    """The defaults, with hashes that take a millisecond. `url` is a store that is at head already."""
    if url is not None:
        sections["database"] = Database(url=url)
    accounts = sections.pop("accounts", Accounts())
    return Settings(home=home, accounts=Accounts(**{**vars(accounts), "bcrypt_cost": 4}), **sections)


@dataclass
class World:
    """One installation. `reopened()` is the same one after a restart; `beside()` is another process on its store."""

    settings: Settings
    clock: Clock
    ids: Ids
    bursar: Bursar

    @classmethod
    def on(cls, home: Path, url: str | None = None, *, clock: Clock | None = None, **sections: Any) -> World:
        home.mkdir(mode=0o700, exist_ok=True)
        return cls.of(quick_settings(home, url, **sections), clock or ManualClock(), SeqIds())

    @classmethod
    def of(cls, settings: Settings, clock: Clock, ids: Ids) -> World:
        return cls(settings, clock, ids, build(settings, clock=clock, ids=ids))

    def reopened(self, settings: Settings | None = None) -> World:
        self.close()
        return World.of(settings or self.settings, self.clock, self.ids)

    def beside(self, ids: Ids) -> World:
        return World.of(self.settings, self.clock, ids)

    def copied(self, home: Path, url: str | None = None) -> World:
        """The same installation as it is now, once more in another home: it must be closed. `url` is a copy of its
        store, where that does not lie in its home."""
        shutil.copytree(self.settings.home, home)
        assert isinstance(self.ids, SeqIds), "only ids that can be foreseen go on where they were"
        settings = replace(self.settings, home=home, database=Database(url=url) if url else Database())
        return World.of(settings, ManualClock(self.clock.now()), going_on(self.ids))

    def close(self) -> None:
        self.bursar.close()

    @property
    def store(self) -> Store:
        return self.bursar.database

    @property
    def units(self) -> Units:
        return self.bursar.accounts.units

    def advance(self, microseconds: int) -> None:
        assert isinstance(self.clock, ManualClock), "only a clock in hand can be moved"
        self.clock.advance(microseconds)

    # People

    def log_in(self, name: str, password: str = PASSWORD, org: str | None = None) -> Caller:
        answer = self.bursar.accounts.login(NOBODY, Login(name=name, password=password))
        return self.bursar.accounts.authenticate(answer.access_token, FACE, org)

    def operator(self, name: str = "olga") -> Caller:
        self.bursar.accounts.install(NOBODY, NewAccount(name=name, password=PASSWORD))
        return self.log_in(name)

    def person(self, name: str) -> Caller:
        """An account that belongs nowhere yet."""
        self.bursar.accounts.register(NOBODY, NewAccount(name=name, password=PASSWORD))
        return self.log_in(name)

    def org(self, founder: Caller, name: str) -> Caller:
        """An organization; answers its founder as the admin who acts in it."""
        self.bursar.organizations.create(founder, NewOrg(name=name))
        return replace(founder, org=name)

    def invite(self, admin: Caller, **fields: Any) -> InviteCard:
        return self.bursar.invites.create(admin, validated(NewInvite, **fields))

    def join(self, person: Caller, code: str | None) -> Caller:
        card = self.bursar.invites.join(replace(person, org=None), Joining(code=code))
        return replace(person, org=card.name)

    def member(self, admin: Caller, name: str, role: str = "member") -> Caller:
        """A new person whom `admin` has invited."""
        return self.join(self.person(name), self.invite(admin, role=role).code)

    def token(self, owner: Caller, scope: str, name: str | None = None) -> Caller:
        """The same person by an API token."""
        made = self.bursar.accounts.create_token(owner, NewToken(name=name or f"{scope}-token", scope=scope))
        assert made.token is not None
        return self.bursar.accounts.authenticate(made.token, FACE, owner.org)

    # Work and money

    def cluster(self, admin: Caller, name: str = "rack", **fields: Any) -> ClusterCard:
        """On the scripted driver; eight GPUs on one node unless said otherwise."""
        asked = {"driver": "scripted", "cpu": 64, "ram": 256, "gpu": 8, "gpu_model": "a100", **fields}
        return self.bursar.clusters.create(admin, validated(NewCluster, name=name, **asked))

    def share(self, operator: Caller, cluster: str, org: str) -> None:
        self.bursar.clusters.share(operator, Sharing(cluster=cluster, org=org))

    def fund(self, member: Caller, *, credits: int = 0, gpu_hours: int = 0) -> None:  # noqa: A002 - the word for it
        """Fill a wallet by way of the treasury: whole credits and hours."""
        amounts = Amounts(credits * 1_000_000, gpu_hours * HOUR // 1000)
        with self.units.write(member) as unit:
            key = f"test:{unit.ids.new()}"
            given = {"at": unit.now, "reason": "for a test"}
            unit.ledger.post([entries.mint(unit.org_id, amounts, key=f"{key}:mint", **given)])
            unit.ledger.post([entries.grant(unit.org_id, unit.me.account_id, amounts, key=key, **given)])
            unit.record("test.fund", unit.me.name)

    def submit(self, who: Caller, name: str, cluster: str = "rack", **fields: Any) -> DeploymentCard:
        """A job of one GPU for one hour unless said otherwise."""
        return self.bursar.deployments.submit(who, job(name, cluster, **fields))


def going_on(ids: SeqIds) -> SeqIds:
    """Others that will name what these would have named next."""
    made = SeqIds()
    made._random.setstate(ids._random.getstate())
    made._count = ids._count
    return made


def job(name: str, cluster: str = "rack", **fields: Any) -> SubmitRequest:
    asked: dict[str, Any] = {"image": "busybox", "gpu": 1, "hours": 1, **fields}
    return validated(SubmitRequest, name=name, cluster=cluster, **{k: v for k, v in asked.items() if v is not None})


def account_id(unit: Unit, name: str) -> str:
    row = unit.accounts.by_name(name)
    assert row is not None, f"there is no {name}"
    return row.id


def tables() -> list[Table]:
    return list(metadata.sorted_tables)


def dump(store: Store) -> Dump:
    """Every row of every table."""
    with store.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in tables()
        }


def changed_tables(before: Dump, after: Dump) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def copy_of(path: Path, target: Path) -> str:
    """A SQLite store that nobody has open, copied; its URL."""
    shutil.copy(path, target)
    target.chmod(0o600)
    return f"sqlite:///{target}"
