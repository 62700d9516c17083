"""The real program in a process of its own: what no test inside this process can show."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

BURSAR = [sys.executable, "-m", "tui"]
ROOT = Path(__file__).resolve().parents[3]
# A shell starts what it puts in the background with SIGINT ignored, and children inherit that: somebody at a terminal
# has the signal as it is by default.
ON_A_TERMINAL = (
    "import os, pty, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
)
AS_BY_DEFAULT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "BURSAR_HOME": str(tmp_path / "home"),
        "BURSAR_ACCOUNTS_BCRYPT_COST": "4",
    }


def bursar(environ: dict[str, str], *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BURSAR, *words], env=environ, input=stdin, capture_output=True, text=True, timeout=240)


def test_the_program_works_in_a_home_of_its_own(environ: dict[str, str], tmp_path: Path) -> None:
    made = bursar(environ, "init", "--operator", "olga", "--password-stdin", stdin="correct horse staple\n")
    assert (made.returncode, made.stderr) == (0, "")
    assert bursar(environ, "login", "olga", "--password-stdin", stdin="correct horse staple\n").returncode == 0
    token = bursar(environ, "login", "olga", "--password-stdin", "--json", stdin="correct horse staple\r\n").stdout
    assert re.search(r'"access_token": "[^"]+"', token)
    assert (tmp_path / "home" / "session.json").stat().st_mode & 0o777 == 0o600


def test_its_version_is_the_projects(environ: dict[str, str]) -> None:
    done = bursar(environ, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"bursar \d+\.\d+\.\d+\n", done.stdout)


def test_a_closed_pipe_is_quiet(environ: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*BURSAR, "help", "--all"], env=environ, stdout=writing, stderr=subprocess.PIPE, timeout=240)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_closed_pipe_is_quiet_for_errors_too(environ: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*BURSAR, "whoami"], env=environ, stdout=writing, stderr=writing, timeout=240)
    os.close(writing)
    assert done.returncode == 141


def test_an_answer_that_cannot_be_written_is_told(environ: dict[str, str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*BURSAR, "help"], env=environ, stdout=full, stderr=subprocess.PIPE, timeout=240)
    assert done.returncode == 7
    assert done.stderr == b"error: the answer cannot be written: No space left on device\nhint: see the disk\n"


def test_closed_streams_are_nothing_to_fall_over(environ: dict[str, str]) -> None:
    line = f"exec {shlex.join([*BURSAR, 'whoami'])} <&- >&- 2>&-"
    assert subprocess.run(["/bin/sh", "-c", line], env=environ, timeout=240).returncode == 3


def test_on_a_terminal_a_password_is_asked_for_unseen(environ: dict[str, str]) -> None:
    with on_a_terminal(environ, "init", "--operator", "olga") as talk:
        said = until(talk, b"password: ")
        answer(talk, b"correct horse staple\n")
        said += until(talk, b"again: ")
        answer(talk, b"correct horse staple\n")
        said += until(talk, b"log in: ")
        assert talk.wait(timeout=240) == 0
    assert b"correct horse" not in said


def test_ctrl_c_at_a_question_ends_without_a_traceback(environ: dict[str, str]) -> None:
    with on_a_terminal(environ, "login", "olga") as talk:
        until(talk, b"password: ")
        answer(talk, b"\x03")
        rest, _ = talk.communicate(timeout=240)
    assert talk.returncode == 130
    assert b"Traceback" not in rest


def test_the_shell_completes_verbs_and_choices(environ: dict[str, str]) -> None:
    def completed(line: str) -> list[str]:
        words = line.split(" ")
        asked = {"_BURSAR_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        return bursar({**environ, **asked}).stdout.split()

    assert completed("bursar inv") == ["plain,invite"]
    assert completed("bursar invite r") == ["plain,revoke", "plain,rotate"]
    assert completed("bursar invite create --role m") == ["plain,member"]
    assert "plain,--password-stdin" in completed("bursar init --")


def test_a_terminal_that_cannot_show_a_sign_still_shows_an_answer(environ: dict[str, str]) -> None:
    done = bursar({**environ, "PYTHONIOENCODING": "ascii"}, "org", "ßwitch")
    assert done.returncode == 2
    assert "\\xdfwitch" in done.stderr


def on_a_terminal(environ: dict[str, str], *words: str) -> subprocess.Popen[bytes]:
    """The program with a terminal of its own, whose keys and screen are the pipes of what is returned."""
    command = [sys.executable, "-c", ON_A_TERMINAL, *BURSAR, *words]
    return subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def until(talk: subprocess.Popen[bytes], wanted: bytes) -> bytes:
    assert talk.stdout is not None
    said = b""
    while wanted not in said:
        more = os.read(talk.stdout.fileno(), 1024)
        assert more, f"it ended without {wanted!r}: {said!r}"
        said += more
    return said


def answer(talk: subprocess.Popen[bytes], keys: bytes) -> None:
    assert talk.stdin is not None
    talk.stdin.write(keys)
    talk.stdin.flush()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_told_to_go_leaves_nothing_behind(
    environ: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    """Also where its terminal is closed, and in the middle of the week that it plays."""
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", AS_BY_DEFAULT, *BURSAR, "demo", "--headless"],
        env={**environ, "TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        while "playing the past week" not in demo.stdout.readline():
            assert demo.poll() is None
        demo.send_signal(number)
        said = demo.stdout.read()
    assert demo.returncode == 0
    assert "a week went by" not in said
    assert list((tmp_path / "tmp").iterdir()) == []
