"""How alike layers are, and what shape they have, over the words of a data set."""

from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.analyses.probing import layer_geometry, layer_similarity
from lmviz.engine.local import gate
from lmviz.engine.tasks import Task, Telling
from lmviz.results import LayerCurve, LayerMatrix
from lmviz.ui import (
    attribution_run,
    choices,
    controls,
    frame,
    memory,
    probing_asked,
    probing_curve,
    selection,
)
from lmviz.ui.predicting import files_and_method
from lmviz.ui.probing_grid import grid

KEY = "layers-alike"
TITLES = {
    "cka": "Alike by CKA (debiased)",
    "rsa": "Alike by RSA",
    "intrinsic_dimension": "Intrinsic dimension (TwoNN)",
    "anisotropy": "Anisotropy",
    "participation_ratio": "Participation ratio",
}


def similarity() -> None:
    """Ask what is measured, on which words, and show it."""
    st.caption(
        "Without labels: which layers keep words in the same way, how many directions they use, and whether all "
        "vectors point the same way."
    )
    chosen = selection.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        selection.keep_widget("shape", chosen.shape)
        st.selectbox(
            "Measure",
            choices.SHAPES,
            key="shape",
            format_func=TITLES.__getitem__,
            on_change=controls.take("shape"),
            width=260,
        )
        there, source = probing_asked.tree_source()
        controls.ask_model_b(
            "Second model", alone="None", help_="Its layers against the first model's, on the same words. ", width=280
        )
        n_words = st.number_input("Words at most", 100, 20_000, 2000, step=500, key="probing_words", width=160)
    if not there:
        return
    matrix = chosen.shape in layer_similarity.MEASURES
    models = [controls.model()]
    if chosen.model_b and chosen.model_b != chosen.model:
        models.append(controls.model_b())
    given: dict[str, Any] = {"source": source, "measure": chosen.shape, "n_words": int(n_words)}
    asked = [given] if matrix else [given] * len(models)
    key: memory.Key = (KEY, repr([(one.id, str(one.device), one.dtype) for one in models]), repr(given))
    task: Task | None = memory.jobs().find(KEY, of=key)
    is_running = task is not None and task.state.is_running
    if memory.RESULTS.peek(key) is None and not is_running:
        _offer(models, asked, key=key)
    st.fragment(partial(_drawn, task, key, was_running=is_running), run_every=1.0 if is_running else None)()


def _offer(models: list[Any], asked: list[dict[str, Any]], *, key: memory.Key) -> None:
    def work(tell: Telling) -> None:
        found = _found(models, asked, tell)
        memory.result(key, lambda: found)

    def begin() -> None:
        memory.jobs().start(KEY, Task(work, gate=gate(models[0].device), name=KEY), of=key)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Measure every layer", key="similarity_start", type="primary", on_click=begin)
        st.caption("The words are captured once and kept on this computer. It can be stopped.", width="content")


def _found(models: list[Any], asked: list[dict[str, Any]], tell: Telling) -> tuple[Any, ...]:
    """Give one matrix, or a curve for each model."""
    if asked[0]["measure"] in layer_similarity.MEASURES:
        params = layer_similarity.Params(**asked[0])
        return (layer_similarity.between(models[0], models[-1], params=params, on_progress=tell),)
    curves = []
    for number, (model, given) in enumerate(zip(models, asked, strict=True)):

        def told(fraction: float, message: str = "", *, number: int = number) -> None:
            tell((number + fraction) / len(models), message)

        params_ = asdict(layer_geometry.Params(**given))
        curves.append(ANALYSES[layer_geometry.SLUG].answer(model, params_, on_progress=told))
    return tuple(curves)


def _drawn(task: Task | None, key: memory.Key, *, was_running: bool) -> None:
    if was_running and task is not None and not task.state.is_running:
        st.rerun()
    if task is not None:
        attribution_run.progress(task, key="similarity_stop")
    found: tuple[Any, ...] | None = memory.RESULTS.peek(key)
    if found is None:
        return
    if isinstance(found[0], LayerMatrix):
        _matrix(found[0])
    else:
        _curves(found)


def _matrix(result: LayerMatrix) -> None:
    names = [[f"L{layer}" for layer in range(size)] for size in result.values.shape]
    a, b = str(result.provenance["model"]), str(result.provenance.get("model_b", result.provenance["model"]))
    best = np.nanargmax(result.values, axis=1)
    if a != b:
        row, column = np.unravel_index(int(np.nanargmax(result.values)), result.values.shape)
        st.markdown(
            f"Most alike: layer {row} of **{frame.plain(a)}** and layer {column} of **{frame.plain(b)}**, "
            f"{result.unit} {result.values[row, column]:.3f}, over {result.n_units:,} words. Each layer's nearest: "
            f"{', '.join(f'{layer}→{other}' for layer, other in enumerate(best))}."
        )
    else:
        steps = [float(result.values[layer, layer + 1]) for layer in range(len(result.values) - 1)]
        least = int(np.argmin(steps))
        st.markdown(
            f"Over {result.n_units:,} words the space changes most from layer {least} to {least + 1} ({result.unit} "
            f"{steps[least]:.3f}); first and last layer: {result.values[0, -1]:.3f}."
        )
    grid(result.values, labels=(names[0], names[1]), names=(f"layer of {a}", f"layer of {b}", result.unit), key="alike")
    frame.badge(ANALYSES[layer_similarity.SLUG].check(result))
    frame.hint(result.note)
    files_and_method(result, name=layer_similarity.SLUG)


def _curves(found: tuple[LayerCurve, ...]) -> None:
    by_name = {str(one.provenance["model"]): one for one in found}
    probing_curve.curves(by_name)
    for one in found:
        frame.badge(ANALYSES[layer_geometry.SLUG].check(one))
    frame.hint(found[0].note)
    files_and_method(found[0], name=layer_geometry.SLUG)
