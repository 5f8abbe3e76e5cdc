"""How many bits it takes to tell somebody the labels who has the vectors: the online code of a probe.

A probe is trained on the first part of the data, then its loss on the next part is what telling that part costs, and so
on (Voita & Titov, 2020). What is easily read from the vectors is told in few bits.
"""

import math
from collections.abc import Sequence

from lmviz.errors import InvalidParameter

FRACTIONS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)  # ends of the parts, of all


def online_codelength(block_losses_nats: Sequence[float], first_block_size: int, n_labels: int) -> float:
    """Add up what an online code takes.

    The first part is told without a probe, in log2(n_labels) bits per label.

    Args:
        block_losses_nats: For every part but the first, the sum over its labels of −ln p, under the probe that was
            trained on all parts before it.
        first_block_size: Labels in the first part.
        n_labels: Labels to choose from.

    Returns:
        Bits.

    Raises:
        InvalidParameter: A count or a loss that cannot be.
    """
    if any(not math.isfinite(loss) or loss < 0 for loss in block_losses_nats):
        raise InvalidParameter("A loss is a finite number of nats, 0 or more.")
    return uniform_codelength(first_block_size, n_labels) + math.fsum(block_losses_nats) / math.log(2)


def uniform_codelength(n: int, n_labels: int) -> float:
    """Give the bits that `n` labels take when all are alike.

    Raises:
        InvalidParameter: A count that cannot be.
    """
    if n < 0 or n_labels < 1:
        raise InvalidParameter(f"There are {n} labels to tell, of {n_labels} kinds; both are counts.")
    return n * math.log2(n_labels)


def compression(codelength: float, n: int, *, n_labels: int) -> float:
    """Say how many times shorter a code is than one in which all labels are alike; NaN where nothing is told."""
    return uniform_codelength(n, n_labels) / codelength if codelength else float("nan")


def block_ends(n: int) -> tuple[int, ...]:
    """Give the ends of the parts of `n` sentences, at `FRACTIONS` of them; parts that would be empty are left out.

    Raises:
        InvalidParameter: There are fewer than two sentences.
    """
    if n < 2:
        raise InvalidParameter(f"An online code needs two sentences or more; there are {n}.")
    ends = (max(1, round(share * n)) for share in FRACTIONS)
    return tuple(dict.fromkeys(ends))
