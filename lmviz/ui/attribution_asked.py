"""What the attribution page asks: the answer to be explained, the methods, and what each of them costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lmviz.analyses.attribution.baselines import BASELINES
from lmviz.analyses.attribution.coalitions import DELETE
from lmviz.analyses.attribution.methods import METHODS, method, params_of, takes
from lmviz.analyses.attribution.targets import Explained, TargetParams, explained
from lmviz.analyses.base import Progress
from lmviz.analyses.predictions.abilities import can, no_language_model
from lmviz.capture import budget
from lmviz.errors import Cancelled, LmvizError
from lmviz.results import TokenScores
from lmviz.ui import memory
from lmviz.ui.predictions import Answer
from lmviz.ui.selection import Selection

USUAL_METHODS = ("integrated-gradients", "input-x-gradient", "erasure")
USUAL_BASELINE = "pad"
TOLERANCE = 0.01  # of the difference: where integrated gradients stops
GRADIENT = 2.5  # passes that a gradient takes
_BATCH = 1024  # tokens of a batch
_STEPS = 128  # of integrated gradients with a tolerance: a guess, for they are found on the way


@dataclass(frozen=True)
class Row:
    """One picture: a method, from a baseline where it takes one."""

    slug: str
    baseline: str

    @property
    def title(self) -> str:
        """How it is called."""
        name = method(self.slug).title
        if self.baseline == DELETE:
            return f"{name}, words deleted"
        return f"{name}, from {self.baseline}" if self.baseline else name


@dataclass(frozen=True)
class Failed:
    """A picture that there is not, and why."""

    sentence: str


@dataclass(frozen=True, eq=False)
class Asked:
    """One question: a model and what is explained, in some rows."""

    model: Any
    chosen: Selection
    target: TargetParams
    explained: Explained
    rows: tuple[Row, ...]

    @property
    def baselines(self) -> tuple[str, ...]:
        """The baselines that are looked at."""
        return baselines_of(self.chosen)

    @property
    def key(self) -> str:
        """What is asked, as a name."""
        return repr((self.of_model, self.target))

    @property
    def of_model(self) -> tuple[str, str, str]:
        """The model as it is remembered by."""
        return self.chosen.model, self.chosen.dtype, self.chosen.device

    def key_of(self, row: Row) -> memory.Key:
        """Give the name that a row's answer is remembered by."""
        return ("attribution", row.slug, *self.of_model, repr(self._params(row)))

    def answer(self, row: Row) -> Answer | Failed | None:
        """Give the answer of a row if it is there."""
        found: Answer | Failed | None = memory.RESULTS.peek(self.key_of(row))
        return found

    def run(self, row: Row, *, on_progress: Progress) -> Answer | Failed:
        """Find the answer of a row, or why there is none; in any thread.

        Nobody waits for another one who looks for the same: whoever tells how far it is leaves the gate for that, and
        would not get in again while all its places are held by those who wait.

        Raises:
            Cancelled: It was stopped.
        """
        found = self.answer(row) or self._run(row, on_progress)
        return memory.result(self.key_of(row), lambda: found)

    def _run(self, row: Row, on_progress: Progress) -> Answer | Failed:
        try:
            given = asdict(self._params(row))
            timed = memory.timed(lambda: method(row.slug).answer(self.model, given, on_progress=on_progress))
        except Cancelled:
            raise
        except LmvizError as error:
            return Failed(str(error))
        return Answer(timed.value, method(row.slug).check(timed.value), timed.seconds)

    def _params(self, row: Row) -> Any:
        # By word where a method can take words away whole: their pieces are added up for the picture in any case.
        options = {"baseline": row.baseline or USUAL_BASELINE, "tolerance": TOLERANCE, "by": self.chosen.level}
        return params_of(row.slug, self.target, options=options)

    def seconds(self, row: Row) -> float:
        """Say about how long a row will take."""
        n_tokens = len(self.explained.encoding.table)
        return seconds_for(self.model, passes(row.slug, n_tokens), n_tokens=n_tokens)


