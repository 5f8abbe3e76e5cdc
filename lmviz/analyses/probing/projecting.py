"""The vectors of one layer in two dimensions, to look at: principal components, or UMAP where it is installed."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from lmviz.analyses.probing.material import TEST
from lmviz.analyses.probing.probe_run import ProbeRun
from lmviz.analyses.probing.probe_summary import signature
from lmviz.analyses.probing.vectors import Vectors, vectors
from lmviz.errors import InvalidParameter
from lmviz.results import LayerScatter

if TYPE_CHECKING:
    from lmviz.analyses.base import Progress

MOST = 3000  # items; more cannot be told apart
METHODS = ("pca", "umap")


def methods() -> tuple[str, ...]:
    """Give the ways there are here."""
    return METHODS if find_spec("umap") else METHODS[:1]


def principal(x: Vectors) -> tuple[Float32[np.ndarray, "item 2"], tuple[float, float]]:
    """Give the first two principal components of some vectors, and the share of the variance that each explains.

    The sign of each is such that its largest entry in size is positive.
    """
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(x), 2))
    n = min(2, len(sizes))
    found[:, :n] = left[:, :n] * sizes[:n]
    largest = found[np.abs(found).argmax(axis=0), np.arange(2)]
    found *= np.where(largest < 0, -1.0, 1.0)
    total = float((sizes**2).sum()) or 1.0
    shares = [float(size**2) / total for size in sizes[:2]] + [0.0, 0.0]
    return found.astype(np.float32), (shares[0], shares[1])


def projected(run: ProbeRun, layer: int, *, on_progress: "Progress", method: str = "pca") -> LayerScatter:
    """Show the test items of a run at one layer, at most `MOST` of them, drawn at random.

    Args:
        run: The question; its activations are captured where they are not there yet.
        layer: From 0, what enters the first block.
        on_progress: Told while the model runs.
        method: One of `methods()`.

    Raises:
        InvalidParameter: No such layer or method.
    """
    from lmviz.capture.activations import captured

    if layer not in range(run.model.n_layers + 1):
        raise InvalidParameter(f"{run.model.id} has layers 0 to {run.model.n_layers}; there is no layer {layer}.")
    if method not in methods():
        raise InvalidParameter(f"There is no way '{method}' here to show them; there is {', '.join(methods())}.")
    parts = run.parts(TEST)
    if len(parts) > MOST:
        parts = np.sort(np.random.default_rng(run.params.seed).permutation(parts)[:MOST])
    activations = captured(run.capture, on_progress=on_progress)
    x = vectors(activations, layer, pieces=run.found, parts=parts)
    if method == "pca":
        places, explained = principal(x)
        axes = tuple(
            f"component {number} ({100 * share:.0f} % of the variance)"
            for number, share in enumerate(explained, start=1)
        )
    else:
        umap = import_module("umap").UMAP(n_components=2, random_state=run.params.seed)
        places, axes = umap.fit_transform(x).astype(np.float32), ("UMAP 1", "UMAP 2")
    material = run.material
    known = np.unique(material.text_of[parts])
    return LayerScatter(
        layer=layer,
        places=places,
        axes=axes,
        labels=material.labels,
        label=material.label[parts],
        forms=tuple(material.forms[part] for part in parts),
        texts=tuple(material.texts[text] for text in known),
        text_of=np.searchsorted(known, material.text_of[parts]),
        note="Two dimensions of many: what lies together here need not lie together, and the reverse.",
        provenance={**signature(run), "analysis": "linear-probe", "title": "Vectors of a layer", "layer": layer},
    )
