"""Text that a model on a server writes, streamed token by token, as a tree with the tokens it lists beside its own."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lmviz.capture.texts import check_text
from lmviz.errors import InvalidParameter
from lmviz.remote import client, wire
from lmviz.remote.model import RemoteModel
from lmviz.remote.next_token import no_log_probabilities, signed
from lmviz.remote.wire import Answer, Piece, Told
from lmviz.results import ContinuationTree

HIDDEN = "?"  # stands in `raw` for bytes that the server does not tell
_REASONS = {"stop": "end", "length": "length"}


class Asked(Protocol):
    """What is continued, for how long, and how each token is chosen."""

    @property
    def text(self) -> str:
        """The text, or the message of a chat."""

    @property
    def max_new_tokens(self) -> int:
        """The most tokens to write."""

    @property
    def temperature(self) -> float:
        """0 takes the most probable token."""

    @property
    def top_k(self) -> int | None:
        """Draw from so many tokens at most; not every server knows it."""

    @property
    def top_p(self) -> float | None:
        """Draw from the most probable tokens that have this share together."""

    @property
    def n_beams(self) -> int:
        """One: servers follow no beams."""

    @property
    def n_branches(self) -> int:
        """Tokens that are kept at each step, the chosen one among them."""

    @property
    def seed(self) -> int:
        """The start of the server's random numbers."""


@dataclass(frozen=True)
class _Node:
    """One token of the tree."""

    parent: int
    depth: int
    piece: Piece
    rank: int
    entropy: float


class Writing:
    """A continuation that a server writes, and the tree it has grown so far; all is checked when it is made.

    Args:
        model: A model on a server.
        params: The text and the way of choosing.
        tree: What an earlier writing gave, to be grown further.
        node: Where to go on in it; -1 for the prompt. What stands before it is sent again as text.

    Raises:
        InvalidParameter: A parameter that servers do not take, or a node nothing can be written after.
    """

    def __init__(
        self, model: RemoteModel, params: Asked, *, tree: ContinuationTree | None = None, node: int = -1
    ) -> None:
        check_text(params.text, "The text")
        _check(params)
        self.model, self.params = model, params
        self.n_most = params.max_new_tokens
        self.stop_reason = ""
        self.origin: dict[str, Any] = model.origin()
        self._nodes: list[_Node] = [] if tree is None else _planted(tree)
        self._children = {(item.parent, item.piece.key): place for place, item in enumerate(self._nodes)}
        self._path = [] if tree is None else _path(tree, node)
        self._n_unknown = sum(math.isnan(item.piece.log_probability) for item in self._nodes)
        self._prompt = params.text + self._prefix(node)

    def steps(self) -> Iterator[int]:
        """Grow by what the server sends, one token after the other; gives how many there are."""
        n_done = 0
        for part in client.stream(self.model, self._prompt, n_new=self.n_most, n_best=self._n_best(), **self._how()):
            if part.text and not part.places and "\ufffd" not in part.text:
                raise no_log_probabilities(self.model)
            self._note_origin(part)
            for place in part.places:
                self._add(place)
                n_done += 1
                yield n_done
            if part.finish:
                self.stop_reason = _REASONS.get(part.finish, "rule")

    def tree(self) -> ContinuationTree:
        """Give the tree as it is now."""
        chosen = set(self._path)
        return ContinuationTree(
            parent=np.array([node.parent for node in self._nodes], dtype=np.int64),
            depth=np.array([node.depth for node in self._nodes], dtype=np.int64),
            token_ids=np.array([node.piece.token_id for node in self._nodes], dtype=np.int64),
            tokens=tuple(node.piece.text for node in self._nodes),
            probability=np.exp([node.piece.log_probability for node in self._nodes]).astype(np.float32),
            rank=np.array([node.rank for node in self._nodes], dtype=np.int64),
            entropy=np.array([node.entropy for node in self._nodes], dtype=np.float32),
            is_chosen=tuple(place in chosen for place in range(len(self._nodes))),
            text=b"".join(_content(self._nodes[place]) for place in self._path).decode("utf-8", errors="replace"),
            stop_reason=self.stop_reason or "stopped",
            raw=tuple(HIDDEN if node.piece.content is None else node.piece.content.hex() for node in self._nodes),
            note=self._note(),
            provenance={**self.origin, "entropy": "lower bound"},
        )

    def _n_best(self) -> int:
        return min(self.params.n_branches, self.model.candidates)

    def _how(self) -> dict[str, Any]:
        """Write the way of choosing in the protocol's words; what was not asked for is left to the server."""
        given: dict[str, Any] = {"temperature": self.params.temperature, "seed": self.params.seed}
        if self.params.temperature > 0:
            given["top_p"] = 1.0 if self.params.top_p is None else self.params.top_p
            given |= {} if self.params.top_k is None else {"top_k": self.params.top_k}
        return given

    def _note_origin(self, part: Answer) -> None:
        self.origin = signed(self.model, part) if part.served_model else self.origin

    def _add(self, place: Told) -> None:
        """Put a token behind the path, and what might have stood there beside it."""
        parent = self._path[-1] if self._path else -1
        entropy = wire.least_entropy(place.best)
        own_rank = sum(piece.log_probability > place.piece.log_probability for piece in place.best)
        others = [item for item in enumerate(place.best) if item[1].key != place.piece.key]
        for rank, piece in ((own_rank, place.piece), *others[: self.params.n_branches - 1]):
            known = self._children.setdefault((parent, piece.key), len(self._nodes))
            if known == len(self._nodes):
                self._nodes.append(_Node(parent, len(self._path), piece, rank, entropy))
        self._n_unknown += math.isnan(place.piece.log_probability)
        self._path.append(self._children[parent, place.piece.key])

    def _prefix(self, node: int) -> str:
        """Give what stands before the node and in it as text; a chat cannot be gone on with, nor half a character."""
        if node < 0:
            return ""
        if self.model.is_chat:
            raise InvalidParameter("A chat begins every reply anew, so it cannot go on from here. Write a new one.")
        contents = [self._nodes[place].piece.content for place in self._path]
        try:
            return b"".join(b"\xff" if content is None else content for content in contents).decode()
        except UnicodeDecodeError:
            raise InvalidParameter("The text breaks off inside a character here. Go on from another token.") from None

    def _note(self) -> str:
        sentences = ["Entropies are lower bounds: the server tells no probabilities but those listed."]
        if self.params.temperature > 0:
            sentences.append("What the server adds to the way of choosing by itself, it does not tell.")
        if self._n_unknown:
            sentences.append("Where several tokens make one character, the server gives no number for it.")
        if self.model.is_chat:
            sentences.append("The text was sent as a message of a chat: this is the reply.")
        return " ".join(sentences)


