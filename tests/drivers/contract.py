"""What every driver must do: one suite, run against each of them through a rig that knows how to make its time pass.

A new driver gives a rig and inherits `DriverContract`; what its capabilities do not promise is skipped by name.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import pytest

from core.domain.engines import LOG_BEGINNING, Driver, Observed, Phase, Spec, Token, ensure_each
from core.domain.errors import BursarError, Conflict, NotFound, Unavailable
from core.domain.resources import Resources

INSTALL = "b7k2"
SIZE = Resources(cpu_milli=500, ram_mib=256)


def a_token(deployment: str = "dep-one", generation: int = 1, rank: int = 0, install: str = INSTALL) -> Token:
    return Token(install, deployment, generation, rank)


class Rig(Protocol):
    driver: Driver

    def reopened(self) -> Driver:
        """The same cluster, opened by a process that knows nothing of what the first one did."""
        ...

    def opened(self, **settings: str) -> Driver: ...

    def lasting(self, token: Token, **parts: Any) -> Spec:
        """Runs until it is stopped, and heeds the stop."""
        ...

    def deaf(self, token: Token) -> Spec:
        """Runs until it is forced to end."""
        ...

    def ending(self, token: Token, code: int) -> Spec:
        """Ends by itself, soon."""
        ...

    def until_running(self, token: Token) -> Observed: ...

    def until_over(self, token: Token) -> Observed | None:
        """What the listing shows once it is no longer live."""
        ...

    def close(self) -> None: ...


def seen(driver: Driver, token: Token) -> Observed | None:
    observation = driver.observe(INSTALL)
    assert observation.complete
    return observation.find(token)


class DriverContract:
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Any:
        raise NotImplementedError("each driver's tests give their rig")

    def test_capabilities_and_settings_are_read_without_a_connection(self, rig: Rig) -> None:
        cls = type(rig.driver)
        assert cls.capabilities.summary
        assert all(setting.name and setting.help for setting in cls.settings)
        assert len({setting.name for setting in cls.settings}) == len(cls.settings)
        defaults = {setting.name: setting.default for setting in cls.settings if setting.default}
        assert cls.kept_settings(defaults).items() >= defaults.items()

    def test_nothing_is_listed_where_nothing_was_started(self, rig: Rig) -> None:
        assert rig.driver.observe(INSTALL).instances == ()

    def test_what_was_ensured_runs_and_is_listed_with_what_it_was_given(self, rig: Rig) -> None:
        token = a_token()
        given = {"node": "n1", "labels": {"team": "vision"}, "resources": SIZE, "gpu_devices": ("gpu-a",)}
        rig.driver.ensure(rig.lasting(token, name="train", **given))
        found = rig.until_running(token)
        assert (found.token, found.phase, found.is_live) == (token, Phase.RUNNING, True)
        assert {part: getattr(found, part) for part in given} == given
        assert found.name == "train"
        assert found.engine_id
        assert found.started_at is not None and found.created_at is not None
        assert (found.finished_at, found.exit_code) == (None, None)

    def test_E33_ensuring_again_adopts_and_makes_no_second(self, rig: Rig) -> None:
        spec = rig.lasting(a_token())
        first, again = rig.driver.ensure(spec), rig.driver.ensure(spec)
        assert first.engine_id == again.engine_id
        assert len(rig.driver.observe(INSTALL).instances) == 1

    def test_E3_another_process_finds_it_by_its_token_and_adopts_it(self, rig: Rig) -> None:
        spec = rig.lasting(a_token())
        rig.driver.ensure(spec)
        before = rig.until_running(spec.token)
        other = rig.reopened()
        after = seen(other, spec.token)
        assert after is not None
        assert (after.engine_id, after.started_at) == (before.engine_id, before.started_at)
        assert other.ensure(spec).engine_id == before.engine_id
        assert len(other.observe(INSTALL).instances) == 1

    def test_I_C7_many_at_once_with_one_token_make_one_instance(self, rig: Rig) -> None:
        spec = rig.lasting(a_token())
        drivers = [rig.driver, rig.reopened()]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda n: ensure_each(drivers[n % 2], [spec])[0], range(6)))
        rig.until_running(spec.token)
        assert len({a.engine_id for a in answers if isinstance(a, Observed) and a.phase is Phase.RUNNING}) == 1
        assert len(rig.driver.observe(INSTALL).instances) == 1

    @pytest.mark.parametrize("code", [0, 3])
    def test_what_ends_by_itself_shows_its_exit_code_and_when(self, rig: Rig, code: int) -> None:
        spec = rig.ending(a_token(), code)
        rig.driver.ensure(spec)
        over = rig.until_over(spec.token)
        assert over is not None
        assert (over.phase, over.exit_code, over.signal) == (Phase.FINISHED, code, None)
        assert over.started_at is not None and over.finished_at is not None
        assert over.started_at <= over.finished_at

    def test_E3_its_end_is_found_by_another_process_too(self, rig: Rig) -> None:
        spec = rig.ending(a_token(), 7)
        rig.driver.ensure(spec)
        rig.until_over(spec.token)
        over = seen(rig.reopened(), spec.token)
        assert over is not None
        assert (over.phase, over.exit_code) == (Phase.FINISHED, 7)

    def test_ensuring_what_is_over_starts_nothing(self, rig: Rig) -> None:
        spec = rig.ending(a_token(), 0)
        rig.driver.ensure(spec)
        rig.until_over(spec.token)
        assert rig.driver.ensure(spec).phase is Phase.FINISHED

    def test_a_later_generation_is_another_instance(self, rig: Rig) -> None:
        first = rig.ending(a_token(generation=1), 0)
        rig.driver.ensure(first)
        rig.until_over(first.token)
        rig.driver.ensure(rig.lasting(a_token(generation=2)))
        again = rig.until_running(a_token(generation=2))
        assert again.is_live
        before = seen(rig.driver, first.token)
        assert before is None or before.engine_id != again.engine_id

    def test_members_of_a_gang_are_instances_of_their_own(self, rig: Rig) -> None:
        specs = [rig.lasting(a_token(rank=rank)) for rank in range(3)]
        answers = ensure_each(rig.driver, specs)
        assert not [a for a in answers if isinstance(a, BursarError)]
        rig.driver.stop(specs[1].token, 0)
        rig.until_over(specs[1].token)
        for spec in (specs[0], specs[2]):
            assert rig.until_running(spec.token).is_live

    def test_E41_the_same_name_is_not_the_same_instance(self, rig: Rig) -> None:
        one, two = a_token("dep-one"), a_token("dep-two")
        for token in (one, two):
            rig.driver.ensure(rig.lasting(token, name="train"))
        first, second = rig.until_running(one), rig.until_running(two)
        assert first.engine_id != second.engine_id
        rig.driver.stop(one, 0)
        rig.until_over(one)
        assert rig.until_running(two).engine_id == second.engine_id

    def test_what_is_stopped_ends_within_the_grace_and_says_when(self, rig: Rig) -> None:
        spec = rig.lasting(a_token())
        rig.driver.ensure(spec)
        rig.until_running(spec.token)
        rig.driver.stop(spec.token, 60)
        over = rig.until_over(spec.token)
        assert over is None or (not over.is_live and over.finished_at is not None)
        if over is not None and over.phase is Phase.FINISHED:
            assert over.exit_code == 143

    def test_what_does_not_heed_the_stop_is_forced_after_the_grace(self, rig: Rig) -> None:
        spec = rig.deaf(a_token())
        rig.driver.ensure(spec)
        rig.until_running(spec.token)
        rig.driver.stop(spec.token, 0.2)
        over = rig.until_over(spec.token)
        assert over is None or (not over.is_live and over.exit_code == 137 and over.signal == 9)

    def test_a_shorter_grace_in_a_later_call_counts(self, rig: Rig) -> None:
        spec = rig.deaf(a_token())
        rig.driver.ensure(spec)
        rig.until_running(spec.token)
        rig.driver.stop(spec.token, 3600)
        now = seen(rig.driver, spec.token)
        assert now is not None and now.is_live
        rig.driver.stop(spec.token, 0)
        over = rig.until_over(spec.token)
        assert over is None or over.exit_code == 137

    def test_stopping_again_or_what_nobody_knows_does_nothing(self, rig: Rig) -> None:
        spec = rig.lasting(a_token())
        rig.driver.stop(spec.token, 0)
        rig.driver.ensure(rig.lasting(a_token("dep-two")))
        rig.driver.stop(a_token("dep-two"), 0)
        rig.driver.stop(a_token("dep-two"), 0)
        rig.until_over(a_token("dep-two"))
        rig.driver.stop(a_token("dep-two"), 0)

    def test_E54_a_stop_after_the_end_does_not_change_how_it_ended(self, rig: Rig) -> None:
        spec = rig.ending(a_token(), 5)
        rig.driver.ensure(spec)
        rig.until_over(spec.token)
        rig.driver.stop(spec.token, 0)
        over = seen(rig.driver, spec.token)
        assert over is not None
        assert (over.phase, over.exit_code, over.signal) == (Phase.FINISHED, 5, None)

    def test_what_is_forgotten_is_listed_no_more(self, rig: Rig) -> None:
        spec = rig.ending(a_token(), 0)
        rig.driver.ensure(spec)
        rig.until_over(spec.token)
        rig.driver.forget(spec.token)
        rig.driver.forget(spec.token)
        assert seen(rig.driver, spec.token) is None
        assert seen(rig.reopened(), spec.token) is None

    def test_what_is_live_is_not_forgotten(self, rig: Rig) -> None:
        spec = rig.lasting(a_token())
        rig.driver.ensure(spec)
        rig.until_running(spec.token)
        with pytest.raises(Conflict) as refused:
            rig.driver.forget(spec.token)
        assert refused.value.code == "still_live"
        assert rig.until_running(spec.token).is_live

    def test_E39_what_belongs_to_another_installation_is_shown_without_a_token(self, rig: Rig) -> None:
        theirs = a_token(install="other")
        rig.driver.ensure(rig.lasting(theirs, resources=SIZE))
        rig.driver.ensure(rig.lasting(a_token()))
        observation = rig.driver.observe(INSTALL)
        assert [found.token for found in observation.instances if found.token] == [a_token()]
        (foreign,) = observation.foreign()
        assert (foreign.resources, foreign.is_live) == (SIZE, True)

    def test_E40_what_bears_our_token_is_listed_even_if_nobody_asked_for_it_here(self, rig: Rig) -> None:
        rig.reopened().ensure(rig.lasting(a_token("dep-leaked")))
        assert a_token("dep-leaked") in rig.driver.observe(INSTALL).by_token()

    def test_suspending_and_resuming_may_be_repeated(self, rig: Rig) -> None:
        if not rig.driver.capabilities.suspend:
            pytest.skip("this driver does not suspend")
        spec = rig.lasting(a_token())
        rig.driver.ensure(spec)
        rig.until_running(spec.token)
        for _ in range(2):
            rig.driver.suspend(spec.token)
            found = seen(rig.reopened(), spec.token)
            assert found is not None and found.phase is Phase.SUSPENDED and found.is_live
        for _ in range(2):
            rig.driver.resume(spec.token)
            assert rig.until_running(spec.token).phase is Phase.RUNNING

    def test_what_is_suspended_can_be_stopped(self, rig: Rig) -> None:
        if not rig.driver.capabilities.suspend:
            pytest.skip("this driver does not suspend")
        spec = rig.lasting(a_token())
        rig.driver.ensure(spec)
        rig.until_running(spec.token)
        rig.driver.suspend(spec.token)
        rig.driver.stop(spec.token, 60)
        over = rig.until_over(spec.token)
        assert over is None or not over.is_live

    def test_suspending_what_does_not_run_is_not_found(self, rig: Rig) -> None:
        if not rig.driver.capabilities.suspend:
            pytest.skip("this driver does not suspend")
        with pytest.raises(NotFound):
            rig.driver.suspend(a_token())

    def test_logs_can_be_followed_by_cursor_and_end(self, rig: Rig) -> None:
        if not rig.driver.capabilities.logs:
            pytest.skip("this driver has no logs")
        spec = rig.ending(a_token(), 0)
        rig.driver.ensure(spec)
        rig.until_over(spec.token)
        whole = rig.driver.logs(spec.token)
        assert whole.ended and whole.text.endswith("\n")
        lines = whole.text.splitlines()
        assert len(lines) >= 2
        assert rig.driver.logs(spec.token, tail=1).text.splitlines() == lines[-1:]
        assert rig.driver.logs(spec.token, cursor=LOG_BEGINNING).text == whole.text
        rest = rig.driver.logs(spec.token, cursor=whole.cursor)
        assert (rest.text, rest.ended, rest.cursor) == ("", True, whole.cursor)
        with pytest.raises(NotFound):
            rig.driver.logs(a_token("dep-never"))

    def test_discover_names_nodes_and_what_they_hold(self, rig: Rig) -> None:
        if not rig.driver.capabilities.discover:
            pytest.skip("this driver does not discover")
        nodes = rig.driver.discover()
        assert nodes and len({node.name for node in nodes}) == len(nodes)
        for node in nodes:
            assert node.capacity.cpu_milli > 0 and node.capacity.ram_mib > 0
            assert node.capacity.gpu_milli == 1000 * len(node.gpus)

    def test_one_refusal_does_not_hinder_the_others_of_a_batch(self, rig: Rig) -> None:
        good = [rig.lasting(a_token(f"dep-{n}")) for n in range(3)]
        wrong = Spec(token=a_token("dep-wrong"), name="wrong", kind="no-such-kind")
        answers = ensure_each(rig.driver, [good[0], wrong, *good[1:]])
        assert isinstance(answers[1], BursarError)
        assert [a.token for a in answers if isinstance(a, Observed)] == [spec.token for spec in good]

    def test_from_another_host_every_verb_is_unavailable(self, rig: Rig) -> None:
        if not rig.driver.capabilities.local:
            pytest.skip("this driver is not bound to a host")
        spec = rig.lasting(a_token())
        rig.driver.ensure(spec)
        elsewhere = rig.opened(machine="m-0123456789ab")
        for verb in (
            lambda: elsewhere.ensure(spec),
            lambda: elsewhere.observe(INSTALL),
            lambda: elsewhere.stop(spec.token, 0),
            lambda: elsewhere.forget(spec.token),
            lambda: elsewhere.suspend(spec.token),
            lambda: elsewhere.resume(spec.token),
            lambda: elsewhere.logs(spec.token),
            lambda: elsewhere.discover(),
        ):
            with pytest.raises(Unavailable) as refused:
                verb()
            assert refused.value.code == "other_host"
        assert rig.until_running(spec.token).is_live
