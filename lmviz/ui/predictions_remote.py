"""The predictions page for a model on a server: what it can answer, and to whom the text goes."""

from typing import Any

import streamlit as st

from lmviz.remote import RemoteModel
from lmviz.remote.scoring import can_score
from lmviz.results import TokenDistributions
from lmviz.ui import controls, frame, memory, predictions, predictions_tokens, predictions_writing, selection
from lmviz.ui.predicting import Clicked, Section, bars, below, facts, figure, named

TITLES = {"next-token": "Predict the next token", "surprisal": "Surprisal of a text", "generate": "Continue a text"}
CHAT_TITLES = {"next-token": "Begin a reply", "generate": "Reply"}


def section(server: RemoteModel) -> Clicked:
    """Draw what is asked of a server; give what was clicked in a strip of tokens.

    Raises:
        LmvizError: The server cannot be reached, or refuses.
    """
    st.markdown(f":material/outgoing_mail: Your text is sent to **{frame.plain(server.host)}**.")
    if selection.current().text_pair.strip():
        frame.hint("The second sentence stays here: a server reads one text.")
    clicked = _SECTIONS[_task(server)](server)
    _cannot(server)
    return clicked


def _task(server: RemoteModel) -> str:
    """Ask which of the things this server can do is wanted."""
    titles = CHAT_TITLES if server.is_chat else TITLES
    can = [task for task in titles if task != "surprisal" or _scores(server)]
    asked = selection.current().task
    task = asked if asked in can else can[0]
    selection.keep_widget("task", task)
    st.segmented_control(
        "Task",
        can,
        key="task",
        format_func=titles.__getitem__,
        on_change=controls.take("task"),
        label_visibility="collapsed",
        required=True,
    )
    return task


def _scores(server: RemoteModel) -> bool:
    """Say whether the server tells the numbers of a text that is there; it is asked once."""
    with _waiting(server):
        return memory.result(("can_score", repr(server)), lambda: can_score(server))


def _waiting(server: RemoteModel) -> Any:
    return st.spinner(f"Waiting for {frame.plain(server.host)} …", show_time=True)


def _next_token(server: RemoteModel) -> Clicked:
    """Show what the server's model expects after the text."""
    with _waiting(server):
        answer = predictions.ask(
            server, "token-distributions", text=selection.current().text, top_k=predictions.CANDIDATES
        )
        rows = _with_before(server, answer.result)
    result: TokenDistributions = answer.result
    where = "The reply begins with" if server.is_chat else "After the text"
    st.markdown(f"{where}: **{frame.plain(named(rows[0].name))}**, {figure(rows[0].probability)}")
    left = max(0.0, 1.0 - float(result.probabilities.sum()))
    entropy = f"entropy at least {figure(float(result.entropy[0]))} nats"
    facts(answer, entropy, f"{figure(left)} is left for all other tokens")
    bars(rows, what="candidate", has_ids=bool((result.candidate_ids >= 0).all()))
    frame.hint(result.note)
    below(answer, name="next-token")
    return None


def _with_before(server: RemoteModel, result: TokenDistributions) -> list[predictions.Row]:
    """Put the probabilities before a change of the text beside those now."""
    rows, before = predictions.rows_of(result, 0), predictions.original()
    if before is None:
        return rows
    then = predictions.ask(server, "token-distributions", text=before[0], top_k=predictions.CANDIDATES).result
    return predictions.against(rows, predictions.rows_of(then, 0))


def _surprisal(server: RemoteModel) -> Clicked:
    """Show how surprising each token is."""
    with _waiting(server):
        return predictions_tokens.surprisal(server)


def _cannot(server: RemoteModel) -> None:
    """Say what a server does not tell."""
    with st.expander("What a server does not tell", type="compact"):
        if server.is_chat or not _scores(server):
            st.markdown(
                "**Surprisal of a text**: this server gives no log-probabilities of a text that is already there. "
                "Servers that do, such as vLLM, have it here as a task of its own."
            )
        st.markdown(
            "**The whole distribution**: only the most probable tokens come, "
            f"at most {server.candidates}; what the others have is unknown.  \n"
            "**What is inside**: attention, layers and heads need a model on this machine, such as smollm2\\-135m."
        )


_SECTIONS: dict[str, Section] = {
    "next-token": _next_token,
    "surprisal": _surprisal,
    "generate": predictions_writing.generate,
}
