"""The files of the attention page hold the numbers and say where they come from."""

import io
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from lmviz.ui import attention, exports, memory
from lmviz.ui.attention import Look
from lmviz.ui.selection import Selection


@pytest.fixture
def look(folder: Callable[[str], str]) -> Look:
    name = folder("bert")
    return attention.look(memory.model(name), Selection(model=name, text='a "cat, sat\n# on'))


def test_tables_begin_with_where_they_come_from_and_hold_the_numbers(look: Look) -> None:
    pattern = look.result.pattern
    for written, values in (
        (exports.matrix_csv(look, (pattern[1, 2], "L1H2")), pattern[1, 2]),
        (exports.heads_csv(look), pattern),
    ):
        first = written.decode().splitlines()[0]
        assert first.startswith("# ")
        assert "Attention pattern" in first
        assert "revision" in first
        assert '"' not in first
        table = pd.read_csv(io.BytesIO(written), skiprows=1)
        np.testing.assert_allclose(table.iloc[:, -1].to_numpy(), values.ravel(), rtol=1e-6)
        assert set(table["query_token"].astype(str)) >= {"[CLS]", "[SEP]"}


def test_json_holds_the_matrix_its_tokens_and_its_provenance(look: Look) -> None:
    found = json.loads(exports.matrix_json(look, (look.result.pattern[1, 2], "L1H2")))
    np.testing.assert_array_equal(np.array(found["values"], dtype=np.float32), look.result.pattern[1, 2])
    assert found["label"] == "L1H2"
    assert len(found["query_tokens"]) == len(found["key_tokens"]) == look.result.pattern.shape[-1]
    assert found["provenance"]["model"] == look.result.provenance["model"]
    assert json.loads(exports.heads_json(look))["type"] == "AttentionPattern"