def _check(params: Asked) -> None:
    """Refuse what no server takes."""
    if params.n_beams != 1:
        raise InvalidParameter(f"n_beams is {params.n_beams}; servers follow no beams. Set n_beams to 1.")
    for name in ("max_new_tokens", "n_branches", "top_k"):
        value = getattr(params, name)
        if value is not None and value < 1:
            raise InvalidParameter(f"{name} is {value}; it is at least 1.")
    if not 0 <= params.temperature < math.inf:
        raise InvalidParameter(f"temperature is {params.temperature}; it is 0, for the most probable token, or above.")
    if params.top_p is not None and not 0 < params.top_p <= 1:
        raise InvalidParameter(f"top_p is {params.top_p}; it is a share above 0 and up to 1.")
    if not 0 <= params.seed < 2**31:
        raise InvalidParameter(f"seed is {params.seed}; servers take whole numbers from 0 to 2**31 - 1.")


def _path(tree: ContinuationTree, node: int) -> list[int]:
    if not -1 <= node < len(tree.tokens):
        raise InvalidParameter(f"There is no node {node}. Choose from 0 to {len(tree.tokens) - 1}, or -1, the prompt.")
    return list(tree.path(node))


def _planted(tree: ContinuationTree) -> list[_Node]:
    """Take up the nodes of a tree that a server grew."""
    if len(tree.raw) != len(tree.tokens):
        raise InvalidParameter("This tree was not grown on a server. Continue it with the model it is from.")
    with np.errstate(divide="ignore"):
        numbers = np.log(tree.probability.astype(np.float64))
    return [
        _Node(
            parent=int(tree.parent[place]),
            depth=int(tree.depth[place]),
            piece=Piece(_bytes(tree.raw[place]), text, float(numbers[place]), int(tree.token_ids[place])),
            rank=int(tree.rank[place]),
            entropy=float(tree.entropy[place]),
        )
        for place, text in enumerate(tree.tokens)
    ]


def _bytes(raw: str) -> bytes | None:
    return None if raw == HIDDEN else bytes.fromhex(raw)


def _content(node: _Node) -> bytes:
    return node.piece.text.encode() if node.piece.content is None else node.piece.content
