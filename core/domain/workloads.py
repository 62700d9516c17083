"""What may be asked for: the request to run something, with every rule that needs nothing but the request itself.

Amounts come in as people write them and stand here as integers. What depends on the cluster, the org, the balance or
the role (is there such a flavor, can any node hold it, who may) is asked by the services.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from core.domain.environment import read_environment, read_labels
from core.domain.errors import Invalid
from core.domain.images import check_machine_image, parse_image
from core.domain.kinds import Kind, kind_by_default
from core.domain.names import check_reference
from core.domain.resources import Resources
from core.domain.text import refuse_controls, visible
from core.domain.validation import (
    CpuMilli,
    DeploymentName,
    DiskMib,
    FlavorName,
    GpuMilli,
    GpuModel,
    HoursMs,
    Priority,
    RamMib,
    Reference,
    Request,
    RequestKey,
    agrees,
    field_type,
    one_of,
    text_by,
    whole,
)

DEFAULT_PRIORITY = 50
# For who asks neither for a flavor nor for a size: the smallest thing that is of use.
DEFAULT_CPU_MILLI = 1000
DEFAULT_RAM_MIB = 1024
MOST_REPLICAS = 1000
MOST_DEPENDENCIES = 64
MOST_ARGUMENTS = 1000
LARGEST_COMMAND = 128 * 1024


class Dependency(Request):
    """`dep-7k3f9q` must complete; with `:any` it must only be over."""

    deployment: str
    any_outcome: bool = False

    def __str__(self) -> str:
        return f"{self.deployment}:any" if self.any_outcome else self.deployment


def _read_command(given: object, name: str) -> tuple[str, ...]:
    """A list of words, never a line for a shell."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise Invalid(
            "not_a_list", f"{name}: must be a list of words (got {visible(given)})", 'give ["python", "x.py"]'
        )
    words: list[str] = []
    size = 0
    for word in given:
        if not isinstance(word, str):
            raise Invalid("not_text", f"{name}: each word is text (got {visible(word)})", 'write it in quotes: "1"')
        refuse_controls(word, name, lines=True)
        size += len(word.encode()) + 1
        words.append(word)
        if size > LARGEST_COMMAND or len(words) > MOST_ARGUMENTS:
            raise Invalid(
                "command_size", f"{name}: at most {MOST_ARGUMENTS} words and 128 KiB", "put the rest into a file"
            )
    if words and not words[0].strip():
        raise Invalid("command_empty", f"{name}: its first word is empty", "begin with the program to run")
    return tuple(words)


def _read_after(given: object, name: str) -> tuple[Dependency, ...]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, Iterable):
        raise Invalid("not_a_list", f"{name}: must be a list of ids (got {visible(given)})", 'give ["dep-7k3f9q"]')
    read: dict[str, Dependency] = {}
    for word in words:
        if not isinstance(word, str):
            raise Invalid("not_text", f"{name}: each id is text (got {visible(word)})", 'give ["dep-7k3f9q"]')
        if len(read) == MOST_DEPENDENCIES:
            raise Invalid("too_many", f"{name}: at most {MOST_DEPENDENCIES} ids", "depend on the last of a chain")
        reference, colon, outcome = word.partition(":")
        if colon and outcome not in ("any", "ok"):
            raise Invalid("after_outcome", f"{name}: {visible(outcome)} is neither ok nor any", "give ID or ID:any")
        deployment = check_reference(reference, name)
        if deployment in read:
            raise Invalid("given_twice", f"{name}: {visible(reference)} is given twice", "give it once")
        read[deployment] = Dependency(deployment=deployment, any_outcome=outcome == "any")
    return tuple(read.values())


def _read_address(text: str, name: str) -> str:
    try:
        address = ipaddress.ip_address(text if len(text) <= 45 and "%" not in text else "")
    except ValueError:
        raise Invalid(
            "not_an_address", f"{name}: {visible(text)} is not an IP address", "give one such as 203.0.113.7"
        ) from None
    if address.is_unspecified or address.is_multicast:
        raise Invalid(
            "address_not_of_a_machine", f"{name}: {address} cannot be one machine's", "give one such as 203.0.113.7"
        )
    return str(address)


def _table_or_list(given: object, name: str) -> Mapping[object, object] | Iterable[object]:
    if isinstance(given, (Mapping, Iterable)):
        return given
    raise Invalid("not_a_list", f"{name}: must be a table or a list (got {visible(given)})", "give key=value for each")


Labels = Annotated[Mapping[str, str], field_type(lambda given, name: read_labels(_table_or_list(given, name), name))]
Environment = Annotated[
    Mapping[str, str], field_type(lambda given, name: read_environment(_table_or_list(given, name), name))
]


