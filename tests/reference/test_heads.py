"""What the other heads say is what transformers' own pipelines and plain forward passes say."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers import pipeline

import lmviz
from lmviz.analyses.predictions import answer_span, classify, next_sentence, tag_tokens
from lmviz.analyses.predictions.tags import entities, word_tags
from lmviz.errors import EmptyInput, InvalidParameter, NotForThisModel
from lmviz.results import AnswerSpans, LabelProbabilities, TokenDistributions
from tests.tiny_heads import tiny_head

A, B = "The cat sat on the mat.", "It was sleeping in the evening."
QUESTION = "Where did the cat sit?"
EMOTIONS = {0: "joy", 1: "fear", 2: "anger"}
NAMES = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}


def said(slug: str, family: str, ending: str, given: dict[str, Any], **settings: Any) -> tuple[Any, Any, Any]:
    """Give the answer, the library's own model and the tokenizer."""
    hf_model, tokenizer = tiny_head(family, ending, **settings)
    return lmviz.run(slug, lmviz.wrap(hf_model, tokenizer), **given), hf_model, tokenizer


@torch.no_grad()
def plain(hf_model: Any, tokenizer: Any, *texts: str) -> Any:
    return hf_model(**tokenizer(*texts, return_tensors="pt"))


@pytest.mark.parametrize("ending", ["ForNextSentencePrediction", "ForPreTraining"])
def test_next_sentence_is_the_softmax_of_berts_second_head(ending: str) -> None:
    result, hf_model, tokenizer = said("next-sentence", "bert", ending, {"text": A, "text_pair": B})
    assert isinstance(result, LabelProbabilities)
    output = plain(hf_model, tokenizer, A, B)
    logits = (output.seq_relationship_logits if ending == "ForPreTraining" else output.logits)[0]
    np.testing.assert_allclose(result.probabilities, logits.softmax(-1).numpy(), atol=1e-6)
    assert result.labels == ("B follows A", "B does not follow A")
    labels = {"labels" if ending != "ForPreTraining" else "next_sentence_label": torch.tensor([0])}  # 0: B follows A
    with torch.no_grad():
        loss = hf_model(**tokenizer(A, B, return_tensors="pt"), **labels).loss
    if ending == "ForNextSentencePrediction":
        assert -np.log(result.probabilities[0]) == pytest.approx(float(loss), abs=1e-5)
    other, _, _ = said("next-sentence", "bert", ending, {"text": B, "text_pair": A})
    assert abs(other.probabilities[0] - result.probabilities[0]) > 1e-4, "the order of the texts has to matter"
    assert all(check.passed for check in next_sentence.ANALYSIS.check(result))


@pytest.mark.parametrize("ending", ["Model", "ForMaskedLM", "ForSequenceClassification"])
def test_a_bert_without_the_head_names_one_that_has_it(ending: str) -> None:
    with pytest.raises(NotForThisModel, match=r"no next-sentence head.*such as minilm-mlm"):
        said("next-sentence", "bert", ending, {"text": A, "text_pair": B})


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "deberta-v2", "gpt2", "llama", "t5", "bart"])
@pytest.mark.parametrize("problem", ["single_label_classification", "multi_label_classification", None])
def test_classes_are_those_of_the_librarys_pipeline(family: str, problem: str | None) -> None:
    settings = {"id2label": EMOTIONS, "problem_type": problem}
    result, hf_model, tokenizer = said("classify", family, "ForSequenceClassification", {"text": A}, **settings)
    assert isinstance(result, LabelProbabilities)
    want = {
        item["label"]: item["score"]
        for item in pipeline("text-classification", hf_model, tokenizer=tokenizer)(A, top_k=None)
    }
    assert result.labels == tuple(EMOTIONS.values())
    assert result.kind == ("each" if problem == "multi_label_classification" else "one of")
    np.testing.assert_allclose(result.probabilities, [want[label] for label in result.labels], atol=1e-6)
    assert np.ptp(result.probabilities) > 0.01
    assert all(check.passed for check in classify.ANALYSIS.check(result))
    frame = result.to_frame()
    assert list(frame.columns) == ["label", "probability", "logit"]


