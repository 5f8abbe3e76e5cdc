"""What can go wrong, in sentences for the person at the screen.

LmvizError
  UnknownModel        no model of that name
  ModelUnavailable    the model is known but its files cannot be had now
  UnsafeWeights       the model's weights would need pickle or remote code
  CorruptedFile       a file is not what its checksum says
  BadModelFolder      a folder does not hold a model that can be read
  EmptyInput          there is no text
  InputTooLong        more tokens than the model reads
  InvalidParameter    a parameter has a wrong name, type or value
  UnknownAnalysis     no analysis of that slug
  NotOneToken         a target is not a single token
  NoMaskToken         an encoder was asked to answer and nothing is masked
  LengthsDiffer       two texts must have the same number of tokens
  NotForThisModel     this model cannot have this analysis
  OverBudget          the job would take more memory than allowed
  Cancelled           the person stopped the job
  FigureUnavailable   a picture cannot be drawn from what is installed or given
  RemoteUnavailable   a model's server cannot be reached, or is in trouble
  RemoteRefused       a model's server answers, but not with what was asked for

`str(error)` says what happened, with the numbers, then what to do. It is the only class a page catches.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class LmvizError(Exception):
    """Base of everything a person can put right."""


class UnknownModel(LmvizError):
    """No model of that name is in the catalog, on disk or on the hub."""


class ModelUnavailable(LmvizError):
    """The model is known but its files cannot be had now, for instance without network."""


class UnsafeWeights(LmvizError):
    """The weights are pickled or need the model's own code; neither is ever run."""


class CorruptedFile(LmvizError):
    """A file differs from its pinned checksum or cannot be read as what it says it is."""


class BadModelFolder(LmvizError):
    """A folder does not hold a complete model."""


class EmptyInput(LmvizError):
    """There is no text to look at."""


class InputTooLong(LmvizError):
    """The text has more tokens than the model reads."""


class InvalidParameter(LmvizError):
    """A parameter has a name, type or value the analysis does not take."""


class UnknownAnalysis(LmvizError):
    """No analysis of that slug."""


class NotOneToken(LmvizError):
    """A target string is not exactly one token of the model."""


class NoMaskToken(LmvizError):
    """The analysis needs a mask token in the text."""


class LengthsDiffer(LmvizError):
    """Two texts that are compared position by position have different lengths."""


class NotForThisModel(LmvizError):
    """The model's architecture does not allow the analysis."""


class OverBudget(LmvizError):
    """The job was estimated before it ran and does not fit the limit."""


class Cancelled(LmvizError):
    """The person stopped the job; `so_far` is its result up to there, where the analysis can give one."""

    so_far: object | None = None


class FigureUnavailable(LmvizError):
    """A picture cannot be drawn: a package lacks what it needs, or the form asked for does not exist."""


class RemoteUnavailable(LmvizError):
    """The server a model runs on does not answer, or not in time, or with a fault of its own."""


class RemoteRefused(LmvizError):
    """The server a model runs on turns the request down; `status` is the HTTP status where there was one."""

    status: int | None = None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say which known names are close, or list them when there are few.

    Args:
        name: What was asked for.
        known: The names that would have been right.

    Returns:
        A sentence to put behind an error, or an empty string.
    """
    choices = sorted(known)
    close = get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" There are: {', '.join(choices)}." if choices and len(choices) <= 20 else ""
