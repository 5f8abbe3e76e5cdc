"""Can the explanation be relied on? Several attributions of one answer, each put to the test."""

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.baselines import BASELINES, check_baseline
from lmviz.analyses.attribution.coalitions import check_game, game
from lmviz.analyses.attribution.judging import Tested, judged
from lmviz.analyses.attribution.methods import method
from lmviz.analyses.attribution.targets import Explained, TargetParams, explained
from lmviz.analyses.attribution.trials import MOST_STEPS, Params, Trials, asked_again, followed, n_more, randomised
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter, LmvizError
from lmviz.results import Check
from lmviz.results.faithfulness import Faithfulness

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_MOST_DRAWS, _MOST_SHUFFLES = 1000, 20


def faithfulness(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> Faithfulness:
    """Put attributions to the test: their sums, curves, baselines, agreement, and a model with shuffled weights.

    Deletion and insertion curves follow Samek et al. (2017), comprehensiveness and sufficiency DeYoung et al. (2020)
    but on the explained quantity itself, the shuffled weights Adebayo et al. (2018): all layers, three times.

    Args:
        model: An encoder or a decoder with a head.
        params: The text, what is explained, and the tests.
        on_progress: Told after every batch of every test.

    Returns:
        All numbers of the tests, with a verdict and its reasons for each attribution.

    Raises:
        InvalidParameter: No such attribution or baseline, or an impossible number.
        LmvizError: As the attributions.
    """
    _check(model, params)
    target = explained(model, params)
    play = game(model, target, baseline=params.baseline, by=params.by)
    wanted, is_fixed = _resolved(model, params, target)
    n_shuffles = params.n_shuffles if is_fixed else 0
    n_asked = 1 + len(params.methods) * (1 + n_shuffles) + sum(map(n_more, params.methods))
    trials = Trials(model, params, wanted, play, on_progress, n_asked)
    if not is_fixed:
        trials.notes.append("The target is no single token by itself: no models with shuffled weights were asked.")
    firsts = [trials.scores(slug) for slug in params.methods]
    scores = np.array([own for own, _ in firsts])
    tested = Tested(
        results=tuple(result for _, result in firsts),
        scores=scores,
        curves=followed(trials, scores),
        more=np.array(
            [asked_again(trials, slug, first=first) for slug, first in zip(params.methods, firsts, strict=True)]
        ),
        randomised=randomised(trials, scores, n_shuffles=n_shuffles),
    )
    return judged(trials, target, tested=tested)


def _check(model: "LoadedModel", params: Params) -> None:
    """Refuse what cannot be tested."""
    if not params.methods or len(set(params.methods)) < len(params.methods):
        raise InvalidParameter("Name one attribution or several, each once, as methods.")
    for slug in params.methods:
        method(slug)
    for name in (params.baseline, params.second_baseline):
        if name not in BASELINES:
            raise InvalidParameter(f"There is no baseline '{name[:40]}' here. Choose from {', '.join(BASELINES)}.")
    check_game(model, baseline=params.baseline, by=params.by)
    check_baseline(model, params.second_baseline)
    for name, low, high in (
        ("n_random", 10, _MOST_DRAWS),
        ("n_shuffles", 0, _MOST_SHUFFLES),
        ("n_steps", 1, MOST_STEPS // 2),
    ):
        if not low <= getattr(params, name) <= high:
            raise InvalidParameter(f"{name} is {getattr(params, name)}; ask for {low} to {high:,}.")


def _resolved(model: "LoadedModel", params: Params, target: Explained) -> tuple[TargetParams, bool]:
    """Say what is explained so that a model with other weights is asked for the same; whether that can be said."""
    shared = {item.name: getattr(params, item.name) for item in fields(TargetParams)}
    own, first = TargetParams(**shared), target.quantity[0]
    if own.target is not None or own.continuation is not None:
        return own, True
    if first.output != "logits":  # the start or the end of an answer
        return replace(own, target=first.output.removesuffix("_logits"), position=first.index), True
    wanted = replace(
        own, target=target.name.split(" − ")[0], position=first.place if own.position is None else own.position
    )
    try:
        return wanted, explained(model, wanted).quantity == target.quantity
    except LmvizError:
        return own, False


def ends_meet(result: Faithfulness) -> Check:
    """Compare both ends of all curves: everything there, and everything taken away, are the same in every order."""
    gaps = [
        np.ptp(np.concatenate([result.deletion[:, 0], result.insertion[:, -1]])),
        np.ptp(np.concatenate([result.deletion[:, -1], result.insertion[:, 0]])),
    ]
    return Check(
        slug="ends-meet",
        sentence=f"curves end in the same points within {max(gaps):.0e}",
        passed=float(max(gaps)) == 0.0,
        value=float(max(gaps)),
        limit=0.0,
        meaning="With all words, and with none, the order makes no difference; the curves are not of the same model.",
    )


ANALYSIS = Analysis(
    slug="faithfulness",
    title="Can it be relied on?",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=faithfulness,
    reference="https://arxiv.org/abs/1911.03429",
    caution=(
        "A test that fails says that an explanation is not shown to be right, not that it is wrong. Texts with gaps "
        "are ones that the model may never have seen, and the limits of the verdict are conventions."
    ),
    checks=(ends_meet,),
)
