"""What is asked of reports and of links with Slack, checked before anything is touched."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from core.domain.errors import Invalid
from core.domain.requests import Code
from core.domain.text import visible
from core.domain.validation import Request, text_by

_CHANNEL = re.compile(r"((T[A-Z0-9]{2,20})/)?([CGD][A-Z0-9]{2,20})", re.ASCII)
_MENTION = re.compile(r"<#(C[A-Z0-9]{2,20})(\|[^>]{0,100})?>", re.ASCII)
_LONGEST_WHEN = 100


def _channel(text: str, name: str) -> str:
    mention = _MENTION.fullmatch(text.strip())
    plain = mention[1] if mention else text.strip()
    if not _CHANNEL.fullmatch(plain):
        right = "give its id, such as C024BE91L, or say `report here ...` in the channel itself"
        raise Invalid("channel_malformed", f"{name}: {visible(text)} is no channel", right)
    return plain


def _when(text: str, name: str) -> str:
    if len(text) > _LONGEST_WHEN:
        raise Invalid("when_malformed", f"{name}: at most {_LONGEST_WHEN} characters", "give weekly mon 09:00")
    return text


class NewSchedule(Request):
    """Where, as a channel's id or as `TEAM/CHANNEL`, and when, such as `weekly mon 09:00 Europe/Berlin`."""

    channel: Annotated[str, text_by(_channel)]
    when: Annotated[str, text_by(_when)]

    @property
    def team_id(self) -> str | None:
        team, _, _ = self.channel.rpartition("/")
        return team or None

    @property
    def channel_id(self) -> str:
        return self.channel.rpartition("/")[2]


class LinkCode(Request):
    secret_fields: ClassVar = frozenset({"code"})

    code: Code
