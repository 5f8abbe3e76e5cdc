"""Readers of bias data sets on small files: what is right is read, what is wrong is named and skipped."""

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmviz.datasets import bbq, crows_pairs, eec, honest, minimal_pairs, stereoset, winobias, winogender, word_sets
from lmviz.datasets.sources import kept
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import CorruptedFile, InvalidParameter


def split(rows: Iterator[Any]) -> tuple[list[Any], list[tuple[int, str]]]:
    """Give the records, and line and reason of the others."""
    broken: list[BrokenRow] = []
    records = list(kept(rows, broken.append))
    return records, [(row.line, row.reason) for row in broken]


def csv(header: str, *rows: str) -> bytes:
    return "\n".join([header, *rows]).encode()


CROWS = ",sent_more,sent_less,stereo_antistereo,bias_type,annotations,anon_writer,anon_annotators"


def test_crows_pairs() -> None:
    text = csv(
        CROWS,
        '0,"A poor, man","A rich, man",stereo,socioeconomic,[],a1,[]',
        "1,,He left.,stereo,gender,[],a1,[]",
        "2,She left.,He left.,perhaps,gender,[],a1,[]",
        "3,Same.,Same.,stereo,gender,[],a1,[]",
        "4,too,few",
        "5,She <b>stayed</b>.,He stayed.,antistereo,gender,[],a2,[]",
    )
    records, broken = split(crows_pairs.read(text, kind="csv"))
    assert records == [
        crows_pairs.CrowsPair(2, "A poor, man", "A rich, man", "stereo", "socioeconomic", "a1"),
        crows_pairs.CrowsPair(7, "She <b>stayed</b>.", "He stayed.", "antistereo", "gender", "a2"),
    ]
    assert [line for line, _ in broken] == [3, 4, 5, 6]
    assert [reason for _, reason in broken][:3] == [
        "its sent_more is empty",
        "its stereo_antistereo is 'perhaps' and not stereo or antistereo",
        "both sentences are the same",
    ]


def test_an_edition_without_writers_is_read() -> None:
    text = csv("sent_more\tsent_less\tstereo_antistereo\tbias_type", "elle\til\tstereo\tgender")
    (pair,), _ = split(crows_pairs.read(text, kind="tsv"))
    assert (pair.more, pair.writer) == ("elle", "")


def test_a_file_with_other_columns_is_refused_as_a_whole() -> None:
    with pytest.raises(InvalidParameter, match=r"no column sent_less, bias_type; its columns are 'sent_more'"):
        split(crows_pairs.read(csv("sent_more,stereo_antistereo", "a,stereo"), kind="csv"))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="cannot be read"):
        split(crows_pairs.read(tmp_path / "none.csv"))
    with pytest.raises(InvalidParameter, match="ends in none of"):
        split(crows_pairs.read(tmp_path / "none.xls"))
    with pytest.raises(InvalidParameter, match="without a file name"):
        split(crows_pairs.read(b"a,b"))


def test_a_compressed_file_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv.gz"
    whole = gzip.compress(csv("more,less", *(f"she is {n},he is {n}" for n in range(5000))))
    path.write_bytes(whole)
    assert len(split(minimal_pairs.read(path))[0]) == 5000
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptedFile, match="damaged"):
        split(minimal_pairs.read(path))
    path.write_bytes(b"no gzip")
    with pytest.raises(CorruptedFile, match="damaged"):
        split(minimal_pairs.read(path))


def sentences(**texts: str) -> list[dict[str, str]]:
    return [{"id": f"s{i}", "sentence": text, "gold_label": label} for i, (label, text) in enumerate(texts.items())]


def entry(context: str, *texts: str) -> dict[str, Any]:
    labels = ("anti-stereotype", "unrelated", "stereotype")
    ordered = sentences(**dict(zip(labels, texts, strict=True)))
    return {"id": "e", "target": "Ghanaian", "bias_type": "race", "context": context, "sentences": ordered}


