"""The arithmetic of online codes: what a fair coin costs, what is known costs nothing, bits are not nats."""

import math

import numpy as np
import pytest

from lmviz.analyses.probing.mdl import block_ends, compression, online_codelength, uniform_codelength
from lmviz.errors import InvalidParameter


def test_a_fair_coin_costs_a_bit_per_label() -> None:
    sizes = np.diff([0, *block_ends(10_000)])
    losses = [float(size) * math.log(2) for size in sizes[1:]]
    bits = online_codelength(losses, int(sizes[0]), 2)
    assert bits == pytest.approx(10_000)
    assert compression(bits, 10_000, n_labels=2) == pytest.approx(1)


def test_what_a_probe_knows_costs_nothing_but_the_first_part() -> None:
    assert online_codelength([0.0] * 10, 12, 17) == pytest.approx(12 * math.log2(17))
    assert compression(12 * math.log2(17), 12_000, n_labels=17) == pytest.approx(1000)


def test_losses_are_nats_and_codes_are_bits() -> None:
    labels = np.random.default_rng(0).choice(3, size=4000, p=[0.7, 0.2, 0.1])
    p = np.array([0.7, 0.2, 0.1])
    loss = float(-np.log(p[labels]).sum())
    entropy = float(-(p * np.log2(p)).sum())
    assert online_codelength([loss], 0, 3) / len(labels) == pytest.approx(entropy, rel=0.03)
    assert uniform_codelength(4000, 3) == pytest.approx(4000 * np.log2(3))
    assert uniform_codelength(10, 1) == 0


@pytest.mark.parametrize("n", [2, 3, 10, 999, 12_544])
def test_parts_end_with_everything_and_none_is_empty(n: int) -> None:
    ends = block_ends(n)
    assert ends[-1] == n
    assert (np.diff([0, *ends]) > 0).all()
    if n == 12_544:
        assert ends == (13, 25, 50, 100, 201, 401, 784, 1568, 3136, 6272, 12544)


@pytest.mark.parametrize("wrong", [([-1.0], 1, 2), ([math.nan], 1, 2), ([1.0], -1, 2), ([1.0], 1, 0)])
def test_what_cannot_be_is_refused(wrong: tuple[list[float], int, int]) -> None:
    with pytest.raises(InvalidParameter):
        online_codelength(*wrong)
    with pytest.raises(InvalidParameter):
        block_ends(1)


def test_nothing_told_has_no_compression() -> None:
    assert math.isnan(compression(0.0, 10, n_labels=1))
