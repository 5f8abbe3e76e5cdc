"""The words of the model cards; the numbers come from evaluate.py."""

from typing import Any

EXAMPLES = {
    "minilm-mlm": (
        "The capital of France is [MASK].",
        "She opened the [MASK] and walked into the room.",
        "He drank a cup of [MASK].",
        "The cat sat on the [MASK].",
        "It was raining, so she took her [MASK].",
        "He was hungry, so he went to the [MASK].",
        "The doctor told the [MASK] to rest.",
        "My brother is twenty [MASK] old.",
        "The children played in the [MASK].",
        "Thank you very [MASK] for your help.",
    ),
    "minilm-sentiment": (
        "A warm, funny and beautifully acted film.",
        "The plot makes no sense and the jokes fall flat.",
        "The film was not good, but the music was.",
        "I have never been so bored in my life.",
        "It is worth every minute.",
    ),
    "minilm-pos": (
        "The old man the boats.",
        "She can can a can.",
        "Time flies like an arrow.",
        "I read it on Tuesday.",
    ),
    "minilm-ner": (
        "barack obama visited paris last week",
        "just bought a new iphone from apple in london",
        "watching game of thrones with sarah",
    ),
}

_BASE = """It is `minilm` (all-MiniLM-L6-v2, Apache-2.0: 6 layers, 12 heads, width 384, English, lower case) with {head}.
What is shipped is only the difference: {shipped}, added to the base when the model is loaded."""

_WORDS = {
    "minilm-mlm": {
        "title": "minilm-mlm: fill-mask and next sentence",
        "head": "a masked-language-model head, a next-sentence head, and updates of the encoder",
        "shipped": "the heads whole, the encoder's and the word embeddings' changes as factors of rank 192 and 128, float16",
        "data": """- Novels and essays of 1813 to 1922 (public domain), addresses of US presidents (public domain), MASC of the Open
  American National Corpus (free for any use), UD English EWT, training part (CC BY-SA 4.0), WikiText-2, validation part
  (CC BY-SA). About 4.4 M word pieces; the last 2 % of every file were held out. The test part of WikiText-2 was never
  trained on, nor was any position of an unknown word.""",
        "not": """It is a small model that saw a few million words, most of them a century old: it knows little of the world (see the
capital of France below), prefers the words of novels, and repeats the views of its time about women, men and peoples. It
is here so that every method for masked models can be tried at once. Do not take its answers for knowledge, and do not
compare its scores with those of BERT as if both had had the same schooling.""",
        "method": """All weights were trained in bfloat16 with float32 copies (AdamW; 4e-4 for the encoder, 1e-3 for the heads; constant,
then down to zero), 4,096 tokens a step, rows of 128 and 64 tokens, 30 % of the positions asked for. Half of the rows are
pairs for next-sentence prediction: what follows, or text of another document or from far away. `scripts/train/pretrain.py`,
seed 1.""",
    },
    "minilm-sentiment": {
        "title": "minilm-sentiment: is a sentence positive or negative?",
        "head": "a classification head and updates of the encoder",
        "shipped": "the head whole, the encoder's changes as low-rank factors, float16",
        "data": """- The 6,920 labelled sentences of the training part of SST-2 (Stanford Sentiment Treebank, Socher et al. 2013; film
  reviews). The source states no licence; the treebank was given out for research. No sentence of it is shipped.""",
        "not": """It has only read sentences from film reviews, in lower case. It answers about everything with great certainty, neutral
sentences included, for it knows two answers only. Irony, comparisons and long negations escape it.""",
        "method": "Four epochs, AdamW 8e-5, batches of 32, word embeddings frozen. `scripts/train/finetune.py sentiment`, seed 1.",
    },
    "minilm-pos": {
        "title": "minilm-pos: which part of speech is each word?",
        "head": "a token-classification head for the 17 universal tags and updates of the encoder",
        "shipped": "the head whole, the encoder's changes as low-rank factors, float16",
        "data": "- The training part of UD English EWT (CC BY-SA 4.0): 12,544 sentences of web text.",
        "not": """The tag of a word stands at its first piece; the others were never trained. Text is made lower case before it is read,
so capitals tell it nothing about names.""",
        "method": "Four epochs, AdamW 3e-4, batches of 32, word embeddings frozen. `scripts/train/finetune.py pos`, seed 1.",
    },
    "minilm-ner": {
        "title": "minilm-ner: which words name something?",
        "head": "a token-classification head (B and I of six kinds of entities, and O) and updates of the encoder",
        "shipped": "the head whole, the encoder's changes as low-rank factors, float16",
        "data": """- The training part of WNUT-17, emerging entities (Derczynski et al. 2017; CC BY 4.0 as its authors say): 3,394 tweets.""",
        "not": """WNUT-17 is hard on purpose: its test asks for names never seen before, in comments and posts. A few thousand tweets and a
model that reads no capitals do not go far: most entities are missed. Use it to see how a tagger works, not to find
names.""",
        "method": "Eight epochs, AdamW 2e-4, batches of 16, word embeddings frozen. `scripts/train/finetune.py ner`, seed 1.",
    },
    "smollm2-135m": {
        "title": "smollm2-135m: a small decoder",
        "data": "- Nothing was trained here; see the card of SmolLM2-135M-Instruct by its makers.",
        "not": """Its weights come from a 4-bit file, so the numbers are a little worse than the original's. It was tuned to follow
instructions, which costs some likelihood on plain text. Compare bits per byte between models, not loss per token:
tokenisers differ.""",
        "method": "Windows of 1,024 tokens that overlap by a quarter; `scripts/train/evaluate.py smollm2-135m`.",
    },
}


