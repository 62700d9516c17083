"""Ask for work: a form that says, as it is filled in, whether it fits, when it would start and what it would cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget

from core.commands.verbs import Argument
from core.domain.errors import BursarError
from core.views.foresight import PreviewCard
from core.views.money import Sum
from tui import questions
from tui.actions import Command, named
from tui.again import fields_like
from tui.amounts import span, sum_of, until
from tui.messages import ChoicesSeen, DeploymentSeen, Did, NotDone, PreviewSeen
from tui.screens.frame import Frame
from tui.theme import Tone
from tui.widgets.blockers import blocker_lines
from tui.widgets.fields import Fields
from tui.widgets.hanging import Hanging, Line
from tui.widgets.panel import Panel
from tui.widgets.plain import Plain, joined, text

_ORDER = (
    "name", "cluster", "image", "command", "flavor", "cpu", "ram", "gpu", "gpu_model", "disk", "hours", "kind",
    "priority", "replicas", "after", "label", "env", "public_ip",
)  # fmt: skip
_NOTHING_YET = "fill in a name, a cluster and what to run"
_KEYS_OF_SIGNS = ("go", "prompt", "back", "last", "undo")
_PAUSE_S = 0.3  # of typing, before it is tried


class SubmitScreen(Frame):
    PLACE = "submit"
    AUTO_FOCUS = "Fields Input"
    CSS_PATH = "submit.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "submit", "Submit", priority=True),
        Binding("ctrl+y", "copy", "Copy command", priority=True),
        Binding("ctrl+l", "empty", "Empty", show=False),
        Binding("escape", "leave", "Back", key_display="esc"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None
        self._doing = False
        self._like: tuple[str, str | None] | None = None

    def body(self) -> Iterator[Widget]:
        with Horizontal():
            with Panel("submit", classes="form"):
                yield Fields(_arguments(), picks=("cluster", "flavor"))
            with Panel("what it would do", classes="preview"), VerticalScroll(can_focus=False):
                yield Hanging([text(_NOTHING_YET, Tone.DIM)], classes="verdict")
        yield Plain(classes="line")

    def look(self) -> None:
        self.ask(questions.choices, "choices")
        if self._like is not None:
            reference, org = self._like
            self.ask(questions.within(org, questions.deployment(reference)), "like")
        self._try()

    def come_for(self, what: str, org: str | None = None) -> None:
        self._like = (what, org)

    @on(DeploymentSeen)
    def _like_seen(self, seen: DeploymentSeen) -> None:
        """Everything as it was, for something to be changed; what was in the form before makes room."""
        self._like = None
        fields, words = self.query_one(Fields), fields_like(seen.card)
        for argument in _arguments():
            fields.put(argument.name, words.get(argument.name, ""))
        self.query_one("Fields Input").focus()
        missing = f"; its variables are not shown, so give them again: {', '.join(seen.card.env)}"
        words_of_it = f"as {seen.card.name} was: change what shall be different{missing if seen.card.env else ''}"
        self.console.echo(text(words_of_it, Tone.WAIT if seen.card.env else Tone.DIM))

    @property
    def command(self) -> Command:
        verb = named(("submit",))
        assert verb is not None
        return Command(verb, self.query_one(Fields).texts)

    @on(ChoicesSeen)
    def _choices_seen(self, seen: ChoicesSeen) -> None:
        fields = self.query_one(Fields)
        fields.offer("cluster", seen.clusters)
        fields.offer("flavor", seen.flavors)
        if len(seen.clusters) == 1 and "cluster" not in fields.texts:
            fields.put("cluster", seen.clusters[0])

    @on(Fields.Changed)
    def _changed(self) -> None:
        self.query_one(".line", Plain).say(text(f"$ {self.command.line}", Tone.DIM))
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE_S, self._try)

    def _try(self) -> None:
        """Ask what it would do, once there is enough to ask."""
        command = self.command
        if not self._can_be_tried:
            return
        try:
            _ = command.values
        except BursarError as error:
            self.show_refusal(error)
            return
        tried = Command(command.verb, {**command.texts, "dry_run": ("yes",)})
        self.ask(questions.preview(tried), "preview")

    @property
    def _can_be_tried(self) -> bool:
        texts = self.query_one(Fields).texts
        return "name" in texts and "cluster" in texts and not self._doing

    @on(PreviewSeen)
    def _preview_seen(self, seen: PreviewSeen) -> None:
        if not self._can_be_tried:
            return  # of what has been submitted meanwhile, or taken back
        self.query_one(".verdict", Hanging).hang(_verdict(seen.card, self.console.now()))

    def show_refusal(self, error: BursarError) -> None:
        lines: list[Line] = [(text("✗ ", Tone.BAD), text(error.message, Tone.BAD))]
        if error.hint:
            lines += [text(line, Tone.DIM) for line in error.hint.splitlines()]
        self.query_one(".verdict", Hanging).hang(lines)

    @on(Fields.Submitted)
    def action_submit(self) -> None:
        command = self.command
        try:
            _ = command.values
        except BursarError as error:
            self.show_refusal(error)
            return
        if not self._doing:
            self._doing = True
            self.console.gateway.ask_to_do(self, command)

    @on(NotDone)
    def _not_done(self, event: NotDone) -> None:
        event.stop()
        self._doing = False
        self.show_refusal(event.error)

    @on(Did)
    def _did(self, event: Did) -> None:
        """What was typed is done with; the next one begins with an empty name."""
        event.stop()
        self._doing = False
        self.query_one(Fields).put("name", "")
        self.query_one(".verdict", Hanging).hang([text("submitted", Tone.GOOD)])
        self.app.post_message(Did(event.command, event.answer))
        reference = getattr(event.answer, "id", None)
        if reference is not None and self.app.screen is self:
            self.console.open_deployment(str(reference))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Here signs are typed; those that come before a field has the focus are no keys either."""
        return action not in _KEYS_OF_SIGNS and super().check_action(action, parameters)

    def action_leave(self) -> None:
        self.leave()

    def action_copy(self) -> None:
        line = self.command.line
        self.app.copy_to_clipboard(line)
        self.console.echo(joined(text("copied ", Tone.DIM), text(line)))

    def action_empty(self) -> None:
        for argument in _arguments():
            self.query_one(Fields).put(argument.name, "")


