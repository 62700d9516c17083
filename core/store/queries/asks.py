"""Who asks for more time and still waits for it: an ask stands in the journal, for as long as its job has the hours
that it was asked on."""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from core.domain.lifecycle import FINAL, State
from core.store.repositories.accounts import accounts
from core.store.repositories.deployments import deployments
from core.store.repositories.journal import events
from core.store.scope import Scope
from core.views.work import AskLine

ASKED = "deployment.ask_hours"
_EXTENSIBLE = [state.value for state in State if state not in FINAL | {State.STOPPED, State.STOPPING}]


def standing(connection: Connection, scope: Scope) -> tuple[AskLine, ...]:
    """The newest of each job, the oldest first."""
    joined = deployments.join(accounts, accounts.c.id == deployments.c.owner_id).join(
        events, events.c.subject == deployments.c.handle
    )
    columns = (
        deployments.c.handle,
        deployments.c.name,
        accounts.c.name.label("owner"),
        deployments.c.limit_ms,
        deployments.c.started_at,
        events.c.at,
        events.c.data,
    )
    jobs = (scope.covers(deployments), deployments.c.state.in_(_EXTENSIBLE), deployments.c.limit_ms.is_not(None))
    asked = select(*columns).select_from(joined).where(*jobs, events.c.kind == ASKED)
    found: dict[str, AskLine] = {}
    for handle, name, owner, limit_ms, started_at, at, data in connection.execute(asked.order_by(events.c.seq)):
        said = json.loads(data)
        if said["had_ms"] != limit_ms:
            continue  # somebody has given hours since
        ends_at = None if started_at is None else started_at + limit_ms * 1000
        found.pop(handle, None)
        found[handle] = AskLine(handle, name, owner, limit_ms, said["more_ms"], said["why"], at, ends_at)
    return tuple(found.values())
