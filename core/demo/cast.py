"""Who and what is in the demonstration: two organizations, their people, three clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.commands.verbs import Bursar
from core.domain.cluster_requests import NewCluster, NewNode, Sharing
from core.domain.money_requests import GrantRequest
from core.domain.requests import Joining, Login, NewAccount, NewInvite, NewOrg, NewRole
from core.domain.roles import Caller, Role, anonymous
from core.domain.validation import validated

FACE = "demo"
OPERATOR = "olga"


@dataclass(frozen=True, slots=True)
class Org:
    name: str
    admin: str
    members: tuple[str, ...]


ORGS = (Org("vision-lab", "ada", ("grace", "linus", "tim")), Org("speech-team", "mei", ("omar", "rosa")))
GPU_CLUSTER, SMALL_CLUSTER, THIS_MACHINE = "hopper", "bench", "this-machine"
GPU_NODES, GPUS_PER_NODE = 4, 8
# Members start with more than the usual allowance, so that a week's work is paid; one of them will run out.
CREDITS, GPU_HOURS = 4_000, 900
SHORT_OF_CREDITS = "tim"


def fill(bursar: Bursar, password: str, *, real_processes: Mapping[str, str] | None) -> dict[str, Caller]:
    """Make everybody and everything; returns by name how each acts. `real_processes` sizes a cluster of this host."""
    callers = {OPERATOR: _operator(bursar, password)}
    for org in ORGS:
        _org(bursar, callers, org, password)
    _clusters(bursar, callers, real_processes)
    return callers


def _operator(bursar: Bursar, password: str) -> Caller:
    bursar.accounts.install(anonymous(FACE), validated(NewAccount, name=OPERATOR, password=password))
    return _log_in(bursar, OPERATOR, password)


def _log_in(bursar: Bursar, name: str, password: str) -> Caller:
    session = bursar.accounts.login(anonymous(FACE), validated(Login, name=name, password=password))
    return bursar.accounts.authenticate(session.access_token, FACE)


def _org(bursar: Bursar, callers: dict[str, Caller], org: Org, password: str) -> None:
    """Made by the operator, led by its admin, entered by invites."""
    bursar.organizations.create(callers[OPERATOR], validated(NewOrg, name=org.name))
    for name in (org.admin, *org.members):
        bursar.accounts.register(anonymous(FACE), validated(NewAccount, name=name, password=password))
        callers[name] = _log_in(bursar, name, password)
        role = Role.ADMIN if name == org.admin else Role.MEMBER
        invite = bursar.invites.create(callers[OPERATOR], validated(NewInvite, role=role.value))
        bursar.invites.join(callers[name], validated(Joining, code=invite.code))
    bursar.organizations.set_role(callers[org.admin], validated(NewRole, user=OPERATOR, role=Role.MEMBER.value))
    bursar.organizations.leave(callers[OPERATOR])
    _fund(bursar, callers, org)


def _fund(bursar: Bursar, callers: dict[str, Caller], org: Org) -> None:
    """The operator fills the treasury, the admin hands out a week's worth."""
    people = [name for name in (org.admin, *org.members) if name != SHORT_OF_CREDITS]
    filled = {"credits": str(CREDITS * len(people)), "gpu_hours": str(GPU_HOURS * len(people))}
    bursar.credits.grant(acting_in(callers[OPERATOR], org.name), validated(GrantRequest, treasury=True, **filled))
    for name in people:
        grant = {"user": name, "credits": str(CREDITS), "gpu_hours": str(GPU_HOURS), "reason": "for the week"}
        bursar.credits.grant(callers[org.admin], validated(GrantRequest, **grant))


def acting_in(caller: Caller, org: str) -> Caller:
    return replace(caller, org=org)


def _clusters(bursar: Bursar, callers: dict[str, Caller], real_processes: Mapping[str, str] | None) -> None:
    first, second = (acting_in(callers[OPERATOR], org.name) for org in ORGS)
    size = {"cpu": "128", "ram": "1024", "gpu": str(GPUS_PER_NODE), "gpu_model": "h100"}
    bursar.clusters.create(first, validated(NewCluster, name=GPU_CLUSTER, driver="scripted", **size))
    for number in range(2, GPU_NODES + 1):
        bursar.clusters.add_node(first, validated(NewNode, cluster=GPU_CLUSTER, name=f"node-{number}", **size))
    bursar.clusters.share(first, validated(Sharing, cluster=GPU_CLUSTER, org=ORGS[1].name))
    small = validated(NewCluster, name=SMALL_CLUSTER, driver="scripted", cpu="16", ram="64", gpu="2", gpu_model="l4")
    bursar.clusters.create(second, small)
    if real_processes is not None:
        local = validated(
            NewCluster, name=THIS_MACHINE, driver="process", set=["trust=members", "keeper_idle=5s"], **real_processes
        )
        bursar.clusters.create(first, local)
