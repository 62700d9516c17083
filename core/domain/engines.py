"""The port to the engines: what a driver must do, what it may say, and how its errors are to be read.

Values and protocols only. No driver, store or clock is known here: the services and the daemon speak to engines
through these words, and core/drivers answers them. The promises of the verbs are written at `Driver`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from core.domain.errors import (
    BursarError,
    Conflict,
    Exhausted,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from core.domain.resources import NOTHING, Resources

if TYPE_CHECKING:
    from core.clock import Clock

# Lower case and at most 63 characters in all, so that every engine takes a token as a name or a label value.
_PART = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?", re.ASCII)
_COUNT = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
LONGEST_TOKEN = 63


@dataclass(frozen=True, slots=True, order=True)
class Token:
    """Whose run it is: `<install>.<deployment>.<generation>`, and `.<rank>` behind it for further members of a gang.

    Each start of a deployment has a new generation, so a token names one instance and is never used again.
    """

    install: str
    deployment: str
    generation: int
    rank: int = 0

    def __post_init__(self) -> None:
        text = str(self)
        parts_fit = _PART.fullmatch(self.install) and _PART.fullmatch(self.deployment)
        if not parts_fit or self.generation < 1 or self.rank < 0 or len(text) > LONGEST_TOKEN:
            raise _bad_token(text)

    def __str__(self) -> str:
        text = f"{self.install}.{self.deployment}.{self.generation}"
        return f"{text}.{self.rank}" if self.rank else text

    @classmethod
    def parse(cls, text: str) -> Token:
        parts = text.split(".") if len(text) <= LONGEST_TOKEN else []
        counts = parts[2:]
        if len(parts) not in (3, 4) or not all(_COUNT.fullmatch(c) for c in counts) or counts[1:] == ["0"]:
            raise _bad_token(text)
        return cls(parts[0], parts[1], *(int(c) for c in counts))

    @classmethod
    def read(cls, text: str | None, install: str) -> Token | None:
        """The token where `text` is one of this installation, else None: what bears it is foreign."""
        try:
            token = cls.parse(text or "")
        except Invalid:
            return None
        return token if token.install == install else None


def _bad_token(text: str) -> Invalid:
    return Invalid(
        "malformed_token",
        f"{text[:LONGEST_TOKEN]!a} is not a token",
        "a token reads <install>.<deployment>.<generation>, such as b7k2.dep-7k3f9q.1",
    )


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything an engine needs to run one instance. What is not said here it must not guess."""

    token: Token
    name: str
    kind: str  # service, job or vm
    resources: Resources = NOTHING
    image: str | None = None
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    node: str = ""
    gpu_devices: tuple[str, ...] = ()  # ids as `discover` names them; one device where a share of it was given
    gpu_model: str | None = None
    public_ip: str | None = None
    time_limit_ms: int | None = None  # for engines that want it; the daemon enforces it anyway
    by_operator: bool = False  # its owner runs the installation, so a cluster closed to members takes it too


class Phase(StrEnum):
    STARTING = "starting"  # accepted, not yet proved to run
    RUNNING = "running"
    SUSPENDED = "suspended"
    OFF = "off"  # a machine switched off; its disk is kept
    FINISHED = "finished"  # it ended; the exit code is known unless it is None
    FAILED = "failed"  # the engine could not run it; `error` says why
    GONE = "gone"  # proved to be no more, but how and when it ended is not known


