"""Deployments by people: admitted, paid and queued in one unit or not at all; ended with their money given back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.clock import MINUTE, SECOND
from core.domain.errors import BursarError, Exhausted
from core.domain.lifecycle import FINAL, State
from core.domain.roles import Caller
from core.settings import Approvals, Limits, Orgs
from core.views.work import DeploymentCard, FollowedLine
from tests.builders import changed_tables, dump, job
from tests.services.conftest import Team

HOUR_OF_ONE_GPU = 3_600_000
ADMISSION = {"deployments", "postings", "entries", "balances", "audit", "events", "clusters", "wallet_standings"}


@pytest.fixture
def ready(team: Team) -> Team:
    """A team with a cluster of eight GPUs, whose member has something to spend."""
    return with_money(team)


@pytest.fixture
def small_ready(small_team: Team) -> Team:
    return with_money(small_team)


def with_money(team: Team) -> Team:
    team.world.cluster(team.admin)
    team.world.fund(team.member, credits=100, gpu_hours=20)
    return team


def refusal(call: Callable[[], object]) -> BursarError:
    with pytest.raises(BursarError) as refused:
        call()
    return refused.value


def funds(team: Team, who: Caller | None = None) -> tuple[int, int]:
    """What can still be spent: micro-credits and GPU-milliseconds."""
    card = team.world.bursar.credits.wallet(who or team.member)
    return card.credits.available_ucr, card.gpu_hours.available_gpu_ms


def configured(team: Team, **sections: object) -> Team:
    world = team.world.reopened(replace(team.world.settings, **sections))
    team.world.bursar = world.bursar
    return replace(team, world=world)


# Admission


def test_a_job_is_admitted_paid_and_queued_in_one_unit(ready: Team) -> None:
    before, had = dump(ready.world.store), funds(ready)
    card = ready.world.submit(ready.member, "train", gpu=2, hours=3)
    assert (card.state, card.owner, card.org, card.held.gpu_ms) == (State.QUEUED, "mia", "vision", 6 * HOUR_OF_ONE_GPU)
    assert funds(ready) == (had[0] - card.held.credits_ucr, had[1] - 6 * HOUR_OF_ONE_GPU)
    assert "deployments" in changed_tables(before, dump(ready.world.store)) <= ADMISSION
    (line,) = ready.world.bursar.operations.audit(ready.admin, limit=1).items
    assert (line.verb, line.target, line.actor) == ("deployment.submit", card.id, "mia")


def test_a_service_holds_nothing_but_the_next_hour_must_be_there(small_ready: Team) -> None:
    had = funds(small_ready)
    card = small_ready.world.submit(small_ready.member, "web", hours=None, gpu=1)
    assert (card.kind, card.held.credits_ucr, funds(small_ready)) == ("service", 0, had)
    ben = small_ready.world.join(
        small_ready.world.person("ben"), small_ready.world.invite(small_ready.admin, gpu_hours=1).code
    )
    assert small_ready.world.submit(ben, "web-2", hours=None, gpu=1).held.gpu_ms == 0
    assert refusal(lambda: small_ready.world.submit(ben, "web-3", hours=None, gpu=2)).code == "balance_exhausted"


REFUSED: dict[str, tuple[str, dict[str, object]]] = {
    "no such cluster": ("cluster_not_found", {"cluster": "nowhere"}),
    "no such flavor": ("flavor_not_found", {"flavor": "huge", "gpu": None}),
    "more than any node could hold": ("impossible_request", {"gpu": 16}),
    "more than there is to spend": ("balance_exhausted", {"gpu": 8, "hours": 100}),
    "a name that is taken": ("name_taken", {"name": "taken"}),
    "after something that is not there": ("deployment_not_found", {"after": ["dep-zzzzzz"]}),
    "after something that was cancelled": ("dependency_failed", {"after": ["{cancelled}"]}),
    "a key that stood for something else": ("key_reused", {"key": "k-1", "hours": 2}),
}


@pytest.mark.parametrize(("code", "asked"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing(small_ready: Team, code: str, asked: dict[str, object]) -> None:
    world = small_ready.world
    world.submit(small_ready.member, "taken", key="k-1")
    cancelled = world.submit(small_ready.member, "cancelled")
    world.bursar.deployments.cancel(small_ready.member, cancelled.id)
    before = dump(world.store)
    given = {"name": "train", **asked}
    given = {key: [cancelled.id] if value == ["{cancelled}"] else value for key, value in given.items()}
    refused = refusal(lambda: world.submit(small_ready.member, **given))  # type: ignore[arg-type]
    assert refused.code == code
    assert refused.hint
    assert dump(world.store) == before


def test_B15_what_no_node_could_ever_hold_is_refused_with_the_largest_that_could(small_ready: Team) -> None:
    small_ready.world.fund(small_ready.member, gpu_hours=100, credits=1000)
    refused = refusal(lambda: small_ready.world.submit(small_ready.member, "huge", gpu=16))
    assert "16 GPUs" in refused.message and "8" in refused.message


def test_more_than_there_is_is_refused_with_what_is_missing(small_ready: Team) -> None:
    _, gpu_ms = funds(small_ready)
    hours = gpu_ms // HOUR_OF_ONE_GPU
    refused = refusal(lambda: small_ready.world.submit(small_ready.member, "long", hours=hours + 1))
    assert isinstance(refused, Exhausted)
    assert f"{hours + 1}.0 GPU-hours" in refused.message and f"{hours}.0 left" in refused.message
    assert small_ready.world.submit(small_ready.member, "all-of-it", hours=hours, cpu=0, ram=0).held.gpu_ms == gpu_ms
    assert funds(small_ready)[1] == 0


def test_B9_a_name_is_taken_only_among_the_living_of_the_same_organization(ready: Team) -> None:
    world = ready.world
    first = world.submit(ready.member, "train")
    refused = refusal(lambda: world.submit(ready.admin, "train"))
    assert (refused.code, refused.message) == ("name_taken", f"name already used by {first.id}")
    speech = world.org(ready.operator, "speech")
    world.share(speech, world.cluster(speech, "other").id, "vision")
    world.fund(speech, credits=100, gpu_hours=10)
    assert world.submit(speech, "train", "other").id != first.id
    world.bursar.deployments.cancel(ready.member, first.id)
    assert world.submit(ready.member, "train").id != first.id


def test_a_deployment_is_found_by_id_by_the_beginning_of_it_and_by_name(small_ready: Team) -> None:
    made = small_ready.world.submit(small_ready.member, "train")
    show = small_ready.world.bursar.deployments.show
    assert {show(small_ready.admin, word).id for word in (made.id, made.id[:7], "train", "TRAIN")} == {made.id}
    assert refusal(lambda: show(small_ready.admin, "trai")).code == "deployment_not_found"
    small_ready.world.bursar.deployments.cancel(small_ready.member, "train")
    again = small_ready.world.submit(small_ready.member, "train")
    assert show(small_ready.admin, "train").id == again.id
    assert show(small_ready.admin, made.id).state is State.CANCELLED


def test_what_is_over_already_can_be_followed_by_its_name(small_ready: Team) -> None:
    def of(handle: str, state: State, outcome: str = "ok") -> FollowedLine:
        return FollowedLine(handle, "prepare", state, outcome)

    world = small_ready.world
    short = world.submit(small_ready.member, "prepare")
    world.bursar.deployments.stop(small_ready.admin, short.id)
    world.bursar.decisions.complete(small_ready.admin, short.id)
    assert world.submit(small_ready.member, "train", after=["Prepare"]).after == (of(short.id, State.COMPLETED),)
    world.advance(SECOND)
    again = world.submit(small_ready.member, "prepare")
    assert world.submit(small_ready.member, "test", after=["prepare:any"]).after == (of(again.id, State.QUEUED, "any"),)
    world.bursar.deployments.cancel(small_ready.member, again.id)
    refused = refusal(lambda: world.submit(small_ready.member, "tell", after=["prepare"]))
    assert (refused.code, again.id in refused.message) == ("dependency_failed", True)


# The same key


def test_the_same_key_finds_the_first_answer_and_pays_once(ready: Team) -> None:
    world = ready.world
    first = world.submit(ready.member, "train", key="k-1")
    had = funds(ready)
    assert world.submit(ready.member, "train", key="k-1").id == first.id
    assert funds(ready) == had
    world.bursar.deployments.cancel(ready.member, first.id)
    assert world.submit(ready.member, "train", key="k-1").state is State.CANCELLED
    other = refusal(lambda: world.submit(ready.member, "train", key="k-1", priority=10))
    assert (other.kind, other.code) == ("conflict", "key_reused")


def test_a_key_is_ones_own(small_ready: Team) -> None:
    first = small_ready.world.submit(small_ready.member, "train", key="k-1")
    assert small_ready.world.submit(small_ready.admin, "train-2", key="k-1").id != first.id


def test_a_key_that_was_used_in_another_organization_stood_for_something_else(small_ready: Team) -> None:
    world = small_ready.world
    world.submit(small_ready.member, "train", key="k-1")
    speech = world.org(small_ready.operator, "speech")
    world.cluster(speech)
    there = world.join(small_ready.member, world.invite(speech).code)
    world.fund(there, credits=100, gpu_hours=10)
    assert refusal(lambda: world.submit(there, "train", key="k-1")).code == "key_reused"


# Approval


GROUNDS: dict[str, tuple[dict[str, object], dict[str, object], bool]] = {
    "never": ({"policy": "never"}, {"gpu": 8, "hours": 2, "priority": 90}, False),
    "always": ({"policy": "always"}, {}, True),
    "at the limit in GPUs": ({"policy": "above_limits", "above_gpus": 2}, {"gpu": 2}, False),
    "above the limit in GPUs": ({"policy": "above_limits", "above_gpus": 2}, {"gpu": 3}, True),
    "at the limit in priority": ({"policy": "above_limits", "above_priority": 60}, {"priority": 60}, False),
    "above the limit in priority": ({"policy": "above_limits", "above_priority": 60}, {"priority": 61}, True),
    "at the limit in GPU-hours": ({"policy": "above_limits", "above_gpu_ms": 2 * HOUR_OF_ONE_GPU}, {"hours": 2}, False),
    "above it": ({"policy": "above_limits", "above_gpu_ms": 2 * HOUR_OF_ONE_GPU}, {"hours": 2.1}, True),
    "above the limit in credits": ({"policy": "above_limits", "above_ucr": 1_000_000}, {"hours": 1}, True),
}


@pytest.mark.parametrize(("rules", "asked", "waits"), GROUNDS.values(), ids=GROUNDS)
def test_what_needs_an_approval_waits_for_one_with_its_cost_set_aside(
    small_ready: Team, rules: dict[str, object], asked: dict[str, object], waits: bool
) -> None:
    team = configured(small_ready, approvals=Approvals(**rules))  # type: ignore[arg-type]
    card = team.world.submit(team.member, "train", **asked)
    assert card.state is (State.AWAITING_APPROVAL if waits else State.QUEUED)
    assert bool(card.reason) is waits
    assert card.held.gpu_ms > 0
    had = funds(team)
    team.world.bursar.deployments.cancel(team.member, card.id)
    assert funds(team) == (had[0] + card.held.credits_ucr, had[1] + card.held.gpu_ms)


# What people do with it


def test_what_is_cancelled_before_it_starts_gives_everything_back(small_ready: Team) -> None:
    had = funds(small_ready)
    made = small_ready.world.submit(small_ready.member, "train")
    assert funds(small_ready) != had
    card = small_ready.world.bursar.deployments.cancel(small_ready.member, made.id)
    assert (card.state, card.held.credits_ucr, card.held.gpu_ms) == (State.CANCELLED, 0, 0)
    assert funds(small_ready) == had
    assert (
        refusal(lambda: small_ready.world.bursar.deployments.cancel(small_ready.member, made.id)).code
        == "illegal_transition"
    )
    assert funds(small_ready) == had


def test_what_is_started_again_sets_its_cost_aside_anew(ready: Team) -> None:
    had = funds(ready)
    made = ready.world.submit(ready.member, "train")
    deployments = ready.world.bursar.deployments
    assert deployments.stop(ready.member, made.id).state is State.STOPPED
    assert funds(ready) == had
    ready.world.advance(MINUTE)
    again = deployments.start(ready.member, made.id)
    assert (again.state, again.held) == (State.QUEUED, made.held)
    assert funds(ready) == (had[0] - made.held.credits_ucr, had[1] - made.held.gpu_ms)
    assert deployments.delete(ready.member, made.id).state is State.DELETED
    assert funds(ready) == had


def test_what_cannot_be_paid_is_not_started_again(small_ready: Team) -> None:
    world = small_ready.world
    made = world.submit(small_ready.member, "train", hours=20)
    world.bursar.deployments.stop(small_ready.member, made.id)
    world.submit(small_ready.member, "other", hours=20)
    before = dump(world.store)
    assert refusal(lambda: world.bursar.deployments.start(small_ready.member, made.id)).kind == "exhausted"
    assert dump(world.store) == before


def test_a_tombstone_keeps_name_labels_and_times(small_ready: Team) -> None:
    made = small_ready.world.submit(small_ready.member, "train", labels=["team=a"])
    small_ready.world.advance(SECOND)
    small_ready.world.bursar.deployments.delete(small_ready.member, made.id)
    card = small_ready.world.bursar.deployments.show(small_ready.member, made.id)
    assert (card.name, card.labels, card.created_at) == ("train", {"team": "a"}, made.created_at)
    assert card.ended_at == made.created_at + SECOND
    assert small_ready.world.bursar.deployments.list(small_ready.member).items == ()
    assert [
        line.id for line in small_ready.world.bursar.deployments.list(small_ready.member, states=("deleted",)).items
    ] == [made.id]


@pytest.mark.parametrize("verb", ["cancel", "stop", "start", "delete"])
def test_only_its_owner_and_admins_act_on_a_deployment(small_ready: Team, verb: str) -> None:
    world = small_ready.world
    ben = world.member(small_ready.admin, "ben")
    made = world.submit(small_ready.member, "train")
    if verb == "start":
        world.bursar.deployments.stop(small_ready.member, made.id)
    act = getattr(world.bursar.deployments, verb)
    before = dump(world.store)
    assert refusal(lambda: act(ben, made.id)).code == "not_allowed"
    assert dump(world.store) == before
    assert act(small_ready.admin, made.id).id == made.id


def test_secrets_in_the_environment_are_shown_to_nobody(small_ready: Team) -> None:
    made = small_ready.world.submit(small_ready.member, "train", env=["API_TOKEN=canary-4411", "MODE=fast"])
    told = str(small_ready.world.bursar.deployments.show(small_ready.admin, made.id))
    assert "canary-4411" not in told and "fast" in told
    history = dump(small_ready.world.store)
    assert "canary-4411" not in str([history[name] for name in ("audit", "events", "postings", "entries")])


# Too many


def test_B55_hasty_submissions_are_refused_with_how_long_to_wait(small_ready: Team) -> None:
    team = configured(small_ready, limits=Limits(member_submissions_per_minute=3))
    for number in range(3):
        team.world.submit(team.member, f"train-{number}", gpu=0)
        team.world.advance(10 * SECOND)
    refused = refusal(lambda: team.world.submit(team.member, "train-3", gpu=0))
    assert (refused.kind, refused.code, refused.hint) == ("exhausted", "too_fast", "try again in 30 s")
    assert refused.fields == {"retry_after_s": 30}
    team.world.fund(team.admin, credits=10)
    assert team.world.submit(team.admin, "of-another", gpu=0)
    team.world.advance(30 * SECOND)
    assert team.world.submit(team.member, "train-3", gpu=0)


def test_B55_the_haste_of_one_organization_does_not_slow_another(small_ready: Team) -> None:
    team = configured(small_ready, limits=Limits(org_submissions_per_minute=2))
    for who, name in ((team.member, "one"), (team.member, "two")):
        team.world.submit(who, name, gpu=0)
    assert refusal(lambda: team.world.submit(team.admin, "three", gpu=0)).code == "too_fast"
    speech = team.world.org(team.operator, "speech")
    team.world.cluster(speech)
    assert team.world.submit(speech, "one", gpu=0)


def test_B55_a_queue_has_an_end(small_ready: Team) -> None:
    team = configured(small_ready, limits=Limits(member_waiting=2))
    made = [team.world.submit(team.member, f"train-{number}", gpu=0) for number in range(2)]
    assert refusal(lambda: team.world.submit(team.member, "train-2", gpu=0)).code == "queue_full"
    team.world.bursar.deployments.cancel(team.member, made[0].id)
    assert team.world.submit(team.member, "train-2", gpu=0)


# Money over all that people can do


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "submit", "service", "cancel", "stop", "start", "delete"]),
        st.integers(0, 5),
        st.sampled_from([1, 2, 5]),
    ),
    max_size=25,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(STEPS)
def test_I_L4_whatever_people_do_they_hold_what_they_asked_for_and_never_more_than_they_had(
    small_ready: Team, steps: list[tuple[str, int, int]]
) -> None:
    world, deployments = small_ready.world, small_ready.world.bursar.deployments
    for line in deployments.list(small_ready.member).items:
        deployments.delete(small_ready.member, line.id)
    had = funds(small_ready)
    made: list[DeploymentCard] = []
    for verb, which, hours in steps:
        world.advance(SECOND)
        try:
            if verb in ("submit", "service"):
                asked = {"hours": hours} if verb == "submit" else {"hours": None}
                made.append(world.submit(small_ready.member, f"x-{len(made)}", gpu=which % 3, **asked))
            elif made:
                getattr(deployments, verb)(small_ready.member, made[which % len(made)].id)
        except BursarError as refused:
            assert refused.kind in ("conflict", "exhausted", "not_found")
        cards = [deployments.show(small_ready.member, one.id) for one in made]
        held = (sum(card.held.credits_ucr for card in cards), sum(card.held.gpu_ms for card in cards))
        left = funds(small_ready)
        assert left == (had[0] - held[0], had[1] - held[1])
        assert min(left) >= 0
        for card in cards:
            waits = card.state is State.QUEUED and card.kind == "job"
            assert (card.held.credits_ucr > 0) is waits
            assert card.state not in FINAL or card.held.gpu_ms == 0


def test_a_treasury_pays_where_the_organization_lets_it(small_ready: Team) -> None:
    world = small_ready.world
    asked = job("long", hours=35)
    assert refusal(lambda: world.bursar.deployments.submit(small_ready.member, asked)).kind == "exhausted"
    team = configured(small_ready, orgs=Orgs(fall_back_on_treasury=True))
    had = funds(team)
    card = team.world.bursar.deployments.submit(team.member, asked)
    assert card.held.gpu_ms == 35 * HOUR_OF_ONE_GPU
    assert funds(team) == had
    with team.world.store.read() as connection:
        held = "SELECT account_kind FROM entries WHERE side = 'held' AND amount < 0"
        assert {row[0] for row in connection.execute(text(held))} == {"treasury"}
