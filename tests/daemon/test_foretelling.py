"""What waits is told where it stands and when it will start, and what was told is judged by what came."""

from __future__ import annotations

from core.clock import HOUR, MINUTE, SECOND
from core.domain.lifecycle import State
from core.scheduler.estimates import quality
from tests.daemon.world import World


def test_who_waits_reads_position_and_start_and_who_started_is_counted(either_world: World) -> None:
    world = either_world
    world.cluster(gpu="1")
    first, second, third = (world.submit(name, gpu="1", hours="1") for name in ("first", "second", "third"))
    show, forecast = world.bursar.deployments.show, world.bursar.foresight.forecast
    assert show(world.olga, second).position is None, "nobody has planned yet"

    daemon = world.daemon()
    world.pass_time(0, daemon)
    begun = world.time.now()
    assert world.state(first) is State.RUNNING
    told = [show(world.olga, handle) for handle in (second, third)]
    assert [card.position for card in told] == [1, 2]
    # Half of its time is what a job is expected to take; what is almost sure is all of it.
    assert told[0].estimate == begun + HOUR // 2
    assert show(world.olga, first).position is None
    assert forecast(world.olga, "sim").within_percent is None, "nothing to judge yet"

    world.pass_time(HOUR, daemon)
    assert world.state(second) is State.RUNNING
    card = forecast(world.olga, "sim")
    assert (card.judged, card.within_percent) == (1, None), "one is too few to boast of"
    world.pass_time(MINUTE, daemon)  # told anew when things have come to rest
    assert show(world.olga, third).position == 1

    world.pass_time(HOUR + 10 * MINUTE, daemon)  # nobody looked for a while, so the third starts later than was told
    card = forecast(world.olga, "sim")
    assert card.judged == 2
    with world.units.look() as unit:
        score = quality(unit.estimates.kept(world.cluster_row().id, 0))
    assert (score.count, score.within_p90) == (2, 1)


def test_a_queue_that_did_not_change_is_not_told_again_and_again(world: World) -> None:
    world.cluster(gpu="1")
    for name in ("first", "second"):
        world.submit(name, gpu="1", hours="1")
    daemon = world.daemon()

    def told_at() -> list[int]:
        for _ in range(3):
            world.clock.advance(10 * SECOND)
            assert daemon.lead()
            daemon.round()
        with world.units.look() as unit:
            return [row.made_at for row in unit.connection.exec_driver_sql("SELECT made_at FROM estimates")]

    seen = told_at()
    assert len(seen) == 1
    assert told_at() == seen
