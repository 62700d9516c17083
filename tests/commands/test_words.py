"""Lines as people type them into the console's prompt and into Slack (B36)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.commands.table import VERBS
from core.commands.verbs import Argument, Kind, Verb
from core.commands.words import parse_words
from core.domain.errors import Invalid
from core.domain.text import safe_text


@pytest.mark.parametrize(
    ("line", "name", "said"),
    [
        ("whoami", "whoami", {}),
        ("  WhoAmI  ", "whoami", {}),
        ("invite create role admin uses 3", "invite create", {"role": "admin", "uses": 3}),
        ("invite create --role admin --uses=3", "invite create", {"role": "admin", "uses": 3}),
        ("invite create —role admin —uses=3", "invite create", {"role": "admin", "uses": 3}),
        ("invite create gpu-hours 2.5", "invite create", {"gpu_hours": "2.5"}),
        ("invite create gpu-hours none credits None", "invite create", {"gpu_hours": "none", "credits": "None"}),
        ("invite create GPU_hours 2.5", "invite create", {"gpu_hours": "2.5"}),
        ("invite create uses=3 Role=admin", "invite create", {"role": "admin", "uses": 3}),
        ("invite create gpu-hours: 2.5 use 3", "invite create", {"gpu_hours": "2.5", "uses": 3}),
        ("audit verify=no limits 5", "audit", {"verify": False, "limit": 5}),
        ("org switch “vision”", "org switch", {"name": "vision"}),
        ("org switch 'vision'", "org switch", {"name": "vision"}),
        ("org switch -- --vision", "org switch", {"name": "--vision"}),
        ("org role ben admin", "org role", {"user": "ben", "role": "admin"}),
        ("org remove user", "org remove", {"user": "user"}),
        ("org switch don’t", "org switch", {"name": "don’t"}),
        (r"org switch \"a", "org switch", {"name": '"a'}),
        ('org switch "a \\" b"', "org switch", {"name": 'a " b'}),
        ("audit verify", "audit", {"verify": True}),
        ("audit verify no limit 3", "audit", {"verify": False, "limit": 3}),
        ("audit verify yes", "audit", {"verify": True}),
        ("invite create role Admin", "invite create", {"role": "admin"}),
        ("audit --verify=no", "audit", {"verify": False}),
        ("audit limit 5 all-orgs", "audit", {"limit": 5, "all_orgs": True}),
    ],
)
def test_B36_pairs_dashes_and_smart_quotes_mean_the_same(line: str, name: str, said: dict[str, object]) -> None:
    verb, values = parse_words(line)
    assert verb.name == name
    assert {key: value for key, value in values.items() if value not in (None, False) or key in said} == said


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("", "say what to do", "`help` shows all verbs"),
        ("   ", "say what to do", "`help` shows all verbs"),
        ("x" * 4001, "at most 4000 characters (got 4001)", "say it shorter"),
        ("invite", "'invite' needs another word", "invite create|list|revoke|rotate"),
        ("whoam", "there is no verb 'whoam'", "did you mean 'whoami'?\nwhoam\n^^^^^"),
        (
            "invite creat",
            "there is no verb 'invite creat'",
            "did you mean 'invite create'?\ninvite creat\n       ^^^^^",
        ),
        (
            "invite create --gpu-hours=2--x",
            "gpu_hours: '2--x' is not",
            "\ninvite create --gpu-hours=2--x\n              ^^^^^^^^^^^^^^^^",
        ),
        ("invite create uses", "uses: is without a value", "--uses N\nusage: invite create"),
        ("invite create uses 0", "uses: a whole number between 1 and 10000 (got 0)", "\n                   ^"),
        ("invite create --roel admin", "'invite create' has no option --roel", "did you mean '--role'?"),
        ("invite create role boss", "role: there is no 'boss'", "one of admin, member"),
        ("invite create now", "'invite create' does not take 'now'", "one of"),
        ("whoami now", "'whoami' does not take 'now'", "leave it out"),
        ("org switch", "NAME: is missing", "usage: org switch NAME"),
        ("org switch “vision", "this quote does not end", "end it\norg switch “vision\n           ^^^^^^^"),
        ("invite create uses 1 uses 2", "--uses: is given 2 times", "give it once"),
        ("submit train file spec.toml", "--file: files are for the command line", "leave it out\nusage: submit"),
        ("audit --verify=maybe", "verify: yes or no (got 'maybe')", "give yes or no"),
        ("login ben", "'login' is for the command line", "in a terminal: bursar login NAME"),
    ],
    ids=lambda text: text[:20],
)
def test_B36_what_is_wrong_is_said_and_pointed_at(line: str, message: str, hint: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_words(line)
    assert refused.value.message.startswith(message)
    assert hint in (refused.value.hint or "")


def test_B36_a_long_line_is_shown_only_around_the_word_that_is_wrong() -> None:
    with pytest.raises(Invalid) as refused:
        parse_words("org switch " + "a" * 1000 + " extra " + "b" * 1000)
    line, underline = (refused.value.hint or "").splitlines()[-2:]
    assert len(line) <= 72
    assert line[underline.index("^") : underline.rindex("^") + 1] == "extra"


_PIECES = ("invite", "create", "role", "admin", "--uses", "3", "“x", "—", "--", "=", "\x1b[2J", "\ud800", "'")


@given(line=st.text(max_size=60) | st.lists(st.sampled_from(_PIECES), max_size=8).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_B36_any_line_is_understood_or_refused_with_a_harmless_hint(line: str) -> None:
    try:
        verb, values = parse_words(line)
    except Invalid as refused:
        for text in (refused.message, refused.hint or ""):
            assert safe_text(text, lines=True) == text
            text.encode()
    else:
        assert set(values) == {argument.name for argument in verb.arguments}


_WORD = st.text("abcxyz019-._", min_size=1, max_size=8).filter(lambda word: not word.startswith("-"))


def _texts(argument: Argument) -> st.SearchStrategy[str]:
    if argument.kind is Kind.CHOICE:
        return st.sampled_from(argument.choices)
    return {
        Kind.COUNT: st.integers(*argument.bounds).map(str),
        Kind.CREDITS: st.integers(1, 999).map(str),
        Kind.GPU_HOURS: st.integers(1, 999).map(str),
        Kind.DURATION: st.integers(1, 99).map(lambda days: f"{days}d"),
        Kind.FLAG: st.just("yes"),
    }.get(argument.kind, _WORD)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_pairs_and_dashes_read_alike_for_every_verb(data: st.DataObject) -> None:
    verb: Verb = data.draw(st.sampled_from([verb for verb in VERBS if not verb.terminal_only]))
    first = [data.draw(_texts(argument)) for argument in verb.positionals if not argument.behind_dashes]
    last = [data.draw(_texts(argument)) for argument in verb.positionals if argument.behind_dashes]
    tail = ["--", *last] if last else []
    offered = [argument for argument in verb.options if argument.kind is not Kind.FILE]
    chosen = data.draw(st.lists(st.sampled_from(offered), unique=True)) if offered else []
    chosen += [argument for argument in offered if argument.required and argument not in chosen]
    given_texts = [(argument, data.draw(_texts(argument))) for argument in chosen]
    pairs, dashes = [*verb.path, *first], [*verb.path, *first]
    for argument, text in given_texts:
        is_flag = argument.kind is Kind.FLAG
        pairs += [argument.flag[2:]] if is_flag else [argument.flag[2:], text]
        dashes += [argument.flag] if is_flag else [f"{argument.flag}={text}"]
    assert parse_words(" ".join(pairs + tail)) == parse_words(" ".join(dashes + tail))
    assert parse_words(" ".join(pairs + tail))[0] is verb


def test_a_command_stands_behind_dashes_alone() -> None:
    _, values = parse_words("submit train cluster c1 -- python x.py --hours 3")
    assert (values["name"], values["command"], values["hours"]) == ("train", ("python", "x.py", "--hours", "3"), None)
    with pytest.raises(Invalid) as refused:
        parse_words("submit train clustr c1")
    assert refused.value.code == "word_too_many"
    assert "did you mean 'cluster'?" in (refused.value.hint or "")
