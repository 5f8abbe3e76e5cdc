"""Tables of tokens of tiny models, one per style of tokenizer."""

from functools import cache

import lmviz
from lmviz.capture.tokens import encode
from lmviz.models.loaded import LoadedModel
from lmviz.results import TokenTable
from tests.tiny import tiny

STYLES = ("bert", "gpt2", "llama", "roberta", "t5")


@cache
def model(family: str) -> LoadedModel:
    """Give the tiny model of a family, made once."""
    return lmviz.wrap(*tiny(family))


def table_of(family: str, text: str, pair: str | None = None) -> TokenTable:
    """Give the tokens of a text, or of two."""
    return encode(model(family), text, pair).table
