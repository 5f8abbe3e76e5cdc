"""BertViz's views: what is packed for its scripts, when they are offered, and what happens when they change."""

import base64
import json
import re
from typing import Any

import numpy as np
import pytest

from lmviz.errors import FigureUnavailable, InvalidParameter, OverBudget
from lmviz.figures import bertviz_views
from lmviz.figures.bertviz_views import MAX_TOKENS, bertviz_html, bertviz_offered, view_script
from lmviz.results import AttentionPattern
from tests.figure_samples import attention

WORDS = tuple(f" w{i}" for i in range(6))


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="bertviz-data">(.*?)</script>', page)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def weights_of(page: str) -> np.ndarray:
    data = data_of(page)
    shape = (len(data["layers"]), len(data["heads"]), len(data["queries"]), len(data["keys"]))
    return np.frombuffer(base64.b64decode(data["weights"]), dtype="<u2").reshape(shape) / 65535


@pytest.mark.parametrize("view", ["head", "model"])
def test_weights_arrive_in_sixteen_bits(view: bertviz_views.View) -> None:
    result = attention(WORDS)
    np.testing.assert_allclose(weights_of(bertviz_html(result, view)), result.pattern, atol=1 / 65535)


def test_the_data_stand_there_once_and_small() -> None:
    result = attention(tuple("abcdefghijkl") * 4, layers=12, heads=12)
    page = bertviz_html(result, "model")
    assert page.count(data_of(page)["weights"]) == 1
    scripts = len(bertviz_html(attention(("a",)), "model"))
    assert len(page) - scripts < 2.8 * result.pattern.size  # BertViz writes about 46 bytes for each weight


def test_chosen_layers_keep_their_numbers() -> None:
    result = attention(WORDS, layers=4)
    page = bertviz_html(result, "model", layers=(3, 1))
    assert data_of(page)["layers"] == [3, 1]
    np.testing.assert_allclose(weights_of(page), result.pattern[[3, 1]], atol=1 / 65535)


def test_values_above_one_are_scaled_and_said() -> None:
    result = attention(WORDS)
    large = AttentionPattern(tokens=result.tokens, pattern=result.pattern * 30)
    assert "divided by the largest" in bertviz_html(large)
    assert weights_of(bertviz_html(large)).max() == pytest.approx(1.0)
    assert "divided by the largest" not in bertviz_html(result)


def test_a_pair_has_filters_and_a_single_text_none() -> None:
    boxes = [item["box"] for item in data_of(bertviz_html(attention(WORDS, segment_b=4)))["filters"]]
    assert boxes == [[0, 6, 0, 6], [0, 4, 0, 4], [4, 6, 4, 6], [0, 4, 4, 6], [4, 6, 0, 4]]
    assert len(data_of(bertviz_html(attention(WORDS)))["filters"]) == 1


def test_cross_attention_has_its_own_keys() -> None:
    pattern = np.full((2, 3, 2, 4), 0.25, dtype=np.float32)
    result = AttentionPattern(tokens=("a", "b"), pattern=pattern, key_tokens=("w", "x", "y", "z"), part="cross")
    data = data_of(bertviz_html(result))
    assert (data["queries"], data["keys"]) == (["a", "b"], ["w", "x", "y", "z"])
    assert data["filters"] == [{"name": "All", "box": [0, 2, 0, 4]}]


def test_offered_up_to_the_limit_and_not_beyond() -> None:
    fits, too_long = (attention(("a",) * size, layers=1, heads=1) for size in (MAX_TOKENS, MAX_TOKENS + 1))
    assert bertviz_offered(fits) is None
    assert str(MAX_TOKENS) in str(bertviz_offered(too_long))
    with pytest.raises(OverBudget, match="Shorten the text"):
        bertviz_html(too_long)


def test_many_heads_leave_the_head_view_and_fewer_layers() -> None:
    many = attention(("a",) * MAX_TOKENS, layers=30, heads=9)
    reason = bertviz_offered(many, view="model")
    assert reason is not None
    assert bertviz_offered(many, view="model", n_layers=16) is None
    assert bertviz_offered(many, view="model", n_layers=17) is not None
    assert bertviz_offered(many, view="head") is None


def test_the_remedy_names_a_length_that_fits() -> None:
    reason = bertviz_offered(attention(("a",) * MAX_TOKENS, layers=30, heads=9), view="model")
    assert reason is not None and "layers" not in reason
    tokens = int(re.findall(r"Shorten the text to about (\d+) tokens", reason)[0])
    assert bertviz_offered(attention(("a",) * tokens, layers=30, heads=9), view="model") is None
    assert bertviz_offered(attention(("a",) * (tokens + 1), layers=30, heads=9), view="model") is not None


@pytest.mark.parametrize("layers", [(2,), (-1,), ()])
def test_layers_that_are_not_there_are_refused(layers: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameter, match="Choose layers from 0 to 1"):
        bertviz_html(attention(WORDS), layers=layers)


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="Choose 'head' or 'model'"):
        bertviz_html(attention(WORDS), "neuron")  # type: ignore[arg-type]


def test_another_layout_of_bertviz_is_named() -> None:
    with pytest.raises(FigureUnavailable, match=r"Install bertviz 1\.4\.1"):
        view_script("const parameters = PYTHON_PARAMS;")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bertviz_views._PACKAGES, "lost", ("no_such_package_here", "x.js"))
    with pytest.raises(FigureUnavailable, match="no_such_package_here"):
        bertviz_views._script("lost")
