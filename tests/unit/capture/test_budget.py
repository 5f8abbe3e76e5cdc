"""A job is estimated before it runs: bytes close to what is kept, and refused over the limit."""

import pytest

import lmviz
from lmviz.capture import budget
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from lmviz.errors import InvalidParameter, OverBudget
from tests.tiny import tiny

PLACES = ("pattern", "resid_pre", "resid_post", "query", "key", "moved_norm", "added")


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5"])
def test_megabytes_cover_what_is_kept_and_not_much_more(family):
    model = lmviz.wrap(*tiny(family))
    encoding = encode(model, "the cat sat on the mat because it was tired " * 4)
    for places in (("pattern",), PLACES):
        kept = sum(array.nbytes for array in trace(model, encoding, places).arrays.values()) / 1e6
        predicted = budget.estimate(model, len(encoding.table), places=places).megabytes
        assert kept < predicted < 5 * kept  # one layer at work counts much where there are only two


def test_longer_takes_longer():
    model = lmviz.wrap(*tiny("gpt2"))
    short, long = (budget.estimate(model, n, places=("pattern",)) for n in (20, 100))
    assert 0 < short.seconds < long.seconds
    assert short.megabytes < long.megabytes


def test_over_the_limit_is_refused_with_numbers_and_a_remedy(monkeypatch):
    model = lmviz.wrap(*tiny("gpt2"))
    monkeypatch.setenv(budget.LIMIT_VARIABLE, "0.1")
    with pytest.raises(OverBudget, match=r"about .* s and .* MB here; the limit is 0.1 MB. Choose a shorter text"):
        budget.check(model, 100, places=("pattern",))
    monkeypatch.setenv(budget.LIMIT_VARIABLE, "1000")
    assert budget.check(model, 100, places=("pattern",)).megabytes < 1000
    monkeypatch.setenv(budget.LIMIT_VARIABLE, "much")
    with pytest.raises(InvalidParameter, match="write a number of megabytes"):
        budget.limit_megabytes()


def test_the_default_limit_is_a_share_of_what_is_free(monkeypatch):
    monkeypatch.delenv(budget.LIMIT_VARIABLE, raising=False)
    assert 0 < budget.limit_megabytes() < 10**7
