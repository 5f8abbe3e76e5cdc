"""What people and other models chose on BLiMP, by phenomenon: the mean over its paradigms, in shares.

From the results that Warstadt et al. (2020) published with BLiMP: people (single judgements), a 5-gram model, an LSTM,
Transformer-XL and GPT-2 large, all by whole sentences; BERT base and RoBERTa base by pseudo-log-likelihoods within
words from Kauf & Ivanova (2023).
"""

from collections.abc import Mapping
from types import MappingProxyType

PEOPLE = "people"
_WHO = (PEOPLE, "5-gram", "LSTM", "Transformer-XL", "GPT-2 large", "BERT base", "RoBERTa base")
_PER_CENT = {
    "all": (88.6, 61.2, 69.8, 69.6, 83.0, 84.7, 86.7),
    "anaphor_agreement": (97.5, 47.9, 91.7, 94.1, 99.3, 97.1, 97.8),
    "argument_structure": (90.0, 71.9, 73.2, 72.2, 81.8, 81.0, 84.8),
    "binding": (87.3, 64.4, 73.5, 74.7, 80.9, 82.3, 78.7),
    "control_raising": (83.9, 68.5, 67.0, 71.5, 81.9, 81.9, 84.9),
    "determiner_noun_agreement": (92.2, 70.1, 85.4, 83.0, 95.8, 98.4, 98.3),
    "ellipsis": (85.0, 36.9, 67.6, 77.2, 89.3, 89.6, 91.6),
    "filler_gap_dependency": (86.9, 60.2, 73.9, 66.6, 81.3, 83.0, 90.0),
    "irregular_forms": (97.0, 79.5, 89.1, 78.2, 91.9, 96.5, 95.4),
    "island_effects": (84.9, 57.2, 46.6, 48.3, 72.7, 75.0, 81.0),
    "npi_licensing": (88.1, 45.5, 51.7, 55.2, 76.8, 85.0, 84.4),
    "quantifiers": (86.6, 53.5, 64.5, 69.3, 79.0, 69.8, 69.7),
    "subject_verb_agreement": (90.9, 60.3, 80.1, 75.9, 86.4, 92.1, 94.0),
}
OFFICIAL: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {who: {name: row[place] / 100 for name, row in _PER_CENT.items()} for place, who in enumerate(_WHO)}
)
