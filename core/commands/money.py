"""Verbs of money: wallets, grants and transfers, statements and use, prices and limits."""

from __future__ import annotations

from core.commands.asking import asked, csv_text, money_requests, plain
from core.commands.verbs import KEY, Argument, Bursar, Kind, Values, Verb
from core.domain.errors import BursarError, Conflict, Invalid
from core.domain.quota import UseHeading
from core.domain.roles import Caller, Permission
from core.views.money import LedgerVerdict

_USER = Argument("user", "a member's name", positional=True)
_TREASURY = Argument("treasury", "the organization's treasury instead of a member", Kind.FLAG)
_AMOUNTS = (
    Argument("credits", "credits to move", Kind.CREDITS),
    Argument("gpu_hours", "GPU-hours to move", Kind.GPU_HOURS),
)
_REASON = Argument("reason", "why, for the record")
_PERIOD = (
    Argument("from", "the first instant or day of the period, such as 2026-11-01", placeholder="T"),
    Argument("to", "the first instant or day behind the period", placeholder="T"),
)
_CSV = Argument("csv", "as CSV, for spreadsheets", Kind.FLAG)
_NUMBER = Argument("number", "the number of a posting", Kind.COUNT, True, True, bounds=(1, 2**53), placeholder="NUMBER")


def _one_account(values: Values) -> None:
    if values["treasury"] and values["user"] is not None:
        raise Invalid("receiver", "user: a member or the treasury, not both", "give USER or --treasury")


def _wallet(bursar: Bursar, caller: Caller, values: Values) -> object:
    _one_account(values)
    if values["treasury"]:
        return bursar.credits.treasury(caller)
    return bursar.credits.wallet(caller, values["user"])


def _statement(bursar: Bursar, caller: Caller, values: Values) -> object:
    _one_account(values)
    period = asked(money_requests.PeriodRequest, _only(values, "from", "to"))
    if values["treasury"]:
        card = bursar.statements.of_treasury(caller, period)
    else:
        card = bursar.statements.of_wallet(caller, period, values["user"])
    return csv_text.of_statement(card) if values["csv"] else card


def _usage(bursar: Bursar, caller: Caller, values: Values) -> object:
    card = bursar.statements.usage(caller, asked(money_requests.UseRequest, _only(values, "by", "from", "to")))
    return csv_text.of_usage(card) if values["csv"] else card


def _rates(bursar: Bursar, caller: Caller, values: Values) -> object:
    if not values["set"]:
        if values["from"] is not None:
            raise Invalid("nothing_to_set", "from: no price is set", "give --set gpu-hour=4 with it")
        return bursar.prices.rates(caller, values["cluster"])
    return bursar.prices.set_rates(caller, asked(money_requests.RatesRequest, values))


# The key of a posting is for programs; `posting` shows it.
_MOVED = ("number", "kind", "at", "reason", "actor", "items")


def _only(values: Values, *names: str) -> Values:
    return {name: values[name] for name in names}


def _broken(answer: object) -> type[BursarError] | None:
    return Conflict if isinstance(answer, LedgerVerdict) and not answer.holds else None


