"""What capacity costs: amounts of money and GPU time, unit prices by cluster, and flavors (a size with its price).

Credits are integers of a millionth (micro-credits, `ucr`), GPU time is integers of GPU-milliseconds. Prices come in
versions that begin at an instant and never reach back. Knows no wallet and no ledger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.domain.errors import Conflict, Invalid, NotFound
from core.domain.names import check_name
from core.domain.resources import Resources
from core.domain.text import LONGEST_ECHO, visible

UCR = 1_000_000  # micro-credits in a credit
GPU_HOUR_MS = 3_600_000
MOST_CREDITS = 1_000_000_000
MOST_UCR = MOST_CREDITS * UCR
MOST_GPU_MS = MOST_CREDITS * GPU_HOUR_MS

DEFAULT_CPU_HOUR_UCR = UCR // 20
DEFAULT_GIB_HOUR_UCR = UCR // 100
DEFAULT_GPU_HOUR_UCR = 5 * UCR

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)

_CREDITS_RULE = "0.000001–1,000,000,000 credits, at most 6 decimals"
_PRICE_RULE = "0–1,000,000,000 credits per hour, at most 6 decimals"
_GPU_HOURS_RULE = "0.00001–1,000,000,000 GPU-hours, at most 5 decimals"


def parse_credits(text: str, *, name: str = "amount") -> int:
    """Credits to micro-credits, exactly: what would need rounding is refused."""
    return _parsed(text, name, UCR, 1, MOST_UCR, _CREDITS_RULE)


def parse_price(text: str, *, name: str = "price") -> int:
    """Credits per hour to micro-credits per hour; a price may be nothing."""
    return _parsed(text, name, UCR, 0, MOST_UCR, _PRICE_RULE)


def parse_gpu_hours(text: str, *, name: str = "gpu_hours") -> int:
    """GPU-hours to GPU-milliseconds. The fifth decimal of an hour is the last that is whole milliseconds."""
    return _parsed(text, name, GPU_HOUR_MS, 36, MOST_GPU_MS, _GPU_HOURS_RULE)


def format_credits(ucr: int) -> str:
    """Every micro-credit is shown, and one decimal at least: `12.0`, `0.000001`."""
    return _exact(ucr, UCR, 6)


def format_gpu_hours(gpu_ms: int, *, round_up: bool = False) -> str:
    """GPU-hours to three decimals (3.6 s), one at least: rounded down, or up where it is a need."""
    thousandths = gpu_ms * 1000 // GPU_HOUR_MS if not round_up else -(-gpu_ms * 1000 // GPU_HOUR_MS)
    return _exact(thousandths, 1000, 3)


@dataclass(frozen=True, slots=True)
class RateCard:
    """The unit prices of one cluster from an instant on, in micro-credits per hour."""

    version: int = 1
    effective_from: int = 0
    cpu_hour_ucr: int = DEFAULT_CPU_HOUR_UCR
    gib_hour_ucr: int = DEFAULT_GIB_HOUR_UCR
    gpu_hour_ucr: int = DEFAULT_GPU_HOUR_UCR
    gpu_models: tuple[tuple[str, int], ...] = ()  # dearer or cheaper models; any other costs gpu_hour_ucr
    disk_gib_hour_ucr: int = 0
    suspended_milli: int = 750  # what a suspended and a stopped machine pay of the running price
    stopped_milli: int = 0

    def __post_init__(self) -> None:
        prices = [self.cpu_hour_ucr, self.gib_hour_ucr, self.gpu_hour_ucr, self.disk_gib_hour_ucr]
        for price in prices + [price for _, price in self.gpu_models]:
            _checked_price(price)
        for share in (self.suspended_milli, self.stopped_milli):
            if not 0 <= share <= 1000:
                raise Invalid("share_out_of_range", f"a state cannot cost {share} thousandths", "give 0 to 1000")

    def gpu_price(self, model: str | None) -> int:
        wanted = (model or "").casefold()
        return next((price for name, price in self.gpu_models if name.casefold() == wanted), self.gpu_hour_ucr)

    def with_gpu_price(self, model: str, ucr_per_hour: int) -> RateCard:
        others = [(name, price) for name, price in self.gpu_models if name.casefold() != model.casefold()]
        return replace(self, gpu_models=tuple(sorted([*others, (model, ucr_per_hour)])))


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size with a name and one price for all of it, from an instant on."""

    name: str
    size: Resources
    ucr_per_hour: int
    gpu_model: str | None = None
    version: int = 1
    effective_from: int = 0
    retired: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_name(self.name, "flavor"))
        _checked_price(self.ucr_per_hour)
        if self.size.is_negative() or not (self.size.cpu_milli or self.size.ram_mib or self.size.gpu_milli):
            raise Invalid("flavor_without_size", f"flavor {self.name} holds nothing", "give CPU, memory or GPU")


