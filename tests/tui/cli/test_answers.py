"""What people and programs get to see: tables that fit, JSON that is exact and stable, tenants' text made harmless."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.views.operations
import core.views.people
from core.commands.table import VERBS
from core.commands.verbs import Verb
from core.domain.columns import columns
from core.domain.errors import Invalid
from core.domain.roles import Role
from core.domain.text import safe_text
from core.views.operations import AuditLine, Page
from core.views.people import AccountCard, InviteCard, LoggedIn, MemberRow, OrgCard, TokenCard
from tests.tui.cli.shell import Shell
from tui.cli.answers import for_people
from tui.cli.machine import as_json
from tui.cli.welcome import welcome
from tui.errors import for_people as error_for_people
from tui.format import instant, label, shown

NOON = 1_767_268_800_000_000  # 2026-01-01 12:00 UTC
HOSTILE = "[red]x[/] \x1b[2J\x1b]52;c;aGk=\x07 \u202egpj.exe \u200b\x9b31m \ud800 <!channel>\r\nSECOND"


HOSTILE_LINES = (
    [HOSTILE],
    ["--" + HOSTILE],
    ["invite", HOSTILE],
    ["login", HOSTILE],
    ["org", "switch", HOSTILE],
    ["--org", HOSTILE, "whoami"],
)


def verb(name: str) -> Verb:
    return next(verb for verb in VERBS if verb.name == name)


GOLDENS: list[tuple[object, object]] = [
    (
        AccountCard("ben", False, "vision", Role.MEMBER, ("audio", "vision"), "full", NOON),
        {
            "name": "ben",
            "operator": False,
            "org": "vision",
            "role": "member",
            "orgs": ["audio", "vision"],
            "scope": "full",
            "created_at": "2026-01-01T12:00:00Z",
        },
    ),
    (
        LoggedIn("abc.def.ghi", "bearer", NOON, "ben"),
        {"access_token": "abc.def.ghi", "token_type": "bearer", "expires_at": "2026-01-01T12:00:00Z"},
    ),
    (
        InviteCard("inv-7k3f9q", Role.ADMIN, 3, 1, "open", 1_500_000, None, NOON, NOON),
        {
            "id": "inv-7k3f9q",
            "role": "admin",
            "uses": 3,
            "used": 1,
            "state": "open",
            "credits": 1.5,
            "gpu_hours": None,
            "expires_at": "2026-01-01T12:00:00Z",
            "created_at": "2026-01-01T12:00:00Z",
        },
    ),
    (
        OrgCard("vision", None, True, 2, "UTC", 100_000_000, 36_000_000, NOON),
        {
            "name": "vision",
            "role": None,
            "active": True,
            "members": 2,
            "time_zone": "UTC",
            "allowance_credits": 100.0,
            "allowance_gpu_hours": 10.0,
            "created_at": "2026-01-01T12:00:00Z",
            "approvals": None,
        },
    ),
    (Page((MemberRow("ben", Role.MEMBER, NOON),), "ben"), {
        "items": [{"name": "ben", "role": "member", "joined_at": "2026-01-01T12:00:00Z"}],
        "next": "ben",
    }),
    (Page(()), {"items": [], "next": None}),
]  # fmt: skip


@pytest.mark.parametrize(("view", "contract"), GOLDENS, ids=lambda value: type(value).__name__)
def test_the_keys_and_units_of_json_are_a_contract(view: object, contract: object) -> None:
    assert json.loads(as_json(view)) == contract


def test_a_code_is_a_key_only_when_it_is_made(team: Shell) -> None:
    made = team.done("invite create --json").json
    (listed,) = [row for row in team.done("invite list --json").json["items"] if row["id"] == made["id"]]
    assert set(made) - set(listed) == {"code"}
    assert made["code"] not in team.done("invite list").out
    token = team.done("token create ci --json").json
    (listed_token,) = team.done("token list --json").json["items"]
    assert set(token) - set(listed_token) == {"token"}


def test_login_for_programs_answers_the_bearer_token(team: Shell) -> None:
    answer = team.done("login ben --password-stdin --json", stdin=["correct horse staple"]).json
    assert set(answer) == {"access_token", "token_type", "expires_at"}
    assert answer["access_token"] not in team.done("login ben --password-stdin", stdin=["correct horse staple"]).out


@dataclass(frozen=True)
class Wallet:
    balance_ucr: int
    used_gpu_ms: int
    cpu_milli: int
    ram_mib: int
    grace_ms: int
    hours_ms: int


@given(ucr=st.integers(-(10**16), 10**16), gpu_ms=st.integers(-(10**12), 10**12))
@settings(max_examples=100, deadline=None)
def test_amounts_in_json_are_exact(ucr: int, gpu_ms: int) -> None:
    read = json.loads(as_json(Wallet(ucr, gpu_ms, 500, 512, 1_500, 5_400_000)), parse_float=Decimal)
    assert read["balance"] * 1_000_000 == ucr
    assert round(read["used_gpu_hours"] * 3_600_000) == gpu_ms
    assert {key: str(read[key]) for key in ("cpu", "ram", "grace_seconds", "hours")} == {
        "cpu": "0.5",
        "ram": "0.5",
        "grace_seconds": "1.5",
        "hours": "1.5",
    }


@given(text=st.text(st.characters(), max_size=50))
@settings(max_examples=100, deadline=None)
def test_text_in_json_is_ascii_and_comes_back_as_it_was(text: str) -> None:
    written = as_json({"text": text})
    assert written.isascii() and all(char.isprintable() or char == "\n" for char in written)
    assert json.loads(written) == {"text": text}


def hostile_views() -> Iterator[Any]:
    """Every view there is, with hostile text wherever it holds text."""
    for room in (core.views.people, core.views.operations):
        for kind in vars(room).values():
            if isinstance(kind, type) and is_dataclass(kind) and kind is not Page:
                yield filled(kind)


def filled(kind: type) -> Any:
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: value_of(hints[field.name]) for field in fields(kind)})


def value_of(hint: Any) -> Any:
    parts = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return value_of(parts[0])
    if typing.get_origin(hint) is tuple:
        return (value_of(parts[0]),)
    if is_dataclass(hint):
        return filled(typing.cast(type, hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    return {str: HOSTILE, int: NOON, bool: True}[hint]


def assert_harmless(text: str) -> None:
    assert safe_text(text, lines=True) == text
    assert not any(line.startswith("SECOND") for line in text.splitlines()), "a tenant's line end stays in its line"


@pytest.mark.parametrize("view", list(hostile_views()), ids=lambda view: type(view).__name__)
def test_B4_B5_no_field_of_any_view_can_speak_to_the_terminal(view: Any) -> None:
    for answer in (view, Page((view, view), HOSTILE)):
        for asked in (verb("whoami"), verb("org list")):
            text = for_people(asked, answer, 80)
            assert_harmless(text)
    assert as_json(view).isascii()


def test_B3_markup_is_shown_as_it_was_written() -> None:
    line = AuditLine(1, NOON, "[red]", "cli", None, "login", "[@click=app.quit]x", None, None)
    assert "[red]" in for_people(verb("audit"), Page((line,)), 200)


def test_B4_hostile_words_are_harmless_in_errors_and_in_the_welcome(team: Shell) -> None:
    assert_harmless(error_for_people(Invalid("x", HOSTILE.replace("\n", ""), HOSTILE.replace("\n", ""))))
    assert_harmless(welcome(AccountCard(HOSTILE, True, HOSTILE, None, (HOSTILE,), "full", NOON)))
    assert_harmless(welcome(AccountCard(HOSTILE, True, None, None, (HOSTILE,), "full", NOON)))
    for argv in HOSTILE_LINES:
        ran = team(argv, typed=["x"])
        assert ran.code in (2, 4)
        assert_harmless(ran.err)
        assert team([*argv, "--json"], typed=["x"]).err.isascii()


def test_a_table_fits_80_columns_and_keeps_instants_to_the_minute(team: Shell) -> None:
    long = "a-name-that-is-as-long-as-a-name-may-be-and-that-is-sixty-three"
    line = AuditLine(10**6, NOON, long, "cli", long, "organization.create", long, None, '{"x":"日本語のテキスト"}' * 3)
    text = for_people(verb("audit"), Page((line, line), "42"), 80)
    assert max(map(columns, text.splitlines())) <= 80
    assert "1000000  2026-01-01 12:00  " in text
    assert text.endswith("more: the same with --before 42\n")


def test_an_empty_list_says_what_could_be_done(team: Shell) -> None:
    assert team.done("token list").out == "no tokens; bursar token create NAME makes one\n"


def test_a_token_is_never_broken_into_lines() -> None:
    text = "bur_" + "x" * 200
    assert f"  {text}\n" in for_people(verb("token create"), TokenCard("t", "n", "full", "open", 0, None, text), 80)


@pytest.mark.parametrize(
    ("field", "value", "name", "text"),
    [
        ("created_at", NOON, "created", "2026-01-01 13:00:00"),
        ("expires_at", None, "expires", "-"),
        ("allowance_credits_ucr", 1_000_001, "allowance credits", "1.000001"),
        ("gpu_ms", 9_000_000, "gpu-hours", "2.5"),
        ("allowance_gpu_ms", 3_600_000, "allowance gpu-hours", "1.0"),
        ("grace_ms", 90_000, "grace", "1.5 m"),
        ("cpu_milli", 500, "cpu", "0.5"),
        ("ram_mib", 2048, "ram", "2 GiB"),
        ("active", True, "active", "yes"),
        ("orgs", ("a", "b"), "orgs", "a, b"),
        ("role", Role.ADMIN, "role", "admin"),
        ("uses", 3, "uses", "3"),
    ],
)
def test_a_fields_name_says_how_its_value_looks(field: str, value: object, name: str, text: str) -> None:
    assert (label(field), shown(field, value, zone=ZoneInfo("Europe/Berlin"))) == (name, text)


def test_instants_are_local_for_people_through_a_change_of_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert instant(1_774_745_999_999_999, berlin) == "2026-03-29 01:59:59"
    assert instant(1_774_746_000_000_000, berlin) == "2026-03-29 03:00:00"


def test_without_a_verb_it_says_who_you_are_and_what_could_come_next(team: Shell) -> None:
    assert team.done("").out.startswith("You are olga, an operator, working as admin of vision.\n\nbursar org members")
    team.done("logout")
    assert team.done("").out == (
        "Bursar, a compute broker for a team. Nobody is logged in here.\n"
        "\n"
        "bursar init --operator NAME  begin a new installation\n"
        "bursar register NAME         make an account\n"
        "bursar login NAME            log in with one\n"
        "bursar --help                all verbs\n"
    )


def test_without_a_verb_programs_get_who_they_are(team: Shell) -> None:
    assert team.done("--json").json["name"] == "olga"
    team.done("logout")
    assert team.done("--json").json is None


def test_a_session_that_has_ended_is_welcomed_as_nobody(team: Shell) -> None:
    team.clock.advance(13 * 3600 * 1_000_000)
    assert "Nobody is logged in here" in team.done("").out


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ('{"exit_code":0,"state":"completed"}', "completed, exit code 0"),
        ('{"held_gpu_ms":3600000,"held_ucr":1500000,"state":"queued"}', "queued, held gpu-hours 1.0, held 1.5"),
        ('{"reason":"\\u001b[31m"}', "reason ␛[31m"),
        ("not JSON", "not JSON"),
        ("[1]", "[1]"),
    ],
)
def test_what_the_audit_keeps_is_said_in_words_with_the_state_first(kept: str, said: str) -> None:
    assert shown("after", kept) == said
