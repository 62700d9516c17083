"""Lines that mean another verb: `deploy` is `submit` and names what it makes after its image; and some short words."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

from core.commands.reading import option_said
from core.commands.verbs import Kind, Verb
from core.domain.errors import Invalid
from core.domain.names import suggested_name
from core.domain.text import visible

_DEPLOY = re.compile(r"\s*deploy(?=\s|$)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_ON = re.compile(r"\s+(?P<image>\S+)\s+on\s+(?P<cluster>[^\s,]+),?(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_SHORTEST_DEPLOY = 4  # deploy IMAGE on CLUSTER
# A word alone, where the table wants two.
_ALONE = {"clusters": "cluster list", "org": "org show", "orgs": "org list", "members": "org members"}


def expanded(line: str, *, number: int = 1) -> str:
    """The line with the alias written out; what is none stays as it is. `number` tells a name from one in use."""
    deploy = _DEPLOY.fullmatch(line)
    if deploy is None:
        return _ALONE.get(line.strip().lower(), line)
    on = _ON.fullmatch(deploy["rest"])
    if on is None:
        return f"submit{deploy['rest']}"
    name = name_of_image(on["image"])
    if number > 1:
        name = f"{name[:56]}-{number}"
    return f'submit "{name}" image "{_bare(on["image"])}" cluster "{_bare(on["cluster"])}"{on["rest"]}'


def expanded_words(words: Sequence[str], verbs: Sequence[Verb]) -> list[str]:
    """The same for the words of a command line, the first of them the verb's: pairs behind it become options."""
    alone = _ALONE.get(words[0].lower()) if words else None
    if alone is not None and not set(words[1:]) - {"--json"}:
        return [*alone.split(), *words[1:]]
    if not words or words[0].lower() != "deploy":
        return list(words)
    if len(words) < _SHORTEST_DEPLOY or words[2].lower() != "on":
        return ["submit", *words[1:]]
    submit = next(verb for verb in verbs if verb.path == ("submit",))
    image, cluster = words[1], words[3]
    return ["submit", name_of_image(image), "--image", image, "--cluster", cluster, *_dashed(words[4:], submit)]


def _dashed(words: Sequence[str], verb: Verb) -> list[str]:
    """`cpu 1` as `--cpu 1`; a value is left alone whatever it looks like."""
    waiting, dashed = deque(words), []
    while waiting:
        word = waiting.popleft()
        option, value = option_said(verb, word)
        dashed.append(word if option is None else option.flag if value is None else f"{option.flag}={value}")
        if option and value is None and option.kind is not Kind.FLAG and waiting:
            dashed.append(waiting.popleft())
    return dashed


def names_itself(line: str) -> bool:
    """Whether the name is made here, so that another may be taken where it is in use."""
    deploy = _DEPLOY.fullmatch(line)
    return deploy is not None and _ON.fullmatch(deploy["rest"]) is not None


def name_of_image(image: str) -> str:
    """`ghcr.io/team/train:v2` is `train`."""
    last = re.split(r"[:@]", image.rsplit("/", 1)[-1])[0]
    name = suggested_name(_bare(last))
    if name is None:
        raise Invalid("name_needed", f"{visible(image)} gives no name", "say which: submit NAME image IMAGE cluster C")
    return name


def _bare(word: str) -> str:
    return word.replace('"', "").replace("\\", "")
