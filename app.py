"""The app: which pages there are is in lmviz/ui/router.py."""

from pathlib import Path

from lmviz.ui import router

router.main(Path(__file__).resolve().parent)
