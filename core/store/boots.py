"""By which boot of which host the leader counts its time: kept in the store, so that the next leader can compare.

While that boot lasts, the instant at which it began tells whether somebody has set the clock meanwhile, even if
nobody led. It stands among the leases, since whoever leads holds it.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from core.clock import Boot
from core.store.leases import leases

_NAME = "clock"


def kept(connection: Connection) -> Boot | None:
    row = connection.execute(select(leases.c.owner, leases.c.expires_at).where(leases.c.name == _NAME)).one_or_none()
    return Boot(*row) if row else None


def keep(connection: Connection, boot: Boot) -> None:
    connection.execute(delete(leases).where(leases.c.name == _NAME))
    connection.execute(insert(leases), {"name": _NAME, "owner": boot.id, "epoch": 0, "expires_at": boot.began_at})
