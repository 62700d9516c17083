"""What runs have written, as people read it: the newest, all of it, and what is left out is said."""

from __future__ import annotations

import pytest

from core.domain.engines import LOG_BEGINNING, LogChunk, Token
from core.drivers.scripted import ScriptedDriver
from tests.daemon.world import World
from tui.cli.work_answers import log


class Written:
    """Stands for an engine that keeps more than it tells at once, and has lost the beginning."""

    def __init__(self, *pieces: str, lost: bool = False, over: bool = True) -> None:
        self.pieces, self.lost, self.over = pieces, lost, over

    def logs(self, _driver: object, token: Token, *, tail: int | None = None, cursor: str | None = None) -> LogChunk:
        assert token.deployment and (tail is None or cursor is None)
        if cursor is None:
            return LogChunk(self.pieces[-1], str(len(self.pieces)), self.over, skipped=len(self.pieces) > 1)
        at = 0 if cursor == LOG_BEGINNING else int(cursor)
        text = self.pieces[at] if at < len(self.pieces) else ""
        reached = min(at + 1, len(self.pieces))
        ended = self.over and reached == len(self.pieces)
        return LogChunk(text, str(reached), ended, skipped=self.lost and cursor == LOG_BEGINNING)


@pytest.fixture
def work(world: World) -> str:
    world.cluster()
    handle = world.submit("work")
    world.daemon().once()
    return handle


def written(monkeypatch: pytest.MonkeyPatch, engine: Written) -> None:
    monkeypatch.setattr(ScriptedDriver, "logs", lambda driver, token, **asked: engine.logs(driver, token, **asked))


@pytest.mark.parametrize("over", [True, False])
def test_the_newest_says_that_there_is_more_and_the_whole_is_all_of_it(
    world: World, work: str, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    written(monkeypatch, Written("one\n", "two\n", "three\n", over=over))
    newest = world.bursar.logs.read(world.olga, work)
    assert (newest.text, newest.cut) == ("three\n", True)
    assert log(newest, 80) == f"… there is more before this: bursar logs {work} --whole\nthree\n"
    assert list(world.bursar.logs.whole(world.olga, work)) == ["one\n", "two\n", "three\n"], "and it waits for no more"


def test_what_is_lost_is_said_in_its_place(world: World, work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, Written("two\n", "three\n", lost=True))
    assert "".join(world.bursar.logs.whole(world.olga, work)) == "\n… what stood here is left out\ntwo\nthree\n"


def test_a_short_one_is_shown_as_it_is(world: World, work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, Written("one\n"))
    newest = world.bursar.logs.read(world.olga, work)
    assert (newest.cut, log(newest, 80)) == (False, "one\n")
