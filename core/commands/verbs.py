"""What a verb is: its words, its typed arguments, its right and the service call behind it, all as data.

The command line, the console's prompt, the Slack verbs and the reference are renderings of such verbs; none of them
knows a verb by name. Knows no face and, so that a face starts fast, neither the store nor the request models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from core.domain.errors import BursarError
from core.domain.roles import Caller, Permission

if TYPE_CHECKING:
    from core.services.accounts import Accounts
    from core.services.browsing import Browsing
    from core.services.clusters import Clusters
    from core.services.credits import Credits
    from core.services.decisions import Decisions
    from core.services.deployments import Deployments
    from core.services.foresight import Foresight
    from core.services.invites import Invites
    from core.services.limits import Limits
    from core.services.logs import Logs
    from core.services.operations import Operations
    from core.services.organizations import Organizations
    from core.services.prices import Prices
    from core.services.reports import Reports
    from core.services.slack_links import SlackLinks
    from core.services.statements import Statements
    from core.services.upkeep import Upkeep


class Bursar(Protocol):
    """The services as the verbs find them."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def organizations(self) -> Organizations: ...
    @property
    def invites(self) -> Invites: ...
    @property
    def operations(self) -> Operations: ...
    @property
    def upkeep(self) -> Upkeep: ...
    @property
    def clusters(self) -> Clusters: ...
    @property
    def deployments(self) -> Deployments: ...
    @property
    def decisions(self) -> Decisions: ...
    @property
    def foresight(self) -> Foresight: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def credits(self) -> Credits: ...
    @property
    def statements(self) -> Statements: ...
    @property
    def prices(self) -> Prices: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def reports(self) -> Reports: ...
    @property
    def slack_links(self) -> SlackLinks: ...
    @property
    def browsing(self) -> Browsing: ...


Values = Mapping[str, Any]  # every argument of the verb by its name; None where it was not given
Call = Callable[[Bursar, Caller, Values], object]


class Kind(StrEnum):
    """What an argument means; how its text is read stands in reading.py."""

    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"
    COUNT = "count"
    DURATION = "duration"
    CREDITS = "credits"
    GPU_HOURS = "gpu-hours"
    ACCOUNT = "account"  # the name of one that is to be: judged before a password is asked for
    FILE = "file"  # named by its path at a terminal; the verb gets the text in it
    PATH = "path"
    PASSWORD = "password"  # noqa: S105 - asked for, never an argument
    NEW_PASSWORD = "new password"  # noqa: S105 - as above, and asked for twice


_SHOWN_AS: dict[Kind, str] = {
    Kind.TEXT: "TEXT",
    Kind.COUNT: "N",
    Kind.DURATION: "T",
    Kind.CREDITS: "N",
    Kind.GPU_HOURS: "N",
    Kind.FILE: "FILE",
    Kind.PATH: "PATH",
}


_FEW = 4


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    help: str
    kind: Kind = Kind.TEXT
    positional: bool = False
    required: bool = False
    repeated: bool = False
    choices: tuple[str, ...] = ()
    bounds: tuple[int, int] = (1, 10_000)  # of a count
    besides: tuple[str, ...] = ()  # words that may stand in the place of an amount
    default: str = ""  # as it is shown: what holds where it is not given
    placeholder: str = ""
    short: str = ""  # one dash and one letter, where everybody types it so
    behind_dashes: bool = False  # the words after `--`, and none before: a command with flags of its own

    @property
    def secret(self) -> bool:
        return self.kind in (Kind.PASSWORD, Kind.NEW_PASSWORD)

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def shown(self) -> str:
        """The word that stands for its value: `NAME`, `N`, `member|admin`."""
        if self.few_choices:
            return "|".join(self.choices)
        return self.placeholder or _SHOWN_AS.get(self.kind if not self.positional else Kind.CHOICE, self.name.upper())

    @property
    def few_choices(self) -> bool:
        """Whether the choices are so few that they can stand for themselves."""
        return 0 < len(self.choices) <= _FEW


