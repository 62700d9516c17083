"""What a thread tells a screen: answers of services as messages, one class for each question, and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.message import Message

from core.commands.verbs import Question
from core.domain.errors import BursarError
from core.views.background import DaemonHealth
from core.views.browsing import DeviceLine, EventLine, Pulse
from core.views.chat import LinkLine, PendingLink
from core.views.foresight import PreviewCard, QueueLine, WhyCard
from core.views.money import PostingCard, StatementCard, WalletCard
from core.views.operations import AuditLine, Diagnosis
from core.views.people import AccountCard, InviteCard, MemberRow, OrgCard, OrgRow, SessionCard, TokenCard
from core.views.reports import ReportCard
from core.views.work import AskLine, ClusterCard, DeploymentCard, DeploymentLine, FoundNode, LogText
from tui.actions import Command


@dataclass
class Refused(Message):
    """A question got an error for an answer; `about` names the question."""

    error: BursarError
    about: str


@dataclass
class Beaten(Message):
    """The answer to the regular question: what is new, and who is logged in, None for nobody; and whether
    the installation still waits for its first operator. Asked in the sitting of that number."""

    sitting: int
    pulse: Pulse | None
    who: AccountCard | None
    new: bool = False


@dataclass
class Questioned(Message):
    """What a verb asks before it does what cannot be undone."""

    command: Command
    question: Question


@dataclass
class LoggedOn(Message):
    name: str


@dataclass
class Did(Message):
    """A command was done."""

    command: Command
    answer: object


@dataclass
class NotDone(Message):
    command: Command
    error: BursarError


@dataclass
class OverviewSeen(Message):
    clusters: tuple[ClusterCard, ...]
    devices: tuple[DeviceLine, ...]
    queue: tuple[tuple[str, QueueLine], ...]
    wallet: WalletCard
    treasury: WalletCard | None
    feed: tuple[EventLine, ...]
    approvals: int


@dataclass
class DiagnosisSeen(Message):
    diagnosis: Diagnosis


@dataclass
class QueueSeen(Message):
    lines: tuple[tuple[str, QueueLine], ...]


@dataclass
class WhySeen(Message):
    card: WhyCard


@dataclass
class OrderSeen(Message):
    """The ids of all that fit, in order; asked with that filter, of one's own alone, of all organizations."""

    ids: tuple[str, ...]
    asked: tuple[str, bool, bool] = ("", False, False)


@dataclass
class LinesSeen(Message):
    lines: tuple[DeploymentLine, ...]


@dataclass
class DeploymentSeen(Message):
    card: DeploymentCard
    timeline: tuple[EventLine, ...]
    postings: tuple[PostingCard, ...] | None  # None where they are not one's to see
    why: WhyCard | None


@dataclass
class LogSeen(Message):
    log: LogText


@dataclass
class PreviewSeen(Message):
    card: PreviewCard


@dataclass
class ClustersSeen(Message):
    clusters: tuple[ClusterCard, ...]


@dataclass
class DevicesSeen(Message):
    cluster: str
    devices: tuple[DeviceLine, ...]


@dataclass
class ApprovalsSeen(Message):
    lines: tuple[DeploymentLine, ...]
    asks: tuple[AskLine, ...] = ()


@dataclass
class PeopleSeen(Message):
    org: OrgCard
    members: tuple[MemberRow, ...]
    invites: tuple[InviteCard, ...] | None  # None where they are not one's to see
    links: tuple[LinkLine, ...]  # who in Slack acts as the one who asks


@dataclass
class AccountSeen(Message):
    orgs: tuple[OrgRow, ...]
    tokens: tuple[TokenCard, ...] | None  # None where they are not one's to see
    sessions: tuple[SessionCard, ...]
    links: tuple[LinkLine, ...]  # who in Slack acts as the one who asks
    asking: tuple[PendingLink, ...]  # and who wants to


@dataclass
class MoneySeen(Message):
    wallet: WalletCard
    treasury: WalletCard | None
    statement: StatementCard
    wallets: Mapping[str, WalletCard] | None  # None where they were not asked for
    members: int = 0  # of whom these are the first
    whose: str | None = None  # as it was asked for; None for one's own, or the treasury's


@dataclass
class PostingSeen(Message):
    card: PostingCard


@dataclass
class ReportSeen(Message):
    """Asked for by these words."""

    card: ReportCard
    period: str


@dataclass
class JournalSeen(Message):
    """The numbers of what fits, behind the one after which it was asked: newest first."""

    numbers: tuple[int, ...]
    asked: tuple[str, bool]  # with that filter, of all organizations
    after: int


@dataclass
class JournalLinesSeen(Message):
    lines: tuple[AuditLine, ...]


@dataclass
class HealthSeen(Message):
    health: DaemonHealth
    clusters: tuple[ClusterCard, ...] | None  # None where nobody works in an organization


@dataclass
class MachineSeen(Message):
    """What engines this machine has, and what each would bring; one that tells nothing says why."""

    nodes: tuple[FoundNode, ...]


@dataclass
class ChoicesSeen(Message):
    """What a form can offer: the names of clusters and flavors."""

    clusters: tuple[str, ...]
    flavors: tuple[str, ...]