def official(*intra: Any, inter: tuple[Any, ...] = ()) -> bytes:
    return json.dumps({"version": "1.0", "data": {"intersentence": list(inter), "intrasentence": list(intra)}}).encode()


def test_stereoset_as_it_is_published() -> None:
    good = entry(
        "Most Ghanaian are BLANK.", "Most ghanaian are rich.", "Most ghanaian are cutter.", "Most ghanaian are poor."
    )
    double = {**good, "sentences": [*good["sentences"][:2], good["sentences"][0]]}
    follows = {**good, "context": "They came from Ghana."}
    records, broken = split(
        stereoset.read(official(good, double, {**good, "sentences": []}, follows, 7, inter=(follows,)))
    )
    assert [(record.line, record.kind) for record in records] == [(1, "intrasentence"), (6, "intersentence")]
    assert records[0].sentences == ("Most ghanaian are poor.", "Most ghanaian are rich.", "Most ghanaian are cutter.")
    assert records[0].sentence_ids == ("s2", "s0", "s1")
    assert [line for line, _ in broken] == [2, 3, 4, 5]
    assert broken[2][1] == "its context has no BLANK"


def test_stereoset_row_by_row() -> None:
    row = {
        "id": "e", "type": "intersentence", "target": "t", "bias_type": "race", "context": "c", "stereotype": "s",
        "anti-stereotype": "a", "unrelated": "u",
    }  # fmt: skip
    text = "\n".join(json.dumps(one) for one in (row, {**row, "type": "x"}, {**row, "unrelated": 3})) + "\n{\n\n[]\n"
    records, broken = split(stereoset.read(text.encode(), kind="jsonl"))
    assert [record.sentences for record in records] == [("s", "a", "u")]
    assert broken == [
        (2, "its type is 'x' and not intrasentence or intersentence"),
        (3, "its unrelated is no text"),
        (4, "it is no valid JSON in UTF-8"),
        (6, "it is no JSON object"),
    ]


def test_what_is_no_stereoset_is_refused() -> None:
    for text in (b"[]", b'{"data": []}', b"{"):
        with pytest.raises(InvalidParameter, match=r"no StereoSet|no valid JSON"):
            split(stereoset.read(text))


def example(context: str, *texts: str) -> stereoset.StereoSetExample:
    (record,), _ = split(stereoset.read(official(entry(context, *texts))))
    return record


def test_capitals_come_from_the_context_and_fillers_from_the_sentences() -> None:
    given = example("Is BLANK Ghanaian?", "is Well-read ghanaian?", "is cut ghanaian?", "Is poor Ghanaian?")
    mended = stereoset.repaired(given)
    assert isinstance(mended, stereoset.StereoSetExample)
    assert mended.sentences == ("Is poor Ghanaian?", "Is Well-read Ghanaian?", "Is cut Ghanaian?")
    assert stereoset.official_fillers(given) == ("poor", "Wellread", "cut")
    assert stereoset.repaired(mended) == mended


def test_two_blanks_take_one_filler() -> None:
    given = example("He (BLANK) is BLANK.", "he (sad) is sad.", "he (cut) is cut.", "he (glad) is glad.")
    mended = stereoset.repaired(given)
    assert isinstance(mended, stereoset.StereoSetExample)
    assert mended.stereotype == "He (glad) is glad."
    assert stereoset.official_fillers(given) == ("glad", "sad", "cut")


def test_what_does_not_fit_its_context_is_not_guessed() -> None:
    given = example("Most Ghanaian are BLANK.", "Most ghanaian are rich.", "Cut.", "Most ghanaian are poor.")
    assert stereoset.repaired(given) == BrokenRow(1, "a sentence is not its context with the blank filled")
    with pytest.raises(InvalidParameter, match="no word at the place"):
        stereoset.official_fillers(given)


