"""Reports: what they say is what the ledger has, and each comes once, whoever posts it and whatever dies meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from bot import charts
from core.clock import DAY, HOUR, MINUTE, SECOND
from core.domain.chat import DeliveryKind, DeliveryState
from core.domain.money_requests import UseRequest
from core.domain.report_requests import NewSchedule
from core.domain.validation import validated
from core.ids import SeqIds
from core.views.money import Sum
from core.views.reports import sentence
from tests.bot.rules import everything_said
from tests.bot.scene import ADMIN, CHANNEL, MEMBER, TEAM, Scene, said

WEEKLY = "weekly mon 09:00"


def scheduled(scene: Scene, when: str = WEEKLY) -> str:
    request = validated(NewSchedule, channel=f"{TEAM}/{CHANNEL}", when=when)
    return scene.world.bursar.reports.schedule(scene.admin, request).id


def some_use(scene: Scene) -> None:
    """Two people, three deployments, over two days."""
    scene.world.fund(scene.member, credits=500, gpu_hours=100)
    scene.world.fund(scene.admin, credits=500, gpu_hours=100)
    daemon = scene.world.bursar.daemon()
    for who, name, gpus in ((scene.member, "train", 2), (scene.admin, "serve", 1), (scene.member, "small", 0)):
        scene.world.submit(who, name, gpu=gpus, hours=3, labels={"sim.duration": "7000s"})
        for _ in range(5):
            daemon.once()
            scene.world.advance(100 * MINUTE)
    daemon.once()
    daemon.close()


def posts(scene: Scene) -> list[dict[str, object]]:
    return [one for one in scene.slack.posts if one["channel"] == CHANNEL]


async def test_the_totals_of_a_report_are_the_ledgers_to_the_last_unit(on_either_store: Scene) -> None:
    scene = on_either_store
    some_use(scene)
    scene.world.advance(2 * DAY)
    bursar = scene.world.bursar
    for period in ("day", "week", "month", "2026-01-01..2026-01-04", "2026-01-01", "2026-01-02"):
        card = bursar.reports.show(scene.admin, period)
        asked = validated(UseRequest, **{"from": iso(card.since), "to": iso(card.until)}, by="user")
        usage = bursar.statements.usage(scene.admin, asked)
        assert card.total == usage.total
        assert [(one.what, one.credits_ucr) for one in card.users] == [(o.what, o.credits_ucr) for o in usage.items]
        for day in card.days:
            assert sum(one.gpu_ms for one in day.users) == day.gpu_ms
            assert sum(one.credits_ucr for one in day.users) == day.credits_ucr
        for parts in (card.days, card.deployments, card.clusters):
            assert sum(one.credits_ucr for one in parts) == card.total.credits_ucr
            assert sum(one.gpu_ms for one in parts) == card.total.gpu_ms
    whole = bursar.reports.show(scene.admin, "2026-01-01..2026-01-04")
    assert whole.total.gpu_ms == 3 * 7000 * 1000 and whole.waits is not None and whole.waits.started == 3
    treasury, wallets = bursar.credits.treasury(scene.admin), 0
    for member in bursar.organizations.members(scene.admin).items:
        wallets += bursar.credits.wallet(scene.admin, member.name).gpu_hours.balance_gpu_ms
    assert whole.left.gpu_ms == treasury.gpu_hours.balance_gpu_ms + wallets


def iso(instant: int) -> str:
    from core.domain.periods import iso as written  # noqa: PLC0415 - beside its only use

    return written(instant)


async def test_the_csv_adds_up_to_the_report(scene: Scene) -> None:
    some_use(scene)
    (answer,) = await scene.command(ADMIN, "report show period 2026-01-01..2026-01-04 csv")
    rows = [line.split(",") for line in everything_said(answer["blocks"]).splitlines() if line.startswith("dep-")]
    assert len(rows) == 3
    from decimal import Decimal  # noqa: PLC0415 - beside its only use

    card = scene.world.bursar.reports.show(scene.admin, "2026-01-01..2026-01-04")
    assert sum(Decimal(row[3]) for row in rows) * 1_000_000 == card.total.credits_ucr
    assert {(row[1], row[2]) for row in rows} == {("train", "mia"), ("serve", "ana"), ("small", "mia")}


async def test_a_report_comes_when_it_is_due_with_its_chart_and_its_csv_in_the_thread(scene: Scene) -> None:
    some_use(scene)
    scheduled(scene)
    scene.world.advance(4 * DAY + 9 * HOUR - (scene.world.clock.now() - 1_767_225_600 * SECOND) + MINUTE)
    for _ in range(3):
        await scene.courier.tick()
        await scene.delivered(3)
    (post,) = posts(scene)
    text = str(post["text"])
    card = scene.world.bursar.reports.show(scene.admin, "2025-12-29..2026-01-05")
    assert text.startswith(f"vision: {sentence(card)}")
    assert "late" not in text
    shown = everything_said(post["blocks"])
    assert "mia" in shown and "train of mia" in shown and "Who used most" in shown
    kinds = sorted(file["filename"].rsplit(".")[-1] for file in scene.slack.files)
    assert kinds == (["csv", "png"] if charts.can_draw() else ["csv"])
    for file in scene.slack.files:
        assert file["thread_ts"] == post["ts"] and file["channel"] == CHANNEL
        if file["filename"].endswith("png"):
            assert file["file"].startswith(b"\x89PNG") and "2026" not in file["alt_txt"][:20]
            assert "01-01: " in file["alt_txt"]


async def test_E64_what_was_missed_comes_late_and_says_so_and_what_is_too_old_is_skipped(
    on_either_store: Scene,
) -> None:
    scene = on_either_store
    handle = scheduled(scene, "daily 09:00")
    scene.world.advance(5 * DAY + 12 * HOUR)
    await scene.courier.tick()
    await scene.delivered()
    (post,) = posts(scene)
    assert "late: it was due 2026-01-06 09:00 UTC" in str(post["text"])
    counts = scene.world.bursar.deliveries().counts()
    assert (counts[DeliveryState.SKIPPED], counts[DeliveryState.SENT]) == (5, 1)
    (line,) = scene.world.bursar.reports.list(scene.admin).items
    assert line.id == handle and line.next_dues[0] == "2026-01-07T09:00:00Z"


async def test_run_again_brings_the_same_message_up_to_date(scene: Scene) -> None:
    handle = scheduled(scene)
    assert handle in said(await scene.command(ADMIN, f"report run {handle}"))
    await scene.delivered()
    (post,) = posts(scene)
    scene.world.advance(HOUR)
    await scene.command(ADMIN, f"report run {handle}")
    await scene.delivered()
    assert len(posts(scene)) == 1
    (message,) = scene.slack.shown_in(CHANNEL)
    assert "corrected" in str(message["text"]) and message["ts"] == post["ts"]
    assert len([file for file in scene.slack.files if file["filename"].endswith("csv")]) == 1


async def test_an_unknown_outcome_is_asked_about_and_posted_again_only_by_a_press(scene: Scene) -> None:
    scheduled(scene, "daily 09:00")
    scene.world.advance(DAY)
    await scene.courier.tick()
    scene.slack.after_fault = lambda method, given: (
        TimeoutError() if method == "chat.postMessage" and given["channel"] == CHANNEL else None
    )
    await scene.courier.round()
    scene.slack.after_fault = lambda *_: None
    for _ in range(5):
        scene.world.advance(10 * MINUTE)
        await scene.courier.tick()
        await scene.delivered(3)
    assert len(posts(scene)) == 1
    (asked,) = [one for one in scene.slack.posts if "perhaps" in one["text"]]
    button = asked["blocks"][1]["elements"][0]
    assert "only an admin" in said(await scene.press(MEMBER, button["action_id"], button["value"]))
    assert "posted again" in said(await scene.press(ADMIN, button["action_id"], button["value"]))
    await scene.delivered(3)
    assert len(posts(scene)) == 2


def test_ticks_of_many_processes_at_once_make_one_report_a_period(
    tmp_path: Path, fresh_url: Callable[[str], str]
) -> None:
    scene = Scene.made(tmp_path / "home", fresh_url("sqlite"))
    try:
        scheduled(scene, "daily 09:00")
        scene.world.advance(DAY)
        others = [scene.world.beside(SeqIds(100 + number)) for number in range(3)]
        begin = threading.Barrier(len(others))
        claimed: list[str] = []

        def work(number: int) -> None:
            desk = others[number].bursar.deliveries()
            begin.wait()
            for _ in range(5):
                desk.tick()
                claimed.extend(one.subject for one in desk.claim(f"bot-{number}"))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(others))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for other in others:
            other.close()
        assert len([one for one in claimed if one.startswith("rep-")]) == 1
    finally:
        scene.close()


@pytest.mark.parametrize("dies", ["before it is posted", "behind the posting", "behind its mark", "among its files"])
async def test_a_bot_that_dies_at_any_moment_never_lets_a_report_come_twice(scene: Scene, dies: str) -> None:
    scheduled(scene, "daily 09:00")
    scene.world.advance(DAY)
    await scene.courier.tick()
    deliveries = scene.world.bursar.deliveries()
    scene.follow()
    (parcel,) = [one for one in deliveries.claim("dies", 10) if one.subject.startswith("rep-")]
    if dies != "before it is posted":
        answer = await scene.slack.chat_postMessage(channel=CHANNEL, text="x", blocks=[{"type": "divider"}])
        if dies != "behind the posting":
            deliveries.posted(parcel, answer["channel"], answer["ts"])
        if dies == "among its files":
            deliveries.remember(parcel, files="begun")
    for _ in range(4):
        scene.world.advance(10 * MINUTE)
        await scene.courier.tick()
        await scene.delivered(3)
    assert len(posts(scene)) == (0 if dies == "before it is posted" else 1)
    unsure = scene.world.bursar.deliveries().counts().get(DeliveryState.UNSURE, 0)
    assert unsure == (1 if dies in ("before it is posted", "behind the posting") else 0)
    if dies == "behind its mark":
        assert scene.slack.files, "what belongs to it is still sent"
    if dies == "among its files":
        assert scene.slack.files == [], "files are left out rather than sent twice"


async def test_an_organization_without_use_gets_a_report_that_says_so(scene: Scene) -> None:
    card = scene.world.bursar.reports.show(scene.admin, "week")
    assert card.total == Sum() and card.lasts_until_day is None
    assert sentence(card).endswith(": nothing was used, as before; 0 credits and 0 GPU-hours left")
    (answer,) = await scene.command(ADMIN, "report show")
    assert "vision" in answer["text"] and "nothing was used, as before" in everything_said(answer["blocks"])


async def test_without_the_library_a_report_goes_without_its_chart_and_says_so(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "can_draw", lambda: False)
    handle = scheduled(scene)
    scene.world.bursar.reports.run(scene.admin, handle)
    await scene.delivered()
    (post,) = posts(scene)
    assert charts.MISSING in str(post["text"])
    assert [file["filename"].endswith("csv") for file in scene.slack.files] == [True]


async def test_a_channel_that_the_bot_is_not_in_is_told_to_who_asked_and_after_three_it_is_paused(
    scene: Scene,
) -> None:
    handle = scheduled(scene, "daily 09:00")
    scene.slack.fault = lambda method, given: (
        scene.slack.refusal("not_in_channel") if given.get("channel") == CHANNEL else None
    )
    for day in range(1, 6):
        scene.world.advance(DAY)
        for _ in range(2):
            await scene.courier.tick()
            await scene.delivered(4)
        told = [one["text"] for one in scene.slack.posts if "cannot be posted" in one["text"]]
        assert len(told) == min(day, 3), "once for each report, until it is paused"
    assert {one["channel"] for one in scene.slack.posts if "cannot be posted" in one["text"]} == {ADMIN}
    last = next(one for one in reversed(scene.slack.posts) if "cannot be posted" in one["text"])
    assert "/invite @bursar" in everything_said(last["blocks"]) and "paused" in everything_said(last["blocks"])
    listed = said(await scene.command(ADMIN, "report list"))
    assert "not_in_channel" in listed and "nothing for now" in listed
    scene.slack.fault = lambda *_: None
    buttons = {one["text"]["text"]: one for one in last["blocks"][-1]["elements"]}
    await scene.press(ADMIN, buttons["Go on"]["action_id"], buttons["Go on"]["value"])
    await scene.press(ADMIN, buttons["Post now"]["action_id"], buttons["Post now"]["value"])
    await scene.delivered(4)
    assert len(posts(scene)) == 1
    (line,) = scene.world.bursar.reports.list(scene.admin).items
    assert (line.id, line.state) == (handle, "on")


async def test_a_report_that_never_gets_through_is_told_to_who_asked_when_it_is_given_up(scene: Scene) -> None:
    scheduled(scene, "monthly 1 09:00")
    scene.slack.fault = lambda _method, given: (
        scene.slack.refusal("service_unavailable", 503) if given.get("channel") == CHANNEL else None
    )
    scene.world.advance(31 * DAY + 10 * HOUR)
    for _ in range(30):
        await scene.courier.tick()
        await scene.courier.round()
        scene.world.advance(HOUR)
    (told,) = [one for one in scene.slack.posts if "cannot be posted" in one["text"]]
    assert told["channel"] == ADMIN and "service_unavailable" in told["text"]


# Europe/Berlin changes its clocks on 29 March and 25 October 2026; the organization counts its days in UTC.
@pytest.mark.parametrize(
    ("when", "begin", "days"),
    [
        ("daily 01:30 Europe/Berlin", "2026-03-27", 5),
        ("daily 01:30 Europe/Berlin", "2026-10-23", 5),
        ("daily 02:30 Europe/Berlin", "2026-03-27", 5),
        ("daily 00:30 Pacific/Auckland", "2026-04-03", 5),
        ("daily 23:30 America/New_York", "2026-10-30", 5),
    ],
)
async def test_every_day_is_reported_once_across_a_change_of_clocks_in_whatever_zone(
    scene: Scene, when: str, begin: str, days: int
) -> None:
    scene.world.advance(at_midnight(begin) - scene.world.clock.now())
    scheduled(scene, when)
    for _ in range(24 * days):
        scene.world.advance(HOUR)
        await scene.courier.tick()
    await scene.delivered(3 * days)
    periods = [one["text"].split(": ")[1] for one in posts(scene)]
    assert len(periods) == len(set(periods)) and days - 1 <= len(periods) <= days + 1
    with scene.world.units.look() as unit:
        handle = scene.world.bursar.reports.list(scene.admin).items[0].id
        rows = unit.deliveries.of_subjects(DeliveryKind.REPORT, handle)
    spans = sorted((int(str(row.data["since"])), int(str(row.data["until"]))) for row in rows)
    assert all(before[1] == after[0] for before, after in pairwise(spans)), "no hour twice, and none left out"


def at_midnight(day: str) -> int:
    return date.fromisoformat(day).toordinal() * DAY - date(1970, 1, 1).toordinal() * DAY


async def test_a_private_channel_without_the_bot_is_told_in_the_list(scene: Scene) -> None:
    handle = scheduled(scene)
    scene.world.bursar.reports.run(scene.admin, handle)
    scene.slack.fault = lambda method, given: (
        scene.slack.refusal("not_in_channel") if given.get("channel") == CHANNEL else None
    )
    await scene.delivered()
    assert "not_in_channel" in said(await scene.command(ADMIN, "report list"))
