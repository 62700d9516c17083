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
from tests.services.offered import services_of

SERVICES = services_of()
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


SAMPLES: dict[str, object] = {
    "change": ("cpu=2",),
    "after": ("dep-7k3f9q",),
    "command": ("true",),
    "cpu": "1",
    "disk": "5",
    "env": ("K=V",),
    "gpu": "1",
    "hours": "1.5",
    "image": "busybox",
    "kind": "job",
    "label": ("k=v",),
    "priority": "50",
    "public_ip": "192.0.2.7",
    "ram": "2",
    "replicas": "2",
    "set": ("key=value",),
}
# Where arguments depend on each other, a request is made only of these together.
TOGETHER: dict[str, dict[str, object]] = {
    "submit": {
        "name": "train",
        "cluster": "lab",
        "command": ("true",),
        "flavor": None,
        "public_ip": None,
        "if_version": None,
    },
    "org set": {"time_zone": "Europe/Berlin", "credits": "5", "gpu_hours": "none", "approvals": "always"},
    "grant": {"credits": "5", "user": "ben", "treasury": False},
    "transfer": {"credits": "5", "user": "ben", "treasury": False},
    "limits set": {"gpu_hours": "5", "credits": "5", "gpus": "1", "cpus": "1", "deployments": "1", "member": None},
    "flavor set": {"price": "1.5", "cpu": "1"},
    "rates": {"set": (), "from": None},
    "report schedule": {"channel": "C024BE91L", "when": ("weekly", "mon")},
}


def sample(argument: Argument) -> object:
    if argument.kind is Kind.CHOICE and argument.name not in SAMPLES:
        return (argument.choices[0],) if argument.repeated else argument.choices[0]
    return {
        Kind.COUNT: argument.bounds[0],
        Kind.CREDITS: "1.5",
        Kind.GPU_HOURS: "1.5",
        Kind.DURATION: "2d",
        Kind.FLAG: False,
        Kind.FILE: "# a comment",
    }.get(argument.kind, SAMPLES.get(argument.name, "some-text"))


def sparse(argument: Argument) -> object:
    """What an argument is when everything that can be left out is."""
    if argument.required or argument.secret:
        return sample(argument)
    if argument.repeated:
        return ()
    return False if argument.kind is Kind.FLAG else None


@every_verb
def test_a_verb_names_the_right_that_its_service_asks_for(verb: Verb) -> None:
    if isinstance(verb.call, Program):
        return
    for value in (sample, sparse):
        values = {argument.name: value(argument) for argument in verb.arguments} | TOGETHER.get(verb.name, {})
        witness = Witness()
        verb.call(witness, CALLER, values)
        assert witness.permissions == [verb.permission]


@every_verb
def test_a_verb_has_one_line_of_help_and_so_has_each_argument(verb: Verb) -> None:
    for text in (verb.help, *(argument.help for argument in verb.arguments)):
        assert text and (not text[0].isupper() or text[:2].isupper()), "no sentence of its own"
        assert "\n" not in text and (not text.endswith(".") or text.endswith("..."))
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
def test_what_may_be_left_out_or_repeated_stands_behind_what_may_not(verb: Verb) -> None:
    required = [argument.required for argument in verb.positionals]
    assert required == sorted(required, reverse=True)
    assert not any(argument.repeated for argument in verb.positionals[:-1])


@every_verb
def test_a_password_is_never_an_argument_and_never_asked_for_outside_a_terminal(verb: Verb) -> None:
    assert all(argument.kind not in (Kind.PASSWORD, Kind.NEW_PASSWORD) for argument in verb.options + verb.positionals)
    assert verb.terminal_only or not verb.secrets


def test_the_reference_is_what_the_table_says() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference.reference(FAMILIES), (
        "renew it with: bursar help --all > core/commands/REFERENCE.md"
    )
