"""The attention explorer's JavaScript and CSS as text, for the app and for stand-alone pages alike."""

from functools import cache
from importlib.resources import files

# The order in which the files are joined; each is plain top-level code.
EXPLORER_FILES = (
    "common.js",
    "controls.js",
    "head_model.js",
    "head_words.js",
    "head_layout.js",
    "head_tokens.js",
    "head_arcs.js",
    "head_matrix.js",
    "head_input.js",
    "head_export.js",
    "head.js",
    "tiles.js",
    "tile_card.js",
    "overview_layout.js",
    "overview_painter.js",
    "overview.js",
    "toolbar.js",
    "focus_bar.js",
    "views.js",
    "explorer.js",
)
STYLE_FILES = ("explorer.css", "head.css")
APP_ADAPTER = "streamlit.js"  # the only file that knows Streamlit; ends in `export default`
PIPE_FILES = ("common.js", "pipe.js")


@cache
def explorer_script() -> str:
    """Give the explorer as one script without imports or exports; `mountExplorer` starts it.

    Returns:
        JavaScript that a classic or a module script element can hold.
    """
    return _joined(EXPLORER_FILES)


@cache
def explorer_module() -> str:
    """Give the explorer as one ES module whose default export mounts it in Streamlit."""
    return _joined((*EXPLORER_FILES, APP_ADAPTER))


@cache
def pipe_module() -> str:
    """Give the module that hands matrices to an explorer on the same page."""
    return _joined(PIPE_FILES)


@cache
def explorer_style() -> str:
    """Give the explorer's CSS; colours follow `--st-*` variables where the page sets them."""
    return _joined(STYLE_FILES)


def _joined(names: tuple[str, ...]) -> str:
    folder = files("lmviz") / "components" / "attention" / "frontend"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
