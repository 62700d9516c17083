"""From what was typed for a verb to its values: one grammar for every face, whatever it is typed into.

An argument is judged here only so far as its own text goes; whether the values fit together and into the store is
for the request models and the services.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from core.commands.verbs import Argument, Kind, Values, Verb
from core.domain.errors import Invalid
from core.domain.flavors import parse_credits, parse_gpu_hours
from core.domain.names import check_account_name, did_you_mean
from core.domain.resources import parse_duration, parse_whole
from core.domain.text import refuse_controls, visible

_YES, _NO = ("yes", "true", "on"), ("no", "false", "off")

# Amounts stay the text that they are: the request models read them, and a face may show them as they were typed.
_MUST_READ_AS: dict[Kind, Callable[..., int]] = {
    Kind.DURATION: parse_duration,
    Kind.CREDITS: parse_credits,
    Kind.GPU_HOURS: parse_gpu_hours,
}


def read_argument(argument: Argument, text: str) -> object:
    """The value that a text stands for, or an Invalid that says what would be right."""
    if argument.kind is Kind.FLAG:
        return _yes_or_no(argument, text)
    if argument.kind is Kind.COUNT:
        least, most = argument.bounds
        return parse_whole(text, name=argument.name, least=least, most=most)
    if argument.kind is Kind.CHOICE:
        return _chosen(argument, text)
    if argument.kind is Kind.ACCOUNT:
        return check_account_name(text, argument.name)
    if argument.kind is Kind.TEXT:
        refuse_controls(text, argument.name, lines=True)
    if argument.kind in _MUST_READ_AS and text.lower() not in argument.besides:
        _MUST_READ_AS[argument.kind](text, name=argument.name)
    return text


def values_of(verb: Verb, given: Mapping[str, Sequence[str]]) -> Values:
    """Every argument's value from the texts given for it; what may not be left out or said twice is refused.

    Secrets are not among them: a face asks for those in a way of its own.
    """
    return {argument.name: _value(verb, argument, given.get(argument.name, ())) for argument in verb.arguments}


def _value(verb: Verb, argument: Argument, texts: Sequence[str]) -> object:
    if argument.secret:
        return None
    if not texts and argument.required:
        raise Invalid("missing", f"{_said(argument)}: is missing", f"usage: {verb.usage}")
    if argument.repeated:
        return tuple(read_argument(argument, text) for text in texts)
    if len(texts) > 1:
        raise Invalid("given_twice", f"{_said(argument)}: is given {len(texts)} times", "give it once")
    if not texts:
        return False if argument.kind is Kind.FLAG else None
    return read_argument(argument, texts[0])


def _said(argument: Argument) -> str:
    return argument.shown if argument.positional else argument.flag


def _chosen(argument: Argument, text: str) -> str:
    word = text.lower()
    if word not in argument.choices:
        code, message = f"unknown_{argument.name}", f"{argument.name}: there is no {visible(text)}"
        raise Invalid(code, message, did_you_mean(text, argument.choices))
    return word


def is_yes_or_no(text: str) -> bool:
    return text.lower() in (*_YES, *_NO)


def _yes_or_no(argument: Argument, text: str) -> bool:
    if not is_yes_or_no(text):
        raise Invalid("not_yes_or_no", f"{argument.name}: yes or no (got {visible(text)})", "give yes or no")
    return text.lower() in _YES


def option_said(verb: Verb, word: str) -> tuple[Argument | None, str | None]:
    """The option that a word without dashes names, also of several or with a colon: `gpu`, `gpus`, `gpu:`; and the
    value that stands with it, as in `gpu=2`."""
    name, equals, value = word.partition("=")
    wanted = name.lower().removesuffix(":").replace("-", "_")
    options = {argument.name: argument for argument in verb.options}
    found = options.get(wanted) or options.get(wanted.removesuffix("s")) or options.get(f"{wanted}s")
    return found, value if found and equals else None
