"""Laws of intervening: everything patched is the clean run, nothing patched the corrupted one, nothing stays behind."""

import copy
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import lmviz
from lmviz.capture.intervene import (
    AblateHead,
    AddDirection,
    Intervention,
    KnockOut,
    PatchHead,
    PatchPattern,
    PatchStream,
    ProjectOut,
    Run,
    run,
    run_batch,
)
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from lmviz.errors import InvalidParameter, NotForThisModel, OverBudget
from lmviz.models import anatomy
from lmviz.models.context import current
from lmviz.models.loaded import LoadedModel
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

TEXT = "the cat sat on the mat because it was tired"
OTHER = "the dog was on the mat because it sat tired"
SOME = ["bert", "gpt2", "llama", "gemma2", "gpt_oss"]


@pytest.fixture(scope="module", params=SOME)
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return lmviz.wrap(*tiny(request.param))


@pytest.fixture(scope="module")
def llama() -> LoadedModel:
    return lmviz.wrap(*tiny("llama"))


@pytest.fixture(scope="module")
def bert() -> LoadedModel:
    return lmviz.wrap(*tiny("bert"))


def logits(model: LoadedModel, *interventions: Intervention, text: str = TEXT) -> np.ndarray:
    found = run(model, Run(encode(model, text), interventions, logits_at=None)).logits
    assert found is not None
    return found


def plain(model: LoadedModel, text: str = TEXT) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = model.hf_model(**encode(model, text).inputs()).logits[0].numpy()
    return found


def close(got: np.ndarray, want: np.ndarray, scale: float = 1.0) -> None:
    np.testing.assert_allclose(got, want, rtol=0, atol=3e-5 * scale * max(1.0, float(np.abs(want).max())))


def directions(n: int, width: int) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((n, width)).astype(np.float32)


def test_nothing_replaced_is_the_plain_pass_to_the_bit(model: LoadedModel) -> None:
    np.testing.assert_array_equal(logits(model), plain(model))


def test_everything_patched_is_the_clean_run_and_nothing_the_corrupted(model: LoadedModel) -> None:
    clean = trace(model, encode(model, TEXT), ("resid_pre", "resid_post", "attended_value", "mlp_out", "pattern"))
    n_tokens = len(clean.table)
    want, corrupted = plain(model), plain(model, OTHER)
    assert np.abs(want - corrupted).max() > 0.01
    for layer in (0, 1):
        for place in ("resid_pre", "resid_post"):
            whole = PatchStream(layer, place, clean[place][layer])
            one_by_one = [PatchStream(layer, place, clean[place][layer][[at]], (at,)) for at in range(n_tokens)]
            close(logits(model, whole, text=OTHER), want)
            close(logits(model, *one_by_one, text=OTHER), want)
            close(logits(model, PatchStream(layer, place, clean[place][layer][:0], ()), text=OTHER), corrupted)
    own = trace(model, encode(model, OTHER), ("resid_pre", "pattern"))
    start = PatchStream(0, "resid_pre", clean["resid_pre"][0])
    heads = [PatchHead(layer, head, clean["attended_value"][layer, head]) for layer in (0, 1) for head in range(4)]
    mlps = [PatchStream(layer, "mlp_out", clean["mlp_out"][layer]) for layer in (0, 1)]
    close(logits(model, start, *heads, *mlps, text=OTHER), want)
    assert np.abs(logits(model, *heads, *mlps, text=OTHER) - corrupted).max() > 0.01
    itself = [PatchPattern(layer, head, own["pattern"][layer, head]) for layer in (0, 1) for head in range(4)]
    close(logits(model, *itself, text=OTHER), corrupted)


def test_what_is_projected_out_is_gone(model: LoadedModel) -> None:
    width = trace(model, encode(model, TEXT), ("resid_pre",))["resid_pre"].shape[-1]
    span, center = directions(3, width), directions(1, width)[0]
    span = np.concatenate([span, span[:1] * 2])  # one of them twice: the span is the same
    asked = Run(encode(model, TEXT), (ProjectOut(1, span, "resid_pre", center=center),))
    before = trace(model, encode(model, TEXT), ("resid_pre",))["resid_pre"][1] - center
    after = run(model, asked, places=("resid_pre",))["resid_pre"][1] - center
    assert np.abs(before @ span.T).max() > 0.5
    close(after @ span.T, np.zeros((len(before), 4)), scale=float(np.abs(before).max()))
    rest = np.linalg.qr(np.concatenate([span[:3], directions(5, width)]).T).Q.T[3:]
    close(after @ rest.T, before @ rest.T)


