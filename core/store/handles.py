"""Short public ids that nobody else has: drawn at random, and drawn again where one is taken."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from core.ids import Ids


def free_handle(ids: Ids, prefix: str, is_taken: Callable[[str], bool]) -> str:
    """With 29 letters in six places the first draw is nearly always free, even with a million in use."""
    while is_taken(handle := ids.handle(prefix)):
        continue
    return handle


def free_handles(ids: Ids, prefix: str, count: int, known: Callable[[Sequence[str]], Collection[str]]) -> list[str]:
    """So many at once, all different; `known` says which of those drawn somebody has."""
    free: dict[str, None] = {}
    while len(free) < count:
        drawn = dict.fromkeys(ids.handle(prefix) for _ in range(count - len(free)))
        taken = known(list(drawn))
        free.update((handle, None) for handle in drawn if handle not in taken)
    return list(free)
