"""Where the files that come with lmviz lie: logo, sentences, small models."""

from pathlib import Path


def assets() -> Path:
    """Give the folder: beside the checkout's app.py, or inside the installed package."""
    package = Path(__file__).resolve().parent
    for folder in (package.parent / "assets", package / "_app" / "assets"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("The assets folder of lmviz is missing; install the package again.")
