"""From what a face received to a request that holds only valid values, or to one Invalid that names every fault.

The base of all request models and the field types they share. The one room of the domain that knows pydantic's
errors; the checks themselves stand with their subjects and are plain functions.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from core.domain.errors import Invalid
from core.domain.names import (
    check_account_name,
    check_deployment_name,
    check_gpu_model,
    check_name,
    check_reference,
    did_you_mean,
)
from core.domain.resources import (
    check_whole,
    parse_cpu,
    parse_disk,
    parse_gpu,
    parse_hours,
    parse_memory,
    parse_whole,
)
from core.domain.text import check_free_text, refuse_surrogates, visible

MOST_FAULTS_SHOWN = 20

_REQUEST_KEY = re.compile(r"[!-~]{1,128}")

_EXPECTED: dict[str, str] = {
    "string_type": "must be text",
    "string_unicode": "must be text that UTF-8 can hold",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
}


class Request(BaseModel):
    """Something asked for: strict, unchangeable, and without a field that nobody declared."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    # Fields whose value is quoted by no error and shown by no repr.
    secret_fields: ClassVar[frozenset[str]] = frozenset()

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """What `repr` and so every traceback shows."""
        for name, value in super().__repr_args__():
            yield name, "***" if name in self.secret_fields else value


Model = TypeVar("Model", bound=Request)


def validated(model: type[Model], /, **values: object) -> Model:
    """The request made of these values, or an Invalid with the faults of all fields at once."""
    try:
        request = model.model_validate(values)
    except ValidationError as error:
        raise _as_invalid(model, error) from None
    for name, field in model.model_fields.items():
        _refuse_unwritable(getattr(request, name), field.alias or name)
    return request


def field_type(check: Callable[[object, str], object], *, name: str | None = None) -> BeforeValidator:
    """A check of ours as a field's validator: gets the value and the field's name, raises Invalid."""

    def run(value: object, info: ValidationInfo) -> object:
        try:
            return check(value, name or info.field_name or "value")
        except Invalid as error:
            raise _as_fault(error) from None

    return BeforeValidator(run)


def agrees(check: Callable[[], object]) -> None:
    """Run a check inside a model's own validator, where several fields must agree."""
    try:
        check()
    except Invalid as error:
        raise _as_fault(error) from None


def text_by(check: Callable[[str, str], object]) -> BeforeValidator:
    def of_text(value: object, name: str) -> object:
        if not isinstance(value, str):
            raise Invalid("string_type", f"{name}: must be text (got {visible(value)})", None)
        return check(value, name)

    return field_type(of_text)


def amount_by(parse: Callable[[str], int], name: str) -> BeforeValidator:
    """An amount as people write it, `2`, `0.5` or `512MiB`, or as the number that a file holds."""

    def of_text_or_number(value: object, _name: str) -> object:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise Invalid("not_an_amount", f"{name}: must be an amount (got {visible(value)})", None)
        return parse(value if isinstance(value, str) else visible(value))

    return field_type(of_text_or_number, name=name)


def whole(least: int, most: int) -> BeforeValidator:
    def of_text_or_int(value: object, name: str) -> object:
        if isinstance(value, str):
            return parse_whole(value, name=name, least=least, most=most)
        if isinstance(value, bool) or not isinstance(value, int):
            right = f"a whole number between {least} and {most}"
            raise Invalid("int_type", f"{name}: {right} (got {visible(value)})", f"give {right}")
        return check_whole(value, name=name, least=least, most=most)

    return field_type(of_text_or_int)


def one_of(words: type[StrEnum]) -> BeforeValidator:
    def member(text: str, name: str) -> StrEnum:
        try:
            return words(text)
        except ValueError:
            hint = did_you_mean(text, [*words])
            raise Invalid(f"unknown_{name}", f"{name}: there is no {visible(text)}", hint) from None

    return text_by(member)


def free_text(*, most: int, least: int = 0, lines: bool = False) -> BeforeValidator:
    return text_by(lambda text, name: check_free_text(text, name, most=most, least=least, lines=lines))


def _check_key(text: str, name: str) -> str:
    if not _REQUEST_KEY.fullmatch(text):
        raise Invalid(
            "key_malformed", f"{name}: 1–128 signs of ASCII without spaces (got {visible(text)})", "shorten it"
        )
    return text


AccountName = Annotated[str, text_by(check_account_name)]
ResourceName = Annotated[str, text_by(check_name)]
OrgName = ResourceName
ClusterName = ResourceName
FlavorName = ResourceName
DeploymentName = Annotated[str, text_by(check_deployment_name)]
Reference = Annotated[str, text_by(check_reference)]
GpuModel = Annotated[str, text_by(check_gpu_model)]
CpuMilli = Annotated[int, amount_by(parse_cpu, "cpu")]
RamMib = Annotated[int, amount_by(parse_memory, "ram")]
GpuMilli = Annotated[int, amount_by(parse_gpu, "gpu")]
DiskMib = Annotated[int, amount_by(parse_disk, "disk")]
HoursMs = Annotated[int, amount_by(parse_hours, "hours")]
Priority = Annotated[int, whole(0, 100)]
RequestKey = Annotated[str, text_by(_check_key)]
Reason = Annotated[str, free_text(least=1, most=500, lines=True)]


class Keyed(Request):
    """Something that happens once however often it is asked with the same key."""

    key: RequestKey | None = None

    def fingerprint(self, org_id: str) -> str:
        """Equal for two requests that ask for the same."""
        asked = [type(self).__name__, org_id, self.model_dump(mode="json", exclude={"key"})]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _refuse_unwritable(value: object, name: str) -> None:
    """Plain text fields have no check of their own, and pydantic lets lone surrogates pass."""
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str):
            try:
                refuse_surrogates(text, name)
            except Invalid as error:
                fault = {"code": error.code, "message": error.message, "hint": error.hint}
                raise Invalid(error.code, error.message, error.hint, {name: fault}) from None


def _as_fault(error: Invalid) -> PydanticCustomError:
    return PydanticCustomError(
        "invalid", "{message}", {"code": error.code, "message": error.message, "hint": error.hint}
    )


def _as_invalid(model: type[Request], error: ValidationError) -> Invalid:
    faults = [_fault(model, detail) for detail in error.errors(include_url=False)[:MOST_FAULTS_SHOWN]]
    fields = {field: {"code": code, "message": message, "hint": hint} for field, code, message, hint in faults}
    _, code, _, hint = faults[0]
    return Invalid(code, "; ".join(message for _, _, message, _ in faults), hint, fields)


def _fault(model: type[Request], detail: ErrorDetails) -> tuple[str, str, str, str | None]:
    """One of pydantic's findings as field, code, message and hint."""
    place = ".".join(visible(part)[1:-1] if isinstance(part, str) else str(part) for part in detail["loc"]) or "request"
    kind = detail["type"]
    if kind == "invalid":
        found = detail["ctx"]
        place = place if detail["loc"] else str(found["message"]).partition(":")[0]
        return place, found["code"], found["message"], found["hint"]
    if kind == "missing":
        return place, "missing", f"{place}: is missing", f"give {place}"
    if kind == "extra_forbidden":
        return place, "unknown_field", f"{place}: there is no such field", did_you_mean(place, _field_names(model))
    received = "not shown" if _is_secret(model, detail) else f"got {visible(detail['input'])}"
    return place, kind, f"{place}: {_EXPECTED.get(kind, detail['msg'])} ({received})", None


def _field_names(model: type[Request]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _is_secret(model: type[Request], detail: ErrorDetails) -> bool:
    return bool(detail["loc"]) and detail["loc"][0] in model.secret_fields
