"""Files that a visitor has given, kept on this computer as long as the visit lasts."""

import hashlib
import shutil
import weakref
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import streamlit as st

_FOLDER = "_uploads"


@dataclass(frozen=True)
class Given:
    """A file as it was given: what it is called, and where its content lies."""

    name: str
    path: Path
    n_bytes: int


class _Folder:
    """A folder that goes when nobody holds this object any more: it belongs to the visitor's session."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="lmviz-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def keep(name: str, data: bytes) -> Given:
    """Write what was given into a folder of this visit; the same content under the same name lies there once.

    Args:
        name: What the visitor's file is called; only its ending is used for the path.
        data: Its content.

    Returns:
        Where it lies until the visit ends.
    """
    if _FOLDER not in st.session_state:
        st.session_state[_FOLDER] = _Folder()
    ending = Path(name).suffix.lower()
    path: Path = (
        st.session_state[_FOLDER].path
        / f"{hashlib.sha256(data).hexdigest()[:24]}{ending if ending[1:].isalnum() else ''}"
    )
    if not path.exists():
        path.write_bytes(data)
    return Given(name, path, len(data))
