"""The demo's installation is one that anybody may look into while it plays."""

from __future__ import annotations

from pathlib import Path

from core.demo.__main__ import _settings
from core.settings import load


def test_whoever_else_looks_into_a_demo_works_with_its_settings(tmp_path: Path) -> None:
    """Else the doctor in its own console warns of a leader that works with others, and forecasts are for those."""
    quick = _settings(tmp_path)
    assert load({}, tmp_path) == quick
    assert quick.of_the_background() != load({}, tmp_path / "plain").of_the_background()
