"""The verbs for real processes of this host. The records in the run directories are the truth; none is kept here."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from core.clock import SECOND
from core.domain.engines import (
    Capabilities,
    LogChunk,
    NodeFound,
    Observation,
    Observed,
    Phase,
    Setting,
    Site,
    Spec,
    Token,
    Trouble,
    trouble,
)
from core.domain.errors import BursarError, Invalid
from core.domain.resources import parse_duration, parse_memory, parse_whole
from core.drivers import nvml
from core.drivers.host import MACHINE, bound_here, only_on, this_machine
from core.drivers.keeper.records import (
    OUTPUT,
    STOP,
    SUSPENDED,
    WORK,
    create_account,
    descendants,
    read_note,
    send,
    write_note,
)
from core.drivers.process import launch, logs
from core.drivers.process.connection import KeeperLine
from core.drivers.process.limits import Means, find_means
from core.drivers.process.machine import this_node
from core.drivers.process.runs import Live, Runs

HOST = "host"
MIB = 1 << 20
# A shim stands in the cgroup for the moment of a start. More than the most no host can tell apart.
FEWEST_PROCESSES, MOST_PROCESSES = 2, 4_194_304
_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}", re.ASCII)


class ProcessDriver:
    name: ClassVar[str] = "process"
    capabilities: ClassVar[Capabilities] = Capabilities(
        summary="real processes of this host, without a server",
        suspend=True,
        logs=True,
        discover=True,
        gpu=True,
        gpu_share=True,
        needs_command=True,
        local=True,
        shell_on_host=True,
        batch=True,
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("run_as", "the user of this host whom runs are started as; the daemon must be root"),
        Setting(
            "trust", "`members` lets them run commands as the daemon's own user", "operators", ("operators", "members")
        ),
        Setting("limits", "`rlimits` leaves cgroups alone", "auto", ("auto", "rlimits")),
        Setting("cgroup", "a cgroup of version 2 that was delegated to the daemon"),
        Setting("processes", "how many processes and threads a run may have", "4096"),
        Setting("log_size", "how much of a run's output is kept, twice over", "16MiB"),
        Setting("keeper_idle", "how long the keeper waits for a daemon before it ends", "60s"),
        MACHINE,
    )
    secret_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, site: Site) -> None:
        self._given = {setting.name: setting.default for setting in self.settings} | self.kept_settings(site.settings)
        self._site = site
        self._home = site.home.absolute()
        self._runs = Runs(self._home)
        idle_s = parse_duration(self._given["keeper_idle"], name="keeper_idle") / 1000
        self._line = KeeperLine(self._home, idle_s, site.deadline_s)
        self._log_bytes = parse_memory(self._given["log_size"]) * MIB
        self._means: Means | None = None
        self._lookout = nvml.Lookout()
        self._preparing = threading.Lock()

    @classmethod
    def found_here(cls) -> list[dict[str, str]]:
        return [{}]

    @classmethod
    def kept_settings(cls, settings: Mapping[str, str]) -> dict[str, str]:
        given = {setting.name: setting.default for setting in cls.settings} | dict(settings)
        user = given["run_as"]
        if user and (user == "root" or not _USER.fullmatch(user)):
            hint = "name a user of the host without rights of its own"
            raise Invalid("bad_setting", f"run_as: {user[:40]!a} cannot be used", hint)
        if given["cgroup"] and not given["cgroup"].startswith("/"):
            raise Invalid("bad_setting", "cgroup: give its whole path", "such as /sys/fs/cgroup/bursar")
        parse_whole(given["processes"], name="processes", least=FEWEST_PROCESSES, most=MOST_PROCESSES)
        if parse_memory(given["log_size"], name="log_size") < 1:
            raise Invalid("bad_setting", "log_size: at least 1MiB")
        parse_duration(given["keeper_idle"], name="keeper_idle")
        return bound_here(settings)

    def ensure(self, spec: Spec) -> Observed:
        answer = self.ensure_many((spec,))[0]
        if isinstance(answer, BursarError):
            raise answer
        return answer

    def ensure_many(self, specs: Sequence[Spec]) -> list[Observed | BursarError]:
        self._only_here()
        self._settle()
        found: dict[str, Observed | BursarError] = {}
        for spec in specs:
            name = str(spec.token)
            try:
                with self._preparing:
                    adopted = self._adopted_or_prepared(spec)
            except BursarError as error:
                found[name] = error
            else:
                if adopted is not None:
                    found[name] = adopted
        asked = [name for spec in specs if (name := str(spec.token)) not in found]
        if asked:
            found |= self._started(asked)
        return [found[str(spec.token)] for spec in specs]

    def observe(self, install: str) -> Observation:
        self._only_here()
        at = self._site.clock.now()
        if not self._runs.place.is_dir():  # never used, or taken away: then it proves nothing
            return Observation(at, (), complete=False)
        seen = []
        with _disk_answers(self._home):
            for name in self._runs.names():
                one = self._runs.observed(name)
                if one is not None:
                    ours = one.token is not None and one.token.install == install
                    seen.append(one if ours else _as_foreign(one))
        return Observation(at, (*seen, *self._stale(seen)))

    def _stale(self, seen: Sequence[Observed]) -> Iterator[Observed]:
        """GPUs that are busy although no run of this cluster has them, such as with what a dead run left there."""
        given = {device for one in seen if one.is_live for device in one.gpu_devices}
        for name, index in self._lookout.busy():
            devices = (name, str(index))  # as the engine calls it, and as one counts where totals made the node
            if not given.intersection(devices):
                yield Observed(None, f"gpu-{index}", Phase.RUNNING, "a process of its own", gpu_devices=devices)

    def stop(self, token: Token, grace_s: float) -> None:
        self._only_here()
        self._settle()
        account = self._runs.account(token)
        if account is None or account.ended is not None:
            return
        now = self._site.clock.now()
        place = self._runs.of(token).stop
        asked = read_note(place)
        if asked is None or now + grace_s * SECOND < asked["kill_at"]:
            asked = {"kill_at": now + round(grace_s * SECOND), "grace_s": grace_s}
            with _disk_answers(self._home):
                write_note(place, asked)
        live = self._runs.live(account)
        if live is None:  # the keeper starts nothing that was to be stopped, and a shim looks once it has started it
            return
        if live.is_watched():
            send([live.shim], signal.SIGTERM)
        elif not self._is_over(token):  # nobody carries the grace but whoever asks again
            if now >= asked["kill_at"]:
                live.seal()
            send(live.orphans(), signal.SIGKILL if now >= asked["kill_at"] else signal.SIGTERM)

    def forget(self, token: Token) -> None:
        self._only_here()
        name = str(token)
        seen = self._runs.observed(name)
        if seen is not None and seen.is_live:
            raise trouble(Trouble.STILL_LIVE, f"{token} is {seen.phase}", "stop it first")
        run = self._runs.of(token)
        for tree in (run.work, run.old_output):
            shutil.rmtree(tree, ignore_errors=True)
        for file in (run.output, run.stop, run.suspended, run.record):  # last what tells that there is something left
            Path(file).unlink(missing_ok=True)
        self._runs.forget(name)

    def suspend(self, token: Token) -> None:
        live = self._live(token)
        # First: if we die in between, it says so, whoever leads next asks again, and nothing stands still unnoticed.
        Path(self._runs.of(token).suspended).touch()
        still: set[int] = set()
        while fresh := set(_all_of(live)) - still:  # what was forked before its parent stood still is found next
            send(sorted(fresh), signal.SIGSTOP)
            still |= fresh
        if self._is_over(token):  # then its shim may have had another run by now, and that was stopped instead
            send(sorted(still), signal.SIGCONT)
            raise _no_such_run(token)

    def resume(self, token: Token) -> None:
        live = self._live(token)
        send(_all_of(live), signal.SIGCONT)
        Path(self._runs.of(token).suspended).unlink(missing_ok=True)

    def logs(self, token: Token, *, tail: int | None = None, cursor: str | None = None) -> LogChunk:
        self._only_here()
        run = self._runs.of(token)
        if self._runs.account(token) is None:
            raise trouble(Trouble.NO_SUCH_RUN, f"no run bears {token}")
        seen = self._runs.observed(run.name)
        return logs.read_chunk(run, tail=tail, cursor=cursor, over=seen is not None and not seen.is_live)

    def discover(self) -> tuple[NodeFound, ...]:
        self._only_here()
        return (this_node(self._home),)

    def close(self) -> None:
        self._line.close()
        self._lookout.close()

    def _adopted_or_prepared(self, spec: Spec) -> Observed | None:
        """What there is of it already; None where its record waits for the keeper."""
        run = self._runs.of(spec.token)
        if self._runs.account(spec.token) is not None:
            return self._runs.observed(run.name)
        launch.refuse_unfit(spec, self.capabilities, self._given)
        who = launch.person(self._given["run_as"])
        if self._means is None:
            self._means = find_means(self._given["limits"], self._given["cgroup"])
        most = int(self._given["processes"])
        limits = self._means.of(run.name, spec.resources, most, own_user=who is not None)
        record = launch.launch_record(spec, run, limits, who, self._log_bytes, self._site.clock.now())
        with _disk_answers(self._home):
            create_account(run, record)
        return None

    def _started(self, names: list[str]) -> dict[str, Observed | BursarError]:
        answers = self._line.start(names)
        found: dict[str, Observed | BursarError] = {}
        for name in names:
            answer = answers.get(name)
            if answer is None:
                found[name] = trouble(Trouble.TIMEOUT, f"{name}: no answer within {self._site.deadline_s:g} s")
            elif "error" in answer:
                found[name] = trouble(Trouble.ENGINE_FAULT, f"{name} was not started: {answer['error']}")
            else:
                seen = self._runs.observed(name)
                found[name] = seen or trouble(Trouble.ENGINE_FAULT, f"{name} was not started", "it is tried again")
        return found

    def _live(self, token: Token) -> Live:
        self._only_here()
        seen = self._runs.observed(str(token))
        account = self._runs.account(token)
        live = None if account is None else self._runs.live(account)
        if seen is None or live is None or not seen.is_live:
            raise _no_such_run(token)
        return live

    def _is_over(self, token: Token) -> bool:
        account = self._runs.account(token)
        return account is None or account.ended is not None

    def _settle(self) -> None:
        """Make the cluster's directory, and write into it to which host it belongs."""
        if self._runs.place.is_dir():
            return
        with _disk_answers(self._home):
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_note(str(self._home / HOST), {"machine": this_machine()})
            for kind in (OUTPUT, STOP, SUSPENDED, WORK):
                (self._home / kind).mkdir(mode=0o711, exist_ok=True)
            self._runs.place.mkdir(mode=0o700, exist_ok=True)  # last: it tells that the others are there

    def _only_here(self) -> None:
        only_on(self._given[MACHINE.name])
        only_on((read_note(str(self._home / HOST)) or {}).get("machine"))


def _no_such_run(token: Token) -> BursarError:
    return trouble(Trouble.NO_SUCH_RUN, f"nothing that runs bears {token}")


def _all_of(live: Live) -> list[int]:
    return descendants(live.shim) if live.is_watched() else live.orphans()


def _as_foreign(one: Observed) -> Observed:
    return Observed(
        token=None,
        engine_id=one.engine_id,
        phase=one.phase,
        name=one.name,
        node=one.node,
        resources=one.resources if one.is_live else one.resources.times(0),
        gpu_devices=one.gpu_devices if one.is_live else (),
        started_at=one.started_at,
        finished_at=one.finished_at,
    )


@contextlib.contextmanager
def _disk_answers(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise trouble(Trouble.ENGINE_FAULT, f"{home} cannot be used: {error.strerror}", "look at its disk") from None
