"""Prompts with counterfactuals are read row by row; a broken row is told by its line."""

from pathlib import Path

import pytest

from lmviz.assets import assets
from lmviz.datasets.mediation import MediationRow, read
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter

HEADER = "prompt,counterfactual,stereotypical,antistereotypical"


def test_a_row_has_two_prompts_and_two_continuations() -> None:
    content = f"{HEADER},cluster\nThe nurse said that,The man said that, she ,he,said\n".encode()
    assert list(read(content, kind="csv")) == [
        MediationRow(2, "The nurse said that", "The man said that", "she", "he", "", "said")
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("The nurse,The nurse,she,he", "prompt and counterfactual are the same"),
        ("The nurse,The man,he,he", "both continuations are the same"),
        ("The nurse,,she,he", "its counterfactual is empty"),
        ("The nurse,The man,she", "it has 3 fields"),
    ],
)
def test_a_broken_row_is_told_and_the_rest_goes_on(row: str, reason: str) -> None:
    content = f"{HEADER}\n{row}\nThe maid,The man,she,he\n".encode()
    broken, good = read(content, kind="csv")
    assert isinstance(broken, BrokenRow)
    assert broken.line == 2
    assert reason in broken.reason
    assert isinstance(good, MediationRow)


def test_a_file_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("prompt,other\na,b\n")
    with pytest.raises(InvalidParameter, match="no column counterfactual"):
        list(read(path))


def test_what_ships_is_balanced() -> None:
    rows = list(read(assets() / "bias" / "mediation.csv"))
    good = [row for row in rows if isinstance(row, MediationRow)]
    assert len(good) == len(rows) == 48
    assert len({(row.prompt, row.counterfactual) for row in good}) == 48
    assert sum(row.stereotypical == "she" for row in good) == 24
    clusters = [row.cluster for row in good]
    assert {clusters.count(cluster) for cluster in clusters} == {4}
