"""By which boot of which host the leader counts its time: kept in the store, so that the next leader can compare.

While that boot lasts, the instant at which it began tells whether somebody has set the clock meanwhile, even if
nobody led. It stands among the leases, since whoever leads holds it. How the clock was set stands in the audit.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, delete, func, insert, select

from core.clock import Boot
from core.domain.passing import ClockSet, older_than
from core.store.leases import leases
from core.store.repositories.journal import audit

SET_FORWARD, SET_BACK, UNSEEN = "clock.set_forward", "clock.set_back", "clock.unseen"
_NAME = "clock"


def kept(connection: Connection) -> Boot | None:
    row = connection.execute(select(leases.c.owner, leases.c.expires_at).where(leases.c.name == _NAME)).one_or_none()
    return Boot(*row) if row else None


def keep(connection: Connection, boot: Boot) -> None:
    connection.execute(delete(leases).where(leases.c.name == _NAME))
    connection.execute(insert(leases), {"name": _NAME, "owner": boot.id, "epoch": 0, "expires_at": boot.began_at})


def last_written(connection: Connection) -> int:
    """The last instant that is surely known: when something was put on record."""
    newest = select(func.max(audit.c.seq)).scalar_subquery()
    return connection.execute(select(audit.c.at).where(audit.c.seq == newest)).scalar() or 0


def surely_older(connection: Connection, now: int, age: int) -> int:
    """What is dated before this instant is older than `age` by time that passed, whatever the clock was set to."""
    settings = select(audit.c.before, audit.c.after).where(
        audit.c.org_id.is_(None), audit.c.verb.in_((SET_FORWARD, SET_BACK, UNSEEN))
    )
    found = connection.execute(settings.order_by(audit.c.seq)).all()
    return older_than(age, now, [ClockSet(json.loads(was)["at"], json.loads(became)["at"]) for was, became in found])
