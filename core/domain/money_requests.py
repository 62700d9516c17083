"""What may be asked of money: grants, transfers, reversals, limits and prices, checked before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, model_validator

from core.domain.errors import Invalid
from core.domain.flavors import RateCard, parse_price
from core.domain.names import check_gpu_model, did_you_mean
from core.domain.quota import Measure, UseHeading, parse_limit
from core.domain.requests import Credits, GpuHours
from core.domain.resources import Resources
from core.domain.text import visible
from core.domain.validation import (
    CpuMilli,
    DiskMib,
    FlavorName,
    GpuMilli,
    GpuModel,
    Keyed,
    RamMib,
    Reason,
    Reference,
    Request,
    agrees,
    amount_by,
    field_type,
    one_of,
    text_by,
    whole,
)

MOST_POSTING_NUMBER = 2**53
LIFTED = -1
_LIFT = "none"


class Move(Keyed):
    """An amount in either book or both."""

    credits: Credits | None = None
    gpu_hours: GpuHours | None = None
    reason: Reason | None = None

    @model_validator(mode="after")
    def _moves_something(self) -> Move:
        agrees(lambda: _refuse_nothing(self))
        return self


def _refuse_nothing(move: Move) -> None:
    if move.credits is None and move.gpu_hours is None:
        raise Invalid("amount_missing", "amount: nothing is to be moved", "give --credits N, --gpu-hours N or both")


def _refuse_not_one(user: str | None, treasury: bool) -> None:
    if (user is None) != treasury:
        given = "both are given" if treasury else "neither is given"
        raise Invalid("receiver", f"user: a member or the treasury gets it ({given})", "give USER or --treasury")


class GrantRequest(Move):
    """To a member out of the treasury, or to the treasury out of the operators' mint."""

    user: str | None = None
    treasury: bool = False

    @model_validator(mode="after")
    def _one_receiver(self) -> GrantRequest:
        agrees(lambda: _refuse_not_one(self.user, self.treasury))
        return self


class TransferRequest(Move):
    """From one's own wallet; an admin moves from any."""

    user: str | None = None
    treasury: bool = False
    source: str | None = Field(default=None, alias="from")

    @model_validator(mode="after")
    def _one_receiver(self) -> TransferRequest:
        agrees(lambda: _refuse_not_one(self.user, self.treasury))
        return self


class ReverseRequest(Keyed):
    number: Annotated[int, whole(1, MOST_POSTING_NUMBER)]
    reason: Reason


class PeriodRequest(Request):
    """The texts of a period; in which time zone they are meant only the organization knows."""

    since: str | None = Field(default=None, alias="from")
    until: str | None = Field(default=None, alias="to")


class UseRequest(PeriodRequest):
    by: Annotated[UseHeading, one_of(UseHeading)] = UseHeading.USER


def _limit_on(measure: Measure) -> object:
    def check(text: str, _name: str) -> int:
        return LIFTED if text == _LIFT else parse_limit(measure, text)

    return text_by(check)


class LimitsRequest(Request):
    """New limits of a member, of a cluster, or of the organization where neither is named; `none` lifts one."""

    member: str | None = None
    cluster: Reference | None = None
    gpu_hours: Annotated[int, _limit_on(Measure.GPU_HOURS)] | None = None
    credits: Annotated[int, _limit_on(Measure.CREDITS)] | None = None
    gpus: Annotated[int, _limit_on(Measure.GPUS)] | None = None
    cpus: Annotated[int, _limit_on(Measure.CPUS)] | None = None
    deployments: Annotated[int, _limit_on(Measure.DEPLOYMENTS)] | None = None

    @property
    def changes(self) -> dict[Measure, int | None]:
        """The new limits that were given; None for one that is lifted."""
        given = {measure: getattr(self, measure.value) for measure in Measure}
        return {m: None if most == LIFTED else most for m, most in given.items() if most is not None}

    @model_validator(mode="after")
    def _says_what(self) -> LimitsRequest:
        agrees(lambda: _refuse_vague(self))
        return self


