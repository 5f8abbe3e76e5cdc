"""The tree keeps its shape: arrows point one way, nothing is circular, everything is small."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import grimp
import networkx as nx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHON = sorted([ROOT / "app.py", *(path for top in ("lmviz", "pages") for path in (ROOT / top).rglob("*.py"))])
BROWSER = sorted(path for ending in ("js", "css") for path in (ROOT / "lmviz").rglob(f"*.{ending}"))

FILE_LINES, FUNCTION_LINES, ARGUMENTS, POSITIONAL = 300, 40, 5, 2
APP_LINES, PAGE_LINES = 40, 100

# "file" or "file:function" -> why it may be larger than the limits.
EXCEPTIONS: dict[str, str] = {
    "lmviz/analyses/bias/stereoset.py:micro_scores": "three scores of one example, side by side",
    "lmviz/analyses/bias/stereoset.py:official_scores": "three scores of one example and its term, side by side",
    "lmviz/analyses/bias/weat.py:associations": "words and two attributes, as the formula writes them",
    "lmviz/analyses/bias/weat.py:effect_size": "two targets and two attributes, as the formula writes them",
    "lmviz/analyses/bias/weat.py:permutation_p": "two targets and two attributes, as the formula writes them",
    "lmviz/analyses/probing/mdl.py:online_codelength": "losses, size and labels, in the words others know it by",
    "lmviz/analyses/probing/fitting.py:fit_linear": "one signature for every kind of probe, with defaults",
    "lmviz/analyses/probing/fitting.py:fit_mlp": "one signature for every kind of probe, and each name has a default",
    "lmviz/analyses/probing/structural.py:_fit": "one way of training for two losses",
    "lmviz/capture/budget.py:estimate": "asks in the words of trace, so that both are asked alike",
    "lmviz/capture/budget.py:check": "asks in the words of trace, so that both are asked alike",
    "lmviz/capture/trace.py:trace": "the one door to a forward pass; every name is a word of the question",
    "lmviz/capture/tokens.py:encode": "text and text_pair belong together",
    "lmviz/capture/word_attention.py:word_reading": "a text and its words belong together",
    "lmviz/models/attention.py:attention": "transformers calls it, with these arguments",
    "lmviz/models/context.py:keep": "place, layer and value belong together, and it is called for every layer",
    "lmviz/models/context.py:visit": "place, layer and value belong together, and it is called for every layer",
    "lmviz/models/loaded.py:prepare": "a model, its tokenizer and what it is come together",
    "lmviz/statistics/proportions.py:wilson": "a share and its level, as every statistics library takes them",
    "lmviz/statistics/resampling.py:bootstrap": "every name changes the interval, and each has a default",
    "lmviz/ui/probing_curve.py:_spec": "the specification of one picture, in one place",
    "lmviz/ui/probing_grammar.py:_dots": "the specification of one picture, in one place",
    "lmviz/ui/probing_grid.py:grid": "the specification of one picture, in one place",
    "lmviz/ui/probing_syntax.py:_dots": "the specification of one picture, in one place",
    "lmviz/ui/router.py:pages": "one entry for each page",
}

# library -> the folders and files that may import it
HOMES = {
    "streamlit": ("app.py", "pages/", "lmviz/ui/", "lmviz/components/"),
    "plotly": ("lmviz/figures/",),
    "bertviz": ("lmviz/figures/",),
    "matplotlib": ("lmviz/figures/",),
    "mpld3": ("lmviz/figures/",),
    "torch": ("lmviz/models/", "lmviz/capture/"),
    "transformers": ("lmviz/models/", "lmviz/capture/"),
    "tokenizers": ("lmviz/models/", "lmviz/capture/"),
    "accelerate": ("lmviz/models/",),
    "huggingface_hub": ("lmviz/models/",),
    "openai": ("lmviz/remote/",),
    "sklearn": ("lmviz/analyses/bias/erasure/", "lmviz/analyses/probing/"),
}

# import name -> name on the package index, where they differ
DISTRIBUTIONS = {"huggingface_hub": "huggingface-hub", "sklearn": "scikit-learn", "xstatic": "xstatic-jquery"}


class Function(NamedTuple):
    """How large one function is; what only its own module calls may take things by position."""

    name: str
    lines: int
    arguments: int
    positional: int


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(source: str) -> Iterator[Function]:
    """Measure every function: lines without docstring, arguments without self and cls."""
    for node, is_public in _definitions(ast.parse(source), is_public=True):
        first = node.body[0]
        is_documented = ast.get_docstring(node) is not None
        docstring = (first.end_lineno or 0) - first.lineno + 1 if is_documented else 0
        positional = [item.arg for item in (*node.args.posonlyargs, *node.args.args)]
        own = [arg for place, arg in enumerate(positional) if not (place == 0 and arg in ("self", "cls"))]
        lines = (node.end_lineno or 0) - node.lineno + 1 - docstring
        yield Function(node.name, lines, len(own) + len(node.args.kwonlyargs), len(own) if is_public else 0)


def _definitions(node: ast.AST, *, is_public: bool) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Give every function and whether others may call it: no underscore, and not inside another function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child, is_public and not child.name.startswith("_")
            yield from _definitions(child, is_public=False)
        else:
            is_hidden = isinstance(child, ast.ClassDef) and child.name.startswith("_")
            yield from _definitions(child, is_public=is_public and not is_hidden)


def too_large(name: str, source: str) -> list[str]:
    """Say which functions of a source are over the limits."""
    found = []
    for function in functions(source):
        complaints = [
            f"{value} {what}, limit {limit}"
            for value, what, limit in (
                (function.lines, "lines", FUNCTION_LINES),
                (function.arguments, "arguments", ARGUMENTS),
                (
                    function.positional,
                    "positional arguments",
                    POSITIONAL,
                ),
            )
            if value > limit
        ]
        if complaints and f"{name}:{function.name}" not in EXCEPTIONS:
            found.append(f"{name}:{function.name}: {'; '.join(complaints)}")
    return found


def imported(source: str) -> set[str]:
    """Give the top-level names that a source imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def strangers(name: str, source: str) -> list[str]:
    """Say which libraries a file imports although they live elsewhere."""
    return [
        f"{name} imports {library}, which lives in {', '.join(homes)}"
        for library, homes in HOMES.items()
        if library in imported(source) and not name.startswith(homes)
    ]


