"""What others run on a cluster that is shared: that it is there for everybody, what it is for operators alone."""

from __future__ import annotations

from core.domain.roles import Caller
from tests.services.conftest import Team


def both_at_work(team: Team) -> Caller:
    """Another organization runs `theirs` on the same GPUs, and `waits` is behind it. Its admin."""
    world = team.world
    world.cluster(team.operator_in("vision"), gpu=1)
    beta = world.member(world.org(team.operator, "sound"), "bob", "admin")
    world.share(team.operator_in("vision"), "rack", "sound")
    for person in (beta, team.member):
        world.fund(person, credits=100, gpu_hours=100)
    world.submit(beta, "theirs", gpu=1, hours=1)
    daemon = world.bursar.daemon()
    daemon.once()
    daemon.close()
    world.submit(beta, "waits", gpu=1, hours=1)
    return beta


def test_an_operator_sees_who_holds_a_device_and_who_waits_and_others_only_that_it_is_so(small_team: Team) -> None:
    both_at_work(small_team)
    browsing, foresight = small_team.world.bursar.browsing, small_team.world.bursar.foresight
    operator = small_team.operator_in("vision")
    for who, known in ((small_team.admin, False), (small_team.member, False), (operator, True)):
        (device,), (line,) = browsing.devices(who, "rack").items, foresight.queue(who, "rack").items
        (holder,) = device.holders
        assert (holder.name, holder.owner, holder.org) == (("theirs", "bob", "sound") if known else (None, None, None))
        assert (line.name, line.owner, line.org) == (("waits", "bob", "sound") if known else (None, None, None))
        found = [one.id is not None for one in (holder, line)]
        assert found == [known, known], "a word for verbs, beside the organization in which it is one"


def test_where_it_is_ones_own_it_has_its_id_and_no_other_organization(small_team: Team) -> None:
    bob = both_at_work(small_team)
    for who in (bob, small_team.operator_in("sound")):
        (line,) = small_team.world.bursar.foresight.queue(who, "rack").items
        assert line.id is not None
        assert (line.name, line.org) == ("waits", None)
