from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Invalid
from core.domain.images import check_allowed, check_machine_image, name_from_image, parse_image
from tests.domain.refusal import refusal, table
from tests.domain.test_text import ANY_TEXT

DIGEST = "sha256:" + "0123456789abcdef" * 4


@table(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("a bare name", "redis", "docker.io", "redis", None, None),
        ("a tag", "tinyllama:latest", "docker.io", "tinyllama", "latest", None),
        ("an owner", "acme/model:v1.2_3", "docker.io", "acme/model", "v1.2_3", None),
        ("a registry", "ghcr.io/acme/model", "ghcr.io", "acme/model", None, None),
        ("a registry with a port", "localhost:5000/model:1", "localhost:5000", "model", "1", None),
        ("a registry on this machine", "localhost/model", "localhost", "model", None, None),
        ("a digest", f"acme/model@{DIGEST}", "docker.io", "acme/model", None, DIGEST),
        ("a tag and a digest", f"nvcr.io/nv/cuda:12@{DIGEST}", "nvcr.io", "nv/cuda", "12", DIGEST),
        ("all signs of a repository", "a__b/c-d--e/f.g", "docker.io", "a__b/c-d--e/f.g", None, None),
    ],
)
def test_references_are_read_and_written_back(
    text: str, registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    image = parse_image(text)
    assert (image.registry, image.repository, image.tag, image.digest) == (registry, repository, tag, digest)
    assert str(image) == text


@pytest.mark.parametrize(
    "text",
    ["--privileged", "-v /:/h", "image;rm", "$(x)", "`x`", "a b", "/etc/passwd", "../x", "a//b", "a/", "a:"],
)
def test_B17_what_is_no_reference_is_refused(text: str) -> None:
    error = refusal(parse_image, text)
    assert error.code in ("image_malformed", "image_digest")
    assert error.message.startswith("image: ")


def test_B17_a_line_end_is_a_control_character() -> None:
    assert refusal(parse_image, "redis\n").message == "image: contains control character U+000A at position 6"


@pytest.mark.parametrize(
    "digest", ["sha256:", "sha256:" + "a" * 63, "sha256:" + "A" * 64, "sha256:" + "g" * 64, "md5:" + "a" * 64, "x"]
)
def test_B18_a_malformed_digest_is_refused(digest: str) -> None:
    error = refusal(parse_image, f"redis@{digest}")
    assert error.code == "image_digest"
    assert error.message == f"image: digest '{digest}' is not sha256: and 64 hexadecimal digits"


def test_B18_a_registry_that_is_not_allowed_is_named_with_those_that_are() -> None:
    error = refusal(check_allowed, parse_image("evil.example/x"), ["ghcr.io/acme", "docker.io"])
    assert (error.code, error.message) == ("registry_not_allowed", "image: registry not allowed: evil.example")
    assert error.hint == "allowed: docker.io, ghcr.io/acme"
    error = refusal(check_allowed, parse_image("ghcr.io/acme-evil/x"), ["ghcr.io/acme"])
    assert error.message == "image: registry not allowed: ghcr.io/acme-evil/x"


@table(
    ("text", "allowed"),
    [
        ("an empty list allows all", "evil.example/x", []),
        ("a registry allows what lies in it", "ghcr.io/any/thing:1", ["ghcr.io"]),
        ("a path allows what lies below it", "ghcr.io/acme/x/y", ["ghcr.io/acme"]),
        ("a slash at its end changes nothing", "ghcr.io/acme/x", ["ghcr.io/acme/"]),
        ("a repository allows itself", "ghcr.io/acme/x:2", ["ghcr.io/acme/x"]),
        ("a bare name lies in the library", "redis", ["docker.io/library"]),
    ],
)
def test_allowed_registries(text: str, allowed: list[str]) -> None:
    check_allowed(parse_image(text), allowed)


def test_a_bare_name_is_not_smuggled_past_by_looking_like_a_path() -> None:
    assert refusal(check_allowed, parse_image("ghcr/acme/x"), ["ghcr.io"]).code == "registry_not_allowed"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("redis:" + "x" * 129, "tag "),
        ("Redis", "'Redis' cannot be a part of a repository; upper case is not allowed there"),
        ("ghcr.io/Acme/x", "'Acme' cannot be a part of a repository; upper case is not allowed there"),
        ("GHCR.io/acme/x", "registry 'GHCR.io' is not a host name"),
        ("a" * 256, "its repository has more than 255 characters"),
        ("a..b", "'a..b' cannot be a part of a repository"),
        ("a___b", "'a___b' cannot be a part of a repository"),
    ],
    ids=["long tag", "upper case", "upper case owner", "upper case host", "long", "two points", "three underscores"],
)
def test_B19_the_grammar_is_named(text: str, part: str) -> None:
    error = refusal(parse_image, text)
    assert error.code == "image_malformed"
    assert part in error.message


@pytest.mark.parametrize("length", [0, 513, 10_000_000])
def test_B19_the_length_is_looked_at_first(length: int) -> None:
    assert refusal(parse_image, "A" * length).message == f"image: 1–512 characters (got {length})"


def test_images_of_machines_have_names_of_their_own() -> None:
    assert check_machine_image("Ubuntu 24.04 (LTS)") == "Ubuntu 24.04 (LTS)"
    for text in ("-rf", "$(x)", "a;b", "a`b", "../x"):
        assert refusal(check_machine_image, text).code == "image_malformed"
    assert refusal(check_machine_image, "a\x1b").code == "control_character"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("tinyllama:latest", "tinyllama"),
        ("ghcr.io/acme/my_model@" + DIGEST, "my_model"),
        ("r", "run-r"),
        ("a" * 200, "a" * 63),
    ],
)
def test_a_deployment_without_a_name_is_named_after_its_image(text: str, name: str) -> None:
    assert name_from_image(parse_image(text)) == name


@settings(max_examples=200, deadline=None)
@given(st.one_of(ANY_TEXT, st.from_regex(r"[a-z0-9.:/@_-]{1,60}", fullmatch=True)))
def test_any_text_is_a_reference_that_is_safe_to_pass_on_or_is_refused(text: str) -> None:
    try:
        image = parse_image(text)
    except Invalid as error:
        error.message.encode()
        return
    assert str(image) == text
    assert parse_image(str(image)) == image
    assert not text.startswith(("-", "/", "."))
    assert not set(text) & set(" ;$`'\"\\|&<>(){}*?~!\n")
    assert ".." not in image.repository