def cycles(package: str) -> list[list[str]]:
    """Find the groups of modules that import each other in a circle, imports inside functions counted."""
    graph = grimp.build_graph(package, cache_dir=None)
    edges = nx.DiGraph((a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a))
    return [sorted(group) for group in nx.strongly_connected_components(edges) if len(group) > 1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with this project's contracts on the lmviz of a folder."""
    program = str(Path(sys.executable).with_name("lint-imports"))
    command = [program, "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def planted(folder: Path, **sources: str) -> None:
    """Write an lmviz with every package the contracts name, and the given modules in it."""
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    named = re.findall(r"lmviz\.(\w+)", str(contracts))
    for package in ("", *named):
        (folder / "lmviz" / package).mkdir(parents=True, exist_ok=True)
        (folder / "lmviz" / package / "__init__.py").touch()
    for module, source in sources.items():
        (folder / "lmviz" / f"{module.replace('__', '/')}.py").write_text(source, encoding="utf-8")


def test_arrows_point_one_way() -> None:
    outcome = lint_imports(ROOT)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models__low", "from lmviz.capture import trace"),
        ("analyses__method", "from lmviz.figures import heatmap"),
        ("figures__drawing", "def draw() -> None:\n    from lmviz.analyses import method"),
        ("analyses__fast", "import torch"),
        ("capture__page", "import streamlit"),
        ("ui__picture", "import plotly.graph_objects"),
    ],
)
def test_an_arrow_the_wrong_way_is_found(tmp_path: Path, module: str, source: str) -> None:
    planted(tmp_path, capture__trace="", figures__heatmap="", analyses__method="")
    assert lint_imports(tmp_path).returncode == 0
    planted(tmp_path, **{module: source})
    outcome = lint_imports(tmp_path)
    assert outcome.returncode == 1
    assert "BROKEN" in outcome.stdout


def test_nothing_is_circular() -> None:
    assert cycles("lmviz") == []


def test_a_circle_through_a_function_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ring").mkdir()
    (tmp_path / "ring" / "__init__.py").touch()
    (tmp_path / "ring" / "one.py").write_text("from ring import two\n", encoding="utf-8")
    (tmp_path / "ring" / "two.py").write_text("def late():\n    from ring import one\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert cycles("ring") == [["ring.one", "ring.two"]]


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_libraries_stay_where_they_live(path: Path) -> None:
    assert strangers(name_of(path), path.read_text(encoding="utf-8")) == []


def test_a_library_far_from_home_is_found() -> None:
    assert strangers("pages/home.py", "import streamlit\ndef f():\n    from torch import nn") == [
        "pages/home.py imports torch, which lives in lmviz/models/, lmviz/capture/"
    ]


def test_every_import_is_a_declared_dependency() -> None:
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["openai"]]
    declared = {re.split(r"[<>=!~ ;\[]", line)[0].lower() for line in lines}
    used = set().union(*(imported(path.read_text(encoding="utf-8")) for path in PYTHON))
    foreign = used - set(sys.stdlib_module_names) - {"lmviz", "pages"}
    assert sorted(name for name in foreign if DISTRIBUTIONS.get(name, name) not in declared) == []


@pytest.mark.parametrize("path", [*PYTHON, *BROWSER], ids=name_of)
def test_files_are_small(path: Path) -> None:
    name = name_of(path)
    limit = APP_LINES if name == "app.py" else PAGE_LINES if name.startswith("pages/") else FILE_LINES
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= limit or name in EXCEPTIONS, f"{name} has {lines} lines, limit {limit}"


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_functions_are_small(path: Path) -> None:
    found = too_large(name_of(path), path.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


def test_the_measures_measure() -> None:
    body = "\n".join(f"    x{number} = {number}" for number in range(40))
    documented = f'def long(self, a, b, *, c):\n    """Say\n\n    much.\n    """\n{body}'
    assert list(functions(documented)) == [Function("long", 41, 3, 2)]
    assert too_large("f.py", documented) == ["f.py:long: 41 lines, limit 40"]
    assert too_large("f.py", "def wide(a, b, c, *, d, e, f): ...") == [
        "f.py:wide: 6 arguments, limit 5; 3 positional arguments, limit 2"
    ]
    assert too_large("f.py", "def right(a, b, *, c, d, e): ...\ndef _inner(a, b, c): ...") == []


def test_exceptions_are_still_needed() -> None:
    measured = {name_of(path): path.read_text(encoding="utf-8") for path in (*PYTHON, *BROWSER)}
    for name in EXCEPTIONS:
        path, _, function = name.partition(":")
        assert path in measured, f"{name} is no longer there"
        if function:
            assert function in {item.name for item in functions(measured[path])}, f"{name} is no longer there"


@pytest.mark.parametrize("folder", ["lmviz", "pages", "tests", "scripts", "benchmarks", "assets", "docs"])
def test_no_folder_is_empty(folder: str) -> None:
    tracked = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
    assert tracked.stdout, f"{folder}/ holds nothing"
