"""Short public ids that nobody else has: drawn at random, and drawn again where one is taken."""

from __future__ import annotations

from collections.abc import Callable

from core.ids import Ids


def free_handle(ids: Ids, prefix: str, is_taken: Callable[[str], bool]) -> str:
    """With 29 letters in six places the first draw is nearly always free, even with a million in use."""
    while is_taken(handle := ids.handle(prefix)):
        continue
    return handle
