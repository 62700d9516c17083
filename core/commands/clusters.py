"""Verbs of clusters and their nodes."""

from __future__ import annotations

from core.commands.asking import asked, cluster_requests, plain
from core.commands.verbs import Argument, Bursar, Kind, Question, Values, Verb, if_still
from core.domain.roles import Caller, Permission

_CLUSTER = Argument("cluster", "the cluster's name or id", positional=True, required=True)
_NODE = Argument("node", "the node's name", positional=True, required=True)
_NODE_STATES = ("up", "cordoned", "drained", "down")
# What people want to know of a cluster to which they have just done something. `cluster show` shows the rest.
_CHANGED = ("id", "name", "state", "settings", "default_limit_ms", "nodes")
_SIZE = (
    Argument("cpu", "CPUs in all", placeholder="N"),
    Argument("ram", "memory in all, in GiB or as 512MiB", placeholder="N"),
    Argument("gpu", "GPUs in all", placeholder="N"),
    Argument("disk", "disk in all, in GiB or as 512MiB", placeholder="N"),
    Argument("gpu_model", "the model of its GPUs", placeholder="MODEL"),
    Argument("label", "what requests can ask for", repeated=True, placeholder="K=V"),
)


def _create(bursar: Bursar, caller: Caller, values: Values) -> object:
    return bursar.clusters.create(caller, asked(cluster_requests.NewCluster, _with_labels(values)))


def _discover(bursar: Bursar, caller: Caller, values: Values) -> object:
    settings = dict(word.partition("=")[::2] for word in values["set"])
    return bursar.clusters.discover(caller, values["driver"], settings)


def _add_node(bursar: Bursar, caller: Caller, values: Values) -> object:
    given = {("name" if name == "node" else name): value for name, value in values.items()}
    return bursar.clusters.add_node(caller, asked(cluster_requests.NewNode, _with_labels(given)))


def _with_labels(values: Values) -> Values:
    """The flag says one label, the request holds them all."""
    return {("labels" if name == "label" else name): value for name, value in values.items()}


def _node_state(path: str, state: str, text: str) -> Verb:
    return Verb(
        ("cluster", path),
        text,
        Permission.CLUSTER_CHANGE,
        lambda bursar, caller, values: bursar.clusters.set_node_state(
            caller, values["cluster"], values["node"], state, values["if_still"]
        ),
        (_CLUSTER, _NODE, if_still("its state", _NODE_STATES)),
        facts=_CHANGED,
    )


def _ask_delete(bursar: Bursar, caller: Caller, values: Values) -> Question:
    card = bursar.clusters.show(caller, values["cluster"])
    return Question(f"this deletes the cluster {card.name} with its {len(card.nodes)} nodes", card.name)


VERBS: tuple[Verb, ...] = (
    Verb(
        ("cluster", "create"),
        "make a cluster of the sizes given, or of what its engine tells",
        Permission.CLUSTER_CREATE,
        _create,
        (
            Argument("name", "the cluster's name", positional=True, required=True),
            Argument("driver", "what runs the work: scripted, process, ...", required=True, placeholder="D"),
            *_SIZE,
            Argument("default_hours", "how long a job may run that names no hours", Kind.DURATION, default="1h"),
            Argument("set", "a setting of the driver", repeated=True, placeholder="K=V"),
        ),
        afterwards="submit to it: bursar submit NAME --cluster {name} --image I, or -- COMMAND",
    ),
    Verb(
        ("cluster", "discover"),
        "see what an engine would bring: its nodes, their size, their GPUs",
        Permission.CLUSTER_CREATE,
        _discover,
        (
            Argument("driver", "which engine to ask; by itself all that this host has", placeholder="D"),
            Argument("set", "a setting of the driver", repeated=True, placeholder="K=V"),
        ),
        columns=("driver", "name", "total", "gpu_model", "settings", "trouble"),
        nothing="no engine was found on this host; name one: --driver D --set K=V",
        afterwards="make a cluster of one: bursar cluster create NAME --driver D [--set K=V]",
    ),
    Verb(
        ("cluster", "add-node"),
        "add a node to a cluster, of the size given, or of what its own engine tells",
        Permission.CLUSTER_CHANGE,
        _add_node,
        (
            _CLUSTER,
            _NODE,
            *_SIZE,
            Argument(
                "set", "where its engine is, if the driver asks each apart: host=URL", repeated=True, placeholder="K=V"
            ),
        ),
        facts=_CHANGED,
    ),
    Verb(
        ("cluster", "set"),
        "change a cluster: settings of its driver, cpu, ram, gpu, disk, default_hours",
        Permission.CLUSTER_CHANGE,
        lambda bursar, caller, values: bursar.clusters.change(caller, asked(cluster_requests.ClusterChange, values)),
        (
            _CLUSTER,
            Argument(
                "change",
                "what to set; nothing behind the sign: as by default",
                Kind.TEXT,
                True,
                True,
                True,
                placeholder="K=V",
            ),
            Argument("node", "whose size it is, where there are several", placeholder="NODE"),
        ),
        more="A size below what is held is refused, with who holds it.",
        facts=_CHANGED,
    ),
    _node_state("cordon", "cordoned", "let a node take nothing new; what runs there goes on"),
    _node_state("drain", "drained", "take a node out of use; what runs there goes on to its end"),
    _node_state("resume", "up", "let a cordoned or drained node take work again"),
    Verb(
        ("pause",),
        "let nothing start on a cluster; what runs goes on",
        Permission.CLUSTER_CHANGE,
        lambda bursar, caller, values: bursar.clusters.pause(caller, values["cluster"]),
        (_CLUSTER,),
        facts=_CHANGED,
    ),
    Verb(
        ("unpause",),
        "let a paused cluster start work again",
        Permission.CLUSTER_CHANGE,
        lambda bursar, caller, values: bursar.clusters.unpause(caller, values["cluster"]),
        (_CLUSTER,),
        facts=_CHANGED,
    ),
    Verb(
        ("cluster", "share"),
        "let another organization use a cluster",
        Permission.CLUSTER_SHARE,
        lambda bursar, caller, values: bursar.clusters.share(caller, asked(cluster_requests.Sharing, values)),
        (_CLUSTER, Argument("org", "the organization that may use it", required=True, placeholder="NAME")),
    ),
    Verb(
        ("cluster", "list"),
        "list the clusters that you may use, with what is used and free",
        Permission.CLUSTER_READ,
        plain(lambda bursar: bursar.clusters.list),
        columns=("name", "driver", "state", "nodes", "in_use"),
        nothing="no clusters; an operator makes one: bursar cluster create",
    ),
    Verb(
        ("cluster", "show"),
        "show a cluster, its nodes and each of its GPUs",
        Permission.CLUSTER_READ,
        lambda bursar, caller, values: bursar.clusters.show(caller, values["cluster"]),
        (_CLUSTER,),
    ),
    Verb(
        ("cluster", "delete"),
        "delete a cluster that nothing uses",
        Permission.CLUSTER_CHANGE,
        lambda bursar, caller, values: bursar.clusters.delete(caller, values["cluster"]),
        (_CLUSTER,),
        question=_ask_delete,
    ),
)
