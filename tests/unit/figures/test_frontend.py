"""The explorer's files join into modules that say what they export and fetch nothing."""

import re

import pytest

from lmviz.figures import frontend


def test_only_the_modules_have_a_default_export() -> None:
    assert frontend.explorer_module().count("export default") == 1
    assert frontend.pipe_module().count("export default") == 1
    assert "export " not in frontend.explorer_script()
    assert "function mountExplorer" in frontend.explorer_script()


@pytest.mark.parametrize(
    "give", [frontend.explorer_module, frontend.pipe_module, frontend.explorer_script, frontend.explorer_style]
)
def test_nothing_is_fetched_and_no_text_becomes_markup(give: object) -> None:
    assert callable(give)
    text = re.sub(r"http://www\.w3\.org/\S+", "", give())  # names of formats, not addresses
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "http://",
        "https://",
        "fetch(",
        "eval(",
        "@import",
    ):
        assert forbidden not in text, forbidden


def test_every_top_level_name_is_declared_once() -> None:
    names = re.findall(r"^(?:const|let|class|function)\s+(\w+)", frontend.explorer_module(), flags=re.MULTILINE)
    assert len(names) > 50
    assert len(names) == len(set(names))
