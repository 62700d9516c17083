"""The console in a real terminal, from an empty home to a clean end. Needs tmux."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import PASSWORD
from tests.tui.console.pane import Pane, tmux

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(tmux() is None, reason="tmux is not on this machine"),
]


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    made = Pane(tmp_path)
    yield made
    made.close()


def begin(pane: Pane, offer: str = "processes") -> None:
    """The first run: an operator, an organization, and a cluster of what is offered."""
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
    pane.sees("this machine has", "❯ processes")
    while not (here := chosen(pane.screen)).startswith(offer):
        pane.press("Down")
        pane.waits(lambda screen, left=here: chosen(screen) not in ("", left), "another offer")
    pane.press("Enter")
    pane.sees("leads here", "begin here")


def chosen(screen: str) -> str:
    """The line of the offer that the sign stands before."""
    return next((line.partition("❯ ")[2] for line in screen.splitlines() if "❯ " in line), "")


def test_a_day_from_an_empty_home_to_a_clean_end(pane: Pane) -> None:
    begin(pane)
    pane.press("4")
    pane.sees("fill in a name")
    pane.types("hello")
    pane.sees("$ bursar submit hello")
    pane.press("Tab", "Tab", "Tab")
    gate = pane.home.parent / "gate"
    # What it writes stands nowhere in the command, which is shown as well.
    pane.types(f"sh -c 'echo line $((0+1)); until [ -e {gate} ]; do sleep 0.1; done; echo line $((1+2))'")
    pane.sees("starts at once")
    pane.press("C-s")
    pane.sees("hello", "running")
    pane.press("l")
    pane.sees("line 1")
    gate.touch()
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


def log_in(pane: Pane, name: str) -> None:
    pane.sees("log in to go on")
    pane.types(name)
    pane.sees(name)
    pane.press("Enter")
    pane.types(PASSWORD)
    pane.sees("•" * len(PASSWORD))
    pane.press("Enter")
    pane.sees(f"{name} (")


def prompt(pane: Pane, line: str) -> None:
    pane.press(":")
    pane.types(line)
    pane.sees(f": {line}")
    pane.press("Enter")


def test_a_member_asks_an_admin_approves_and_both_see_it_run_and_what_it_cost(tmp_path: Path) -> None:
    pane = Pane(tmp_path, BURSAR_APPROVALS_POLICY="always")
    try:
        begin(pane, "a simulator")
        pane.press("7", "i")
        pane.sees("Invite")
        pane.press("Enter")
        code = re.search(r"code +(\S+)", pane.sees("the code is shown only now"))
        assert code is not None
        pane.press("Escape")
        pane.waits(lambda screen: "only now" not in screen, "the answer to go")
        prompt(pane, "quit")
        pane.sees("This console led")
        for line in ("register mia --password-stdin", "login mia --password-stdin"):
            pane.shell(f"echo {PASSWORD!r} | {sys.executable} -m tui {line}")
        pane.sees("logged in as mia")
        pane.bursar(f"join {code.group(1)}")
        pane.sees("member")
        pane.bursar()
        pane.sees("vision  mia (member)", "leads here")
        prompt(pane, "submit hello --cluster sim --image busybox --gpu 2 --hours 0.1")
        pane.sees("✓ approval", "awaiting_approval")
        pane.press("Escape")
        pane.waits(lambda screen: "awaiting_approval" not in screen, "the answer to go")
        pane.press("3")
        pane.sees("hello", "◷ approval")
        prompt(pane, "logout")
        log_in(pane, "olga")
        pane.sees("Approvals (1)")
        pane.press("6")
        pane.sees("hello", "mia", "what is asked for")
        pane.press("a")
        pane.sees("nothing waits for a decision")
        pane.press("3")
        pane.sees("hello", "● running")
        pane.press("l")
        pane.sees("[simulated] hello runs")
        prompt(pane, "complete hello")
        pane.sees("$ bursar complete hello", "esc closes")
        pane.press("Escape")
        pane.waits(lambda screen: "esc closes" not in screen, "the answer to go")
        pane.press("d")
        pane.sees("✓ completed")
        prompt(pane, "logout")
        log_in(pane, "mia")
        pane.press("8")
        pane.sees("statement of mia", "settle", "release")
        pane.press("C-q")
        assert "Traceback" not in pane.sees("shell>")
        pane.shell("echo exit=$?")
        pane.sees("exit=0")
    finally:
        pane.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_E65_a_signal_leaves_the_terminal_as_it_was(pane: Pane, number: signal.Signals) -> None:
    pane.bursar()
    pane.sees("a new installation")
    pane.kill_console(number)
    pane.sees("shell>")
    pane.shell("echo exit=$? and $((6*7))")
    screen = pane.sees(f"exit={128 + number} and 42")
    assert "a new installation" not in screen


def test_a_terminal_that_is_gone_ends_the_console_and_is_no_bug(pane: Pane) -> None:
    begin(pane, "a simulator")
    pane.take_terminal_away()
    assert not (pane.home / "logs" / "bugs.log").exists()


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
        pane.sees("● here  process")
        colours = re.findall(r"\x1b\[[34]8;2;(\d+);(\d+);(\d+)m", pane.coloured)
        assert colours
        assert [colour for colour in colours if len(set(colour)) > 1] == []
    finally:
        pane.close()
