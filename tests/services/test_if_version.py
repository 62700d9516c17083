"""A submission may demand the state in which it was tried; on another one it is refused, with the new preview."""

from __future__ import annotations

import pytest

from core.domain.errors import Conflict
from tests.builders import job
from tests.services.conftest import Team


def test_a_submission_holds_to_the_version_it_was_tried_at(small_team: Team) -> None:
    bursar, mia = small_team.world.bursar, small_team.member
    small_team.world.cluster(small_team.admin)
    seen = bursar.foresight.preview(mia, job("train"))
    bursar.deployments.submit(mia, job("other"))
    with pytest.raises(Conflict) as refused:
        bursar.deployments.submit(mia, job("train", if_version=seen.version))
    assert refused.value.code == "board_moved"
    assert refused.value.fields["version"] == seen.version + 1
    assert refused.value.fields["preview"].version == seen.version + 1  # type: ignore[attr-defined]
    assert [line.name for line in bursar.deployments.list(mia).items] == ["other"], "nothing was written"
    made = bursar.deployments.submit(mia, job("train", if_version=seen.version + 1))
    assert made.name == "train"
