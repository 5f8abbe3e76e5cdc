"""Run the lmviz command as `python -m lmviz`."""

from lmviz.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
