"""The verbs of the simulated hypervisor. It accepts what it is given, plays the script of its labels, and ends it.

Capacity is the broker's business: this engine refuses only by chance (`no_capacity`), by faults, or without a key.
"""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

from core.clock import SECOND
from core.domain.engines import (
    Capabilities,
    GpuFound,
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
from core.domain.resources import Resources, parse_cpu, parse_duration, parse_gpu, parse_memory
from core.drivers.host import MACHINE, bound_here, only_on
from core.drivers.scripted import faults, world
from core.drivers.scripted.script import script_of
from core.drivers.scripted.world import Instance, Power, World

API_KEY = "BURSAR_SCRIPTED_API_KEY"
WORLD_FILE = "world.db"
MOST_NODES = 10_000
LONGEST_LAG_MS = 5000

Shown = tuple[int, Phase, Observed]


class ScriptedDriver:
    name: ClassVar[str] = "scripted"
    capabilities: ClassVar[Capabilities] = Capabilities(
        summary="a simulated hypervisor: nothing real is started",
        kinds=frozenset({"service", "job", "vm"}),
        suspend=True,
        keeps_disk=True,
        logs=True,
        discover=True,
        gpu=True,
        gpu_share=True,
        local=True,
        simulated=True,
        batch=True,
        eventual_list_s=LONGEST_LAG_MS / 1000,
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("auth", f"`required` demands {API_KEY} in the environment", "open", ("open", "required")),
        Setting("no_capacity", "share of creations refused with 'no resources'", "0"),
        Setting("seed", "seed of all that happens by chance", "1"),
        Setting("faults", "faults to play, such as ensure:hang@0.05,observe:engine_down"),
        Setting("boot", "how long an instance takes to start", "0s"),
        Setting("visible_after", "how long a new instance is missing from listings", "0s"),
        Setting("stop_takes", "how long an instance takes to end once asked", "0s"),
        Setting("nodes", "how many nodes `discover` finds", "1"),
        Setting("node_cpu", "CPUs of each", "64"),
        Setting("node_ram", "memory of each", "512"),
        Setting("node_gpu", "GPUs of each", "8"),
        Setting("gpu_model", "their model", "sim-gpu"),
        MACHINE,
    )
    secret_names: ClassVar[tuple[str, ...]] = (API_KEY,)

    def __init__(self, site: Site) -> None:
        given = {setting.name: setting.default for setting in self.settings} | self.kept_settings(site.settings)
        self._site = site
        self._given = given
        self._rules = faults.parse_rules(given["faults"])
        self._refused_milli = faults.parse_share("no_capacity", given["no_capacity"])
        self._boot_us = _micro(given, "boot")
        self._lag_us = _micro(given, "visible_after")
        self._stop_us = _micro(given, "stop_takes")
        self._shown: dict[str, dict[int, Shown]] = {}  # by install: what was seen last, so that only changes are read
        self.world = World(site.home / WORLD_FILE, wait_s=site.deadline_s)

    @classmethod
    def kept_settings(cls, settings: Mapping[str, str]) -> dict[str, str]:
        given = {setting.name: setting.default for setting in cls.settings} | dict(settings)
        faults.parse_rules(given["faults"])
        faults.parse_share("no_capacity", given["no_capacity"])
        for name in ("boot", "stop_takes"):
            _micro(given, name)
        parse_duration(given["visible_after"], name="visible_after", shortest_ms=0, longest_ms=LONGEST_LAG_MS)
        _nodes(given)
        return bound_here(settings)

    def ensure(self, spec: Spec) -> Observed:
        answer = self.ensure_many((spec,))[0]
        if isinstance(answer, BursarError):
            raise answer
        return answer

    def ensure_many(self, specs: Sequence[Spec]) -> list[Observed | BursarError]:
        now = self._site.clock.now()
        answers: list[Observed | BursarError] = []
        lost = False
        with self._change("ensure") as (db, fault):
            lost = fault == faults.LOST_ANSWER
            for spec in specs:
                try:
                    answers.append(self._adopted_or_created(db, spec, now))
                except BursarError as error:
                    answers.append(error)
        if lost:
            raise self._timeout("ensure")
        return answers

    def observe(self, install: str) -> Observation:
        now = self._site.clock.now()
        with self._call("observe") as (db, fault):
            listed = world.outlines(db, now)
            if fault == faults.TRUNCATED:
                listed = listed[: len(listed) // 2]
            shown = self._shown.get(install, {})
            changed = [id_ for id_, version, phase in listed if id_ not in shown or shown[id_][:2] != (version, phase)]
            fresh = {one.id: one for one in world.by_ids(db, changed)}
        now_shown: dict[int, Shown] = {}
        for id_, version, phase in listed:
            one = fresh.get(id_)
            if one is None:
                now_shown[id_] = shown[id_]
            else:
                now_shown[id_] = (version, phase, one.observed(now, Token.read(one.token, install)))
        self._shown[install] = now_shown
        seen = tuple(entry[2] for entry in now_shown.values())
        return Observation(now, seen, complete=fault != faults.TRUNCATED)

    def stop(self, token: Token, grace_s: float) -> None:
        now = self._site.clock.now()
        grace_us = round(grace_s * SECOND)
        with self._change("stop") as (db, fault):
            found = world.by_token(db, token)
            if found is not None and not found.is_over(now):
                found.power, found.left_us = Power.ON, None
                if found.deaf or grace_us == 0:
                    found.end(now + grace_us, 128 + world.SIGKILL)
                else:
                    found.end(now + min(self._stop_us, grace_us), 128 + world.SIGTERM)
                world.save(db, found, now)
        self._answer(fault, "stop")

    def forget(self, token: Token) -> None:
        now = self._site.clock.now()
        with self._change("forget") as (db, fault):
            found = world.by_token(db, token)
            if found is not None and not found.is_over(now):
                raise trouble(Trouble.STILL_LIVE, f"{found.engine_id} is {found.phase(now)}", "stop it first")
            if found is not None and found.power is not Power.DELETED:
                found.power = Power.DELETED
                world.save(db, found, now)
        self._answer(fault, "forget")

    def suspend(self, token: Token) -> None:
        now = self._site.clock.now()
        with self._change("suspend") as (db, fault):
            found = self._live(db, token, now)
            if found.power is Power.ON:
                found.left_us = None if found.ends_at is None else found.ends_at - now
                found.power, found.ends_at = Power.SUSPENDED, None
                world.save(db, found, now)
        self._answer(fault, "suspend")

    def resume(self, token: Token) -> None:
        now = self._site.clock.now()
        with self._change("resume") as (db, fault):
            found = self._live(db, token, now)
            if found.power is Power.SUSPENDED:
                found.ends_at = None if found.left_us is None else now + found.left_us
                found.power, found.left_us = Power.ON, None
                world.save(db, found, now)
        self._answer(fault, "resume")

    def logs(self, token: Token, *, tail: int | None = None, cursor: str | None = None) -> LogChunk:
        now = self._site.clock.now()
        with self._call("logs") as (db, _):
            found = world.by_token(db, token)
        if found is None:
            raise trouble(Trouble.NO_SUCH_RUN, f"no instance bears {token}")
        lines = _story(found, now)
        seen = int(cursor) if cursor is not None and cursor.isdigit() else 0
        fresh = lines[seen:] if cursor is not None or tail is None else lines[max(0, len(lines) - tail) :]
        return LogChunk("".join(f"{line}\n" for line in fresh), str(len(lines)), ended=found.is_over(now))

    def discover(self) -> tuple[NodeFound, ...]:
        with self._call("discover"):
            return _nodes(self._given)

    def close(self) -> None:
        self.world.close()

    def _adopted_or_created(self, db: sqlite3.Connection, spec: Spec, now: int) -> Observed:
        found = world.by_token(db, spec.token)
        if found is None:
            found = self._switched_on_again(db, spec, now) or self._created(db, spec, now)
        return found.observed(now, spec.token)

    def _switched_on_again(self, db: sqlite3.Connection, spec: Spec, now: int) -> Instance | None:
        """The machine that an earlier generation left switched off, under the new token."""
        if spec.kind != "vm":
            return None
        for kept in reversed(world.of_lineage(db, spec.token)):
            if kept.phase(now) is not Phase.OFF:
                raise trouble(Trouble.STILL_LIVE, f"{kept.engine_id} of {kept.token} is {kept.phase(now)}")
            script = script_of(spec, self._boot_us)
            kept.token, kept.stopped, kept.exit_code = str(spec.token), False, script.exit_code
            kept.started_at = now + script.boot_us
            kept.ends_at = None if script.duration_us is None else kept.started_at + script.duration_us
            kept.node, kept.resources, kept.devices = spec.node, spec.resources, spec.gpu_devices
            return world.save(db, kept, now)
        return None

    def _created(self, db: sqlite3.Connection, spec: Spec, now: int) -> Instance:
        if spec.kind not in self.capabilities.kinds:
            raise trouble(Trouble.CANNOT_RUN, f"the hypervisor runs no {spec.kind[:40]!a}")
        script = script_of(spec, self._boot_us)
        if faults.drawn(db, self._refused_milli, self._given["seed"]):
            raise trouble(Trouble.NO_CAPACITY, "the hypervisor has no resources for this", "it is tried again")
        started = now + script.boot_us
        return world.insert(
            db,
            Instance(
                id=None,
                token=str(spec.token),
                lineage=world.lineage(spec.token),
                name=spec.name,
                kind=spec.kind,
                node=spec.node,
                resources=spec.resources,
                devices=spec.gpu_devices,
                labels=spec.labels,
                public_ip=spec.public_ip,
                power=Power.ON,
                created_at=now,
                updated_at=now,
                visible_at=now + self._lag_us,
                started_at=started,
                ends_at=None if script.duration_us is None else started + script.duration_us,
                exit_code=128 + world.SIGKILL if script.oom else script.exit_code,
                deaf=script.deaf,
                oom=script.oom,
                utilization=script.utilization_milli,
            ),
        )

    def _live(self, db: sqlite3.Connection, token: Token, now: int) -> Instance:
        found = world.by_token(db, token)
        if found is None or found.is_over(now):
            raise trouble(Trouble.NO_SUCH_RUN, f"nothing that runs bears {token}")
        return found

    @contextmanager
    def _change(self, verb: str) -> Iterator[tuple[sqlite3.Connection, str | None]]:
        fault = self._meets(verb)
        with self.world.change() as db:
            yield db, fault

    @contextmanager
    def _call(self, verb: str) -> Iterator[tuple[sqlite3.Connection, str | None]]:
        fault = self._meets(verb)
        self._answer(fault, verb)
        with self.world.look() as db:
            yield db, fault

    def _meets(self, verb: str) -> str | None:
        """The fault of this call; those that keep it from having any effect are raised here."""
        only_on(self._given[MACHINE.name])
        if self._given["auth"] == "required" and not self._site.secrets.get(API_KEY):
            hint = f"set {API_KEY} (or {API_KEY}_FILE) for the daemon"
            raise trouble(Trouble.UNAUTHORIZED, "the hypervisor wants an API key", hint)
        fault = self._struck(verb)
        if fault == faults.HANG:
            self._site.clock.sleep(self._site.deadline_s)
            raise self._timeout(verb)
        if fault is not None and fault not in (faults.LOST_ANSWER, faults.TRUNCATED):
            raise trouble(Trouble(fault), f"the hypervisor refused to {verb}: {fault.replace('_', ' ')}")
        return fault

    def _struck(self, verb: str) -> str | None:
        with self.world.look() as db:
            none_waits = db.execute("SELECT 1 FROM faults LIMIT 1").fetchone() is None
        if none_waits and not self._rules:
            return None
        with self.world.change() as db:
            return faults.strike(db, verb, self._rules, self._given["seed"])

    def _answer(self, fault: str | None, verb: str) -> None:
        if fault == faults.LOST_ANSWER:
            raise self._timeout(verb)

    def _timeout(self, verb: str) -> BursarError:
        return trouble(Trouble.TIMEOUT, f"the hypervisor did not answer {verb} within {self._site.deadline_s:g} s")


def _story(one: Instance, now: int) -> list[str]:
    phase = one.phase(now)
    lines = [f"[simulated] {one.name} was created as {one.engine_id}"]
    if phase is not Phase.STARTING:
        lines.append(f"[simulated] {one.name} runs" + (f" on {one.node}" if one.node else ""))
    if one.is_over(now):
        lines.append(f"[simulated] {one.name} ended with exit code {one.exit_code}")
    return lines


def _micro(given: Mapping[str, str], name: str) -> int:
    return 1000 * parse_duration(given[name], name=name, shortest_ms=0)


def _nodes(given: Mapping[str, str]) -> tuple[NodeFound, ...]:
    count = given["nodes"]
    if not (count.isascii() and count.isdigit() and len(count) <= 5 and 1 <= int(count) <= MOST_NODES):
        raise Invalid("bad_setting", f"nodes: {count[:40]!a} is not a number of nodes", f"give 1 to {MOST_NODES}")
    each = Resources(
        parse_cpu(given["node_cpu"], name="node_cpu"),
        parse_memory(given["node_ram"], name="node_ram"),
        parse_gpu(given["node_gpu"], name="node_gpu"),
    )
    host = platform.node() or "sim"
    names = [f"sim-{n}" for n in range(1, int(count) + 1)] if int(count) > 1 else [f"sim-{host}"]
    return tuple(
        NodeFound(
            name=name,
            capacity=each,
            gpus=tuple(GpuFound(f"{name}-gpu{i}", i, given["gpu_model"]) for i in range(each.gpu_milli // 1000)),
            labels={"simulated": "yes"},
        )
        for name in names
    )
