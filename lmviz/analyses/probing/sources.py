"""Where labelled sentences come from: what ships with lmviz, a published set that is fetched, or a person's files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lmviz.analyses.probing.material import SPLITS, Rows, derived
from lmviz.analyses.probing.tasks import TASKS, tree_words
from lmviz.assets import assets
from lmviz.datasets.conllu import open_conllu
from lmviz.datasets.labelled_files import entity_types, read_labelled
from lmviz.datasets.probing_sets import PROBING_SETS, UD_ENGLISH_EWT
from lmviz.errors import InvalidParameter, did_you_mean

TREES, OWN = "trees", "labels"
SHIPPED: Mapping[str, str] = MappingProxyType(
    {TREES: "sample.conllu", "question-type": "questions.csv", "sentiment": "opinions.csv"}
)
LABELLED: Mapping[str, str] = MappingProxyType(  # tasks whose labels stand in the file
    {
        "question-type": "Type of a question",
        "subjectivity": "Subjective or objective?",
        "sentiment": "Sentiment",
        "named-entities": "Named entities",
        OWN: "Labels of your own",
    }
)
ALL: Mapping[str, str] = MappingProxyType({**{slug: task.title for slug, task in TASKS.items()}, **LABELLED})
PUBLISHED = (UD_ENGLISH_EWT.slug, *PROBING_SETS)
_CONLLU = (".conllu", ".conllu.gz")
_PARTS = {"train": SPLITS[0], "dev": SPLITS[1], "valid": SPLITS[1], "test": SPLITS[2]}


def unit_of(task: str) -> str:
    """Say what has a label in a task: "word", "pair", "text", or "item" where the file says it."""
    return TASKS[task].unit if task in TASKS else "word" if task == "named-entities" else "item"


@dataclass(frozen=True, eq=False)
class Source:
    """The rows of a task, by "train", "dev" and "test" or all as "train", and the files that they come from."""

    rows: Callable[[], Mapping[str, Rows]]
    files: tuple[Path, ...]


def source_of(task: str, source: str | None) -> Source:
    """Find the rows of a task.

    Args:
        task: A name in `ALL`.
        source: None for what ships, the name of a published set, the path of a file, or a folder whose files have
            train, dev and test in their names.

    Raises:
        InvalidParameter: No such task, no such file, or a task that nothing ships for.
        ModelUnavailable: A published set cannot be fetched now.
    """
    if task not in ALL:
        raise InvalidParameter(f"There is no task '{task[:40]}'.{did_you_mean(task, ALL)} There are: {', '.join(ALL)}.")
    if source is not None and source in PUBLISHED:
        return _published(task, source)
    if source is None:
        files: Mapping[str, Path] = {SPLITS[0]: _shipped(task)}
    else:
        files = _given(source)
    return Source(lambda: {name: _read(task, path) for name, path in files.items()}, tuple(files.values()))


def trees_of(source: str | None) -> Source:
    """Find sentences with trees: each word is labelled as `tree_words` does.

    Raises:
        InvalidParameter: No such file, or it is no CoNLL-U.
        ModelUnavailable: A published set cannot be fetched now.
    """
    found = source_of(next(iter(TASKS)), source)
    parts = _parts(source, found.files)
    return Source(lambda: {name: derived(open_conllu(path), tree_words) for name, path in parts.items()}, found.files)


def _parts(source: str | None, files: Sequence[Path]) -> Mapping[str, Path]:
    if source == UD_ENGLISH_EWT.slug:
        return dict(UD_ENGLISH_EWT.splits(files))
    return {SPLITS[0]: files[0]} if source is None else _given(source)


def _shipped(task: str) -> Path:
    name = SHIPPED[TREES] if task in TASKS else SHIPPED.get(task)
    if name is None:
        published = f" or '{task}'" if task in PROBING_SETS else ""
        raise InvalidParameter(f"Nothing ships for '{ALL[task]}'. Give the path of a file{published} as the source.")
    return assets() / "probing" / name


def _given(source: str) -> Mapping[str, Path]:
    path = Path(source)
    try:
        if path.is_file():
            return {SPLITS[0]: path}
        found = sorted(path.iterdir()) if source.strip() and path.is_dir() else []
    except (OSError, ValueError):
        found = []
    parts: dict[str, Path] = {}
    for file in found:
        name = next((part for word, part in _PARTS.items() if word in file.name.lower()), None)
        if name is not None and file.is_file():
            parts.setdefault(name, file)
    if SPLITS[0] in parts:
        return {name: parts[name] for name in SPLITS if name in parts}
    if not found:
        names = ", ".join(f"'{name}'" for name in PUBLISHED)
        raise InvalidParameter(f"There is no file '{source[:200]}'. Give the path of a file, or one of {names}.")
    raise InvalidParameter(f"'{source[:200]}' has no file with train in its name. Give the path of a file.")


def _read(task: str, path: Path) -> Rows:
    is_tree = path.name.lower().endswith(_CONLLU)
    if task in TASKS:
        if not is_tree:
            raise InvalidParameter(f"'{ALL[task]}' is read from a CoNLL-U file, and {path.name[-80:]} is none.")
        return derived(open_conllu(path), TASKS[task].derive)
    if is_tree:
        raise InvalidParameter(f"The labels of a CoNLL-U file are those of its own tasks, such as {', '.join(TASKS)}.")
    rows = read_labelled(path)
    return entity_types(rows) if task == "named-entities" else rows


def _published(task: str, name: str) -> Source:
    from lmviz.datasets.downloads import fetched

    if name == UD_ENGLISH_EWT.slug:
        if task in LABELLED:
            raise InvalidParameter(f"'{name}' has no labels for '{ALL[task]}'. Choose another source.")
        files = fetched(UD_ENGLISH_EWT.files, asked_as=name)
        return Source(lambda: _trees(task, UD_ENGLISH_EWT.splits(files)), files)
    known = PROBING_SETS[name]
    if task != name:
        raise InvalidParameter(f"'{name}' has no labels for '{ALL[task]}'. Choose another source.")
    files = fetched(known.files, asked_as=name)
    return Source(lambda: known.read(files), files)


def _trees(task: str, files: Mapping[str, Path]) -> Mapping[str, Rows]:
    return {name: derived(open_conllu(path), TASKS[task].derive) for name, path in files.items()}