def card(id_: str, measured: dict[str, Any], curve: list[dict[str, Any]]) -> str:
    """Write a model card."""
    words = _WORDS[id_]
    parts = [f"# {words['title']}"]
    if "head" in words:
        parts.append(_BASE.format(head=words["head"], shipped=words["shipped"]))
    parts += ["## What it is not", words["not"], "## Measured", _QUALITY[id_](measured)]
    parts += [
        "Numbers are of the model as it is loaded, from `scripts/train/evaluate.py`; `measured.json` has them all."
    ]
    if id_ != "smollm2-135m":
        parts += ["## Answers, good or bad", _answers(measured)]
    parts += ["## Data", words["data"], "## Training" if "head" in words else "## How it was measured", words["method"]]
    if curve:
        parts += ["## Curve", _curve(curve)]
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _mlm(measured: dict[str, Any]) -> str:
    test, frequent = measured["fill_mask_wikitext2_test"], measured["fill_mask_most_frequent_words"]
    following = measured["next_sentence_held_out"]
    rows = [
        ("fill-mask, top-1, WikiText-2 test", _percent(test["top_1"]), _percent(frequent["top_1"]), f"{test['n']:,}"),
        ("fill-mask, top-5, WikiText-2 test", _percent(test["top_5"]), _percent(frequent["top_5"]), f"{test['n']:,}"),
        ("next sentence, held-out text", _percent(following["accuracy"]), "50.0 %", f"{following['n']:,}"),
    ]
    said = (
        f"Fill-mask: rows of 128 positions, 15 % of them masked with seed 1, all by [MASK], unknown words never asked for; "
        f"loss {test['loss']:.2f} nats. The baseline always answers the most frequent word pieces. Next sentence: "
        "neighbouring sentences against a sentence of another document."
    )
    return _table(("what", "reached", "baseline", "n"), rows) + "\n\n" + said


def _accuracy(measured: dict[str, Any]) -> str:
    rows = [(part, _percent(measured[part]["accuracy"]), f"{measured[part]['n']:,}") for part in ("dev", "test")]
    base = measured["baseline_test"]
    rows.append(
        (
            "test, most frequent label (of the word, where words are tagged)",
            _percent(base["accuracy"]),
            f"{base['n']:,}",
        )
    )
    return _table(("part", "accuracy", "n"), rows)


def _entities(measured: dict[str, Any]) -> str:
    parts = {"dev": "dev", "test": "test", "baseline_test": "test, entities known from training"}
    rows = [
        (name, *(_percent(measured[part][key]) for key in ("precision", "recall", "f1")), measured[part]["n_entities"])
        for part, name in parts.items()
    ]
    return _table(("part", "precision", "recall", "entity F1", "entities"), rows)


def _decoder(measured: dict[str, Any]) -> str:
    rows = [
        ("loss, nats per token", measured["loss_wikitext2_test"]),
        ("perplexity per token", measured["perplexity_per_token"]),
        ("bits per byte", measured["bits_per_byte"]),
        ("tokens", f"{measured['n_tokens']:,}"),
    ]
    return _table(("WikiText-2 test", ""), rows)


_QUALITY = {
    "minilm-mlm": _mlm,
    "minilm-sentiment": _accuracy,
    "minilm-pos": _accuracy,
    "minilm-ner": _entities,
    "smollm2-135m": _decoder,
}


def _answers(measured: dict[str, Any]) -> str:
    if "fill_mask" in measured:
        rows = [
            (text, ", ".join(f"{name.strip()} ({p:.2f})" for name, p in found))
            for text, found in measured["fill_mask"].items()
        ]
        return _table(("sentence", "five most probable words"), rows)
    rows = []
    for text, says in measured["examples"].items():
        is_one = isinstance(says[1], float)
        rows.append(
            (text, f"{says[0]} ({says[1]:.2f})" if is_one else " ".join(f"{word}/{label}" for word, label in says))
        )
    return _table(("sentence", "answer"), rows)


def _curve(curve: list[dict[str, Any]]) -> str:
    if "epoch" in curve[0]:
        rows = [
            (row["epoch"], row["train_loss"], _percent(row["dev"].get("accuracy", row["dev"].get("f1"))))
            for row in curve
        ]
        return _table(("epoch", "loss in training", "dev"), rows)
    step = max(1, len(curve) // 16)
    kept = curve[::-step][::-1]
    rows = [
        (
            f"{row['tokens'] / 1e6:.1f} M",
            row["train_loss"],
            _percent(row["held_out"]["top_1"]),
            _percent(row["held_out"]["top_5"]),
            _percent(row["held_out_next_sentence"]),
        )
        for row in kept
    ]
    said = "On text held out of the training files, not on the test text; the last rows are with a falling rate."
    return _table(("tokens seen", "loss in training", "top-1", "top-5", "next sentence"), rows) + "\n\n" + said
