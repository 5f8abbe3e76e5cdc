"""Which class of transformers reads a checkpoint, told from its configuration and the names of its parameters."""

import inspect
from typing import Any

import transformers

from lmviz.models.contents import Contents

_BY_ENDING = (
    ("ForMaskedLM", transformers.AutoModelForMaskedLM),
    ("ForPreTraining", transformers.AutoModelForPreTraining),
    ("ForCausalLM", transformers.AutoModelForCausalLM),
    ("ForSequenceClassification", transformers.AutoModelForSequenceClassification),
    ("ForTokenClassification", transformers.AutoModelForTokenClassification),
    ("ForQuestionAnswering", transformers.AutoModelForQuestionAnswering),
    ("ForNextSentencePrediction", transformers.AutoModelForNextSentencePrediction),
    ("ForMultipleChoice", transformers.AutoModelForMultipleChoice),
    ("LMHeadModel", transformers.AutoModelForCausalLM),
    ("EncoderModel", transformers.AutoModelForTextEncoding),
)
_SEQ2SEQ_ENDINGS = ("ForConditionalGeneration", "MTModel", "LMHeadModel", "ForCausalLM")


def auto_class(contents: Contents) -> Any:
    """Choose the Auto class that keeps every head the checkpoint has.

    A masked language model that was saved with its next-sentence head is read with both.
    """
    config = contents.config
    architecture = str((config.get("architectures") or [""])[0])
    if config.get("is_encoder_decoder") and architecture.endswith(_SEQ2SEQ_ENDINGS):
        return transformers.AutoModelForSeq2SeqLM
    if architecture.endswith("ForConditionalGeneration"):
        return transformers.AutoModelForCausalLM
    if architecture == "BertForMaskedLM" and "cls.seq_relationship.weight" in contents.names:
        return transformers.AutoModelForPreTraining
    return next((auto for ending, auto in _BY_ENDING if architecture.endswith(ending)), transformers.AutoModel)


def named_class(contents: Contents) -> Any:
    """Give the class of transformers that a configuration names.

    Raises:
        ValueError: There is none of that name.
    """
    name = str((contents.config.get("architectures") or [""])[0])
    found = getattr(transformers, name, None)
    if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)):
        raise ValueError(f"transformers {transformers.__version__} has no model class {name!r}")
    return found


def options(contents: Contents, auto: Any) -> dict[str, Any]:
    """Give what else the class must know: a base model gets a pooler only where the file has one."""
    if auto is not transformers.AutoModel or _has_pooler(contents):
        return {}
    family = str(contents.config.get("model_type"))
    if family not in transformers.CONFIG_MAPPING:
        return {}
    model_class: Any = transformers.MODEL_MAPPING.get(transformers.CONFIG_MAPPING[family], None)
    if not isinstance(model_class, type):
        return {}
    takes = inspect.signature(model_class).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in takes else {}


def _has_pooler(contents: Contents) -> bool:
    return any("pooler." in name for name in contents.names)
