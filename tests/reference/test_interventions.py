"""Every intervention equals the same thing done the obvious way on a plain transformers model, family by family."""

from contextlib import AbstractContextManager

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
from lmviz.capture.trace import Trace
from lmviz.errors import NotForThisModel
from lmviz.models.anatomy import FAMILIES
from tests.brute_force import (
    OTHER,
    TEXT,
    Bench,
    bench,
    changed_head,
    changed_pattern,
    changed_stream,
    renormalised,
    without_columns,
)
from tests.tiny import tiny

STREAM = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
WITH_INTERFACE = sorted(family for family, known in FAMILIES.items() if known.interface)
PARTS = [
    (family, part)
    for family in WITH_INTERFACE
    for part in (("encoder", "decoder", "cross") if FAMILIES[family].kind == "encoder-decoder" else (None,))
]
TOWERS = [(family, part) for family, part in PARTS if part != "cross"]
PLACES = [(*tower, place) for tower in TOWERS for place in STREAM if (tower[0], place) != ("gpt_neox", "resid_mid")]
RANDOM = np.random.default_rng(0)


def intervened(own: Bench, *interventions: Intervention, text: str = TEXT) -> np.ndarray:
    asked = Run(own.encoding(text), interventions, logits_at=None, decoder_text=own.decoder_text)
    logits = run(own.model, asked, part=own.part).logits
    assert logits is not None
    return logits


def recorded(own: Bench, *places: str, text: str = OTHER) -> Trace:
    asked = Run(own.encoding(text), decoder_text=own.other_decoder_text)
    return run(own.model, asked, places=places, part=own.part)


def check(own: Bench, brute: AbstractContextManager[None], *interventions: Intervention) -> None:
    """Compare with brute force, and see that the intervention does something at all."""
    before = own.logits()
    with brute:
        want = own.logits()
    scale = max(1.0, float(np.abs(want).max()))
    np.testing.assert_allclose(intervened(own, *interventions), want, rtol=0, atol=3e-5 * scale)
    assert np.abs(want - before).max() > 1e-3
    np.testing.assert_array_equal(own.logits(), before)  # brute force has put the model back


@pytest.mark.parametrize(("family", "part"), PARTS)
@pytest.mark.parametrize("layer", [0, 1])
def test_heads(family: str, part: str | None, layer: int) -> None:
    own = bench(family, part)
    if not own.shares_blocks:  # a weight that is used twice cannot be edited for one layer
        check(own, without_columns(own, layer, 1), AblateHead(layer, 1))
    check(own, changed_head(own, layer, 1, torch.zeros_like), AblateHead(layer, 1))
    value = recorded(own, "attended_value")["attended_value"][layer, 2]
    other, at = torch.from_numpy(value.copy()), [0, 2]

    def mean(found: torch.Tensor) -> torch.Tensor:
        return found.mean(dim=1, keepdim=True).expand_as(found)

    def put(found: torch.Tensor) -> torch.Tensor:
        changed = found.clone()
        changed[:, at] = other[at]
        return changed

    check(own, changed_head(own, layer, 1, mean), AblateHead(layer, 1, how="mean"))
    check(own, changed_head(own, layer, 2, lambda _: other), PatchHead(layer, 2, value))
    check(own, changed_head(own, layer, 2, put), PatchHead(layer, 2, value[at], positions=tuple(at)))
    one = value.mean(axis=0)
    constant = torch.from_numpy(one).expand(1, len(value), -1)
    check(own, changed_head(own, layer, 2, lambda _: constant), PatchHead(layer, 2, one))


@pytest.mark.parametrize(("family", "part"), PARTS)
@pytest.mark.parametrize("layer", [0, 1])
def test_patterns_and_edges(family: str, part: str | None, layer: int) -> None:
    own = bench(family, part)
    pattern = recorded(own, "pattern")["pattern"][layer, 3]
    other = torch.from_numpy(pattern.copy())

    def override(found: torch.Tensor) -> torch.Tensor:
        changed = found.clone()
        changed[:, 3] = other
        return changed

    check(own, changed_pattern(own, layer, override), PatchPattern(layer, 3, pattern))
    edges = torch.zeros(1, 4, *pattern.shape, dtype=torch.bool)
    edges[:, 1:3, 2:, :2] = True
    queries = tuple(range(2, pattern.shape[0]))
    for is_renormalised in (True, False):
        cut = KnockOut(layer, queries, (0, 1), heads=(1, 2), is_renormalised=is_renormalised)

        def drop(found: torch.Tensor, is_renormalised: bool = is_renormalised) -> torch.Tensor:
            return renormalised(found, edges) if is_renormalised else found.masked_fill(edges, 0)

        check(own, changed_pattern(own, layer, drop), cut)