def test_a_pair_is_read_as_a_pair() -> None:
    result, hf_model, tokenizer = said("classify", "bert", "ForSequenceClassification", {"text": A, "text_pair": B})
    want = plain(hf_model, tokenizer, A, B).logits[0]
    np.testing.assert_allclose(result.logits, want.numpy(), atol=1e-6)
    assert result.table.text_pair == B


@pytest.mark.parametrize(
    ("labels", "problem", "shown"),
    [
        ({0: "LABEL_0"}, None, ("value",)),
        ({0: "similarity"}, "regression", ("similarity",)),
        (EMOTIONS, "regression", tuple(EMOTIONS.values())),
    ],
)
def test_a_head_of_values_gives_values_and_no_probabilities(
    labels: dict[int, str], problem: str | None, shown: tuple[str, ...]
) -> None:
    settings = {"id2label": labels, "problem_type": problem}
    result, hf_model, tokenizer = said("classify", "bert", "ForSequenceClassification", {"text": A}, **settings)
    assert (result.kind, result.labels) == ("value", shown)
    np.testing.assert_allclose(result.logits, plain(hf_model, tokenizer, A).logits[0].numpy(), atol=1e-6)
    assert np.isnan(result.probabilities).all()
    assert "no probability" in result.note
    assert classify.ANALYSIS.check(result) == ()


def test_one_label_that_may_be_right_or_not_has_a_probability() -> None:
    settings = {"id2label": {0: "toxic"}, "problem_type": "multi_label_classification"}
    result, hf_model, tokenizer = said("classify", "bert", "ForSequenceClassification", {"text": A}, **settings)
    want = plain(hf_model, tokenizer, A).logits[0].sigmoid().numpy()
    np.testing.assert_allclose(result.probabilities, want, atol=1e-6)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "gpt2", "llama", "t5"])
def test_labels_of_tokens_are_the_softmax_of_the_heads_scores(family: str) -> None:
    result, hf_model, tokenizer = said("tag-tokens", family, "ForTokenClassification", {"text": B}, id2label=NAMES)
    assert isinstance(result, TokenDistributions)
    given = tokenizer(B, return_special_tokens_mask=True)
    assert result.positions == tuple(i for i, special in enumerate(given["special_tokens_mask"]) if not special)
    want = plain(hf_model, tokenizer, B).logits[0].softmax(-1)[list(result.positions)]
    order = want.argsort(dim=-1, descending=True, stable=True)
    np.testing.assert_array_equal(result.candidate_ids, order.numpy())
    np.testing.assert_allclose(result.probabilities, want.gather(1, order).numpy(), atol=1e-6)
    assert result.candidates[0][0] == NAMES[int(order[0, 0])]
    assert all(check.passed for check in tag_tokens.ANALYSIS.check(result))
    best, _, _ = said("tag-tokens", family, "ForTokenClassification", {"text": B, "top_k": 1}, id2label=NAMES)
    np.testing.assert_array_equal(best.probabilities, result.probabilities[:, :1])
    np.testing.assert_array_equal(best.entropy, result.entropy)


@pytest.mark.parametrize("seed", range(6))
def test_names_are_those_of_the_librarys_pipeline(seed: int) -> None:
    hf_model, tokenizer = tiny_head("bert", "ForTokenClassification", id2label=NAMES)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        hf_model.classifier.weight.copy_(torch.randn(hf_model.classifier.weight.shape, generator=generator))
    text = "The nurses were sleeping in France, and Banana the model ran over the lazy keys to the arrow."
    result = lmviz.run("tag-tokens", lmviz.wrap(hf_model, tokenizer), text=text)
    assert isinstance(result, TokenDistributions)
    found = [(tag.start, tag.end, tag.label, tag.probability) for tag in entities(word_tags(result))]
    tagger: Any = pipeline("token-classification", hf_model, tokenizer=tokenizer, aggregation_strategy="first")
    want = [(item["start"], item["end"], item["entity_group"], float(item["score"])) for item in tagger(text)]
    assert [name[:3] for name in found] == [name[:3] for name in want]
    np.testing.assert_allclose([name[3] for name in found], [name[3] for name in want], atol=1e-5)
    assert len(found) > 1
    assert any(" " in text[start:end] for start, end, _, _ in found) or seed, "a name of several words"


