"""Controls of questions about heads: each form draws what it hangs on, and nothing else tells."""

from collections import Counter
from pathlib import Path

import numpy as np

import lmviz
from lmviz.analyses.probing.attachment import RULES, TREE_RULES, attached, control_heads, rule_of
from lmviz.analyses.probing.probe_run import CONTROL, TASK, Params, ProbeRun, Step, probe_run
from lmviz.analyses.probing.tasks import HEAD
from lmviz.analyses.probing.trees import ROOT, checked_heads
from tests.tiny import tiny
from tests.trees import many, written


def pairs(tmp_path: Path) -> ProbeRun:
    source = written(tmp_path, many(120))
    return probe_run("linear", lmviz.wrap(*tiny("bert")), params=Params(source=source, task="head", n_seeds=3))


def first_token(run: ProbeRun, text: int, span: tuple[int, int]) -> int:
    return int(run.capture.tokens.pieces(text, [span])[0])


def test_forms_draw_each_rule_as_often() -> None:
    counts = Counter(rule_of(f"word{number}", seed=0) for number in range(9000))
    assert all(abs(counts[rule] / 9000 - 1 / 3) < 0.02 for rule in range(3))
    assert rule_of("山\ud800", seed=1) in range(3)
    assert any(rule_of(form, seed=0) != rule_of(form, seed=1) for form in ("a", "b", "c", "d", "e", "f"))


def test_a_head_is_what_the_rule_of_the_form_names_and_any_other_word_is_not(tmp_path: Path) -> None:
    run = pairs(tmp_path)
    material = run.material
    for seed in (0, 7):
        found = attached(material, run.found, seed=seed)
        np.testing.assert_array_equal(found.runs[0].tokens, run.found.runs[0].tokens)
        np.testing.assert_array_equal(found.is_there, run.found.is_there)
        n_wrong: Counter[int] = Counter()
        for part, text in enumerate(material.text_of.tolist()):
            rows = [tuple(map(int, span)) for span in material.spans[material.text_of == text].reshape(-1, 2)]
            own = tuple(map(int, material.spans[part, 0]))
            names = [own, min(rows), max(rows)]
            rule = rule_of(material.texts[text][slice(*own)], seed=seed)
            token = int(found.runs[1].of(np.array([part])).tokens[0])
            at = [first_token(run, text, name) for name in names]  # type: ignore[arg-type]
            if material.labels[material.label[part]] == HEAD:
                assert token == at[rule]
            else:
                assert token != at[rule]
                assert token in at
                n_wrong[at.index(token)] += 1
        assert len(n_wrong) == len(RULES)


def test_the_control_of_a_run_has_the_same_labels_on_other_pairs(tmp_path: Path) -> None:
    run = pairs(tmp_path)
    steps = [Step(0, CONTROL, seed) for seed in range(3)]
    for step in steps:
        np.testing.assert_array_equal(run.labels(step), run.material.label)
        assert run.pieces(step) is run.pieces(step)
    assert run.pieces(Step(0, TASK, 0)) is run.found
    assert not np.array_equal(run.pieces(steps[0]).runs[1].tokens, run.pieces(steps[1]).runs[1].tokens)


def test_trees_of_the_control_are_trees_that_forms_have_drawn() -> None:
    generator = np.random.default_rng(0)
    seen: Counter[int] = Counter()
    for _ in range(300):
        n = int(generator.integers(2, 20))
        forms = [f"word{number}" for number in generator.integers(0, 60, size=n)]
        kept = sorted(generator.permutation(n)[: int(generator.integers(1, n + 1))].tolist())
        heads = control_heads(forms, kept, seed=3)
        checked_heads(heads)
        assert heads[kept[0]] == ROOT
        for place in range(n):
            if place in kept[1:-1]:
                rule = rule_of(forms[place], seed=3)
                seen[rule] += 1
                assert heads[place] == (kept[kept.index(place) - 1], kept[0], kept[-1])[rule]
            elif place != kept[0]:
                assert heads[place] == kept[0]
    assert len(seen) == len(TREE_RULES)
    assert control_heads(["a"], [], seed=0) == (ROOT,)
    checked_heads(control_heads(["a", "b", "c"], [], seed=0))