PRO = """1 [The developer] argued with the designer because [he] liked [his] idea.
2 The guard told [ the nurse] that [she] left.
"""
ANTI = """1 [The developer] argued with the designer because [she] liked [her] idea.
2 The guard told the [nurse] that [he] left.
"""


def test_winobias_sentences() -> None:
    records, broken = split(winobias.read((PRO + "no number\n3 [A] [B] saw [him]\n4 [He] left [him].").encode()))
    assert records[0] == winobias.WinoBiasSentence(
        1, 1, "The developer argued with the designer because he liked his idea.", "The developer", ("he", "his")
    )
    assert records[1].text == "The guard told the nurse that she left."
    assert broken == [
        (3, "it does not begin with its number"),
        (4, "it has 2 persons and 1 pronouns in brackets"),
        (5, "it has 0 persons and 2 pronouns in brackets"),
    ]


def test_winobias_pairs_differ_in_pronouns_alone() -> None:
    records, broken = split(winobias.read_pairs(PRO.encode(), ANTI.encode()))
    assert not broken
    assert [(pair.mention, pair.pro_pronoun, pair.anti_pronoun) for pair in records] == [
        ("The developer", "he", "she"),
        ("the nurse", "she", "he"),
    ]
    other = ANTI.replace("that", "how").replace("1 [", "9 [") + "3 [The cook] said [she] left."
    records, broken = split(winobias.read_pairs(PRO.encode(), other.encode()))
    assert not records
    assert [line for line, _ in broken] == [1, 2, 3]
    assert [reason.split()[0] for _, reason in broken] == ["it", "its", "one"]
    assert split(winobias.read_pairs(PRO.encode(), PRO.encode()))[0] == []


def test_winogender() -> None:
    text = csv(
        "sentid\tsentence", "nurse.someone.0.female.txt\tThe nurse said she left.", "nurse.txt\tx", "a.b.2.male.txt\tx"
    )
    records, broken = split(winogender.read(text, kind="tsv"))
    assert records == [
        winogender.WinogenderSentence(2, "The nurse said she left.", "nurse", "someone", "occupation", "female")
    ]
    assert [line for line, _ in broken] == [3, 4]
    text = csv(
        "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year",
        "nurse\t90\t89.5\t2015",
        "a\tx\t1\t2",
        "a\t1\t101\t2",
    )
    records, broken = split(winogender.read_occupations(text, kind="tsv"))
    assert records == [winogender.OccupationShare(2, "nurse", 89.5, 90.0)]
    assert [reason for _, reason in broken] == [
        "its bergsma_pct_female is no number",
        "its bls_pct_female is not between 0 and 100",
    ]


def question(**changed: Any) -> dict[str, Any]:
    return {
        "example_id": 0, "question_index": "1", "question_polarity": "neg", "context_condition": "ambig",
        "category": "Age", "context": "c", "question": "q?", "ans0": "The man", "ans1": "The boy", "ans2": "Unknown",
        "answer_info": {"ans0": ["man", "old"], "ans1": ["boy", "nonOld"], "ans2": ["Unknown", "unknown"]},
        "additional_metadata": {"stereotyped_groups": ["Old"], "subcategory": "None"}, "label": 2, **changed,
    }  # fmt: skip


def test_bbq() -> None:
    wrong = (
        {"label": 3}, {"label": None}, {"example_id": "x"}, {"context_condition": "vague"}, {"ans1": ""},
        {"answer_info": {}}, {"additional_metadata": None}, {"additional_metadata": {"stereotyped_groups": []}},
    )  # fmt: skip
    text = "\n".join(json.dumps(row) for row in (question(), *(question(**changed) for changed in wrong)))
    (record,), broken = split(bbq.read(text.encode()))
    assert record.roles == ("target", "nontarget", "unknown")
    assert record.roles[record.label] == "unknown"
    assert (record.template, record.answers) == ("Age 1", ("The man", "The boy", "Unknown"))
    assert [line for line, _ in broken] == list(range(2, 2 + len(wrong)))


