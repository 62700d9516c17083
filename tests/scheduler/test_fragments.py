"""Packing that knows what is usually asked for."""

from __future__ import annotations

from core.domain.resources import Resources
from core.scheduler.board import Board
from core.scheduler.cycle import plan
from core.scheduler.fragments import FragmentPacker, final_waste, mix_of
from core.scheduler.placement import Shape
from core.scheduler.policy import Packing, policy_named
from tests.scheduler.boards import NOW, job, node, running


def shape(gpu: int, cpu: int = 1000) -> Shape:
    return Shape(Resources(cpu, 1024, gpu))


def test_what_is_finally_wasted_of_a_device_follows_from_the_shares_that_fit() -> None:
    waste = final_waste({300: 1.0, 500: 1.0, 2000: 1.0})
    assert waste[299] == 299  # nothing fits any more
    assert waste[300] == 0 and waste[499] == 199
    assert waste[500] == (waste[200] + waste[0]) / 2
    assert waste[1000] == (waste[700] + waste[500] + 0) / 3  # a whole request leaves nothing


def test_the_mix_is_the_frequent_part_of_what_was_asked_for() -> None:
    mix = mix_of([shape(1000)] * 60 + [shape(500)] * 37 + [shape(130)] * 3)
    assert [(kind.gpu_milli, count) for kind, count in mix.kinds] == [(1000, 60), (500, 37)]


def test_a_share_goes_where_a_usual_request_still_fits_beside_it() -> None:
    """Least left would put 300 on the device with 500 free, which another usual request would fill to the brim."""
    g = node("g", gpus=2)
    board = Board([g], [running("a", g, devices=(0,), share=500), running("b", g, devices=(1,), share=300)])
    board.add_waiting(job("wish", gpu=0.3))
    mix = mix_of([shape(300)] * 5 + [shape(500)] * 5)
    tight = plan(board, policy_named("priority"), NOW).starts[0]
    knowing = plan(board, policy_named("priority", packing=Packing.FRAGMENTS, mix=mix), NOW).starts[0]
    assert tight.claims[0].shares == ((0, 300),)
    assert knowing.claims[0].shares == ((1, 300),)


def test_a_guess_about_a_small_part_of_a_device_does_not_outweigh_an_exact_fit() -> None:
    """On the emptier device 25 thousandths less are wasted in the end, perhaps; on the other nothing is left at all."""
    g = node("g", gpus=2)
    board = Board([g], [running("a", g, devices=(0,), share=100), running("b", g, devices=(1,), share=700)])
    board.add_waiting(job("wish", gpu=0.3))
    mix = mix_of([shape(300)] * 5 + [shape(500)] * 5 + [shape(1000)] * 5)
    knowing = plan(board, policy_named("priority", packing=Packing.FRAGMENTS, mix=mix), NOW).starts[0]
    assert knowing.claims[0].shares == ((1, 300),)


def test_what_a_random_request_cannot_use_counts_as_fragments() -> None:
    board = Board([node("g", cpu=2, gpus=2)])
    host = board.hosts[0]
    packer = FragmentPacker(mix_of([shape(1000, cpu=1000)] * 3 + [shape(0, cpu=1000)]))
    assert packer.unusable(2000, [1000, 1000], host) == 2000 / 4  # one in four wants no GPU
    assert packer.unusable(2000, [1000, 400], host) == 1400 / 4 + 400 * 3 / 4
    assert packer.unusable(500, [1000, 1000], host) == 2000  # without CPU nobody can use them


def test_without_a_mix_it_packs_tight() -> None:
    g, h = node("g", gpus=4), node("h", gpus=4)
    board = Board([g, h], [running("a", h, devices=(0, 1))])
    board.add_waiting(job("wish", gpu=1))
    made = plan(board, policy_named("priority", packing=Packing.FRAGMENTS), NOW)
    assert made.starts[0].claims[0].node_id == h.id
