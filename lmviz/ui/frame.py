"""The frame around every page: the question, the badges, errors as sentences, where a number comes from."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import streamlit as st

from lmviz.components.link import copy_link
from lmviz.errors import LmvizError
from lmviz.results import Check
from lmviz.ui import memory, selection

if TYPE_CHECKING:
    from lmviz.analyses.base import Analysis  # which imports torch: only where it is needed

_LOG = logging.getLogger(__name__)
_MARKED = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>:$&=^\"'@/])")


def plain(text: str, *, longest: int = 200) -> str:
    """Write what a person typed so that Markdown shows it as typed, on one line.

    Args:
        text: Anything at all.
        longest: Characters after which it is cut, with an ellipsis.
    """
    line = " ".join(text.split())
    return _MARKED.sub(r"\\\1", line if len(line) <= longest else line[: longest - 1] + "…")


def get_ready() -> None:
    """Wait for the packages that run models; only the first visitor of a fresh server has to."""
    with st.spinner("Getting ready …", show_time=True):
        memory.make_imports()


def title(question: str) -> None:
    """Open a page with its question, and offer the link to it."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(question, anchor=False, width="content")
        copy_link(key="copy_link", carries_text=selection.current().fits_link)
    for note in selection.notes():
        st.caption(f":orange[{plain(note)}]")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what a person can put right as one sentence; let everything else through, it is a bug."""
    try:
        yield
    except LmvizError as error:
        sentence(str(error))


@contextmanager
def faults_told(where: str) -> Iterator[None]:
    """Log a bug in full and tell it in short; the last net under a page and under what runs alone.

    Reruns and stops of Streamlit are no `Exception` and pass.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001
        _LOG.exception("%s failed.", where)
        st.error(
            "This page hit a fault of its own; your text and settings are kept. "
            "Change the text or the model, or start over from the home page.",
            icon=":material/error:",
        )
        with st.expander("What to report"):
            st.code(f"{type(error).__name__}: {error}", language=None)


def sentence(text: str) -> None:
    """Show what went wrong and what to do."""
    st.error(plain(text, longest=600), icon=":material/info:")


def hint(text: str) -> None:
    """Say something quietly."""
    st.caption(plain(text, longest=600))


def badge(checks: Sequence[Check], *, what: str = "checks") -> None:
    """Show checks as one badge: green with the numbers on hover, red with what a failure means."""
    failed = [check for check in checks if not check.passed]
    lines = "\n".join(f"- {'✓' if check.passed else '✗'} {plain(check.sentence)}" for check in checks)
    if not checks:
        return
    if failed:
        meaning = " ".join(plain(check.meaning, longest=400) for check in failed)
        label = f"✗ {len(failed)} of {len(checks)} {what} failed"
        st.badge(label, color="red", help=f"{meaning}\n\n{lines}")
        st.caption(meaning)
    else:
        noun = what if len(checks) > 1 else what.removesuffix("s")
        st.badge(f"✓ {len(checks)} {noun} passed", color="green", help=lines)


def seconds(value: float) -> str:
    """Write a time with three significant digits at most."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2g} s"


def method(analysis: "Analysis[Any, Any]") -> None:
    """Say where a method comes from and what it does not show."""
    st.markdown(f"**{plain(analysis.title)}**  \nReference: <{analysis.reference}>")
    st.markdown(f"Caution: {plain(analysis.caution, longest=1000)}")
    invariants = [(check.__doc__ or "").partition("\n")[0].rstrip(".") for check in analysis.checks]
    if invariants:
        st.markdown("Checked on every answer: " + "; ".join(plain(one, longest=200) for one in invariants) + ".")
