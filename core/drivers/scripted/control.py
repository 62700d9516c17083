"""The hand that reaches into a simulated world: for tests, the simulation and the demo.

What it does happens behind the broker's back; no verb of the port leads here.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.clock import Clock
from core.domain.engines import Observed, Token
from core.domain.resources import NOTHING, Resources
from core.drivers.scripted import faults, world
from core.drivers.scripted.world import SIGKILL, Instance, Power, World


class Control:
    """Changes what the engine will show next, as if it happened behind the broker's back."""

    def __init__(self, of: World, clock: Clock) -> None:
        self._world = of
        self._clock = clock

    def fault(self, verb: str, kind: str, *, times: int | None = 1, share_milli: int = 1000) -> None:
        """Let the next `times` calls of a verb (or `any`) fail so; None: until `calm`."""
        rule = faults.checked(verb, kind)
        with self._world.change() as db:
            db.execute(
                "INSERT INTO faults (verb, kind, times, share_milli) VALUES (?, ?, ?, ?)",
                (rule.verb, rule.kind, times, share_milli),
            )

    def calm(self) -> None:
        with self._world.change() as db:
            db.execute("DELETE FROM faults")

    def vanish(self, token: Token) -> None:
        """It is deleted from outside: no listing shows it from now on."""
        with self._world.change() as db:
            found = self._found(world.by_token(db, token), token)
            found.power, found.token = Power.DELETED, None
            world.save(db, found, self._clock.now())

    def power_off(self, token: Token) -> None:
        """Somebody switches it off at the engine."""
        now = self._clock.now()
        with self._world.change() as db:
            found = self._found(world.by_token(db, token), token)
            found.end(now, 128 + SIGKILL)
            world.save(db, found, now)

    def lose_node(self, node: str) -> int:
        """All that ran there is no longer listed. Answers how many."""
        now = self._clock.now()
        with self._world.change() as db:
            lost = [one for one in world.listed(db, now) if one.node == node]
            for one in lost:
                one.power, one.token = Power.DELETED, None
                world.save(db, one, now)
        return len(lost)

    def foreign(
        self,
        name: str,
        *,
        node: str = "",
        resources: Resources = NOTHING,
        devices: tuple[str, ...] = (),
        token: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """An instance that no broker of ours made, perhaps with the name or the label of one. Answers its id."""
        now = self._clock.now()
        new = Instance(
            id=None,
            token=token,
            lineage=None,
            name=name,
            kind="vm",
            node=node,
            resources=resources,
            devices=devices,
            labels=labels or {},
            public_ip=None,
            power=Power.ON,
            created_at=now,
            updated_at=now,
            visible_at=now,
            started_at=now,
        )
        with self._world.change() as db:
            return world.insert(db, new).engine_id

    def set_utilization(self, token: Token, milli: int | None) -> None:
        with self._world.change() as db:
            found = self._found(world.by_token(db, token), token)
            found.utilization = milli
            world.save(db, found, self._clock.now())

    def record(self, token: Token) -> Observed | None:
        """What the hypervisor remembers of an instance, also of a deleted one."""
        with self._world.look() as db:
            found = world.by_token(db, token)
        return None if found is None else found.observed(self._clock.now(), token)

    def ever_created(self) -> int:
        """How many instances there were, deleted ones too: for tests that none was made twice."""
        with self._world.look() as db:
            return len(world.all_ever(db))

    def everything(self) -> list[Observed]:
        """All instances that there ever were, whatever a listing would leave out."""
        now = self._clock.now()
        with self._world.look() as db:
            return [one.observed(now, Token.parse(one.token) if one.token else None) for one in world.all_ever(db)]

    @staticmethod
    def _found(instance: Instance | None, token: Token) -> Instance:
        if instance is None:
            raise LookupError(f"no instance bears {token}")
        return instance
