"""What if a concept is taken out? A benchmark, text and probes before and after, and with as much taken at random."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias import removal_concept, removal_methods, removal_texts
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.analyses.bias.erasure.probes import SEEDS, linear_told, majority_share, mlp_told, told_interval
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.bias.removal_concept import Concept, ConceptVectors
from lmviz.analyses.bias.removal_items import (
    Answered,
    Fitted,
    Probed,
    Read,
    RemovalItem,
    Sorted,
    columns,
    quality_sentence,
    sort,
)
from lmviz.analyses.bias.removal_methods import CONTROLS, METHODS, Removal, Settings
from lmviz.analyses.bias.running import BenchmarkRun, summed_up
from lmviz.analyses.bias.summaries import counts_agree, within_bounds
from lmviz.errors import InvalidParameter
from lmviz.results import Check, ConceptRemoval, PairScores

if TYPE_CHECKING:
    from lmviz.capture.intervene import Intervention
    from lmviz.models.loaded import LoadedModel

__all__ = ["ANALYSIS", "CONTROLS", "METHODS", "Params", "RemovalRun", "removal_run"]

_SLUG, _TITLE = "bias-removal", "Concept removal"
_MOST_DRAWS = 20
_N_OTHERS = 2  # answers of a condition besides the benchmark's rows: probes and texts


@dataclass(frozen=True)
class Params:
    """What is taken out, how, and what is asked before and after.

    `benchmark` names one whose rows compare two texts; `source`, `variant`, `categories`, `kind` and `limit` are its
    own, a `kind` where it has several. `pairs` say what
    the concept is: None for women and men, a file of minimal pairs whose `cluster` is the word that differs, or pairs
    of texts. `method` is one of `METHODS`, used on the stream after `layer`, the middle one if none is given. "leace",
    "inlp" and "direction" erase; "head-ablation" gives `heads` such as L3H1 their mean, and `layer` is then where
    probes look; "steering" adds `strength` times the mean difference of the pairs, towards their first members.
    `n_draws` is the number of random controls: of directions all as likely ("isotropic"), or drawn with the covariance
    of the vectors ("spread"), which take away about as much variance as a concept does. `neutral` is a file whose lines
    are the texts to see the cost on.
    """

    benchmark: str = "crows-pairs"
    source: str | None = None
    variant: str | None = None
    categories: tuple[str, ...] = ()
    kind: str | None = None
    limit: int | None = None
    seed: int = 0
    pairs: str | tuple[tuple[str, ...], ...] | None = None
    layer: int | None = None
    method: str = "leace"
    heads: tuple[str, ...] = ()
    strength: float = 1.0
    n_draws: int = 3
    control: str = "isotropic"
    neutral: str | None = None


@dataclass(frozen=True, eq=False)
class RemovalRun:
    """What is asked of a model; nothing has run yet."""

    model: "LoadedModel"
    params: Params
    settings: Settings
    benchmark: BenchmarkRun
    concept: Concept
    texts: tuple[str, ...]

    @property
    def conditions(self) -> tuple[str, ...]:
        """What is compared: "before" and "after" first."""
        return ("before", "after", *(f"random {number}" for number in range(1, self.settings.n_draws + 1)))

    @cached_property
    def n_items(self) -> int:
        """How many small answers there will be: what `batches` gives in all."""
        return 1 + len(self.conditions) * (_N_OTHERS + self.benchmark.n_items)

    def batches(self, done: Iterable[RemovalItem] = ()) -> Iterator[tuple[RemovalItem, ...]]:
        """Fit, and then ask under one condition after the other; work can be stopped between two batches.

        Args:
            done: Answers of before; they come first, and what they answer is not asked again.

        Yields:
            Answers, maybe none at a time; the benchmark's rows of a condition come after its probes and texts.

        Raises:
            LmvizError: The pairs cannot be read by this model, or do not differ at this layer.
        """
        from lmviz.capture.intervene import under

        train, test = (
            removal_concept.vectors(self.model, pairs, layer=self.settings.layer)
            for pairs in (self.concept.train, self.concept.test)
        )
        words = [pair.word for pair in self.concept.train]
        found = removal_methods.removal(self.model, self.settings, train=train, words=words)
        kept = tuple(done)
        known = sort(kept)
        yield kept or (self._fitted(found, train, test),)
        conditions: list[tuple[Intervention, ...]] = [(), found.after, *found.controls]
        for number, interventions in enumerate(conditions):
            yield from under(self.model, interventions, batches=self._asked(number, test, known=known))

    def result(self, items: Iterable[RemovalItem]) -> ConceptRemoval:
        """Sum up what there is so far: the conditions up to the first without a row; say where it comes from."""
        found = sort(items)
        there = list(takewhile(found.answered.__contains__, range(len(self.conditions)))) or [0]
        scores = tuple(self.benchmark.result(found.answered.get(number, ())) for number in there)
        return ConceptRemoval(
            conditions=self.conditions[: len(there)],
            scores=scores,
            **columns(found, scores, seed=self.params.seed),
            majority=found.fitted.majority,
            n_train=found.fitted.n_train,
            n_test=found.fitted.n_test,
            method=self.settings.method,
            layer=self.settings.layer,
            rank=found.fitted.rank,
            unit=scores[0].unit,
            note=" ".join(filter(None, (quality_sentence(found), self._note(), scores[0].note))),
            provenance=self._provenance(found.fitted, scores[0]),
        )

    def _fitted(self, found: Removal, train: ConceptVectors, test: ConceptVectors) -> Fitted:
        majority = majority_share(test.classes)
        return Fitted(len(train.classes), len(test.classes), majority, found.rank, dict(found.numbers))

    def _asked(self, number: int, before: ConceptVectors, *, known: Sorted) -> Iterator[tuple[RemovalItem, ...]]:
        """Ask everything under the condition that stands, except what is known."""
        if number not in known.probed:
            yield (self._probed(number, before),)
        if number not in known.read:
            yield (Read(number, removal_texts.surprisals(self.model, self.texts)),)
        kept = tuple(known.answered.get(number, ()))
        for batch in self.benchmark.batches(kept):
            if batch is not kept:
                yield tuple(Answered(number, score) for score in batch)

    def _probed(self, number: int, before: ConceptVectors) -> Probed:
        """Fit probes on the vectors as they are under this condition, and ask them about words they have not seen."""
        layer = self.settings.layer
        train, test = (
            removal_concept.vectors(self.model, pairs, layer=layer) for pairs in (self.concept.train, self.concept.test)
        )
        sides = (train.both, train.classes), (test.both, test.classes)
        words = [pair.word for pair in self.concept.test] * 2
        linear, mlp = linear_told(*sides), mlp_told(*sides, seeds=[self.settings.seed + seed for seed in SEEDS])
        spread = float(((before.both - before.both.mean(axis=0)) ** 2).sum())
        return Probed(
            condition=number,
            linear=(float(linear.mean()), *told_interval(linear, words)),
            mlp=(float(mlp.mean()), *told_interval(mlp, words)),
            removed=float(((test.both - before.both) ** 2).sum()) / spread if spread else float("nan"),
        )

    def _note(self) -> str:
        broken = self.concept.n_broken
        left_out = f" {broken} rows of the pairs could not be read and were left out." if broken else ""
        return (
            f"Probes are fitted on the words that differ, after layer {self.settings.layer}, and asked about words "
            f"they have not seen; the MLP's share is the mean of {len(SEEDS)} trainings, and intervals are over words. "
            f'"before" has no difference to itself.{left_out}'
        )

    def _provenance(self, fitted: Fitted, before: PairScores) -> dict[str, object]:
        signed, own = self.benchmark.signature, provenance(self.model, asdict(self.params))
        read = (*removal_concept.files(self.params.pairs), *removal_texts.files(self.params.neutral))
        return {
            **own,
            "analysis": _SLUG,
            "title": _TITLE,
            "variant": signed["variant"],
            "data": {**signed["data"], **dict(fingerprint(read))},
            "fitted": dict(fitted.numbers),
            "skipped_rows": before.provenance.get("skipped_rows", []),
        }


def removal_run(model: "LoadedModel", params: Params) -> RemovalRun:
    """Check what is asked of a model; nothing has run yet.

    Args:
        model: An encoder or a decoder with a language-model head.
        params: What is taken out, and what is asked.

    Raises:
        NotForThisModel: The model can have no variant of the benchmark, or nothing can be replaced in it.
        UnknownAnalysis: No benchmark of that name.
        InvalidParameter: A method, layer, head, number or source that does not exist.
    """
    of_rows = ("source", "variant", "categories", "kind", "limit", "seed")
    given = {name: getattr(params, name) for name in of_rows if getattr(params, name) is not None}
    benchmark = bias_run(params.benchmark, model, **given)
    if not isinstance(benchmark.result(()), PairScores):
        raise InvalidParameter(f"{params.benchmark} does not compare two texts. Choose crows-pairs or minimal-pairs.")
    if params.method not in METHODS:
        raise InvalidParameter(f"There is no method '{params.method[:40]}'. Choose from {', '.join(METHODS)}.")
    if not 1 <= params.n_draws <= _MOST_DRAWS:
        raise InvalidParameter(f"{params.n_draws} random controls cannot be drawn. Ask for 1 to {_MOST_DRAWS}.")
    if params.control not in CONTROLS:
        raise InvalidParameter(f"There is no control '{params.control[:40]}'. Choose {' or '.join(CONTROLS)}.")
    if not np.isfinite(params.strength):
        raise InvalidParameter(f"A strength of {params.strength} steers nowhere. Give a number such as 1.")
    is_of_heads = params.method == "head-ablation"
    heads = removal_methods.heads_named(model, params.heads) if is_of_heads else ()
    settings = Settings(
        method=params.method,
        layer=_layer(model, params.layer, heads),
        heads=heads,
        strength=params.strength,
        seed=params.seed,
        n_draws=params.n_draws,
        control=params.control,
    )
    concept = removal_concept.concept(params.pairs, seed=params.seed)
    return RemovalRun(model, params, settings, benchmark, concept, removal_texts.neutral_texts(params.neutral))


def _layer(model: "LoadedModel", given: int | None, heads: removal_methods.Heads) -> int:
    """Give the layer that was asked for; or the last one of the heads, or the one in the middle."""
    if given is None:
        return max((layer for layer, _ in heads), default=model.n_layers // 2)
    if not 0 <= given < model.n_layers:
        raise InvalidParameter(f"{model.id} has layers 0 to {model.n_layers - 1}; there is no layer {given}.")
    return given


def run(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> ConceptRemoval:
    """Take a concept out of a model's stream while it is asked, and compare; the model itself is not changed.

    Args:
        model: An encoder or a decoder with a language-model head.
        params: What is taken out, and what is asked.
        on_progress: Told after every batch.

    Returns:
        The benchmark, the surprisal of neutral texts and the probes before, after, and under random controls.

    Raises:
        Cancelled: `on_progress` stopped it; `so_far` has the result of what was done.
        LmvizError: As `removal_run`.
    """
    asked = removal_run(model, params)
    if not asked.benchmark.n_items:
        raise InvalidParameter("The source has no rows. Choose another source.")
    result: ConceptRemoval = summed_up(asked, asked.batches(), noun="answers", on_progress=on_progress)
    return result


def _bounds(result: ConceptRemoval) -> Check:
    """Check the scores of every condition; give the worst."""
    return max((within_bounds(scores) for scores in result.scores), key=lambda check: check.value)


def _counts(result: ConceptRemoval) -> Check:
    """Count the pairs of every condition; give the worst."""
    return max((counts_agree(scores) for scores in result.scores), key=lambda check: check.value)


ANALYSIS = Analysis(
    slug=_SLUG,
    title=_TITLE,
    group="bias",
    needs=frozenset({"logits", "resid_post"}),
    params=Params,
    run=run,
    reference="https://arxiv.org/abs/2306.03819",
    caution=(
        "What a linear probe cannot read any more may still be there for the model. A preference that is gone on this "
        "benchmark is not gone elsewhere, and an isotropic control of equal rank moves less of the stream: compare "
        "what is removed, or choose the control that is drawn as the vectors spread."
    ),
    checks=(_bounds, _counts),
)
