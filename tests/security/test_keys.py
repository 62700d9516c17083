"""The key file: made once, private, rotated with overlap, never quietly replaced (B48, B49, E66, E67, I-M3)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import DAY, SECOND
from core.domain.errors import BursarError, Invalid, Unavailable
from core.security.keys import KeyRing, SigningKey, load_or_create, rotate
from core.settings import Secret

NOW = 1_800_000_000 * SECOND


def key(kid: str = "a", octets: int = 32, until: int | None = None) -> SigningKey:
    return SigningKey(kid, Secret("s" * octets), NOW, until)


def test_the_first_start_makes_a_private_file_and_the_next_reads_it(tmp_path: Path):
    path = tmp_path / "keys.json"
    made = load_or_create(path, NOW)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create(path, NOW + DAY) == made
    assert made.newest.created_at == NOW
    assert len(made.newest.secret.reveal()) >= 43
    assert made.newest.secret != made.code_key
    assert load_or_create(tmp_path / "other.json", NOW) != made


def test_of_several_first_starts_one_makes_the_keys_and_all_get_them(tmp_path: Path):
    together = Barrier(8)

    def start(_: int) -> KeyRing:
        together.wait(30)
        return load_or_create(tmp_path / "keys.json", NOW)

    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(start, range(8)))
    assert all(ring == rings[0] for ring in rings)


def test_E66_after_rotation_the_new_key_signs_and_the_old_verifies_until_its_window_ends(tmp_path: Path):
    path = tmp_path / "keys.json"
    before = load_or_create(path, NOW)
    after = rotate(path, NOW, overlap=DAY)
    assert load_or_create(path, NOW) == after
    assert after.code_key == before.code_key
    old, new = before.newest.kid, after.newest.kid
    assert old != new
    assert after.verifying(old, NOW + DAY - 1) is not None
    assert after.verifying(old, NOW + DAY) is None
    assert after.verifying(new, NOW + 100 * DAY) is not None


def test_E66_a_second_rotation_lengthens_no_window_and_drops_what_is_over(tmp_path: Path):
    path = tmp_path / "keys.json"
    first = load_or_create(path, NOW).newest.kid
    second = rotate(path, NOW, overlap=DAY).newest.kid
    ring = rotate(path, NOW + DAY // 2, overlap=10 * DAY)
    assert ring.verifying(first, NOW + DAY) is None
    assert ring.verifying(second, NOW + 10 * DAY) is not None
    assert [each.kid for each in rotate(path, NOW + 2 * DAY, overlap=0).keys[1:]] == []


@pytest.mark.parametrize("octets", [0, 1, 31])
def test_B49_a_secret_shorter_than_32_bytes_is_refused(octets: int):
    for ring in (
        lambda: KeyRing((key(octets=octets),), Secret("s" * 32)),
        lambda: KeyRing((key(),), Secret("s" * octets)),
    ):
        with pytest.raises(Invalid) as refused:
            ring()
        assert refused.value.code == "secret_too_short"
        assert f"{octets} bytes" in refused.value.message


def test_B49_a_key_file_with_a_short_secret_stops_the_start_by_name(tmp_path: Path):
    path = tmp_path / "keys.json"
    load_or_create(path, NOW)
    document = json.loads(path.read_text())
    document["keys"][0]["secret"] = "too-short-canary"
    path.write_text(json.dumps(document))
    with pytest.raises(Invalid, match="16 bytes can be guessed") as refused:
        load_or_create(path, NOW)
    assert str(path) in refused.value.message
    assert "canary" not in str(refused.value.fields) + refused.value.message


def test_B48_a_key_file_open_to_others_stops_the_start_unless_that_is_accepted(tmp_path: Path):
    path = tmp_path / "keys.json"
    made = load_or_create(path, NOW)
    path.chmod(0o644)
    with pytest.raises(Invalid) as refused:
        load_or_create(path, NOW)
    assert refused.value.code == "secret_seen_by_others"
    with pytest.raises(Invalid):
        rotate(path, NOW, overlap=0)
    assert load_or_create(path, NOW, insecure=True) == made


@pytest.mark.parametrize(
    "keys",
    [(), (key(until=NOW),), (key("a"), key("a", until=NOW))],
)
def test_a_ring_that_cannot_sign_or_is_ambiguous_is_refused(keys: tuple[SigningKey, ...]):
    with pytest.raises(Invalid):
        KeyRing(keys, Secret("s" * 32))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.data())
def test_E67_a_damaged_key_file_stops_the_start_and_is_left_as_it_is(tmp_path: Path, data: st.DataObject):
    path = tmp_path / "keys.json"
    path.unlink(missing_ok=True)
    load_or_create(path, NOW)
    whole = path.read_bytes()
    damaged = data.draw(
        st.integers(0, len(whole) - 2).map(lambda length: whole[:length])
        | st.binary(max_size=60)
        | st.sampled_from([b"[]", b"{}", b"null", b"[" * 9000, whole.replace(b'"format": 1', b'"format": 2')])
        | st.sampled_from(
            [whole.replace(b'"kid": "', b'"kid": ["x"], "y": "'), whole.replace(b"1800000000000000", b"true")]
        )
    )
    path.write_bytes(damaged)
    with pytest.raises(Invalid) as refused:
        load_or_create(path, NOW)
    assert str(path) in refused.value.message
    assert path.read_bytes() == damaged


def test_a_folder_that_is_gone_is_named(tmp_path: Path):
    with pytest.raises(Unavailable, match="takes no file"):
        load_or_create(tmp_path / "gone" / "keys.json", NOW)


def test_I_M3_keys_never_show_their_secrets(tmp_path: Path):
    path = tmp_path / "keys.json"
    ring = load_or_create(path, NOW)
    for secret in (ring.newest.secret.reveal(), ring.code_key.reveal()):
        assert secret in path.read_text()
        assert secret not in repr(ring) + str(ring) + f"{ring}" + repr(ring.newest)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(BursarError) as refused:
        load_or_create(path, NOW)
    assert ring.newest.secret.reveal() not in repr(refused.value)
    assert refused.value.__cause__ is None
