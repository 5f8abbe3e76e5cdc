"""Starts the app's server, and makes the default model ready while the browser opens: python -m lmviz.ui.serve APP."""

import sys

from streamlit.web import cli

from lmviz.ui import warm


def main() -> None:
    """Serve the app whose file and options are in the command line, as `streamlit run` does."""
    warm.start()
    cli.main(["run", *sys.argv[1:]], prog_name="lmviz")


if __name__ == "__main__":
    main()
