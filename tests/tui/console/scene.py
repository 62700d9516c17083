"""A small team at work on simulated engines, made by the services: what the console's tests and pictures show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from textual._context import visible_screen_stack
from textual.pilot import Pilot

from core.clock import HOUR, MINUTE
from core.domain.changes import ApproveRequest
from core.domain.cluster_requests import NewNode
from core.domain.requests import Login
from core.domain.roles import Caller
from core.domain.validation import validated
from core.settings import Approvals, Limits, read_private, write_private
from tests.builders import NOBODY, PASSWORD, World
from tui.app import BursarConsole
from tui.cli.place import Place
from tui.gateway import Gateway
from tui.preferences import Preferences

MOST_PAUSES = 1_000


@dataclass
class Scene:
    """The organization `vision`: ana leads it, mia and noa work in it, olga runs the installation."""

    world: World
    operator: Caller
    ana: Caller
    mia: Caller
    noa: Caller

    @classmethod
    def empty(cls, home: Path, url: str | None = None, **sections: Any) -> Scene:
        given = {
            "approvals": Approvals(policy="above_limits", above_gpus=6),
            "limits": Limits(member_submissions_per_minute=1_000_000, org_submissions_per_minute=1_000_000),
        }
        world = World.on(home, url, **{**given, **sections})
        operator = world.org(world.operator(), "vision")
        ana = world.member(operator, "ana", "admin")
        return cls(world, operator, ana, world.member(ana, "mia"), world.member(ana, "noa"))

    @classmethod
    def at_work(cls, home: Path, url: str | None = None) -> Scene:
        """Two clusters, and deployments in most of the states that there are."""
        scene = cls.empty(home, url)
        world = scene.world
        for person in (scene.ana, scene.mia, scene.noa):
            world.fund(person, credits=2_000, gpu_hours=500)
        world.cluster(scene.operator, "rack", cpu=64, ram=256, gpu=8, gpu_model="a100")
        node = validated(NewNode, cluster="rack", name="node-2", cpu=32, ram=128, gpu=4, gpu_model="h100")
        world.bursar.clusters.add_node(scene.operator, node)
        world.cluster(scene.operator, "edge", cpu=16, ram=32, gpu=0, gpu_model=None)
        world.submit(scene.mia, "prepare", gpu=1, hours=1, labels=["sim.duration=5m"])
        world.submit(scene.noa, "broken", gpu=1, hours=1, labels=["sim.duration=2m", "sim.exit=3"])
        scene.work()
        scene.pass_time(10 * MINUTE)
        world.submit(scene.mia, "train-resnet", gpu=4, cpu=16, ram=64, hours=6, priority=60)
        for service, owner, where in (("notebook", scene.noa, "rack"), ("api", scene.ana, "edge")):
            size = {"gpu": "0.5"} if where == "rack" else {"gpu": 0}
            asked = world.submit(owner, service, where, cpu=4, ram=8, hours=None, **size)
            world.bursar.decisions.approve(scene.operator, validated(ApproveRequest, id=asked.id))
        world.submit(scene.mia, "sweep", gpu=2, cpu=8, ram=32, hours=3)
        scene.work()
        scene.pass_time(HOUR)
        world.submit(scene.noa, "pretrain", gpu=6, cpu=24, ram=96, hours=8, priority=70)
        world.submit(scene.mia, "evaluate", gpu=3, cpu=4, ram=16, hours=2)
        world.submit(scene.noa, "whole-node", gpu=8, cpu=32, ram=128, hours=4)
        cancelled = world.submit(scene.mia, "mistake", gpu=1, hours=1)
        world.bursar.deployments.cancel(scene.mia, cancelled.id)
        scene.pass_time(12 * MINUTE)
        return scene

    def copied(self, home: Path) -> Scene:
        """The same once more in another home, for one test to change; this one must be closed."""
        return replace(self, world=self.world.copied(home))

    def work(self) -> None:
        """Let the background side do all that there is to do."""
        daemon = self.world.bursar.daemon()
        daemon.once()
        daemon.close()

    def pass_time(self, microseconds: int) -> None:
        self.world.advance(microseconds)
        self.work()

    def place(self, name: str) -> Place:
        answer = self.world.bursar.accounts.login(NOBODY, Login(name=name, password=PASSWORD))
        return self.place_of(answer.access_token)

    def place_of(self, token: str | None) -> Place:
        return Place(
            home=self.world.settings.home,
            token=token,
            open=lambda: self.world.bursar,
            read_private=read_private,
            write_private=write_private,
        )

    def console(self, name: str | None = "ana") -> BursarConsole:
        """For somebody who is logged in; None for nobody. Looks anew only when it is told to."""
        return self.console_at(self.place(name) if name else self.place_of(None))

    def console_of(self, token: str | None) -> BursarConsole:
        return self.console_at(self.place_of(token))

    def console_at(self, place: Place) -> BursarConsole:
        preferences = Preferences.of(place)
        return BursarConsole(Gateway(place, _fail), self.world.clock.now, preferences=preferences, beat_s=0)


def _fail(trace: str) -> str | None:
    raise AssertionError(trace)


def text_of(app: BursarConsole) -> str:
    """What is on the screen, as plain text: the top one over those that it covers."""
    visible_screen_stack.set(app._background_screens)
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


async def shown(app: BursarConsole, pilot: Pilot[int], *words: str) -> str:
    """The screen once it has come to rest with all of these on it, for what begins by itself after a while."""
    for _ in range(MOST_PAUSES):
        screen = await settled(app, pilot)
        if all(word in screen for word in words):
            return screen
    raise AssertionError(f"{words} do not come:\n{screen}")


def is_at_rest(app: BursarConsole) -> bool:
    """Nothing that was asked is on its way, and the screen has nothing to draw, or to do once it has drawn."""
    has_more = app.screen._callbacks or app.screen._update_timer._active.is_set()
    return app.gateway.is_idle and not has_more


async def settled(app: BursarConsole, pilot: Pilot[int]) -> str:
    """Once nothing is on its way any more: what is on the screen."""
    calm = 0
    for _ in range(MOST_PAUSES):
        await pilot.pause(0.01)
        calm = calm + 1 if is_at_rest(app) else 0
        if calm == 2:
            break
    else:
        raise AssertionError("it does not come to rest:\n" + text_of(app))
    await pilot.pause()
    return text_of(app)
