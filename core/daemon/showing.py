"""Writes down what engines show of runs, for everybody to read: where they are, what they run, what they take.

Nothing is decided on it. What has not changed since it was written costs no write, and what is still on its way says
so in the reason of its state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.domain.engines import Observed, Phase, Token, Use
from core.store.repositories.deployments import DeploymentRow
from core.store.repositories.instances import InstanceRow
from core.store.units import Unit


@dataclass(slots=True)
class Shown:
    """What has been written of each run, as far as this leader knows."""

    _last: dict[Token, Observed] = field(default_factory=dict)

    def news(self, seen: Iterable[Observed]) -> list[Observed]:
        return [one for one in seen if one.token is not None and self._is_new(one.token, one)]

    def keep(self, written: Iterable[Observed]) -> None:
        """Said when the unit that wrote them is done: what was not committed is news again."""
        self._last.update((one.token, one) for one in written if one.token is not None)

    def forget_all_but(self, listed: Iterable[Token]) -> None:
        present = set(listed)
        for gone in self._last.keys() - present:
            del self._last[gone]

    def _is_new(self, token: Token, one: Observed) -> bool:
        last = self._last.get(token)
        if last is None:
            return _is_worth_it(one)
        return last is not one and _said(last) != _said(one)


def write(unit: Unit, news: Sequence[Observed], rows: Iterable[DeploymentRow] | None = None) -> None:
    """Of the present generation alone: what is late must not stand in the place of what runs now.

    `rows` are their deployments, where the caller has just read them.
    """
    if not news:
        return
    if rows is None:
        rows = unit.deployments.by_handles(sorted({one.token.deployment for one in news if one.token is not None}))
    by_handle = {row.handle: row for row in rows}
    found = []
    for one in news:
        row = by_handle.get(one.token.deployment) if one.token is not None else None
        if one.token is not None and row is not None and row.generation == one.token.generation:
            found.append(_instance(unit.now, row, one.token, one))
    unit.instances.put(found)


def _is_worth_it(one: Observed) -> bool:
    return one.phase is not Phase.STARTING and bool(one.facts or one.use or one.oom)


def _said(one: Observed) -> tuple[object, ...]:
    return one.engine_id, one.node, one.is_live, dict(one.facts), one.use, one.exit_code, one.oom, one.message


def _instance(now: int, row: DeploymentRow, token: Token, one: Observed) -> InstanceRow:
    return InstanceRow(
        deployment_id=row.id,
        replica=token.rank,
        org_id=row.org_id,
        generation=token.generation,
        node=one.node,
        engine_id=one.engine_id,
        seen_at=now,
        facts=one.facts,
        use=one.use if one.is_live and one.use is not None else Use(),
        exit_code=one.exit_code,
        oom=one.oom,
        message=one.message,
    )
