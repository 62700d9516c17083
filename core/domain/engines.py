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

from core.domain.errors import BursarError, Invalid
from core.domain.resources import NOTHING, Resources

# The troubles are part of the port: whoever speaks with an engine has them from here.
from core.domain.troubles import TROUBLE as TROUBLE
from core.domain.troubles import Remedy as Remedy
from core.domain.troubles import Trouble as Trouble
from core.domain.troubles import TroubleRule as TroubleRule
from core.domain.troubles import rule_of as rule_of
from core.domain.troubles import trouble as trouble

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
class Use:
    """What a run takes at the moment, as far as anybody can tell."""

    cpu_milli: int | None = None
    ram_mib: int | None = None
    gpu_busy_milli: int | None = None  # the share of time in which its devices work, on average and for whomever
    gpu_ram_mib: int | None = None  # in use on its devices, by whomever


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
    use: Use | None = None
    error: str | None = None  # a Trouble, where the phase is FAILED
    message: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)  # for people, such as limits: "rlimits and nice"

    @property
    def is_live(self) -> bool:
        """Whether it holds its capacity. What is not live has been proved absent."""
        return self.phase in LIVE


@dataclass(frozen=True, slots=True)
class Observation:
    """What an engine listed. Only a complete one proves that something is absent, or one of the node where it was.

    Even a complete listing may lag by `Capabilities.eventual_list_s` behind a creation. `nodes` are those that were
    asked one by one, where each is an engine of its own: with why it was not seen, or nothing where all of it was.
    """

    at: int
    instances: tuple[Observed, ...]
    complete: bool = True
    nodes: Mapping[str, str] = field(default_factory=dict)

    def proves_absence_from(self, node: str) -> bool:
        return self.complete or self.nodes.get(node) == ""

    @property
    def unseen(self) -> tuple[str, ...]:
        return tuple(sorted(node for node, why in self.nodes.items() if why))

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


LOG_BEGINNING = "0"  # the cursor before the first that is kept, for every driver


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of what a run wrote. Asked again with its cursor, the driver goes on where it ended."""

    text: str
    cursor: str
    ended: bool = False  # nothing more will come
    # What stood between the cursor given and this text is no longer kept; without a cursor, that there is more before
    # it than a chunk holds.
    skipped: bool = False


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
        """The last `tail` lines (the newest chunk: None), or what came after the cursor. Never waits."""
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


@runtime_checkable
class Detecting(Protocol):
    """A driver that can look whether this host has an engine of its kind. It looks, and asks nobody."""

    @classmethod
    def found_here(cls) -> Sequence[Mapping[str, str]]:
        """The settings of a cluster for each that is here; the likeliest first."""
        ...


@dataclass(frozen=True, slots=True)
class EngineHere:
    """An engine of this very host, from which a cluster could be made."""

    driver: str
    settings: Mapping[str, str]


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

    def here(self) -> tuple[EngineHere, ...]:
        """The engines that this host has, as far as drivers can see without asking them."""
        ...

    def open(self, driver: str, cluster: str, settings: Mapping[str, str]) -> Driver:
        """A driver for one cluster, named by what is unique among all clusters that ever were."""
        ...


def members_may_use(capabilities: Capabilities, settings: Mapping[str, str]) -> bool:
    """Whether the settings open a cluster to people who are not operators."""
    return not capabilities.shell_on_host or bool(settings.get("run_as")) or settings.get("trust") == "members"
