"""Attributions by attention against the library's own eager attention, and against a head that looks a little more."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EuroBertConfig, EuroBertForSequenceClassification, PreTrainedModel

import lmviz
from lmviz.analyses.attribution.at_attention import reading_weights
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.capture.intervene import PatchPattern, ProjectOut, Run, intervening, run
from lmviz.capture.pattern_gradients import pattern_gradients
from lmviz.capture.tokens import encode
from lmviz.models.loaded import LoadedModel
from lmviz.results import TokenMatrix
from tests.reference.test_attribution import TEXTS, ask, model_of
from tests.tiny import tiny
from tests.tiny_heads import tiny_head


def by_hand(family: str, text: str, *, place: int, token: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Give a logit, the patterns and the gradients as transformers and torch have them by themselves."""
    hf_model, tokenizer = tiny(family)
    hf_model.set_attn_implementation("eager")
    given = tokenizer(text, return_tensors="pt")
    output = hf_model(**given, output_attentions=True)
    logits = output.prediction_logits if "prediction_logits" in output else output.logits
    value = logits[0, place, token]
    found = torch.autograd.grad(value, output.attentions, allow_unused=True, materialize_grads=True)
    patterns, gradients = (np.stack([one[0].detach().numpy() for one in own]) for own in (output.attentions, found))
    return float(value.detach()), patterns, gradients


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "roberta", "distilbert", "qwen3", "gemma2", "opt"])
def test_patterns_and_their_gradients_are_those_of_eager_attention(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    text = f"the cat sat on {model.tokenizer.mask_token} mat" if model.kind == "encoder" else "the cat sat on the"
    target = explained(model, TargetParams(text))
    (term,) = target.quantity
    assert term.place is not None
    value, patterns, gradients = by_hand(family, text, place=term.place, token=term.index)
    found = pattern_gradients(model, target.encoding, quantity=target.quantity)
    assert found[0] == pytest.approx(value, abs=1e-4)
    np.testing.assert_allclose(found[1], patterns, atol=1e-6)
    scale = float(np.abs(gradients).max())
    assert scale > 1e-4
    np.testing.assert_allclose(found[2], gradients, atol=1e-5 * max(1.0, scale))
    products = (patterns * gradients).sum(axis=(0, 1, 2))
    scores = ask("attention-x-gradient", model, text).scores
    np.testing.assert_allclose(scores, products, atol=1e-5 * max(1.0, float(np.abs(products).max())))
    carried = np.eye(len(scores))
    for pattern, gradient in zip(patterns, gradients, strict=True):
        heads = [np.where(one > 0, one, 0) for one in pattern * gradient]
        carried = carried + sum(heads) / len(heads) @ carried
    wanted = carried[term.place] - np.eye(len(scores))[term.place]
    relevance = ask("attention-relevance", model, text)
    np.testing.assert_allclose(relevance.scores, wanted, atol=1e-5 * max(1.0, float(wanted.max())))
    assert (relevance.scores >= 0).all() and relevance.scores.max() > 0


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_gradient_is_what_a_little_more_attention_does(family: str) -> None:
    model, text = model_of(family), TEXTS[family]
    target = explained(model, TargetParams(text))
    (term,) = target.quantity
    assert term.place is not None
    _, patterns, gradients = pattern_gradients(model, target.encoding, quantity=target.quantity)
    layer, head = 1, 0
    query, key = np.unravel_index(int(np.abs(gradients[layer, head]).argmax()), gradients.shape[2:])
    ends = []
    for step in (-1e-2, 1e-2):
        changed = patterns[layer, head].copy()
        changed[query, key] += step
        edit = PatchPattern(layer, head, changed)
        logits = run(model, Run(encode(model, text), (edit,), logits_at=(term.place,))).logits
        assert logits is not None
        ends.append(float(logits[0, term.index]))
    assert (ends[1] - ends[0]) / 2e-2 == pytest.approx(float(gradients[layer, head, query, key]), rel=0.02)


@pytest.mark.parametrize("name", ["minilm-mlm", "smollm2-135m"])
def test_rollout_is_the_row_where_the_answer_is_read(name: str) -> None:
    model, text = model_of(name), TEXTS[name]
    whole = lmviz.run("attention-rollout", model, text=text)
    assert isinstance(whole, TokenMatrix)
    place = explained(model, TargetParams(text)).quantity[0].place
    assert place is not None
    result = ask("rollout-scores", model, text)
    np.testing.assert_allclose(result.scores, whole.values[place], atol=1e-6)
    assert result.unit == "share"


def test_labels_are_read_where_the_head_reads_them() -> None:
    def weights(model: LoadedModel, **params: Any) -> list[float]:
        return reading_weights(model, explained(model, TargetParams("the cat sat", **params)))[0].tolist()

    bert = lmviz.wrap(*tiny_head("bert", "ForSequenceClassification"))
    assert weights(bert) == [1, 0, 0, 0, 0]
    assert weights(lmviz.wrap(*tiny_head("gpt2", "ForSequenceClassification"))) == [0, 0, 1]
    mean = tiny_head("modernbert", "ForSequenceClassification", classifier_pooling="mean")
    assert weights(lmviz.wrap(*mean)) == pytest.approx([0.2] * 5)
    tags = lmviz.wrap(*tiny_head("bert", "ForTokenClassification"))
    assert weights(tags, position=2) == [0, 0, 1, 0, 0]
    assert weights(model_of("gpt2"), continuation=" on the") == pytest.approx([0, 0, 0.5, 0.5, 0])


def rests_on(hf_model: PreTrainedModel, ids: torch.Tensor) -> np.ndarray:
    """Give how far a label's score moves with each position of what the base model hands to the head."""
    handed: list[torch.Tensor] = []
    hook = hf_model.base_model.register_forward_hook(lambda _module, _args, output: handed.append(output[0]))
    embeddings = hf_model.get_input_embeddings()(ids).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(hf_model(inputs_embeds=embeddings).logits[0, 0], handed)
    hook.remove()
    moved: np.ndarray = gradient[0].norm(dim=-1).numpy()
    return moved


@pytest.mark.parametrize(("pooling", "said"), [("bos", "bos"), ("mean", "mean"), ("late", "late"), ("late", "other")])
def test_a_label_is_said_to_be_read_where_its_score_rests(pooling: str, said: str) -> None:
    tokenizer = tiny("modernbert")[1]
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    known = {"vocab_size": len(tokenizer), "mask_token_id": tokenizer.mask_token_id, "pad_token_id": 0}
    config = EuroBertConfig(**sizes, **known, intermediate_size=48, classifier_pooling=pooling)
    model = lmviz.wrap(EuroBertForSequenceClassification(config).eval(), tokenizer)
    target = explained(model, TargetParams("the cat sat"))
    moved = rests_on(model.hf_model, torch.tensor([target.encoding.table.ids]))
    model.hf_model.config.classifier_pooling = said
    weights, note = reading_weights(model, target)
    np.testing.assert_array_equal(weights > 0, moved > 0)
    assert ("is not known" in note) == (said == "other")
    assert note in ask("attention-relevance", model, "the cat sat").note


@pytest.mark.parametrize("slug", ["saliency", "attention-relevance", "rollout-scores"])
def test_a_score_below_zero_is_seen(slug: str) -> None:
    result = ask(slug, model_of("gpt2"), TEXTS["gpt2"])
    wrong = replace(result, scores=result.scores - 2 * result.scores.max())
    (fine,), (broken,) = (lmviz.ANALYSES[slug].check(one) for one in (result, wrong))
    assert fine.passed and not broken.passed and "scores fall below 0" in broken.sentence


def test_what_stands_at_a_pattern_is_seen_by_its_gradient() -> None:
    model, text = model_of("gpt2"), TEXTS["gpt2"]
    plain = ask("attention-relevance", model, text, target=" cat").scores
    direction = np.eye(model.hf_model.config.n_embd, dtype=np.float32)[0]
    with intervening(model, (ProjectOut(0, direction),)):
        changed = ask("attention-relevance", model, text, target=" cat").scores
    assert not np.allclose(plain, changed)
    np.testing.assert_array_equal(plain, ask("attention-relevance", model, text, target=" cat").scores)


@pytest.mark.parametrize("family", ["bloom", "gpt_neo", "gptj"])
def test_families_without_the_interface_have_gradients_too(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    result = ask("attention-x-gradient", model, "the cat sat on the")
    assert np.isfinite(result.scores).all() and np.abs(result.scores).max() > 0
