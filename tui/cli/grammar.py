"""The table of verbs as click commands: click reads the line and completes it, the table says what is right.

Reading a line ends in a Reading, a value; nothing runs in here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
from click.shell_completion import CompletionItem

from core.commands.aliases import expanded_words
from core.commands.reading import values_of
from core.commands.reference import group_help, help_of, overview, reference
from core.commands.table import next_words, unknown_word, which_of
from core.commands.verbs import Argument, Family, Kind, Values, Verb
from core.domain.errors import Invalid
from core.domain.names import did_you_mean
from core.domain.text import visible


@dataclass(slots=True)
class Flags:
    """The flags that stand before or after any verb."""

    json: bool = False
    org: str | None = None
    home: str | None = None
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a command line asks for: a verb with its values, a text to print, or neither: the overview."""

    flags: Flags
    verb: Verb | None = None
    values: Values = field(default_factory=dict)
    password_stdin: bool = False
    text: str = ""


def read_line(argv: Sequence[str], families: Sequence[Family]) -> Reading:
    words, behind = list(argv), []
    if "--" in words:
        behind = words[words.index("--") + 1 :]
        words = words[: words.index("--")]
    try:
        root = _Group((), families, behind)
        reading: Reading = root.main(words, prog_name="bursar", standalone_mode=False)
    except _Shown as shown:
        return Reading(Flags(), text=shown.text)
    except click.UsageError as error:
        raise _invalid(error) from None
    except click.Abort:
        raise KeyboardInterrupt from None
    return reading


def wants_json(argv: Sequence[str]) -> bool:
    """Of a line that could not be read: whether its writer is a program."""
    own = list(argv)[: list(argv).index("--")] if "--" in argv else argv
    return "--json" in own


class _Shown(Exception):
    """A line that only wants a text, whatever else stands in it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Group(click.Group):
    """All verbs that begin with the same words; the root of all with none."""

    def __init__(self, said: tuple[str, ...], families: Sequence[Family], behind: Sequence[str]) -> None:
        super().__init__(
            " ".join(said) or "bursar",
            params=_flags(self._text) if said else [_version(), *_flags(self._text)],
            add_help_option=False,
            invoke_without_command=True,
            callback=self._without_verb,
        )
        self._said = said
        self._families = families
        self._behind = behind
        self._verbs = tuple(verb for family in families for verb in family.verbs)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [*next_words(self._verbs, self._said), *(["help"] if not self._said else [])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        path = (*self._said, cmd_name)
        if path == ("help",):
            return _help(self._families)
        verb = next((verb for verb in self._verbs if verb.path == path), None)
        return _VerbCommand(verb, self._behind) if verb else _Group(path, self._families, self._behind)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        args = args if self._said else expanded_words(args, self._verbs)
        if self.get_command(ctx, args[0]) is None:
            raise unknown_word(self._verbs, self._said, args[0])
        return super().resolve_command(ctx, args)

    def _without_verb(self) -> Reading | None:
        if click.get_current_context().invoked_subcommand:
            return None
        if self._said:
            raise which_of(self._verbs, self._said)
        return Reading(_said_flags())

    def _text(self) -> str:
        return group_help(self._said, self._verbs) if self._said else overview(self._families)


class _VerbCommand(click.Command):
    """One verb. `behind` are the words after `--`: they are the verb's last argument's, or else ordinary words."""

    def __init__(self, verb: Verb, behind: Sequence[str]) -> None:
        given = [argument for argument in verb.arguments if not argument.secret and not argument.behind_dashes]
        params: list[click.Parameter] = [_parameter(argument) for argument in given]
        if verb.secrets:
            params.append(click.Option(["--password-stdin"], is_flag=True))
        params += _flags(lambda: help_of(verb), own=frozenset(argument.name for argument in verb.arguments))
        super().__init__(verb.path[-1], params=params, callback=self.read, short_help=verb.help, add_help_option=False)
        self.verb = verb
        self._last = next((argument.name for argument in verb.arguments if argument.behind_dashes), None)
        self._behind = tuple(behind)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if self._last else [*args, "--", *self._behind] if self._behind else args)

    def read(self, **given: Any) -> Reading:
        password_stdin = given.pop("password_stdin", False)
        texts = {name: _texts(value) for name, value in given.items()}
        if self._last:
            texts[self._last] = self._behind
        return Reading(_said_flags(), self.verb, values_of(self.verb, texts), password_stdin)


def _parameter(argument: Argument) -> click.Parameter:
    """Everything may be left out or repeated as far as click knows: the table's reading judges that for all faces."""
    completes = _completion(argument)
    if argument.positional:
        nargs = -1 if argument.repeated else 1
        return click.Argument(
            [argument.name], nargs=nargs, required=False, type=click.UNPROCESSED, shell_complete=completes
        )
    names = [*([argument.short] if argument.short else []), argument.flag, argument.name]
    if argument.kind is Kind.FLAG:
        return click.Option(names, is_flag=True)
    return click.Option(names, multiple=True, type=click.UNPROCESSED, shell_complete=completes)


