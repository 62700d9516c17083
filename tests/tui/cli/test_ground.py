"""What the program's `__main__` gives to its command line: real settings, real private files, programs by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.errors import Invalid, Unavailable
from tests.tui.cli.shell import FakeTerminal
from tui.__main__ import PROGRAMS, ThisMachine


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    monkeypatch.delenv("BURSAR_TOKEN", raising=False)


def test_a_place_is_read_from_the_settings_and_opens_nothing_by_itself(tmp_path: Path) -> None:
    place = ThisMachine().settle(None)
    assert (place.home, place.token) == (tmp_path, None)
    assert list(tmp_path.iterdir()) == []
    assert ThisMachine().home(str(tmp_path / "other")) == tmp_path / "other"


def test_a_token_may_come_in_a_private_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("bur_tok-1_abc\n")
    file.chmod(0o600)
    monkeypatch.setenv("BURSAR_TOKEN_FILE", str(file))
    assert ThisMachine().settle(None).token == "bur_tok-1_abc"
    file.chmod(0o644)
    with pytest.raises(Invalid, match="open to others"):
        ThisMachine().settle(None)


def test_a_program_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spinner.py").write_text(
        "def main(place, values, terminal):\n    terminal.write(f'{place.home.name} {values}')\n    return 5\n"
    )
    facts = tmp_path / "spinner-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: spinner\nVersion: 1\n")
    (facts / "entry_points.txt").write_text(f"[{PROGRAMS}]\nspin = spinner:main\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    terminal, ground = FakeTerminal(), ThisMachine()
    assert ground.start("spin", ground.settle(None), {"speed": 3}, terminal) == 5
    assert terminal.out == f"{tmp_path.name} {{'speed': 3}}"


def test_a_program_that_is_not_installed_is_unavailable() -> None:
    ground = ThisMachine()
    with pytest.raises(Unavailable, match="unheard-of is not installed here"):
        ground.start("unheard-of", ground.settle(None), {}, FakeTerminal())
