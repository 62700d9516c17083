"""Which store is meant and whether its place is fit for it (B50, B51)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Invalid
from core.settings import DatabaseUrl, check_database_path
from core.settings.places import network_file_system

HOME = Path("/home/b")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "/home/b/bursar.db"),
        ("sqlite:///other.db", "/home/b/other.db"),
        ("sqlite:////var/x y.db", "/var/x y.db"),
        ("SQLite:///other.db", None),
    ],
)
def test_B50_a_sqlite_url_names_a_file_in_the_home_or_anywhere(text: str, path: str | None):
    if path is None:
        with pytest.raises(Invalid):
            DatabaseUrl.read(text, HOME)
        return
    url = DatabaseUrl.read(text, HOME)
    assert (url.dialect, url.path, url.has_password) == ("sqlite", Path(path), False)
    assert url.secret_text == f"sqlite:///{path}"


@pytest.mark.parametrize(
    ("text", "redacted", "place"),
    [
        ("postgresql://h/d", "postgresql+psycopg://h/d", "PostgreSQL database d at h"),
        ("postgresql://u:pw@h:5433/d", "postgresql+psycopg://u:***@h:5433/d", "PostgreSQL database d at h:5433"),
        ("postgresql+psycopg://u@[::1]:1/d", "postgresql+psycopg://u@[::1]:1/d", "PostgreSQL database d at ::1:1"),
        ("postgresql://u:a@b@h/d", "postgresql+psycopg://u:***@h/d", "PostgreSQL database d at h"),
        (
            "postgresql:///d?host=/run/pg&password=pw",
            "postgresql+psycopg:///d?host=***&password=***",
            "PostgreSQL database d at the local socket",
        ),
    ],
)
def test_B50_a_postgresql_url_is_shown_with_host_and_database_and_without_its_password(
    text: str, redacted: str, place: str
):
    url = DatabaseUrl.read(text, HOME)
    assert (url.dialect, url.redacted, url.place) == ("postgresql", redacted, place)
    assert url.secret_text == f"postgresql+psycopg://{text.split('://', 1)[1]}"
    assert "pw" not in repr(url)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mysql://u:pw@h/d", "names mysql, which is unknown"),
        ("postgresql+asyncpg://u:pw@h/d", "names postgresql+asyncpg, which is unknown"),
        ("postgres://u:pw@h/d", "begins with postgres:"),
        ("just words pw", "has no scheme"),
        ("postgresql:h/d", "names postgresql, which is unknown"),
        ("postgresql://u:pw@h", "does not name host, port and database"),
        ("postgresql://u:pw@h:0/d", "does not name host, port and database"),
        ("postgresql://u:pw@h:port/d", "does not name host, port and database"),
        ("postgresql://u:p/w@h/d", "must be escaped"),
        ("sqlite://", "names a file and nothing else"),
        ("sqlite:///x.db?mode=ro", "names a file and nothing else"),
        ("sqlite:///:memory:", "forgets everything"),
        ("sqlite:///", "forgets everything"),
    ],
)
def test_B50_a_url_that_cannot_be_meant_is_refused_without_its_password(text: str, said: str):
    with pytest.raises(Invalid) as refused:
        DatabaseUrl.read(text, HOME)
    assert refused.value.code == "database_url"
    assert said in refused.value.message
    assert "pw" not in refused.value.message + str(refused.value.hint).replace("password", "")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("postgresqlit:/@?#.[]0 ", max_size=40))
def test_B50_any_text_is_a_url_or_refused(text: str):
    for candidate in (text, f"postgresql://{text}", f"sqlite:///{text}"):
        try:
            url = DatabaseUrl.read(candidate, HOME)
        except Invalid as error:
            assert error.code == "database_url"
        else:
            assert url.dialect in ("sqlite", "postgresql")


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20))
def test_I_M3_no_password_whatever_its_signs_is_shown(password: str):
    marked = f"<<{password}>>"
    try:
        url = DatabaseUrl.read(f"postgresql://u:{marked}@h/d", HOME)
    except Invalid as error:
        assert marked not in error.message + str(error.hint)
    else:
        assert marked not in repr(url) + url.place + url.redacted


def test_B51_a_file_that_can_be_made_in_a_folder_of_ours_is_fit(tmp_path: Path):
    check_database_path(tmp_path / "bursar.db", mounts="/dev/sda1 / ext4 rw 0 0\n")
    (tmp_path / "bursar.db").touch()
    check_database_path(tmp_path / "bursar.db", mounts="")


def test_B51_the_mounts_of_this_machine_are_asked_when_none_are_given(tmp_path: Path):
    check_database_path(tmp_path / "bursar.db")


def test_B51_a_folder_in_the_databases_place_is_named(tmp_path: Path):
    with pytest.raises(Invalid, match="is a folder"):
        check_database_path(tmp_path, mounts="")


def test_B51_what_is_no_plain_file_is_named(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid, match="is not a plain file"):
        check_database_path(tmp_path / "pipe", mounts="")


def test_B51_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(Invalid, match=r"folder .*gone does not exist"):
        check_database_path(tmp_path / "gone" / "x.db", mounts="")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write anywhere, so what is not writable shows only to somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_B51_what_is_not_writable_is_named(locked: str):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "bursar.db"
        database.touch()
        database.chmod(0o444 if locked == "file" else 0o666)
        folder.chmod(0o777 if locked == "file" else 0o555)
        with as_nobody(), pytest.raises(Invalid, match="is not writable") as refused:
            check_database_path(database, mounts="")
        folder.chmod(0o700)
        assert str(database if locked == "file" else folder) in refused.value.message


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /mnt/shared\\040data nfs4 rw 0 0
/dev/sdb1 /mnt/shared\\040data/local xfs rw 0 0
//box/share /mnt/box cifs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
tmpfs /mnt/box2 tmpfs rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/x.db", None),
        ("/mnt/shared data/x.db", "nfs4"),
        ("/mnt/shared data/deep/x.db", "nfs4"),
        ("/mnt/shared data/local/x.db", None),
        ("/mnt/box/x.db", "cifs"),
        ("/mnt/box2/x.db", None),
        ("/mnt/ssh/x.db", "fuse.sshfs"),
    ],
)
def test_B51_the_deepest_mount_tells_whether_a_path_is_on_another_host(path: str, kind: str | None):
    assert network_file_system(Path(path), MOUNTS) == kind


def test_B51_of_two_mounts_at_one_place_the_later_counts():
    assert network_file_system(Path("/m/x"), "a /m nfs rw\nb /m ext4 rw\n") is None


def test_B51_sqlite_on_a_network_file_system_is_refused(tmp_path: Path):
    with pytest.raises(Invalid, match=r"network file system \(nfs\)") as refused:
        check_database_path(tmp_path / "x.db", mounts=f"server:/x {tmp_path} nfs rw 0 0\n")
    assert "PostgreSQL" in str(refused.value.hint)
