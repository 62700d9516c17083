"""The shim: stands beside one run from its start to its end, and leaves a true record of it."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import time
from pathlib import Path

from core.drivers.keeper.output import rotate
from core.drivers.keeper.records import (
    ENDED,
    LOCK,
    LOG,
    SPEC,
    STARTED,
    STOP,
    WORK,
    Record,
    asleep_us,
    boot_id,
    descendants,
    pid_space,
    process_facts,
    read_record,
    send,
    wall_us,
    write_record,
)

DEFAULT_GRACE_S = 10.0
SOONEST_LOG_CHECK_S, LATEST_LOG_CHECK_S = 0.25, 8.0
KILL_AGAIN_S = 0.1

_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_HEARD = {signal.SIGCHLD, signal.SIGTERM}
_libc = ctypes.CDLL(None, use_errno=True)


class Shim:
    """Stands beside one run from its start to its end."""

    def __init__(self, run: Path, spec: Record) -> None:
        self.run, self.spec = run, spec
        self.child = 0
        self.status: int | None = None
        self.ended_at = 0
        self.slept_at_start = asleep_us()
        self.stopping = False
        self.kill_at: float | None = None
        self.log_check_s = SOONEST_LOG_CHECK_S
        self.log_size = 0
        self.limits: list[str] = [spec["limits"]]

    def start(self) -> str | None:
        """Let the command run. Answers what kept it from running, after which nothing of it is left."""
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        self._build_cage()
        news, told = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            self._become(told)
        os.close(told)
        with open(news, "rb") as heard:  # noqa: PTH123 - a descriptor; it ends when the command has taken over
            failure = heard.read().decode(errors="replace")
        return failure or None

    def _become(self, told: int) -> None:
        try:
            os.setsid()
            log = os.open(self.run / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._enter_cage()
            write_record(self.run / STARTED, self._started())
            self._drop_rights()
            null = os.open(os.devnull, os.O_RDONLY)
            for target, source in ((0, null), (1, log), (2, log)):
                os.dup2(source, target)
            os.umask(0o022)
            for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execvpe(self.spec["argv"][0], self.spec["argv"], self.spec["env"])  # noqa: S606 - no shell is the point
        except OSError as error:
            os.write(told, f"{error.errno}:{error.strerror}: {error.filename or self.spec['argv'][0]}".encode())
        finally:
            os._exit(127)

    def _started(self) -> Record:
        facts = process_facts(os.getpid())
        shim = process_facts(os.getppid())
        return {
            "pid": os.getpid(),
            "ticks": facts[3] if facts else 0,
            "shim": os.getppid(),
            "shim_ticks": shim[3] if shim else 0,
            "boot": boot_id(),
            "pid_space": pid_space(),
            "at": wall_us(),
            "asleep_us": self.slept_at_start,
            "limits": "; ".join(self.limits),
        }

    def _build_cage(self) -> None:
        for cage in self.spec["cages"]:
            try:
                Path(cage["dir"]).mkdir(exist_ok=True)
            except OSError as error:
                self.limits.append(f"{cage['dir']}: {error.strerror}")
                continue
            for name, value in cage["set"].items():
                try:
                    Path(cage["dir"], name).write_text(value)
                except FileNotFoundError:
                    continue  # kernels differ in what they can limit besides
                except OSError as error:
                    self.limits.append(f"{name} not set: {error.strerror}")

    def _enter_cage(self) -> None:
        for cage in self.spec["cages"]:
            try:
                Path(cage["dir"], "cgroup.procs").write_text("0")
            except OSError as error:
                self.limits.append(f"{cage['dir']} not entered: {error.strerror}")

    def _drop_rights(self) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.spec["data_bytes"]:
            resource.setrlimit(resource.RLIMIT_DATA, (self.spec["data_bytes"],) * 2)
        if self.spec["nice"]:
            os.nice(self.spec["nice"])
        os.chdir(self.spec["cwd"])
        if self.spec["uid"] is not None:
            _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            os.setgroups(self.spec["groups"])
            os.setgid(self.spec["gid"])
            os.setuid(self.spec["uid"])

    def watch(self) -> None:
        """Until nothing of the run is left. A stop that came before we could hear it is read first."""
        if (self.run / STOP).exists():
            self._asked_to_stop()
        while not self._all_reaped():
            if self._is_overdue():
                self._kill()
            heard = signal.sigtimedwait(_HEARD, self._patience_s())
            if heard is None:
                self._tend_log()
            elif heard.si_signo == signal.SIGTERM:
                self._asked_to_stop()

    def _all_reaped(self) -> bool:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.child:
                self.status, self.ended_at = status, wall_us()

    def _is_overdue(self) -> bool:
        """A run ends with its command; only under a stop have the others the rest of the grace."""
        if self.stopping:
            return self.kill_at is not None and time.monotonic() >= self.kill_at
        return self.status is not None

    def _asked_to_stop(self) -> None:
        asked = read_record(self.run / STOP) or {}
        grace = float(asked.get("grace_s", DEFAULT_GRACE_S))
        kill_at = time.monotonic() + grace
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)
        if grace > 0 and not self.stopping and self.status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child, signal.SIGTERM)
                os.killpg(self.child, signal.SIGCONT)
        self.stopping = True

    def _tend_log(self) -> None:
        with contextlib.suppress(OSError):
            size = rotate(self.run, self.spec["log_bytes"])
            quiet = size == self.log_size
            self.log_check_s = min(LATEST_LOG_CHECK_S, self.log_check_s * 2) if quiet else SOONEST_LOG_CHECK_S
            self.log_size = size

    def _patience_s(self) -> float:
        if self._is_overdue():
            return KILL_AGAIN_S
        if self.kill_at is None:
            return self.log_check_s
        return min(self.log_check_s, max(0.0, self.kill_at - time.monotonic()))

    def _kill(self) -> None:
        if self.status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child, signal.SIGKILL)
        for cage in self.spec["cages"]:
            with contextlib.suppress(OSError):
                Path(cage["dir"], "cgroup.kill").write_text("1")
        send(descendants(os.getpid()), signal.SIGKILL)

    def finish(self, failure: str | None) -> None:
        status = self.status or 0
        record: Record = {
            "code": os.waitstatus_to_exitcode(status) if failure is None else None,
            "error": failure,
            "at": self.ended_at if not self.stopping and self.ended_at else wall_us(),
            "asleep_us": asleep_us() - self.slept_at_start,
            "oom": self._ran_out_of_memory(),
        }
        self.leave_cages()
        while True:
            try:
                write_record(self.run / ENDED, record)
            except FileNotFoundError:
                return  # the run's directory was taken away: nobody asks any more
            except OSError:
                signal.sigtimedwait(_HEARD, 1.0)  # a full disk must not cost the exit code
            else:
                return

    def leave_cages(self) -> None:
        for cage in self.spec["cages"]:
            with contextlib.suppress(OSError):
                Path(cage["dir"]).rmdir()

    def _ran_out_of_memory(self) -> bool:
        for cage in self.spec["cages"]:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    words = Path(cage["dir"], name).read_text().split()
                    if "oom_kill" in words and words[words.index("oom_kill") + 1] != "0":
                        return True
        return False


def stand_beside(run: Path, answer: socket.socket) -> None:
    """Start a run once and for all, however often it is asked for, and stay until it is over."""
    os.setsid()
    held = os.open(run / LOCK, os.O_RDWR | os.O_CREAT, 0o600)  # closed in the command by its exec
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return reply(answer, run.name, busy=True)
    if (run / STARTED).exists() or (run / ENDED).exists():
        return reply(answer, run.name, busy=True)
    spec = read_record(run / SPEC)
    if not spec:
        return reply(answer, run.name, error="its spec cannot be read")
    if (run / STOP).exists():
        write_record(run / ENDED, {"code": None, "error": None, "at": wall_us(), "asleep_us": 0, "oom": False})
        return reply(answer, run.name)
    (run / WORK).mkdir(exist_ok=True)
    if spec["uid"] is not None:
        os.chown(run / WORK, spec["uid"], spec["gid"])
    shim = Shim(run, spec)
    failure = shim.start()
    if failure is not None and not (run / STARTED).exists():
        shim.leave_cages()
        return reply(answer, run.name, error=failure)  # nothing ran and nothing is written: it may be tried again
    if failure is None:
        reply(answer, run.name)
        answer.close()
    shim.watch()
    shim.finish(failure)
    if failure is not None:
        reply(answer, run.name)
    return None


def reply(answer: socket.socket, name: str, **words: object) -> None:
    with contextlib.suppress(OSError):  # who asked may be dead; the run does not depend on it
        answer.send(json.dumps({"run": name, **words}).encode())