class SubmitRequest(Request):
    """Everything `submit` takes."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"env"})

    name: DeploymentName
    cluster: Reference | None = None  # where there is only one
    kind: Annotated[Kind, one_of(Kind)]
    image: str | None = None
    command: Annotated[tuple[str, ...], field_type(_read_command)] = ()
    flavor: FlavorName | None = None
    cpu_milli: CpuMilli | None = Field(default=None, alias="cpu")
    ram_mib: RamMib | None = Field(default=None, alias="ram")
    gpu_milli: GpuMilli | None = Field(default=None, alias="gpu")
    disk_mib: DiskMib | None = Field(default=None, alias="disk")
    gpu_model: GpuModel | None = None
    priority: Priority = DEFAULT_PRIORITY
    hours_ms: HoursMs | None = Field(default=None, alias="hours")
    replicas: Annotated[int, whole(1, MOST_REPLICAS)] = 1
    after: Annotated[tuple[Dependency, ...], field_type(_read_after)] = ()
    labels: Labels = Field(default_factory=dict)
    env: Environment = Field(default_factory=dict, repr=False)
    public_ip: Annotated[str, text_by(_read_address)] | None = None
    dry_run: bool = False
    key: RequestKey | None = None
    if_version: Annotated[int, whole(0, 2**53)] | None = None

    @property
    def resources(self) -> Resources | None:
        """What each replica needs; None where the flavor says it."""
        if self.flavor is not None:
            return None
        return Resources(
            cpu_milli=DEFAULT_CPU_MILLI if self.cpu_milli is None else self.cpu_milli,
            ram_mib=DEFAULT_RAM_MIB if self.ram_mib is None else self.ram_mib,
            gpu_milli=self.gpu_milli or 0,
            disk_mib=self.disk_mib or 0,
        )

    def fingerprint(self) -> str:
        """Equal for two requests that ask for the same: what an idempotency key is compared by."""
        asked = self.model_dump(mode="json", exclude={"key", "dry_run", "if_version"})
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="before")
    @classmethod
    def _kind_by_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("kind") is not None:
            return values
        return {**values, "kind": kind_by_default(has_hours=values.get("hours") is not None)}

    @field_validator("image", mode="before")
    @classmethod
    def _image_fits_kind(cls, image: object, info: ValidationInfo) -> object:
        if isinstance(image, str):
            check = check_machine_image if info.data.get("kind") is Kind.VM else parse_image
            agrees(lambda: check(image, "image"))
        return image

    @model_validator(mode="after")
    def _fields_agree(self) -> SubmitRequest:
        agrees(lambda: _check_size(self))
        agrees(lambda: _check_kind(self))
        return self


def _check_size(asked: SubmitRequest) -> None:
    sizes = {"cpu": asked.cpu_milli, "ram": asked.ram_mib, "gpu": asked.gpu_milli, "disk": asked.disk_mib}
    given = [name for name, size in sizes.items() if size is not None]
    if asked.flavor is not None and given:
        raise Invalid(
            "flavor_and_sizes",
            f"flavor: it already says the size (got {', '.join(given)} too)",
            "give one or the other",
        )
    wanted = asked.resources
    if wanted is None:
        return
    if wanted.cpu_milli == wanted.ram_mib == wanted.gpu_milli == 0:
        raise Invalid("asks_for_nothing", "cpu: no CPU, no memory and no GPU is nothing to run on", "ask for some")
    if asked.kind is Kind.VM and 0 in (wanted.cpu_milli, wanted.ram_mib):
        raise Invalid("vm_too_small", "cpu: a vm needs CPU and memory (got 0 of one)", "give cpu and ram above 0")
    if asked.gpu_model is not None and wanted.gpu_milli == 0:
        raise Invalid(
            "model_without_gpu", f"gpu_model: {asked.gpu_model} was asked for, but no GPU", "give gpu as well"
        )


def _check_kind(asked: SubmitRequest) -> None:
    kind = asked.kind
    if asked.hours_ms is not None and not kind.has_time_limit:
        raise Invalid(
            "hours_not_for_kind", f"hours: a {kind} runs until it is stopped", "leave hours out, or ask for a job"
        )
    if kind is Kind.VM and asked.command:
        raise Invalid("command_not_for_vm", "command: a vm runs its image, not a command", "leave the command out")
    if kind is not Kind.VM and asked.image is None and not asked.command:
        raise Invalid(
            "nothing_to_run", f"image: a {kind} needs an image or a command", "give an image, or a command after --"
        )
    if asked.public_ip is not None and asked.replicas > 1:
        raise Invalid(
            "address_for_many",
            f"public_ip: {asked.replicas} replicas cannot share {asked.public_ip}",
            "leave it out or ask for one",
        )
