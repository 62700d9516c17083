"""Puts the parts together. Imported only by the programs (`__main__` modules) and by tests."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from core.clock import Clock, SystemClock
from core.ids import Ids, RandomIds
from core.security.keys import KeyFile
from core.settings import Settings, check_database_path, make_home
from core.store import schema
from core.store.database import Database
from core.store.units import Units

if TYPE_CHECKING:
    from core.daemon.background import Daemon
    from core.drivers.registry import DriverRegistry
    from core.services.accounts import Accounts
    from core.services.browsing import Browsing
    from core.services.chat import Chat
    from core.services.clusters import Clusters
    from core.services.credits import Credits
    from core.services.decisions import Decisions
    from core.services.deliveries import Deliveries
    from core.services.deployments import Deployments
    from core.services.foresight import Foresight
    from core.services.guessing import Guesses
    from core.services.invites import Invites
    from core.services.limits import Limits
    from core.services.logs import Logs
    from core.services.operations import Operations
    from core.services.organizations import Organizations
    from core.services.prices import Prices
    from core.services.reports import Reports
    from core.services.slack_links import SlackLinks
    from core.services.statements import Statements
    from core.services.upkeep import Upkeep


# Python looks for circles whenever 700 objects more are alive. A sweep or a plan makes tens of thousands, none of them
# a circle: to look so often would be a seventh of the one and a quarter of the other.
_LOOK_FOR_CIRCLES = (20_000, 20, 20)


Made = TypeVar("Made")


class part(Generic[Made]):  # noqa: N801 - a decorator, as `property` is
    """Made when it is first asked for, and once for all threads: the daemon and the services share what they use."""

    _making = threading.RLock()  # one for all, since parts are made of parts

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self.make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, whole: Any, owner: type) -> Made:
        """Asked only until it is there: then what is kept comes before it."""
        with self._making:
            if self._name not in vars(whole):
                vars(whole)[self._name] = self.make(whole)
            made: Made = vars(whole)[self._name]
        return made


class Bursar:
    """The services, ready to be asked. Each is loaded when it is first asked for: most starts answer one question, and
    loading what only the others need would take longer than the answer."""

    def __init__(self, settings: Settings, database: Database, clock: Clock, ids: Ids) -> None:
        self.settings = settings
        self.database = database
        self._clock = clock
        self._ids = ids
        self._units = Units(database, clock, ids)

    def close(self) -> None:
        self.database.close()

    @part
    def _keys(self) -> KeyFile:
        security = self.settings.security
        overlap, insecure = security.key_overlap_ms * 1000, security.insecure_permissions
        return KeyFile(self.settings.key_file, self._clock.now(), overlap=overlap, insecure=insecure)

    @part
    def _guesses(self) -> Guesses:
        from core.security.throttle import Throttle
        from core.services.guessing import Guesses

        accounts = self.settings.accounts
        throttle = Throttle(free=accounts.free_attempts, longest=accounts.longest_wait_ms * 1000)
        return Guesses(self._units, throttle, most_codes=accounts.code_guesses_per_minute)

    @part
    def _registry(self) -> DriverRegistry:
        from core.drivers.registry import DriverRegistry

        return DriverRegistry(home=self.settings.home, clock=self._clock, environ=self.settings.environment)

    @part
    def accounts(self) -> Accounts:
        from core.services.accounts import Accounts

        return Accounts(self._units, self.settings, self._keys, self._guesses)

    @part
    def organizations(self) -> Organizations:
        from core.services.organizations import Organizations

        return Organizations(self._units, self.settings)

    @part
    def invites(self) -> Invites:
        from core.services.invites import Invites

        return Invites(self._units, self.settings, self._keys, self._guesses)

    @part
    def operations(self) -> Operations:
        from core.services.operations import Operations

        return Operations(self._units, self.settings)

    @part
    def clusters(self) -> Clusters:
        from core.services.clusters import Clusters

        return Clusters(self._units, self.settings, self._registry)

    @part
    def deployments(self) -> Deployments:
        from core.services.deployments import Deployments

        return Deployments(self._units, self.settings, self._registry)

    @part
    def decisions(self) -> Decisions:
        from core.services.decisions import Decisions

        return Decisions(self._units, self.settings)

    @part
    def foresight(self) -> Foresight:
        from core.services.foresight import Foresight

        return Foresight(self._units, self.settings, self._registry)

    @part
    def logs(self) -> Logs:
        from core.services.logs import Logs

        return Logs(self._units, self._registry, self._clock)

    @part
    def credits(self) -> Credits:
        from core.services.credits import Credits

        return Credits(self._units)

    @part
    def statements(self) -> Statements:
        from core.services.statements import Statements

        return Statements(self._units)

    @part
    def prices(self) -> Prices:
        from core.services.prices import Prices

        return Prices(self._units)

    @part
    def limits(self) -> Limits:
        from core.services.limits import Limits

        return Limits(self._units)

    @part
    def browsing(self) -> Browsing:
        from core.services.browsing import Browsing

        return Browsing(self._units, self._registry)

    @part
    def reports(self) -> Reports:
        from core.services.reports import Reports

        return Reports(self._units, self.settings)

    @part
    def slack_links(self) -> SlackLinks:
        from core.services.slack_links import SlackLinks

        return SlackLinks(self._units, self._keys, self._guesses)

    @part
    def upkeep(self) -> Upkeep:
        from core.services.upkeep import Upkeep

        return Upkeep(self._units, self.settings, self.daemon)

    def chat(self) -> Chat:
        from core.services.chat import Chat

        return Chat(self._units, self.settings, self._keys)

    def deliveries(self) -> Deliveries:
        from core.services.deliveries import Deliveries

        return Deliveries(self._units, self.settings)

    def daemon(self) -> Daemon:
        from core.daemon.background import Daemon

        return Daemon(self._units, self.settings, self._registry, self._ids)


def build(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> Bursar:
    """Open the store and bring it up to date: what stands on it can then be asked for."""
    gc.set_threshold(*_LOOK_FOR_CIRCLES)
    make_home(settings.home)
    url = settings.database_url
    if url.path is not None:
        check_database_path(url.path)
    database = Database(url.secret_text)
    schema.bring_up_to_date(database, backup_folder=settings.home / "backups")
    return Bursar(settings, database, clock or SystemClock(), ids or RandomIds())