KEY = Argument("key", "asked again with the same key, nothing happens twice", placeholder="K")


def if_still(what: str, of: tuple[str, ...] | tuple[int, int]) -> Argument:
    """Of a verb that puts a value in the place of another: who saw an older one overwrites nothing."""
    asks = f"only if {what} is still this"
    match of:
        case (int() as least, int() as most):
            return Argument("if_still", asks, Kind.COUNT, bounds=(least, most), placeholder="OLD")
        case words:
            return Argument("if_still", asks, Kind.CHOICE, choices=tuple(map(str, words)), placeholder="OLD")


class Asker(Enum):
    """Who has to be known for a verb to be asked."""

    ACCOUNT = "somebody logged in"
    ANYBODY = "whoever is logged in, or nobody"
    NOBODY = "nobody: who asks is only about to become somebody"


class OnSession(Enum):
    """What a verb does to the session that its face keeps."""

    KEPT = "kept"
    BEGUN = "begun"
    ENDED = "ended"


class Program(NamedTuple):
    """Something that runs by itself until it ends; the face finds it by this name and hands it what it needs."""

    name: str


@dataclass(frozen=True, slots=True)
class Question:
    """Asked before something that cannot be undone; answered by typing `word`."""

    text: str
    word: str


def _good_news(_answer: object) -> None:
    return None


def nothing_to_add(_bursar: Bursar, _caller: Caller) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Verb:
    path: tuple[str, ...]
    help: str
    permission: Permission
    call: Call | Program
    arguments: tuple[Argument, ...] = ()
    more: str = ""  # what one line of help cannot say
    terminal_only: bool = False
    asker: Asker = Asker.ACCOUNT
    question: Callable[[Bursar, Caller, Values], Question] | None = None
    session: OnSession = OnSession.KEPT
    columns: tuple[str, ...] = ()  # those of a list's fields that people see; all where none is named
    facts: tuple[str, ...] = ()  # those of an object's fields that people see, where it has them all; else all
    nothing: str = "nothing here yet"  # said of an empty list
    continued_by: str = ""  # the argument that takes the cursor of a list's next part
    afterwards: str = ""  # what is good to know or to do once it is done; `{name}` is that of what the answer is of
    offers: Callable[[Bursar, Caller], Iterable[str]] = nothing_to_add  # what is to be said as things are just now
    bad_news: Callable[[Any], type[BursarError] | None] = _good_news  # the kind of error that an answer amounts to

    @property
    def name(self) -> str:
        return " ".join(self.path)

    def said_after(self, answer: object) -> str:
        """What is good to know after this answer; nothing where it speaks of a name that the answer does not have."""
        name = getattr(answer, "name", None)
        return self.afterwards.replace("{name}", str(name)) if name or "{name}" not in self.afterwards else ""

    @property
    def positionals(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if a.positional)

    @property
    def options(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if not a.positional and not a.secret)

    @property
    def secrets(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if a.secret)

    @property
    def usage(self) -> str:
        first = [a for a in self.positionals if not a.behind_dashes]
        last = [a for a in self.positionals if a.behind_dashes]
        words = [*self.path, *map(_positional_usage, first), *map(_option_usage, self.options)]
        words += map(_positional_usage, last)
        return " ".join(words + (["[--password-stdin]"] if self.secrets else []))


@dataclass(frozen=True, slots=True)
class Family:
    """Verbs that belong together under one heading."""

    title: str
    verbs: tuple[Verb, ...]


def _positional_usage(argument: Argument) -> str:
    word = argument.shown + (" ..." if argument.repeated else "")
    if argument.behind_dashes:
        return f"[-- {word}]"
    return word if argument.required else f"[{word}]"


def _option_usage(argument: Argument) -> str:
    if argument.kind is Kind.FLAG:
        return f"[{argument.flag}]"
    word = f"{argument.flag} {argument.shown}"
    return word if argument.required else f"[{word}]{'...' if argument.repeated else ''}"
