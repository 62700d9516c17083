"""The console in a real terminal, from an empty home to a clean end. Needs tmux."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import PASSWORD
from tests.tui.console.pane import Pane, tmux

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(tmux() is None, reason="tmux is not on this machine"),
    pytest.mark.timeout(240),
]


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    made = Pane(tmp_path)
    yield made
    made.close()


def begin(pane: Pane) -> None:
    """The first run: an operator, an organization, this machine as a cluster."""
    pane.bursar()
    pane.sees("a new installation")
    pane.types("olga")
    pane.sees("olga")
    for _ in range(2):
        pane.press("Enter")
        pane.sees("•" if _ else "password")
        pane.types(PASSWORD)
        pane.sees("•" * len(PASSWORD))
    pane.waits(lambda screen: screen.count("•" * len(PASSWORD)) == 2, "both passwords")
    pane.press("Enter")
    pane.sees("welcome, olga")
    pane.types("vision")
    pane.sees("vision")
    pane.press("Enter")
    while "it runs commands" not in pane.sees("this machine has", "enter makes it"):
        pane.press("C-n")  # what runs containers here comes first
    pane.press("Enter")
    pane.sees("here  process")
    pane.sees("leads")


def test_a_day_from_an_empty_home_to_a_clean_end(pane: Pane) -> None:
    begin(pane)
    pane.press("4")
    pane.sees("fill in a name")
    pane.types("hello")
    pane.sees("$ bursar submit hello")
    pane.press("Tab", "Tab", "Tab")
    pane.types("sh -c 'for i in 1 2 3; do echo line $i; sleep 1; done'")
    pane.sees("starts at once")
    pane.press("C-s")
    pane.sees("hello", "running")
    pane.press("l")
    pane.sees("line 1", "line 3")
    pane.press("d")
    pane.sees("✓ completed")
    pane.press("b")
    pane.sees("postings", "wallet olga")
    pane.press("8")
    pane.sees("statement of olga", "allowance")
    pane.press("C-q")
    screen = pane.sees("shell>")
    assert "Traceback" not in screen
    pane.shell("echo exit=$?")
    pane.sees("exit=0")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_E65_a_signal_leaves_the_terminal_as_it_was(pane: Pane, number: signal.Signals) -> None:
    pane.bursar()
    pane.sees("a new installation")
    pane.kill_console(number)
    pane.sees("shell>")
    pane.shell("echo exit=$? and $((6*7))")
    screen = pane.sees(f"exit={128 + number} and 42")
    assert "a new installation" not in screen


def test_B58_a_dumb_terminal_gets_the_plain_command_line(tmp_path: Path) -> None:
    pane = Pane(tmp_path, TERM="dumb")
    try:
        pane.bursar()
        pane.sees("Nobody is logged in here", "bursar init --operator NAME")
    finally:
        pane.close()


def test_without_colours_a_state_is_still_a_sign_and_a_word(tmp_path: Path) -> None:
    pane = Pane(tmp_path, NO_COLOR="1")
    try:
        begin(pane)
        assert "● here" in pane.screen
        colours = re.findall(r"\x1b\[[34]8;2;(\d+);(\d+);(\d+)m", pane.coloured)
        assert colours
        assert [colour for colour in colours if len(set(colour)) > 1] == []
    finally:
        pane.close()