@pytest.mark.parametrize(("family", "part"), PARTS)
def test_a_query_without_keys_gathers_nothing(family: str, part: str | None) -> None:
    """In a decoder the first token sees itself alone; what is masked after it must not come in."""
    own = bench(family, part)

    def blind(found: torch.Tensor) -> torch.Tensor:
        changed = found.clone()
        changed[:, :, :1] = 0
        return changed

    check(own, changed_pattern(own, 0, blind), KnockOut(0, (0,), None))


@pytest.mark.parametrize(("family", "part", "place"), PLACES)
def test_stream(family: str, part: str | None, place: str) -> None:
    own = bench(family, part)
    there = recorded(own, place)[place]
    at, width = [1, 2], there.shape[-1]
    direction = RANDOM.standard_normal(width).astype(np.float32)
    span = RANDOM.standard_normal((3, width)).astype(np.float32)
    center = RANDOM.standard_normal(width).astype(np.float32)
    basis = torch.linalg.qr(torch.from_numpy(span).T).Q
    for layer in (0, 1):
        value = torch.from_numpy(there[layer].copy())

        def put(found: torch.Tensor, value: torch.Tensor = value) -> torch.Tensor:
            changed = found.clone()
            changed[:, at] = value[at]
            return changed

        def steer(found: torch.Tensor) -> torch.Tensor:
            changed = found.clone()
            changed[:, at] += 2.5 * torch.from_numpy(direction)
            return changed

        def erase(found: torch.Tensor) -> torch.Tensor:
            moved = found - torch.from_numpy(center)
            return found - moved @ basis @ basis.T

        where = (own, place, layer)
        check(own, changed_stream(*where, put), PatchStream(layer, place, there[layer][at], positions=tuple(at)))
        check(own, changed_stream(*where, steer), AddDirection(layer, direction, 2.5, place, positions=tuple(at)))
        check(own, changed_stream(*where, erase), ProjectOut(layer, span, place, center=center))


@pytest.mark.parametrize(("family", "part"), TOWERS)
def test_entering_at_a_layer_is_the_full_pass_with_the_patch(family: str, part: str | None) -> None:
    own = bench(family, part)
    there = recorded(own, "resid_pre")["resid_pre"]
    for layer in (0, 1, 1):  # the second time earlier blocks are known to be passable
        value = torch.from_numpy(there[layer].copy())
        entered = changed_stream(own, "resid_pre", layer, lambda _, value=value: value[None])
        moot = AddDirection(0, np.ones(value.shape[-1]), place="resid_pre")
        check(own, entered, moot, PatchStream(layer, "resid_pre", there[layer]))


@pytest.mark.parametrize(("family", "part"), PARTS)
def test_a_batch_of_different_interventions_is_one_after_the_other(family: str, part: str | None) -> None:
    """Texts of different lengths too; padding neither is seen nor sees."""
    own = bench(family, part)
    sets: list[tuple[Intervention, ...]] = [
        (),
        *((AblateHead(layer, head, how),) for layer in (0, 1) for head in (0, 3) for how in ("zero", "mean")),
        (KnockOut(1, None, (0,)),),
        (KnockOut(0, (1,), (0, 1), is_renormalised=False), AblateHead(1, 2)),
    ]
    runs = [Run(own.encoding(text), one, (0, 2), own.decoder_text) for text in (TEXT, "the cat sat") for one in sets]
    if part != "cross":
        whole = recorded(own, "resid_pre", text=TEXT)["resid_pre"][1]
        entered = PatchStream(1, "resid_pre", whole)
        others = (AddDirection(0, whole[2]), ProjectOut(1, whole[:2], "resid_pre"), AblateHead(1, 0))
        runs += [Run(own.encoding(), (entered, one), (0, 2), own.decoder_text) for one in others]
    places = ("pattern", "attended_value")
    for asked, got in zip(runs, run_batch(own.model, runs, places=places, part=own.part), strict=True):
        alone = run(own.model, asked, places=places, part=own.part)
        np.testing.assert_allclose(got.logits, alone.logits, rtol=0, atol=3e-5 * max(1.0, np.abs(alone.logits).max()))
        for place in places:
            np.testing.assert_allclose(got[place], alone[place], rtol=0, atol=3e-5)


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(WITH_INTERFACE)))
def test_families_outside_the_interface_say_so_and_have_the_stream(family: str) -> None:
    own = bench(family)
    with pytest.raises(NotForThisModel, match="Choose a model of another family"):
        intervened(own, AblateHead(0, 0))
    value = recorded(own, "resid_mid" if own.stack.mid else "mlp_out")
    place, array = next(iter(value.arrays.items()))
    check(
        own,
        changed_stream(own, place, 1, lambda _: torch.from_numpy(array[1].copy())[None]),
        PatchStream(1, place, array[1]),
    )


def test_a_parallel_block_has_no_middle() -> None:
    hf_model, tokenizer = tiny("gptj")
    model = lmviz.wrap(hf_model, tokenizer)
    own = Bench(model, hf_model, "decoder")
    with pytest.raises(NotForThisModel, match=r"has no resid_mid\. Choose resid_pre"):
        intervened(own, AddDirection(0, np.ones(32), place="resid_mid"))
