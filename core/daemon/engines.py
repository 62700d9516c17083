"""The engines as the daemon holds them: one open driver per cluster, and the tokens by which runs are known there."""

from __future__ import annotations

from core.domain.engines import Capabilities, Driver, Registry, Spec, Token
from core.store.repositories.clusters import ClusterRow, NodeRow
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.runs import AllocationRow


class Engines:
    def __init__(self, registry: Registry, install: str) -> None:
        self._registry = registry
        self.install = install
        self._open: dict[str, Driver] = {}

    def driver(self, cluster: ClusterRow) -> Driver:
        if cluster.id not in self._open:
            self._open[cluster.id] = self._registry.open(cluster.driver, cluster.handle, cluster.settings)
        return self._open[cluster.id]

    def capabilities(self, cluster: ClusterRow) -> Capabilities:
        return self._registry.capabilities(cluster.driver)

    def token(self, row: DeploymentRow, replica: int = 0) -> Token:
        return Token(self.install, row.handle, row.generation, replica)

    def tokens(self, row: DeploymentRow) -> list[Token]:
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
        for driver in self._open.values():
            driver.close()
        self._open.clear()
