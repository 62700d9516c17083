"""Verbs of deployments: submit work, look at it, stop, start and end it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.commands.asking import asked, changes, plain, spec_file, validation, workloads
from core.commands.verbs import KEY, Argument, Bursar, Kind, Values, Verb, if_still, nothing_to_add
from core.domain.browsing import Look, Order
from core.domain.errors import Forbidden, Invalid
from core.domain.kinds import Kind as DeploymentKind
from core.domain.lifecycle import State
from core.domain.resources import format_duration, typed_duration
from core.domain.roles import Caller, Permission

_DEPLOYMENT = Argument("deployment", "its id, the beginning of it, or its name", positional=True, required=True)
_CLUSTER = Argument("cluster", "the cluster's name or id, where there are several", positional=True)
_LINES, _MOST_LINES, _LATELY = 100, 200, 20
_TASK, _LARGEST_SWEEP = "TASK_INDEX", 1_000

# Flags that say one of several: the request holds them all under another name.
_PLURAL = {"label": "labels"}


# What people want to know of a deployment that they have just asked for, or done something to. `show` shows the rest.
_ADMITTED = (
    *("id", "name", "kind", "state", "cluster", "image", "cpu_milli", "ram_mib", "gpu_milli", "disk_mib", "priority"),
    *("hours_ms", "rate", "held", "reason"),
)
_ACTED_ON = ("id", "name", "state", "cluster", "node", "priority", "hours_ms", "cost", "held", "reason")


def _if_nobody_leads(bursar: Bursar, caller: Caller) -> Iterable[str]:
    """Said where something begins to wait that only the background side can start."""
    if bursar.browsing.pulse(caller).leader is None:
        yield "nobody leads: nothing starts until an operator runs: bursar daemon"


def _submit(bursar: Bursar, caller: Caller, values: Values) -> object:
    """What a spec file says, with what the line says laid over it."""
    wanted = dict(spec_file.read_spec(values["file"].encode())) if values["file"] else {}
    for name, value in values.items():
        if name != "file" and value not in (None, (), False):
            wanted[_PLURAL.get(name, name)] = value
    if "name" not in wanted:
        raise Invalid("missing", "name: is missing", "usage: submit NAME --image I, or submit NAME -- COMMAND")
    wanted.pop("count", None)
    if values["count"]:
        return _submit_sweep(bursar, caller, wanted, values["count"])
    request = validation.validated(workloads.SubmitRequest, **wanted)
    service = bursar.foresight.preview if request.dry_run else bursar.deployments.submit
    return service(caller, request)


def _submit_sweep(bursar: Bursar, caller: Caller, wanted: dict[str, Any], count: int) -> object:
    """So many alike: each has its number in its name, in its environment, and in its key where one is given."""
    if wanted.get("dry_run"):
        raise Invalid("sweep_not_tried", "count: only one can be tried beforehand", "leave --count or --dry-run out")
    if wanted.get("if_version"):
        raise Invalid("sweep_changes_it", "count: the first would change the version", "leave --if-version out")
    asked_for = []
    for number in range(1, count + 1):
        env, key = wanted.get("env", ()), wanted.get("key")
        one = {
            **wanted,
            "name": f"{wanted['name']}-{number}",
            "env": {**env, _TASK: str(number)} if isinstance(env, dict) else (*env, f"{_TASK}={number}"),
        }
        if key is not None:
            one["key"] = f"{key}-{number}"
        asked_for.append(validation.validated(workloads.SubmitRequest, **one))
    return bursar.deployments.submit_all(caller, asked_for)


def _extend(bursar: Bursar, caller: Caller, values: Values) -> object:
    """More time; or with `ask`, where that needs somebody's yes, the question to those who can give it."""
    given = {name: value for name, value in _with_id(values).items() if name != "ask"}
    request = asked(changes.ExtendRequest, given)
    try:
        return bursar.decisions.extend(caller, request)
    except Forbidden as refused:
        if refused.code != "needs_approval" or not values["ask"]:
            raise
        return bursar.decisions.ask_for_hours(caller, request)


