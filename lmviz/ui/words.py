"""The answer in words: what a matrix of attention shows, in one sentence."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lmviz.results import TokenTable
from lmviz.ui.frame import plain
from lmviz.ui.view import View

WORTH_SAYING = 0.3
WHOLE = 1.05  # rows of shares sum to at most one, give or take rounding; rows of maxima and of lengths to more


def number(value: float) -> str:
    """Write a number with three significant digits."""
    return (f"{value:#.3g}" if value else "0") if abs(value) < 1000 else f"{value:,.0f}"


def habit(shares: Mapping[str, float]) -> str:
    """Say what a head does throughout the text, when it does one thing mostly; else nothing.

    Args:
        shares: How much of its attention goes where, by words that end "looks mostly ...".
    """
    known = {where: share for where, share in shares.items() if np.isfinite(share)}
    where = max(known, key=lambda name: known[name], default="")
    if not where or known[where] < WORTH_SAYING:
        return ""
    return f"looks mostly {where} ({number(known[where])} on average)"


@dataclass(frozen=True)
class Group:
    """What one row or one column of the picture stands for: a token, or a word when pieces are merged."""

    name: str
    positions: tuple[int, ...]
    is_special: bool
    is_punctuation: bool
    segment: int

    @property
    def quoted(self) -> str:
        """Write it as it is read, safe in Markdown."""
        shown = plain(self.name.strip() or "␣", longest=40)
        if any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in self.name):
            shown = f"\u2068{shown}\u2069"  # isolated, so that quotes and numbers beside it stay in their order
        return f"“{shown}”"


@dataclass(frozen=True, eq=False)
class Seen:
    """What the picture draws of a matrix: the shown rows and columns, and a number for each pair of them."""

    rows: tuple[Group, ...]
    cols: tuple[Group, ...]
    values: np.ndarray
    hidden: np.ndarray  # per row, what goes to columns that are not shown; NaN where rows are no shares

    def locked(self, view: View, side: str) -> list[int]:
        """Give the indices of the rows ("q") or columns ("k") that hold a locked token."""
        wanted = {position for where, position in view.locked if where == side}
        groups = self.rows if side == "q" else self.cols
        return [index for index, group in enumerate(groups) if wanted & set(group.positions)]


def groups(table: TokenTable, *, words: bool) -> list[Group]:
    """Give one group per token, or per word; special tokens stay on their own."""
    runs: list[list[int]] = []
    for position in range(len(table)):
        before = runs[-1][0] if runs else None
        is_piece = words and before is not None and table.words[position] >= 0 and not table.special[position]
        if is_piece and not table.special[before or 0] and table.words[before or 0] == table.words[position]:
            runs[-1].append(position)
        else:
            runs.append([position])
    return [_group(table, tuple(run)) for run in runs]


def _group(table: TokenTable, positions: tuple[int, ...]) -> Group:
    texts = [table.tokens[position] for position in positions]
    return Group(
        name=texts[0] + "".join(text.removeprefix("##") for text in texts[1:]),
        positions=positions,
        is_special=all(table.special[position] for position in positions),
        is_punctuation=all(_is_punctuation(text) for text in texts),
        segment=table.segments[positions[0]],
    )


def _is_punctuation(text: str) -> bool:
    bare = text.strip()
    return bool(bare) and all(unicodedata.category(letter).startswith("P") for letter in bare)


def _is_shown(group: Group, view: View, *, sentence: str) -> bool:
    if group.is_special and view.hide_special:
        return False
    if group.is_punctuation and view.hide_punctuation and not group.is_special:
        return False
    return view.filter == "all" or group.segment == (sentence == "b")


def seen(matrix: np.ndarray, view: View, *, tables: tuple[TokenTable, TokenTable]) -> Seen:
    """Give what the picture draws, by its own rules: nothing is renormalised; words sum keys and average queries."""
    values = np.nan_to_num(matrix)
    every = [groups(table, words=view.words) for table in tables]
    if view.words:  # the groups are runs that follow each other without gaps
        starts = [[group.positions[0] for group in side] for side in every]
        sizes = np.array([len(group.positions) for group in every[0]])
        summed = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0, dtype=np.float64), starts[1], axis=1)
        values = (summed / sizes[:, np.newaxis]).astype(np.float32)
    rows, cols = (
        [index for index, group in enumerate(side) if _is_shown(group, view, sentence=sentence)]
        for side, sentence in zip(every, view.filter if view.filter != "all" else ("", ""), strict=True)
    )
    shown = ([every[0][row] for row in rows], [every[1][col] for col in cols])
    drawn, totals = values[np.ix_(rows, cols)], values[rows].sum(axis=1)
    hidden = np.where(totals <= WHOLE, totals - drawn.sum(axis=1), np.nan)
    return Seen(tuple(shown[0]), tuple(shown[1]), drawn, hidden)


def answer(shown: tuple[np.ndarray, str], view: View, *, tables: tuple[TokenTable, TokenTable], doing: str = "") -> str:
    """Say what is seen: where the locked token looks, or else the strongest pair in the picture.

    Args:
        shown: What is drawn, and its name, as in L5H1.
        view: The state of the picture.
        tables: Tokens of the queries and of the keys.
        doing: What `habit` said of this head.

    Returns:
        One sentence in Markdown.
    """
    label, found = shown[1], seen(shown[0], view, tables=tables)
    if not found.values.size:
        return f"{label} {doing}." if doing else ""
    rows, cols = found.locked(view, "q"), found.locked(view, "k")
    if rows or cols:
        return _of_locked(found, rows, cols, label=label)
    best = int(found.values.argmax())
    value = float(found.values.flat[best])
    if value <= 0:
        return f"{label} {doing}." if doing else ""
    source, target = found.rows[best // len(found.cols)], found.cols[best % len(found.cols)]
    lead = f"{label} {doing}. Its strongest link" if doing else f"The strongest link in {label}"
    return f"{lead} goes from {source.quoted} to {target.quoted}: **{number(value)}**."


def _of_locked(found: Seen, rows: list[int], cols: list[int], *, label: str) -> str:
    """Say where locked rows look, who looks at locked columns, or what runs between both; several are added up."""
    source, target = _names([found.rows[row] for row in rows]), _names([found.cols[col] for col in cols])
    verb = "looks" if len(rows) == 1 else "look together"
    if rows and cols:
        total = float(found.values[np.ix_(rows, cols)].sum())
        return f"{source} {verb} at {target} in {label}: **{number(total)}**."
    if rows:
        row = found.values[rows].sum(axis=0)
        best, hidden = int(row.argmax()), float(found.hidden[rows].sum())
        most, value = found.cols[best].quoted, number(float(row[best]))
        if hidden > row[best]:
            lead = f"{source} {verb} mostly at hidden tokens in {label} ({number(hidden)})"
            return f"{lead}; of those shown, at {most}: **{value}**."
        return f"{source} {verb} mostly at {most} in {label}: **{value}**."
    column = found.values[:, cols].sum(axis=1)
    best = int(column.argmax())
    return f"{target} in {label} is looked at most by {found.rows[best].quoted}: **{number(float(column[best]))}**."


def _names(chosen: list[Group]) -> str:
    more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
    return " and ".join(group.quoted for group in chosen[:3]) + more
