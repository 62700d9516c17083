"""Files and words that only their owner may read: how they are read, how they are replaced, how they stay unseen.

Knows nothing of what the secrets are for.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from core.domain.errors import BursarError, Invalid, Unavailable

PRIVATE = 0o600
_SEEN_BY_OTHERS = 0o077
_LARGEST = 64 * 1024


class Secret:
    """A word that shows itself only when asked by name; `repr`, `str`, `format` and pickle do not show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


class Environment(Mapping[str, str]):
    """The variables the program was started with. It may hold credentials, so it never shows its values."""

    __slots__ = ("_variables",)

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f"Environment({len(self)} variables)"

    def secret(self, name: str, *, insecure: bool = False) -> Secret | None:
        """What `NAME` holds, or the file that `NAME_FILE` names; None where neither is set or the value is empty."""
        file_name = f"{name}_FILE"
        text, file = self._variables.get(name), self._variables.get(file_name)
        if text and file:
            raise Invalid("secret_given_twice", f"{name} and {file_name} are both set", "set one of them")
        if file:
            try:
                text = read_private(Path(file), insecure=insecure).decode("utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError:
                raise Invalid("secret_not_text", f"{file_name}: {file} is not UTF-8 text", "write it anew") from None
            except BursarError as error:
                raise type(error)(error.code, f"{file_name}: {error.message}", error.hint) from None
            if not text:
                raise Invalid("secret_empty", f"{file_name}: {file} is empty", "write the secret into it")
        return Secret(text) if text else None


def read_private(path: Path, *, insecure: bool = False) -> bytes:
    """The content of a file that nobody else may read; refused like ssh does where others may."""
    try:
        # Not blocking: a pipe put in the file's place must not hang the start.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Invalid("secret_unreadable", f"{path} cannot be read: {_reason(error)}", "name a readable file") from None
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        os.close(handle)  # a folder cannot even be opened as a file
        raise Invalid("secret_not_a_file", f"{path} is not a plain file", "name a plain file")
    with os.fdopen(handle, "rb") as file:
        refuse_if_seen_by_others(path, facts, insecure=insecure)
        if facts.st_size > _LARGEST:
            raise Invalid("secret_too_large", f"{path} holds {facts.st_size} bytes", f"at most {_LARGEST} are read")
        return file.read(_LARGEST)


def refuse_if_seen_by_others(path: Path, facts: os.stat_result, *, insecure: bool) -> None:
    if insecure:
        return
    if facts.st_mode & _SEEN_BY_OTHERS:
        raise Invalid(
            "secret_seen_by_others",
            f"{path} holds a secret and is open to others (mode {stat.S_IMODE(facts.st_mode):04o})",
            f"run chmod 600 {path}, or set security.insecure_permissions to live with it",
        )
    if facts.st_uid not in (os.geteuid(), 0):
        raise Invalid(
            "secret_of_another",
            f"{path} holds a secret and belongs to another user (uid {facts.st_uid})",
            "make it yours, or set security.insecure_permissions to live with it",
        )


def write_private(path: Path, content: bytes) -> None:
    """Replace a file as a whole: whoever reads it meets the old content or the new, even after a power cut."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(
            "file_not_written", f"{path} cannot be written: {_reason(error)}", "see its folder's rights and free space"
        ) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
