"""What a use case is: a permission, one unit of work, one commit.

`@writes(P)` and `@reads(P)` turn a method that takes a unit into one that takes a caller: the unit is opened, the
right is asked for, and the commit follows. A method that must also do slow work outside a unit (hashing a password)
is `@composed(P)` and opens its parts itself. Each carries its permission, and a test finds the one without.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from core.domain.errors import Unavailable
from core.domain.roles import Caller, Permission, require
from core.store.database import COLLIDED
from core.store.units import Unit, Units

# The unit was undone as a whole, so it is done again as a whole; whoever was in its way has gone on meanwhile.
_AGAIN_AFTER_A_COLLISION = 5

P = ParamSpec("P")
R = TypeVar("R")


class HasUnits(Protocol):
    @property
    def units(self) -> Units: ...


S = TypeVar("S", bound=HasUnits)


def writes(
    permission: Permission,
) -> Callable[[Callable[Concatenate[S, Unit, P], R]], Callable[Concatenate[S, Caller, P], R]]:
    def decorate(method: Callable[Concatenate[S, Unit, P], R]) -> Callable[Concatenate[S, Caller, P], R]:
        @functools.wraps(method)
        def in_unit(self: S, caller: Caller, /, *args: P.args, **kwargs: P.kwargs) -> R:
            again = _AGAIN_AFTER_A_COLLISION
            while True:
                try:
                    with self.units.write(caller) as unit:
                        _ask(unit, permission)
                        return method(self, unit, *args, **kwargs)
                except Unavailable as error:
                    if error.code != COLLIDED or not again:
                        raise
                    again -= 1

        return _marked(in_unit, permission)

    return decorate


def reads(
    permission: Permission,
) -> Callable[[Callable[Concatenate[S, Unit, P], R]], Callable[Concatenate[S, Caller, P], R]]:
    def decorate(method: Callable[Concatenate[S, Unit, P], R]) -> Callable[Concatenate[S, Caller, P], R]:
        @functools.wraps(method)
        def in_unit(self: S, caller: Caller, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with self.units.read(caller) as unit:
                _ask(unit, permission)
                return method(self, unit, *args, **kwargs)

        return _marked(in_unit, permission)

    return decorate


def composed(permission: Permission) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For a use case of several parts: it asks for the permission in the units that it opens itself."""
    return lambda method: _marked(method, permission)


def _ask(unit: Unit, permission: Permission) -> None:
    # What also one's own would allow is decided in the use case, once it has found whose the thing is.
    require(unit.me, permission, owner_id=unit.me.account_id)


def _marked(method: Callable[P, R], permission: Permission) -> Callable[P, R]:
    marked: Any = method
    marked.permission = permission
    return method
