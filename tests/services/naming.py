"""How each argument of a use case can name something that belongs to an organization.

The tests of isolation find the use cases by themselves and look here for their arguments. A use case with an argument
that is not here fails them: whoever adds one says what it can name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from core.domain.browsing import Look
from core.domain.changes import ApproveRequest, ExtendRequest, PriorityRequest, RejectRequest
from core.domain.cluster_requests import ClusterChange, NewCluster, NewNode, Sharing
from core.domain.money_requests import (
    FlavorRequest,
    GrantRequest,
    LimitsRequest,
    PeriodRequest,
    RatesRequest,
    ReverseRequest,
    TransferRequest,
    UseRequest,
)
from core.domain.report_requests import LinkCode, NewSchedule
from core.domain.requests import (
    Joining,
    Login,
    NewAccount,
    NewInvite,
    NewOrg,
    NewPassword,
    NewRole,
    NewToken,
    OrgChange,
)
from core.domain.roles import Permission
from core.domain.validation import validated
from tests.builders import PASSWORD, job
from tests.services.offered import services_of
from tests.services.two_orgs import Things

# (what is named, what the one who asks has, a folder) -> the argument
Way = Callable[[Things, Things, Path], Any]
_fresh = count(1)


@dataclass(frozen=True)
class Method:
    """A public method of a service; `takes_caller` is False for the one that finds out who calls."""

    service: str
    name: str
    permission: Permission | None
    parameters: tuple[inspect.Parameter, ...]
    takes_caller: bool

    @property
    def id(self) -> str:
        return f"{self.service}.{self.name}"

    def ways(self, parameter: inspect.Parameter) -> tuple[Way, ...]:
        """How it names a thing; no way where it names none."""
        for key in self._keys(parameter):
            if key in NAMES_A_THING:
                return NAMES_A_THING[key]
            if key in NAMES_NOTHING:
                return ()
        return ()

    def plain(self, parameter: inspect.Parameter) -> Way:
        for key in self._keys(parameter):
            if key in NAMES_A_THING:
                return NAMES_A_THING[key][0]
            if key in NAMES_NOTHING:
                return NAMES_NOTHING[key]
        raise LookupError(f"{self.id}: {parameter}")

    def arguments(self, named: Things, own: Things, folder: Path) -> Iterator[dict[str, Any]]:
        """Every way to name things of `named`, one at a time; the other arguments are of one's own."""
        for parameter in self.parameters:
            for way in self.ways(parameter):
                yield {**self.own_arguments(own, folder, but=parameter.name), parameter.name: way(named, own, folder)}

    def own_arguments(self, own: Things, folder: Path, but: str = "") -> dict[str, Any]:
        wanted = [p for p in self.parameters if p.name != but and p.default is inspect.Parameter.empty]
        return {p.name: self.plain(p)(own, own, folder) for p in wanted}

    @property
    def is_known(self) -> bool:
        """Whether each of its arguments is said below to name something, or nothing."""
        known = NAMES_A_THING.keys() | NAMES_NOTHING.keys()
        return all(known & set(self._keys(parameter)) for parameter in self.parameters)

    def _keys(self, parameter: inspect.Parameter) -> tuple[str, ...]:
        return (f"{self.id}.{parameter.name}", f"{self.service}.{parameter.name}", str(parameter.annotation))

    def number_of_ways(self) -> int:
        return sum(len(self.ways(parameter)) for parameter in self.parameters)


def methods_of() -> tuple[Method, ...]:
    """Found by looking at the services, so that none can be forgotten."""
    found = []
    for service, kind in services_of().items():
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if name.startswith("_"):
                continue
            _self, first, *rest = inspect.signature(method).parameters.values()
            takes_caller = first.name in ("caller", "unit")
            parameters = tuple(rest if takes_caller else (first, *rest))
            found.append(Method(service, name, getattr(method, "permission", None), parameters, takes_caller))
    return tuple(found)


