"""Every setting with its default and its rule, in sections that are the tables of `bursar.toml`.

A duration's field ends in `_ms` and an amount's in its smallest unit; the key in the file does not.
Knows nothing of files and variables; `loading` fills these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from core.settings.database_url import DatabaseUrl
from core.settings.private_files import Environment, Secret
from core.settings.rules import Amount, Flag, OnlyEnvironment, Rule, Span, Text, Whole, Words, milliseconds


class Knob(NamedTuple):
    """How one field is found: its key in the file, its variable, and the rule for what it holds."""

    rule: Rule
    key: str | None = None
    variable: str | None = None


def _knob(rule: Rule, key: str | None = None, variable: str | None = None) -> Mapping[str, Knob]:
    return {"knob": Knob(rule, key, variable)}


def _whole(default: int, least: int, most: int) -> int:
    return field(default=default, metadata=_knob(Whole(least, most)))


def _flag(default: bool) -> bool:
    return field(default=default, metadata=_knob(Flag()))


def _text(default: str, rule: Text, *, variable: str | None = None) -> str:
    return field(default=default, repr=not rule.secret, metadata=_knob(rule, variable=variable))


def _words(*default: str) -> tuple[str, ...]:
    return field(default=default, metadata=_knob(Words()))


def _span(default: str, least: str, most: str) -> int:
    return field(default=milliseconds(default), metadata=_knob(Span(least, most)))


def _credits(default: int, key: str) -> int:
    return field(default=default * 1_000_000, metadata=_knob(Amount(1_000_000, 10**9), key))


def _gpu_hours(default: int, key: str) -> int:
    return field(default=default * 3_600_000, metadata=_knob(Amount(3_600_000, 10**9), key))


def _from_environment(variable: str) -> Mapping[str, Knob]:
    return _knob(OnlyEnvironment(variable), variable=variable)


class _Section:
    """What `dataclass` would write for each section anew, written once: start-up time counts."""

    def __repr__(self) -> str:
        shown = (
            f"{name}={getattr(self, name)!r}" for name, declared in _fields_of(type(self)).items() if declared.repr
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))


def _fields_of(kind: type[Any]) -> dict[str, Field[Any]]:
    found: dict[str, Field[Any]] = kind.__dataclass_fields__
    return found


@dataclass(frozen=True, eq=False, repr=False)
class Security(_Section):
    """Files of secrets: how strictly they are looked at, where the keys are, how long an old key still verifies."""

    insecure_permissions: bool = _flag(False)
    key_file: str = _text("", Text())
    key_overlap_ms: int = _span("7d", "0s", "90d")


@dataclass(frozen=True, eq=False, repr=False)
class Database(_Section):
    """Where the store is; empty means a SQLite file in the home."""

    url: str = _text("", Text(secret=True))


@dataclass(frozen=True, eq=False, repr=False)
class Accounts(_Section):
    """Passwords, sessions, codes, and how attempts are slowed down."""

    open_registration: bool = _flag(True)
    password_min_length: int = _whole(8, 8, 64)
    bcrypt_cost: int = _whole(12, 4, 16)
    session_lifetime_ms: int = _span("12h", "1m", "90d")
    token_lifetime_ms: int = _span("90d", "1h", "1000d")
    invite_lifetime_ms: int = _span("72h", "1m", "365d")
    link_code_lifetime_ms: int = _span("10m", "1m", "1h")
    free_attempts: int = _whole(5, 1, 100)
    longest_wait_ms: int = _span("15m", "1s", "1h")
    code_guesses_per_minute: int = _whole(60, 1, 10_000)


@dataclass(frozen=True, eq=False, repr=False)
class Orgs(_Section):
    """Who may create an organization, and what it and its members start with."""

    open_orgs: bool = _flag(False)
    allowance_ucr: int = _credits(100, "allowance_credits")
    allowance_gpu_ms: int = _gpu_hours(10, "allowance_gpu_hours")
    treasury_ucr: int = _credits(10_000, "treasury_credits")
    treasury_gpu_ms: int = _gpu_hours(1_000, "treasury_gpu_hours")
    fall_back_on_treasury: bool = _flag(False)


@dataclass(frozen=True, eq=False, repr=False)
class Clusters(_Section):
    """What may be connected and which images may run."""

    drivers_for_admins: tuple[str, ...] = _words("scripted")
    registries: tuple[str, ...] = _words()
    leak_grace_ms: int = _span("5m", "10s", "1d")


@dataclass(frozen=True, eq=False, repr=False)
class Scheduling(_Section):
    """The order of the queue, preemption, backfill and time limits."""

    policy: str = _text("priority", Text(choices=("priority", "fair", "smart")))
    aging_points: int = _whole(1, 0, 100)
    aging_every_ms: int = _span("10m", "1s", "7d")
    aging_most: int = _whole(40, 0, 100)
    preemption_gap: int = _whole(10, 1, 100)
    min_run_ms: int = _span("10m", "0s", "7d")
    preemptions_per_day: int = _whole(3, 0, 100)
    grace_ms: int = _span("120s", "0s", "1h")
    kill_wait_ms: int = _span("30s", "1s", "10m")
    pin_ms: int = _span("10m", "10s", "1d")
    backfill_depth: int = _whole(1_000, 0, 1_000_000)
    default_limit_ms: int = _span("1h", "36s", "365d")
    fair_share_half_life_ms: int = _span("7d", "1h", "365d")


@dataclass(frozen=True, eq=False, repr=False)
class Limits(_Section):
    """How fast and how much may be submitted."""

    member_submissions_per_minute: int = _whole(600, 1, 1_000_000)
    org_submissions_per_minute: int = _whole(3_000, 1, 1_000_000)
    member_waiting: int = _whole(10_000, 1, 10_000_000)
    org_waiting: int = _whole(100_000, 1, 10_000_000)


@dataclass(frozen=True, eq=False, repr=False)
class Approvals(_Section):
    """When a submission needs an approval; the limits count for `above_limits` alone."""

    policy: str = _text("never", Text(choices=("never", "always", "above_limits")))
    expires_after_ms: int = _span("24h", "1m", "30d")
    above_gpu_ms: int = _gpu_hours(100, "above_gpu_hours")
    above_ucr: int = _credits(1_000, "above_credits")
    above_gpus: int = _whole(8, 0, 1_000_000)
    above_priority: int = _whole(80, 0, 100)


@dataclass(frozen=True, eq=False, repr=False)
class RunOut(_Section):
    """The ladder that a wallet goes down."""

    notice_percent: int = _whole(80, 1, 100)
    approval_percent: int = _whole(95, 1, 100)
    stop_after_ms: int = _span("30m", "0s", "7d")


@dataclass(frozen=True, eq=False, repr=False)
class Retention(_Section):
    """How long what has ended is kept."""

    terminated_ms: int = _span("90d", "1d", "3650d")
    undelete_ms: int = _span("7d", "0s", "90d")
    events_ms: int = _span("30d", "1h", "3650d")
    deliveries_ms: int = _span("30d", "1d", "3650d")
    sessions_ms: int = _span("30d", "1d", "3650d")
    request_keys_ms: int = _span("30d", "1d", "3650d")
    logs_ms: int = _span("14d", "1h", "3650d")
    hourly_backups: int = _whole(24, 0, 1_000)
    daily_backups: int = _whole(14, 0, 1_000)
    monthly_backups: int = _whole(12, 0, 1_000)


@dataclass(frozen=True, eq=False, repr=False)
class Daemon(_Section):
    """The rhythm of the background side."""

    lease_ms: int = _span("15s", "2s", "10m")
    poll_ms: int = _span("0.1s", "0.01s", "10s")
    driver_deadline_ms: int = _span("30s", "0.1s", "10m")
    reconcile_every_ms: int = _span("1m", "1s", "1d")
    sweep_every_ms: int = _span("5m", "1s", "1d")
    backup_every_ms: int = _span("1h", "1m", "30d")


@dataclass(frozen=True, eq=False, repr=False)
class Reports(_Section):
    """When scheduled reports are due and when they are too late."""

    timezone: str = _text("UTC", Text(zone=True))
    late_after_ms: int = _span("1h", "1m", "7d")
    catch_up_ms: int = _span("1d", "1m", "31d")


@dataclass(frozen=True, eq=False, repr=False)
class Slack(_Section):
    """How the bot reaches Slack; its secrets come from the environment alone."""

    api_url: str = _text("https://slack.com/api/", Text(begins=("https://", "http://")), variable="SLACK_API_URL")
    bot_token: Secret | None = field(default=None, metadata=_from_environment("SLACK_BOT_TOKEN"))
    app_token: Secret | None = field(default=None, metadata=_from_environment("SLACK_APP_TOKEN"))
    signing_secret: Secret | None = field(default=None, metadata=_from_environment("SLACK_SIGNING_SECRET"))


@dataclass(frozen=True)
class Settings:
    """All settings of one installation; made by `load`, or by hand in tests: `Settings(home=folder)`."""

    home: Path
    security: Security = Security()
    database: Database = Database()
    accounts: Accounts = Accounts()
    orgs: Orgs = Orgs()
    clusters: Clusters = Clusters()
    scheduling: Scheduling = Scheduling()
    limits: Limits = Limits()
    approvals: Approvals = Approvals()
    run_out: RunOut = RunOut()
    retention: Retention = Retention()
    daemon: Daemon = Daemon()
    reports: Reports = Reports()
    slack: Slack = Slack()
    environment: Environment = field(default_factory=lambda: Environment({}), compare=False)

    @property
    def database_url(self) -> DatabaseUrl:
        return DatabaseUrl.read(self.database.url, self.home)

    def of_the_background(self) -> dict[str, str]:
        """What the background side works by, where it is not as it comes: key in the file -> its value. No secrets."""
        found = {}
        for section in OF_THE_BACKGROUND:
            given, usual = getattr(self, section), SECTIONS[section]()
            for key, (name, _) in knobs_of(section).items():
                if getattr(given, name) != getattr(usual, name):
                    found[f"{section}.{key}"] = str(getattr(given, name))
        return found

    @property
    def key_file(self) -> Path:
        return self.home / (self.security.key_file or "keys.json")


SECTIONS: dict[str, type[Any]] = {
    "security": Security,
    "database": Database,
    "accounts": Accounts,
    "orgs": Orgs,
    "clusters": Clusters,
    "scheduling": Scheduling,
    "limits": Limits,
    "approvals": Approvals,
    "run_out": RunOut,
    "retention": Retention,
    "daemon": Daemon,
    "reports": Reports,
    "slack": Slack,
}
OF_THE_BACKGROUND = ("clusters", "scheduling", "approvals", "run_out", "retention", "daemon", "reports")


def knobs_of(section: str) -> dict[str, tuple[str, Knob]]:
    """Key in the file -> (field, knob), in the order of declaration."""
    found: dict[str, tuple[str, Knob]] = {}
    for name, declared in _fields_of(SECTIONS[section]).items():
        knob: Knob = declared.metadata["knob"]
        found[knob.key or name.removesuffix("_ms")] = (name, knob)
    return found


def variable_of(section: str, key: str, knob: Knob) -> str:
    return knob.variable or f"BURSAR_{section}_{key}".upper()
