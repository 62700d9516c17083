"""An image that cannot be had, whyever: a few tries, then the end with its reason, and nothing is paid for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import MINUTE, SECOND
from core.domain.lifecycle import State
from core.ledger.amounts import NOTHING
from tests.daemon.world import World
from tests.drivers.docker_rig import SDK_LEAVES_SOCKETS
from tests.live.engines import registry
from tests.live.engines.docker import Dockerd
from tests.live.engines.machine import Impossible, free_port, until
from tests.live.engines.podman import Podman

pytestmark = [pytest.mark.live, SDK_LEAVES_SOCKETS]


@pytest.fixture
def world(tmp_path: Path, either: Dockerd | Podman) -> Iterator[World]:
    """Time is in hand, so that the pauses between the tries pass at once; the engine and its registry are real."""
    made = World(tmp_path / "home", "")
    made.cluster("farm", cpu="1", ram="1", driver="docker", host=either.url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def closed() -> Iterator[registry.Registry]:
    """A registry behind a password that nobody has told us."""
    try:
        with registry.running("reader", "a reader's word") as found:
            yield found
    except Impossible as reason:
        pytest.skip(f"registry: {reason}")


@pytest.fixture(scope="module")
def empty() -> Iterator[registry.Registry]:
    try:
        with registry.running() as found:
            yield found
    except Impossible as reason:
        pytest.skip(f"registry: {reason}")


@pytest.mark.parametrize("why", ["missing", "unauthorized", "away"])
def test_E50_it_fails_after_its_tries_with_its_reason_and_a_refund(
    world: World, closed: registry.Registry, empty: registry.Registry, why: str
) -> None:
    address = {"missing": empty.address, "unauthorized": closed.address, "away": f"127.0.0.1:{free_port()}"}[why]
    before = world.balance()
    work = world.submit(cluster="farm", image=f"{address}/team/none:1", hours="2", ram="128MiB")
    assert world.held(work) != NOTHING
    daemon = world.daemon()
    seen: set[State] = set()

    def ended() -> bool:
        # What is being fetched takes its time of the clock on the wall, in which months would go by.
        world.pass_time(11 * MINUTE if world.state(work) is State.QUEUED else SECOND, daemon)
        seen.add(world.state(work))
        return world.state(work) is State.FAILED

    until(ended, "it never gives up", within_s=600)  # Podman itself tries each pull again, and waits longer each time
    assert State.QUEUED in seen, "a registry may be back in a while"
    row = world.row(work)
    assert (row.reason or "").startswith("image_missing: ") and address in (row.reason or "")
    assert row.generation == 3
    assert (world.held(work), world.cost(work)) == (NOTHING, NOTHING)
    assert world.balance() == before
