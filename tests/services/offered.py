"""Which services there are, found in the place that puts them together."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from core import services
from core.bootstrap import Bursar, part


def services_of(bursar: type = Bursar) -> dict[str, type]:
    """By the name of each public property. Bootstrap names their classes as words, since it loads them late."""
    known = dict(_classes())
    found = {}
    for name, member in vars(bursar).items():
        if isinstance(member, part) and not name.startswith("_"):
            found[name] = known[inspect.get_annotations(member.make)["return"]]
    assert found, "what is asked of no service is asked of nothing"
    return found


def _classes() -> list[tuple[str, type]]:
    modules = [
        importlib.import_module(f"core.services.{found.name}") for found in pkgutil.iter_modules(services.__path__)
    ]
    return [
        (name, kind)
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    ]
