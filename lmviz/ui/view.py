"""What is seen on the attention page, as the component's JSON and as a few short words in the link."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

SHOWN = ("head", "mean", "max", "rollout", "flow")
MODES = ("both", "arcs", "matrix")
SCALES = ("linear", "log")
FILTERS = ("all", "aa", "ab", "ba", "bb")
ARCS = (100, 200, 400, 1000, 4000)  # how many arcs are drawn at most

_HEAD = re.compile(r"L(\d{1,4})H(\d{1,4})")
_LOCK = re.compile(r"([qk])(\d{1,6})")
_SLUG = re.compile(r"-?[a-z][a-z0-9_]{0,40}")

Head = tuple[int, int]
Lock = tuple[str, int]


@dataclass(frozen=True)
class View:
    """The state of the picture; the defaults are what a first visit shows.

    `chosen` are the heads an aggregate is taken over (None: all of them); `locked` are the query ("q") and key
    ("k") positions that stay lit; `threshold` is a share of the maximum.
    """

    layer: int = 0
    head: int = 0
    shown: str = "head"
    chosen: tuple[Head, ...] | None = None
    locked: tuple[Lock, ...] = ()
    mode: str = "both"
    words: bool = False
    hide_special: bool = True
    hide_punctuation: bool = False
    threshold: float = 0.0
    scale: str = "linear"
    filter: str = "all"
    sort: str = "layer"
    statistic: str = "entropy"
    arcs: int = 400

    @property
    def name(self) -> str:
        """Say which head is open, as in L5H1."""
        return f"L{self.layer}H{self.head}"

    def to_json(self) -> dict[str, Any]:
        """Give every setting in the forms the component speaks."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        plain["chosen"] = None if self.chosen is None else [list(pair) for pair in self.chosen]
        plain["locked"] = [list(lock) for lock in self.locked]
        return plain


DEFAULT = View()


def _heads(value: Any) -> tuple[Head, ...] | None:
    if value is None:
        return None
    pairs = tuple((int(layer), int(head)) for layer, head in value)
    if any(number < 0 for pair in pairs for number in pair):
        raise ValueError(value)
    return pairs or None


def _locks(value: Any) -> tuple[Lock, ...]:
    locks = tuple((str(side), int(index)) for side, index in value)
    if any(side not in ("q", "k") or index < 0 for side, index in locks):
        raise ValueError(value)
    return locks


def _natural(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value or value < 0:
        raise ValueError(value)
    return int(value)


def _arcs(value: Any) -> int:
    if isinstance(value, bool) or float(value) not in ARCS:
        raise ValueError(value)
    return int(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _share(value: Any) -> float:
    share = float(value)
    if not 0.0 <= share <= 1.0:
        raise ValueError(value)
    return round(share, 4)


def _slug(value: Any) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise ValueError(value)
    return value


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(value)
        return str(value)

    return read


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "layer": _natural,
    "head": _natural,
    "shown": _one_of(SHOWN),
    "chosen": _heads,
    "locked": _locks,
    "mode": _one_of(MODES),
    "words": _flag,
    "hide_special": _flag,
    "hide_punctuation": _flag,
    "threshold": _share,
    "scale": _one_of(SCALES),
    "filter": _one_of(FILTERS),
    "sort": _slug,
    "statistic": _slug,
    "arcs": _arcs,
}


def from_json(value: Any, *, start: View = DEFAULT) -> View:
    """Read what the component sent; what is missing or makes no sense stays as in `start`."""
    if not isinstance(value, Mapping):
        return start
    changes: dict[str, Any] = {}
    for name, read in _READERS.items():
        if name in value:
            try:
                changes[name] = read(value[name])
            except (TypeError, ValueError, OverflowError):
                continue
    return replace(start, **changes)


def _write_heads(heads: tuple[Head, ...] | None) -> str:
    return ".".join(f"L{layer}H{head}" for layer, head in heads or ())


def _read_heads(text: str) -> tuple[Head, ...]:
    found = [_HEAD.fullmatch(word) for word in text.split(".")]
    if not all(found):
        raise ValueError(text)
    return tuple((int(match[1]), int(match[2])) for match in found if match)


def _read_locks(text: str) -> tuple[Lock, ...]:
    found = [_LOCK.fullmatch(word) for word in text.split(".")]
    if not all(found):
        raise ValueError(text)
    return tuple((match[1], int(match[2])) for match in found if match)


def _read_head(text: str) -> Head:
    match = _HEAD.fullmatch(text)
    if not match:
        raise ValueError(text)
    return int(match[1]), int(match[2])


def _read_yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"


_WORDS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "shown": ("shown", _one_of(SHOWN)),
    "heads": ("chosen", _read_heads),
    "locked": ("locked", _read_locks),
    "mode": ("mode", _one_of(MODES)),
    "words": ("words", _read_yes),
    "hide_special": ("hide_special", _read_yes),
    "hide_punctuation": ("hide_punctuation", _read_yes),
    "threshold": ("threshold", _share),
    "scale": ("scale", _one_of(SCALES)),
    "filter": ("filter", _one_of(FILTERS)),
    "sort": ("sort", _slug),
    "statistic": ("statistic", _slug),
    "arcs": ("arcs", _arcs),
}

