"""The pictures in the README are what the bot sends today, to the last letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.slack_drawing import Sheet
from tests.live.slack_pictures import FOLDER, drawn

pytestmark = pytest.mark.live


async def test_the_pictures_show_what_local_slack_is_sent(tmp_path: Path) -> None:
    made = await drawn(tmp_path)
    kept = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    assert made == kept, "renew them with: python -m tests.live.slack_pictures"


def test_a_block_that_has_no_drawing_is_refused() -> None:
    with pytest.raises(ValueError, match="video"):
        Sheet().block({"type": "video"})