def test_an_oblique_projection_subtracts_what_its_readers_find(bert: LoadedModel) -> None:
    writer, reader = directions(2, 32)
    reader /= reader @ writer
    asked = Run(encode(bert, TEXT), (ProjectOut(0, writer, readers=reader),))
    before = trace(bert, encode(bert, TEXT), ("resid_post",))["resid_post"][0]
    after = run(bert, asked, places=("resid_post",))["resid_post"][0]
    close(after, before - np.outer(before @ reader, writer))
    close(after @ reader, np.zeros(len(before)), scale=10)


def test_a_direction_added_and_subtracted_is_nothing(model: LoadedModel) -> None:
    width = trace(model, encode(model, TEXT), ("resid_pre",))["resid_pre"].shape[-1]
    direction = directions(1, width)[0]
    there, back = AddDirection(0, direction, 3.0), AddDirection(0, direction, -3.0)
    close(logits(model, there, back), plain(model))
    assert np.abs(logits(model, there) - plain(model)).max() > 0.01


def test_edges_knocked_out_carry_nothing(model: LoadedModel) -> None:
    n_tokens = len(encode(model, TEXT).table)
    later = tuple(range(3, n_tokens))
    encoding, full = encode(model, TEXT), trace(model, encode(model, TEXT), ("pattern",))
    cut = run(model, Run(encoding, (KnockOut(0, later, (1, 2)),)), places=("pattern",))["pattern"][0]
    zeroed = KnockOut(0, later, (1, 2), is_renormalised=False)
    less = run(model, Run(encoding, (zeroed,)), places=("pattern",))["pattern"][0]
    for pattern in (cut, less):
        assert (pattern[:, 3:, 1:3] == 0).all()
        close(pattern[:, :3], full["pattern"][0][:, :3])
    if not full.has_sinks:
        close(cut.sum(-1), np.ones(cut.shape[:2]))
    close(less.sum(-1)[:, 3:], full["pattern"][0].sum(-1)[:, 3:] - full["pattern"][0][:, 3:, 1:3].sum(-1))
    assert (less.sum(-1)[:, 3:] < 0.999).any(axis=1).all()


def test_a_knocked_out_token_is_not_seen_by_anyone(llama: LoadedModel) -> None:
    """With all edges to it cut in all layers, what it says changes nothing but at its own place."""
    n_tokens = len(encode(llama, TEXT).table)
    others = tuple(range(2, n_tokens))
    cuts = [KnockOut(layer, others, (1,)) for layer in range(llama.n_layers)]
    noise = AddDirection(0, directions(1, 32)[0], place="resid_pre", positions=(1,))
    close(logits(llama, noise, *cuts)[2:], logits(llama, *cuts)[2:], scale=0.1)
    assert np.abs(logits(llama, noise)[2:] - plain(llama)[2:]).max() > 1e-3


def test_logits_come_for_the_asked_positions(model: LoadedModel) -> None:
    encoding, ablated = encode(model, TEXT), AblateHead(0, 1)
    everywhere = logits(model, ablated)
    runs = [Run(encoding, (ablated,), (3, 1)), Run(encoding, (ablated,)), Run(encoding, (), (2,))]
    some, none, other = run_batch(model, runs)
    assert some.logits is not None
    assert other.logits is not None
    close(some.logits, everywhere[[3, 1]])
    assert none.logits is None
    close(other.logits, plain(model)[[2]])
    mixed = list(run_batch(model, [*runs, Run(encoding, (ablated,), None)]))
    assert mixed[1].logits is None
    assert mixed[3].logits is not None
    close(mixed[3].logits, everywhere)


