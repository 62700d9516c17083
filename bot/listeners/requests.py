"""From the inputs of the request form to what the verb `submit` takes; and its refusals back to the inputs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from bot.blocks.forms import INPUTS
from bot.markup import literal
from core.commands.aliases import name_of_image
from core.commands.asking import workloads
from core.domain.errors import BursarError, Invalid
from core.domain.resources import format_cpu, format_gpu
from core.domain.validation import validated
from core.views.work import DeploymentCard

_FIRST = INPUTS[0]
_MOST_NAMES = 10
_GIB, _HOUR = 1024, 3_600_000
# Refusals of the whole that one input can mend. What is short is short by the hours more often than by anything else.
_MENDED_AT = {
    "balance_exhausted": "hours",
    "limit_reached": "hours",
    "run_out": "hours",
    "cluster_empty": "cluster",
    "kind_not_here": "cluster",
    "members_not_trusted": "cluster",
    "registry_not_allowed": "image",
}


def request_of(inputs: Mapping[str, str], *, key: str | None = None) -> Any:
    """The request, or an Invalid that names the inputs that are wrong. What was left empty has its default."""
    wanted: dict[str, Any] = {name: inputs[name].strip() for name in INPUTS if inputs.get(name, "").strip()}
    if "command" in wanted:
        try:
            wanted["command"] = shlex.split(wanted["command"])
        except ValueError as error:
            raise Invalid("quote_open", f"command: {error}", "end the quote", {"command": {}}) from None
    if key is not None:
        wanted["key"] = key
    return validated(workloads.SubmitRequest, **wanted)


def inputs_of(view: DeploymentCard) -> dict[str, str]:
    """What would have to be typed to ask for the same; `bot.blocks.deployment.says_all_of` says whether that can be."""
    return {
        "name": view.name,
        "cluster": view.cluster,
        "image": view.image or "",
        "command": shlex.join(view.command),
        "cpu": format_cpu(view.cpu_milli),
        "ram": f"{view.ram_mib}MiB" if view.ram_mib % _GIB else str(view.ram_mib // _GIB),
        "gpu": format_gpu(view.gpu_milli),
        "hours": "" if view.hours_ms is None else _hours(view.hours_ms),
        "priority": str(view.priority),
    }


def _hours(ms: int) -> str:
    return f"{ms / 1000:.3f}s" if ms % _HOUR else str(ms // _HOUR)


def named_after_image(inputs: Mapping[str, str]) -> list[Mapping[str, str]]:
    """What was asked for, with the names to be tried in turn; just as it is where it was given one, or has no image."""
    image = inputs.get("image", "").strip()
    if inputs.get("name", "").strip() or not image:
        return [inputs]
    name = name_of_image(image)
    return [
        {**inputs, "name": name},
        *({**inputs, "name": f"{name[:56]}-{number}"} for number in range(2, _MOST_NAMES)),
    ]


def errors_of(error: BursarError) -> dict[str, str]:
    """For each input what is wrong with it; what is wrong with the whole stands at the first."""
    hint = f" — {error.hint}" if error.hint else ""
    found: dict[str, str] = {}
    for name, fault in error.fields.items():
        told = fault.get("message") if isinstance(fault, Mapping) else None
        if name in INPUTS:
            found[name] = literal(f"{told or error.message}{hint}", 500)
    if not found:
        subjects = (_MENDED_AT.get(error.code), error.message.partition(":")[0], error.code.partition("_")[0])
        subject = next((one for one in subjects if one in INPUTS), _FIRST)
        found[subject] = literal(f"{error.message}{hint}", 500)
    return found
