"""The containers of one engine: found, made, started, signalled, removed. One engine, one set of threads' errands."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from core.clock import MINUTE, SECOND, Clock
from core.domain.engines import GpuFound, NodeFound, Observed, Phase, Spec, Token, Trouble, trouble
from core.domain.errors import BursarError, Invalid, NotFound, Unavailable
from core.domain.images import ImageReference, parse_image
from core.drivers import nvml
from core.drivers.docker import podman, usage
from core.drivers.docker.discovery import node_found
from core.drivers.docker.engine import NOT_FOUND, Engine, Json, NotThere, Taken
from core.drivers.docker.pulling import Pulls
from core.drivers.docker.reading import Circumstances, devices_of, instant, observed, phase_of, token_of
from core.drivers.docker.recipe import Place, Rules, create_arguments, full_reference, name_of, read_image, refuse_unfit
from core.drivers.docker.restarts import EngineLife
from core.drivers.docker.troubles import Act, from_status, refuses_disk_limits

# What was read of a container is believed for so long where the listing shows no change.
_BELIEVED = MINUTE
# A monitor needs a moment to tell an end; only after that does its silence mean that it is dead itself.
_SILENT = 2 * SECOND
_SAME_BATCH = 5 * SECOND
_GPUS_FRESH = SECOND
_BLOCK = 1 << 16
_GOING = ("running", "paused", "restarting")


@dataclass(frozen=True, slots=True)
class _Kept:
    state: str
    inspected: Json
    at: int


class Containers:
    def __init__(
        self, cluster: str, engine: Engine, rules: Rules, clock: Clock, credentials: dict[str, dict[str, str]]
    ) -> None:
        self.engine = engine
        self._place = Place(cluster, engine.node)
        self._rules = rules
        self._clock = clock
        self.pulls = Pulls(engine, clock, credentials, self.make)
        self._life = EngineLife(engine.host.socket)
        self._images: dict[str, tuple[int, Json]] = {}
        self._kept: dict[str, _Kept] = {}
        self._dead_since: dict[str, int] = {}
        self._killed: set[str] = set()
        self._meter = usage.UsageMeter()
        self._gpus_seen: tuple[int, dict[str, GpuFound]] = (-_GPUS_FRESH, {})
        self._guard = threading.Lock()

    @property
    def node(self) -> str:
        return self.engine.node

    def ensure(self, spec: Spec) -> Observed:
        """Adopt what bears its name; else make it, or fetch its image first."""
        found = self.inspect(spec.token)
        if found is not None:
            return self._adopted(spec, found)
        refuse_unfit(spec, self._rules, self._offered() if spec.gpu_devices else None)
        if self._image(spec) is None:
            waits = self.pulls.find_waiting(spec.token) or self.pulls.wait_for(spec)
            if waits is not None:
                return waits
            made = self.inspect(spec.token)
            if made is not None:
                return self.seen(made, spec.token.install)
        return self.make(spec)

    def make(self, spec: Spec) -> Observed:
        """Create and start; where somebody was quicker with the same name, adopt."""
        image = self._image(spec)
        if image is None:
            raise trouble(Trouble.IMAGE_MISSING, f"{spec.image} is not on {self.node}", None)
        try:
            self._create(spec, image)
        except Taken:
            found = self.inspect(spec.token)
            if found is None:
                raise trouble(Trouble.ENGINE_FAULT, f"{self.node}: {name_of(spec.token)} comes and goes") from None
            return self._adopted(spec, found)
        return self._started(spec)

    def inspect(self, token: Token) -> Json | None:
        """The container with its name; an error where a stranger bears it."""
        try:
            found: Json = self.engine.ask(Act.LOOK, lambda api: api.inspect_container(name_of(token)))
        except NotThere:
            return None
        if token_of(found) != token:
            message = f"{self.node}: {name_of(token)} is there, and is not ours"
            raise trouble(Trouble.ENGINE_FAULT, message, "rename or remove it")
        return found

    def discovered(self) -> NodeFound:
        self.engine.probe()
        return node_found(self.engine, self._offered())

    def seen(self, inspected: Json, install: str) -> Observed:
        return observed(inspected, self._circumstances(inspected, install, {}))

    def listed(self, install: str, pool: Executor) -> list[Observed]:
        """All that the engine has, and what waits here for its image."""
        now = self._clock.now()
        try:
            summaries: list[Json] = self.engine.ask(Act.LOOK, lambda api: api.containers(all=True))
        except Unavailable:
            self._life.was_away(now)
            raise
        self._life.answered(now)
        ids = {one["Id"] for one in summaries}
        for gone in self._kept.keys() - ids:
            self._kept.pop(gone, None)
            self._dead_since.pop(gone, None)
        self._meter.keep(ids)
        inspected = [one for one in pool.map(lambda s: self._refreshed(s, now), summaries) if one is not None]
        gpus = self._gpus(now) if any(map(devices_of, inspected)) else {}
        found = [observed(one, self._circumstances(one, install, gpus)) for one in inspected]
        return found + self.pulls.shown(install, [one.token for one in found if one.token is not None])

    def signal(self, token: Token, *, kill: bool) -> None:
        """Ask it to end, or end it. What was made and never started is removed: then it surely does not run."""
        self.pulls.give_up(token)
        found = self.inspect(token)
        if found is None:
            return
        state = found.get("State") or {}
        if phase_of(state, Circumstances(token.install, self._place)) is Phase.STARTING:
            self.remove(found["Id"], force=True)
            return
        if state.get("Status") not in _GOING:
            return
        with contextlib.suppress(NotThere, _Stopped):
            if state.get("Status") == "paused":
                self._do(lambda api: api.unpause(found["Id"]))
            if kill:
                self._killed.add(found["Id"])
                self._do(lambda api: api.kill(found["Id"], signal="SIGKILL"))
            else:
                how = (found.get("Config") or {}).get("StopSignal") or "SIGTERM"
                self._do(lambda api: api.kill(found["Id"], signal=str(how)))

    def pause(self, found: Json, *, paused: bool) -> None:
        if ((found.get("State") or {}).get("Status") == "paused") is paused:
            return
        with contextlib.suppress(_Stopped):
            self._do(lambda api: api.pause(found["Id"]) if paused else api.unpause(found["Id"]))

    def remove(self, container: str, *, force: bool = False) -> None:
        with contextlib.suppress(NotThere):
            self.engine.ask(Act.OTHER, lambda api: api.remove_container(container, v=True, force=force))

    def log_stream(self, container: str, *, since_s: int | None, tail: int | None) -> Iterator[bytes]:
        """The stream of its two outputs as the engine sends it, each entry with its instant before it.

        The SDK's own way would lose which output an entry came from.
        """
        params: Json = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": 0, "tail": "all" if tail is None else tail}
        if since_s is not None:
            params["since"] = since_s

        def read(api: Any) -> list[bytes]:
            url = f"{api.base_url}/v{api.api_version}/containers/{container}/logs"
            with api.get(url, params=params, stream=True, timeout=api.timeout) as answer:
                if answer.status_code == NOT_FOUND:
                    raise NotThere(container)
                if not answer.ok:
                    raise from_status(answer.status_code, answer.text, Act.LOOK, self.node)
                return list(answer.iter_content(_BLOCK))

        yield from self.engine.ask(Act.LOOK, read)

    def _adopted(self, spec: Spec, found: Json) -> Observed:
        """What was made and not started, because somebody died in between, is started now."""
        self.pulls.give_up(spec.token)
        one = self.seen(found, spec.token.install)
        return self._started(spec) if one.phase is Phase.STARTING else one

    def _started(self, spec: Spec) -> Observed:
        name = name_of(spec.token)
        try:
            self.engine.ask(Act.START, lambda api: api.start(name))
        except NotThere as error:
            raise trouble(Trouble.ENGINE_FAULT, f"{self.node}: {name} vanished before its start: {error}") from None
        except BursarError as error:
            if not isinstance(error, Unavailable):
                self.remove(name, force=True)  # it would stay for ever, and be taken for one that is starting
            raise
        found = self.inspect(spec.token)
        if found is None:
            raise trouble(Trouble.ENGINE_FAULT, f"{self.node}: {name} vanished as it started")
        return self.seen(found, spec.token.install)

    def _create(self, spec: Spec, image: Json) -> None:
        bounded = bool(spec.resources.disk_mib) and self.engine.bounds_disks is not False
        try:
            self._post(spec, image, bounds_disk=bounded)
        except BursarError as error:
            if not bounded or not refuses_disk_limits(error.message):
                raise
            self.engine.bounds_disks = False
            self._post(spec, image, bounds_disk=False)
        else:
            self.engine.bounds_disks = True if bounded else self.engine.bounds_disks

    def _post(self, spec: Spec, image: Json, *, bounds_disk: bool) -> None:
        body = create_arguments(
            spec,
            self._rules,
            self._place,
            pinned=_pinned(image, read_image(spec)),
            is_podman=self.engine.traits.is_podman,
            bounds_disk=bounds_disk,
        )
        name = name_of(spec.token)
        try:
            if spec.gpu_devices and self.engine.traits.is_podman:
                devices = [f"{self._rules.cdi}={device}" for device in spec.gpu_devices]
                self.engine.create_by_podman(podman.own_arguments(body, name, devices))
            else:
                self.engine.ask(Act.CREATE, lambda api: api.create_container_from_config(body, name=name))
        except NotThere as error:
            self._images.clear()
            raise trouble(Trouble.IMAGE_MISSING, f"{self.node}: {error}", "it is fetched at the next attempt") from None

    def _offered(self) -> frozenset[str] | None:
        """The GPUs that it names; None where each may be asked for: by Docker, or where we cannot look."""
        if self.engine.host.socket is None or not self.engine.traits.is_podman:
            return None
        return podman.devices_offered(self._rules.cdi)

    def _image(self, spec: Spec) -> Json | None:
        """What its image is at present; a batch of the same image asks once."""
        reference = full_reference(read_image(spec))
        now = self._clock.now()
        known = self._images.get(reference)
        if known is not None and now - known[0] < _SAME_BATCH:
            return known[1]
        self._images.pop(reference, None)
        try:
            found: Json = self.engine.ask(Act.LOOK, lambda api: api.inspect_image(reference))
        except NotThere:
            return None
        self._images[reference] = (now, found)
        return found

    def _refreshed(self, summary: Json, now: int) -> Json | None:
        """Its full record, from memory where the listing shows no change."""
        container, state = summary["Id"], str(summary.get("State", ""))
        kept = self._kept.get(container)
        over = state in ("exited", "dead")
        if kept is not None and kept.state == state and (over or now - kept.at < _BELIEVED):
            return kept.inspected
        try:
            found: Json = self.engine.ask(Act.LOOK, lambda api: api.inspect_container(container))
        except NotThere:
            return None  # it went between the two questions
        if (found.get("State") or {}).get("Status") == state:
            self._kept[container] = _Kept(state, found, now)
        return found

    def _circumstances(self, inspected: Json, install: str, gpus: dict[str, GpuFound]) -> Circumstances:
        container, state, now = inspected["Id"], inspected.get("State") or {}, self._clock.now()
        status, pid = state.get("Status"), int(state.get("Pid") or 0)
        is_podman = self.engine.traits.is_podman
        use, dead_since = None, None
        if self.engine.host.socket is not None and status in _GOING and pid:
            use = usage.with_gpus(self._meter.use(container, pid, now), devices_of(inspected), gpus)
            dead_since = self._silent_since(container, pid, now) if is_podman else None
        killed = container in self._killed
        return Circumstances(
            install=install,
            place=self._place,
            is_podman=is_podman,
            dead_since=dead_since,
            ended_by_engine=not (killed or is_podman)  # Podman's service may go and come: its containers do not care
            and self._life.ended(instant(state.get("StartedAt")), instant(state.get("FinishedAt")), _code(state)),
            killed_by_us=killed,
            use=use,
        )

    def _silent_since(self, container: str, pid: int, now: int) -> int | None:
        """Since when its process has been dead while the engine says that it runs, once that is no mere delay."""
        if usage.is_alive(pid) or not usage.may_look():
            self._dead_since.pop(container, None)
            return None
        self._kept.pop(container, None)  # the next look asks anew
        since = self._dead_since.setdefault(container, now)
        return since if now - since >= _SILENT else None

    def _gpus(self, now: int) -> dict[str, GpuFound]:
        """By id and by number; asked no oftener than their figures say anything new."""
        if self.engine.host.socket is None:
            return {}
        with self._guard:
            at, known = self._gpus_seen
            if now - at >= _GPUS_FRESH:
                found = nvml.find_gpus(nvml.load_library())
                known = {key: gpu for gpu in found for key in (gpu.id, str(gpu.index))}
                self._gpus_seen = (now, known)
        return known

    def _do(self, question: Callable[[Any], object]) -> None:
        """A signal to something that has just ended is not refused: there is nothing more to do."""
        try:
            self.engine.ask(Act.OTHER, question)
        except (BursarError, Taken) as error:
            text = str(error).lower()
            if isinstance(error, NotFound) or any(words in text for words in _OVER):
                raise _Stopped from None
            raise


class _Stopped(Exception):
    """It had ended, or was in the asked state, before our word reached it."""


_OVER = ("is not running", "not running", "is not paused", "already paused", "can only kill running", "is paused")


def _code(state: Json) -> int | None:
    code = state.get("ExitCode")
    return code if isinstance(code, int) else None


def _pinned(image: Json, asked: ImageReference) -> str:
    """What the tag stood for when it was looked up; an image may be known by digests of several repositories."""
    digests = [str(digest) for digest in image.get("RepoDigests") or ()]
    here = [digest for digest in digests if _repository(digest) == asked.full_repository()]
    return (here or digests or [str(image.get("Id", ""))])[0]


def _repository(digest: str) -> str | None:
    try:
        return parse_image(digest).full_repository()
    except Invalid:  # such as <none>@<none>
        return None
