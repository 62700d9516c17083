"""What somebody wants changed, still as they saw it: who saw an older value overwrites nobody's newer one."""

from __future__ import annotations

from core.domain.errors import Conflict


def demand_still(what: str, now: object, seen: object | None) -> None:
    """In the unit that writes the new value, so that nothing can come in between."""
    if seen is not None and now != seen:
        raise Conflict(
            "changed_meanwhile", f"{what} is {now} by now, no longer {seen}", "nothing was changed; look again"
        )
