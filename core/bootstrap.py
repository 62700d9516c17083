"""Puts the parts together. Imported only by the programs (`__main__` modules) and by tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.clock import Clock, SystemClock
from core.drivers.registry import DriverRegistry
from core.ids import Ids, RandomIds
from core.security import keys
from core.security.throttle import Throttle
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
from core.settings import Settings, check_database_path, make_home
from core.store import schema
from core.store.database import Database
from core.store.units import Units

if TYPE_CHECKING:
    from core.daemon.background import Daemon


@dataclass(frozen=True, slots=True)
class Bursar:
    """The services, ready to be asked."""

    settings: Settings
    accounts: Accounts
    organizations: Organizations
    invites: Invites
    operations: Operations
    clusters: Clusters
    deployments: Deployments
    decisions: Decisions
    foresight: Foresight
    logs: Logs
    credits: Credits
    statements: Statements
    prices: Prices
    limits: Limits
    browsing: Browsing
    reports: Reports
    slack_links: SlackLinks
    chat: Callable[[], Chat]
    deliveries: Callable[[], Deliveries]
    upkeep: Upkeep
    daemon: Callable[[], Daemon]
    database: Database

    def close(self) -> None:
        self.database.close()


def build(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> Bursar:
    """Open the store, bring it up to date, and make the services on it."""
    clock, ids = clock or SystemClock(), ids or RandomIds()
    make_home(settings.home)
    url = settings.database_url
    if url.path is not None:
        check_database_path(url.path)
    database = Database(url.secret_text)
    schema.bring_up_to_date(database, backup_folder=settings.home / "backups")
    units = Units(database, clock, ids)
    security = settings.security
    overlap = security.key_overlap_ms * 1000
    ring = keys.KeyFile(settings.key_file, clock.now(), overlap=overlap, insecure=security.insecure_permissions)
    guesses = Guesses(
        units,
        Throttle(free=settings.accounts.free_attempts, longest=settings.accounts.longest_wait_ms * 1000),
        most_codes=settings.accounts.code_guesses_per_minute,
    )
    registry = DriverRegistry(home=settings.home, clock=clock, environ=settings.environment)

    def daemon() -> Daemon:
        # Loaded when asked for: most starts answer one question, and the daemon brings a scheduler and its threads.
        from core.daemon.background import Daemon  # noqa: PLC0415

        return Daemon(units, settings, registry, ids)

    return Bursar(
        settings=settings,
        accounts=Accounts(units, settings, ring, guesses),
        organizations=Organizations(units, settings),
        invites=Invites(units, ring, guesses),
        operations=Operations(units, settings),
        clusters=Clusters(units, settings, registry),
        deployments=Deployments(units, settings, registry),
        decisions=Decisions(units, settings),
        foresight=Foresight(units, settings, registry),
        logs=Logs(units, registry, clock),
        credits=Credits(units),
        statements=Statements(units),
        prices=Prices(units),
        limits=Limits(units),
        reports=Reports(units, settings),
        slack_links=SlackLinks(units, ring, guesses),
        chat=lambda: Chat(units, settings, ring),
        deliveries=lambda: Deliveries(units, settings),
        browsing=Browsing(units, registry),
        upkeep=Upkeep(units, settings, daemon),
        daemon=daemon,
        database=database,
    )
