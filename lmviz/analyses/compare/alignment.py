"""Which tokens of two inputs belong together: by the words they stand in, however each tokenizer cuts them.

A token covers characters, characters make words (the same for every tokenizer, see `lmviz.capture.words`), and the
words of the two texts are paired in order. Tokens that share a word, or reach over several, become one unit with
everything between them, so that every position of either side is in exactly one unit. Blanks that are tokens of their
own count to the word after them, as the blank inside ' cat' does.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

from lmviz.capture.words import word_numbers
from lmviz.results import Alignment, TokenTable

_MASK = "\0mask"  # the mask of any model is one word, the same in all of them
_ROLES = ("first", "between", "last")
Step = tuple[int | None, int | None]  # a word of A, a word of B; None: the other has no such word here


@dataclass(frozen=True)
class _Unit:
    text: str
    a: tuple[int, ...]
    b: tuple[int, ...]
    special: bool = False
    is_replaced: bool = False  # A has a word here and B another one in its place


@dataclass(frozen=True)
class _Words:
    """The words of one segment of one side, and which of them each of its positions covers: first and last."""

    text: str
    keys: tuple[str, ...]
    extents: tuple[tuple[int, int], ...]  # characters
    positions: tuple[tuple[int, tuple[int, int] | None], ...]


def align(a: TokenTable, b: TokenTable, *, masks: tuple[str | None, str | None] = (None, None)) -> Alignment:
    """Find the units that two inputs have in common, and those that only one of them has.

    One text: the words are those of the text. Two texts: equal words, whatever their case, are paired in order by
    difflib (Ratcliff & Metzener, 1988); between them, as many words here as there are taken for replaced, one by one
    ("nurse/mechanic"), and other words stay alone. Where both sides cut what they share into
    the same tokens, the units are tokens, else words. A special token that the tokenizer put there is a unit of its
    own and goes with the other side's in the same place: before the text, between its two parts, or after it; where
    one side has more of them there, they are taken together. Align(b, a) is the mirror of align(a, b).

    Args:
        a: The tokens of A.
        b: The tokens of B.
        masks: How each model writes its mask token: masks go together although their characters differ. Where one has
            none (None), the other's is looked for in its text.

    Returns:
        Units in reading order.
    """
    frames = {role: _framed(a, b, role) for role in _ROLES}
    left, right = masks[0] or masks[1], masks[1] or masks[0]
    parts = [_segment(_words(a, left, segment), _words(b, right, segment)) for segment in (0, 1)]
    units = [*frames["first"], *parts[0], *frames["between"], *parts[1], *frames["last"]]
    is_cut_alike = all(_is_cut_alike(unit, a, b) for unit in units)
    if is_cut_alike:
        units = [token for unit in units for token in _tokens_of(unit, a, b)]
    return Alignment(
        texts=tuple(unit.text for unit in units),
        a=tuple(unit.a for unit in units),
        b=tuple(unit.b for unit in units),
        special=tuple(unit.special for unit in units),
        unit="token" if is_cut_alike else "word",
    )


def _is_frame(table: TokenTable, position: int) -> bool:
    """Say whether a tokenizer put this token there by itself; a special token that was typed covers characters."""
    start, end = table.spans[position]
    return table.special[position] and start == end


def _framed(a: TokenTable, b: TokenTable, role: str) -> list[_Unit]:
    """Put the special tokens of one place side by side: one by one, or all together where their numbers differ."""
    left, right = _frames(a, role), _frames(b, role)
    if len(left) == len(right):
        return [_Unit(a.tokens[i], (i,), (j,), special=True) for i, j in zip(left, right, strict=True)]
    if left and right:
        return [_Unit("".join(a.tokens[i] for i in left), tuple(left), tuple(right), special=True)]
    return [
        *(_Unit(a.tokens[i], (i,), (), special=True) for i in left),
        *(_Unit(b.tokens[j], (), (j,), special=True) for j in right),
    ]


def _frames(table: TokenTable, role: str) -> list[int]:
    content = [position for position in range(len(table)) if not _is_frame(table, position)]
    first, last = (content[0], content[-1]) if content else (len(table), len(table))
    frames = [position for position in range(len(table)) if _is_frame(table, position)]
    roles = {p: "first" if p < first else "last" if p > last else "between" for p in frames}
    return [position for position in frames if roles[position] == role]


def _words(table: TokenTable, mask: str | None, segment: int) -> _Words:
    """Find the words of a segment and which of them each of its tokens covers."""
    text = (table.text if segment == 0 else table.text_pair) or ""
    numbers, extents = _numbered(text, mask)
    keys = tuple(_MASK if text[start:end] == mask else text[start:end].casefold() for start, end in extents)
    content = [p for p in range(len(table)) if table.segments[p] == segment and not _is_frame(table, p)]
    covered = {position: [n for n in numbers[slice(*table.spans[position])] if n >= 0] for position in content}
    positions = tuple((position, (own[0], own[-1]) if own else None) for position, own in covered.items())
    return _Words(text, keys, extents, positions)


def _numbered(text: str, mask: str | None) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Number the words of a text character by character, -1 for blanks; a mask is one word."""
    labels: list[object] = [number if number >= 0 else None for number in word_numbers(text)]
    for found in re.finditer(re.escape(mask), text) if mask else ():
        labels[found.start() : found.end()] = [f"mask {found.start()}"] * len(found[0])
    starts = [i for i, label in enumerate(labels) if label is not None and (i == 0 or labels[i - 1] != label)]
    numbers, extents = [-1] * len(text), []
    for number, start in enumerate(starts):
        end = next((i for i in range(start, len(text)) if labels[i] != labels[start]), len(text))
        numbers[start:end] = [number] * (end - start)
        extents.append((start, end))
    return numbers, tuple(extents)


