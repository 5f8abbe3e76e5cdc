"""Intervals, exact tests, resampling, multiplicity, equivalence and power: arrays in, numbers out, no model."""

from lmviz.statistics.effects import PairedEffect, mean_interval, paired_effect
from lmviz.statistics.equivalence import tost, tost_share
from lmviz.statistics.mean_effects import MeanEffects, mean_effects
from lmviz.statistics.multiplicity import benjamini_hochberg, holm
from lmviz.statistics.paired_resampling import Resampled, resampled
from lmviz.statistics.permutation import max_t, paired_permutation
from lmviz.statistics.power import minimum_detectable_difference
from lmviz.statistics.proportions import mcnemar, sign_test, wilson, wilson_of_share
from lmviz.statistics.resampling import bootstrap

__all__ = [
    "MeanEffects",
    "PairedEffect",
    "Resampled",
    "benjamini_hochberg",
    "bootstrap",
    "holm",
    "max_t",
    "mcnemar",
    "mean_effects",
    "mean_interval",
    "minimum_detectable_difference",
    "paired_effect",
    "paired_permutation",
    "resampled",
    "sign_test",
    "tost",
    "tost_share",
    "wilson",
    "wilson_of_share",
]
