"""With which settings whoever leads works: told in the store, so that others can see that theirs are not the same.

A leader reads its settings at its start. Who changes them afterwards would have `why` and `forecast` answer by rules
that nothing is decided by. It stands among the leases, as what the leader alone may say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from core.store.leases import leases

_NAME = "settings"


def tell(connection: Connection, epoch: int, settings: Mapping[str, str]) -> None:
    """`settings`: those that are not as they come."""
    told = {"name": _NAME, "owner": json.dumps(dict(settings), sort_keys=True), "epoch": epoch, "expires_at": 0}
    connection.execute(delete(leases).where(leases.c.name == _NAME))
    connection.execute(insert(leases), told)


def unlike(connection: Connection, epoch: int, settings: Mapping[str, str]) -> tuple[str, ...]:
    """The names of those that are another for whoever leads in that epoch; none where that was not told."""
    told = select(leases.c.owner).where(leases.c.name == _NAME, leases.c.epoch == epoch)
    found = connection.execute(told).scalar()
    if found is None:
        return ()
    theirs: dict[str, str] = json.loads(found)
    return tuple(sorted(name for name in theirs.keys() | settings.keys() if theirs.get(name) != settings.get(name)))
