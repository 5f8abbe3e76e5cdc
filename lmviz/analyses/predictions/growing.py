"""A tree of continuations while it grows: nodes are only ever added, and a continuation is kept once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lmviz.results import ContinuationTree, Provenance, TokenTable

if TYPE_CHECKING:
    from lmviz.capture.decoding import Path, Step, Written
    from lmviz.models.loaded import LoadedModel


class Growing:
    """The nodes so far, and the path through them that is the main continuation."""

    def __init__(self, model: "LoadedModel", table: TokenTable, *, provenance: Provenance) -> None:
        self.model, self.table, self.provenance = model, table, provenance
        self.path: Path = ()
        self.stop_reason = ""
        self._ids: list[int] = []
        self._parents: list[int] = []
        self._depths: list[int] = []
        self._ranks: list[int] = []
        self._chances: list[float] = []
        self._entropies: list[float] = []
        self._tokens: list[str] = []
        self._children: dict[tuple[int, int], int] = {}  # (parent, token) -> node

    def take(self, written: "Written") -> None:
        """Add what was learnt; a node that is there already stays as it is."""
        for step in written.steps:
            self._add(step)
        self.path, self.stop_reason = written.path, written.stop_reason

    def plant(self, tree: ContinuationTree) -> None:
        """Begin with the nodes of a tree."""
        self._parents = tree.parent.tolist()
        self._ids = tree.token_ids.tolist()
        self._depths = tree.depth.tolist()
        self._ranks = tree.rank.tolist()
        self._chances = tree.probability.tolist()
        self._entropies = tree.entropy.tolist()
        self._tokens = list(tree.tokens)
        self._children = {key: node for node, key in enumerate(zip(self._parents, self._ids, strict=True))}

    def _add(self, step: "Step") -> None:
        parent = self._nodes(step.prefix)[-1] if step.prefix else -1
        for item in step.candidates:
            if (parent, item.token_id) in self._children:
                continue
            self._children[parent, item.token_id] = len(self._ids)
            self._parents.append(parent)
            self._ids.append(item.token_id)
            self._depths.append(len(step.prefix))
            self._ranks.append(item.rank)
            self._chances.append(item.probability)
            self._entropies.append(step.entropy)
            self._tokens.append(self._named(item.token_id))

    def _nodes(self, path: "Path") -> list[int]:
        return list(self._along(path))

    def _along(self, path: "Path") -> Iterator[int]:
        node = -1
        for token in path:
            node = self._children[node, token]
            yield node

    def _named(self, token_id: int) -> str:
        from lmviz.capture.tokens import token_string

        return token_string(self.model.tokenizer, token_id)

    def tree(self) -> ContinuationTree:
        """Give the tree as it is now."""
        chosen = set(self._nodes(self.path))
        return ContinuationTree(
            parent=np.array(self._parents, dtype=np.int64),
            depth=np.array(self._depths, dtype=np.int64),
            token_ids=np.array(self._ids, dtype=np.int64),
            tokens=tuple(self._tokens),
            probability=np.array(self._chances, dtype=np.float32),
            rank=np.array(self._ranks, dtype=np.int64),
            entropy=np.array(self._entropies, dtype=np.float32),
            is_chosen=tuple(node in chosen for node in range(len(self._ids))),
            text=said(self.model, self.table, path=self.path),
            stop_reason=self.stop_reason or "stopped",
            table=self.table,
            provenance=self.provenance,
        )


def said(model: "LoadedModel", table: TokenTable, *, path: "Path") -> str:
    """Say what new tokens read like where they stand: with the space that some tokenizers drop at the beginning."""

    def decoded(ids: "Path") -> str:
        return str(model.tokenizer.decode(list(ids), skip_special_tokens=True))

    if model.kind == "encoder-decoder":
        return decoded(path)
    before, whole = decoded(table.ids), decoded((*table.ids, *path))
    return whole[len(before) :] if whole.startswith(before) else decoded(path)
