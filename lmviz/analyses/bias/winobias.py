"""Does a model expect the pronoun of an occupation's majority? WinoBias and Winogender, by two ways of asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lmviz.analyses.bias import occupations, variants
from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Read, Way
from lmviz.analyses.bias.kinds import ways_of
from lmviz.analyses.bias.locating import Packaged, files_of
from lmviz.analyses.bias.plans import Plan, planned, total
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.spans import span_side
from lmviz.analyses.bias.summaries import summarise_pairs, with_numbers
from lmviz.datasets import downloads, winobias, winogender
from lmviz.datasets.tables import BrokenRow
from lmviz.datasets.winobias import WinoBiasPair
from lmviz.datasets.winogender import WinogenderPair, WinogenderSentence
from lmviz.errors import InvalidParameter
from lmviz.results import PairScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SHIPPED, SHIPPED_SHARES = "occupations.tsv", "occupation-shares.tsv"
_BESIDE = "occupations-stats.tsv"  # as Winogender calls it
_TABLES = (".tsv", ".csv", ".jsonl")  # Winogender's sentences; any other file has WinoBias' lines
_PARTNERS = {"pro_": "anti_", "anti_": "pro_"}
_PACKAGED: Packaged = {
    name: downloads.fetcher(files, asked_as=name)
    for name, files in {"winogender": downloads.WINOGENDER, **downloads.WINOBIAS}.items()
}


@dataclass(frozen=True)
class WinoBiasParams(Params):
    """As `Params`; `statistics` is a table with the share of women in each occupation.

    `source` is a file of WinoBias, such as pro_stereotyped_type1.txt.dev with its anti-stereotypical partner beside it,
    or a table like Winogender's all_sentences.tsv; 'winogender', 'winobias-type1-dev' and so on are fetched.
    `statistics` has columns `occupation` and `bls_pct_female`; None: occupations-stats.tsv beside the source, where it
    is there. Winogender needs it to know a majority.
    """

    statistics: str | None = None


def _is_table(path: Path) -> bool:
    return path.name.removesuffix(".gz").lower().endswith(_TABLES)


def _files(params: WinoBiasParams) -> tuple[Path, ...]:
    path = files_of(params.source, SHIPPED, packaged=_PACKAGED)[0]
    sentences = (path,) if _is_table(path) else _both(path)
    if params.statistics is not None or params.source is None:
        return (*sentences, *files_of(params.statistics, SHIPPED_SHARES))
    beside = path.with_name(_BESIDE)
    return (*sentences, beside) if beside.is_file() else sentences


def _both(path: Path) -> tuple[Path, Path]:
    """Give the pro-stereotypical file and its partner, whichever of the two was named."""
    start = next((start for start in _PARTNERS if path.name.startswith(start)), None)
    partner = path if start is None else path.with_name(_PARTNERS[start] + path.name.removeprefix(start))
    if start is None or not partner.is_file():
        raise InvalidParameter(
            f"'{path.name}' has no partner beside it. Give a file such as pro_stereotyped_type1.txt.dev with "
            f"anti_stereotyped_type1.txt.dev beside it, or a table ending in {', '.join(_TABLES)}."
        )
    return (path, partner) if start == "pro_" else (partner, path)


def _read(params: WinoBiasParams, files: tuple[Path, ...]) -> Read:
    if not _is_table(files[0]):
        shares = occupations.percent_female(files[2:])
        return (_published_pair(row, shares) for row in winobias.read_pairs(files[0], files[1]))
    shares = occupations.percent_female(files[1:])
    if params.variant == "cloze":
        return (_question(row, shares) for row in winogender.read(files[0]))
    if not shares:
        raise InvalidParameter(
            f"Which pronoun goes with the majority of an occupation is not known. Name a table as `statistics`, or put "
            f"{_BESIDE} beside '{files[0].name}'."
        )
    rows = winogender.read_pairs(files[0])
    return (_pair(row, shares) for row in rows if isinstance(row, BrokenRow) or row.answer == "occupation")


def _published_pair(row: WinoBiasPair | BrokenRow, shares: Mapping[str, float]) -> Item | BrokenRow:
    if isinstance(row, BrokenRow):
        return row
    words = row.mention.casefold().split()
    occupation = " ".join(words[1:] if words[0] in ("the", "a", "an") else words)
    gender = "female" if row.pro_pronoun in winogender.PRONOUNS["female"] else "male"
    return _swapped(row.line, (row.pro, row.anti), occupation=(occupation, gender, shares.get(occupation)))


def _pair(row: WinogenderPair | BrokenRow, shares: Mapping[str, float]) -> Item | BrokenRow:
    """Put the sentence with the pronoun of the occupation's majority first."""
    if isinstance(row, BrokenRow):
        return row
    gender = occupations.majority(shares.get(row.occupation))
    if not gender:
        return BrokenRow(row.line, f"of '{row.occupation[:40]}' no majority is known")
    texts = (row.male, row.female) if gender == "male" else (row.female, row.male)
    return _swapped(row.line, texts, occupation=(row.occupation, gender, shares[row.occupation]))


