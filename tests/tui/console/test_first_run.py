"""The first minutes: an operator, an organization, and what shall be the first cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from core.domain.requests import NewAccount
from core.domain.resources import Resources
from core.settings import read_private, write_private
from core.views.work import FoundNode
from tests.builders import NOBODY, PASSWORD, World
from tests.tui.console.held import held
from tests.tui.console.scene import Scene, settled
from tests.tui.console.test_acting import Desk
from tui.actions import Command, named
from tui.app import BursarConsole
from tui.cli.place import Place
from tui.gateway import Gateway
from tui.messages import Did, LoggedOn
from tui.offers import Offer, offers
from tui.screens.first_run import FirstRunScreen
from tui.screens.overview import OverviewScreen

SIZE = Resources(cpu_milli=2_000, ram_mib=8_192, gpu_milli=1_000, disk_mib=0)
HOST = FoundNode("host", SIZE, "a100", (), "process")
PODMAN = FoundNode("node-1", SIZE, None, (), "docker", {"host": "unix:///run/podman/podman.sock"})
DOCKER = FoundNode("docker", SIZE, None, (), "docker", {"host": "unix:///run/docker.sock"}, "it does not answer")


@pytest.fixture
def nobody_yet(tmp_path: Path) -> Iterator[World]:
    world = World.on(tmp_path / "home")
    yield world
    world.close()


async def begin(desk: Desk) -> None:
    """Up to the last question."""
    await settled(desk.app, desk.pilot)
    assert isinstance(desk.app.screen, FirstRunScreen)
    await desk.type("olga")
    for _ in range(2):
        await desk.press("enter")
        await desk.type(PASSWORD)
    assert "welcome, olga" in await desk.press("enter")
    await desk.type("vision")
    await desk.press("enter")


@asynccontextmanager
async def newcomer(world: World) -> AsyncIterator[Desk]:
    place = Place(
        home=world.settings.home,
        token=None,
        open=lambda: world.bursar,
        read_private=read_private,
        write_private=write_private,
    )
    app = BursarConsole(Gateway(place, lambda _: None), world.clock.now, beat_s=0)
    async with app.run_test(size=(100, 30)) as pilot:
        yield Desk(Scene(world, NOBODY, NOBODY, NOBODY, NOBODY), app, pilot)


def clusters(world: World) -> list[tuple[str, str]]:
    olga = replace(world.log_in("olga"), org="vision")
    return [(line.name, line.driver) for line in world.bursar.clusters.list(olga).items]


async def test_a_new_installation_gets_its_operator_its_organization_and_a_cluster(nobody_yet: World) -> None:
    async with newcomer(nobody_yet) as desk:
        await begin(desk)
        assert "what shall be the first cluster?" in desk.screen
        assert "❯ processes" in desk.screen
        await desk.press("enter")
        desk.app.beat()
        shown = await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, OverviewScreen)
        assert "vision  olga (admin, operator)" in shown
        assert "begin here" in shown
        assert clusters(nobody_yet) == [("here", "process")]


async def test_the_first_cluster_can_be_a_simulator_under_a_name_of_ones_own(nobody_yet: World) -> None:
    async with newcomer(nobody_yet) as desk:
        await begin(desk)
        while "❯ a simulator" not in desk.screen:
            await desk.press("down")
        await desk.press("ctrl+u")
        await desk.type("toys")
        await desk.press("up")
        await desk.press("down", "enter")
        assert clusters(nobody_yet) == [("toys", "scripted")]


async def test_the_first_cluster_can_be_left_for_later(nobody_yet: World) -> None:
    async with newcomer(nobody_yet) as desk:
        await begin(desk)
        await desk.press("escape")
        desk.app.beat()
        assert "no clusters yet" in await settled(desk.app, desk.pilot)
        assert clusters(nobody_yet) == []


async def test_a_second_enter_while_the_first_is_on_its_way_does_nothing(nobody_yet: World) -> None:
    async with newcomer(nobody_yet) as desk:
        await settled(desk.app, desk.pilot)
        await desk.type("olga")
        for _ in range(2):
            await desk.press("enter")
            await desk.type(PASSWORD)
        for word, kind in (("welcome, olga", LoggedOn), ("what shall be the first cluster?", Did)):
            with held(desk.app, kind) as answer:
                await desk.pilot.press("enter")
                await answer.come()
                await desk.pilot.press("enter")
                answer.let_go()
                shown = await settled(desk.app, desk.pilot)
            assert word in shown and "✗" not in shown
            await desk.type("vision")


async def test_an_installation_that_was_made_elsewhere_meanwhile_asks_who_one_is(nobody_yet: World) -> None:
    async with newcomer(nobody_yet) as desk:
        await settled(desk.app, desk.pilot)
        nobody_yet.bursar.accounts.install(NOBODY, NewAccount(name="omar", password=PASSWORD))
        await desk.type("olga")
        for _ in range(2):
            await desk.press("enter")
            await desk.type(PASSWORD)
        await desk.press("enter")
        assert "log in to go on" in await settled(desk.app, desk.pilot)


async def test_who_goes_on_while_the_cluster_is_made_hears_of_it(nobody_yet: World) -> None:
    async with newcomer(nobody_yet) as desk:
        await begin(desk)
        with held(desk.app, Did) as made:
            await desk.pilot.press("enter")
            await made.come()
            await desk.pilot.press("escape")
            made.let_go()
            shown = await settled(desk.app, desk.pilot)
        assert isinstance(desk.app.screen, OverviewScreen)
        assert "$ bursar cluster create here" in shown


async def test_passwords_that_differ_make_nobody(nobody_yet: World) -> None:
    async with newcomer(nobody_yet) as desk:
        await settled(desk.app, desk.pilot)
        await desk.type("olga")
        await desk.press("enter")
        await desk.type(PASSWORD)
        await desk.press("enter")
        await desk.type("other")
        assert "the two passwords are not the same" in await desk.press("enter")
        assert nobody_yet.bursar.browsing.is_new(NOBODY)


@pytest.mark.parametrize(
    ("seen", "to_be_had"),
    [
        ((HOST, PODMAN), ["processes", "containers", "a simulator"]),
        ((HOST, DOCKER), ["processes", "a simulator"]),
        ((HOST, DOCKER, PODMAN), ["processes", "containers", "a simulator"]),
        ((HOST,), ["processes", "a simulator"]),
        ((), ["a simulator"]),
    ],
)
def test_what_can_be_had_is_what_was_found_and_always_a_simulator(
    seen: tuple[FoundNode, ...], to_be_had: list[str]
) -> None:
    found = offers(seen)
    assert [offer.title for offer in found if offer.texts is not None] == to_be_had
    assert all(offer.about for offer in found)


@pytest.mark.parametrize("offer", offers((HOST, PODMAN)), ids=lambda offer: offer.title)
def test_an_offer_can_be_read_by_the_verb_that_makes_clusters(offer: Offer) -> None:
    verb = named(("cluster", "create"))
    assert verb is not None
    assert offer.texts is not None
    values = Command(verb, {"name": (offer.name,), **offer.texts}).values
    assert (values["name"], values["driver"]) == (offer.name, offer.texts["driver"][0])


async def test_an_enter_that_comes_fast_behind_an_arrow_takes_what_the_arrow_chose(nobody_yet: World) -> None:
    async with newcomer(nobody_yet) as desk:
        await begin(desk)
        for key in ("up", "enter"):  # from the first one to the last
            desk.app.post_message(events.Key(key, None))
        await desk.pilot.pause(0.2)
        await settled(desk.app, desk.pilot)
        assert [driver for _, driver in clusters(nobody_yet)] == ["scripted"]