@dataclass(frozen=True, slots=True)
class RunRate:
    """What one run costs per hour, frozen at its start; the versions say from which prices it came."""

    compute_ucr: int
    disk_ucr: int = 0
    gpu_milli: int = 0
    suspended_milli: int = 750
    stopped_milli: int = 0
    card_version: int = 1
    flavor: str | None = None
    flavor_version: int | None = None


def rate_for(resources: Resources, model: str | None, flavor: Flavor | None, card: RateCard) -> int:
    """Micro-credits per hour of compute while running: the flavor's price, or else the sum of the unit prices."""
    if flavor is not None:
        return flavor.ucr_per_hour
    exact = resources.cpu_milli * card.cpu_hour_ucr * 1024
    exact += resources.gpu_milli * card.gpu_price(model) * 1024
    exact += resources.ram_mib * card.gib_hour_ucr * 1000
    return exact // (1000 * 1024)


def freeze_rate(resources: Resources, model: str | None, flavor: Flavor | None, card: RateCard) -> RunRate:
    """The rate that a run keeps from its start to its end. A flavor prices compute; disk is paid apart."""
    return RunRate(
        compute_ucr=rate_for(resources, model, flavor, card),
        disk_ucr=resources.disk_mib * card.disk_gib_hour_ucr // 1024,
        gpu_milli=resources.gpu_milli,
        suspended_milli=card.suspended_milli,
        stopped_milli=card.stopped_milli,
        card_version=card.version,
        flavor=flavor.name if flavor else None,
        flavor_version=flavor.version if flavor else None,
    )


def card_at(cards: Iterable[RateCard], instant: int) -> RateCard:
    """The card in force; the defaults where none has begun yet."""
    begun = [card for card in cards if card.effective_from <= instant]
    return max(begun, key=lambda card: (card.effective_from, card.version), default=_UNPRICED)


def flavor_at(flavors: Iterable[Flavor], name: str, instant: int) -> Flavor:
    """The version of a flavor in force, or NotFound that lists what there is."""
    in_force: dict[str, Flavor] = {}
    for flavor in sorted(flavors, key=lambda f: (f.effective_from, f.version)):
        if flavor.effective_from <= instant:
            in_force[flavor.name] = flavor
    found = in_force.get(name)
    if found is None or found.retired:
        offered = sorted(flavor.name for flavor in in_force.values() if not flavor.retired)
        hint = f"there are: {', '.join(offered)}" if offered else "give cpu, ram and gpu instead; no flavor is set"
        raise NotFound("flavor_not_found", f"no flavor {visible(name)}", hint)
    return found


def next_card(cards: Sequence[RateCard], draft: RateCard, now: int) -> RateCard:
    """The draft as the next version; it may begin now or later, never earlier."""
    _check_not_retroactive(draft.effective_from, now)
    return replace(draft, version=1 + max((card.version for card in cards), default=0))


def next_flavor(flavors: Sequence[Flavor], draft: Flavor, now: int) -> Flavor:
    """The draft as the next version of the flavor of that name."""
    _check_not_retroactive(draft.effective_from, now)
    return replace(draft, version=1 + max((f.version for f in flavors if f.name == draft.name), default=0))


def retired_flavor(flavors: Sequence[Flavor], name: str, now: int) -> Flavor:
    """The version that withdraws a flavor; what runs with it keeps its rate."""
    return next_flavor(flavors, replace(flavor_at(flavors, name, now), retired=True, effective_from=now), now)


def _check_not_retroactive(effective_from: int, now: int) -> None:
    if effective_from < now:
        raise Conflict("rates_retroactive", "prices cannot begin in the past", "let them begin now or later")


def _checked_price(ucr_per_hour: int) -> None:
    if not 0 <= ucr_per_hour <= MOST_UCR:
        raise Invalid("price_out_of_range", f"price: {format_credits(ucr_per_hour)} is not within {_PRICE_RULE}")


def _parsed(text: str, name: str, unit: int, least: int, most: int, rule: str) -> int:
    hint = f"give {rule}" + ("; the decimal sign is a point" if "," in text[:LONGEST_ECHO] else "")
    if not (len(text) <= LONGEST_ECHO and _NUMBER.fullmatch(text)):
        raise Invalid("malformed_amount", f"{name}: {visible(text)} is not a number within {rule}", hint)
    whole, _, decimals = text.partition(".")
    scale: int = 10 ** len(decimals)
    amount, rest = divmod(int(whole + decimals) * unit, scale)
    if rest and 0 <= amount < most:
        raise Invalid("amount_too_fine", f"{name}: {visible(text)} is finer than {rule}", hint)
    if not least <= amount <= most or rest:
        raise Invalid("amount_out_of_range", f"{name}: {visible(text)} is not within {rule}", hint)
    return amount


_UNPRICED = RateCard(version=0)


def _exact(amount: int, unit: int, places: int) -> str:
    whole, part = divmod(abs(amount), unit)
    decimals = f"{part:0{places}d}".rstrip("0") or "0"
    return f"{'-' if amount < 0 else ''}{whole}.{decimals}"
