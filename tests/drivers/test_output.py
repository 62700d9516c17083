"""A run's output: whatever is written, rotated and read in between, a cursor never loses its place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.engines import LogChunk
from core.drivers.keeper.output import old_logs, rotate
from core.drivers.keeper.records import Place
from core.drivers.process import logs
from core.drivers.process.logs import read_chunk

MOST = 64


def place_in(folder: Path) -> Place:
    run = Place(str(folder), "b7k2.dep-one.1")
    Path(run.output).parent.mkdir()
    return run


@pytest.fixture
def run(tmp_path: Path) -> Place:
    return place_in(tmp_path)


def write(run: Place, text: str) -> None:
    with Path(run.output).open("ab") as file:
        file.write(text.encode())


def follow(run: Place, cursor: str, *, over: bool = False) -> LogChunk:
    return read_chunk(run, tail=None, cursor=cursor, over=over)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=40), st.just(None), st.just(...)), max_size=30))
def test_following_gives_all_that_was_written_once_or_says_what_is_missing(steps: list[object]) -> None:
    """None rotates, ... reads."""
    with tempfile.TemporaryDirectory() as folder:
        run = place_in(Path(folder))
        write(run, "")
        written, heard, cursor, skipped = "", "", "0", False
        for step in steps:
            if step is None:
                rotate(run, MOST)
            elif isinstance(step, str):
                write(run, step)
                written += step
            else:
                chunk = follow(run, cursor)
                heard, cursor, skipped = heard + chunk.text, chunk.cursor, skipped or chunk.skipped
        chunk = follow(run, cursor, over=True)
        heard += chunk.text
        assert chunk.ended
        if not (skipped or chunk.skipped):
            assert heard == written
        assert sum(path.stat().st_size for _, path in old_logs(run)) <= 2 * MOST


def test_the_tail_reaches_over_the_files(run: Place) -> None:
    write(run, "".join(f"line {n}\n" for n in range(20)))
    rotate(run, MOST)
    write(run, "line 20\nline 21\n")
    assert read_chunk(run, tail=4, cursor=None, over=False).text.split("\n") == [
        *("line 18", "line 19", "line 20", "line 21", ""),
    ]
    assert read_chunk(run, tail=0, cursor=None, over=False).text == ""


def test_a_crash_between_copy_and_cut_shows_lines_twice_and_loses_none(
    run: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"line {n}\n" for n in range(20))
    write(run, text)
    monkeypatch.setattr("os.truncate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        rotate(run, MOST)
    shown = read_chunk(run, tail=None, cursor=None, over=False).text
    assert shown == text[-MOST:] + text


def test_a_character_that_is_half_written_waits_for_its_other_half(run: Place) -> None:
    whole = "naïve ☃ 🦉".encode()
    heard, cursor = "", "0"
    for n in range(len(whole)):
        with Path(run.output).open("ab") as file:
            file.write(whole[n : n + 1])
        chunk = follow(run, cursor)
        heard, cursor = heard + chunk.text, chunk.cursor
    assert heard == whole.decode()


def test_bytes_that_are_no_text_are_shown_as_such(run: Place) -> None:
    Path(run.output).write_bytes(b"ok \xff\xfe end\n")
    assert read_chunk(run, tail=None, cursor=None, over=True).text == "ok \ufffd\ufffd end\n"


def test_a_long_output_comes_in_pieces(run: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LONGEST_CHUNK", 10)
    write(run, "abcdefghijklmnopqrstuvwxyz")
    first = follow(run, "0", over=True)
    assert (first.text, first.ended) == ("abcdefghij", False)
    second = follow(run, first.cursor, over=True)
    third = follow(run, second.cursor, over=True)
    assert (second.text + third.text, third.ended) == ("klmnopqrstuvwxyz", True)
    assert read_chunk(run, tail=None, cursor=None, over=True).text == "qrstuvwxyz"


@pytest.mark.parametrize("cursor", ["", "-1", "x", "99999", "٣"])
def test_a_cursor_that_is_none_of_ours_starts_anew(run: Place, cursor: str) -> None:
    write(run, "all of it\n")
    assert follow(run, cursor).text == "all of it\n"


def test_a_run_that_wrote_nothing_has_an_empty_output(run: Place) -> None:
    assert follow(run, "0", over=True) == LogChunk("", "0", ended=True)
