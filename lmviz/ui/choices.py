"""What can be chosen from in a selection, and so in a link: words that mean something, the rest is told."""

from collections.abc import Mapping

DTYPES = ("float32", "bfloat16", "float16")
DEVICES = ("auto", "cpu", "cuda", "mps")
PARTS = ("encoder", "decoder", "cross")
WHATS = ("attention", "value-weighted")
TASKS = (
    "fill-mask",
    "next-token",
    "surprisal",
    "generate",
    "next-sentence",
    "classify",
    "tag-tokens",
    "answer-span",
)
COMPARED = (
    "token-distributions",
    "surprisal",
    "attention-pattern",
    "attention-rollout",
    "head-statistics",
    "cka",
    "attribution",
    "classify",
    "next-sentence",
    "tag-tokens",
    "answer-span",
    "generate",
    "rows",
)
EXPLAINED = ("answer", "written", "layers")
LEVELS = ("word", "token")
LABS = ("scores", "variants", "localisation", "removal")
BENCHMARKS = (
    "crows-pairs",
    "minimal-pairs",
    "stereoset",
    "winobias",
    "bbq",
    "log-probability-bias",
    "seat",
    "honest",
    "sentiment-gap",
)
KNOWS = ("probes", "syntax", "grammar", "similarity")
PROBED = (
    "upos",
    "number",
    "tense",
    "relation",
    "head",
    "depth",
    "tree-depth",
    "length",
    "subject-number",
    "main-tense",
    "bigram-shift",
    "question-type",
    "subjectivity",
    "sentiment",
    "named-entities",
    "labels",
)
PROBES = ("linear", "mlp", "mdl", "v-information", "edge", "structural")
SHAPES = ("cka", "rsa", "intrinsic_dimension", "anisotropy", "participation_ratio")
SOURCES = ("shipped", "published", "file", "pasted")
CHOICES: Mapping[str, tuple[str, ...]] = {  # by the field of the selection
    "part": PARTS,
    "what": WHATS,
    "dtype": DTYPES,
    "device": DEVICES,
    "task": TASKS,
    "compared": COMPARED,
    "explained": EXPLAINED,
    "level": LEVELS,
    "lab": LABS,
    "benchmark": BENCHMARKS,
    "source": SOURCES,
    "knows": KNOWS,
    "probed": PROBED,
    "probe": PROBES,
    "shape": SHAPES,
}
