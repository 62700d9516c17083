"""The verbs for containers, over all engines of a cluster. The engines hold the truth; what is kept here is a copy."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

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
from core.drivers.docker.containers import Containers
from core.drivers.docker.engine import Engine, Json, NotThere
from core.drivers.docker.hosts import HOST, TLS, detected, hosts_of, sockets_here
from core.drivers.docker.logs import Cursor, chunk_of, entries
from core.drivers.docker.pulling import credentials_of
from core.drivers.docker.recipe import Rules
from core.drivers.host import MACHINE, bound_here, only_on

AUTH = "DOCKER_AUTH_CONFIG"
# Together they start three times as many a second as one after the other; more bring nothing.
_HANDS = 4
_SHARE_OF_DEADLINE = 0.7
# One of several that hangs is left alone for so long.
_REST_S = 30.0
# An engine that is away must not make the whole cluster rest, so that of several it is the trouble of its own.
_OF_ONE_NODE = frozenset({Trouble.ENGINE_DOWN, Trouble.TIMEOUT, Trouble.UNAUTHORIZED, Trouble.RATE_LIMITED})


class DockerDriver:
    name: ClassVar[str] = "docker"
    capabilities: ClassVar[Capabilities] = Capabilities(
        summary="containers on engines of Docker or Podman, one engine for each node",
        suspend=True,
        logs=True,
        discover=True,
        gpu=True,
        gpu_share=True,
        isolates_memory=True,
        needs_image=True,
        local=False,  # by its settings: one with a unix socket is bound to its machine
        batch=True,
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(HOST, "the engine: unix://, tcp:// or ssh://; by itself the socket found on this host"),
        Setting(f"{HOST}.NODE", "the engine of another node"),
        Setting(TLS, "a directory with ca.pem, cert.pem and key.pem, for engines on tcp://"),
        Setting(f"{TLS}.NODE", "the same for one node"),
        Setting("plain_tcp", "`yes` allows engines on tcp:// without TLS: whoever reaches them is root there", "no",
                ("no", "yes")),
        Setting("network", "what containers may have at most; `none` cuts all of them off", "bridge",
                ("bridge", "none")),
        Setting("publish", "the address on which containers may publish ports; by itself on none"),
        Setting("mounts", "paths that containers may ask for by name: data=/srv/data,scratch=/scratch:rw"),
        Setting("init", "a first process in each container that reaps and heeds stops", "yes", ("yes", "no")),
        Setting("log_size", "how much of a run's output is kept, twice over", "16MiB"),
        Setting("processes", "how many processes a container may have", "4096"),
        Setting("cdi", "the kind of devices that Podman gives as GPUs", "nvidia.com/gpu"),
        MACHINE,
    )  # fmt: skip
    secret_names: ClassVar[tuple[str, ...]] = (AUTH,)

    def __init__(self, site: Site) -> None:
        kept = self.kept_settings(site.settings)
        self._given = {setting.name: setting.default for setting in self.settings} | kept
        self._site = site
        rules, credentials = Rules.read(self._given), credentials_of(site.secrets.get(AUTH, ""))
        hosts = hosts_of(kept)
        rest_s = _REST_S if len(hosts) > 1 else 0.0
        self._nodes = {
            host.node: Containers(
                site.cluster, Engine(host, site.deadline_s / 2, rest_s), rules, site.clock, credentials
            )
            for host in hosts
        }
        # Looks and starts have threads apart: whoever waits for one must not hold what the other needs.
        self._looking = ThreadPoolExecutor(len(self._nodes), thread_name_prefix="bursar-docker-look")
        self._working = ThreadPoolExecutor(_HANDS * len(self._nodes), thread_name_prefix="bursar-docker")
        self._timers: dict[Token, tuple[float, threading.Timer]] = {}
        self._guard = threading.Lock()

    @classmethod
    def kept_settings(cls, settings: Mapping[str, str]) -> dict[str, str]:
        kept = dict(settings)
        if not any(name.partition(".")[0] == HOST and url for name, url in kept.items()):
            kept[HOST] = detected()
        hosts = hosts_of(kept)
        Rules.read({setting.name: setting.default for setting in cls.settings} | kept)
        unknown = [name for name in kept if name.startswith(f"{TLS}.") and name[4:] not in {h.node for h in hosts}]
        if unknown:
            raise Invalid("bad_setting", f"{unknown[0]}: no such node has a host", f"give {HOST}.{unknown[0][4:]}")
        return bound_here(kept) if any(host.socket for host in hosts) else kept

    @classmethod
    def found_here(cls) -> list[dict[str, str]]:
        return [{HOST: url} for url in sockets_here()]

    def ensure(self, spec: Spec) -> Observed:
        answer = self.ensure_many((spec,))[0]
        if isinstance(answer, BursarError):
            raise answer
        return answer

    def ensure_many(self, specs: Sequence[Spec]) -> list[Observed | BursarError]:
        self._only_here()
        until = time.monotonic() + _SHARE_OF_DEADLINE * self._site.deadline_s
        asked = {spec.token: spec for spec in specs}
        answers = dict(
            zip(asked, self._working.map(lambda spec: self._ensured(spec, until), asked.values()), strict=True)
        )
        return [answers[spec.token] for spec in specs]

    def observe(self, install: str) -> Observation:
        self._only_here()
        at = self._site.clock.now()
        looks = {name: self._looking.submit(node.listed, install, self._working) for name, node in self._nodes.items()}
        seen: list[Observed] = []
        errors: dict[str, BursarError] = {}
        for name, look in looks.items():
            try:
                seen += look.result()
            except BursarError as error:
                errors[name] = error
        if len(errors) == len(self._nodes):
            raise next(iter(errors.values()))
        _refuse_twins(seen)
        nodes = {name: errors[name].message if name in errors else "" for name in self._nodes}
        return Observation(at, tuple(seen), complete=not errors, nodes=nodes)

    def stop(self, token: Token, grace_s: float) -> None:
        self._only_here()
        home = self._home_of(token)
        for node in self._nodes.values():
            node.pulls.give_up(token)
        if home is None:
            self._carried_out(token)
            return
        with self._local_trouble():
            if grace_s <= 0:
                self._carried_out(token)
                home.signal(token, kill=True)
            elif self._carry(home, token, grace_s):
                home.signal(token, kill=False)

    def forget(self, token: Token) -> None:
        self._only_here()
        for node in self._nodes.values():
            node.pulls.give_up(token)
        home = self._home_of(token)
        found = home.inspect(token) if home else None
        if home is None or found is None:
            return
        seen = home.seen(found, token.install)
        if seen.is_live:
            raise trouble(Trouble.STILL_LIVE, f"{token} is {seen.phase}", "stop it first")
        with self._local_trouble():
            home.remove(found["Id"], force=seen.phase is Phase.GONE)

    def suspend(self, token: Token) -> None:
        home, found = self._live(token)
        home.pause(found, paused=True)

    def resume(self, token: Token) -> None:
        home, found = self._live(token)
        home.pause(found, paused=False)

    def logs(self, token: Token, *, tail: int | None = None, cursor: str | None = None) -> LogChunk:
        self._only_here()
        home = self._home_of(token)
        found = home.inspect(token) if home else None
        if home is None or found is None:
            raise trouble(Trouble.NO_SUCH_RUN, f"no container bears {token}")
        start = Cursor.parse(cursor)
        over = not home.seen(found, token.install).is_live
        since = start.second if start else None
        try:
            stream = home.log_stream(found["Id"], since_s=since, tail=None if start else tail)
            return chunk_of(entries(stream), start, over=over)
        except NotThere:
            raise trouble(Trouble.NO_SUCH_RUN, f"the container of {token} is gone") from None

    def discover(self) -> tuple[NodeFound, ...]:
        self._only_here()
        return tuple(node.discovered() for node in self._nodes.values())

    def close(self) -> None:
        for _, timer in self._timers.values():
            timer.cancel()
        for pool in (self._looking, self._working):
            pool.shutdown(wait=False, cancel_futures=True)
        for node in self._nodes.values():
            node.engine.close()

    def _ensured(self, spec: Spec, until: float) -> Observed | BursarError:
        if time.monotonic() >= until:  # its turn comes with the next call, since no listing shows it
            return Observed(
                spec.token, "", Phase.STARTING, name=spec.name, node=spec.node, message="waits for its turn"
            )
        try:
            node = self._node(spec)
            with self._local_trouble():
                return node.ensure(spec)
        except BursarError as error:
            return error

    def _node(self, spec: Spec) -> Containers:
        node = self._nodes.get(spec.node) if spec.node else next(iter(self._nodes.values()))
        if node is None:
            hint = f"give it one: --set {HOST}.{spec.node}=URL"
            raise trouble(Trouble.NO_CAPACITY, f"the node {spec.node} has no engine", hint)
        return node

    def _home_of(self, token: Token) -> Containers | None:
        """The node that has its container. Where one could not be asked and no other has it, nobody knows."""
        unknown: BursarError | None = None
        for node in self._nodes.values():
            try:
                with self._local_trouble():
                    if node.inspect(token) is not None:
                        return node
            except BursarError as error:
                unknown = error
        if unknown is not None:
            raise unknown
        return None

    def _live(self, token: Token) -> tuple[Containers, Json]:
        self._only_here()
        home = self._home_of(token)
        found = home.inspect(token) if home else None
        if home is None or found is None or not home.seen(found, token.install).is_live:
            raise trouble(Trouble.NO_SUCH_RUN, f"nothing that runs bears {token}")
        return home, found

    def _carry(self, home: Containers, token: Token, grace_s: float) -> bool:
        """Kill it when its grace is over; True where it has not been asked to end yet.

        The timer ends with this process. Whoever wanted the stop asks again, with what is left of the grace.
        """
        end = time.monotonic() + grace_s
        with self._guard:
            known = self._timers.get(token)
            if known is not None and known[0] <= end:
                return False
            if known is not None:
                known[1].cancel()
            timer = threading.Timer(grace_s, self._kill, (home, token))
            timer.daemon = True
            self._timers[token] = (end, timer)
            timer.start()
        return known is None

    def _kill(self, home: Containers, token: Token) -> None:
        self._carried_out(token)
        with contextlib.suppress(BursarError):  # it is asked for again
            home.signal(token, kill=True)

    def _carried_out(self, token: Token) -> None:
        with self._guard:
            _, timer = self._timers.pop(token, (0.0, None))
        if timer is not None:
            timer.cancel()

    @contextlib.contextmanager
    def _local_trouble(self) -> Iterator[None]:
        try:
            yield
        except BursarError as error:
            if len(self._nodes) > 1 and error.code in _OF_ONE_NODE:
                raise trouble(Trouble.ENGINE_FAULT, error.message, error.hint) from error
            raise

    def _only_here(self) -> None:
        only_on(self._given[MACHINE.name])


def _refuse_twins(seen: Sequence[Observed]) -> None:
    """Two URLs of one engine would count its capacity twice."""
    homes: dict[str, str] = {}
    for one in seen:
        home = homes.setdefault(one.engine_id, one.node)
        if home != one.node:
            message = f"{home} and {one.node} are one engine: both show container {one.engine_id[:12]}"
            raise trouble(Trouble.DRIVER_BROKEN, message, "take one of the two nodes away")
