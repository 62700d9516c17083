"""Short lines that mean longer ones: what `deploy` becomes, and that nothing in it can become another word."""

from __future__ import annotations

import pytest

from core.commands.aliases import expanded, expanded_words, names_itself
from core.commands.table import VERBS
from core.commands.words import parse_words
from core.domain.errors import Invalid


@pytest.mark.parametrize(
    ("line", "name", "image", "cluster"),
    [
        ("deploy nginx on rack", "nginx", "nginx", "rack"),
        ("DEPLOY ghcr.io/team/train:v2 ON lab cpu 1", "train", "ghcr.io/team/train:v2", "lab"),
        ("deploy train@sha256:abc on rack --gpu=1", "train", "train@sha256:abc", "rack"),
        ('deploy na"me on rack', "name", "name", "rack"),
        ("deploy gpu on cluster", "gpu", "gpu", "cluster"),
        ("deploy nginx on rack, gpus: 1", "nginx", "nginx", "rack"),
    ],
)
def test_a_deploy_line_is_a_submit_named_after_its_image(line: str, name: str, image: str, cluster: str) -> None:
    verb, values = parse_words(expanded(line))
    assert verb.path == ("submit",) and names_itself(line)
    assert (values["name"], values["image"], values["cluster"]) == (name, image, cluster)


def test_the_words_behind_it_are_those_of_submit() -> None:
    _, values = parse_words(expanded("deploy nginx on rack cpu 1 ram 20 gpu 0 priority 4 hours 2 -- sleep 5"))
    found = [values[word] for word in ("cpu", "ram", "gpu", "priority", "hours", "command")]
    assert found == ["1", "20", "0", "4", "2", ("sleep", "5")]


@pytest.mark.parametrize("line", ["gpu=2 cpus=4 hour=3", "gpus 2 cpu 4 hours 3", "GPU: 2 cpu: 4 hours: 3"])
def test_sizes_are_understood_as_people_write_them(line: str) -> None:
    _, values = parse_words(expanded(f"deploy nginx on rack {line}"))
    assert (values["gpu"], values["cpu"], values["hours"]) == ("2", "4", "3")
    submit, name, *rest = expanded_words(["deploy", "nginx", "on", "rack", *line.split()], VERBS)
    spoken = " ".join(rest).replace("=", " ")
    assert (submit, name) == ("submit", "nginx") and spoken.endswith("--gpu 2 --cpu 4 --hours 3")


def test_a_second_one_gets_a_number_that_still_fits_a_name() -> None:
    _, values = parse_words(expanded(f"deploy {'x' * 80} on rack", number=9))
    assert values["name"].endswith("-9") and len(values["name"]) <= 63


def test_other_lines_stay_what_they_are() -> None:
    assert expanded("deploy web image nginx cluster rack") == "submit web image nginx cluster rack"
    assert expanded("deployment x on y") == "deployment x on y"
    assert expanded(" Clusters ") == "cluster list"
    assert not names_itself("deploy web image nginx")


def test_an_image_that_gives_no_name_is_asked_for_one() -> None:
    with pytest.raises(Invalid) as refused:
        expanded("deploy !!! on rack")
    assert "submit NAME" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("deploy a/train:v2 on lab cpu 1 --ram 2", "submit train --image a/train:v2 --cluster lab --cpu 1 --ram 2"),
        (
            "deploy nginx on rack dry-run if-version 3",
            "submit nginx --image nginx --cluster rack --dry-run --if-version 3",
        ),
        ("deploy nginx on rack label gpu", "submit nginx --image nginx --cluster rack --label gpu"),
        ("deploy web --image nginx", "submit web --image nginx"),
        ("clusters --json", "cluster list --json"),
        ("org", "org show"),
        ("org members", "org members"),
        ("org --help", "org --help"),
        ("list", "list"),
    ],
)
def test_a_command_line_knows_the_same_lines(line: str, meant: str) -> None:
    assert expanded_words(line.split(), VERBS) == meant.split()
