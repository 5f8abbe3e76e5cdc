"""The residual stream of a whole data set, captured once in batches and kept: it can be stopped and gone on with."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BufferedRandom
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from lmviz.capture import activation_files, budget
from lmviz.capture.activation_files import Activations, TextTokens, layer_file
from lmviz.capture.intervene_standing import standing
from lmviz.capture.padding import padded
from lmviz.capture.text_tokens import TokenizedTexts, tokenized
from lmviz.capture.trace import checked_places, forward
from lmviz.errors import InvalidParameter, NotForThisModel, OverBudget
from lmviz.models import cache
from lmviz.models.context import Request, asking
from lmviz.models.loaded import LoadedModel

_N_TOKENS = 2048  # of one batch, padding included: more makes no pass faster
_FLOAT = 4  # bytes
_PLACES = frozenset({"resid_pre", "resid_post"})
Tell = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Capture:
    """What is to be captured; nothing has run yet.

    `texts` are tokenized. Layers are counted as in `Activations`: one more than the model has.
    """

    model: LoadedModel
    texts: TokenizedTexts

    @property
    def n_layers(self) -> int:
        """The layers that are kept, what enters the first block among them."""
        return self.model.n_layers + 1

    @property
    def width(self) -> int:
        """Numbers in one vector."""
        config = self.model.hf_model.config.get_text_config()
        return int(getattr(config, "hidden_size", None) or config.d_model)

    @property
    def n_bytes(self) -> int:
        """What it will take on disk."""
        return self.n_layers * self.tokens.n_tokens * self.width * _FLOAT

    @property
    def tokens(self) -> TextTokens:
        """Where the tokens stand."""
        return self.texts.tokens

    @property
    def is_there(self) -> bool:
        """Whether it was captured before."""
        return activation_files.read_journal(self.folder) == self.n_texts

    @property
    def n_texts(self) -> int:
        """Texts that the model reads: all but those that are too long."""
        return self.tokens.n_texts - len(self.texts.too_long)

    @cached_property
    def seconds(self) -> float:
        """About how long it will take here, from two passes that are timed; 0 where it was captured before."""
        if self.is_there or not self.tokens.n_tokens:
            return 0.0
        share = 1 - activation_files.read_journal(self.folder) / self.n_texts
        one = max(1, self.tokens.n_tokens // self.n_texts)
        return share * budget.estimate(self.model, one, places=()).seconds * self.n_texts

    @cached_property
    def order(self) -> np.ndarray:
        """The order in which texts run: those of one length together, so that least is padded."""
        lengths = np.diff(self.tokens.offsets)
        order = np.argsort(lengths, kind="stable")
        return order[lengths[order] > 0]

    @cached_property
    def row_of(self) -> np.ndarray:
        """The row of each token in the files."""
        lengths = np.diff(self.tokens.offsets)
        ran = np.concatenate([[0], np.cumsum(lengths[self.order])[:-1]])
        first = np.zeros(len(lengths), dtype=np.int64)
        first[self.order] = ran
        return np.repeat(first - self.tokens.offsets[:-1], lengths) + np.arange(self.tokens.n_tokens)

    @cached_property
    def folder(self) -> Path:
        """Where it is kept: named after the weights and the texts."""
        signed = hashlib.sha256(_weights_of(self.model).encode())
        signed.update(json.dumps([self.model.dtype, str(self.model.device.type), self.n_layers]).encode())
        signed.update(self.texts.ids.tobytes())
        signed.update(self.tokens.offsets.tobytes())
        return cache.cache_dir() / "activations" / signed.hexdigest()[:32]

    def batches(self) -> Iterator[list[int]]:
        """Give the texts of each batch, as numbers, in the order in which they run."""
        lengths = np.diff(self.tokens.offsets)
        batch: list[int] = []
        for text in map(int, self.order):
            if batch and (len(batch) + 1) * lengths[text] > _N_TOKENS:
                yield batch
                batch = []
            batch.append(text)
        if batch:
            yield batch


def capture(model: LoadedModel, texts: Sequence[str]) -> Capture:
    """Say what is to be captured of some texts.

    Args:
        model: An encoder or a decoder whose residual stream is known.
        texts: Any number; each is read by itself. Those that are too long for the model are left out.

    Raises:
        NotForThisModel: It is an encoder-decoder, or where it keeps its residual stream is not known.
        InvalidParameter: There is no text that can be read, or interventions stand for the model.
        EmptyInput: A text is nothing but space.
    """
    if model.kind == "encoder-decoder":
        raise NotForThisModel(f"{model.id} reads one text and writes another. Choose an encoder or a decoder.")
    checked_places(model, _PLACES, part=model.kind)
    if not texts:
        raise InvalidParameter("There is no text to capture. Give a source with texts in it.")
    if standing(model):
        raise InvalidParameter("Activations that are kept are those of the model as it is. Capture them before.")
    found = tokenized(model, texts)
    if not found.tokens.n_tokens:
        raise InvalidParameter(f"Each text is longer than {model.id} reads. Give shorter texts.")
    return Capture(model, found)


def captured(wanted: Capture, *, on_progress: Tell) -> Activations:
    """Give the activations, captured where they are not there yet; what an earlier run has left is gone on with.

    The model runs in batches of texts of one length, and each vector is written as one pass over its text alone gives
    it, up to rounding. Two that want the same take turns: the second finds what the first has done.

    Args:
        wanted: What `capture` gave.
        on_progress: Told after every batch; it may raise to stop, and what is done is kept.

    Raises:
        OverBudget: It would take more room on disk, or more memory, than there is.
    """
    folder = wanted.folder
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, on_progress):
        n_done = activation_files.read_journal(folder)
        if n_done < wanted.n_texts:
            _check_room(wanted)
            budget.check(wanted.model, int(np.diff(wanted.tokens.offsets).max()), places=())
            _run(wanted, n_done, on_progress)
        (folder / activation_files.JOURNAL).touch()
    return Activations(folder, wanted.tokens, wanted.row_of, wanted.n_layers, wanted.width)


@contextmanager
def _alone(folder: Path, on_progress: Tell) -> Iterator[None]:
    """Wait until nobody else captures the same; the wait can be stopped, and others may run meanwhile."""
    lock = FileLock(folder.with_suffix(".lock"))
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            on_progress(0.0, "Somebody captures the same; waiting for it")
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.release()


def _check_room(wanted: Capture) -> None:
    """Refuse what does not fit; what was used longest ago is deleted first."""
    parent = wanted.folder.parent
    activation_files.make_room(parent, wanted.n_bytes, but=wanted.folder)
    free = min(activation_files.room_bytes(), shutil.disk_usage(parent).free * 0.9)
    if wanted.n_bytes > free:
        raise OverBudget(
            f"The activations would take {wanted.n_bytes / 1e9:.1f} GB on disk; {free / 1e9:.1f} GB are free for them. "
            f"Ask for fewer sentences, or raise {activation_files.ROOM_VARIABLE}."
        )


class _Rows:
    """Writes recorded tensors of one batch to the files of their layers, padding left out."""

    def __init__(self, files: Sequence[BufferedRandom]) -> None:
        self._files = files
        self.attended: Tensor = torch.empty(0)

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        if place == "resid_pre" and layer > 0:  # what leaves the block before it
            return
        rows = value[self.attended].float().cpu().numpy()
        self._files[layer + (place == "resid_post")].write(np.ascontiguousarray(rows).data)


def _run(wanted: Capture, n_done: int, on_progress: Tell) -> None:
    """Run what is left."""
    tokens, model = wanted.tokens, wanted.model
    lengths = np.diff(tokens.offsets)
    n_rows = int(lengths[wanted.order[:n_done]].sum())
    with ExitStack() as opened, torch.no_grad():
        paths = (layer_file(wanted.folder, layer) for layer in range(wanted.n_layers))
        files = [opened.enter_context(_at(path, n_rows * wanted.width * _FLOAT)) for path in paths]
        shelf, before = _Rows(files), 0
        for batch in wanted.batches():
            before += len(batch)
            if before <= n_done:
                continue
            rows, segments = wanted.texts.of(batch)
            inputs = padded(model, rows, segments=segments)
            shelf.attended = inputs["attention_mask"].bool()
            request = Request(model.kind, _PLACES, shelf, batch=len(batch))
            with asking(request):
                forward(model, inputs, part=model.kind, logits=False, places=_PLACES)
            for file in files:
                file.flush()
            activation_files.write_journal(wanted.folder, before)
            on_progress(before / wanted.n_texts, f"{before:,} of {wanted.n_texts:,} texts captured")


def _at(path: Path, position: int) -> BufferedRandom:
    """Open a file to go on at a position; what is behind it was not written down as done."""
    path.touch()
    file = path.open("r+b")
    file.truncate(position)
    file.seek(position)
    return file


_fingerprints: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()


def _weights_of(model: LoadedModel) -> str:
    """Give the sha256 of all weights: a model that was changed or shuffled in memory still has its entry's name."""
    known = _fingerprints.get(model.hf_model)
    if known is None:
        signed = hashlib.sha256()
        for name, weight in model.hf_model.state_dict().items():
            signed.update(name.encode())
            signed.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        known = _fingerprints[model.hf_model] = signed.hexdigest()
    return known