URL_NAMES = ("head", *_WORDS)


def to_url(view: View) -> dict[str, str]:
    """Write what differs from the defaults, one short word per setting."""
    words = {} if (view.layer, view.head) == (0, 0) else {"head": view.name}
    for word, (name, _) in _WORDS.items():
        value = getattr(view, name)
        if value != getattr(DEFAULT, name):
            words[word] = _written(value)
    return words


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        is_lock = isinstance(value[0][0], str)
        return ".".join(f"{side}{index}" for side, index in value) if is_lock else _write_heads(value)
    return str(value)


def from_url(words: Mapping[str, str]) -> tuple[View, tuple[str, ...]]:
    """Read the settings of a link.

    Returns:
        The view, with defaults where a word is missing or makes no sense, and the words that made none.
    """
    changes: dict[str, Any] = {}
    strange: list[str] = []
    if "head" in words:
        try:
            changes["layer"], changes["head"] = _read_head(words["head"])
        except ValueError:
            strange.append("head")
    for word, (name, read) in _WORDS.items():
        if word in words:
            try:
                changes[name] = read(words[word])
            except (TypeError, ValueError, OverflowError):
                strange.append(word)
    return View(**changes), tuple(strange)


@dataclass(frozen=True)
class Extent:
    """How much there is to see: layers, heads, query and key positions, names of statistics."""

    n_layers: int
    n_heads: int
    n_queries: int
    n_keys: int
    statistics: tuple[str, ...]


def fitted(view: View, extent: Extent) -> tuple[View, tuple[str, ...]]:
    """Drop what this model and text do not have.

    Returns:
        A view of things that exist, and one sentence for each thing that did not.
    """
    changes: dict[str, Any] = {}
    sentences: list[str] = []
    size = f"this model has {extent.n_layers} layers of {extent.n_heads} heads"
    if view.layer >= extent.n_layers or view.head >= extent.n_heads:
        changes["layer"], changes["head"] = 0, 0
        sentences.append(f"There is no {view.name}: {size}. L0H0 is shown instead.")
    if view.chosen is not None:
        inside = tuple(pair for pair in view.chosen if pair[0] < extent.n_layers and pair[1] < extent.n_heads)
        if inside != view.chosen:
            changes["chosen"] = inside or None
            sentences.append(f"Some of the chosen heads do not exist: {size}. They were left out.")
    limits = {"q": extent.n_queries, "k": extent.n_keys}
    kept = tuple(lock for lock in view.locked if lock[1] < limits[lock[0]])
    if kept != view.locked:
        changes["locked"] = kept
        sentences.append(f"Some locked tokens lie beyond the {extent.n_queries} tokens of this text. They were freed.")
    for name in ("sort", "statistic"):
        if getattr(view, name).removeprefix("-") not in (*extent.statistics, "layer"):
            changes[name] = getattr(DEFAULT, name)
    return replace(view, **changes), tuple(sentences)
