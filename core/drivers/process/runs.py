"""The run directories of one cluster, read: what each run is now, by its records and by the process table.

Nothing is started or signalled here. A record is written once and never changes, so what is over is read only once.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import NamedTuple

from core.domain.engines import Observed, Phase, Token, Trouble, trouble
from core.domain.resources import Resources
from core.drivers.keeper.records import (
    PIDS_MAX,
    RUNS,
    Account,
    Place,
    Record,
    asleep_us,
    boot_id,
    is_alive,
    pid_space,
    process_facts,
    read_account,
    session_of,
)

# A command that fails so will fail so again; anything else may be this host's passing trouble.
WRONG_COMMAND = frozenset(
    {
        errno.ENOENT,
        errno.EACCES,
        errno.ENOEXEC,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.E2BIG,
        errno.ENAMETOOLONG,
        errno.EISDIR,
    }
)


CLOCKS_APART_US = 10_000  # two clocks are never read at the same instant


class Live(NamedTuple):
    """The shim of a run, which leads the session that the run lives in, and the cgroups that it lives in."""

    shim: int
    ticks: int
    cages: tuple[str, ...] = ()

    def is_watched(self) -> bool:
        return is_alive(self.shim, self.ticks)

    def orphans(self) -> list[int]:
        """What outlived its shim. Where the shim's number names another process, it is not ours."""
        leader = process_facts(self.shim)
        is_another = leader is not None and leader.ticks != self.ticks
        found = set() if is_another else set(session_of(self.shim))
        for cage in self.cages:  # what made a session of its own cannot have left its cgroup
            found |= set(_living_in(cage))
        return sorted(found)

    def seal(self) -> None:
        """So that who is about to be killed forks no more; where the kernel can, it kills them all by that."""
        for cage in self.cages:
            for name, value in ((PIDS_MAX, "0"), ("cgroup.kill", "1")):
                with contextlib.suppress(OSError), open(f"{cage}/{name}", "r+") as file:  # noqa: PTH123
                    file.write(value)

    def clear(self) -> None:
        """What a shim that was killed could not take away. Where something lives it stays."""
        for cage in self.cages:
            with contextlib.suppress(OSError):
                os.rmdir(cage)  # noqa: PTH106


class Runs:
    def __init__(self, home: Path) -> None:
        self.home = str(home)
        self.place = home / RUNS
        self._over: dict[str, Observed] = {}
        self._boot = boot_id()
        self._space = pid_space()

    def of(self, token: Token) -> Place:
        return Place(self.home, str(token))

    def names(self) -> list[str]:
        try:
            found = [name for name in os.listdir(self.place) if not name.startswith(".")]  # noqa: PTH208 - bare names
        except FileNotFoundError:
            found = []
        for name in self._over.keys() - set(found):
            self._over.pop(name, None)
        return found

    def observed(self, name: str) -> Observed | None:
        """None where nothing has been started and nobody is about to."""
        known = self._over.get(name)
        if known is not None:
            return known
        seen = self._read(name)
        if seen is not None and not seen.is_live:
            self._over[name] = seen
        return seen

    def forget(self, name: str) -> None:
        self._over.pop(name, None)

    def account(self, token: Token) -> Account | None:
        return read_account(self.of(token))

    def live(self, account: Account) -> Live | None:
        """Whom to signal; None where nothing of it has been started since this host was."""
        started = account.started
        if started is None or started["boot"] != self._boot:
            return None
        if started["pid_space"] != self._space:
            name = account.spec["token"]
            raise trouble(Trouble.OTHER_HOST, f"{name} runs in another container of this host", "run the daemon there")
        return _live(account.spec, started)

    def somebody_is_at(self, name: str) -> bool:
        """Whether a shim holds the run, in whatever container of this host."""
        try:
            held = os.open(Place(self.home, name).record, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(held)

    def _read(self, name: str) -> Observed | None:
        run = Place(self.home, name)
        account = read_account(run)
        if account is None:
            return None
        spec, started, ended = account
        if ended is not None:
            return _after_its_end(spec, started, ended)
        if started is None:
            return _seen(spec, None, Phase.STARTING) if self.somebody_is_at(name) else None
        if self._runs(spec, started):
            phase = Phase.SUSPENDED if os.path.exists(run.suspended) else Phase.RUNNING  # noqa: PTH110
            return _seen(spec, started, phase, asleep=asleep_us() - started["asleep_us"])
        account = read_account(run)  # its shim may have written the end while we looked
        if account is not None and account.ended is not None:
            return _after_its_end(spec, started, account.ended)
        if started["boot"] == self._boot and started["pid_space"] == self._space:
            _live(spec, started).clear()
        why = "it ended unseen" if started["boot"] == self._boot else "the host was restarted"
        return _seen(spec, started, Phase.GONE, message=f"{why}: how it ended is not known")

    def _runs(self, spec: Record, started: Record) -> bool:
        if started["boot"] != self._boot:
            return False
        if started["pid_space"] != self._space:
            return self.somebody_is_at(spec["token"])
        live = _live(spec, started)
        return live.is_watched() or bool(live.orphans())


def _live(spec: Record, started: Record) -> Live:
    return Live(started["shim"], started["ticks"], tuple(cage["dir"] for cage in spec["cages"]))


def _living_in(cage: str) -> list[int]:
    try:
        with open(f"{cage}/cgroup.procs") as file:  # noqa: PTH123
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _after_its_end(spec: Record, started: Record | None, ended: Record) -> Observed:
    if ended["error"]:
        number, _, text = str(ended["error"]).partition(":")
        wrong = number.isdigit() and int(number) in WRONG_COMMAND
        code = Trouble.CANNOT_RUN if wrong else Trouble.ENGINE_FAULT
        return _seen(spec, None, Phase.FAILED, ended=ended, error=code.value, message=text)
    message = _crowded(spec) if ended.get("crowded") else ""
    return _seen(spec, started, Phase.FINISHED, ended=ended, asleep=ended["asleep_us"], message=message)


def _crowded(spec: Record) -> str:
    most = next((cage["set"][PIDS_MAX] for cage in spec["cages"] if PIDS_MAX in cage["set"]), "its")
    return f"it wanted more than the {most} processes that a run may have here"


def _seen(
    spec: Record,
    started: Record | None,
    phase: Phase,
    *,
    ended: Record | None = None,
    asleep: int = 0,
    error: str | None = None,
    message: str = "",
) -> Observed:
    code = ended["code"] if ended else None
    facts = {"limits": started["limits"] if started else spec["limits"], "user": str(spec["uid"] or "")}
    if started:
        facts["shim"] = str(started["shim"])
    return Observed(
        token=Token.parse(spec["token"]),
        engine_id=f"{started['boot'][:8]}-{started['shim']}-{started['at']}" if started else spec["token"],
        phase=phase,
        name=spec["name"],
        node=spec["node"],
        resources=Resources(*spec["resources"]),
        gpu_devices=tuple(spec["gpu_devices"]),
        labels=spec["labels"],
        created_at=spec["created_at"],
        started_at=started["at"] if started else None,
        finished_at=ended["at"] if ended else None,
        exit_code=code if code is None or code >= 0 else 128 - code,
        signal=-code if code is not None and code < 0 else None,
        oom=bool(ended and ended["oom"]),
        asleep_ms=asleep // 1000 if asleep > CLOCKS_APART_US else 0,
        error=error,
        message=message,
        facts=facts,
    )
