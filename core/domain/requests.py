"""What people ask of accounts and organizations, checked field by field before anything is touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from core.domain.approval import Policy
from core.domain.errors import Invalid
from core.domain.flavors import parse_credits, parse_gpu_hours
from core.domain.names import did_you_mean
from core.domain.resources import parse_duration
from core.domain.roles import Role, TokenScope
from core.domain.schedule import check_zone
from core.domain.text import visible
from core.domain.validation import (
    AccountName,
    OrgName,
    Request,
    ResourceName,
    agrees,
    amount_by,
    field_type,
    one_of,
    text_by,
    whole,
)

_DAY_MS = 86_400_000
LONGEST_SECRET = 1_024
LONGEST_CODE = 64
AS_INSTALLED = "default"  # what takes an organization's own word back


def _secret(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise Invalid("secret_missing", f"{name}: is empty", "type it at the prompt, or give it with --password-stdin")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Invalid("secret_not_text", f"{name}: holds a character that is no text", "type it anew") from None
    if size > LONGEST_SECRET:
        raise Invalid("secret_too_long", f"{name}: at most {LONGEST_SECRET} bytes (got {size})", "choose a shorter one")
    return value


def _code(value: object, _name: str) -> str:
    """Only so far that it can be looked up: whether it is a right one is not told by its form."""
    return value.strip()[:LONGEST_CODE] if isinstance(value, str) else ""


def _lifetime(value: object, name: str) -> object:
    if not isinstance(value, str):
        raise Invalid("not_a_duration", f"{name}: must be a duration (got {visible(value)})", "give 72h or 7d")
    return parse_duration(value, name=name, shortest_ms=60_000, longest_ms=3_660 * _DAY_MS)


def _or_nothing(parse: Callable[..., int], name: str) -> Callable[[str], int]:
    """An amount, or `none`: who comes in starts with nothing."""
    return lambda text: 0 if text.lower() in ("none", "0") else parse(text, name=name)


def _policy(text: str, name: str) -> str:
    words = [*Policy, AS_INSTALLED]
    if text not in words:
        raise Invalid("unknown_approvals", f"{name}: there is no {visible(text)}", did_you_mean(text, words))
    return text


def _nothing_to_change() -> None:
    helps = "give one or more of --time-zone, --credits, --gpu-hours, --approvals"
    raise Invalid("nothing_to_change", "org: nothing is to be changed", helps)


Secret = Annotated[str, field_type(_secret)]
Code = Annotated[str, field_type(_code)]
RoleName = Annotated[Role, one_of(Role)]
ScopeName = Annotated[TokenScope, one_of(TokenScope)]
Lifetime = Annotated[int, field_type(_lifetime)]
Credits = Annotated[int, amount_by(lambda text: parse_credits(text, name="credits"), "credits")]
GpuHours = Annotated[int, amount_by(lambda text: parse_gpu_hours(text, name="gpu_hours"), "gpu_hours")]
FirstCredits = Annotated[int, amount_by(_or_nothing(parse_credits, "credits"), "credits")]
FirstGpuHours = Annotated[int, amount_by(_or_nothing(parse_gpu_hours, "gpu_hours"), "gpu_hours")]


class NewAccount(Request):
    """`register` and `init`."""

    secret_fields: ClassVar = frozenset({"password"})

    name: AccountName
    password: Secret


class Login(Request):
    """A name is not checked for its form here: a bad one is simply unknown."""

    secret_fields: ClassVar = frozenset({"password"})

    name: str
    password: Secret
    source: str = "local"


class NewPassword(Request):
    secret_fields: ClassVar = frozenset({"old", "new"})

    old: Secret
    new: Secret


class NewToken(Request):
    name: ResourceName
    scope: ScopeName = TokenScope.FULL
    expires: Lifetime | None = None


class NewOrg(Request):
    name: OrgName


class OrgChange(Request):
    """`org set`: what is not named stays as it is."""

    time_zone: Annotated[str, text_by(check_zone)] | None = None
    credits_ucr: FirstCredits | None = Field(default=None, alias="credits")
    gpu_ms: FirstGpuHours | None = Field(default=None, alias="gpu_hours")
    approvals: Annotated[str, text_by(_policy)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> OrgChange:
        if not self.model_fields_set:
            agrees(_nothing_to_change)
        return self


class NewRole(Request):
    user: str
    role: RoleName
    if_still: RoleName | None = None


class NewInvite(Request):
    role: RoleName = Role.MEMBER
    uses: Annotated[int, whole(1, 10_000)] = 1
    expires: Lifetime | None = None
    credits: FirstCredits | None = None
    gpu_hours: FirstGpuHours | None = None


class Joining(Request):
    secret_fields: ClassVar = frozenset({"code"})

    code: Code
