"""From what a person typed to the one thing that is meant: its name, its id, or a beginning of its id that fits one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from core.domain.errors import Conflict, NotFound
from core.domain.names import nearest
from core.domain.text import visible
from core.store.units import Unit

if TYPE_CHECKING:
    from core.store.repositories.deployments import DeploymentRow

T = TypeVar("T")
_FEW, _MOST_COMPARED = 3, 100


def picked(
    reference: str,
    things: Iterable[T],
    names: Callable[[T], tuple[str, ...]],
    *,
    what: str,
    see: str,
    offers: bool = True,
) -> T:
    """The thing named exactly; else the only one whose id begins so. `names` gives the id first. Where nothing
    fits, names that are near or few are offered, unless they are such as nobody knows by heart."""
    wanted = reference.lower()
    begins: list[T] = []
    others: list[str] = []
    for thing in things:
        others += [names(thing)[-1]] if offers and len(others) < _MOST_COMPARED else []
        if wanted in names(thing):
            return thing
        if wanted and names(thing)[0].startswith(wanted):
            begins.append(thing)
    if len(begins) == 1:
        return begins[0]
    if begins:
        fitting = ", ".join(sorted(names(thing)[0] for thing in begins)[:5])
        raise Conflict(
            "ambiguous", f"{visible(reference)} fits {len(begins)} of them: {fitting}", "give more of the id"
        )
    raise NotFound(
        f"{what}_not_found", f"no {what} {visible(reference)} here", f"{_perhaps(wanted, others)}{see} shows them"
    )


def find(unit: Unit, reference: str) -> DeploymentRow:
    """By id, by the beginning of one, or by name: who lives comes before who has ended, the newest before the older."""
    return picked(
        reference,
        unit.deployments.referred(reference.lower()),
        lambda row: (row.handle, row.name),
        what="deployment",
        see="bursar list",
    )


def _perhaps(wanted: str, others: list[str]) -> str:
    """The name that was probably meant, or all where they are few."""
    near = nearest(wanted, others)
    if near:
        return f"did you mean {visible(near)}? "
    return f"there is {', '.join(map(visible, others))}; " if 0 < len(others) <= _FEW else ""
