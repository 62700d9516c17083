"""Verbs of organizations: make one, work in it, lead its members, let people in by invites."""

from __future__ import annotations

from core.commands.asking import asked, plain, requests
from core.commands.verbs import Argument, Bursar, Kind, Question, Values, Verb, if_still
from core.domain.roles import Caller, Permission, Role

_NAME = Argument("name", "the organization's name", positional=True, required=True)
_USER = Argument("user", "a member's name", positional=True, required=True)
_INVITE = Argument("id", "the invite's id, or enough of its beginning", positional=True, required=True)
_ROLES = tuple(Role)
_APPROVALS = ("never", "always", "above_limits", "default")
_OF_ORG, _NOTHING = "the organization's", ("none", "0")


def _ask_delete(bursar: Bursar, caller: Caller, values: Values) -> Question:  # noqa: ARG001
    org = bursar.organizations.show(caller)
    return Question(f"this ends the organization {org.name} for all of its members ({org.members})", org.name)


def _ask_remove(bursar: Bursar, caller: Caller, values: Values) -> Question:
    org = bursar.organizations.show(caller)
    return Question(f"this takes {values['user']} out of {org.name}", values["user"])


VERBS: tuple[Verb, ...] = (
    Verb(
        ("org", "create"),
        "make an organization, become its admin and work in it",
        Permission.ORG_CREATE,
        lambda bursar, caller, values: bursar.organizations.create(caller, asked(requests.NewOrg, values)),
        (_NAME,),
        afterwards="let people in: bursar invite create",
    ),
    Verb(
        ("org", "list"),
        "list your organizations; an operator sees all",
        Permission.ORG_LIST,
        plain(lambda bursar: bursar.organizations.list),
        nothing="no organizations; join one: bursar join CODE",
    ),
    Verb(
        ("org", "switch"),
        "work in another of your organizations from now on",
        Permission.ORG_SWITCH,
        lambda bursar, caller, values: bursar.organizations.switch(caller, values["name"]),
        (_NAME,),
    ),
    Verb(
        ("org", "show"),
        "show the organization you work in",
        Permission.ORG_READ,
        plain(lambda bursar: bursar.organizations.show),
    ),
    Verb(
        ("org", "set"),
        "set the organization's time zone, what new members start with, what needs a yes",
        Permission.ORG_CHANGE,
        lambda bursar, caller, values: bursar.organizations.change(caller, asked(requests.OrgChange, values)),
        (
            Argument("time_zone", "in which days begin and reports are posted: Europe/Berlin", placeholder="ZONE"),
            Argument("credits", "credits that each new member starts with; `none` for none", placeholder="N"),
            Argument("gpu_hours", "GPU-hours that each new member starts with", placeholder="N"),
            Argument("approvals", "what needs an admin's yes", Kind.CHOICE, choices=_APPROVALS),
        ),
        more="`above_limits` are those of the installation's settings, and `default` is what they say. "
        "An invite can give other amounts. What members have already stays as it is.",
    ),
    Verb(
        ("org", "members"),
        "list the organization's members",
        Permission.MEMBERS_READ,
        plain(lambda bursar: bursar.organizations.members),
    ),
    Verb(
        ("org", "role"),
        "give a member another role",
        Permission.MEMBERS_CHANGE,
        lambda bursar, caller, values: bursar.organizations.set_role(caller, asked(requests.NewRole, values)),
        (
            _USER,
            Argument("role", "the new role", Kind.CHOICE, True, True, choices=_ROLES),
            if_still("the role", _ROLES),
        ),
    ),
    Verb(
        ("org", "remove"),
        "take a member out of the organization",
        Permission.MEMBERS_CHANGE,
        lambda bursar, caller, values: bursar.organizations.remove(caller, values["user"]),
        (_USER,),
        question=_ask_remove,
    ),
    Verb(
        ("org", "leave"),
        "leave the organization you work in",
        Permission.ORG_LEAVE,
        plain(lambda bursar: bursar.organizations.leave),
    ),
    Verb(
        ("org", "delete"),
        "end the organization you work in",
        Permission.ORG_DELETE,
        plain(lambda bursar: bursar.organizations.delete),
        more="What was recorded of it stays; its name is free again.",
        question=_ask_delete,
    ),
    Verb(
        ("invite", "create"),
        "make a code that lets people into the organization",
        Permission.INVITES_CHANGE,
        lambda bursar, caller, values: bursar.invites.create(caller, asked(requests.NewInvite, values)),
        (
            Argument("role", "as what they enter", Kind.CHOICE, choices=_ROLES, default=Role.MEMBER),
            Argument("uses", "how many people it lets in", Kind.COUNT, default="1"),
            Argument(
                "expires", "how long it is good for, such as 12h or 7d", Kind.DURATION, default="the installation's"
            ),
            Argument(
                *("credits", "credits each of them starts with; `none` for none", Kind.CREDITS),
                besides=_NOTHING,
                default=_OF_ORG,
            ),
            Argument(
                *("gpu_hours", "GPU-hours each of them starts with", Kind.GPU_HOURS), besides=_NOTHING, default=_OF_ORG
            ),
        ),
        afterwards="the code is shown only now; who has an account enters by: bursar join CODE",
    ),
    Verb(
        ("invite", "list"),
        "list the organization's invites",
        Permission.INVITES_READ,
        plain(lambda bursar: bursar.invites.list),
        columns=("id", "role", "uses", "used", "state", "expires_at"),
        nothing="no invites; bursar invite create makes one",
    ),
    Verb(
        ("invite", "revoke"),
        "make an invite worthless",
        Permission.INVITES_CHANGE,
        lambda bursar, caller, values: bursar.invites.revoke(caller, values["id"]),
        (_INVITE,),
    ),
    Verb(
        ("invite", "rotate"),
        "give an invite a new code, in place of the old one",
        Permission.INVITES_CHANGE,
        lambda bursar, caller, values: bursar.invites.rotate(caller, values["id"]),
        (_INVITE,),
        afterwards="the code is shown only now",
    ),
    Verb(
        ("join",),
        "enter an organization by the code of an invite",
        Permission.ORG_JOIN,
        lambda bursar, caller, values: bursar.invites.join(caller, asked(requests.Joining, values)),
        (Argument("code", "the code that an admin gave you", positional=True, required=True),),
    ),
)