LIVE = frozenset({Phase.STARTING, Phase.RUNNING, Phase.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Observed:
    """One instance as the engine showed it. Instants are the engine's own."""

    token: Token | None  # None: foreign, not ours to touch
    engine_id: str  # with the token it is the identity: names and addresses are used again by others
    phase: Phase
    name: str = ""
    node: str = ""
    resources: Resources = NOTHING
    gpu_devices: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    created_at: int | None = None
    updated_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None  # None on what is over: bill to the last time it was seen
    exit_code: int | None = None  # 128 + n where signal n ended it
    signal: int | None = None
    oom: bool = False
    asleep_ms: int = 0  # how long its host slept meanwhile; only local engines can tell
    gpu_utilization_milli: int | None = None
    error: str | None = None  # a Trouble, where the phase is FAILED
    message: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)  # such as limits: "rlimits and nice"

    @property
    def is_live(self) -> bool:
        """Whether it holds its capacity. What is not live has been proved absent."""
        return self.phase in LIVE


@dataclass(frozen=True, slots=True)
class Observation:
    """What an engine listed. Only a complete one proves that something is absent.

    Even a complete listing may lag by `Capabilities.eventual_list_s` behind a creation.
    """

    at: int
    instances: tuple[Observed, ...]
    complete: bool = True

    def find(self, token: Token) -> Observed | None:
        return next((seen for seen in self.instances if seen.token == token), None)

    def by_token(self) -> dict[Token, Observed]:
        return {seen.token: seen for seen in self.instances if seen.token is not None}

    def foreign(self) -> tuple[Observed, ...]:
        return tuple(seen for seen in self.instances if seen.token is None)


@dataclass(frozen=True, slots=True)
class GpuFound:
    id: str
    index: int
    model: str
    memory_mib: int = 0
    used_mib: int | None = None  # memory in use now, whoever uses it
    utilization_milli: int | None = None


@dataclass(frozen=True, slots=True)
class NodeFound:
    name: str
    capacity: Resources
    gpus: tuple[GpuFound, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    up: bool = True


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of what a run wrote. Asked again with its cursor, the driver goes on where it ended."""

    text: str
    cursor: str
    ended: bool = False  # nothing more will come
    skipped: bool = False  # what stood between the cursor given and this text is no longer kept


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do, as class data: read without a connection."""

    summary: str
    kinds: frozenset[str] = frozenset({"service", "job"})
    suspend: bool = False
    suspended_keeps_capacity: bool = True
    keeps_disk: bool = False  # a stopped vm is OFF and starts again with its disk
    logs: bool = False
    discover: bool = False
    gpu: bool = False
    gpu_share: bool = False  # takes a fraction of a device
    isolates_memory: bool = False  # a run cannot take more memory than it was given
    needs_image: bool = False
    needs_command: bool = False
    local: bool = False  # bound to the host it was opened on: from another one every verb is Unavailable
    shell_on_host: bool = False  # whoever may run here can do on the host what the runs' user can
    simulated: bool = False
    batch: bool = False  # has `ensure_many`
    eventual_list_s: float = 0.0  # what was just created may be missing from a listing for so long

    @property
    def may_suspend(self) -> bool:
        """Whether people are let to suspend: what would give up its room could not simply go on."""
        return self.suspend and self.suspended_keeps_capacity


@dataclass(frozen=True, slots=True)
class Setting:
    """One `--set NAME=VALUE` that a driver understands."""

    name: str
    help: str
    default: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """Where a driver is opened: one cluster of this installation."""

    cluster: str  # unique among all clusters that ever were
    home: Path  # the driver's own directory on this host
    clock: Clock
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)  # only those that the driver class names
    deadline_s: float = 20.0  # a call that has no answer by then fails with TIMEOUT


class Driver(Protocol):
    """Every verb may be repeated and called from several threads. Errors are BursarErrors, best of `Trouble`."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    settings: ClassVar[tuple[Setting, ...]]
    secret_names: ClassVar[tuple[str, ...]]  # environment variables; NAME_FILE may name a file instead

    def __init__(self, site: Site) -> None: ...

    @classmethod
    def kept_settings(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """The settings as the cluster will keep them; Invalid for values that cannot be meant.

        Names and choices have been checked before. A driver bound to its host adds here which host that is.
        """
        ...

    def ensure(self, spec: Spec) -> Observed:
        """Look for the token and adopt what bears it, whatever its phase; create only where there is none.

        A vm whose earlier generation is OFF is switched on again with its disk and bears the new token.
        """
        ...

    def observe(self, install: str) -> Observation:
        """All that exists: ours with its token, foreign without. A listing that failed is an error, never empty."""
        ...

    def stop(self, token: Token, grace_s: float) -> None:
        """Ask it to end, and force it after the grace. Returns at once; a later listing proves the end.

        Unknown or over: nothing to do. A shorter grace in a later call counts. A vm keeps its disk if the engine can.
        """
        ...

    def forget(self, token: Token) -> None:
        """Remove what is left of it: records, logs, disk. Conflict while it is live; unknown: nothing to do."""
        ...

    def suspend(self, token: Token) -> None: ...

    def resume(self, token: Token) -> None: ...

    def logs(self, token: Token, *, tail: int | None = None, cursor: str | None = None) -> LogChunk:
        """The last `tail` lines (all that is kept: None), or what came after the cursor. Never waits."""
        ...

    def discover(self) -> tuple[NodeFound, ...]:
        """The engine's nodes and what they hold in all, used or not."""
        ...

    def close(self) -> None:
        """Let go of connections; runs go on."""
        ...


@runtime_checkable
class BatchDriver(Protocol):
    """A driver that takes many at once: one trip to the engine instead of one each."""

    def ensure_many(self, specs: Sequence[Spec]) -> list[Observed | BursarError]: ...


def ensure_each(driver: Driver, specs: Sequence[Spec]) -> list[Observed | BursarError]:
    """Each in its place: what was observed, or its error. One refusal does not hinder the others."""
    if isinstance(driver, BatchDriver):
        return driver.ensure_many(specs)
    answers: list[Observed | BursarError] = []
    for spec in specs:
        try:
            answers.append(driver.ensure(spec))
        except BursarError as error:
            answers.append(error)
    return answers


class Registry(Protocol):
    """The drivers that are installed. A broken plug-in is named by an Unavailable, never passed over."""

    def names(self) -> tuple[str, ...]: ...

    def capabilities(self, driver: str) -> Capabilities: ...

    def settings(self, driver: str) -> tuple[Setting, ...]: ...

    def validated(self, driver: str, settings: Mapping[str, str]) -> dict[str, str]:
        """The settings as they will be kept, or one Invalid that names all that is wrong."""
        ...

    def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Driver:
        """A driver for one cluster, named by what is unique among all clusters that ever were."""
        ...


def members_may_use(capabilities: Capabilities, settings: Mapping[str, str]) -> bool:
    """Whether the settings open a cluster to people who are not operators."""
    return not capabilities.shell_on_host or bool(settings.get("run_as")) or settings.get("trust") == "members"


class Trouble(StrEnum):
    """The codes that drivers use, so that the daemon need not know engines. Others are read by their kind."""

    NO_CAPACITY = "no_capacity"
    ENGINE_QUOTA = "engine_quota"
    RATE_LIMITED = "rate_limited"
    IMAGE_MISSING = "image_missing"
    CANNOT_RUN = "cannot_run"  # the command, size or shape is one that this engine will never run
    MEMBERS_NOT_TRUSTED = "members_not_trusted"
    UNAUTHORIZED = "unauthorized"
    TIMEOUT = "timeout"
    ENGINE_DOWN = "engine_down"
    ENGINE_FAULT = "engine_fault"  # it answered, but with an error of its own
    LISTING_INCOMPLETE = "listing_incomplete"
    OTHER_HOST = "other_host"
    UNSUPPORTED = "unsupported"
    STILL_LIVE = "still_live"
    NO_SUCH_RUN = "no_such_run"
    DRIVER_BROKEN = "driver_broken"


class Remedy(StrEnum):
    ASK_AGAIN = "ask_again"  # with back-off and the same token
    REQUEUE = "requeue"  # not the user's fault: back to the queue, hold kept
    REPAIR = "repair"  # nothing will change until a person mends the cluster
    GIVE_UP = "give_up"  # asking again cannot help


@dataclass(frozen=True, slots=True)
class TroubleRule:
    kind: type[BursarError]
    remedy: Remedy
    effect_unknown: bool = False  # the call may have done its work all the same


TROUBLE: dict[Trouble, TroubleRule] = {
    Trouble.NO_CAPACITY: TroubleRule(Exhausted, Remedy.REQUEUE),
    Trouble.ENGINE_QUOTA: TroubleRule(Exhausted, Remedy.REQUEUE),
    Trouble.RATE_LIMITED: TroubleRule(Exhausted, Remedy.ASK_AGAIN),
    # A registry may be away for a while: the retry policy bounds the attempts, then it is the user's mistake.
    Trouble.IMAGE_MISSING: TroubleRule(NotFound, Remedy.ASK_AGAIN),
    Trouble.CANNOT_RUN: TroubleRule(Invalid, Remedy.GIVE_UP),
    Trouble.MEMBERS_NOT_TRUSTED: TroubleRule(Forbidden, Remedy.GIVE_UP),
    Trouble.UNAUTHORIZED: TroubleRule(Forbidden, Remedy.REPAIR),
    Trouble.TIMEOUT: TroubleRule(Unavailable, Remedy.ASK_AGAIN, effect_unknown=True),
    Trouble.ENGINE_DOWN: TroubleRule(Unavailable, Remedy.ASK_AGAIN, effect_unknown=True),
    Trouble.ENGINE_FAULT: TroubleRule(Unavailable, Remedy.ASK_AGAIN, effect_unknown=True),
    Trouble.LISTING_INCOMPLETE: TroubleRule(Unavailable, Remedy.ASK_AGAIN),
    Trouble.OTHER_HOST: TroubleRule(Unavailable, Remedy.REPAIR),
    Trouble.UNSUPPORTED: TroubleRule(Conflict, Remedy.GIVE_UP),
    Trouble.STILL_LIVE: TroubleRule(Conflict, Remedy.ASK_AGAIN),
    Trouble.NO_SUCH_RUN: TroubleRule(NotFound, Remedy.GIVE_UP),
    Trouble.DRIVER_BROKEN: TroubleRule(Unavailable, Remedy.REPAIR),
}

_BY_KIND: dict[type[BursarError], TroubleRule] = {
    Unavailable: TroubleRule(Unavailable, Remedy.ASK_AGAIN, effect_unknown=True),
    Exhausted: TroubleRule(Exhausted, Remedy.REQUEUE),
    Forbidden: TroubleRule(Forbidden, Remedy.REPAIR),
}


def trouble(code: Trouble, message: str, hint: str | None = None) -> BursarError:
    """The error for a code, of the kind that belongs to it."""
    return TROUBLE[code].kind(code.value, message, hint)


def rule_of(error: BursarError) -> TroubleRule:
    """What the daemon should do about an engine's error, also one whose code is not known here."""
    try:
        return TROUBLE[Trouble(error.code)]
    except ValueError:
        return _BY_KIND.get(type(error), TroubleRule(type(error), Remedy.GIVE_UP))
