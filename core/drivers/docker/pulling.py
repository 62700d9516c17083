"""Images that are being fetched, and the runs that wait for them. It lives in memory: asked again, a pull goes on.

A run that waits is shown as starting, with how far its image is; when the image is there, its container is made.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.clock import MINUTE, Clock
from core.domain.engines import Observed, Phase, Spec, Token, Trouble, trouble
from core.domain.errors import BursarError
from core.domain.images import DEFAULT_REGISTRY, ImageReference
from core.drivers.docker.engine import Engine
from core.drivers.docker.recipe import full_reference, read_image
from core.drivers.docker.troubles import Act, from_pull

_REMEMBERED = 10 * MINUTE
# A small image, or a registry that says no, is worth waiting for: who looks once sees how it went.
_PATIENCE_S = 2.0
_HUB = "https://index.docker.io/v1/"


def credentials_of(text: str) -> dict[str, dict[str, str]]:
    """Registry -> user and password, from the form in which Docker's own configuration keeps them."""
    try:
        auths = json.loads(text).get("auths", {}) if text else {}
        return {host: _credential(kept) for host, kept in auths.items()}
    except (ValueError, AttributeError, KeyError, UnicodeDecodeError):
        hint = 'such as {"auths": {"ghcr.io": {"auth": "BASE64 OF user:password"}}}'
        raise trouble(Trouble.UNAUTHORIZED, "DOCKER_AUTH_CONFIG is not as Docker writes it", hint) from None


def _credential(kept: Mapping[str, str]) -> dict[str, str]:
    if "auth" in kept:
        user, _, password = base64.b64decode(kept["auth"], validate=True).decode().partition(":")
        return {"username": user, "password": password}
    return {"username": kept["username"], "password": kept["password"]}


@dataclass
class Pull:
    """One image on its way to one engine, and who waits for it."""

    image: str
    waiting: dict[Token, Spec] = field(default_factory=dict)
    layers: dict[str, tuple[int, int]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def note(self, line: Mapping[str, Any]) -> None:
        layer, status = str(line.get("id", "")), str(line.get("status", ""))
        detail = line.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self.layers[layer] = (int(detail.get("current", 0)), int(detail["total"]))
        elif status in ("Download complete", "Pull complete") and layer in self.layers:
            self.layers[layer] = (self.layers[layer][1], self.layers[layer][1])

    def progress(self) -> str:
        parts = list(self.layers.values())
        total = sum(size for _, size in parts)
        if not total:
            return f"pulling {self.image}"
        have = sum(got for got, _ in parts)
        ready = sum(got >= size for got, size in parts)
        return f"pulling {self.image}: {100 * have // total} %, {ready} of {len(parts)} layers"


class Pulls:
    """Of one engine. `make` creates the container of a spec whose image has come."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        credentials: Mapping[str, Mapping[str, str]],
        make: Callable[[Spec], object],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._credentials = credentials
        self._make = make
        self._guard = threading.Lock()
        self._pulls: dict[str, Pull] = {}
        self._failed: dict[Token, tuple[Spec, BursarError, int]] = {}

    def wait_for(self, spec: Spec) -> Observed | None:
        """Fetch its image and make it then; several runs of one image share one pull.

        None: it has been made meanwhile. The error of a pull that failed as quickly is raised.
        """
        image = full_reference(read_image(spec))
        with self._guard:
            self._failed.pop(spec.token, None)
            pull = self._pulls.get(image)
            if pull is None:
                pull = self._pulls[image] = Pull(image)
                threading.Thread(target=self._work, args=(pull, read_image(spec)), daemon=True).start()
            pull.waiting[spec.token] = spec
            waits = self._starting(spec, pull)
        if not pull.over.wait(_PATIENCE_S):
            return waits
        with self._guard:
            _, error, _ = self._failed.pop(spec.token, (None, None, None))
        if error is not None:
            raise error
        return None

    def give_up(self, token: Token) -> None:
        with self._guard:
            self._failed.pop(token, None)
            for pull in self._pulls.values():
                pull.waiting.pop(token, None)

    def shown(self, install: str, present: Iterable[Token]) -> list[Observed]:
        """What waits for its image, and what failed for the want of it."""
        there, now = set(present), self._clock.now()
        with self._guard:
            self._failed = {token: kept for token, kept in self._failed.items() if now - kept[2] < _REMEMBERED}
            waiting = [self._starting(spec, pull) for pull in self._pulls.values() for spec in pull.waiting.values()]
            failed = [self._refused(spec, error, at) for spec, error, at in self._failed.values()]
        mine = [one for one in (*waiting, *failed) if one.token is not None and one.token.install == install]
        return [one for one in mine if one.token not in there]

    def find_waiting(self, token: Token) -> Observed | None:
        shown = self.shown(token.install, ())
        return next((one for one in shown if one.token == token and one.phase is Phase.STARTING), None)

    def _starting(self, spec: Spec, pull: Pull) -> Observed:
        return self._about(spec, Phase.STARTING, pull.progress(), facts={"pull": pull.progress()})

    def _refused(self, spec: Spec, error: BursarError, at: int) -> Observed:
        return self._about(spec, Phase.FAILED, error.message, error=error.code, finished_at=at)

    def _about(self, spec: Spec, phase: Phase, message: str, **parts: Any) -> Observed:
        return Observed(
            token=spec.token,
            engine_id=f"pull:{spec.token}",
            phase=phase,
            name=spec.name,
            node=self._engine.node,
            resources=spec.resources,
            gpu_devices=spec.gpu_devices,
            labels=spec.labels,
            message=message,
            **parts,
        )

    def _work(self, pull: Pull, image: ImageReference) -> None:
        try:
            self._fetch(pull, image)
        except BursarError as error:
            self._give_up_all(pull, error)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait for it must be told
            self._give_up_all(pull, from_pull(f"{type(error).__name__}: {error}", pull.image))
        else:
            self._make_all(pull)
        pull.over.set()

    def _fetch(self, pull: Pull, image: ImageReference) -> None:
        host = _HUB if image.registry == DEFAULT_REGISTRY else image.registry
        known = self._credentials.get(host) or self._credentials.get(image.registry) or {}
        with self._engine.translated(Act.PULL, pull.image):
            api = self._engine.pulling_api()
            try:
                lines = api.pull(
                    image.full_repository(),
                    tag=image.digest or image.tag or "latest",
                    stream=True,
                    decode=True,
                    auth_config=dict(known),
                )
                for line in lines:
                    if "error" in line:
                        raise from_pull(str(line["error"]), pull.image)
                    pull.note(line)
            finally:
                api.close()

    def _give_up_all(self, pull: Pull, error: BursarError) -> None:
        with self._guard:
            self._pulls.pop(pull.image, None)
            now = self._clock.now()
            self._failed |= {token: (spec, error, now) for token, spec in pull.waiting.items()}

    def _make_all(self, pull: Pull) -> None:
        while True:
            with self._guard:
                token = next(iter(pull.waiting), None)
                if token is None:
                    self._pulls.pop(pull.image, None)
                    return
                spec = pull.waiting[token]
            failure = None
            try:
                self._make(spec)
            except BursarError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - as above
                failure = trouble(Trouble.ENGINE_FAULT, f"{type(error).__name__}: {error}")
            with self._guard:
                wanted = pull.waiting.pop(token, None) is not None
                if failure is not None and wanted:
                    self._failed[token] = (spec, failure, self._clock.now())
