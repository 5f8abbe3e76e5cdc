"""Tokenizers made on the spot, one in each style; nothing is downloaded."""

import json
from functools import cache
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

MAX_POSITIONS = 512
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789<>/|_"
CORPUS = (
    "The cat sat on the mat, and the dog sat on the log.",
    "The nurse said that she was tired because the doctor had left.",
    "Time flies like an arrow; fruit flies like a banana.",
    "the keys to the cabinet are on the table. What is the capital of France?",
    "A quick brown fox jumps over the lazy dog while the cat is sleeping.",
    "attention is all you need, they said, and the model was running in the evening",
)


@cache
def word_piece() -> Tokenizer:
    """Make a BERT-style tokenizer: lower case, ## for continuations, [CLS] A [SEP] B [SEP]."""
    letters = sorted({letter for line in CORPUS for letter in line.lower() if not letter.isspace()} | set(LETTERS))
    words = sorted({word.strip(".,;?") for line in CORPUS for word in line.lower().split()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    pieces += ["##ing", "##s", "##ed", *(word for word in words if len(word) > 1 and word != "sleeping")]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def byte_level(specials: tuple[str, ...], frame: tuple[str, str] | None) -> Tokenizer:
    """Make a GPT-2-style tokenizer: bytes as letters, Ġ for a space."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False
        ),
    )
    if frame is not None:
        _frame(tokenizer, *frame)
    return tokenizer


def pieces_with_bytes(specials: tuple[str, ...], frame: tuple[str, str]) -> Tokenizer:
    """Make a Llama-style tokenizer: ▁ for a space, unknown characters as <0x..> bytes."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.Metaspace()
    plain.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=200, show_progress=False))
    state = json.loads(plain.to_str())["model"]
    first = [*specials, *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary = {piece: number for number, piece in enumerate([*first, *state["vocab"]])}
    merges = [(left, right) for left, right in state["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.Metaspace(), decoders.ByteFallback(), decoders.Fuse()])
    _frame(tokenizer, *frame)
    return tokenizer


def unigram(specials: tuple[str, ...], frame: tuple[str, str]) -> Tokenizer:
    """Make a T5-style tokenizer: a unigram model over ▁-marked words."""
    letters = sorted({letter for line in CORPUS for letter in line if not letter.isspace()} | set(LETTERS) | {"▁"})
    words = sorted({f"▁{word.strip('.,;?')}" for line in CORPUS for word in line.split()})
    vocabulary = [(special, 0.0) for special in specials] + [(letter, -8.0) for letter in letters]
    vocabulary += [(word, -4.0) for word in words if word != "▁sleeping"] + [("ing", -5.0), ("▁sleep", -5.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=specials.index("<unk>"), byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    _frame(tokenizer, *frame)
    return tokenizer


def _frame(tokenizer: Tokenizer, before: str, after: str) -> None:
    """Put special tokens around a text; empty strings for none."""
    ends = [token for token in (before, after) if token]
    single = " ".join(part for part in (before, "$A", after) if part)
    pair = " ".join(part for part in (before, "$A", after, after if before else "", "$B", after) if part)
    tokenizer.post_processor = TemplateProcessing(
        single=single, pair=pair, special_tokens=[(token, tokenizer.token_to_id(token)) for token in ends]
    )


def _wrapped(tokenizer: Tokenizer, **settings: Any) -> PreTrainedTokenizerFast:
    """Give a tokenizer the names of its special tokens and of what it returns."""
    wrap: Any = PreTrainedTokenizerFast  # its signature has no types
    wrapped: PreTrainedTokenizerFast = wrap(tokenizer_object=tokenizer, model_max_length=MAX_POSITIONS, **settings)
    return wrapped


def bert_tokenizer(*, segments: bool = True) -> PreTrainedTokenizerFast:
    """Wrap the word pieces the way BERT's own class does."""
    names = ["input_ids", *(["token_type_ids"] if segments else []), "attention_mask"]
    return _wrapped(
        word_piece(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=names,
    )


def distilbert_tokenizer() -> PreTrainedTokenizerFast:
    """Wrap the word pieces without segment ids."""
    return bert_tokenizer(segments=False)


def roberta_tokenizer() -> PreTrainedTokenizerFast:
    """Wrap bytes with <s> A </s></s> B </s>; the mask takes the space before it."""
    specials = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    return _wrapped(
        byte_level(specials, ("<s>", "</s>")),
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_input_names=["input_ids", "attention_mask"],
    )


def gpt2_tokenizer() -> PreTrainedTokenizerFast:
    """Wrap bytes without anything around them."""
    end = "<|endoftext|>"
    return _wrapped(
        byte_level((end,), None),
        bos_token=end,
        eos_token=end,
        pad_token=end,
        model_input_names=["input_ids", "attention_mask"],
    )


def llama_tokenizer() -> PreTrainedTokenizerFast:
    """Wrap pieces with bytes, with <s> in front."""
    return _wrapped(
        pieces_with_bytes(("<unk>", "<s>", "</s>"), ("<s>", "")),
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
        unk_token="<unk>",
        model_input_names=["input_ids", "attention_mask"],
    )


def t5_tokenizer() -> PreTrainedTokenizerFast:
    """Wrap unigram pieces, with </s> behind."""
    return _wrapped(
        unigram(("<pad>", "</s>", "<unk>"), ("", "</s>")),
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_input_names=["input_ids", "attention_mask"],
    )


def albert_tokenizer() -> PreTrainedTokenizerFast:
    """Wrap unigram pieces with [CLS] A [SEP] B [SEP] and segment ids."""
    tokenizer = unigram(("[PAD]", "<unk>", "[CLS]", "[SEP]", "[MASK]"), ("[CLS]", "[SEP]"))
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return _wrapped(
        tokenizer,
        pad_token="[PAD]",
        unk_token="<unk>",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
