"""A prompt that is being continued: what the model has read, what it expects next, and the library's own rules."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from lmviz.capture.intervene_standing import refuse_standing
from lmviz.capture.tokens import Encoding
from lmviz.errors import NotForThisModel
from lmviz.models.loaded import LoadedModel

Path = tuple[int, ...]  # new tokens, from the first after the prompt on


@runtime_checkable
class Decoding(Protocol):
    """How the next token is chosen."""

    @property
    def max_new_tokens(self) -> int:
        """The most tokens to write."""

    @property
    def temperature(self) -> float:
        """What logits are divided by before a token is drawn; 0 takes the most probable one."""

    @property
    def top_k(self) -> int | None:
        """Draw from so many tokens at most."""

    @property
    def top_p(self) -> float | None:
        """Draw from the most probable tokens that have this share together."""

    @property
    def n_beams(self) -> int:
        """Continuations that are followed at once."""

    @property
    def n_branches(self) -> int:
        """Tokens that are kept at each step, the chosen one among them."""

    @property
    def seed(self) -> int:
        """The start of the random numbers."""


@dataclass(frozen=True)
class Candidate:
    """A token and what the model gave it, at temperature 1; rank 0 is the most probable."""

    token_id: int
    probability: float
    rank: int


@dataclass(frozen=True)
class Step:
    """What is kept of what the model expected after some new tokens; `entropy` of all it expected, in nats."""

    prefix: Path
    entropy: float
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Written:
    """How far the writing is: the main path, what was learnt since the last time, and why it stopped.

    `stop_reason` is "" while it goes on, then "end" (the model ended the text), "length" (as many tokens as were asked
    for) or "rule" (another rule of the model's own settings).
    """

    path: Path
    steps: tuple[Step, ...]
    stop_reason: str = ""


@dataclass(eq=False)
class Session:
    """One prompt with what came after it, in one or more rows, and the cache of what the model has read of them."""

    hf_model: Any
    ids: Tensor  # (row, position), the prompt first
    n_prompt: int
    rules: Any  # the library's processors: scores (row, vocabulary) in, scores out
    endings: Any  # the library's criteria: ids in, (row,) out
    settings: Any  # a GenerationConfig of this job's own
    fixed: dict[str, Any]  # what every pass is given
    cache: Any
    n_read: int = 0

    @property
    def end_ids(self) -> tuple[int, ...]:
        """The tokens that end a text."""
        known = self.settings.eos_token_id
        if known is None:
            return ()
        return tuple(int(i) for i in known) if isinstance(known, (list, tuple)) else (int(known),)

    def path(self, row: int = 0) -> Path:
        """Give the tokens after the prompt."""
        return tuple(self.ids[row, self.n_prompt :].tolist())

    def read(self) -> Tensor:
        """Run the model on what it has not read and give the logits of the next token, (row, vocabulary)."""
        name = "decoder_input_ids" if self.hf_model.config.is_encoder_decoder else "input_ids"
        new = self.ids[:, self.n_read :].contiguous()
        with torch.no_grad():
            output = self.hf_model(**{name: new}, **self.fixed, past_key_values=self.cache, use_cache=True)
        self.n_read = self.ids.shape[1]
        logits: Tensor = output.logits[:, -1].to(self.ids.device, torch.float32, copy=True)  # no view
        return logits

    def scores(self, values: Tensor) -> Tensor:
        """Pass logits, or log-probabilities, through the library's processors."""
        processed: Tensor = self.rules(self.ids, values.clone())
        return processed

    def append(self, tokens: Tensor) -> None:
        """Put one more token behind each row."""
        self.ids = torch.cat([self.ids, tokens[:, None]], dim=1)

    def take_rows(self, rows: Tensor) -> None:
        """Go on with these rows only, in this order; one may come more than once."""
        self.ids = self.ids[rows]
        self.cache.reorder_cache(rows)

    def are_over(self, ids: Tensor) -> list[bool]:
        """Say for each row whether the library's criteria stop there."""
        return [bool(is_over) for is_over in self.endings(ids, None)]

    def reason(self, path: Path) -> str:
        """Say why a path that is over is over."""
        if path[-1] in self.end_ids:
            return "end"
        return "length" if self.n_prompt + len(path) >= self.settings.max_length else "rule"


def begin(model: LoadedModel, encoding: Encoding, *, how: Decoding, prefix: Path = ()) -> Session:
    """Let the library prepare what its own loops would run on, for this job alone.

    `generate` hands a loop of ours everything it would give its own: encoder states, an empty cache, the processors
    and criteria that follow from the arguments and from the model's own settings. Nothing is run but the encoder, and
    the model's settings are only read.

    Args:
        model: A model with a language-model head.
        encoding: The prompt, or the source of an encoder-decoder.
        how: How tokens are chosen.
        prefix: New tokens that are there already.

    Raises:
        NotForThisModel: The library refuses the model's own settings, or interventions stand for the model.
    """
    refuse_standing(model)
    caught: dict[str, Any] = {}

    def take(hf_model: Any, input_ids: Tensor, **prepared: Any) -> Tensor:  # noqa: ARG001  the library passes it
        caught.update(prepared, ids=input_ids)
        return input_ids

    try:
        model.hf_model.generate(
            input_ids=encoding.input_ids,
            attention_mask=encoding.attention_mask,
            custom_generate=take,
            max_new_tokens=len(prefix) + how.max_new_tokens,
            num_return_sequences=1,
            use_cache=True,
            cache_implementation=None,
            return_dict_in_generate=False,
            **_choice(how),
        )
    except ValueError as error:
        raise NotForThisModel(
            f"{model.id} cannot write with its own settings: {str(error).splitlines()[0]} Choose another model."
        ) from error
    return _session(model.hf_model, caught, prefix)


def _choice(how: Decoding) -> dict[str, Any]:
    """Give the way of choosing in the library's words."""
    if how.temperature == 0:
        unused = {"temperature": None, "top_k": None, "top_p": None}  # the library warns of those a model has set
        return {"do_sample": False, "num_beams": how.n_beams, **unused}
    return {
        "do_sample": True,
        "num_beams": 1,
        "temperature": how.temperature,
        "top_k": how.top_k or 0,
        "top_p": 1.0 if how.top_p is None else how.top_p,
    }


def _session(hf_model: Any, prepared: dict[str, Any], prefix: Path) -> Session:
    ids: Tensor = prepared["ids"]
    fixed: dict[str, Any] = {name: prepared[name] for name in ("logits_to_keep", "encoder_outputs") if name in prepared}
    if hf_model.config.is_encoder_decoder:
        fixed["attention_mask"] = prepared["attention_mask"]
    return Session(
        hf_model=hf_model,
        ids=torch.cat([ids, ids.new_tensor([prefix] * len(ids))], dim=1) if prefix else ids,
        n_prompt=ids.shape[1],
        rules=prepared["logits_processor"],
        endings=prepared["stopping_criteria"],
        settings=prepared["generation_config"],
        fixed={**fixed, "return_dict": True},
        cache=prepared["past_key_values"],
    )


def survey(logits: Tensor, n: int) -> tuple[float, tuple[Candidate, ...]]:
    """Give the entropy of one distribution, in nats, and its n most probable tokens, best first.

    Args:
        logits: (vocabulary,), as the model gave them.
        n: How many tokens; no more than there are.
    """
    probabilities = logits.softmax(-1)
    best = logits.topk(min(n, len(logits))).indices
    chances = probabilities[best].tolist()
    ranked = zip(best.tolist(), chances, range(len(chances)), strict=True)
    return float(torch.special.entr(probabilities).sum()), tuple(Candidate(*item) for item in ranked)


def candidate(logits: Tensor, token_id: int) -> Candidate:
    """Give probability and rank of any token, from logits (vocabulary,)."""
    own = logits[token_id]
    return Candidate(token_id, float(torch.exp(own - logits.logsumexp(-1))), int((logits > own).sum()))
