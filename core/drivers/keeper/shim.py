"""The shim: stands beside one run from its start to its end, and leaves a true record of it.

It leads the session that the run lives in, so that what is left of a run can be found even if the shim is killed:
the record that it started is written before anything starts.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from core.drivers.keeper.output import rotate
from core.drivers.keeper.records import (
    PIDS_MAX,
    Place,
    Record,
    append,
    asleep_us,
    descendants,
    read_note,
    send,
    wall_us,
)

DEFAULT_GRACE_S = 10.0
SOONEST_LOG_CHECK_S, LATEST_LOG_CHECK_S = 0.25, 8.0
KILL_AGAIN_S = 0.1
WRITE_AGAIN_S = 1.0
# Below this the shim itself could not live under the limit that it hands on.
SMALLEST_SHARED_LIMIT = 64 << 20

_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_HEARD = (signal.SIGCHLD, signal.SIGTERM)
_TO_DEFAULT = (signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
_libc = ctypes.CDLL(None, use_errno=True)


class Mould(NamedTuple):
    """The limits that a process has taken for its run. It cannot leave them again."""

    data_bytes: int = 0
    nice: int = 0

    @classmethod
    def of(cls, spec: Record) -> Mould:
        return cls(spec["data_bytes"], spec["nice"])

    def fits(self, wanted: Mould) -> bool:
        return self in (wanted, Mould())


class Shim:
    def __init__(self, run: Place, spec: Record, me: Record, mould: Mould, before: Place | None = None) -> None:
        """`before` is the run that this process has served last."""
        self.run, self.spec, self.me, self.mould, self.before = run, spec, me, mould, before
        self.child = 0
        self.status: int | None = None
        self.ended_at = 0
        self.slept_at_start = asleep_us()
        self.stopping = False
        self.kill_at: float | None = None
        self.log_check_s = SOONEST_LOG_CHECK_S
        self.log_size = 0
        self.limits: list[str] = [spec["limits"]]

    def live(self, tell: Callable[[], None]) -> bool:
        """The whole of it. `tell` is called as soon as the command runs, or is known never to run: then it is False."""
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        self._prepare()
        append(self.run, self._started())
        failure = None
        try:
            self._start()
        except OSError as error:
            failure = f"{error.errno}:{error.strerror}: {self.spec['argv'][0]}"
        except ValueError as error:
            failure = f"{errno.EINVAL}:{error}"
        if failure is None:
            tell()
        self._watch()
        self._write_end(failure)
        if failure is not None:
            tell()
        return failure is None

    def _started(self) -> Record:
        return {
            **self.me,
            "at": wall_us(),
            "asleep_us": self.slept_at_start,
            "limits": "; ".join(self.limits),
        }

    def _prepare(self) -> None:
        if self.before is None or self.spec["uid"] is not None or not _taken_over(self.before.work, self.run.work):
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.run.work, 0o700)  # noqa: PTH102 - paths of a fork are plain text
        if self.spec["uid"] is not None:
            os.chown(self.run.work, self.spec["uid"], self.spec["gid"])
        for cage in self.spec["cages"]:
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(cage["dir"])  # noqa: PTH102
                for name, value in cage["set"].items():
                    self._limit(f"{cage['dir']}/{name}", value)
            except OSError as error:
                self.limits.append(f"{cage['dir']}: {error.strerror}")

    def _limit(self, file: str, value: str) -> None:
        try:
            _write_text(file, value)
        except FileNotFoundError:
            return  # kernels differ in what they can limit besides
        except OSError as error:
            self.limits.append(f"{file} not set: {error.strerror}")

    def _start(self) -> None:
        """By spawning, which copies nothing of us; only what must happen between fork and exec needs a fork."""
        null = os.open(os.devnull, os.O_RDONLY)
        log = os.open(self.run.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if self.spec["uid"] is not None:
            os.fchown(log, self.spec["uid"], self.spec["gid"])  # so that it may open /dev/stderr
        try:
            small = 0 < self.spec["ram_bytes"] < SMALLEST_SHARED_LIMIT
            if self.spec["uid"] is not None or small or not self._live_with_the_shims():
                self._fork(null, log)
            else:
                self._spawn(null, log)
        finally:
            os.close(null)
            os.close(log)

    def _spawn(self, null: int, log: int) -> None:
        argv, env = self.spec["argv"], self.spec["env"]
        back = os.open(".", os.O_RDONLY)
        self._take_limits()
        os.chdir(self.spec["cwd"])
        before = os.umask(0o022)
        self._enter_cages()
        try:
            self.child = _first_that_is(
                argv[0],
                env,
                lambda path: os.posix_spawn(
                    path,
                    argv,
                    env,
                    file_actions=[(os.POSIX_SPAWN_DUP2, fd, n) for n, fd in ((0, null), (1, log), (2, log))],
                    setpgroup=0,
                    setsigmask=(),
                    setsigdef=_TO_DEFAULT,
                ),
            )
        finally:
            self._leave_cages()
            os.umask(before)
            os.fchdir(back)
            os.close(back)

    def _fork(self, null: int, log: int) -> None:
        news, told = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            self._become(told, null, log)
        os.close(told)
        with open(news, "rb") as heard:  # noqa: PTH123 - it ends when the command has taken over
            number = heard.read()
        if number:
            raise OSError(int(number), os.strerror(int(number)))

    def _become(self, told: int, null: int, log: int) -> None:
        try:
            os.setpgid(0, 0)
            self._enter_cages()
            self._take_limits()
            os.chdir(self.spec["cwd"])
            if self.spec["uid"] is not None:
                _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
                self._share_processes()
                os.setgroups(self.spec["groups"])
                os.setgid(self.spec["gid"])
                os.setuid(self.spec["uid"])
            for target, source in ((0, null), (1, log), (2, log)):
                os.dup2(source, target)
            os.umask(0o022)
            for number in _TO_DEFAULT:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execvpe(self.spec["argv"][0], self.spec["argv"], self.spec["env"])  # noqa: S606 - no shell is the point
        except OSError as error:
            os.write(told, str(error.errno).encode())
        finally:
            os._exit(127)

    def _take_limits(self) -> None:
        wanted = Mould.of(self.spec)
        if wanted == self.mould:
            return
        if wanted.data_bytes:
            resource.setrlimit(resource.RLIMIT_DATA, (wanted.data_bytes,) * 2)
        if wanted.nice:
            os.nice(wanted.nice)
        self.mould = wanted

    def _share_processes(self) -> None:
        """With all that this user runs. Older records know nothing of it."""
        wanted = self.spec.get("user_processes", 0)
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        if wanted and (hard == resource.RLIM_INFINITY or wanted < hard):
            resource.setrlimit(resource.RLIMIT_NPROC, (wanted, wanted))

    def _enter_cages(self) -> None:
        for cage in self.spec["cages"]:
            with contextlib.suppress(FileNotFoundError):  # it could not be made, which has been said
                _write_text(f"{cage['dir']}/cgroup.procs", "0")

    def _live_with_the_shims(self) -> bool:
        """Only from there is the way into a cage and out of it sure to be open."""
        try:
            for cage in self.spec["cages"]:
                _write_text(f"{cage['home']}/cgroup.procs", "0")
        except OSError:
            return False
        return True

    def _leave_cages(self) -> None:
        for cage in list(self.spec["cages"]):
            try:
                _write_text(f"{cage['home']}/cgroup.procs", "0")
            except OSError as error:  # then it is never killed as a whole, since we are in it
                self.spec["cages"].remove(cage)
                self.limits.append(f"{cage['home']} not entered: {error.strerror}")

    def _watch(self) -> None:
        """Until nothing of the run is left. A stop that came before we could hear it is read first."""
        if os.path.exists(self.run.stop):  # noqa: PTH110
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
                if self.stopping:
                    self._ask_who_has_left_the_group()

    def _ask_who_has_left_the_group(self) -> None:
        """They were the command's to end, and it has ended without: what is left of the grace is theirs."""
        others = []
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                others += [pid] if os.getpgid(pid) != self.child else []
        send(others, signal.SIGTERM)
        send(others, signal.SIGCONT)

    def _is_overdue(self) -> bool:
        """A run ends with its command; only under a stop have the others the rest of the grace."""
        if self.stopping:
            return self.kill_at is not None and time.monotonic() >= self.kill_at
        return self.status is not None

    def _asked_to_stop(self) -> None:
        asked = read_note(self.run.stop)
        if asked is None:  # it was meant for the run before, which had just ended
            return
        grace = float(asked.get("grace_s", DEFAULT_GRACE_S))
        kill_at = time.monotonic() + grace
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)
        if grace > 0 and not self.stopping and self.child and self.status is None:
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
        for cage in self.spec["cages"]:
            with contextlib.suppress(OSError):
                if PIDS_MAX in cage["set"]:  # or what forks without end would fill each place that a kill makes free
                    _write_text(f"{cage['dir']}/{PIDS_MAX}", "0")
                _write_text(f"{cage['dir']}/cgroup.kill", "1")
        send(descendants(os.getpid()), signal.SIGKILL)

    def _write_end(self, failure: str | None) -> None:
        ended = self.ended_at if self.ended_at and not self.stopping else wall_us()
        record: Record = {
            "code": None if self.status is None else os.waitstatus_to_exitcode(self.status),
            "error": failure,
            "at": ended,
            "asleep_us": asleep_us() - self.slept_at_start,
            "oom": self._happened("oom_kill", "memory.events", "memory.oom_control"),
            "crowded": self._happened("max", "pids.events"),
        }
        for cage in self.spec["cages"]:
            with contextlib.suppress(OSError):
                os.rmdir(cage["dir"])  # noqa: PTH106
        while True:
            try:
                append(self.run, record)
            except FileNotFoundError:
                return  # the run's directory was taken away: nobody asks any more
            except OSError:
                signal.sigtimedwait(_HEARD, WRITE_AGAIN_S)  # a full disk must not cost the exit code
            else:
                return

    def _happened(self, event: str, *counters: str) -> bool:
        """Whether one of the cgroups has counted it."""
        for cage in self.spec["cages"]:
            for name in counters:
                with contextlib.suppress(OSError), open(f"{cage['dir']}/{name}") as file:  # noqa: PTH123
                    words = file.read().split()
                    if event in words and words[words.index(event) + 1] != "0":
                        return True
        return False


def _first_that_is(command: str, env: dict[str, str], start: Callable[[str], int]) -> int:
    """As a shell would look for it: along the run's own path, unless a directory is named."""
    if "/" in command:
        return start(command)
    refused: OSError | None = None
    for directory in env.get("PATH", os.defpath).split(":"):
        try:
            return start(f"{directory or '.'}/{command}")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            refused = error
    raise refused or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _taken_over(left: str, wanted: str) -> bool:
    """Whether an empty directory that a run has left is now another's: to make one is among the dearest things here."""
    try:
        facts = os.stat(left)  # noqa: PTH116
        if facts.st_mode & 0o7777 != 0o700 or facts.st_uid != os.getuid():
            return False
        os.rename(left, wanted)  # noqa: PTH104
        if not os.listdir(wanted):  # noqa: PTH208
            return True
        os.rename(wanted, left)  # noqa: PTH104
    except OSError:
        pass
    return False


def _write_text(file: str, text: str) -> None:
    fd = os.open(file, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
