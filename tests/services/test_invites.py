"""Invites: codes that let people in as often as they say, and tell a guesser nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.clock import DAY, HOUR, SystemClock
from core.domain.errors import BursarError
from core.domain.requests import Joining
from core.domain.roles import Caller, Role
from core.ids import RandomIds
from core.settings import Accounts
from tests.builders import NOBODY, World, dump, quick_settings
from tests.fakes import at_once, at_once_in_processes
from tests.services.conftest import Team


def refusal(call: Callable[[], object]) -> BursarError:
    with pytest.raises(BursarError) as refused:
        call()
    return refused.value


def test_who_joins_gets_the_role_that_the_invite_says_and_works_there(small_team: Team) -> None:
    world = small_team.world
    invite = world.invite(small_team.admin, role="admin")
    ben = world.person("ben")
    card = world.bursar.invites.join(ben, Joining(code=invite.code))
    assert (card.name, card.role, card.members) == ("vision", Role.ADMIN, 3)
    assert world.bursar.accounts.whoami(ben).org == "vision"


@pytest.mark.parametrize(
    ("given", "starts_with"),
    [({}, (100, 10)), ({"credits": "none"}, (0, 10)), ({"credits": "2", "gpu_hours": "0"}, (2, 0))],
)
def test_an_invite_says_what_who_comes_in_starts_with_which_may_be_nothing(
    small_team: Team, given: dict[str, str], starts_with: tuple[int, int]
) -> None:
    world = small_team.world
    ben = world.join(world.person("ben"), world.invite(small_team.admin, **given).code)
    wallet = world.bursar.credits.wallet(ben)
    assert (wallet.credits.balance_ucr, wallet.gpu_hours.balance_gpu_ms) == (
        starts_with[0] * 1_000_000,
        starts_with[1] * 3_600_000,
    )


def test_I_M3_a_code_is_shown_once_and_never_stored(small_team: Team) -> None:
    invite = small_team.world.invite(small_team.admin)
    assert invite.code is not None and len(invite.code) == 10
    listed = small_team.world.bursar.invites.list(small_team.admin).items
    assert [card.code for card in listed] == [None] * len(listed)
    assert invite.code not in str(dump(small_team.world.store))


def test_an_invite_lives_as_long_as_the_installation_says_unless_its_maker_does(
    tmp_path: Path, fresh_url: Callable[[str], str]
) -> None:
    accounts = Accounts(invite_lifetime_ms=HOUR // 1000)
    world = World.on(tmp_path / "home", fresh_url("sqlite"), accounts=accounts)
    admin = world.org(world.operator(), "vision")
    now = world.clock.now()
    assert HOUR <= world.invite(admin).expires_at - now < 2 * HOUR
    assert DAY <= world.invite(admin, expires="1d").expires_at - now < 2 * DAY
    world.close()


@pytest.mark.parametrize("typed", ["{0}-{1}", " {0}{1} ", "{0} {1}\n"])
def test_a_code_is_known_however_a_chat_has_broken_it(small_team: Team, typed: str) -> None:
    code = small_team.world.invite(small_team.admin).code
    assert code is not None
    ben = small_team.world.person("ben")
    assert small_team.world.join(ben, typed.format(code[:5], code[5:])).org == "vision"


def code_in(state: str, team: Team) -> str | None:
    world, invites = team.world, team.world.bursar.invites
    if state == "never made":
        return "ABCDEFGHJK"
    if state == "empty":
        return ""
    if state == "of an organization that is gone":
        founder = world.org(team.operator, "gone")
        invite = world.invite(founder)
        world.bursar.organizations.delete(founder)
        return invite.code
    invite = world.invite(team.admin)
    if state == "used up":
        world.join(world.person("user"), invite.code)
    if state == "revoked":
        invites.revoke(team.admin, invite.id)
    if state == "rotated":
        invites.rotate(team.admin, invite.id)
    if state == "expired":
        world.advance(3 * DAY)
        return invite.code
    assert invite.code is not None
    return invite.code.swapcase() if state == "in other letters" else invite.code


BAD_CODES = (
    "never made",
    "empty",
    "in other letters",
    "used up",
    "revoked",
    "rotated",
    "of an organization that is gone",
    "expired",
)


def test_B31_every_code_that_does_not_open_gets_the_same_answer(team: Team) -> None:
    answers = set()
    for number, state in enumerate(BAD_CODES):
        code = code_in(state, team)
        guesser = team.world.person(f"guesser-{number}")
        refused = refusal(lambda who=guesser, c=code: team.world.join(who, c))
        answers.add((refused.kind, refused.code, refused.message, refused.hint))
    assert answers == {
        ("not_found", "invite_invalid", "invite not valid", "ask an admin of the organization for a new one")
    }


def test_B31_guessing_codes_gets_slower_and_a_right_one_must_wait_too(small_team: Team) -> None:
    ben, code = small_team.world.person("ben"), small_team.world.invite(small_team.admin).code
    found = [refusal(lambda: small_team.world.join(ben, "ABCDEFGHJK")).code for _ in range(6)]
    assert found == ["invite_invalid"] * 5 + ["too_many_attempts"]
    assert refusal(lambda: small_team.world.join(ben, code)).code == "too_many_attempts"
    small_team.world.advance(HOUR)
    assert small_team.world.join(ben, code).org == "vision"


def test_B31_nobody_guesses_without_an_account(small_team: Team) -> None:
    code = small_team.world.invite(small_team.admin).code
    refused = refusal(lambda: small_team.world.bursar.invites.join(NOBODY, Joining(code=code)))
    assert refused.code == "session_invalid"


def test_an_invite_lets_in_as_many_as_it_says(small_team: Team) -> None:
    world = small_team.world
    invite = world.invite(small_team.admin, uses=2)
    for name in ("ben", "eva"):
        world.join(world.person(name), invite.code)
    assert refusal(lambda: world.join(world.person("tim"), invite.code)).code == "invite_invalid"
    (card, *_) = world.bursar.invites.list(small_team.admin).items
    assert (card.id, card.uses, card.used, card.state) == (invite.id, 2, 2, "used up")


def test_who_is_in_already_uses_nothing_up(small_team: Team) -> None:
    invite = small_team.world.invite(small_team.admin)
    assert refusal(lambda: small_team.world.join(small_team.member, invite.code)).code == "already_member"
    assert small_team.world.join(small_team.world.person("ben"), invite.code).org == "vision"


def test_a_rotated_invite_keeps_its_id_and_what_is_left_of_it(small_team: Team) -> None:
    world = small_team.world
    invite = world.invite(small_team.admin, uses=2)
    world.join(world.person("ben"), invite.code)
    again = world.bursar.invites.rotate(small_team.admin, invite.id)
    assert again.id == invite.id and again.code != invite.code
    world.join(world.person("eva"), again.code)
    assert refusal(lambda: world.bursar.invites.rotate(small_team.admin, invite.id)).code == "invite_closed"


def test_an_invite_is_named_by_the_beginning_of_its_id(small_team: Team) -> None:
    invite = small_team.world.invite(small_team.admin)
    assert small_team.world.bursar.invites.revoke(small_team.admin, invite.id[:6]).state == "revoked"
    assert refusal(lambda: small_team.world.bursar.invites.revoke(small_team.admin, "inv-")).code == "ambiguous"


def test_I_T6_who_is_disabled_joins_nothing(small_team: Team) -> None:
    world = small_team.world
    ben, code = world.person("ben"), world.invite(small_team.admin).code
    with world.store.write() as connection:
        connection.exec_driver_sql("UPDATE accounts SET disabled_at = 1 WHERE name = 'ben'")
    assert refusal(lambda: world.join(ben, code)).code == "session_invalid"


# Sixteen at once, for three places

JOINERS, PLACES = 16, 3
WHO_JOINS = "joiners.txt"


def join_as(world: World, number: int) -> str:
    """Who asks and by which code stands in a file, so that this can be sent to another process."""
    code, *callers = (world.settings.home / WHO_JOINS).read_text().splitlines()
    account, session = callers[number].split()
    return world.bursar.invites.join(Caller(account, session, "test"), Joining(code=code)).name


def crowd(home: Path, url: str) -> tuple[World, Caller]:
    world = World.of(quick_settings(home, url), SystemClock(), RandomIds())
    admin = world.org(world.operator(), "vision")
    people = [world.person(f"joiner-{number}") for number in range(JOINERS)]
    lines = [f"{one.account_id} {one.session_id}" for one in people]
    code = world.invite(admin, uses=PLACES).code or ""
    (home / WHO_JOINS).write_text("\n".join([code, *lines]))
    return world, admin


@pytest.mark.parametrize("in_processes", [False, True], ids=["threads", "processes"])
def test_of_sixteen_who_join_at_once_exactly_three_find_a_place(
    store_url: str, tmp_path: Path, in_processes: bool
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    world, admin = crowd(home, store_url)
    if in_processes:
        outcomes = at_once_in_processes(home, store_url, join_as, JOINERS)
    else:
        outcomes = at_once(world, join_as, range(JOINERS))
    members = world.bursar.organizations.members(admin).items
    (card,) = world.bursar.invites.list(admin).items
    verdict = world.bursar.operations.verify_audit(admin)
    world.close()
    assert sorted(outcomes) == ["invite_invalid"] * (JOINERS - PLACES) + ["vision"] * PLACES
    assert (len(members), card.used) == (PLACES + 1, PLACES)
    assert verdict.holds
