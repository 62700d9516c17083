"""Organizations: who makes one, who leads it, how people leave it, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.errors import BursarError, Invalid
from core.domain.lifecycle import State
from core.domain.requests import NewOrg, NewRole, OrgChange
from core.domain.roles import Caller, Role
from core.domain.validation import validated
from core.settings import Orgs
from tests.builders import World
from tests.services.conftest import Team


def refusal(call: Callable[[], object]) -> BursarError:
    with pytest.raises(BursarError) as refused:
        call()
    return refused.value


def roles(team: Team) -> dict[str, Role]:
    return roles_by(team.world, inside(team.operator))


def test_who_makes_an_organization_is_its_admin_and_works_in_it(world: World) -> None:
    operator = world.operator()
    card = world.bursar.organizations.create(operator, NewOrg(name="vision"))
    assert (card.name, card.role, card.active, card.members) == ("vision", Role.ADMIN, True, 1)
    assert world.bursar.accounts.whoami(operator).org == "vision"


def test_organizations_are_made_by_operators_unless_they_are_open(small: World) -> None:
    mia = small.person("mia")
    refused = refusal(lambda: small.bursar.organizations.create(mia, NewOrg(name="vision")))
    assert (refused.kind, refused.code) == ("forbidden", "orgs_closed")
    opened = small.reopened(replace(small.settings, orgs=Orgs(open_orgs=True)))
    assert opened.bursar.organizations.create(mia, NewOrg(name="vision")).role is Role.ADMIN
    opened.close()


def test_the_name_of_an_organization_is_free_again_once_it_is_gone(small: World) -> None:
    operator = small.operator()
    admin = small.org(operator, "vision")
    assert refusal(lambda: small.org(operator, "vision")).code == "org_name_taken"
    small.bursar.organizations.delete(admin)
    assert refusal(lambda: small.bursar.organizations.show(admin)).code == "org_not_found"
    assert small.bursar.organizations.members(small.org(operator, "vision")).items[0].name == "olga"


def test_a_person_with_several_organizations_is_active_in_one(small_team: Team) -> None:
    world = small_team.world
    speech = world.org(small_team.operator, "speech")
    both = world.join(replace(small_team.member, org=None), world.invite(speech).code)
    me = replace(both, org=None)
    assert world.bursar.accounts.whoami(me).org == "speech"
    assert world.bursar.organizations.switch(me, "vision").role is Role.MEMBER
    assert world.bursar.accounts.whoami(me).org == "vision"
    assert world.bursar.accounts.whoami(replace(me, org="speech")).org == "speech"
    assert {(row.name, row.active) for row in world.bursar.organizations.list(me).items} == {
        ("speech", False),
        ("vision", True),
    }


def test_the_only_organization_is_active_by_itself(small_team: Team) -> None:
    world = small_team.world
    speech = world.org(small_team.operator, "speech")
    me = replace(world.join(small_team.member, world.invite(speech).code), org=None)
    world.bursar.organizations.leave(me)
    assert world.bursar.accounts.whoami(me).org == "vision"


def test_who_is_in_none_is_told_how_to_get_into_one(small: World) -> None:
    refused = refusal(lambda: small.bursar.organizations.show(small.person("mia")))
    assert (refused.kind, refused.code) == ("invalid", "no_org")
    assert "bursar join" in (refused.hint or "")


def test_operators_act_in_every_organization_without_being_in_it(small_team: Team) -> None:
    inside = replace(small_team.operator, org="vision")
    organizations = small_team.world.bursar.organizations
    assert "olga" not in roles(small_team)
    assert organizations.show(inside).role is None
    assert organizations.set_role(inside, NewRole(user="mia", role="admin")).role is Role.ADMIN
    assert organizations.switch(small_team.operator, "vision").name == "vision"
    assert organizations.show(replace(small_team.operator, org=None)).name == "vision"
    assert [row.name for row in organizations.list(small_team.operator).items] == ["vision"]


def test_a_role_counts_from_the_moment_it_is_given(small_team: Team) -> None:
    change = small_team.world.bursar.organizations.set_role
    assert refusal(lambda: small_team.world.invite(small_team.member)).code == "not_allowed"
    change(small_team.admin, NewRole(user="mia", role="admin"))
    assert small_team.world.invite(small_team.member).state == "open"
    change(small_team.member, NewRole(user="ana", role="member"))
    assert refusal(lambda: small_team.world.invite(small_team.admin)).code == "not_allowed"


def test_who_is_removed_is_out_at_once(small_team: Team) -> None:
    organizations = small_team.world.bursar.organizations
    organizations.remove(small_team.admin, "mia")
    assert refusal(lambda: organizations.show(small_team.member)).code == "org_not_found"
    assert refusal(lambda: organizations.show(replace(small_team.member, org=None))).code == "no_org"
    assert roles(small_team) == {"ana": Role.ADMIN}


@pytest.mark.parametrize("who", ["mia", "ana"])
def test_B35_nobody_raises_themselves(small_team: Team, who: str) -> None:
    """A member may not; an admin is one already and no word makes an operator of anybody."""
    caller = small_team.member if who == "mia" else small_team.admin
    change = small_team.world.bursar.organizations.set_role
    if who == "mia":
        assert refusal(lambda: change(caller, NewRole(user=who, role="admin"))).kind == "forbidden"
    else:
        change(caller, NewRole(user=who, role="admin"))
    assert not small_team.world.bursar.accounts.whoami(caller).operator


LOSES_THE_LAST_ADMIN: dict[str, Callable[[Team], object]] = {
    "leaves": lambda team: team.world.bursar.organizations.leave(team.admin),
    "is removed by themselves": lambda team: team.world.bursar.organizations.remove(team.admin, "ana"),
    "is removed by an operator": lambda team: team.world.bursar.organizations.remove(inside(team.operator), "ana"),
    "becomes a member": lambda team: team.world.bursar.organizations.set_role(
        team.admin, NewRole(user="ana", role="member")
    ),
}


def inside(operator: Caller) -> Caller:
    return replace(operator, org="vision")


@pytest.mark.parametrize("act", LOSES_THE_LAST_ADMIN.values(), ids=LOSES_THE_LAST_ADMIN)
def test_B35_I_T5_the_last_admin_stays_admin(small_team: Team, act: Callable[[Team], object]) -> None:
    before = roles(small_team)
    refused = refusal(lambda: act(small_team))
    assert (refused.kind, refused.code) == ("conflict", "last_admin")
    assert "an organization needs an admin" in refused.message
    assert roles(small_team) == before
    small_team.world.bursar.organizations.set_role(small_team.admin, NewRole(user="mia", role="admin"))
    act(small_team)
    assert roles(small_team)["mia"] is Role.ADMIN


STEPS = st.tuples(st.sampled_from(["demote", "promote", "remove", "leave"]), st.sampled_from(["ana", "ben", "mia"]))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(STEPS, max_size=12))
def test_I_T5_whatever_people_do_there_is_an_admin(small_team: Team, steps: list[tuple[str, str]]) -> None:
    world, organizations = small_team.world, small_team.world.bursar.organizations
    operator = inside(small_team.operator)
    for name in ("ana", "ben", "mia"):
        if name not in roles_by(world, operator):
            person = world.person(name) if name == "ben" and not _exists(world, name) else world.log_in(name)
            world.join(person, world.invite(operator).code)
    people = {name: world.log_in(name, org="vision") for name in ("ana", "ben", "mia")}
    for step, name in steps:
        try:
            match step:
                case "leave":
                    organizations.leave(people[name])
                case "remove":
                    organizations.remove(operator, name)
                case _:
                    role = "admin" if step == "promote" else "member"
                    organizations.set_role(operator, NewRole(user=name, role=role))
        except BursarError as refused:
            assert refused.code in ("last_admin", "member_not_found", "org_not_found")
        assert Role.ADMIN in roles_by(world, operator).values()


def roles_by(world: World, operator: Caller) -> dict[str, Role]:
    return {row.name: row.role for row in world.bursar.organizations.members(operator).items}


def _exists(world: World, name: str) -> bool:
    with world.units.read(world.log_in("olga")) as unit:
        return unit.accounts.by_name(name) is not None


def test_B61_an_organization_with_work_in_it_is_not_deleted(small_team: Team) -> None:
    world = small_team.world
    world.cluster(small_team.admin)
    world.fund(small_team.member, credits=100, gpu_hours=10)
    made = world.submit(small_team.member, "train")
    refused = refusal(lambda: world.bursar.organizations.delete(small_team.admin))
    assert refused.kind == "conflict"
    assert made.id in refused.message
    world.bursar.deployments.cancel(small_team.member, made.id)
    assert world.bursar.organizations.show(small_team.admin).members == 2


def test_B61_once_nothing_lives_in_it_an_organization_can_go(team: Team) -> None:
    assert "vision" in team.world.bursar.organizations.delete(team.admin).message
    assert refusal(lambda: team.world.bursar.organizations.show(team.member)).code == "org_not_found"
    assert team.world.bursar.organizations.list(team.operator).items == ()


def test_only_admins_end_an_organization(small_team: Team) -> None:
    assert refusal(lambda: small_team.world.bursar.organizations.delete(small_team.member)).code == "not_allowed"


def test_what_new_members_start_with_is_the_organizations_to_set(small_team: Team) -> None:
    world, admin = small_team.world, small_team.admin
    before = world.bursar.credits.wallet(small_team.member)
    card = world.bursar.organizations.change(
        admin, validated(OrgChange, time_zone="europe/berlin", credits="2.5", gpu_hours="none")
    )
    assert (card.time_zone, card.allowance_credits_ucr, card.allowance_gpu_ms) == ("Europe/Berlin", 2_500_000, 0)
    new = world.bursar.credits.wallet(world.member(admin, "eva"))
    assert (new.credits.balance_ucr, new.gpu_hours.balance_gpu_ms) == (2_500_000, 0)
    assert world.bursar.credits.wallet(small_team.member) == before
    world.bursar.organizations.change(admin, validated(OrgChange, gpu_hours="1"))
    later = world.bursar.organizations.show(admin)
    assert (later.time_zone, later.allowance_credits_ucr, later.allowance_gpu_ms) == (
        "Europe/Berlin",
        2_500_000,
        3_600_000,
    )
    assert refusal(
        lambda: world.bursar.organizations.change(small_team.member, validated(OrgChange, credits="9"))
    ).code == ("not_allowed")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "nothing_to_change"),
        ({"time_zone": "Mars/Base"}, "zone_unknown"),
        ({"credits": "-1"}, "amount_out_of_range"),
        ({"gpu_hours": "much"}, "malformed_amount"),
        ({"approvals": "sometimes"}, "unknown_approvals"),
    ],
    ids=["nothing", "B53 a zone of another planet", "less than nothing", "no number", "no policy"],
)
def test_what_an_organization_cannot_be_set_to_is_refused(asked: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        validated(OrgChange, **asked)
    assert refused.value.code == code


def test_each_organization_says_what_needs_a_yes(small_team: Team) -> None:
    world, admin, operator = small_team.world, small_team.admin, small_team.operator
    other = world.org(operator, "speech")
    for who, cluster in ((admin, "rack"), (other, "other")):
        world.cluster(who, cluster, cpu=64)
    world.fund(other, credits=10)
    change = world.bursar.organizations.change
    assert change(admin, validated(OrgChange, approvals="always")).approvals == "always"
    assert world.submit(admin, "asks").state is State.AWAITING_APPROVAL
    assert world.submit(other, "asks-nobody", "other").state is State.QUEUED
    assert change(admin, validated(OrgChange, approvals="default")).approvals is None
    assert world.submit(admin, "as-installed").state is State.QUEUED
