"""What the tokens of a vocabulary say, written so that two vocabularies can be compared string by string."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Int64

from lmviz.capture.tokens import readable
from lmviz.capture.words import word_numbers
from lmviz.models.loaded import LoadedModel

Strings = tuple[str | None, ...]  # None: a row of the model's that is no token


@dataclass(frozen=True, eq=False)
class SharedStrings:
    """The strings that two vocabularies have in common, and which tokens of each they are.

    Several tokens can be one string (',' and ' ,'; 'Paris' and 'paris' where one of the models sees no capitals):
    their probabilities then belong together.
    """

    strings: tuple[str, ...]  # sorted; those of one and the same vocabulary in its order
    a: Int64[np.ndarray, " token_a"]  # which of the strings each token of the vocabulary is; -1: none
    b: Int64[np.ndarray, " token_b"]
    is_same_vocabulary: bool  # each token is then compared with itself
    is_folded: bool  # capitals or accents were dropped, since one of the two models does not see them


def shared_strings(a: LoadedModel, b: LoadedModel, *, sizes: tuple[int, int]) -> SharedStrings:
    """Find what two models can both say in one token.

    A token that begins a word is written with a blank before it, one that continues a word without: WordPiece's 'cat'
    and byte-level ' cat' are ' cat', WordPiece's '##ing' and byte-level 'ing' are 'ing'. WordPiece makes no such
    difference for punctuation and for scripts without blanks, so none is made there: ',' and ' ,' are ','. Where one
    of the two tokenizers drops capitals or accents, both sides are read without. Special tokens are what they are
    called. Other ways of marking words ('cat</w>') are taken as they are.

    Args:
        a: One model.
        b: The other.
        sizes: How many tokens each of them gives probabilities of; rows beyond the tokenizer's are no strings.

    Returns:
        The shared strings; where both vocabularies are one list of tokens, all of them.
    """
    left, right = (_raw(model.tokenizer, size) for model, size in zip((a, b), sizes, strict=True))
    if left == right:
        own = np.arange(sizes[0], dtype=np.int64)
        names = tuple("" if raw is None else readable(a.tokenizer, raw) for raw in left)
        return SharedStrings(names, own, own, is_same_vocabulary=True, is_folded=False)
    drops = [_drops(model.tokenizer) for model in (a, b)]
    capitals, accents = (any(dropped) for dropped in zip(*drops, strict=True))
    keys = [
        tuple(_folded(key, capitals=capitals, accents=accents) for key in _keys(model.tokenizer, size))
        for model, size in zip((a, b), sizes, strict=True)
    ]
    strings = sorted({key for key in keys[0] if key is not None}.intersection(keys[1]))
    slot: dict[str | None, int] = {string: number for number, string in enumerate(strings)}
    slots = [np.array([slot.get(key, -1) for key in own], dtype=np.int64) for own in keys]
    return SharedStrings(tuple(strings), slots[0], slots[1], is_same_vocabulary=False, is_folded=capitals or accents)


def _raw(tokenizer: Any, size: int) -> Strings:
    """List the vocabulary's own spellings."""
    n_known = min(size, len(tokenizer))
    return (*tokenizer.convert_ids_to_tokens(list(range(n_known))), *([None] * (size - n_known)))


_known: WeakKeyDictionary[Any, dict[int, Strings]] = WeakKeyDictionary()


def _keys(tokenizer: Any, size: int) -> Strings:
    """Write every token with a blank where it begins a word; made once for each tokenizer."""
    made = _known.setdefault(tokenizer, {})
    if size not in made:
        special, is_word_piece = frozenset(tokenizer.all_special_tokens), _is_word_piece(tokenizer)
        made[size] = tuple(
            raw if raw is None or raw in special else _key(readable(tokenizer, raw), is_word_piece=is_word_piece)
            for raw in _raw(tokenizer, size)
        )
    return made[size]


def _key(token: str, *, is_word_piece: bool) -> str:
    if is_word_piece:
        token = token[2:] if token.startswith("##") and len(token) > 2 else f" {token}"
    rest = token[1:]
    is_unmarked = token.startswith(" ") and rest[:1].strip() and not _joins_words(rest[0])
    return rest if is_unmarked else token


@lru_cache(maxsize=10_000)
def _joins_words(letter: str) -> bool:
    """Say whether a letter makes one word with a letter after it: not so punctuation or Chinese."""
    return letter.isalnum() and word_numbers(letter + "a") == [0, 0]


def _is_word_piece(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return hasattr(tokenizer, "wordpiece_tokenizer")
    return getattr(backend.model, "continuing_subword_prefix", None) == "##"


def _drops(tokenizer: Any) -> tuple[bool, bool]:
    """Say whether a tokenizer drops capitals and whether it drops accents."""

    def same(one: str, other: str) -> bool:
        found = tokenizer.tokenize(one)
        return found == tokenizer.tokenize(other) and tokenizer.unk_token not in found

    return same("A E", "a e"), same("é", "e")


def _folded(key: str | None, *, capitals: bool, accents: bool) -> str | None:
    if key is None or not (capitals or accents):
        return key
    if accents:
        key = "".join(letter for letter in unicodedata.normalize("NFD", key) if unicodedata.category(letter) != "Mn")
    return key.lower() if capitals else key
