"""How does the model continue a text, and what else might it have written?"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.predictions.growing import Growing
from lmviz.errors import Cancelled, InvalidParameter
from lmviz.remote import RemoteModel
from lmviz.remote.writing import Writing
from lmviz.results import Check, ContinuationTree

if TYPE_CHECKING:
    from lmviz.capture.decoding import Path, Written
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

_COLDEST = 1e-6  # what is divided by less is no number any more


@dataclass(frozen=True)
class Params:
    """What is continued (the source of an encoder-decoder), for how long, and how each token is chosen.

    Temperature 0 takes the most probable token; any other draws, from the `top_k` most probable ones and from the
    most probable ones that have the share `top_p` together. More than one beam: beam search. `n_branches` tokens are
    kept at each step of the main continuation, the chosen one among them.
    """

    text: str
    max_new_tokens: int = 20
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    n_beams: int = 1
    n_branches: int = 1
    seed: int = 0


def generate(model: "LoadedModel | RemoteModel", params: Params, *, on_progress: Progress = ignore) -> ContinuationTree:
    """Continue a text, and keep the tokens that might have stood there instead.

    The main continuation is what the library's `generate` gives with the same arguments and the model's own settings.
    Alternatives cost no pass of their own. Whatever the way of choosing, probabilities are the softmax of the model's
    logits at temperature 1 (temperature, top-k and top-p: Holtzman et al., 2020).

    Args:
        model: A decoder, an encoder-decoder, or a model on a server.
        params: The text and the way of choosing.
        on_progress: Told after each token; when it raises `Cancelled`, that carries the tree up to there in `so_far`.

    Returns:
        The tree of continuations, the main one marked.

    Raises:
        NotForThisModel: An encoder, or a model without a language-model head.
        InputTooLong: Text and new tokens are more than the model reads.
        OverBudget: It would take more memory than a single job may.
        InvalidParameter: A parameter that cannot be.
    """
    return _grown(_begun(model, params), on_progress)


def stream(model: "LoadedModel | RemoteModel", params: Params) -> Iterator[ContinuationTree]:
    """Continue a text and give the tree after each token; whoever stops asking stops the model.

    Everything is checked at once, as for `generate`.
    """
    return _trees(_begun(model, params))


def continue_from(
    model: "LoadedModel | RemoteModel",
    tree: ContinuationTree,
    *,
    node: int,
    params: Params,
    on_progress: Progress = ignore,
) -> ContinuationTree:
    """Grow a tree at one of its nodes: another branch, or the end of a text that was stopped.

    The tokens up to the node are read again in one pass. A text that was stopped goes on as it would have, drawn
    tokens included; beams begin anew.

    Args:
        model: The model that grew the tree.
        tree: What `generate` gave; it stays as it is.
        node: Where to go on; -1 for the prompt.
        params: The tree's own text, how many tokens to add, and how to choose them.
        on_progress: As for `generate`.

    Returns:
        The tree with the new nodes; its main continuation leads through the node.

    Raises:
        InvalidParameter: No such node, a node that ends the text, or a tree of another text or model.
        LmvizError: As for `generate`.
    """
    return _grown(_begun(model, params, tree=tree, node=node), on_progress)


def stream_from(
    model: "LoadedModel | RemoteModel", tree: ContinuationTree, *, node: int, params: Params
) -> Iterator[ContinuationTree]:
    """Grow a tree at one of its nodes, as `continue_from`, and give it after each token."""
    return _trees(_begun(model, params, tree=tree, node=node))


class _GrowthOnServer:
    """A tree that a server makes grow, signed with where it comes from."""

    def __init__(
        self, model: RemoteModel, params: Params, *, tree: ContinuationTree | None = None, node: int = -1
    ) -> None:
        self._writing = Writing(model, params, tree=tree, node=node)
        self._signature = _signature(model, params, tree=tree, node=node)
        self.n_most = self._writing.n_most
        self.steps = self._writing.steps

    def tree(self) -> ContinuationTree:
        """Give the tree as it is now."""
        grown = self._writing.tree()
        return replace(grown, provenance={**self._signature, **grown.provenance})


class _Growth:
    """A tree and the writing that makes it grow; all is checked when it is made."""

    def __init__(
        self, model: "LoadedModel", params: Params, *, tree: ContinuationTree | None = None, node: int = -1
    ) -> None:
        from lmviz.capture.generating import check_can_write, write
        from lmviz.capture.tokens import encode

        check_can_write(model)
        _check(model, params)
        encoding = encode(model, params.text)
        prefix = () if tree is None else _prefix(tree, node, encoding)
        self.n_most = params.max_new_tokens
        signature = _signature(model, params, tree=tree, node=node)
        self.growing = Growing(model, encoding.table, provenance=signature)
        if tree is not None:
            self.growing.plant(tree)
        self._writing = write(model, encoding, how=params, prefix=prefix)

    def steps(self) -> "Iterator[Written]":
        """Grow by one token after the other."""
        for written in self._writing:
            self.growing.take(written)
            yield written

    def tree(self) -> ContinuationTree:
        """Give the tree as it is now."""
        return self.growing.tree()


def _begun(
    model: "LoadedModel | RemoteModel", params: Params, *, tree: ContinuationTree | None = None, node: int = -1
) -> _Growth | _GrowthOnServer:
    """Begin a tree, or go on with one; all is checked."""
    if isinstance(model, RemoteModel):
        return _GrowthOnServer(model, params, tree=tree, node=node)
    return _Growth(model, params, tree=tree, node=node)


def _trees(growth: _Growth | _GrowthOnServer) -> Iterator[ContinuationTree]:
    """Give the tree after each token."""
    return (growth.tree() for _ in growth.steps())


def _grown(growth: _Growth | _GrowthOnServer, on_progress: Progress) -> ContinuationTree:
    """Grow to the end, or until the person stops it."""
    for done, _ in enumerate(growth.steps(), start=1):
        try:
            on_progress(done / growth.n_most, f"{done} of at most {growth.n_most} tokens are written")
        except Cancelled as stopped:
            stopped.so_far = growth.tree()
            raise
    return growth.tree()


def _check(model: "LoadedModel", params: Params) -> None:
    """Refuse numbers that cannot be."""
    size = model.hf_model.config.get_text_config().vocab_size
    for name in ("max_new_tokens", "n_beams", "n_branches", "top_k"):
        value = getattr(params, name)
        if value is not None and value < 1:
            raise InvalidParameter(f"{name} is {value}; it is at least 1.")
    for name in ("n_beams", "n_branches"):
        if getattr(params, name) > size:
            raise InvalidParameter(f"{name} is {getattr(params, name):,}; {model.id} knows {size:,} tokens.")
    if params.temperature != 0 and not _COLDEST <= params.temperature < math.inf:
        raise InvalidParameter(
            f"temperature is {params.temperature}; it is 0, for the most probable token, or {_COLDEST} and above."
        )
    if params.top_p is not None and not 0 < params.top_p <= 1:
        raise InvalidParameter(f"top_p is {params.top_p}; it is a share above 0 and up to 1.")
    if not 0 <= params.seed < 2**64:
        raise InvalidParameter(f"seed is {params.seed}; it is a whole number from 0 to 2**64 - 1.")
    if params.n_beams > 1 and params.temperature > 0:
        raise InvalidParameter(
            f"n_beams is {params.n_beams} and temperature {params.temperature:g}; beams follow the most probable "
            "continuations and draw nothing. Set temperature to 0, or n_beams to 1."
        )


def _prefix(tree: ContinuationTree, node: int, encoding: "Encoding") -> "Path":
    """Give the new tokens up to a node of a tree that belongs to this text and model."""
    if tree.table is None or tree.table.ids != encoding.table.ids:
        raise InvalidParameter(
            "This tree was grown from other tokens than those of the text. "
            "Continue it with the text and the model it is from."
        )
    if not -1 <= node < len(tree.tokens):
        raise InvalidParameter(f"There is no node {node}. Choose from 0 to {len(tree.tokens) - 1}, or -1, the prompt.")
    return tuple(int(tree.token_ids[place]) for place in tree.path(node))


def _signature(
    model: "LoadedModel | RemoteModel", params: Params, *, tree: ContinuationTree | None, node: int
) -> dict[str, object]:
    """Say where the tree comes from; of one that was grown further, how it began and every step since."""
    given = asdict(params)
    if tree is None:
        return {"analysis": "generate", "title": "Generation", **provenance(model, given)}
    del given["text"]
    return {**tree.provenance, "continued": (*tree.provenance.get("continued", ()), {"node": node, **given})}


def shares_of_one(result: ContinuationTree) -> Check:
    """Compare the sum over the tokens of one place with one, which it may not exceed."""
    sums = np.bincount(result.parent + 1, weights=np.nan_to_num(result.probability))
    over = float(max(0.0, (sums - 1).max(initial=0.0)))
    return Check(
        slug="shares",
        sentence=f"tokens of one place exceed 1 by {over:.0e}",
        passed=over <= 1e-5,
        value=over,
        limit=1e-5,
        meaning="Probabilities of different tokens cannot add up to more than 1; the recording is wrong.",
    )


ANALYSIS = Analysis(
    slug="generate",
    title="Generation",
    group="predictions",
    needs=frozenset({"logits"}),
    params=Params,
    run=generate,
    reference="https://arxiv.org/abs/1904.09751",
    caution="A continuation is one of many; the tree shows how close the others were. A fluent text need not be true.",
    checks=(shares_of_one,),
    remote=generate,
)
