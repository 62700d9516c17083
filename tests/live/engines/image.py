"""The image that live tests run: a static busybox and its links, about 2 MB, made on this host."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from tests.live.engines.machine import Impossible, asked, path

NAME = "bursar-test"
TAG = "1"
IMAGE = f"{NAME}:{TAG}"
NEEDS = (("busybox", "busybox-static"),)


def root_as_tar() -> bytes:
    program = Path(str(shutil.which("busybox", path=path()))).resolve()
    words = subprocess.run([str(program), "--list"], capture_output=True, check=True, text=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "proc", "sys", "dev", "root", "mnt"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(program, "bin/busybox")
        for word in words:
            if word != "busybox":
                link = tarfile.TarInfo(f"bin/{word}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        for name, text in (("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("etc/group", "root:x:0:\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def load_into(socket: Path) -> None:
    changes = "".join(f"&changes={quote(line)}" for line in ('CMD ["sh"]', "ENV PATH=/bin"))
    target = f"/v1.41/images/create?fromSrc=-&repo={quote(IMAGE)}{changes}"
    status, answer = asked(socket, "POST", target, root_as_tar())
    assert status == 200, f"the test image could not be made: {status} {answer!r}"


def try_in(socket: Path) -> None:
    """Run one container; Impossible says why this host lets none run, whatever engine is installed here."""
    limits = {"NanoCpus": 500_000_000, "Memory": 64 << 20, "PidsLimit": 99, "Init": True}
    body = json.dumps({"Image": IMAGE, "Cmd": ["true"], "HostConfig": limits}).encode()
    status, answer = asked(socket, "POST", "/v1.41/containers/create", body, kind="application/json")
    if status == 201:
        container = f"/v1.41/containers/{json.loads(answer)['Id']}"
        status, answer = asked(socket, "POST", f"{container}/start")
        if status == 204:
            status, answer = asked(socket, "POST", f"{container}/wait")
            answer = b"" if status == 200 and json.loads(answer)["StatusCode"] == 0 else answer
        asked(socket, "DELETE", f"{container}?force=1")
    if answer:
        raise Impossible(f"a container does not run here: {status} {answer.decode(errors='replace').strip()[:300]}")


def make_ready(start: Callable[[], object], socket: Path) -> None:
    """An engine that is here but cannot serve is as good as none: Impossible says what it said of that."""
    try:
        start()
    except AssertionError as error:
        raise Impossible(f"it does not start here: {' '.join(str(error).split())[-300:]}") from None
    load_into(socket)
    try_in(socket)
