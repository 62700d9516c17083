"""The engines as the daemon holds them: one per cluster, called with a deadline, and the tokens of runs there."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Protocol

from core.daemon.calls import Engine
from core.domain.engines import Capabilities, Registry, Spec, Token
from core.store.repositories.clusters import ClusterRow, NodeRow
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.runs import AllocationRow

# Those of all that lives are asked for at each look.
_token = lru_cache(maxsize=50_000)(Token)


class Launched(Protocol):
    """What a token says of a deployment."""

    @property
    def handle(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def replicas(self) -> int: ...


class Engines:
    def __init__(self, registry: Registry, install: str, deadline_s: float) -> None:
        self._registry = registry
        self.install = install
        self._deadline_s = deadline_s
        self._guard = threading.Lock()
        self._open: dict[str, tuple[dict[str, str], Engine]] = {}

    def of(self, cluster: ClusterRow) -> Engine:
        """The engine of a cluster; a new one where its settings have changed."""
        settings = dict(cluster.settings)
        with self._guard:
            known = self._open.get(cluster.id)
            if known is not None and known[0] == settings:
                return known[1]
            if known is not None:
                known[1].close()
            made = Engine(
                lambda: self._registry.open(cluster.driver, cluster.handle, settings), cluster.name, self._deadline_s
            )
            self._open[cluster.id] = (settings, made)
            return made

    def capabilities(self, cluster: ClusterRow) -> Capabilities:
        return self._registry.capabilities(cluster.driver)

    def token(self, row: Launched, replica: int = 0) -> Token:
        return _token(self.install, row.handle, row.generation, replica)

    def tokens(self, row: Launched) -> list[Token]:
        return [self.token(row, replica) for replica in range(row.replicas)]

    def spec(self, row: DeploymentRow, place: AllocationRow, node: NodeRow, *, by_operator: bool) -> Spec:
        return Spec(
            token=self.token(row, place.replica),
            name=row.name,
            kind=row.kind.value,
            resources=row.resources,
            image=row.image,
            command=row.command,
            env=row.env,
            labels=row.labels,
            node=node.name,
            gpu_devices=tuple(node.gpu_ids[index] for index, _ in place.shares),
            gpu_model=node.gpu_model,
            public_ip=row.public_ip,
            time_limit_ms=row.limit_ms,
            by_operator=by_operator,
        )

    def close(self) -> None:
        with self._guard:
            for _, engine in self._open.values():
                engine.close()
            self._open.clear()
