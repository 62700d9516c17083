"""What an engine's error means. Docker and Podman answer the same mistake with different numbers, so the text counts.

Pure: nothing here knows the SDK; `engine.py` hands over the status and the words.
"""

from __future__ import annotations

import re
from enum import StrEnum

from core.domain.engines import Trouble, trouble
from core.domain.errors import BursarError

LONGEST_TEXT = 300


class Act(StrEnum):
    """What was asked when the error came: the same words mean another thing there."""

    LOOK = "look"
    CREATE = "create"
    START = "start"
    PULL = "pull"
    OTHER = "other"


_FULL = re.compile(r"no space left|cannot allocate memory|not enough (memory|space)", re.I)
_NO_GPU = re.compile(r"could not select device driver|nvidia-container|unresolvable CDI|unknown device", re.I)
_BAD_SIZE = re.compile(
    r"range of cpus|minimum memory limit|memory limit (too|should)|memory\.limit_in_bytes.*(invalid|busy)|"
    r"pids limit|storage.?opt|shm size|(setting|set) memory limit|memory\.max",
    re.I,
)
_BAD_COMMAND = re.compile(
    r"executable file .*not found|no such file or directory|permission denied|exec format error|is a directory|"
    r"not a directory|no command specified|command that was not found|no help topic|unable to find user|"
    r"no matching entries in passwd|argument list too long",
    re.I | re.S,
)
_NO_INIT = re.compile(r"docker-init|catatonit", re.I)
_DENIED = re.compile(r"unauthori[sz]ed|no basic auth|authentication required|denied|forbidden|credentials", re.I)
_AWAY = re.compile(
    r"dial tcp|no such host|connection refused|timeout|timed out|TLS handshake|x509|EOF|unreachable|"
    r"server gave HTTP response|pinging container registry",
    re.I,
)
_THROTTLED = re.compile(r"toomanyrequests|rate limit|429", re.I)
_NAME_TAKEN = re.compile(r"name .*already in use", re.I | re.S)


def ended_under_its_eyes(status: int | None, text: str) -> bool:
    """Podman reads what a process is while it ends, and takes that for a fault of its own: it is worth another look."""
    return status == 500 and bool(re.search(r"/proc/\d+/.*no such process", text, re.I))


def is_name_taken(status: int | None, text: str) -> bool:
    return status in (409, 500) and bool(_NAME_TAKEN.search(text))


def refuses_disk_limits(text: str) -> bool:
    """Said at creation by an engine whose storage cannot bound a container's disk."""
    return bool(re.search(r"storage.?opt", text, re.I))


def from_status(status: int | None, text: str, act: Act, what: str) -> BursarError:
    """The error for an answer with a status; `what` is the node, or the image that was pulled."""
    said = brief(text)
    if act is Act.PULL:
        return from_pull(text, what)
    if status in (401, 403) and act is Act.LOOK:
        return trouble(Trouble.UNAUTHORIZED, f"{what}: the engine refuses us: {said}", "check its TLS or socket rights")
    if status == 429:
        return trouble(Trouble.RATE_LIMITED, f"{what}: {said}")
    if act is Act.CREATE and status == 404 and "image" in text.lower():
        return trouble(Trouble.IMAGE_MISSING, f"{what}: {said}", "it is pulled at the next attempt")
    if act in (Act.CREATE, Act.START):
        return _from_start(status, text, what)
    return trouble(Trouble.ENGINE_FAULT, f"{what}: {said}")


def _from_start(status: int | None, text: str, what: str) -> BursarError:
    said = brief(text)
    if _FULL.search(text):
        return trouble(Trouble.NO_CAPACITY, f"{what} is full: {said}")
    if _NO_GPU.search(text):
        return trouble(Trouble.NO_CAPACITY, f"{what} gives no such GPU: {said}", "look at its NVIDIA container toolkit")
    if _NO_INIT.search(text):
        return trouble(Trouble.ENGINE_FAULT, f"{what}: {said}", "install tini or catatonit there, or --set init=no")
    if _BAD_SIZE.search(text):
        return trouble(Trouble.CANNOT_RUN, f"{what} cannot give this size: {said}", "ask for another size")
    if _BAD_COMMAND.search(text) and (status == 400 or re.search(r"exec|oci|passwd|user|command", text, re.I)):
        return trouble(Trouble.CANNOT_RUN, said, "check the command and what the image holds")
    if status == 400:
        return trouble(Trouble.CANNOT_RUN, f"{what}: {said}", None)
    return trouble(Trouble.ENGINE_FAULT, f"{what}: {said}")


def from_pull(text: str, image: str) -> BursarError:
    """Never the engine's trouble: one private image must not keep the others of the cluster from starting."""
    said = brief(text)
    if _FULL.search(text):
        return trouble(Trouble.NO_CAPACITY, f"no room for the image {image}: {said}")
    if _THROTTLED.search(text):
        return trouble(Trouble.IMAGE_MISSING, f"the registry of {image} asks us to wait: {said}")
    if _DENIED.search(text):
        hint = "it may be private, or not exist; an operator gives the daemon DOCKER_AUTH_CONFIG"
        return trouble(Trouble.IMAGE_MISSING, f"the registry refused {image}: {said}", hint)
    if _AWAY.search(text):
        return trouble(Trouble.IMAGE_MISSING, f"the registry of {image} cannot be reached: {said}")
    return trouble(Trouble.IMAGE_MISSING, f"{image} cannot be had: {said}", "check its name and tag")


def unreachable(what: str, text: str) -> BursarError:
    """No answer at all, told by the reason that the connection gave."""
    said = brief(text)
    if re.search(r"permission denied", text, re.I):
        hint = "let the daemon's user use the socket (group docker), or run it as root"
        return trouble(Trouble.UNAUTHORIZED, f"{what}: its socket is closed to us: {said}", hint)
    if re.search(r"certificate|ssl|tls", text, re.I):
        return trouble(Trouble.UNAUTHORIZED, f"{what}: no TLS with it: {said}", "check ca.pem, cert.pem and key.pem")
    if re.search(r"timed? ?out", text, re.I):
        return trouble(Trouble.TIMEOUT, f"{what}: no answer in time")
    return trouble(Trouble.ENGINE_DOWN, f"{what}: its engine does not answer: {said}", "is it running?")


def brief(text: str) -> str:
    """One line, short enough to be read."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"
