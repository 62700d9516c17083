"""What is read of a run's output: the newest, so many lines, or all that is kept; and what is left out is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.engines import LOG_BEGINNING
from core.drivers.keeper.records import OUTPUT, Place
from core.drivers.process import logs
from core.drivers.process.logs import read_chunk

LINES = [f"line {number}\n" for number in range(20)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A run that is over, whose output is longer than a chunk."""
    monkeypatch.setattr(logs, "LONGEST_CHUNK", 50)
    (tmp_path / OUTPUT).mkdir()
    run = Place(str(tmp_path), "run")
    Path(run.output).write_text("".join(LINES))
    return run


def test_the_newest_begins_with_a_whole_line_and_says_that_there_is_more(run: Place) -> None:
    newest = read_chunk(run, tail=None, cursor=None, over=True)
    assert (newest.text, newest.skipped, newest.ended) == ("".join(LINES[-6:]), True, True)
    assert read_chunk(run, tail=None, cursor=newest.cursor, over=True).text == ""


@pytest.mark.parametrize(("tail", "shown", "skipped"), [(2, 2, False), (6, 6, False), (200, 6, True)])
def test_so_many_lines_are_all_that_was_asked_for(run: Place, tail: int, shown: int, skipped: bool) -> None:
    last = read_chunk(run, tail=tail, cursor=None, over=True)
    assert (last.text, last.skipped) == ("".join(LINES[-shown:]), skipped)


def test_from_the_beginning_all_of_it_is_read_chunk_by_chunk(run: Place) -> None:
    read, cursor, ended = "", LOG_BEGINNING, False
    while not ended:
        chunk = read_chunk(run, tail=None, cursor=cursor, over=True)
        assert not chunk.skipped
        read, cursor, ended = read + chunk.text, chunk.cursor, chunk.ended
    assert read == "".join(LINES)


def test_what_was_rotated_away_is_said_to_be_missing_from_the_beginning(run: Place) -> None:
    old = Path(run.old_output)
    old.mkdir()
    (old / "1000").write_text("kept\n")  # it ends at the thousandth byte
    first = read_chunk(run, tail=None, cursor=LOG_BEGINNING, over=True)
    assert first.skipped and first.text.startswith("kept\nline 0\n")


def test_a_line_that_is_longer_than_a_chunk_is_shown_as_far_as_it_goes(run: Place) -> None:
    Path(run.output).write_text("x" * 99 + "\n")
    newest = read_chunk(run, tail=None, cursor=None, over=True)
    assert (newest.text, newest.skipped) == ("x" * 49 + "\n", True)


def test_what_is_short_is_shown_whole(run: Place) -> None:
    Path(run.output).write_text("one\ntwo")
    for tail in (None, 5):
        chunk = read_chunk(run, tail=tail, cursor=None, over=True)
        assert (chunk.text, chunk.skipped) == ("one\ntwo", False)