def _completion(argument: Argument) -> Any:
    if argument.kind in (Kind.FILE, Kind.PATH):
        return lambda _ctx, _param, begun: [CompletionItem(begun, type="file")]
    return lambda _ctx, _param, begun: [choice for choice in argument.choices if choice.startswith(begun)]


def _texts(value: Any) -> tuple[str, ...]:
    if value is None or value is False:
        return ()
    if value is True:
        return ("yes",)
    return (value,) if isinstance(value, str) else tuple(value)


def _help(families: Sequence[Family]) -> click.Command:
    def read(words: tuple[str, ...], everything: bool) -> Reading:
        return Reading(_said_flags(), text=reference(families) if everything else _help_text(words, families))

    params = [
        click.Argument(["words"], nargs=-1, required=False, type=click.UNPROCESSED),
        click.Option(["--all", "everything"], is_flag=True),
        *_flags(lambda: overview(families)),
    ]
    return click.Command(
        "help", callback=read, params=params, add_help_option=False, short_help="show help of a verb, or the reference"
    )


def _help_text(words: tuple[str, ...], families: Sequence[Family]) -> str:
    verbs = tuple(verb for family in families for verb in family.verbs)
    for count, word in enumerate(words):
        if word not in next_words(verbs, words[:count]):
            raise unknown_word(verbs, words[:count], word)
    verb = next((verb for verb in verbs if verb.path == words), None)
    if verb:
        return help_of(verb)
    return group_help(words, verbs) if words else overview(families)


def _version() -> click.Parameter:
    def show() -> str:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import, and needed for this flag alone

        return f"bursar {version('bursar')}\n"

    return _showing(["--version"], show)


def _flags(help_text: Callable[[], str], own: frozenset[str] = frozenset()) -> list[click.Parameter]:
    """Made anew for each command, since a flag may stand at any of them; the last one counts.

    Where a verb has an argument of its own by that name, the flag of all verbs stands before the verb.
    """
    flags = [
        click.Option(["--json"], is_flag=True, expose_value=False, callback=_keep),
        click.Option(["--org"], expose_value=False, callback=_keep, type=click.UNPROCESSED),
        click.Option(["--home"], expose_value=False, callback=_keep, type=click.UNPROCESSED),
        click.Option(["-y", "--yes"], is_flag=True, expose_value=False, callback=_keep),
    ]
    return [*(flag for flag in flags if flag.name not in own), _showing(["-h", "--help"], help_text)]


def _showing(names: list[str], text: Callable[[], str]) -> click.Parameter:
    def show(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            raise _Shown(text())

    return click.Option(names, is_flag=True, is_eager=True, expose_value=False, callback=show)


_META = "bursar.flags"


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    flags = ctx.meta.setdefault(_META, Flags())
    if value and param.name:
        setattr(flags, param.name, value)


def _said_flags() -> Flags:
    flags: Flags = click.get_current_context().meta.setdefault(_META, Flags())
    return flags


def _invalid(error: click.UsageError) -> Invalid:
    command = error.ctx.command if error.ctx else None
    usage = f"usage: {command.verb.usage}" if isinstance(command, _VerbCommand) else "bursar --help shows all verbs"
    if isinstance(error, click.NoSuchOption) and command is not None:
        known = sorted(option for param in command.params for option in param.opts if option.startswith("--"))
        hint = did_you_mean(error.option_name, known)
        return Invalid("unknown_option", f"there is no option {visible(error.option_name)} here", f"{hint}\n{usage}")
    message = error.format_message().rstrip(".")
    return Invalid("usage", message[:1].lower() + message[1:], usage)
