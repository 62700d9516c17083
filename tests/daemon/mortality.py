"""A daemon that can die: between any two things that stay, as kill -9 would have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import text

from core.daemon.background import Daemon
from core.domain.engines import Capabilities, Driver, Observation, Observed, Setting, Spec, Token
from core.domain.errors import BursarError
from core.drivers.registry import DriverRegistry
from core.store.leases import Leadership
from core.store.units import Unit, Units
from tests.daemon.world import World


class Killed(BaseException):
    """What kill -9 does, as far as one process can play it: nothing after it happens, no clean-up either."""


class Fate:
    """Counts the moments, and ends the process at the chosen one."""

    def __init__(self, fatal: int | None) -> None:
        self.fatal = fatal
        self.met = 0
        self.where: list[str] = []
        self.dead = False

    def moment(self, name: str) -> None:
        if self.dead:
            raise Killed
        self.met += 1
        self.where.append(name)
        if self.met == self.fatal:
            self.dead = True
            raise Killed


class MortalUnits(Units):
    fate: Fate

    @contextmanager
    def lead(self, leadership: Leadership) -> Iterator[Unit]:
        """A unit that wrote nothing leaves nothing behind: to die beside it is no moment of its own."""
        if self.fate.dead:
            raise Killed
        with super().lead(leadership) as unit:
            before = _written(unit)
            yield unit
            wrote = bool(unit.changes) or _written(unit) != before
        if wrote:
            self.fate.moment("after a commit")


def _written(unit: Unit) -> object:
    """How many rows this connection has ever written; on PostgreSQL the number a transaction gets at its first row."""
    if unit.connection.dialect.name == "postgresql":
        return unit.connection.execute(text("SELECT pg_current_xact_id_if_assigned()")).scalar()
    return getattr(unit.connection.connection.dbapi_connection, "total_changes", None)


class MortalDriver:
    """An engine's driver in a process that can die before and after each call that changes something."""

    name = "scripted"
    capabilities = Capabilities(summary="mortal")
    settings: tuple[Setting, ...] = ()
    secret_names: tuple[str, ...] = ()

    def __init__(self, inner: Driver, fate: Fate) -> None:
        self._inner, self._fate = inner, fate

    @classmethod
    def kept_settings(cls, settings: Mapping[str, str]) -> dict[str, str]:
        return dict(settings)

    def ensure_many(self, specs: Sequence[Spec]) -> list[Observed | BursarError]:
        answers: list[Observed | BursarError] = []
        for spec in specs:
            try:
                answers.append(self.ensure(spec))
            except BursarError as error:
                answers.append(error)
        return answers

    def observe(self, install: str) -> Observation:
        return self._inner.observe(install)

    def ensure(self, spec: Spec) -> Observed:
        self._fate.moment("before ensure")
        seen = self._inner.ensure(spec)
        self._fate.moment("after ensure")
        return seen

    def stop(self, token: Token, grace_s: float) -> None:
        self._fate.moment("before stop")
        self._inner.stop(token, grace_s)
        self._fate.moment("after stop")

    def suspend(self, token: Token) -> None:
        self._fate.moment("before suspend")
        self._inner.suspend(token)
        self._fate.moment("after suspend")

    def resume(self, token: Token) -> None:
        self._fate.moment("before resume")
        self._inner.resume(token)
        self._fate.moment("after resume")

    def forget(self, token: Token) -> None:
        self._fate.moment("before forget")
        self._inner.forget(token)
        self._fate.moment("after forget")

    def close(self) -> None:
        self._inner.close()


class MortalRegistry(DriverRegistry):
    fate: Fate

    def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Driver:
        return MortalDriver(super().open(driver, cluster, settings), self.fate)  # type: ignore[return-value]


def mortal_daemon(world: World, fate: Fate) -> Daemon:
    units = MortalUnits(world.bursar.database, world.time, world.ids)
    registry = MortalRegistry(home=world.settings.home, clock=world.time, environ={})
    units.fate = registry.fate = fate
    return Daemon(units, world.settings, registry, world.ids)
