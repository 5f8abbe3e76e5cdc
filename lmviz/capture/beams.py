"""Beam search: several continuations at once, of which the one with the best score per length wins."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lmviz.capture.decoding import Decoding, Path, Session, Step, Written, candidate, survey

_NOTHING = -1e9  # the score of a row that is not followed


@dataclass(frozen=True)
class _Beam:
    """A continuation; `score` is the sum of its log-probabilities, divided by a power of its length once it is over."""

    path: Path
    score: float
    row: int = 0  # of the beam it continues
    is_over: bool = False


@dataclass(eq=False)
class _Search:
    """What is known at one step; beams are sorted, best first."""

    session: Session
    how: Decoding
    running: list[_Beam]
    finished: list[_Beam] = field(default_factory=list)
    seen: dict[Path, Step] = field(default_factory=dict)  # the most probable tokens after each path


def search(session: Session, how: Decoding) -> Iterator[Written]:
    """Follow `how.n_beams` continuations; the main path is the best one so far, at the end the winner.

    The same sequences as the library's beam search with the model's own length penalty and rule for stopping early:
    at each step the best continuations of all beams are taken, more than there are beams, so that enough remain when
    some are over; those among the first are compared with the finished ones by score / length ** penalty.

    Yields:
        For each step the beams that were kept; for the last one the alternatives along the winner as well.
    """
    first = session.path()
    running = [_Beam(first, 0.0), *[_Beam(first, _NOTHING)] * (how.n_beams - 1)]
    state = _Search(session, how, running)
    n_start = len(first)
    is_settled = False
    while not is_settled:
        logits = session.read()
        best = _continuations(state, logits)
        steps = _kept(state, logits, best)
        is_settled = _advance(state, best, n_new=len(best[0].path) - n_start)
        if is_settled:
            winner = (state.finished or state.running)[0].path
            yield Written(winner, (*steps, *_alternatives(state, winner, n_start)), session.reason(winner))
        else:
            session.take_rows(torch.tensor([beam.row for beam in state.running], device=logits.device))
            session.append(torch.tensor([beam.path[-1] for beam in state.running], device=logits.device))
            yield Written(state.running[0].path, steps)


def _continuations(state: _Search, logits: Tensor) -> list[_Beam]:
    """Give the best continuations of all running beams by one token, best first."""
    session = state.session
    before = torch.tensor([beam.score for beam in state.running], device=logits.device)
    scores = session.scores(logits.log_softmax(-1)) + before[:, None]  # (beam, vocabulary)
    n_kept = max(2, 1 + len(session.end_ids)) * len(state.running)
    values, places = scores.flatten().topk(min(n_kept, scores.numel()))
    rows, tokens = places // scores.shape[1], places % scores.shape[1]
    are_over = session.are_over(torch.cat([session.ids[rows], tokens[:, None]], dim=1))
    found = zip(rows.tolist(), tokens.tolist(), values.tolist(), are_over, strict=True)
    return [_Beam((*state.running[row].path, token), score, row, over) for row, token, score, over in found]


def _advance(state: _Search, best: list[_Beam], *, n_new: int) -> bool:
    """Sort continuations into running and finished; say whether nothing better can come."""
    n_beams, settings = len(state.running), state.session.settings
    over = [beam for beam in best[:n_beams] if beam.is_over]
    scored = [_Beam(beam.path, beam.score / n_new**settings.length_penalty) for beam in over]
    state.finished = sorted([*state.finished, *scored], key=lambda beam: -beam.score)[:n_beams]
    going = [beam for beam in best if not beam.is_over]
    spare = [_Beam(beam.path, beam.score + _NOTHING, beam.row) for beam in best if beam.is_over]
    state.running = [*going, *spare][:n_beams]
    if not going:
        return True
    if len(state.finished) < n_beams:
        return False
    if settings.early_stopping is True:
        return True
    is_hopeful = settings.early_stopping == "never" and settings.length_penalty > 0
    length = state.how.max_new_tokens if is_hopeful else n_new
    return bool(state.running[0].score / length**settings.length_penalty <= state.finished[-1].score)


def _kept(state: _Search, logits: Tensor, best: list[_Beam]) -> tuple[Step, ...]:
    """Give the continuations that stay, or are over, as steps; note what else was probable after each beam."""
    n_beams = len(state.running)
    followed = [row for row, beam in enumerate(state.running) if beam.score > _NOTHING / 2]
    for row in followed:
        entropy, candidates = survey(logits[row], state.how.n_branches)
        state.seen[state.running[row].path] = Step(state.running[row].path, entropy, candidates)
    going = [beam for beam in best if not beam.is_over][:n_beams]
    stay = [*going, *(beam for beam in best[:n_beams] if beam.is_over)]
    return tuple(_step(state, logits, row, beams=[b for b in stay if b.row == row]) for row in followed)


def _step(state: _Search, logits: Tensor, row: int, *, beams: Iterable[_Beam]) -> Step:
    known = state.seen[state.running[row].path]
    return Step(known.prefix, known.entropy, tuple(candidate(logits[row], beam.path[-1]) for beam in beams))


def _alternatives(state: _Search, path: Path, n_start: int) -> Iterator[Step]:
    """Give what else was probable at each step of a path."""
    for length in range(n_start, len(path)):
        known = state.seen[path[:length]]
        others = [item for item in known.candidates if item.token_id != path[length]]
        yield Step(known.prefix, known.entropy, tuple(others[: state.how.n_branches - 1]))
