"""What can be done in the console, as data: a key, a word, and the verb it stands for.

Keys, footer, help and palette are renderings of these; what an action does is the verb's to say, and its command line
is shown with it. Knows no widget.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.commands.reading import values_of
from core.commands.table import VERBS
from core.commands.verbs import Argument, Kind, Values, Verb
from core.domain.lifecycle import FINAL, TRANSITIONS, State, Trigger
from core.domain.roles import NEEDS_ORG, Caller, Principal, TokenScope, allows
from core.views.people import AccountCard

_BY_PATH = {verb.path: verb for verb in VERBS}
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Command:
    """A verb with what was typed for it: can be shown as a line, and asked of the services.

    `known_as` is what people call the thing that it is for; `undo` brings back what was before it; `shows` is for an
    answer that is worth a look, such as a code that is told only once; `org` is the organization in which it is
    asked, where that is another one than that in which one works.
    """

    verb: Verb
    texts: Texts = field(default_factory=dict)
    given: Values | None = None  # where a line was read already
    known_as: str = ""
    undo: Command | None = None
    shows: bool = False
    org: str | None = None

    @property
    def values(self) -> Values:
        return self.given if self.given is not None else values_of(self.verb, self.texts)

    def asked_by(self, caller: Caller) -> Caller:
        return caller if self.org is None else replace(caller, org=self.org)

    @property
    def line(self) -> str:
        """As it could be typed into a shell; secrets are not in it."""
        words = ["bursar", *(["--org", self.org] if self.org is not None else []), *self.verb.path]
        last: list[str] = []
        for argument in self.verb.positionals:
            texts = [text for text in self._texts(argument) if text]
            if argument.repeated and argument.name == "command" and texts:
                last = ["--", *texts]
            else:
                words += texts
        for argument in self.verb.options:
            for text in self._texts(argument):
                words += [argument.flag] if argument.kind is Kind.FLAG else [argument.flag, text]
        return shlex.join(words + last)

    def _texts(self, argument: Argument) -> Sequence[str]:
        if self.given is None:
            return self.texts.get(argument.name, ())
        value = self.given.get(argument.name)
        if value is None or value is False or value == ():
            return ()
        return tuple(str(part) for part in value) if isinstance(value, tuple) else (str(value),)


@dataclass(frozen=True, slots=True)
class Action:
    """`subject` is the argument that the thing under the cursor fills. `sure` asks by typing; `fill` opens a form."""

    name: str
    key: str
    label: str
    path: tuple[str, ...]
    subject: str | None = None
    fill: bool = False
    sure: bool = False
    shows: bool = False  # its answer is worth a look: a code, a card
    asks: bool = False  # where nothing under the cursor is its subject, its form asks for one
    trigger: Trigger | None = None
    preset: Texts = field(default_factory=dict)
    hidden: tuple[str, ...] = ()  # arguments that its form does not ask for
    unfit: frozenset[State] = frozenset()  # what is not moved by it, but would be refused all the same

    @property
    def verb(self) -> Verb:
        return _BY_PATH[self.path]

    def applies_to(self, state: State) -> bool:
        """Whether a deployment in this state can be moved so."""
        return state not in self.unfit and (self.trigger is None or (state, self.trigger) in TRANSITIONS)

    def on(self, subject: str | None) -> Command:
        given = {} if self.subject is None or subject is None else {self.subject: (subject,)}
        return Command(self.verb, {**self.preset, **given})


def _deployment(name: str, key: str, label: str, trigger: Trigger | None = None, **how: object) -> Action:
    return Action(name, key, label, (name,), "deployment", trigger=trigger, **how)  # type: ignore[arg-type]


def _node(name: str, key: str, label: str) -> Action:
    return Action(name, key, label, ("cluster", name), "node")


CANCEL = _deployment("cancel", "c", "Cancel", Trigger.CANCEL, sure=True)
STOP = _deployment("stop", "s", "Stop", Trigger.STOP)
START = _deployment("start", "S", "Start", Trigger.START)
SUSPEND = _deployment("suspend", "z", "Suspend", Trigger.SUSPEND)
GO_ON = _deployment("resume", "Z", "Go on", Trigger.RESUME)
DELETE = _deployment("delete", "ctrl+d", "Delete", Trigger.DELETE, sure=True)
UNDELETE = _deployment("undelete", "U", "Undelete", Trigger.UNDELETE)
EXTEND = _deployment(
    "extend",
    "e",
    "Extend",
    fill=True,
    preset={"ask": ("yes",)},
    hidden=("if_still",),
    unfit=FINAL | {State.STOPPED, State.STOPPING},
)
GIVE = Action("give", "e", "Give the time", ("extend",), "deployment")
PRIORITY = _deployment("priority", "p", "Priority", fill=True, hidden=("if_still",), unfit=FINAL)
APPROVE = _deployment("approve", "a", "Approve", Trigger.APPROVE)
APPROVE_WITH = Action(
    "approve_with", "A", "Approve with changes", ("approve",), "deployment", fill=True, trigger=Trigger.APPROVE
)
REJECT = _deployment("reject", "r", "Reject", Trigger.REJECT, fill=True)
COMPLETE = _deployment("complete", "m", "Mark complete", Trigger.COMPLETE, sure=True)

NEW_CLUSTER = Action("new_cluster", "n", "New cluster", ("cluster", "create"), fill=True)
ADD_NODE = Action("add_node", "a", "Add node", ("cluster", "add-node"), "cluster", fill=True)
SHARE = Action("share", "S", "Share", ("cluster", "share"), "cluster", fill=True)
DELETE_CLUSTER = Action("delete_cluster", "ctrl+d", "Delete cluster", ("cluster", "delete"), "cluster", sure=True)
CORDON = _node("cordon", "c", "Cordon")
DRAIN = _node("drain", "x", "Drain")
RESUME = _node("resume", "r", "Resume")
PAUSE = Action("pause", "z", "Pause", ("pause",), "cluster")
UNPAUSE = Action("unpause", "Z", "Go on", ("unpause",), "cluster")

INVITE = Action("invite", "i", "Invite", ("invite", "create"), fill=True, shows=True)
REVOKE = Action("revoke", "v", "Revoke invite", ("invite", "revoke"), "id")
ROTATE = Action("rotate", "o", "New code", ("invite", "rotate"), "id", shows=True)
ROLE = Action("role", "r", "Role", ("org", "role"), "user", fill=True, hidden=("if_still",))
REMOVE = Action("remove", "ctrl+d", "Remove", ("org", "remove"), "user", sure=True)

LINK_SLACK = Action("link_slack", "l", "Link Slack", ("slack", "link"), fill=True)
UNLINK_SLACK = Action("unlink_slack", "U", "Unlink Slack", ("slack", "unlink"), sure=True)

GRANT = Action("grant", "t", "Grant", ("grant",), "user", fill=True, asks=True, hidden=("treasury", "key"))
FILL = Action(
    "fill",
    "f",
    "Fill treasury",
    ("grant",),
    fill=True,
    preset={"treasury": ("yes",)},
    hidden=("user", "treasury", "key"),
)
TRANSFER = Action("transfer", "m", "Transfer", ("transfer",), fill=True, hidden=("key", "treasury"))
USAGE = Action("usage", "U", "Use of a period", ("usage",), fill=True, shows=True)
VERIFY = Action("verify", "v", "Verify the chain", ("audit",), preset={"verify": ("yes",)}, shows=True)
RECONCILE = Action("reconcile", "e", "Compare engines", ("reconcile",), shows=True)
CLEANUP = Action("cleanup", "x", "What could go", ("cleanup",), shows=True)
REVERSE = Action("reverse", "v", "Reverse", ("reverse",), "number", fill=True, hidden=("key",))

REFUSE_SLACK = Action("refuse_slack", "x", "Refuse", ("slack", "refuse"), "user")
SESSION_END = Action("session_end", "e", "End session", ("session", "end"), "session")
TOKEN_CREATE = Action("token_create", "t", "New token", ("token", "create"), fill=True, shows=True)
TOKEN_REVOKE = Action("token_revoke", "v", "Revoke token", ("token", "revoke"), "id", sure=True)

ORG_CREATE = Action("org_create", "n", "New organization", ("org", "create"), fill=True)
JOIN = Action("join", "J", "Join an organization", ("join",), fill=True)
ORG_SWITCH = Action("org_switch", "", "Switch organization", ("org", "switch"), fill=True)


def principal(who: AccountCard) -> Principal:
    """Whom the table of rights judges; here names stand for ids, since a screen knows no others."""
    return Principal(who.name, who.name, "console", who.operator, who.org, who.org, who.role, TokenScope(who.scope))


def may(who: AccountCard | None, verb: Verb, owner: str | None = None) -> bool:
    """Whether somebody could do this to anything of theirs, or of `owner`: what is never allowed is not offered."""
    if who is None or (who.org is None and verb.permission in NEEDS_ORG):
        return False
    return allows(principal(who), verb.permission, owner_id=owner or who.name)


def preset_of(action: Action, who: AccountCard | None) -> Texts:
    """What a form does not ask. Who decides on asks has nobody to ask."""
    return {} if action is EXTEND and may(who, APPROVE.verb) else action.preset


def named(path: Sequence[str]) -> Verb | None:
    return _BY_PATH.get(tuple(path))


def held_on(cluster: str, node: str) -> str:
    """The filter for what has its place on a node now."""
    return f"cluster=={cluster} node=={node}"


# What takes an action back by doing its opposite; it works from then on, and brings nothing back that was lost.
_OPPOSITES = {"stop": START, "start": STOP, "suspend": GO_ON, "resume": SUSPEND, "delete": UNDELETE}


def undo_of_deployment(action: Action, reference: str, priority: int) -> Command | None:
    """What would take this action on a deployment back; a cancellation and a deletion cannot be."""
    if action.name == "priority":
        return Command(action.verb, {"deployment": (reference,), "priority": (str(priority),)})
    opposite = _OPPOSITES.get(action.name)
    return opposite.on(reference) if opposite is not None else None


_NODE_STATES = {"up": RESUME, "cordoned": CORDON, "drained": DRAIN}
_CLUSTER_STATES = {"up": UNPAUSE, "paused": PAUSE}


def undo_of_node(cluster: str, node: str, state: str) -> Command | None:
    """What would bring a node back into this state."""
    action = _NODE_STATES.get(state)
    return Command(action.verb, {"cluster": (cluster,), "node": (node,)}) if action is not None else None


def undo_of_cluster(cluster: str, state: str) -> Command | None:
    action = _CLUSTER_STATES.get(state)
    return action.on(cluster) if action is not None else None


_BRINGS = {action.path: state for state, action in _NODE_STATES.items()}


def only_if_still(command: Command, other: Command) -> Command:
    """Refused where the value is not, by then, the one that `other` brings: what others changed meanwhile stays.

    So an undo takes back what was done and nothing else, and a form changes what it was opened on.
    """
    if not any(argument.name == "if_still" for argument in command.verb.arguments):
        return command
    brought = _BRINGS.get(other.verb.path) or other.texts[other.verb.positionals[-1].name][0]
    return replace(command, texts={**command.texts, "if_still": (brought,)})
