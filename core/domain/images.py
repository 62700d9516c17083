"""What runs: references to container images, and the registries they may come from.

The grammar is that of the container registries: `[registry[:port]/]repository[:tag][@digest]`. A reference that
passes it cannot be an option, a path or a piece of shell. Knows no registry and asks none.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from core.domain.errors import Invalid
from core.domain.names import LONGEST, SHORTEST
from core.domain.text import refuse_hidden, visible

LONGEST_IMAGE = 512
LONGEST_REPOSITORY = 255
DEFAULT_REGISTRY = "docker.io"

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_COMPONENT = re.compile(r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MACHINE_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/()+-]*")
_RIGHT = "give an image such as tinyllama:latest or ghcr.io/acme/model@sha256:…"


@dataclass(frozen=True, slots=True)
class ImageReference:
    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None
    names_registry: bool = False

    def __str__(self) -> str:
        """As it was typed."""
        registry = f"{self.registry}/" if self.names_registry else ""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{registry}{self.repository}{tag}{digest}"

    def full_repository(self) -> str:
        """With the registry and the library that a bare name stands for: `docker.io/library/redis`."""
        if self.registry == DEFAULT_REGISTRY and "/" not in self.repository:
            return f"{self.registry}/library/{self.repository}"
        return f"{self.registry}/{self.repository}"


@lru_cache(maxsize=1_000)  # a request is read for itself, and again for the registries that a cluster allows
def parse_image(text: str, name: str = "image") -> ImageReference:
    _refuse_length_and_hidden(text, name)
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise Invalid(
            "image_digest",
            f"{name}: digest {visible(digest, 80)} is not sha256: and 64 hexadecimal digits",
            "copy the digest from the registry",
        )
    host, slash, path = rest.partition("/")
    names_registry = bool(slash) and ("." in host or ":" in host or host == "localhost")
    if not names_registry:
        host, path = DEFAULT_REGISTRY, rest
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _malformed(text, name, f"tag {visible(tag)} is not 1 to 128 letters, digits, '.', '_' or '-'")
    if not _HOST.fullmatch(host):
        raise _malformed(text, name, f"registry {visible(host)} is not a host name")
    if len(path) > LONGEST_REPOSITORY:
        raise _malformed(text, name, f"its repository has more than {LONGEST_REPOSITORY} characters")
    for component in path.split("/"):
        if not _COMPONENT.fullmatch(component):
            upper = "; upper case is not allowed there" if component.lower() != component else ""
            raise _malformed(text, name, f"{visible(component)} cannot be a part of a repository{upper}")
    return ImageReference(host, path, tag or None, digest or None, names_registry)


def check_machine_image(text: str, name: str = "image") -> str:
    """The name or id under which an engine of virtual machines keeps an image: `Ubuntu 24.04`."""
    _refuse_length_and_hidden(text, name)
    if not _MACHINE_IMAGE.fullmatch(text):
        raise _malformed(text, name, "a machine image begins with a letter or digit and holds no sign of a shell")
    return text


def check_allowed(image: ImageReference, allowed: Collection[str], name: str = "image") -> None:
    """Refuse what lies outside every allowed registry or path, such as `ghcr.io/acme`; an empty list allows all."""
    full = image.full_repository()
    if not allowed or any(full == place or full.startswith(f"{place.rstrip('/')}/") for place in allowed):
        return
    place = full if any(entry.split("/")[0] == image.registry for entry in allowed) else image.registry
    raise Invalid(
        "registry_not_allowed",
        f"{name}: registry not allowed: {place}",
        f"allowed: {', '.join(sorted(allowed))}",
    )


def name_from_image(image: ImageReference) -> str:
    """A deployment's name where none was given: `ghcr.io/acme/tinyllama:latest` is `tinyllama`."""
    last = image.repository.rpartition("/")[2][:LONGEST].rstrip("._-")
    return last if len(last) >= SHORTEST else f"run-{last}"


def _refuse_length_and_hidden(text: str, name: str) -> None:
    if not 1 <= len(text) <= LONGEST_IMAGE:
        raise Invalid("image_length", f"{name}: 1–{LONGEST_IMAGE} characters (got {len(text)})", _RIGHT)
    refuse_hidden(text, name)


def _malformed(text: str, name: str, because: str) -> Invalid:
    return Invalid("image_malformed", f"{name}: {visible(text)} is not an image reference: {because}", _RIGHT)
