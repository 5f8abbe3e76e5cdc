"""Sentences about several persons of two groups: their means, frame by frame, as pairs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from lmviz.analyses.bias.items import ItemScore


def group_pairs(
    scores: Sequence[ItemScore], values: Float[np.ndarray, " sentence"], *, frames: Sequence[str], groups: Sequence[str]
) -> list[ItemScore]:
    """Average a number over the sentences of each group that share a frame, what is left without the person.

    Args:
        scores: The sentences; the first of an item's details is its group.
        values: The number of each sentence.
        frames: The frame of each sentence.
        groups: The two groups.

    Returns:
        One row for each frame that has both groups, its two means the scores and the first sentence of either group
        the texts, in the order in which frames come.
    """
    places: dict[str, dict[str, list[int]]] = {}
    for place, (score, frame) in enumerate(zip(scores, frames, strict=True)):
        places.setdefault(frame, {}).setdefault(score.item.details[0], []).append(place)
    pairs = []
    for own in places.values():
        if all(group in own for group in groups):
            items = [scores[own[group][0]].item for group in groups]
            item = replace(items[0], texts=tuple(one.texts[0] for one in items), details=())
            pairs.append(ItemScore(item, tuple(float(values[own[group]].mean()) for group in groups)))
    return pairs
