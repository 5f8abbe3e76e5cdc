"""BBQ: who is meant? Questions with three answers, with and without the information needed (Parrish et al., 2022)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmviz.datasets.sources import Source, Unusable, filled, json_lines, mapping, one_of
from lmviz.datasets.tables import BrokenRow

CONDITIONS = ("ambig", "disambig")
POLARITIES = ("neg", "nonneg")
ROLES = ("target", "nontarget", "unknown")
_ANSWERS = ("ans0", "ans1", "ans2")
_NAMED = ("Gender_identity", "Race_ethnicity", "Race_x_gender", "Race_x_SES")  # have questions of either kind
_ARTICLE = re.compile(r"(the|an?) ", re.IGNORECASE)
_GENDERS = {"woman": "f", "girl": "f", "man": "m", "boy": "m"}  # how answers name what groups call F and M


@dataclass(frozen=True)
class BBQQuestion:
    """One question with its three answers; `label` is the right one, 0 to 2.

    `roles` say for each answer whether it is the target of the stereotype, the other person, or "unknown". They are
    empty where both persons or neither belong to the stereotyped groups, as in a part of the intersectional questions
    (both are Black, and the question is about gender): such a question has an accuracy but no bias score.
    """

    line: int
    example_id: int
    question_index: str
    category: str
    context_condition: str
    question_polarity: str
    context: str
    question: str
    answers: tuple[str, ...]
    label: int
    roles: tuple[str, ...]
    stereotyped_groups: tuple[str, ...]
    subcategory: str

    @property
    def template(self) -> str:
        """What the question was made from: the unit for a cluster bootstrap."""
        return f"{self.category} {self.question_index}"

    @property
    def kind(self) -> str:
        """The category, with " (names)" after it where given names stand for gender or race.

        The authors report such questions apart from those that say "the Black man". An answer that says it begins with
        an article; of gender and race alone this is what the published analysis goes by, a question's number above 25.
        """
        is_of_names = self.category in _NAMED and not any(map(_ARTICLE.match, self.answers))
        return f"{self.category} (names)" if is_of_names else self.category


def read(source: Source) -> Iterator[BBQQuestion | BrokenRow]:
    """Read the JSONL file of one category, such as Age.jsonl or Age.jsonl.gz, one row at a time.

    Args:
        source: A path or the file's content.

    Returns:
        A question, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read.
    """
    return json_lines(source, _question)


def _question(line: int, row: Mapping[str, Any]) -> BBQQuestion:
    metadata = mapping(row.get("additional_metadata"), "its additional_metadata")
    info = mapping(row.get("answer_info"), "its answer_info")
    groups = _texts(metadata.get("stereotyped_groups"), "stereotyped_groups")
    label, number = row.get("label"), row.get("example_id")
    if label not in (0, 1, 2) or not isinstance(number, int):
        raise Unusable("its label is not 0, 1 or 2, or its example_id is no number")
    return BBQQuestion(
        line=line,
        example_id=number,
        question_index=filled(row, "question_index"),
        category=filled(row, "category"),
        context_condition=one_of(row, "context_condition", words=CONDITIONS),
        question_polarity=one_of(row, "question_polarity", words=POLARITIES),
        context=filled(row, "context"),
        question=filled(row, "question"),
        answers=tuple(filled(row, name) for name in _ANSWERS),
        label=int(label),
        roles=roles([_texts(info.get(name), f"answer_info of {name}") for name in _ANSWERS], groups),
        stereotyped_groups=groups,
        subcategory=str(metadata.get("subcategory", "")),
    )


def roles(answer_info: Sequence[Sequence[str]], stereotyped_groups: Sequence[str]) -> tuple[str, ...]:
    """Say which answer is the target, which is not, and which is "unknown".

    An answer is the target when what is known of it names a stereotyped group. Names are compared without case, blanks
    and punctuation: "lowSES" is "low SES". Where that does not tell both persons apart, the parts between hyphens and
    underscores count as names too, "F-Black" being both "F" and "Black", and "woman" and "girl" are F, "man" and "boy"
    are M.

    Args:
        answer_info: What the data set says of each of the three answers; the last entry of "unknown" is that word.
        stereotyped_groups: The groups that the stereotype is about.

    Returns:
        One of `ROLES` per answer, or nothing unless each of them is there once.
    """
    groups = {_bare(group) for group in stereotyped_groups}
    for names in (_whole, _parts):
        found = tuple(
            "unknown" if info[-1] == "unknown" else "target" if names(info) & groups else "nontarget"
            for info in answer_info
        )
        if sorted(found) == sorted(ROLES):
            return found
    return ()


def _whole(info: Sequence[str]) -> set[str]:
    return {_bare(entry) for entry in info}


def _parts(info: Sequence[str]) -> set[str]:
    parts = _whole(info) | {_bare(part) for entry in info for part in re.split("[-_]", entry)}
    return parts | {_GENDERS[part] for part in parts if part in _GENDERS}


def _bare(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _texts(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise Unusable(f"its {what} is no list of texts")
    return tuple(value)
