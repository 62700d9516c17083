"""Modals: a request with its fit, start and price while it is filled in, and what is asked of who decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.blocks.approval import wishes
from bot.blocks.parts import Block, button, buttons, choice_input, modal, section, text_input
from bot.ids import Action, Form
from bot.markup import literal, safe_slack
from bot.wording import rough_books
from core.domain.resources import format_duration, format_resources
from core.views.money import Sum
from core.views.work import ClusterLine, DeploymentCard

# The inputs of a request, each named as the argument of `submit` that it becomes.
INPUTS = ("name", "cluster", "image", "command", "cpu", "ram", "gpu", "hours", "priority")


def deploy_form(clusters: Sequence[ClusterLine], told: str = "", initial: Mapping[str, str] | None = None) -> Block:
    """`told` is what a try of the request has come to. Inputs keep what was typed, by their ids."""
    given = initial or {}
    options = [(f"{literal(one.name, 40)}: {format_resources(one.free)} free", one.name) for one in clusters]
    blocks: list[Block] = [
        text_input("name", "Name", initial=given.get("name", ""), hint="Empty: named after its image", most=63),
        choice_input("cluster", "Where", options, chosen=given.get("cluster", "")),
        text_input("image", "Image", initial=given.get("image", "")),
        text_input("command", "Command", initial=given.get("command", ""), hint="Words as in a shell", most=2000),
        text_input("cpu", "CPUs", initial=given.get("cpu", "1"), hint="Such as 2 or 0.5", most=20, live=True),
        text_input("ram", "Memory", initial=given.get("ram", "1"), hint="GiB, or such as 512MiB", most=20, live=True),
        text_input(
            "gpu", "GPUs", initial=given.get("gpu", "0"), hint="Below one: a share of a device", most=20, live=True
        ),
        text_input(
            "hours", "Hours", initial=given.get("hours", ""), hint="For a job; empty: until stopped", most=20, live=True
        ),
        text_input(
            "priority",
            "Priority",
            initial=given.get("priority", "50"),
            hint="0 to 100, larger first",
            most=3,
            live=True,
        ),
        buttons(button("Check fit, start and price", Action.CHECK, "form", label="check this request")),
        section(told or "A size and Enter, or Check: whether it fits, when it starts and what it costs."),
    ]
    return modal("New request", blocks, callback_id=Form.DEPLOY, submit="Ask for it", close="Back")


def no_clusters() -> Block:
    said = section("There is no cluster that your organization may use. An admin can connect one.")
    return modal("New request", [said], callback_id=Form.DEPLOY)


def done_form(title: str, said: str) -> Block:
    """Takes the place of a form that was sent, so that nobody wonders what became of it."""
    return modal(title, [section(said)], callback_id=Form.DONE)


def join_form() -> Block:
    blocks = [
        section("An admin of your team makes a code with `/bursar invite create`."),
        text_input("code", "Code", hint="Ten characters.", optional=False, most=64),
    ]
    return modal("Join your team", blocks, callback_id=Form.JOIN, submit="Join", close="Back")


def approve_form(view: DeploymentCard) -> Block:
    """Approve with other hours or another priority; what is left as it was is not changed."""
    asked = f"*{safe_slack(view.owner)}* asks for *{safe_slack(view.name)}* on {safe_slack(view.cluster)}"
    blocks = [section(f"{asked}: {safe_slack(wishes(view))}")]
    if view.hours_ms is not None:
        hours = format_duration(view.hours_ms)
        blocks.append(text_input("hours", "Hours", hint=f"Asked for: {hours}; empty: as asked", most=20))
    was = f"Asked for: {view.priority}; empty: as asked"
    blocks.append(text_input("priority", "Priority", hint=was, most=3))
    return modal("Approve", blocks, callback_id=Form.APPROVE, submit="Approve", close="Back", metadata=view.id)


def reject_form(view: DeploymentCard) -> Block:
    back = f": {rough_books(view.held)}" if view.held != Sum() else ""
    blocks = [
        section(f"What *{safe_slack(view.name)}* of {safe_slack(view.owner)} has set aside comes back{back}."),
        text_input("reason", "Why", hint="Its owner reads this.", optional=False, most=500),
    ]
    return modal("Reject", blocks, callback_id=Form.REJECT, submit="Reject", close="Back", metadata=view.id)
