"""A throw-away PostgreSQL for tests: found on this machine, started in a folder of its own, gone afterwards.

Where there is none, tests that want it are skipped by name.
"""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from core.store import schema
from core.store.database import Database

TEMPLATE = "bursar_template"


class Impossible(Exception):
    """Why the one on this machine cannot be used."""


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl, or None."""
    on_path = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    candidates = [Path(on_path).parent] if on_path else []
    return next((f for f in [*candidates, *folders] if (f / "initdb").exists() and (f / "pg_ctl").exists()), None)


class Postgres:
    def __init__(self, folder: Path, binaries: Path, owner: str | None) -> None:
        self._data, self._log = folder / "data", folder / "data" / "log"
        self._control = binaries / "pg_ctl"
        self._owner = owner
        self._port = _free_port()
        self._sockets = folder / "s"
        self._where = {"host": str(self._sockets), "port": str(self._port), "user": "bursar"}

    def start(self) -> None:
        options = f"-k {self._sockets} -p {self._port} -c listen_addresses= -c fsync=off -c max_connections=60"
        # It may lie in memory, and leaves nothing there when it is killed.
        options += " -c max_wal_size=96MB -c min_wal_size=32MB -c dynamic_shared_memory_type=mmap"
        start = ["-w", "-t", "240", "-s", "-o", options, "-l", self._log, "start"]
        try:
            _as(self._owner, [self._control, "-D", self._data, *start])
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._log.read_text()[-2000:]}") from None

    def stop(self) -> None:
        _as(self._owner, [self._control, "-D", self._data, "-w", "-s", "-m", "immediate", "stop"])

    def kill(self) -> None:
        """As kill -9 of the server: what it has forked ends by itself, and is waited for."""
        server = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGSTOP)  # so that it forks nothing that would be missed here
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        watched = [os.pidfd_open(pid) for pid in (server, *map(int, children))]
        os.kill(server, signal.SIGKILL)
        for one in watched:
            over, _, _ = select.select([one], [], [], 60)
            assert over, "a part of the server that was killed does not end"
            os.close(one)
        # Where nobody collects what is left of it, the next one would take that for a living server.
        for lock in (self._data / "postmaster.pid", self._sockets / f".s.PGSQL.{self._port}.lock"):
            lock.unlink()

    def url(self, name: str) -> str:
        host, port, user = self._where.values()
        return f"postgresql+psycopg://{user}@/{name}?host={host}&port={port}"

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(dbname="postgres", autocommit=True, **self._where) as connection:  # type: ignore[arg-type]
            connection.execute(statement)

    def create(self, name: str, template: str = "template1") -> str:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self._run(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, name: str) -> None:
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running() -> Iterator[Postgres]:
    """A server with the schema already in its template database."""
    found = binaries()
    assert found is not None, "ask binaries() first"
    # Socket paths must be short, and the server's own user must be able to enter the folder.
    folder = Path(tempfile.mkdtemp(prefix="bursar-pg-", dir=_quick_place()))
    owner = _server_user()
    folder.chmod(0o755)
    data, sockets = folder / "data", folder / "s"
    for made in (data, sockets):
        made.mkdir(mode=0o700 if made is data else 0o755)
        if owner:
            shutil.chown(made, owner)
    server = Postgres(folder, found, owner)
    try:
        try:
            _as(owner, [found / "initdb", "-D", data, "-U", "bursar", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
            server.start()
        except AssertionError as error:
            raise Impossible(f"it does not start here: {' '.join(str(error).split())[-300:]}") from None
        try:
            template = Database(server.create(TEMPLATE))
            schema.bring_up_to_date(template)
            template.close()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _quick_place() -> str:
    """A disk in memory where there is room for it: each database is three hundred files that are copied and removed."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    return str(memory) if roomy else "/tmp"


def _as(owner: str | None, command: list[object]) -> None:
    done = subprocess.run(
        [str(part) for part in command], user=owner, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
