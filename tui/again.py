"""The words of a submission that would ask for the same again, from what it came to. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from core.views.work import DeploymentCard
from tui.actions import Command, named

_GIB = 1024


def submission_like(card: DeploymentCard, org: str | None = None) -> Command:
    """Variables are left out: their values are masked."""
    verb = named(("submit",))
    assert verb is not None
    return Command(verb, given={argument.name: _words(card).get(argument.name) for argument in verb.arguments}, org=org)


def fields_like(card: DeploymentCard) -> dict[str, str]:
    """The same, field by field, as it would be typed into a form."""
    shown = {}
    for name, value in _words(card).items():
        if isinstance(value, tuple):
            shown[name] = shlex.join(value)
        elif value is not None:
            shown[name] = str(value)
    return shown


def _words(card: DeploymentCard) -> Mapping[str, object]:
    words: dict[str, object] = {
        "name": card.name,
        "cluster": card.cluster,
        "image": card.image,
        "command": card.command,
        "priority": card.priority,
        "kind": card.kind.value,
        "label": tuple(f"{key}={value}" if value else key for key, value in card.labels.items()),
        "hours": f"{card.hours_ms / 3_600_000:g}" if card.hours_ms is not None else None,
        "replicas": card.replicas if card.replicas > 1 else None,
        "public_ip": card.public_ip,
    }
    return {**words, **({"flavor": card.flavor} if card.flavor else _size(card))}


def _size(card: DeploymentCard) -> dict[str, object]:
    return {
        "cpu": f"{card.cpu_milli / 1000:g}" if card.cpu_milli else None,
        "ram": _memory(card.ram_mib),
        "gpu": f"{card.gpu_milli / 1000:g}" if card.gpu_milli else None,
        "gpu_model": card.gpu_model,
        "disk": _memory(card.disk_mib),
    }


def _memory(mib: int) -> str | None:
    if not mib:
        return None
    return f"{mib}MiB" if mib % _GIB else str(mib // _GIB)
