"""What every test runs under: no network for models, the shapes in the annotations checked, a real server to ask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

from tests import llama_server

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MPLBACKEND"] = "agg"

# Before lmviz is imported anywhere: from here on every field and argument of these is checked.
CHECKED = ("lmviz.capture", "lmviz.results")
install_import_hook(CHECKED, "beartype.beartype")


@pytest.fixture(scope="session")
def llama_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The embedded decoder as a file that llama.cpp runs; 270 MB, so it goes with the session."""
    pytest.importorskip("xllamacpp", reason="llama.cpp's server has no wheel for this machine")
    from tests.llama_file import write_file

    file = write_file(tmp_path_factory.mktemp("llama") / "model.gguf")
    yield file
    file.unlink()


@pytest.fixture(scope="session")
def llama(llama_file: Path) -> Iterator[str]:
    """The address of llama.cpp's server, which takes everybody."""
    with llama_server.serving(llama_file) as address:
        yield address


@pytest.fixture(scope="session")
def locked_llama(llama_file: Path) -> Iterator[str]:
    """The address of llama.cpp's server, which wants a key."""
    with llama_server.serving(llama_file, key=llama_server.KEY) as address:
        yield address