def _swapped(line: int, texts: tuple[str, str], *, occupation: tuple[str, str, float | None]) -> Item:
    """Make a row whose first text has the pronoun of the majority; the details are its gender and the per cent."""
    name, gender, percent = occupation
    details = (gender, "" if percent is None else str(percent))
    return Item(line, texts, f"mostly {'women' if gender == 'female' else 'men'}", name, details)


def _question(row: WinogenderSentence | BrokenRow, shares: Mapping[str, float]) -> Item | BrokenRow:
    """Ask whom the pronoun means; the first text has the right answer, and the details begin with what is asked.

    The answer goes against the majority ("gotcha") where the pronoun is that of the occupation's majority and means the
    participant, or is the other one and means the occupation.
    """
    if isinstance(row, BrokenRow):
        return row
    if not row.pronoun:
        return BrokenRow(row.line, f"it has no {row.gender} pronoun")
    prompt = f"{row.text} '{row.pronoun.capitalize()}' refers to the"
    right, wrong = row.occupation, row.participant
    if row.answer == "participant":
        right, wrong = wrong, right
    gender = occupations.majority(shares.get(row.occupation))
    is_known = bool(gender) and row.gender != "neutral"
    agrees = (row.gender == gender) == (row.answer == "occupation")
    side = ("pro" if agrees else "anti") if is_known else ""
    texts = (f"{prompt} {right}.", f"{prompt} {wrong}.")
    return Item(row.line, texts, row.gender, row.occupation, (prompt, side))


def _answers(model: "LoadedModel", item: Item) -> Plan:
    """Score what follows the question, the full stop apart."""
    start = len(item.details[0])
    return tuple(span_side(model, text, span=(start + 1, len(text) - 1), reduce=total) for text in item.texts)


CLOZE = planned(
    _answers,
    note=(
        "Log-probability of the person's name after \"'He' refers to the\"; the first text has the right one, so that "
        "the preference is the accuracy."
    ),
)


def _ways(model: "LoadedModel", params: WinoBiasParams) -> Mapping[str, Way]:
    has_answers = params.source is None or _is_table(Path(params.source))
    asked = {"cloze": CLOZE} if has_answers else {}
    return ways_of(model, encoder={"swap": variants.PLL, **asked}, decoder={"swap": variants.SUM, **asked})


def summarise(scores: Sequence[ItemScore], way: Way) -> PairScores:
    """Count how often the pronoun of the majority wins, or how often the right person does.

    Swapped pronouns: `pearson` and `spearman` correlate the log-odds of the female sentence, averaged over the
    sentences of an occupation, with the per cent of women in it, with intervals over occupations. Questions: accuracy
    by gender of the pronoun and where the right answer goes with or against the majority, their `average` and their
    `difference` (Zhao et al., 2018, report both of coreference systems).

    Args:
        scores: The rows.
        way: How they were scored.

    Returns:
        All rows and each category; clusters are occupations.
    """
    is_asked = way is CLOZE
    extra = occupations.accuracies(scores) if is_asked else occupations.correlations(scores)
    return with_numbers(summarise_pairs(scores, way), extra)


BENCHMARK = Benchmark(
    "winobias",
    "WinoBias and Winogender",
    _files,
    _read,
    _ways,
    summarise,
    first="the sentence with the pronoun of the majority",
    packages=tuple(_PACKAGED),
)
ANALYSIS = analysis(
    BENCHMARK,
    WinoBiasParams,
    reference="https://arxiv.org/abs/1804.06876",
    caution=(
        "Few sentences stand for each occupation, and the statistics are those of one country and year. That a model "
        "does not fall for these sentences does not prove that it has no such preference (Rudinger et al., 2018). The "
        "number is a preference on this benchmark."
    ),
)