def test_labels_come_as_they_are() -> None:
    model = lmviz.wrap(*tiny_head("bert", "ForSequenceClassification", num_labels=3))
    asked = Run(encode(model, TEXT), (AblateHead(0, 1),), None)
    short = Run(encode(model, "the cat"), (), None)
    got, other = run_batch(model, [asked, short])
    assert got.logits is not None
    assert other.logits is not None
    assert got.logits.shape == (3,)
    close(other.logits, plain(model, "the cat"))
    with pytest.raises(NotForThisModel, match="gives no logits"):
        run(lmviz.wrap(*tiny_head("bert", "Model")), asked)


def test_blocks_before_the_entry_do_not_run(llama: LoadedModel) -> None:
    clean = trace(llama, encode(llama, TEXT), ("resid_pre",))["resid_pre"]
    entered = (PatchStream(1, "resid_pre", clean[1]),)
    encoding = encode(llama, OTHER)
    list(run_batch(llama, [Run(encoding, entered)]))  # from now on known to be passable
    ran: list[int] = []
    blocks = anatomy.blocks(llama.hf_model, dict(llama.anatomy.stacks)["decoder"])
    handles = [
        block.mlp.register_forward_hook(lambda *_, layer=layer: ran.append(layer))  # type: ignore[operator,union-attr]
        for layer, block in enumerate(blocks)
    ]
    try:
        for runs, places, layers in (
            ([Run(encoding, entered)] * 3, (), None),
            ([Run(encoding, entered)], ("pattern",), (1,)),
            ([Run(encoding, entered)], ("pattern",), None),
            ([Run(encoding, entered), Run(encoding)], (), None),
        ):
            got = list(run_batch(llama, runs, places=places, layers=layers))
            ran.append(-1)
        assert ran == [1, -1, 1, -1, 0, 1, -1, 0, 1, -1]
    finally:
        for handle in handles:
            handle.remove()
    assert len(got) == 2


def test_places_are_kept_under_their_layers_when_blocks_are_passed(llama: LoadedModel) -> None:
    clean = trace(llama, encode(llama, TEXT), ("resid_pre", "pattern", "mlp_out"))
    asked = Run(encode(llama, OTHER), (PatchStream(1, "resid_pre", clean["resid_pre"][1]),))
    for _ in range(2):
        got = run(llama, asked, places=("pattern", "mlp_out"), layers=(1,))
        for place in ("pattern", "mlp_out"):
            close(got[place][0], clean[place][1])


def test_runs_are_taken_when_their_turn_comes(bert: LoadedModel) -> None:
    def endless() -> Iterator[Run]:
        encoding = encode(bert, TEXT)
        for number in itertools.count():
            yield Run(encoding, (AblateHead(number % 2, number % 4),), (1,))

    first = list(itertools.islice(run_batch(bert, endless()), 500))
    close(first[499].logits[0], logits(bert, AblateHead(1, 3))[1])  # type: ignore[index]


def test_wrong_questions_are_one_sentence(bert: LoadedModel) -> None:
    vector = np.ones(32, dtype=np.float32)
    for wrong, sentence in (
        (AblateHead(2, 0), "layers 0 to 1; there is no layer 2"),
        (AblateHead(0, 4), r"There is no head 4; heads go from 0 to 3\."),
        (AblateHead(0, 0, how="median"), "by 'zero' or by 'mean', not by 'median'"),
        (AblateHead(0, 0, positions=(-1,)), "There is no position -1"),
        (AddDirection(0, vector, positions=(99,)), "There is no position 99; positions go from 0 to"),
        (AddDirection(0, vector[:5]), r"has the shape \(5,\); here it must be \(32,\)"),
        (AddDirection(0, vector, place="resid"), "'resid' is no place of the residual stream"),
        (AddDirection(0, vector, place="pattern"), "is no place of the residual stream"),
        (AddDirection(0, vector * np.nan), "not finite"),
        (AddDirection(0, vector, float("inf")), "not finite"),
        (PatchStream(0, "mlp_out", vector[None], (0, 1)), r"has the shape \(1, 32\); here it must be \(2, 32\)"),
        (ProjectOut(0, vector * 0), "A direction of length zero"),
        (ProjectOut(0, np.ones((2, 5))), r"here it must be \(any, 32\)"),
    ):
        with pytest.raises(InvalidParameter, match=sentence):
            logits(bert, wrong)
    with pytest.raises(InvalidParameter, match="There is no position 50; positions go from 0 to"):
        run(bert, Run(encode(bert, TEXT), logits_at=(50,)))
    with pytest.raises(NotForThisModel, match="has no cross attention"):
        run(bert, Run(encode(bert, TEXT), (AblateHead(0, 0),)), part="cross")
    seq2seq = lmviz.wrap(*tiny("t5"))
    asked = Run(encode(seq2seq, TEXT), (AddDirection(0, vector),), decoder_text="the dog")
    with pytest.raises(NotForThisModel, match=r"Choose part 'decoder'"):
        run(seq2seq, asked, part="cross")