def _of(*ways: Callable[[Things], Any]) -> tuple[Way, ...]:
    return tuple(lambda named, _own, _folder, way=way: way(named) for way in ways)  # type: ignore[misc]


NAMES_A_THING: dict[str, tuple[Way, ...]] = {
    "accounts.reference": _of(lambda x: x.token, lambda x: x.token[:7]),
    "accounts.session": _of(lambda x: x.session),
    "accounts.token": _of(lambda x: x.api_token),
    "accounts.org": _of(lambda x: x.org),
    "Login": (
        lambda named, own, _: validated(Login, name=named.member, password=PASSWORD if named == own else "a guess"),
    ),
    "invites.reference": _of(lambda x: x.invite, lambda x: x.invite[:7]),
    "Joining": (lambda named, own, _: validated(Joining, code=named.open_code if named == own else named.closed_code),),
    "organizations.name": _of(lambda x: x.org),
    "organizations.user": _of(lambda x: x.member),
    "NewRole": _of(lambda x: validated(NewRole, user=x.member, role="admin")),
    "clusters.reference": _of(lambda x: x.cluster, lambda x: x.cluster[:7]),
    "clusters.delete.reference": _of(lambda x: x.spare_cluster, lambda x: x.cluster),
    "clusters.cluster": _of(lambda x: x.cluster),
    "NewNode": _of(lambda x: validated(NewNode, cluster=x.cluster, name="new-node", cpu=1)),
    "ClusterChange": _of(lambda x: validated(ClusterChange, cluster=x.cluster, change=["cpu=64"], node=x.node)),
    "Sharing": (
        lambda named, own, _: validated(Sharing, cluster=named.cluster, org=own.org if named != own else "beta"),
        lambda named, own, _: validated(Sharing, cluster=own.cluster, org=named.org),
    ),
    "deployments.reference": _of(lambda x: x.deployment, lambda x: x.deployment[:7]),
    "deployments.names": _of(lambda x: (f"{x.member.removesuffix('-member')}-work",)),
    "deployments.start.reference": _of(lambda x: x.stopped),
    "deployments.cluster": _of(lambda x: x.cluster),
    "deployments.after": _of(lambda x: x.deployment),
    "SubmitRequest": (
        lambda named, _own, _: job(f"new-{next(_fresh)}", named.cluster),
        lambda named, own, _: job(f"new-{next(_fresh)}", own.cluster, after=[named.deployment]),
    ),
    "Sequence[SubmitRequest]": (
        lambda named, _own, _: [job(f"new-{next(_fresh)}", named.cluster)],
        lambda named, own, _: [job(f"new-{next(_fresh)}", own.cluster, after=[named.deployment])],
    ),
    "browsing.reference": _of(lambda x: x.deployment),
    "browsing.ids": _of(lambda x: (x.deployment,)),
    "browsing.cluster": _of(lambda x: x.cluster),
    "decisions.reference": _of(lambda x: x.deployment),
    "ApproveRequest": _of(lambda x: validated(ApproveRequest, id=x.deployment)),
    "RejectRequest": _of(lambda x: validated(RejectRequest, id=x.deployment, reason="no")),
    "ExtendRequest": _of(lambda x: validated(ExtendRequest, id=x.deployment, hours=1)),
    "PriorityRequest": _of(lambda x: validated(PriorityRequest, id=x.deployment, priority=40)),
    "foresight.reference": _of(lambda x: x.deployment),
    "foresight.cluster": _of(lambda x: x.cluster),
    "logs.reference": _of(lambda x: x.deployment),
    "credits.user": _of(lambda x: x.member),
    "statements.user": _of(lambda x: x.member),
    "statements.number": _of(lambda x: x.posting),
    "GrantRequest": _of(lambda x: validated(GrantRequest, user=x.member, credits=1)),
    "TransferRequest": (
        lambda named, _own, _: validated(TransferRequest, user=named.admin, credits=1),
        lambda named, _own, _: validated(TransferRequest, **{"from": named.member}, treasury=True, credits=1),
    ),
    "ReverseRequest": _of(lambda x: validated(ReverseRequest, number=x.posting, reason="a mistake")),
    "LimitsRequest": _of(
        lambda x: validated(LimitsRequest, member=x.member, gpus="4"),
        lambda x: validated(LimitsRequest, cluster=x.cluster, credits="4"),
    ),
    "RatesRequest": _of(lambda x: validated(RatesRequest, cluster=x.cluster, set=["gpu-hour=4"])),
    "prices.cluster": _of(lambda x: x.cluster),
    "browsing.numbers": _of(lambda x: (x.line,)),
    "slack_links.reference": _of(lambda x: x.asks),
    "reports.reference": _of(lambda x: x.schedule, lambda x: x.schedule[:7]),
    "NewSchedule": _of(
        lambda x: validated(NewSchedule, channel=f"{x.workspace}/C0{next(_fresh)}X", when="daily 08:00")
    ),
}