def _refuse_vague(asked: LimitsRequest) -> None:
    if asked.member is not None and asked.cluster is not None:
        raise Invalid("subject", "member: a limit is a member's or a cluster's, not both's", "name one of the two")
    if not asked.changes:
        names = ", ".join(f"--{measure.value.replace('_', '-')}" for measure in Measure)
        raise Invalid("limit_missing", "limit: nothing is to be changed", f"give one or more of {names}")


class FlavorRequest(Request):
    """A size with a name and one price for an hour of all of it."""

    name: FlavorName
    price: Annotated[int, amount_by(parse_price, "price")]
    cpu_milli: CpuMilli = Field(default=0, alias="cpu")
    ram_mib: RamMib = Field(default=0, alias="ram")
    gpu_milli: GpuMilli = Field(default=0, alias="gpu")
    disk_mib: DiskMib = Field(default=0, alias="disk")
    gpu_model: GpuModel | None = None

    @property
    def size(self) -> Resources:
        return Resources(self.cpu_milli, self.ram_mib, self.gpu_milli, self.disk_mib)


_PRICES = {
    "cpu-hour": "cpu_hour_ucr",
    "gib-hour": "gib_hour_ucr",
    "gpu-hour": "gpu_hour_ucr",
    "disk-gib-hour": "disk_gib_hour_ucr",
}
_SHARES = {"suspended": "suspended_milli", "stopped": "stopped_milli"}
_MODEL = "gpu-hour."
PRICE_KEYS = (*_PRICES, f"{_MODEL}MODEL", *_SHARES)


def _read_changes(given: object, name: str) -> dict[str, int]:
    """`gpu-hour=4`, `gpu-hour.h100=9`, `suspended=0.5`: by the field of the card, or by the key of a model."""
    pairs = (given,) if isinstance(given, str) else given
    if not isinstance(pairs, (tuple, list)) or not all(isinstance(pair, str) and "=" in pair for pair in pairs):
        raise Invalid("not_a_pair", f"{name}: {visible(given)} is not KEY=N", "give gpu-hour=4")
    read: dict[str, int] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        field, amount = _read_change(key, text, name)
        if field in read:
            raise Invalid("given_twice", f"{name}: {visible(key)} is given twice", "give it once")
        read[field] = amount
    return read


def _read_change(key: str, text: str, name: str) -> tuple[str, int]:
    if key in _PRICES:
        return _PRICES[key], parse_price(text, name=key)
    if key in _SHARES:
        return _SHARES[key], _share(text, key)
    if key.startswith(_MODEL):
        model = check_gpu_model(key.removeprefix(_MODEL), name)
        return _MODEL + model, parse_price(text, name=_MODEL + model)
    raise Invalid("unknown_price", f"{name}: there is no price {visible(key)}", did_you_mean(key, PRICE_KEYS))


def _share(text: str, key: str) -> int:
    """A part of the running price, `0.75`, in thousandths."""
    micro = parse_price(text, name=key)
    if micro > 1_000_000 or micro % 1000:
        right = "a part of the running price from 0 to 1, to three decimals"
        raise Invalid("share_out_of_range", f"{key}: {visible(text)} is not {right}", "give 0.75")
    return micro // 1000


class RatesRequest(Request):
    """New unit prices of a cluster; those that are not named stay as they are."""

    cluster: Reference | None = None  # where there is only one
    changes: Annotated[Mapping[str, int], field_type(_read_changes)] = Field(alias="set")
    begins: str | None = Field(default=None, alias="from")

    def applied_to(self, card: RateCard) -> RateCard:
        models = {field: price for field, price in self.changes.items() if field.startswith(_MODEL)}
        prices: dict[str, Any] = {field: price for field, price in self.changes.items() if field not in models}
        card = replace(card, **prices)
        for field, price in models.items():
            card = card.with_gpu_price(field.removeprefix(_MODEL), price)
        return card
