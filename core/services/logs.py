"""What runs have written. The engine is asked outside any unit, and only to read."""

from __future__ import annotations

from collections.abc import Iterator

from core.clock import Clock
from core.domain.engines import LOG_BEGINNING, LogChunk, Registry, Token
from core.domain.errors import Conflict
from core.domain.roles import Caller, Permission, require
from core.services.references import find
from core.services.usecase import composed
from core.store.installation import known_identity
from core.store.repositories.clusters import ClusterRow
from core.store.repositories.deployments import DeploymentRow
from core.store.units import Units
from core.views.work import LogText

_PAUSE_S = 0.5
_LEFT_OUT = "\n… what stood here is left out\n"


class Logs:
    def __init__(self, units: Units, registry: Registry, clock: Clock) -> None:
        self.units = units
        self._registry = registry
        self._clock = clock

    @composed(Permission.DEPLOYMENT_READ)
    def read(
        self, caller: Caller, reference: str, *, replica: int = 0, tail: int | None = None, cursor: str | None = None
    ) -> LogText:
        """The last lines of its newest start, or what came after a cursor."""
        row, cluster, token = self._whose(caller, reference, replica)
        chunk = self._chunk(cluster, token, tail, cursor)
        return LogText(row.handle, chunk.text, chunk.cursor, chunk.ended, chunk.skipped)

    @composed(Permission.DEPLOYMENT_READ)
    def whole(self, caller: Caller, reference: str, *, replica: int = 0) -> Iterator[str]:
        """Everything that is kept of what it has written so far, from its beginning."""
        _, cluster, token = self._whose(caller, reference, replica)
        return self._stream(cluster, token, None, LOG_BEGINNING, waits=False)

    @composed(Permission.DEPLOYMENT_READ)
    def follow(self, caller: Caller, reference: str, *, replica: int = 0, tail: int | None = None) -> Iterator[str]:
        """What it writes, as it comes, until nothing more can."""
        _, cluster, token = self._whose(caller, reference, replica)
        return self._stream(cluster, token, tail, None, waits=True)

    def _stream(
        self, cluster: ClusterRow, token: Token, tail: int | None, cursor: str | None, *, waits: bool
    ) -> Iterator[str]:
        chunk = self._chunk(cluster, token, tail, cursor)
        while True:
            if chunk.skipped:
                yield _LEFT_OUT
            if chunk.text:
                yield chunk.text
            if chunk.ended or not (chunk.text or waits):
                return
            if not chunk.text:
                self._clock.sleep(_PAUSE_S)
            chunk = self._chunk(cluster, token, None, chunk.cursor)

    def _whose(self, caller: Caller, reference: str, replica: int) -> tuple[DeploymentRow, ClusterRow, Token]:
        with self.units.read(caller) as unit:
            require(unit.me, Permission.DEPLOYMENT_READ)
            row = find(unit, reference)
            cluster = unit.clusters.by_id(row.cluster_id)
            install = known_identity(unit.connection)
        if cluster is None or install is None or row.generation == 0:
            raise Conflict("never_started", f"{row.handle} has not started yet", f"bursar why {row.handle}")
        if not self._registry.capabilities(cluster.driver).logs:
            raise Conflict("no_logs", f"{cluster.name} ({cluster.driver}) keeps no logs", None)
        return row, cluster, Token(install, row.handle, row.generation, replica)

    def _chunk(self, cluster: ClusterRow, token: Token, tail: int | None, cursor: str | None) -> LogChunk:
        driver = self._registry.open(cluster.driver, cluster.handle, cluster.settings)
        try:
            return driver.logs(token, tail=tail, cursor=cursor)
        finally:
            driver.close()
