"""Answers layer by layer: curves with bands, and what a probe said of every test item."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float32, Int64

from lmviz.results.base import Result

N_BINS = 10  # of a calibration


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerCurve(Result):
    """Some numbers for each layer, with intervals at `level`; NaN where there is none.

    `layers` counts from 0, what enters the first block, to `n_layers`, what leaves the last one. `baselines` are single
    numbers to set the series against.
    """

    layers: tuple[int, ...]
    n_layers: int
    series: Mapping[str, Float32[np.ndarray, " layer"]]
    low: Mapping[str, Float32[np.ndarray, " layer"]] = field(default_factory=dict)
    high: Mapping[str, Float32[np.ndarray, " layer"]] = field(default_factory=dict)
    unit: str = "share"
    level: float = 0.95
    baselines: Mapping[str, float] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer and series."""
        missing = np.full(len(self.layers), np.nan, dtype=np.float32)
        parts = [
            pd.DataFrame(
                {
                    "layer": np.array(self.layers, dtype=np.int64),
                    "series": np.array([name] * len(self.layers), dtype=object),
                    "value": values,
                    "low": self.low.get(name, missing),
                    "high": self.high.get(name, missing),
                }
            )
            for name, values in self.series.items()
        ]
        columns = ["layer", "series", "value", "low", "high"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


@dataclass(frozen=True)
class Bin:
    """Test items of which a probe was about as sure: how sure on average, how often right, and how many."""

    confidence: float
    accuracy: float
    n: int


@dataclass(frozen=True, eq=False, kw_only=True)
class ProbeCurve(LayerCurve):
    """What a probe finds at each layer, and what it said of every test item.

    Series, in shares: "accuracy", "control" (of labels that mean nothing), "selectivity" (the difference), "macro_f1",
    "unseen" (words that no training sentence has), "random_weights" (the same model before any training). Baselines:
    "majority" and "type_majority". `best` is the layer whose accuracy is clear of all others', None where there is
    none. `information` is what a layer tells about the label, in bits (V-information).

    Of every test item: its text (`texts[text_of]`), its characters there, its form, its label, and per layer the label
    that the first seed's probe chose (`predicted`), how sure it was (`confidence`), and the probability of the right
    label, averaged over seeds. Labels count in `labels`, −1 for one that training does not have.
    """

    task: str
    probe: str
    item: str  # "word", "pair", "span" or "text"
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    text_of: Int64[np.ndarray, " item"]
    spans: Int64[np.ndarray, "item span 2"]
    forms: tuple[str, ...]
    label: Int64[np.ndarray, " item"]
    predicted: Int64[np.ndarray, "layer item"]
    confidence: Float32[np.ndarray, "layer item"]
    probability: Float32[np.ndarray, "layer item"]
    information: Float32[np.ndarray, " layer"]
    best: int | None = None
    seeds: Mapping[str, Float32[np.ndarray, "layer seed"]] = field(default_factory=dict)

    def confusion(self, layer: int) -> Int64[np.ndarray, "label label"]:
        """Count, for each right label, how often each label was chosen at a layer; unknown labels are left out."""
        n = len(self.labels)
        known = self.label >= 0
        codes = self.label[known] * n + self.predicted[self.layers.index(layer)][known]
        return np.bincount(codes, minlength=n * n).reshape(n, n).astype(np.int64)

    def calibration(self, layer: int, *, n_bins: int = N_BINS) -> tuple[Bin, ...]:
        """Sort test items by how sure the probe was, into equally wide bins; empty ones are left out."""
        row = self.layers.index(layer)
        sure, right = self.confidence[row], self.predicted[row] == self.label
        places = np.minimum((sure * n_bins).astype(np.int64), n_bins - 1)
        chosen = (places == place for place in range(n_bins))
        return tuple(
            Bin(float(sure[own].mean()), float(right[own].mean()), int(own.sum())) for own in chosen if own.any()
        )

    def calibration_error(self, layer: int) -> float:
        """Give the mean distance between how sure the probe was and how often it was right, over the bins."""
        bins = self.calibration(layer)
        total = sum(one.n for one in bins)
        return sum(one.n * abs(one.confidence - one.accuracy) for one in bins) / total if total else float("nan")

    def hardest(self, layer: int, *, count: int = 20) -> Int64[np.ndarray, " chosen"]:
        """Give the test items whose right label has the smallest probability at a layer, hardest first."""
        known = np.flatnonzero(self.label >= 0)
        order = np.argsort(self.probability[self.layers.index(layer)][known], kind="stable")
        found: np.ndarray = known[order[:count]]
        return found


@dataclass(frozen=True, eq=False, kw_only=True)
class CodelengthCurve(LayerCurve):
    """How many bits a label takes at each layer, for the "task" and for its "control", as means over several orders.

    `compression` says how many times shorter the task's code is than the uniform one, the baseline "uniform_code";
    `codes` has the bits of every order. `learning` is the learning curve: the bits per label of the next block for a
    probe that was fitted on so many labels (`sizes`), means over the orders.
    """

    compression: Float32[np.ndarray, " layer"]
    codes: Mapping[str, Float32[np.ndarray, "layer order"]]
    sizes: Int64[np.ndarray, " block"]
    learning: Mapping[str, Float32[np.ndarray, "layer block"]]


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerScatter(Result):
    """Items in two dimensions at one layer, each with its label (counted in `labels`, −1 for none), form and text."""

    layer: int
    places: Float32[np.ndarray, "item 2"]
    axes: tuple[str, ...]
    labels: tuple[str, ...]
    label: Int64[np.ndarray, " item"]
    forms: tuple[str, ...]
    texts: tuple[str, ...]
    text_of: Int64[np.ndarray, " item"]
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per item."""
        names = np.array([*self.labels, ""], dtype=object)
        texts = np.array([*self.texts, ""], dtype=object)
        return pd.DataFrame(
            {
                "x": self.places[:, 0],
                "y": self.places[:, 1],
                "label": names[self.label],
                "form": np.array(self.forms, dtype=object),
                "text": texts[self.text_of],
            }
        )
