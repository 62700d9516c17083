"""How far a start has come is shown while it lasts."""

from __future__ import annotations

from core.daemon import starting
from core.daemon.outcomes import Outcomes
from core.domain.engines import Observed, Phase
from core.domain.lifecycle import State
from core.store.leases import Leadership
from tests.daemon.world import World


def test_what_an_engine_says_of_a_start_is_shown_until_it_runs(world: World) -> None:
    world.cluster(boot="60s")
    work = world.submit()
    daemon = world.daemon()
    world.pass_time(0, daemon)
    assert world.state(work) is State.STARTING
    lead = Leadership(world.bursar.database, "test", 60_000_000)
    assert lead.seek(world.time.now())
    with world.units.set_right(lead) as unit:
        pulling = Observed(world.token(work), "x", Phase.STARTING, message="pulling: 40 %")
        assert not starting.apply(Outcomes(unit), world.row(work), [pulling])
    lead.resign()
    assert world.bursar.deployments.show(world.olga, work).reason == "pulling: 40 %"
    world.pass_time(60_000_000, daemon)
    card = world.bursar.deployments.show(world.olga, work)
    assert (card.state, card.reason) == (State.RUNNING, None)
