"""The words of the port: tokens, observations, and how errors are read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.engines import (
    TROUBLE,
    Capabilities,
    Observation,
    Observed,
    Phase,
    Remedy,
    Token,
    Trouble,
    members_may_use,
    rule_of,
    trouble,
)
from core.domain.errors import KINDS, Exhausted, Forbidden, Invalid, NotFound, Unavailable

parts = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,14}[a-z0-9])?", fullmatch=True)


@settings(max_examples=100, deadline=None)
@given(parts, parts, st.integers(1, 10**6), st.integers(0, 999))
def test_a_token_is_read_back_as_it_was_written(install: str, deployment: str, generation: int, rank: int) -> None:
    token = Token(install, deployment, generation, rank)
    assert Token.parse(str(token)) == token
    assert len(str(token)) <= 63


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab.019-_/A \n\0٣"), max_size=30) | st.text(max_size=80))
def test_any_other_text_is_no_token_or_exactly_one(text: str) -> None:
    try:
        token = Token.parse(text)
    except Invalid as refused:
        assert refused.code == "malformed_token"
        assert Token.read(text, "b7k2") is None
    else:
        assert str(token) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.0",
        "a.b.01",
        "a.b.1.0",
        "a.b.1.2.3",
        "a.b.-1",
        "a.b.x",
        "A.b.1",
        "a..1",
        "../b.1",
        "a.b/c.1",
        "-a.b.1",
    ],
)
def test_what_only_looks_like_a_token_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Token.parse(text)


def test_a_token_too_long_for_a_label_is_refused() -> None:
    with pytest.raises(Invalid):
        Token("a" * 30, "b" * 40, 1)


def test_a_token_of_another_installation_is_not_ours() -> None:
    assert Token.read("other.dep-1.1", "b7k2") is None
    assert Token.read("b7k2.dep-1.1", "b7k2") == Token("b7k2", "dep-1", 1)
    assert Token.read(None, "b7k2") is None


def test_only_starting_running_and_suspended_hold_their_capacity() -> None:
    live = {phase for phase in Phase if Observed(None, "x", phase).is_live}
    assert live == {Phase.STARTING, Phase.RUNNING, Phase.SUSPENDED}


def test_an_observation_finds_ours_and_tells_the_foreign() -> None:
    ours = Observed(Token("b7k2", "dep-1", 1), "e1", Phase.RUNNING)
    theirs = Observed(None, "e2", Phase.RUNNING)
    observation = Observation(5, (ours, theirs))
    assert observation.find(Token("b7k2", "dep-1", 1)) is ours
    assert observation.find(Token("b7k2", "dep-1", 2)) is None
    assert observation.by_token() == {ours.token: ours}
    assert observation.foreign() == (theirs,)


def test_every_trouble_has_a_kind_and_a_remedy() -> None:
    assert set(TROUBLE) == set(Trouble)
    for code, rule in TROUBLE.items():
        assert rule.kind in KINDS
        error = trouble(code, "it went wrong", "do this")
        assert (type(error), error.code, error.hint) == (rule.kind, code.value, "do this")
        assert rule_of(error) is rule


@pytest.mark.parametrize(
    ("code", "remedy", "unknown"),
    [
        (Trouble.NO_CAPACITY, Remedy.REQUEUE, False),
        (Trouble.ENGINE_QUOTA, Remedy.REQUEUE, False),  # E49
        (Trouble.IMAGE_MISSING, Remedy.ASK_AGAIN, False),  # E50
        (Trouble.CANNOT_RUN, Remedy.GIVE_UP, False),
        (Trouble.UNAUTHORIZED, Remedy.REPAIR, False),  # E46
        (Trouble.TIMEOUT, Remedy.ASK_AGAIN, True),  # E32, E33
        (Trouble.ENGINE_DOWN, Remedy.ASK_AGAIN, True),  # E44
    ],
)
def test_what_the_daemon_does_about_each(code: Trouble, remedy: Remedy, unknown: bool) -> None:
    rule = TROUBLE[code]
    assert (rule.remedy, rule.effect_unknown) == (remedy, unknown)


def test_codes_that_are_not_known_here_are_read_by_their_kind() -> None:
    assert rule_of(Unavailable("strange", "?")).effect_unknown
    assert rule_of(Unavailable("strange", "?")).remedy is Remedy.ASK_AGAIN
    assert rule_of(Exhausted("strange", "?")).remedy is Remedy.REQUEUE
    assert rule_of(Forbidden("strange", "?")).remedy is Remedy.REPAIR
    assert rule_of(NotFound("strange", "?")).remedy is Remedy.GIVE_UP


def test_a_cluster_that_gives_a_shell_is_open_to_members_only_by_a_setting() -> None:
    shell, sealed = Capabilities("x", shell_on_host=True), Capabilities("x")
    assert members_may_use(sealed, {})
    assert not members_may_use(shell, {})
    assert not members_may_use(shell, {"run_as": "", "trust": "operators"})
    assert members_may_use(shell, {"run_as": "guest"})
    assert members_may_use(shell, {"trust": "members"})
