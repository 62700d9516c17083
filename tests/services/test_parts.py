"""The parts of an installation, made when they are first asked for."""

from __future__ import annotations

import threading
from contextlib import suppress

from core.bootstrap import part


class Whole:
    """Two that ask at once would meet while it is made, and both would make one."""

    def __init__(self) -> None:
        self.made = 0
        self._together = threading.Barrier(2)

    @part
    def heart(self) -> object:
        self.made += 1
        with suppress(threading.BrokenBarrierError):
            self._together.wait(0.2)
        return object()


def test_a_part_is_made_once_whoever_asks_for_it_at_the_same_time() -> None:
    whole = Whole()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(whole.heart)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whole.made == 1
    assert len(set(map(id, found))) == 1
