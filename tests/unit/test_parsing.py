"""A value is read as the type its field declares, or refused by name."""

from typing import Any, Literal

import pytest

from lmviz.errors import InvalidParameter
from lmviz.parsing import describe, parse_value


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (str, "none", "none"),
        (int, "-3", -3),
        (float, "0.5", 0.5),
        (bool, "no", False),
        (bool, "True", True),
        (str | None, "none", "none"),
        (int | None, "none", None),
        (int | None, "4", 4),
        (tuple[int, ...], "1,2, 3", (1, 2, 3)),
        (tuple[int, ...] | None, "none", None),
        (tuple[int, ...] | None, "7", (7,)),
        (tuple[str, ...], "a,b", ("a", "b")),
        (Literal["zero", "mean"], "mean", "mean"),
        (int | float, "2.5", 2.5),
    ],
)
def test_a_value_is_read_as_its_field_declares(hint: Any, text: str, value: Any) -> None:
    read = parse_value(hint, text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("hint", "text", "said"),
    [
        (int, "two", "'two' is not a whole number."),
        (float, "x", "'x' is not a number."),
        (bool, "perhaps", "'perhaps' is not one of true, yes, 1, false, no, 0."),
        (Literal["zero", "mean"], "max", "'max' is not one of zero, mean."),
        (tuple[int, ...], "1,b", "'b' is not a whole number."),
    ],
)
def test_a_value_of_another_type_is_refused(hint: Any, text: str, said: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_value(hint, text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (str | None, "a text"),
        (tuple[int, ...] | None, "several, separated by commas, each a whole number"),
        (Literal["l2r", "original"], "one of l2r, original"),
        (int | float, "a whole number or a number"),
    ],
)
def test_a_type_is_named_as_a_person_would(hint: Any, said: str) -> None:
    assert describe(hint) == said