def seconds_for(model: Any, n_passes: float, *, n_tokens: int) -> float:
    """Say about how long some passes of one text take, many of them at a time."""
    n_rows = max(1, _BATCH // n_tokens)
    n_batches = max(1.0, n_passes / n_rows)
    n_together = min(n_passes, n_rows) * n_tokens
    return n_batches * budget.estimate(model, max(n_tokens, int(n_together)), places=()).seconds


def passes(slug: str, n_tokens: int) -> float:
    """Say about how many forward passes a method takes."""
    own = method(slug).params(text="")
    if takes(slug, "n_steps"):
        return _STEPS * GRADIENT
    if slug == "shapley-sampling":
        return float(own.n_samples * n_tokens)
    if takes(slug, "n_samples"):
        return float(own.n_samples) * (GRADIENT if slug == "gradient-shap" else 1)
    return float(n_tokens) if slug == "erasure" else 2 * GRADIENT


def ask(model: Any, chosen: Selection) -> Asked:
    """Put the question that a selection asks.

    Raises:
        LmvizError: The model or the text does not allow it.
    """
    target = target_of(model, chosen)
    found = explained(model, target)
    rows = tuple(Row(slug, baseline) for slug in methods_of(chosen) for baseline in _of_method(slug, chosen))
    return Asked(model, chosen, target, found, rows)


def _of_method(slug: str, chosen: Selection) -> tuple[str, ...]:
    """Give the baselines that a method is asked from; only what takes words away can delete them."""
    if not takes(slug, "baseline"):
        return ("",)
    wanted = baselines_of(chosen)
    return wanted if takes(slug, "by") else embedded(wanted)


def embedded(baselines: Sequence[str]) -> tuple[str, ...]:
    """Give those baselines that are embeddings; the usual one where none is."""
    return tuple(name for name in baselines if name != DELETE) or (USUAL_BASELINE,)


def target_of(model: Any, chosen: Selection) -> TargetParams:
    """Give what is explained; a token that is looked at counts where the model answers at any token."""
    given: dict[str, Any] = {name: text for name, text in chosen.texts.items() if name != "target_text"}
    if chosen.continuation and model.kind == "decoder" and not no_language_model(model):
        return TargetParams(**given, continuation=chosen.continuation)
    if chosen.answer:
        given["target"] = chosen.answer
    if chosen.contrast:
        given["contrast"] = chosen.contrast
    if chosen.position >= 0 and _answers_at(model, chosen):
        given["position"] = chosen.position
    return TargetParams(**given)


def _answers_at(model: Any, chosen: Selection) -> bool:
    """Say whether the model has an answer at the token that is looked at; an encoder's is at its masks."""
    from lmviz.capture.tokens import encode

    if no_language_model(model):
        return can(model, "tag-tokens") or can(model, "answer-span")
    table = encode(model, chosen.text, chosen.texts.get("text_pair")).table
    if chosen.position >= len(table):
        return False
    return bool(model.kind == "decoder" or table.ids[chosen.position] == model.tokenizer.mask_token_id)


def methods_of(chosen: Selection) -> tuple[str, ...]:
    """Give the methods that are asked for, in their own order; the usual ones where none is."""
    wanted = chosen.methods.split("|")
    return tuple(slug for slug in METHODS if slug in wanted) or USUAL_METHODS


def baselines_of(chosen: Selection) -> tuple[str, ...]:
    """Give the baselines that are asked for; the usual one where none is."""
    wanted = chosen.baselines.split("|")
    return tuple(name for name in (*BASELINES, DELETE) if name in wanted) or (USUAL_BASELINE,)


def scores_of(answers: Mapping[Row, Answer | Failed]) -> dict[Row, TokenScores]:
    """Give the scores of the rows that have them."""
    return {row: answer.result for row, answer in answers.items() if isinstance(answer, Answer)}


def there(asked: Asked, rows: Sequence[Row]) -> dict[Row, Answer | Failed]:
    """Give what there is of some rows."""
    found = {row: asked.answer(row) for row in rows}
    return {row: answer for row, answer in found.items() if answer is not None}
