"""What a model may write."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float32, Int64

from lmviz.results.base import Result, TokenTable


@dataclass(frozen=True, eq=False)
class ContinuationTree(Result):
    """What a model may write after a text: each node is one token after the tokens of its ancestors.

    A node comes after its parent. The chosen nodes are one path from the prompt on, the main continuation; `text` is
    what it says. `stop_reason`: "end" (the model ended the text), "length" (as many tokens as were asked for), "rule"
    (another of the model's own rules) or "stopped" (before it was done).
    """

    parent: Int64[np.ndarray, " node"]  # -1: the prompt
    depth: Int64[np.ndarray, " node"]  # 0: the first token after the prompt
    token_ids: Int64[np.ndarray, " node"]
    tokens: tuple[str, ...]
    probability: Float32[np.ndarray, " node"]  # after its ancestors, at temperature 1
    rank: Int64[np.ndarray, " node"]  # 0: the most probable there
    entropy: Float32[np.ndarray, " node"]  # of the distribution the token is from, in nats
    is_chosen: tuple[bool, ...]
    text: str
    stop_reason: str
    table: TokenTable | None = None  # of the prompt, or of the source of an encoder-decoder
    raw: tuple[str, ...] = ()  # of a server's tokens: their bytes in hexadecimal, '?' where it hides them
    note: str = ""  # what is not known of numbers that come from a server

    @property
    def chosen(self) -> tuple[int, ...]:
        """The nodes of the main continuation, in order."""
        return tuple(node for node, is_chosen in enumerate(self.is_chosen) if is_chosen)

    def path(self, node: int) -> tuple[int, ...]:
        """Give the nodes from the first token to this one; none for -1, the prompt."""
        found: list[int] = []
        while node >= 0:
            found.append(node)
            node = int(self.parent[node])
        return tuple(reversed(found))

    def to_frame(self) -> pd.DataFrame:
        """Give one row per node."""
        columns = {"parent": self.parent, "depth": self.depth, "token": self.tokens, "token_id": self.token_ids}
        numbers = {"probability": self.probability, "rank": self.rank, "entropy": self.entropy}
        frame = pd.DataFrame({**columns, **numbers, "is_chosen": self.is_chosen})
        return frame.rename_axis("node").reset_index()