VERBS: tuple[Verb, ...] = (
    Verb(
        ("wallet",),
        "show a balance as it is now: what is held, what burns, how long it lasts",
        Permission.WALLET_READ,
        _wallet,
        (_USER, _TREASURY),
        more="Without a name one's own.",
    ),
    Verb(
        ("grant",),
        "give a member a part of the treasury",
        Permission.WALLET_GRANT,
        lambda bursar, caller, values: bursar.credits.grant(caller, asked(money_requests.GrantRequest, values)),
        (_USER, _TREASURY, *_AMOUNTS, _REASON, KEY),
        more="With --treasury an operator fills the treasury itself.",
        facts=_MOVED,
    ),
    Verb(
        ("transfer",),
        "move money from one's own wallet to a member's, or back to the treasury",
        Permission.WALLET_TRANSFER,
        lambda bursar, caller, values: bursar.credits.transfer(caller, asked(money_requests.TransferRequest, values)),
        (
            _USER,
            _TREASURY,
            Argument("from", "out of this member's wallet; for admins", placeholder="USER"),
            *_AMOUNTS,
            _REASON,
            KEY,
        ),
        facts=_MOVED,
    ),
    Verb(
        ("statement",),
        "show all that moved in a wallet, between what it had before and after",
        Permission.WALLET_READ,
        _statement,
        (_USER, _TREASURY, *_PERIOD, _CSV),
        more="A period is half open and begins and ends in the organization's time zone. `posting` opens a number.",
    ),
    Verb(
        ("posting",),
        "open a number: all entries of one posting",
        Permission.WALLET_READ,
        lambda bursar, caller, values: bursar.statements.posting(caller, values["number"]),
        (_NUMBER,),
    ),
    Verb(
        ("usage",),
        "show what was used in a period: charges less what was given back",
        Permission.USAGE_READ,
        _usage,
        (
            Argument("by", "told apart by", Kind.CHOICE, choices=tuple(UseHeading), default=UseHeading.USER),
            *_PERIOD,
            _CSV,
        ),
        more="Members see what their own deployments used.",
    ),
    Verb(
        ("verify-ledger",),
        "add every entry up anew and hold the ledger against its laws",
        Permission.LEDGER_VERIFY,
        lambda bursar, caller, values: bursar.statements.verify(caller, values["at"]),
        (Argument("at", "what counted before this instant or day", placeholder="T", default="now"),),
        more="A broken ledger exits with 5.",
        bad_news=_broken,
    ),
    Verb(
        ("reverse",),
        "post the mirror of a posting, once; nothing is ever edited",
        Permission.LEDGER_REVERSE,
        lambda bursar, caller, values: bursar.credits.reverse(caller, asked(money_requests.ReverseRequest, values)),
        (_NUMBER, Argument("reason", "why, for the record", required=True), KEY),
        facts=_MOVED,
    ),
    Verb(
        ("limits", "show"),
        "list limits with what is taken of them, holds included",
        Permission.LIMITS_READ,
        plain(lambda bursar: bursar.limits.show),
        more="Members see no other member's.",
        nothing="no limits; bursar limits set makes one",
    ),
    Verb(
        ("limits", "set"),
        "limit a member, a cluster, or without either the organization",
        Permission.LIMITS_SET,
        lambda bursar, caller, values: bursar.limits.set(caller, asked(money_requests.LimitsRequest, values)),
        (
            Argument("member", "this member", placeholder="USER"),
            Argument("cluster", "the organization's use of this cluster", placeholder="C"),
            Argument("gpu_hours", "GPU-hours in all; more is refused", placeholder="N"),
            Argument("credits", "credits in all; more is refused", placeholder="N"),
            Argument("gpus", "GPUs at once; more must wait", placeholder="N"),
            Argument("cpus", "CPUs at once; more must wait", placeholder="N"),
            Argument("deployments", "deployments at once; more must wait", placeholder="N"),
        ),
        more="`none` lifts a limit. A lower limit stops nothing that runs.",
        nothing="nothing is limited any more",
    ),
    Verb(
        ("flavor", "list"),
        "list the sizes that have a name and a price",
        Permission.RATES_READ,
        plain(lambda bursar: bursar.prices.flavors),
        nothing="no flavors; an operator sets one with bursar flavor set",
    ),
    Verb(
        ("flavor", "set"),
        "offer a size under a name, or give it a new price from now on",
        Permission.RATES_SET,
        lambda bursar, caller, values: bursar.prices.set_flavor(caller, asked(money_requests.FlavorRequest, values)),
        (
            Argument("name", "the flavor's name", positional=True, required=True),
            Argument("price", "credits for an hour of all of it", required=True, placeholder="N"),
            Argument("cpu", "CPUs", placeholder="N"),
            Argument("ram", "memory in GiB, or as 512MiB", placeholder="N"),
            Argument("gpu", "GPUs; below one a share of a device", placeholder="N"),
            Argument("disk", "disk in GiB", placeholder="N"),
            Argument("gpu_model", "the model of its GPUs", placeholder="MODEL"),
        ),
        more="What runs keeps the price of its start.",
    ),
    Verb(
        ("flavor", "retire"),
        "offer a flavor no more; what runs with it goes on",
        Permission.RATES_SET,
        lambda bursar, caller, values: bursar.prices.retire_flavor(caller, values["name"]),
        (Argument("name", "the flavor's name", positional=True, required=True),),
    ),
    Verb(
        ("rates",),
        "show the unit prices of clusters, in credits per hour",
        Permission.RATES_READ,
        _rates,
        (
            Argument("cluster", "only of this cluster", positional=True),
            Argument(
                "set", "a new price, for operators: gpu-hour=4, gpu-hour.h100=9", repeated=True, placeholder="K=N"
            ),
            Argument("from", "when the new prices begin", placeholder="T", default="now"),
        ),
        more="Keys: cpu-hour, gib-hour, gpu-hour, gpu-hour.MODEL, disk-gib-hour; suspended and stopped are the parts"
        " of the price that such machines pay, from 0 to 1. What runs keeps the prices of its start.",
        columns=("cluster", "cpu_hour_ucr", "gib_hour_ucr", "gpu_hour_ucr", "gpu_models", "effective_from"),
        nothing="no clusters",
    ),
)