def _segment(a: _Words, b: _Words) -> list[_Unit]:
    """Cut one segment of both sides into units."""
    steps = _steps(a.keys, b.keys)
    is_glued = [False] * len(steps)  # to the step after it
    places = tuple(_places(words, [step[side] for step in steps]) for side, words in enumerate((a, b)))
    for first, last in (place for side in places for place in side.values()):
        is_glued[first:last] = [True] * (last - first)
    unit_of = [0, *accumulate(not glued for glued in is_glued)]
    n_units = unit_of[len(steps) - 1] + 1 if steps else 0
    left, right = (_grouped(words, place, unit_of) for words, place in zip((a, b), places, strict=True))
    replaced = frozenset(unit for step, unit in zip(steps, unit_of, strict=False) if _is_replaced((a, b), step))
    texts = _texts((a, b), steps, unit_of, replaced)
    numbers = (*range(n_units), -1)  # -1: of a tokenizer that says of no token where it stands
    units = [
        _Unit(texts.get(n, ""), tuple(left.get(n, ())), tuple(right.get(n, ())), is_replaced=n in replaced)
        for n in numbers
    ]
    return [unit for unit in units if unit.a or unit.b]


def _steps(a: Sequence[str], b: Sequence[str]) -> list[Step]:
    """Pair equal words in order, and replaced ones between them; one order of the texts serves for both.

    What difflib finds depends on which comes first. Texts without an equal word are not taken for each other's.
    """
    if tuple(b) < tuple(a):
        return [(left, right) for right, left in _steps(b, a)]
    steps: list[Step] = []
    found = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    has_equal = any(tag == "equal" for tag, *_ in found)
    for tag, i, i_end, j, j_end in found:
        if tag == "equal" or (tag == "replace" and has_equal and i_end - i == j_end - j):
            steps += zip(range(i, i_end), range(j, j_end), strict=True)
        else:
            steps += [(word, None) for word in range(i, i_end)]
            steps += [(None, word) for word in range(j, j_end)]
    return steps


def _places(words: _Words, order: Sequence[int | None]) -> dict[int, tuple[int, int]]:
    """Give the first and last step that each position covers."""
    step_of = {word: step for step, word in enumerate(order) if word is not None}
    return {position: (step_of[own[0]], step_of[own[1]]) for position, own in words.positions if own is not None}


def _grouped(words: _Words, place: dict[int, tuple[int, int]], unit_of: Sequence[int]) -> dict[int, list[int]]:
    """Give the positions of each unit; one that covers no word goes with the next that does, the last ones with it."""
    found = {position: unit_of[first] for position, (first, _) in place.items()}
    following = -1
    nearest: dict[int, int] = {}
    for position, _ in reversed(words.positions):
        following = nearest[position] = found.get(position, following)
    last = max(found.values(), default=-1)
    grouped: dict[int, list[int]] = {}
    for position, _ in words.positions:
        unit = nearest[position] if nearest[position] >= 0 else last
        grouped.setdefault(unit, []).append(position)
    return grouped


def _texts(
    sides: tuple[_Words, _Words], steps: Sequence[Step], unit_of: Sequence[int], replaced: frozenset[int]
) -> dict[int, str]:
    """Give the characters of each unit as A has them, or B where A has none; both where B has replaced them."""
    sides_texts: list[dict[int, str]] = []
    for side in (0, 1):
        own: dict[int, list[int]] = {}
        for step, unit in zip(steps, unit_of, strict=False):
            word = step[side]
            if word is not None:
                own.setdefault(unit, []).append(word)
        extents = sides[side].extents
        sides_texts.append({unit: sides[side].text[extents[n[0]][0] : extents[n[-1]][1]] for unit, n in own.items()})
    left, right = sides_texts
    return {**right, **{unit: f"{text}/{right[unit]}" if unit in replaced else text for unit, text in left.items()}}


def _is_replaced(sides: tuple[_Words, _Words], step: Step) -> bool:
    a, b = step
    return a is not None and b is not None and sides[0].keys[a] != sides[1].keys[b]


def _is_cut_alike(unit: _Unit, a: TokenTable, b: TokenTable) -> bool:
    """Say whether both sides cut a unit into the same tokens, a blank before them apart; a single token is a whole."""
    left, right = ([t.tokens[p].strip() for p in places] for t, places in ((a, unit.a), (b, unit.b)))
    return not left or not right or left == right or len(left) == len(right) == 1


def _tokens_of(unit: _Unit, a: TokenTable, b: TokenTable) -> Iterable[_Unit]:
    """Split a unit into its tokens."""
    if len(unit.a) == len(unit.b) == 1 and not unit.special:
        token = a.tokens[unit.a[0]]
        blank = token[: len(token) - len(token.lstrip())]
        yield _Unit(blank + unit.text if unit.is_replaced else token, unit.a, unit.b)
        return
    for n in range(max(len(unit.a), len(unit.b))):
        left, right = unit.a[n : n + 1], unit.b[n : n + 1]
        yield _Unit(a.tokens[left[0]] if left else b.tokens[right[0]], left, right, unit.special)