@pytest.mark.parametrize("top_k", [0, 6])
def test_no_more_labels_than_there_are(top_k: int) -> None:
    with pytest.raises(InvalidParameter, match=rf"top_k is {top_k}; .* knows 5 labels. Choose 1 to 5"):
        said("tag-tokens", "bert", "ForTokenClassification", {"text": A, "top_k": top_k}, id2label=NAMES)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "gpt2", "t5"])
@pytest.mark.parametrize("longest", [1, 3, 30])
def test_answers_are_the_best_of_all_pairs(family: str, longest: int) -> None:
    asked = {"text": A, "question": QUESTION, "max_answer_tokens": longest, "top_k": 4}
    result, hf_model, tokenizer = said("answer-span", family, "ForQuestionAnswering", asked)
    assert isinstance(result, AnswerSpans)
    given = tokenizer(QUESTION, A)
    context = [i for i, sequence in enumerate(given.sequence_ids(0)) if sequence == 1]
    output = plain(hf_model, tokenizer, QUESTION, A)
    start, end = (logits[0, context].double().softmax(-1) for logits in (output.start_logits, output.end_logits))
    np.testing.assert_allclose(result.start[context], start.numpy(), atol=1e-6)
    np.testing.assert_allclose(result.end[context], end.numpy(), atol=1e-6)
    assert result.start.sum() == pytest.approx(1, abs=1e-5)
    pairs = [
        (float(start[i] * end[j]), context[i], context[j])
        for i in range(len(context))
        for j in range(i, min(len(context), i + longest))
    ]
    want = sorted(pairs, reverse=True)[:4]
    assert [(span.start, span.end) for span in result.spans] == [(first, last) for _, first, last in want]
    np.testing.assert_allclose([span.probability for span in result.spans], [pair[0] for pair in want], atol=1e-6)
    for span in result.spans:
        first, last = given.token_to_chars(span.start).start, given.token_to_chars(span.end).end
        assert span.text == A[first:last].strip()
    assert all(check.passed for check in answer_span.ANALYSIS.check(result))


def test_no_answer_is_what_the_first_position_wins_against_the_text() -> None:
    result, hf_model, tokenizer = said("answer-span", "bert", "ForQuestionAnswering", {"text": A, "question": QUESTION})
    context = [i for i, sequence in enumerate(tokenizer(QUESTION, A).sequence_ids(0)) if sequence == 1]
    output = plain(hf_model, tokenizer, QUESTION, A)
    start, end = (logits[0, [0, *context]].softmax(-1) for logits in (output.start_logits, output.end_logits))
    assert result.no_answer == pytest.approx(float(start[0] * end[0]), abs=1e-6)
    without, _, _ = said("answer-span", "gpt2", "ForQuestionAnswering", {"text": A, "question": QUESTION})
    assert np.isnan(without.no_answer)
    assert without.to_dict()["no_answer"] is None
    assert set(without.to_dict()["spans"][0]) == {"start", "end", "text", "probability"}


def test_a_text_of_nothing_but_special_tokens_holds_no_answer() -> None:
    asked = {"text": "<|endoftext|>", "question": QUESTION}
    result, _, _ = said("answer-span", "gpt2", "ForQuestionAnswering", asked)
    assert result.spans == ()
    assert not result.start.any()
    assert answer_span.ANALYSIS.check(result) == ()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"question": " "}, EmptyInput, "The question is empty"),
        ({"text": ""}, EmptyInput, "The text is empty"),
        ({"top_k": 0}, InvalidParameter, "top_k is 0; ask for at least 1"),
        ({"max_answer_tokens": 0}, InvalidParameter, "max_answer_tokens is 0"),
    ],
)
def test_a_wrong_question_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        said("answer-span", "bert", "ForQuestionAnswering", {"text": A, "question": QUESTION, **change})


@pytest.mark.parametrize(
    ("slug", "given", "example"),
    [
        ("classify", {"text": A}, "minilm-sentiment"),
        ("tag-tokens", {"text": A}, "minilm-ner"),
        ("answer-span", {"text": A, "question": QUESTION}, "deepset/minilm-uncased-squad2"),
    ],
)
def test_a_model_without_the_head_says_so_and_names_one(slug: str, given: dict[str, Any], example: str) -> None:
    with pytest.raises(NotForThisModel, match=rf"has no .* head\. Choose .* such as {example}"):
        said(slug, "bert", "ForMaskedLM", given)
