"""The drill: a backup is brought back and found as it was, and no engine is touched before somebody has looked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.clock import HOUR, MINUTE
from core.domain.engines import Phase
from core.domain.errors import BursarError, Conflict, Invalid, NotFound, Unavailable
from core.domain.lifecycle import State
from core.services import offline
from core.store import leases, schema
from core.store import restore as bringing_back
from core.store.manifest import place_of, read_manifest
from core.store.restore import restore
from core.views.background import Agreement
from tests.daemon.world import World
from tui.cli.work_answers import reconciled

pytestmark = pytest.mark.usefixtures("durable")  # the doctor asks whether the store is


@pytest.fixture
def sim(world: World) -> World:
    world.cluster()
    return world


def backed_up(world: World) -> Path:
    return Path(world.bursar.operations.backup(world.olga).path)


def store_of(world: World) -> Path:
    path = world.bursar.database.path
    assert path is not None
    return path


def opened_again(world: World) -> World:
    """The same installation as its next process opens it."""
    return World(world.settings.home, like=world, clock=world.clock)


def findings(world: World) -> list[tuple[str, str]]:
    return [(one.id, one.verdict) for one in world.bursar.operations.doctor(world.olga).findings if one.id[0] == "I"]


def test_E69_what_is_brought_back_is_as_it_was_and_touches_no_engine_until_somebody_has_looked(sim: World) -> None:
    web = sim.submit("web")
    sim.daemon().once()
    sim.clock.advance(HOUR)
    sim.daemon().once()
    before = findings(sim), sim.balance(), sim.cost(web)
    backup = backed_up(sim)
    later = sim.submit("later")
    sim.daemon().once()
    token = sim.token(later)
    sim.close()

    done = restore(store_of(sim), backup, sim.clock.now())
    again = opened_again(sim)
    assert (findings(again), again.balance(), again.cost(web)) == before
    assert done.replaced is not None and Path(done.replaced).exists(), "what was there is not lost"

    daemon = again.daemon()
    again.submit("new")
    again.pass_time(10 * MINUTE, daemon)
    assert daemon.once().moved == 0
    assert again.control().ever_created() == 2, "nothing was started"
    assert [seen.token for seen in again.engine().observe(token.install).instances if seen.is_live][-1] == token
    with pytest.raises(Conflict) as refused:
        again.bursar.upkeep.reconcile(again.olga, apply=True)
    assert refused.value.code == "in_quarantine"
    shown = daemon.reconcile()
    assert [line.deployment for line in shown.of(Agreement.MATCHING)] == [web]
    assert [line.deployment for line in shown.of(Agreement.LEAK)] == [later], "what the backup does not know of"
    assert shown.in_quarantine and "--end-quarantine" in reconciled(shown, 80), "and not what is refused now"
    assert "--apply" not in reconciled(shown, 80)
    warned = [one.id for one in again.bursar.operations.doctor(again.olga).findings if "quarantine" in one.check]
    assert warned == ["ENV-5"]

    again.bursar.upkeep.end_quarantine(again.olga)
    assert "--apply" in reconciled(daemon.reconcile(), 80)
    daemon.once()
    assert {again.state(web), again.state("new")} == {State.RUNNING}
    again.pass_time(6 * MINUTE, daemon)
    again.pass_time(6 * MINUTE, daemon)
    seen = again.engine().observe(token.install).find(token)
    assert seen is None or seen.phase is Phase.FINISHED, "a leak is stopped after its grace, as ever"
    assert ("store.restore", token.install) in again.events("store.")
    assert ("store.end_quarantine", "store") in again.events("store.")
    with pytest.raises(Conflict):
        again.bursar.upkeep.end_quarantine(again.olga)
    again.close()


def test_the_old_engine_is_fenced_off(sim: World) -> None:
    backup = backed_up(sim)
    for _ in range(3):
        sim.daemon().once()  # each leads in an epoch of its own
    with sim.bursar.database.read() as connection:
        held = leases.current(connection)
    assert held is not None
    old = sim.daemon()
    assert restore(store_of(sim), backup, sim.clock.now()).epoch == held.epoch + 1
    with pytest.raises(Unavailable) as refused:
        old.once()
    assert refused.value.code == "store_replaced"
    with pytest.raises(Unavailable):
        sim.submit("lost")


def test_a_store_that_a_daemon_leads_on_is_left_alone(sim: World) -> None:
    backup = backed_up(sim)
    assert sim.daemon().lead()
    with pytest.raises(Conflict) as refused:
        restore(store_of(sim), backup, sim.clock.now())
    assert refused.value.code == "store_in_use"
    sim.submit("goes-on")


def test_a_store_that_is_gone_or_damaged_is_brought_back(sim: World) -> None:
    web = sim.submit("web")
    backup = backed_up(sim)
    target = store_of(sim)
    for spoil in (Path.unlink, lambda path: path.write_bytes(b"not a store at all")):
        sim.close()
        spoil(target)
        restore(target, backup, sim.clock.now())
        again = opened_again(sim)
        assert again.state(web) is State.QUEUED
        again.close()
        sim.clock.advance(HOUR)


def cut(backup: Path) -> Path:
    backup.write_bytes(backup.read_bytes()[:-4096])
    return backup


def altered(backup: Path) -> Path:
    content = bytearray(backup.read_bytes())
    content[5000] ^= 1
    backup.write_bytes(content)
    return backup


def without_manifest(backup: Path) -> Path:
    place_of(backup).unlink()
    return backup


def of_a_newer_program(backup: Path) -> Path:
    said = json.loads(place_of(backup).read_text())
    place_of(backup).write_text(json.dumps({**said, "schema": "9999"}))
    return backup


def another_file(backup: Path) -> Path:
    return backup.with_name("nothing.db")


def with_a_wrong_manifest(backup: Path) -> Path:
    place_of(backup).write_text("[]")
    return backup


@pytest.mark.parametrize(
    ("spoil", "kind", "code"),
    [
        (cut, Invalid, "backup_changed"),
        (altered, Invalid, "backup_changed"),
        (without_manifest, NotFound, "manifest_not_found"),
        (with_a_wrong_manifest, Invalid, "manifest_unreadable"),
        (of_a_newer_program, Conflict, "schema_newer"),
        (another_file, NotFound, "backup_not_found"),
    ],
)
def test_B52_what_is_no_good_backup_is_refused_before_anything_is_touched(
    sim: World, spoil: Callable[[Path], Path], kind: type[BursarError], code: str
) -> None:
    backup = spoil(backed_up(sim))
    sim.close()
    before = sorted((path.name, path.stat().st_ino) for path in sim.settings.home.iterdir())
    with pytest.raises(kind) as refused:
        restore(store_of(sim), backup, sim.clock.now())
    assert (refused.value.code, bool(refused.value.hint)) == (code, True)
    assert sorted((path.name, path.stat().st_ino) for path in sim.settings.home.iterdir()) == before


def test_a_backup_whose_books_do_not_balance_is_refused(sim: World) -> None:
    with sim.bursar.database.write() as connection:
        connection.exec_driver_sql("UPDATE balances SET posted = posted + 1 WHERE account_kind = 'wallet'")
    backup = backed_up(sim)
    with pytest.raises(Conflict) as refused:
        restore(store_of(sim), backup, sim.clock.now())
    assert refused.value.code == "backup_unsound"
    assert "I-L3" in refused.value.message


def test_E69_a_restore_that_is_cut_off_leaves_the_store_that_was_there(
    sim: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = backed_up(sim)
    work = sim.submit(hours="1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bringing_back, "_swap", full)
    with pytest.raises(Unavailable) as refused:
        restore(store_of(sim), backup, sim.clock.now())
    assert refused.value.code == "restore_impossible"
    assert not list(sim.settings.home.glob(".*restoring*"))
    sim.daemon().once()
    assert sim.state(work) is State.RUNNING


def test_the_manifest_says_what_is_in_the_backup(sim: World) -> None:
    sim.submit(hours="1")
    made = sim.bursar.operations.backup(sim.olga)
    said = read_manifest(Path(made.path))
    verdict = sim.bursar.operations.verify_audit(sim.olga)
    assert (said.audit_rows, said.audit_head) == (verdict.rows, verdict.head)
    assert (said.schema, said.install) == (schema.HEAD, sim.daemon().ground.engines.install)
    with sim.bursar.database.read() as connection:
        entries = connection.exec_driver_sql("SELECT COUNT(*) FROM entries").scalar()
    assert (said.entries, made.minted_credits_ucr) == (entries, said.minted_ucr)
    assert said.minted_ucr > 0


def upgraded(world: World, *, check: bool) -> str:
    said: list[str] = []
    offline.upgrade(SimpleNamespace(home=world.settings.home), {"check": check}, SimpleNamespace(write=said.append))
    return "".join(said)


def test_an_upgrade_says_what_it_would_do_and_does_nothing_then_does_it(sim: World) -> None:
    database = sim.bursar.database
    assert "nothing to do" in upgraded(sim, check=True)
    before, head = schema.known_versions()[-2:]
    schema.migrate(database, before)
    said = upgraded(sim, check=True)
    assert f"store      schema {before}\n" in said and f"migrations {head}" in said
    with database.read() as connection:
        assert schema.current_version(connection) == before
    assert f"done: schema {head}" in upgraded(sim, check=False)
    with database.read() as connection:
        assert schema.current_version(connection) == head
    (backup,) = (sim.settings.home / "backups").glob("before-*.db")
    assert read_manifest(backup).schema == before


def test_the_program_says_what_it_did_and_what_is_to_be_done_now(sim: World) -> None:
    backup = backed_up(sim)
    sim.close()
    said: list[str] = []
    place, terminal = SimpleNamespace(home=sim.settings.home), SimpleNamespace(write=said.append)
    assert offline.restore(place, {"path": str(backup)}, terminal) == 0
    lines = "".join(said).splitlines()
    assert lines[0] == f"restored   {store_of(sim)}"
    assert lines[-1] == "then let the daemon work again: bursar reconcile --end-quarantine"


def test_a_store_on_a_server_is_brought_back_by_the_servers_own_means(
    sim: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = backed_up(sim)
    monkeypatch.setenv("BURSAR_DATABASE_URL", "postgresql://bursar@db.example.org/bursar")
    place, terminal = SimpleNamespace(home=sim.settings.home), SimpleNamespace(write=print)
    with pytest.raises(Invalid) as refused:
        offline.restore(place, {"path": str(backup)}, terminal)
    assert refused.value.code == "restore_not_sqlite"