def _arguments() -> list[Argument]:
    verb = named(("submit",))
    assert verb is not None
    return sorted((a for a in verb.arguments if a.name in _ORDER), key=lambda a: _ORDER.index(a.name))


def _verdict(card: PreviewCard, now: int) -> list[Line]:
    if card.starts_now:
        begins = ("✓ ", f"fits and starts at once on {card.node or card.cluster}", Tone.GOOD)
    elif card.estimate_at is not None:
        latest = f", at the latest {until(card.latest_at, now)}" if card.latest_at is not None else ""
        begins = ("◌ ", f"waits; likely starts {until(card.estimate_at, now)}{latest}", Tone.BUSY)
    elif card.not_before_at is not None:
        begins = ("◌ ", f"waits; not expected within {span(card.not_before_at - now)}", Tone.WAIT)
    else:
        begins = ("◌ ", "waits; when it starts cannot be foreseen", Tone.WAIT)
    sign, words, tone = begins
    lines: list[Line] = [(text(sign, tone), text(words, tone)), text("")]
    lines.append((text("an hour   ", Tone.DIM), text(sum_of(card.rate))))
    if card.hold != Sum():
        lines.append((text("set aside ", Tone.DIM), text(sum_of(card.hold))))
    if card.needs_approval:
        lines += [text(""), text(f"◷ needs approval: {card.needs_approval}", Tone.WAIT)]
    if card.victims:
        lines += [text(""), text(f"▲ stops {', '.join(card.victims)}", Tone.BAD)]
    for delay in card.delayed:
        moved = f"{until(delay.from_at, now)} → {until(delay.to_at, now)}"
        lines.append(text(f"delays {delay.id or 'one of another organization'}: {moved}", Tone.DIM))
    if card.delayed_more:
        lines.append(text(f"delays {card.delayed_more} more", Tone.DIM))
    if card.blockers and not card.starts_now:
        lines.append(text(""))
        for blocker in card.blockers:
            lines += blocker_lines(blocker, now)
    return lines