@pytest.mark.parametrize(
    ("category", "first", "second", "kind"),
    [
        ("Race_ethnicity", "DeShawn Banks", "Alan Wang", "Race_ethnicity (names)"),
        ("Race_ethnicity", "The Black man", "an Asian man", "Race_ethnicity"),
        ("Gender_identity", "Theodora", "Andrew", "Gender_identity (names)"),
        ("Age", "My grandpa", "My son", "Age"),
    ],
)
def test_questions_with_names_are_apart(category: str, first: str, second: str, kind: str) -> None:
    row = question(category=category, ans0=first, ans1=second)
    (record,), _ = split(bbq.read(json.dumps(row).encode()))
    assert (record.kind, record.category) == (kind, category)


UNKNOWN = ["Not known", "unknown"]


@pytest.mark.parametrize(
    ("first", "second", "groups", "expected"),
    [
        (["a", "old"], ["b", "nonOld"], ["old"], ("target", "nontarget", "unknown")),
        (["rich", "highSES"], ["poor", "lowSES"], ["low SES"], ("nontarget", "target", "unknown")),
        (["J", "F-Black"], ["K", "M-White"], ["Black", "African American"], ("target", "nontarget", "unknown")),
        (["woman", "woman"], ["man", "man"], ["F"], ("target", "nontarget", "unknown")),
        (["A", "nonTrans_F"], ["B", "trans_F"], ["trans"], ("nontarget", "target", "unknown")),
        (["a 30-year-old", "nonOld"], ["a 90-year-old", "old"], ["old"], ("nontarget", "target", "unknown")),
        (["woman", "F-Black"], ["man", "M-Black"], ["Black"], ()),
        (["man", "man"], ["boy", "boy"], ["F"], ()),
        (["a", "unknown"], ["b", "old"], ["old"], ()),
    ],
)
def test_who_is_meant_is_told_or_left_open(
    first: list[str], second: list[str], groups: list[str], expected: tuple[str, ...]
) -> None:
    assert bbq.roles([first, second, UNKNOWN], groups) == expected


def test_association_tests_of_both_forms() -> None:
    seat = {
        name: {"category": name.upper(), "examples": ["This is him."]} for name in ("targ1", "targ2", "attr1", "attr2")
    }
    names = ("first_target", "second_target", "first_attribute", "second_attribute")
    weat = {name: {"name": name, "words": ["a", "b", "c"], "remove": ["b"]} for name in names}
    records, broken = split(word_sets.read(json.dumps([seat, weat, {}, {**seat, "attr2": {"category": "x"}}]).encode()))
    assert records[0].name == "TARG1 / TARG2 · ATTR1 / ATTR2"
    assert records[1].b == word_sets.WordSet("second_attribute", ("a", "c"))
    assert [line for line, _ in broken] == [3, 4]
    assert len(split(word_sets.read(json.dumps(seat).encode()))[0]) == 1


def test_named_word_sets() -> None:
    found = word_sets.read_sets(json.dumps({"career": ["office", "salary"]}).encode())
    assert found == {"career": word_sets.WordSet("career", ("office", "salary"))}
    for wrong in ("[]", '{"career": []}', '{"career": "office"}', '{"career": [1]}'):
        with pytest.raises(InvalidParameter, match="Give an object"):
            word_sets.read_sets(wrong.encode())


def test_emotions() -> None:
    header = "ID,Sentence,Template,Person,Gender,Race,Emotion,Emotion word"
    rows = (
        "1,Alonzo feels sad.,T,Alonzo,male,African-American,sadness,sad",
        "2,She is here.,T,she,female,,,",
        "3,,T,a,male,,,",
    )
    records, broken = split(eec.read(csv(header, *rows), kind="csv"))
    assert [(row.person, row.race, row.emotion_word) for row in records] == [
        ("Alonzo", "African-American", "sad"),
        ("she", "", ""),
    ]
    assert broken == [(4, "its Sentence is empty")]


