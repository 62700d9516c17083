"""`python -m tests.tui.console.renew`: draws every picture anew, to be looked at in the diff."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from tests.tui.console.scene import Scene
from tests.tui.console.test_pictures import DRAWN, PICTURES, file_of, picture


def main() -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as folder:
        made = Scene.at_work(Path(folder) / "home")
        made.world.close()
        for old in PICTURES.glob("*.txt"):
            old.unlink()
        PICTURES.mkdir(exist_ok=True)
        for name, size in DRAWN:
            scene = made.copied(Path(folder) / f"{name}-{size[0]}")
            file_of(name, size).write_text(asyncio.run(picture(scene, name, size)), encoding="utf-8")
            scene.world.close()


if __name__ == "__main__":
    main()
