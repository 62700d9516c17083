"""From the values of a verb to the service's answer; what was not given keeps the request's own default.

The request models come with pydantic, which costs as much as the whole rest of a face's start; so they are imported
when the first verb asks something, not when the table is read.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from core.commands.verbs import Bursar, Call, Values
from core.domain.roles import Caller

if TYPE_CHECKING:
    from core.domain import (
        changes,
        cluster_requests,
        money_requests,
        report_requests,
        requests,
        spec_file,
        validation,
        workloads,
    )
    from core.views import csv_text

    Model = TypeVar("Model", bound=validation.Request)
else:

    class _Deferred:
        """A module that is imported at the first use of something in it."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> object:
            return getattr(import_module(self._name), attribute)

    requests, validation = _Deferred("core.domain.requests"), _Deferred("core.domain.validation")
    cluster_requests, workloads = _Deferred("core.domain.cluster_requests"), _Deferred("core.domain.workloads")
    spec_file, money_requests = _Deferred("core.domain.spec_file"), _Deferred("core.domain.money_requests")
    csv_text = _Deferred("core.views.csv_text")
    changes, report_requests = _Deferred("core.domain.changes"), _Deferred("core.domain.report_requests")

__all__ = [
    "asked",
    "changes",
    "cluster_requests",
    "csv_text",
    "money_requests",
    "plain",
    "report_requests",
    "requests",
    "spec_file",
    "validation",
    "workloads",
]


def asked(model: type[Model], values: Values) -> Model:
    return validation.validated(model, **{name: value for name, value in values.items() if value is not None})


def plain(service: Callable[[Bursar], Callable[[Caller], object]]) -> Call:
    """The call of a verb whose service wants to know nothing but who asks."""

    def call(bursar: Bursar, caller: Caller, _values: Values) -> object:
        return service(bursar)(caller)

    return call