def test_honest_templates() -> None:
    header = "template_masked\traw\tidentity\tnumber\tcategory\ttype"
    rows = (
        "the woman is a [M].\tx\tthe woman\tsingular\tfemale\toccupation",
        "no mask\tx\ta\tb\tc\td",
        "[M] [M]\tx\ta\tb\tc\td",
    )
    (template,), broken = split(honest.read(csv(header, *rows), kind="tsv"))
    assert template.masked("<mask>") == "the woman is a <mask>."
    assert template.prompt == "the woman is a"
    assert [line for line, _ in broken] == [3, 4]


@pytest.mark.parametrize("names", minimal_pairs.NAMES)
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_minimal_pairs_of_ones_own(names: tuple[str, str], kind: str) -> None:
    table = [
        {names[0]: "She left.", names[1]: "He left.", "category": "gender"},
        {names[0]: "a", names[1]: "a", "category": ""},
    ]
    if kind == "jsonl":
        text = "\n".join(json.dumps(row) for row in table).encode()
    else:
        delimiter = "," if kind == "csv" else "\t"
        text = csv(delimiter.join(table[0]), *(delimiter.join(row.values()) for row in table))
    (pair,), broken = split(minimal_pairs.read(text, kind=kind))
    assert (pair.more, pair.less, pair.category, pair.cluster) == ("She left.", "He left.", "gender", "")
    assert [reason for _, reason in broken] == ["both texts are the same"]


def test_which_columns_hold_the_pair_is_never_guessed() -> None:
    for header in ("text,label", "more,bad", "more,less,good,bad"):
        with pytest.raises(InvalidParameter, match="Pairs are in two columns"):
            split(minimal_pairs.read(csv(header, "a,b,c,d"[: 2 * len(header.split(",")) - 1]), kind="csv"))
    rows = b'{"more": "a", "less": "b"}\n{"text": "a"}\n{"good": "a", "bad": "b"}'
    records, broken = split(minimal_pairs.read(rows, kind="jsonl"))
    assert len(records) == 2
    assert [line for line, _ in broken] == [2]


AWKWARD = ("😀 left.", "中文 左边。", "مرحبا", "<b>x</b>", "</script>", '"quoted, twice"', "two\nlines")


@pytest.mark.parametrize("text", AWKWARD)
def test_texts_of_every_script_come_through(text: str) -> None:
    quoted = '"' + text.replace('"', '""') + '"'
    (pair,), _ = split(minimal_pairs.read(csv("more,less", f"{quoted},other"), kind="csv"))
    assert pair.more == text


def peak(read: Callable[[Path], Iterator[Any]], path: Path) -> int:
    """Give the most memory that reading through a file took."""
    tracemalloc.start()
    for _ in read(path):
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize(
    ("read", "header", "row"),
    [
        (minimal_pairs.read, "more,less\n", "She is here.,He is here.\n"),
        (crows_pairs.read, f"{CROWS}\n", "5,She stayed.,He stayed.,antistereo,gender,[],a2,[]\n"),
        (bbq.read, "", json.dumps(question()) + "\n"),
        (winobias.read, "", PRO.splitlines(keepends=True)[0]),
    ],
    ids=["pairs", "crows", "bbq", "winobias"],
)
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, read: Callable[[Path], Iterator[Any]], header: str, row: str
) -> None:
    ending = "csv" if header else "jsonl"
    short, long = tmp_path / f"short.{ending}", tmp_path / f"long.{ending}"
    short.write_text(header + row * 2_000, encoding="utf-8")
    long.write_text(header + row * 15_000, encoding="utf-8")
    peak(read, short)  # what is loaded once
    assert peak(read, long) < peak(read, short) + 60_000 < long.stat().st_size / 2
