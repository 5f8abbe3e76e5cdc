"""A folder loads as what it is, where and how it is asked for, or says in a sentence why not."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, BertForPreTraining, BertModel
from transformers.utils import logging

from lmviz.errors import BadModelFolder, InvalidParameter, LmvizError
from lmviz.models import loading
from lmviz.models.loaded import LoadedModel
from lmviz.models.quiet import quiet
from tests.tiny import FAMILIES, tiny

TEXT = "The cat sat on the mat"


def logits(model: LoadedModel) -> torch.Tensor:
    inputs = model.tokenizer(TEXT, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    if model.kind == "encoder-decoder":
        inputs["decoder_input_ids"] = inputs["input_ids"]
    with torch.no_grad():
        output = model.hf_model(**inputs)
    return output.logits if "logits" in output else output.last_hidden_state


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_saved_model_of_every_family_loads_as_the_class_it_was(
    family: str, save: Callable[..., Path], tmp_path: Path
) -> None:
    model = loading.load(str(save(tmp_path / family, family)))
    original, _ = tiny(family)
    assert type(model.hf_model) is type(original)
    computed = ("embed_positions",) if family == "marian" else ()  # sines, made anew instead of saved
    weights = {name: value for name, value in original.state_dict().items() if not any(c in name for c in computed)}
    assert all(torch.equal(value, model.hf_model.state_dict()[name]) for name, value in weights.items())
    assert not model.hf_model.training
    assert not any(parameter.requires_grad for parameter in model.hf_model.parameters())


@pytest.mark.parametrize(
    "head",
    ["BertForSequenceClassification", "BertForTokenClassification", "BertForQuestionAnswering", "BertForPreTraining"],
)
def test_the_head_is_kept(head: str, tmp_path: Path) -> None:
    import transformers

    base, tokenizer = tiny("bert")
    hf_model = getattr(transformers, head)(base.config)
    with quiet():
        hf_model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert type(loading.load(str(tmp_path)).hf_model).__name__ == head


@pytest.mark.parametrize("has_pooler", [True, False])
def test_a_base_model_has_a_pooler_where_the_file_has_one(has_pooler: bool, tmp_path: Path) -> None:
    base, tokenizer = tiny("bert")
    with quiet():
        BertModel(base.config, add_pooling_layer=has_pooler).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = loading.load(str(tmp_path))
    assert type(model.hf_model) is BertModel
    assert (model.hf_model.pooler is not None) is has_pooler


def test_a_masked_language_model_with_a_next_sentence_head_keeps_both(tmp_path: Path) -> None:
    base, tokenizer = tiny("bert")
    with quiet():
        BertForPreTraining(base.config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["BertForMaskedLM"]}))
    assert type(loading.load(str(tmp_path)).hf_model) is BertForPreTraining


def test_shards_compute_what_one_file_does(bert_folder: Path, sharded_folder: Path) -> None:
    assert torch.equal(logits(loading.load(str(bert_folder))), logits(loading.load(str(sharded_folder))))


@pytest.mark.parametrize("dtype", loading.DTYPES)
def test_the_dtype_is_the_one_asked_for(bert_folder: Path, dtype: str) -> None:
    model = loading.load(str(bert_folder), dtype=dtype, device="cpu")
    assert model.dtype == dtype
    assert {str(parameter.dtype) for parameter in model.hf_model.parameters()} == {f"torch.{dtype}"}
    assert torch.get_default_dtype() is torch.float32


def test_the_device_is_the_best_there_is_unless_named(bert_folder: Path) -> None:
    assert loading.load(str(bert_folder)).device.type == loading.best_device()
    assert loading.load(str(bert_folder), device="cpu").device == torch.device("cpu")


@pytest.mark.parametrize("device_map", ["auto", {"": "cpu"}, {"bert": "cpu", "cls": "cpu"}])
def test_a_device_map_changes_places_and_no_number(bert_folder: Path, device_map: Any) -> None:
    spread = loading.load(str(bert_folder), device_map=device_map)
    torch.testing.assert_close(logits(spread), logits(loading.load(str(bert_folder), device="cpu")))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dtype": "int8"}, "float32, bfloat16, float16"),
        ({"dtype": torch.float32}, "must be one of"),
        ({"device": "tpu"}, "cuda, mps, cpu"),
        ({"device": "cuda:99"}, "There is no device 'cuda:99'"),
        ({"device": "cpu:x"}, "cuda, mps, cpu"),
        ({"device": "cpu", "device_map": "auto"}, "exclude each other"),
        ({"device_map": "sideways"}, "must be 'auto'"),
    ],
)
def test_a_wrong_option_is_said_before_anything_is_read(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidParameter, match=sentence):
        loading.load("/no/such/folder", **options)


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_weights_that_would_be_random_are_refused(bert_folder: Path) -> None:
    edit_config(bert_folder, architectures=["BertForSequenceClassification"])
    with pytest.raises(BadModelFolder, match=r"lacks .* weights of BertForSequenceClassification .*classifier"):
        loading.load(str(bert_folder))


@pytest.mark.parametrize("changes", [{"model_type": "perceptron-9"}, {"model_type": None}, {"hidden_size": 64}])
def test_a_config_that_does_not_fit_is_said(bert_folder: Path, changes: dict[str, Any]) -> None:
    edit_config(bert_folder, **changes)
    with pytest.raises(BadModelFolder, match="tiny-bert") as caught:
        loading.load(str(bert_folder))
    assert "\n" not in str(caught.value)


def test_a_tokenizer_that_is_no_tokenizer_is_said(bert_folder: Path) -> None:
    (bert_folder / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(LmvizError, match="tokenizer"):
        loading.load(str(bert_folder))


def test_threads_that_load_at_once_get_whole_models(bert_folder: Path, sharded_folder: Path) -> None:
    expected = logits(loading.load(str(bert_folder)))
    loaded = []
    names = [str(bert_folder), str(sharded_folder)] * 3
    threads = [threading.Thread(target=lambda name=name: loaded.append(loading.load(name))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == len(names)
    assert all(torch.equal(logits(model), expected) for model in loaded)


def test_loading_says_nothing_and_leaves_the_switches_as_they_were(
    bert_folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    edit_config(bert_folder, architectures=["BertModel"])
    loading.load(str(bert_folder))
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    AutoModel.from_pretrained(bert_folder)  # the same outside lmviz: reports the head it does not use
    assert "UNEXPECTED" in caplog.text
