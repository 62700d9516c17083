"""The table itself: every verb says what it needs, asks the service it claims to, and is written down."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.commands import reference
from core.commands.table import FAMILIES, VERBS
from core.commands.verbs import Argument, Kind, Program, Verb
from core.domain.columns import columns
from core.domain.roles import Caller
from core.services.accounts import Accounts
from core.services.invites import Invites
from core.services.operations import Operations
from core.services.organizations import Organizations

SERVICES = {"accounts": Accounts, "invites": Invites, "operations": Operations, "organizations": Organizations}
CALLER = Caller("account", "session", "test")
REFERENCE = Path(reference.__file__).with_name("REFERENCE.md")

every_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)


class Witness:
    """Stands for the services and notes what is asked of them, as the real method would have to take it."""

    def __init__(self) -> None:
        self.permissions: list[str] = []

    def __getattr__(self, service: str) -> Any:
        return _Service(SERVICES[service], self.permissions)


class _Service:
    def __init__(self, kind: type, permissions: list[str]) -> None:
        self._kind = kind
        self._permissions = permissions

    def __getattr__(self, name: str) -> Callable[..., None]:
        method = getattr(self._kind, name)

        def call(*args: object, **kwargs: object) -> None:
            inspect.signature(method).bind(None, *args, **kwargs)
            self._permissions.append(method.permission)

        return call


def sample(argument: Argument) -> object:
    if argument.kind is Kind.CHOICE:
        return argument.choices[0]
    return {
        Kind.COUNT: argument.bounds[0],
        Kind.CREDITS: "1.5",
        Kind.GPU_HOURS: "1.5",
        Kind.DURATION: "2d",
        Kind.FLAG: False,
    }.get(argument.kind, "some-text")


def left_out(argument: Argument) -> object:
    if argument.secret:
        return sample(argument)  # a face asks for it
    return False if argument.kind is Kind.FLAG else None


@every_verb
def test_a_verb_names_the_right_that_its_service_asks_for(verb: Verb) -> None:
    if isinstance(verb.call, Program):
        return
    for values in (
        {argument.name: sample(argument) for argument in verb.arguments},
        {argument.name: sample(argument) if argument.required else left_out(argument) for argument in verb.arguments},
    ):
        witness = Witness()
        verb.call(witness, CALLER, values)
        assert witness.permissions == [verb.permission]


@every_verb
def test_a_verb_has_one_line_of_help_and_so_has_each_argument(verb: Verb) -> None:
    for text in (verb.help, *(argument.help for argument in verb.arguments)):
        assert text and (text[0].islower() or text.startswith("GPU")) and not text.endswith(".") and "\n" not in text
    assert "usage" in reference.help_of(verb).lower() and verb.name in reference.help_of(verb)


@every_verb
def test_the_help_of_a_verb_fits_80_columns(verb: Verb) -> None:
    assert max(map(columns, reference.help_of(verb).splitlines())) <= 80


def test_the_overview_names_every_verb_and_fits_80_columns() -> None:
    text = reference.overview()
    assert max(map(columns, text.splitlines())) <= 80
    assert all(f"\n  {verb.name} " in text for verb in VERBS)


def test_no_verb_is_the_beginning_of_another() -> None:
    paths = [verb.path for verb in VERBS]
    assert len(set(paths)) == len(paths)
    assert not [(a, b) for a in paths for b in paths if a != b and b[: len(a)] == a]


@every_verb
def test_only_the_last_positional_may_be_left_out_or_repeated(verb: Verb) -> None:
    assert all(argument.required and not argument.repeated for argument in verb.positionals[:-1])


@every_verb
def test_a_password_is_never_an_argument_and_never_asked_for_outside_a_terminal(verb: Verb) -> None:
    assert all(argument.kind not in (Kind.PASSWORD, Kind.NEW_PASSWORD) for argument in verb.options + verb.positionals)
    assert verb.terminal_only or not verb.secrets


def test_the_reference_is_what_the_table_says() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference.reference(FAMILIES), (
        "renew it with: bursar help --all > core/commands/REFERENCE.md"
    )