def _asks(bursar: Bursar, caller: Caller) -> Iterable[str]:
    """Who asks for more time, and what gives it as long as nobody else has."""
    for ask in bursar.decisions.asks(caller).items:
        more, had = format_duration(ask.more_ms), format_duration(ask.had_ms)
        yield f"{ask.owner} asks for {more} more for {ask.name}, which has {had}: {ask.why}"
        gives = f"--hours {typed_duration(ask.more_ms)} --if-still {typed_duration(ask.had_ms)}"
        yield f"  to give it: bursar extend {ask.id} {gives}"


def _list(bursar: Bursar, caller: Caller, values: Values) -> object:
    look = Look(
        states=values["state"],
        cluster=values["cluster"],
        mine=values["mine"],
        order=values["sort"] or Order.AGE.value,
        limit=values["limit"] or _LINES,
        after=values["after"],
    )
    if values["all_orgs"]:
        return bursar.deployments.list_everywhere(caller, look)
    return bursar.deployments.list(caller, **look._asdict())


def _with_id(values: Values) -> Values:
    """The request calls the deployment `id`, as every view does."""
    return {("id" if name == "deployment" else name): value for name, value in values.items()}


def _logs(bursar: Bursar, caller: Caller, values: Values) -> object:
    whose = {"replica": values["replica"] or 0, "run": values["run"]}
    if values["whole"]:
        if values["follow"] or values["tail"]:
            raise Invalid("whole_or_part", "whole: nothing goes with it", "give --whole, or --follow and --tail")
        return bursar.logs.whole(caller, values["deployment"], **whose)
    logs = bursar.logs.follow if values["follow"] else bursar.logs.read
    return logs(caller, values["deployment"], **whose, tail=values["tail"])


def _cancel(bursar: Bursar, caller: Caller, values: Values) -> object:
    name, count = values["deployment"], values["count"]
    if count is None:
        return bursar.deployments.cancel(caller, name)
    return bursar.deployments.cancel_all(caller, [f"{name}-{number}" for number in range(1, count + 1)])


def _act(word: str, text: str, more: str = "") -> Verb:
    return Verb(
        (word,),
        text,
        Permission.DEPLOYMENT_ACT,
        lambda bursar, caller, values: getattr(bursar.deployments, word)(caller, values["deployment"]),
        (_DEPLOYMENT,),
        more=more,
        facts=_ACTED_ON,
        offers=_if_nobody_leads if word == "start" else nothing_to_add,
    )