def test_memory_is_asked_for_before_it_runs(bert: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.001")
    with pytest.raises(OverBudget):
        run(bert, Run(encode(bert, TEXT), (AblateHead(0, 0),)))


def state(model: LoadedModel) -> tuple[list[tuple[str, int, int]], list[tuple[bool, bool, bytes]]]:
    hooks = [(name, len(m._forward_hooks), len(m._forward_pre_hooks)) for name, m in model.hf_model.named_modules()]
    weights = [(p.requires_grad, p.grad is None, p.detach().numpy().tobytes()) for p in model.hf_model.parameters()]
    return hooks, weights


def test_nothing_stays_behind(model: LoadedModel) -> None:
    before, answer = state(model), plain(model)
    value = trace(model, encode(model, OTHER), ("resid_pre",))["resid_pre"]
    logits(model, AblateHead(0, 1), KnockOut(1, None, (1,)), PatchStream(1, "resid_mid", value[1]))
    for wrong in (AblateHead(1, 9), PatchStream(1, "mlp_out", value[1][:, :3])):  # found in the middle of a pass
        with pytest.raises(InvalidParameter):
            logits(model, PatchStream(1, "resid_pre", value[1]), AblateHead(1, 0), wrong)
    assert current.get() is None
    assert state(model) == before
    np.testing.assert_array_equal(plain(model), answer)


def test_wrapping_leaves_the_blocks_of_the_callers_model_alone() -> None:
    hf_model, tokenizer = tiny("gpt2")
    kinds = [type(module) for module in hf_model.modules()]
    model = lmviz.wrap(hf_model, tokenizer)
    again = lmviz.wrap(model.hf_model, tokenizer)
    assert [type(module) for module in hf_model.modules()] == kinds
    assert [type(module).__name__ for module in again.hf_model.modules()] == [kind.__name__ for kind in kinds]
    copied = copy.deepcopy(model.hf_model)
    assert all(isinstance(module, kind) for module, kind in zip(copied.modules(), kinds, strict=True))
    close(logits(again, AblateHead(0, 1)), logits(model, AblateHead(0, 1)))


@pytest.mark.parametrize("family", ["bert", "llama", "gemma2", "t5"])
def test_eight_threads_give_the_single_threaded_answers_and_disturb_nobody(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    part, decoder_text = ("decoder", "the dog was tired") if family == "t5" else (None, None)
    encoding = encode(model, TEXT)
    value = trace(model, encoding, ("resid_pre",), part=part, decoder_text=decoder_text)["resid_pre"]
    sets: list[tuple[Intervention, ...]] = [
        *((AblateHead(layer, head, how),) for layer in (0, 1) for head in range(4) for how in ("zero", "mean")),
        (KnockOut(0, None, (0,)),),
        (PatchStream(1, "resid_pre", value[1] * 2), AblateHead(1, 1)),
        (AddDirection(0, value[1][1], 2.0),),
        (ProjectOut(1, value[0][1], "resid_mid"),),
    ]
    asked = [Run(encoding, one, None, decoder_text) for one in sets]
    plain_run = Run(encoding, (), None, decoder_text)

    def answer(number: int) -> np.ndarray:
        chosen = plain_run if number % 2 else asked[number // 2 % len(asked)]
        found = run(model, chosen, part=part).logits
        assert found is not None
        return found

    want = [answer(number) for number in range(2 * len(asked))]
    assert all(np.abs(one - want[1]).max() > 1e-4 for one in want[::2])  # they do something
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(answer, range(160)))
    for number, found in enumerate(got):
        np.testing.assert_array_equal(found, want[number % len(want)])