NAMES_NOTHING: dict[str, Way] = {
    "deployments.lately": lambda *_: 20,
    "NewAccount": lambda *_: validated(NewAccount, name=f"new-{next(_fresh)}", password=PASSWORD),
    "NewPassword": lambda *_: validated(NewPassword, old=PASSWORD, new="another horse staple"),
    "NewToken": lambda *_: validated(NewToken, name="new-token"),
    "NewOrg": lambda *_: validated(NewOrg, name="gamma"),
    "OrgChange": lambda *_: validated(OrgChange, credits="5"),
    "NewInvite": lambda *_: validated(NewInvite),
    "NewCluster": lambda *_: validated(NewCluster, name="new-rack", driver="scripted", cpu=1),
    "PeriodRequest": lambda *_: validated(PeriodRequest),
    "UseRequest": lambda *_: validated(UseRequest),
    "FlavorRequest": lambda *_: validated(FlavorRequest, name="small", price="0.1", cpu=1),
    "accounts.text": lambda *_: "",
    "accounts.user": lambda _named, own, _: own.member,  # accounts belong to no organization; only operators name them
    "accounts.at_once": lambda *_: False,
    "accounts.face": lambda *_: "test",
    "operations.path": lambda _named, _own, folder: folder / f"backup-{next(_fresh)}.db",
    "operations.limit": lambda *_: 50,
    "operations.before": lambda *_: 1,
    "clusters.node": lambda _named, own, _: own.node,
    "clusters.state": lambda *_: "cordoned",
    "clusters.if_still": lambda *_: None,
    "clusters.driver": lambda *_: "scripted",
    "clusters.settings": lambda *_: {},
    "upkeep.apply": lambda *_: False,
    # Operators see what everybody has.
    "deployments.list_everywhere.look": lambda _named, own, _: Look(cluster=own.cluster, after=own.deployment),
    "deployments.states": lambda *_: (),
    "deployments.mine": lambda *_: True,
    "deployments.order": lambda *_: "priority",
    "deployments.limit": lambda *_: 10,
    "browsing.filter": lambda *_: "",
    "browsing.order": lambda *_: "age",
    "browsing.backwards": lambda *_: False,
    "browsing.mine": lambda *_: False,
    "browsing.deleted": lambda *_: False,
    "browsing.everywhere": lambda *_: False,
    "browsing.limit": lambda *_: 10,
    "browsing.after": lambda *_: 0,
    "browsing.driver": lambda *_: "scripted",
    "browsing.settings": lambda *_: {},
    "logs.replica": lambda *_: 0,
    "logs.tail": lambda *_: 10,
    "logs.cursor": lambda *_: None,
    "LinkCode": lambda _named, own, _: validated(LinkCode, code=own.link_code),
    "reports.period": lambda *_: "week",
    "statements.at": lambda *_: "2026-01-01T00:00:00Z",
    "prices.retire_flavor.name": lambda *_: "small",
}
