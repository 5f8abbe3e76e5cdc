"""What every test runs under: no network for models, and the shapes in the annotations checked."""

import os

from jaxtyping import install_import_hook

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MPLBACKEND"] = "agg"

# Before lmviz is imported anywhere: from here on every field and argument of these is checked.
CHECKED = ("lmviz.capture", "lmviz.results")
install_import_hook(CHECKED, "beartype.beartype")
