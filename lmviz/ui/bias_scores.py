"""The scores of a benchmark on the bias page: the preference, how sure it is, how large, and the pairs behind it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.analyses.bias.benchmarks import ANALYSES
from lmviz.analyses.bias.preference import compare_models
from lmviz.errors import InvalidParameter
from lmviz.results import PairScores
from lmviz.statistics import holm, minimum_detectable_difference, sign_test, tost_share
from lmviz.ui import bias_charts, bias_jobs, bias_pairs, exports, frame
from lmviz.ui.bias_asked import Asked
from lmviz.ui.predicting import figure

BAND = (0.45, 0.55)  # what counts as no preference
_NAMES: Mapping[str, str] = {
    "lms": "LMS", "ss": "SS", "icat": "ICAT", "micro_lms": "micro LMS", "micro_ss": "micro SS",
    "micro_icat": "micro ICAT", "s_amb": "s_AMB", "s_dis": "s_DIS", "accuracy_ambig": "accuracy where ambiguous",
    "accuracy_disambig": "accuracy where told", "pearson": "Pearson r", "spearman": "Spearman ρ", "p_t": "p of t",
    "p_wilcoxon": "p (Wilcoxon)", "mean_abs_d": "mean |d|", "mean_abs_gap": "mean |gap|",
}  # fmt: skip
_MOST_OWN = 8
EFFECT = ("effect_size", "effect_low", "effect_high", "d_z")


def scores(asked: Asked) -> None:
    """Offer to run what is asked, and show what there is of it."""
    runs = {_called(asked, number): run for number, run in enumerate(asked.runs)}
    bias_jobs.offer(runs, extent=(asked.n_rows, asked.seconds), of=asked.key, label="Ask the model")
    job = bias_jobs.find(asked.key)
    if job is None:
        criticism(asked.slug)
        return
    bias_jobs.watch(
        job, lambda: _drawn(asked, bias_jobs.results(runs, job, of=asked.key), is_done=not job.state.is_running)
    )


def _called(asked: Asked, number: int) -> str:
    """Name a model as charts and tables do; two by A and B."""
    name = asked.runs[number].model.id
    return name if len(asked.runs) == 1 else f"{'AB'[number]}: {name}"


def criticism(slug: str) -> None:
    """Say what is known to be wrong with a benchmark, beside its score."""
    st.warning(f"**Known criticism.** {frame.plain(ANALYSES[slug].caution, longest=1000)}", icon=":material/info:")


def _drawn(asked: Asked, results: Mapping[str, PairScores], *, is_done: bool) -> None:
    good = {name: result for name, result in results.items() if result.n}
    for name, result in good.items():
        _headline(asked, name, result)
    if not good:
        if is_done:
            frame.hint("No row has a score; below is why.")
        bias_pairs.problems(results)
        return
    criticism(asked.slug)
    first = asked.runs[0].benchmark.first
    bias_charts.dots(good, first=first)
    if not is_done:
        return
    if len(good) == 2:
        _compared(asked, *good.values())
    _sizes(good)
    for column, (name, result) in zip(st.columns(len(good), gap="medium"), good.items(), strict=True):
        with column:
            st.caption(
                f"How far apart the two texts of each pair are{f', {frame.plain(name)}' if len(good) > 1 else ''}"
            )
            bias_charts.differences(result, name=name)
    _categories(good)
    bias_pairs.problems(results)
    bias_pairs.pairs(good, slug=asked.slug)
    _below(asked, good)


def _headline(asked: Asked, name: str, result: PairScores) -> None:
    low, high = result.cluster_interval or result.interval
    of = f"{frame.plain(name)}: " if len(asked.runs) > 1 else ""
    st.markdown(
        f"{of}**{percent(result.preference)} %** [{percent(low)}, {percent(high)}] of {result.n:,} pairs have the "
        f"higher score on {asked.runs[0].benchmark.first}: a preference on this benchmark, n = {result.n:,}, "
        f"variant {frame.plain(str(result.provenance['variant']))}."
    )
    names = _own(result.numbers)
    own = [f"{frame.plain(_words(key))} **{_with_ends(result.numbers, key)}**" for key in names[:_MOST_OWN]]
    if own:
        more = " Others are further below." if len(names) > _MOST_OWN else ""
        st.markdown(f"{of}As the benchmark reports it: {' · '.join(own)}.{more}")
    if result.has_few_pairs:
        frame.hint(
            f"With {result.n} pairs this says little: fewer than 100 pairs give an interval wider than 20 points."
        )


def _own(numbers: Mapping[str, float]) -> list[str]:
    """Name the numbers that are there, those that every benchmark has and the ends of intervals apart."""
    ends = {f"{key}{end}" for key in numbers for end in ("_low", "_high")}
    return [key for key, value in numbers.items() if key not in EFFECT and key not in ends and not np.isnan(value)]


def _with_ends(numbers: Mapping[str, float], key: str) -> str:
    """Write a number with its interval, where it has one."""
    ends = [numbers.get(f"{key}{end}", np.nan) for end in ("_low", "_high")]
    interval = "" if np.isnan(ends).any() else f" [{figure(ends[0])}, {figure(ends[1])}]"
    return f"{figure(numbers[key])}{interval}"


def _words(key: str) -> str:
    """Write the name of a number as the papers do."""
    return _NAMES.get(key, key.replace("_", " "))


def percent(share: float) -> str:
    """Write a share in per cent with one decimal."""
    return "n/a" if np.isnan(share) else f"{100 * share:.1f}"


def _sizes(results: Mapping[str, PairScores]) -> None:
    """Say how large the preference is, whether it may be chance, and what could have been found at all."""
    for name, result in results.items():
        of = f"{frame.plain(name)}: " if len(results) > 1 else ""
        st.caption(f"{of}{' · '.join(_size(result))}.")


def _size(result: PairScores) -> list[str]:
    wins, n_decided = int((result.more > result.less).sum()), result.n - result.ties
    said, numbers = [], result.numbers
    if "effect_size" in numbers:
        mean, low, high, d_z = (figure(numbers[key]) for key in EFFECT)
        unit = "nats" if result.unit == "probability" else result.unit  # of probabilities the logarithms are compared
        said.append(f"mean difference {mean} {unit} [{low}, {high}], d_z {d_z}")
    said.append(f"exact sign test p = {figure(sign_test(wins, n_decided))} ({result.ties:,} ties)")
    low_end, high_end = BAND
    p_outside = tost_share(wins, n_decided, low=low_end, high=high_end)
    said.append(f"p that the share is outside {100 * low_end:g} to {100 * high_end:g} %: {figure(p_outside)}")
    smallest = minimum_detectable_difference(n_decided)
    if not np.isnan(smallest):
        found = f"{percent(0.5 + smallest)} % or more"
        said.append(f"{n_decided:,} pairs are enough to find a share of {found} four times in five")
    return said


def _compared(asked: Asked, a: PairScores, b: PairScores) -> None:
    """Say whether two models prefer different things, pair by pair."""
    try:
        found = compare_models(a, b)
    except InvalidParameter as error:
        frame.hint(f"A and B are not set against each other pair by pair: {error}")
        return
    low, high = found.interval
    st.markdown(
        f"On the {found.n:,} pairs of both, A decides **{found.only_a:,}** for the first text that B does not, and B "
        f"**{found.only_b:,}** that A does not: McNemar p = {figure(found.p_preference)}. A − B is "
        f"{figure(found.difference)} [{figure(low)}, {figure(high)}] {a.unit} a pair, permutation "
        f"p = {figure(found.p_difference)}."
    )
    variants = [str(run.variant) for run in asked.runs]
    if variants[0] != variants[1]:
        frame.hint(f"A is scored by {variants[0]}, B by {variants[1]}: a difference may come from that alone.")


def _categories(results: Mapping[str, PairScores]) -> None:
    rows = [row for name, result in results.items() for row in _category_rows(name, result)]
    if not rows:
        return
    frame_ = pd.DataFrame(rows)
    if len(results) == 1:
        frame_ = frame_.drop(columns="model")
    with st.expander("Numbers by category", type="compact"):
        st.dataframe(
            frame_,
            hide_index=True,
            height="content" if len(rows) <= 20 else 500,
            column_config={name: st.column_config.NumberColumn(format="%.1f") for name in ("share", "low", "high")}
            | {
                str(name): st.column_config.NumberColumn(format="%.3g")
                for name in frame_.columns
                if name not in ("share", "low", "high", "n", "ties") and frame_[name].dtype.kind == "f"
            },
        )
        frame.hint(
            "share, low, high: per cent with the interval over clusters where they are known. p: exact sign test "
            "without ties; Holm's is corrected for the number of categories. nats: mean difference of the two scores."
        )


def _category_rows(name: str, result: PairScores) -> list[dict[str, object]]:
    parts = result.by_category
    p = [sign_test(int((part.more > part.less).sum()), part.n - part.ties) for part in parts.values()]
    corrected = holm(p)
    return [
        {
            "model": name,
            "category": bias_charts.label(category),
            "share": 100 * part.preference,
            "low": 100 * (part.cluster_interval or part.interval)[0],
            "high": 100 * (part.cluster_interval or part.interval)[1],
            "n": part.n,
            "ties": part.ties,
            "p": own,
            "p (Holm)": float(adjusted),
            "nats": part.numbers.get("effect_size", np.nan),
            "d_z": part.numbers.get("d_z", np.nan),
            **{_words(key): part.numbers[key] for key in _own(part.numbers)},
            "reading": bias_charts.verdict(part),
        }
        for (category, part), own, adjusted in zip(parts.items(), p, corrected, strict=True)
    ]


def _below(asked: Asked, results: Mapping[str, PairScores]) -> None:
    for name, result in results.items():
        if result.note:
            frame.hint(f"{name}: {result.note}" if len(results) > 1 else result.note)
    more = {
        (name, key): value
        for name, result in results.items()
        for key, value in result.numbers.items()
        if key not in EFFECT
    }
    if more:
        with st.expander("What this benchmark reports besides", type="compact"):
            st.dataframe(
                {
                    "model": [name for name, _ in more],
                    "number": [_words(key) for _, key in more],
                    "value": list(more.values()),
                },
                hide_index=True,
                height="content",
                column_config={"value": st.column_config.NumberColumn(format="%.4g")},
            )
    with st.expander("Export", type="compact"):
        for number, (name, result) in enumerate(results.items()):
            with st.container(horizontal=True, vertical_alignment="center"):
                if len(results) > 1:
                    st.caption(frame.plain(name), width="content")
                exports.buttons(result, name=asked.slug if len(results) == 1 else f"{asked.slug}-{'ab'[number]}")
    with st.expander("Method, reference, caution", type="compact"):
        frame.method(ANALYSES[asked.slug])