VERBS: tuple[Verb, ...] = (
    Verb(
        ("submit",),
        "ask for work to be run: admitted, its cost held, and queued",
        Permission.SUBMIT,
        _submit,
        (
            Argument("name", "what to call it", positional=True),
            Argument("command", "the command and its words", positional=True, repeated=True, behind_dashes=True),
            Argument("cluster", "where", placeholder="C"),
            Argument("image", "the image to run", placeholder="I"),
            Argument("flavor", "a size by its name, instead of the sizes", placeholder="F"),
            Argument("cpu", "CPUs, such as 0.5", default="1", placeholder="N"),
            Argument("ram", "memory in GiB, or as 512MiB", default="1", placeholder="N"),
            Argument("gpu", "GPUs; below one a share of a device", default="0", placeholder="N"),
            Argument("disk", "disk in GiB", default="0", placeholder="N"),
            Argument("gpu_model", "the model that its GPUs must be", placeholder="M"),
            Argument("priority", "0 to 100, larger first", default="50", placeholder="N"),
            Argument("hours", "how long a job may run: 1.5, 90m, 2d", placeholder="H"),
            Argument("kind", "what it is", Kind.CHOICE, choices=tuple(DeploymentKind), default="job with hours"),
            Argument("replicas", "how many alike, all or none", default="1", placeholder="N"),
            Argument("after", "what must complete first; ID:any to only end", repeated=True, placeholder="ID"),
            Argument("label", "a label", repeated=True, placeholder="K=V"),
            Argument("env", "a variable of its environment", repeated=True, placeholder="K=V"),
            Argument("public_ip", "the address a machine shall have", placeholder="IP"),
            Argument("count", "so many alike, all or none", Kind.COUNT, bounds=(1, _LARGEST_SWEEP), default="one"),
            Argument("dry_run", "only say what it would do: fit, start, cost, whom it delays", Kind.FLAG),
            Argument("if_version", "only if the cluster is still at this version", placeholder="V"),
            KEY,
            Argument("file", "read it from a spec file", Kind.FILE, placeholder="SPEC", short="-f"),
        ),
        more="Where there is only one cluster it need not be named. With --count N there are NAME-1 to NAME-N, "
        "admitted in one step: all of them or none. Each finds its number in the variable TASK_INDEX. Replicas are one "
        "deployment on several places: all start or none, each finds its number in BURSAR_RANK, and where one of a "
        "job fails, the job has failed and the others are ended.",
        columns=("id", "name", "state", "cluster", "held"),
        facts=_ADMITTED,
        offers=_if_nobody_leads,
        afterwards="see how it stands: bursar show {name}; what keeps it waiting: bursar why {name}",
    ),
    Verb(
        ("list",),
        "list the organization's deployments, newest first",
        Permission.DEPLOYMENT_READ,
        _list,
        (
            Argument("state", "only in this state", Kind.CHOICE, repeated=True, choices=tuple(State)),
            Argument("cluster", "only on this cluster", placeholder="C"),
            Argument("mine", "only one's own", Kind.FLAG),
            Argument("all_orgs", "of the whole installation, for operators", Kind.FLAG),
            Argument("sort", "in this order", Kind.CHOICE, choices=tuple(Order), default=Order.AGE),
            Argument("limit", "how many", Kind.COUNT, bounds=(1, _MOST_LINES), default=str(_LINES)),
            Argument("after", "go on behind this id", placeholder="ID"),
        ),
        columns=("id", "org", "name", "owner", "state", "cluster", "gpu_milli", "priority", "created_at"),
        nothing="no deployments to show; bursar submit asks for one",
        continued_by="after",
    ),
    Verb(
        ("show",),
        "show a deployment: what it is, where it runs, what it costs, what happened to it",
        Permission.DEPLOYMENT_READ,
        lambda bursar, caller, values: bursar.deployments.show(caller, values["deployment"], lately=_LATELY),
        (_DEPLOYMENT,),
    ),
    Verb(
        ("why",),
        "say why a deployment waits, and what would change that",
        Permission.DEPLOYMENT_READ,
        lambda bursar, caller, values: bursar.foresight.why(caller, values["deployment"]),
        (_DEPLOYMENT,),
    ),
    Verb(
        ("queue",),
        "show who waits on a cluster, in order, and when each will start",
        Permission.DEPLOYMENT_READ,
        lambda bursar, caller, values: bursar.foresight.queue(caller, values["cluster"]),
        (_CLUSTER,),
        columns=("position", "name", "owner", "priority", "gpu_milli", "estimate", "blocker"),
        nothing="nothing waits",
    ),
    Verb(
        ("forecast",),
        "show what runs and what will, if everything takes all its time",
        Permission.DEPLOYMENT_READ,
        lambda bursar, caller, values: bursar.foresight.forecast(caller, values["cluster"]),
        (_CLUSTER,),
    ),
    Verb(
        ("logs",),
        "show what a deployment has written",
        Permission.DEPLOYMENT_READ,
        _logs,
        (
            _DEPLOYMENT,
            Argument("follow", "go on with what it writes from now on", Kind.FLAG, short="-f"),
            Argument("tail", "only the last lines", Kind.COUNT, bounds=(1, 1_000_000)),
            Argument("whole", "all that is kept of it so far, from its beginning", Kind.FLAG),
            Argument("replica", "of which of several alike", Kind.COUNT, bounds=(0, 999), default="0"),
            Argument("run", "of which of its runs", Kind.COUNT, bounds=(1, 1_000_000), default="the newest"),
        ),
    ),
    Verb(
        ("cancel",),
        "give a deployment up; what it has not used comes back",
        Permission.DEPLOYMENT_ACT,
        _cancel,
        (
            _DEPLOYMENT,
            Argument("count", "so many alike, NAME-1 to NAME-N", Kind.COUNT, bounds=(1, _LARGEST_SWEEP)),
        ),
        more="With --count N all that live of NAME-1 to NAME-N, in one step, as `submit` took them.",
        columns=("id", "name", "owner", "state", "cluster"),
        facts=_ACTED_ON,
    ),
    _act("stop", "stop a deployment so that it can be started again", "Stopped, it costs nothing but a kept disk."),
    _act("start", "put a stopped deployment back into the queue"),
    _act(
        "suspend",
        "let a deployment stand still where it is, for a part of its price",
        "It keeps its place, and its time limit runs on. `show` says what an hour costs then.",
    ),
    _act("resume", "let a suspended deployment go on from where it stood"),
    _act("delete", "end a deployment and keep only a tombstone of it"),
    _act("undelete", "take a deletion back, within a week if nothing else is set", "It is stopped then; start it."),
    Verb(
        ("extend",),
        "give a job more time",
        Permission.DEPLOYMENT_ACT,
        _extend,
        (
            _DEPLOYMENT,
            Argument("hours", "how much more", Kind.DURATION, required=True),
            Argument("ask", "where an admin must agree, ask for it", Kind.FLAG),
            Argument("if_still", "only if it has no more and no less than this", Kind.DURATION, placeholder="OLD"),
            KEY,
        ),
        more="Nothing changes by asking: an admin gives what was asked for, or the time runs out.",
        facts=_ACTED_ON,
    ),
    Verb(
        ("priority",),
        "give a deployment another place in the queue",
        Permission.DEPLOYMENT_ACT,
        lambda bursar, caller, values: bursar.decisions.set_priority(
            caller, asked(changes.PriorityRequest, _with_id(values))
        ),
        (
            _DEPLOYMENT,
            Argument("priority", "0 to 100, larger first", positional=True, required=True),
            if_still("it", (0, 100)),
        ),
        facts=_ACTED_ON,
    ),
    Verb(
        ("approvals",),
        "list what waits for a decision",
        Permission.DEPLOYMENT_DECIDE,
        plain(lambda bursar: bursar.decisions.approvals),
        more="Below them stands who asks for more time, with the command that gives it.",
        columns=("id", "name", "owner", "cluster", "gpu_milli", "priority", "created_at", "reason"),
        nothing="no deployment waits for a decision",
        offers=_asks,
    ),
    Verb(
        ("approve",),
        "let a deployment into the queue, as asked or with changes",
        Permission.DEPLOYMENT_DECIDE,
        lambda bursar, caller, values: bursar.decisions.approve(
            caller, asked(changes.ApproveRequest, _with_id(values))
        ),
        (
            _DEPLOYMENT,
            Argument("hours", "other hours than were asked for", Kind.DURATION),
            Argument("priority", "another priority", placeholder="N"),
        ),
        facts=_ACTED_ON,
    ),
    Verb(
        ("reject",),
        "turn a deployment down; what it held comes back",
        Permission.DEPLOYMENT_DECIDE,
        lambda bursar, caller, values: bursar.decisions.reject(caller, asked(changes.RejectRequest, _with_id(values))),
        (_DEPLOYMENT, Argument("reason", "why, in words for its owner", required=True)),
        facts=_ACTED_ON,
    ),
    Verb(
        ("complete",),
        "declare a deployment done; what runs is stopped first",
        Permission.DEPLOYMENT_DECIDE,
        lambda bursar, caller, values: bursar.decisions.complete(caller, values["deployment"]),
        (_DEPLOYMENT,),
        facts=_ACTED_ON,
    ),
)
