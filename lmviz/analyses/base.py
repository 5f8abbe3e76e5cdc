"""What an analysis is made of: its description, the check of its parameters, the signature under its answer."""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from lmviz.errors import InvalidParameter, NotForThisModel, did_you_mean
from lmviz.remote import RemoteModel, only_predicts
from lmviz.results import Check, Result

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_PACKAGES: tuple[str, ...] = ("lmviz", "torch", "transformers", "numpy")
_PACKAGES_ON_SERVERS: tuple[str, ...] = ("lmviz", "openai", "numpy")
ParamsT = TypeVar("ParamsT")
ResultT = TypeVar("ResultT", bound=Result)
ParamsT_contra = TypeVar("ParamsT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", bound=Result, covariant=True)


class Progress(Protocol):
    """Told now and then how far a job is; it may raise `Cancelled` to stop it."""

    def __call__(self, fraction: float, message: str = "") -> None:
        """Take the share that is done, 0 to 1, and what is being done."""


def ignore(fraction: float, message: str = "") -> None:
    """Do nothing: the progress nobody watches."""


class Run(Protocol[ParamsT_contra, ResultT_co]):
    """A function that answers an analysis's question."""

    def __call__(self, model: "LoadedModel", params: ParamsT_contra, *, on_progress: Progress = ignore) -> ResultT_co:
        """Answer for one model and one set of parameters."""


class RunOnServer(Protocol[ParamsT_contra, ResultT_co]):
    """A function that answers the same question about a model on a server."""

    def __call__(self, model: RemoteModel, params: ParamsT_contra, *, on_progress: Progress = ignore) -> ResultT_co:
        """Answer for one model and one set of parameters."""


@dataclass(frozen=True)
class Analysis(Generic[ParamsT, ResultT]):
    """One method: how it is named, what it needs and takes, how it is run and how its answer is checked.

    `needs` names what must be had from a model: places of a trace ("pattern", "moved_norm", "query", "key") or
    "logits". A check gives None where it says nothing about the result at hand. `fold` rewrites the named values
    before they are checked, for an analysis that takes those of another one as well. `remote` asks the same of a model
    on a server, where that can be.
    """

    slug: str
    title: str
    group: str
    needs: frozenset[str]
    params: type[ParamsT]
    run: Run[ParamsT, ResultT]
    reference: str
    caution: str
    checks: tuple[Callable[[ResultT], Check | None], ...] = ()
    fold: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    remote: RunOnServer[ParamsT, ResultT] | None = None

    @property
    def takes(self) -> str:
        """List the parameters as a person reads them."""
        known = {item.name: item for item in fields(self.params)}  # type: ignore[arg-type]
        return _described(known, get_type_hints(self.params))

    def check(self, result: ResultT) -> tuple[Check, ...]:
        """Compute the invariants that apply to this result."""
        found = (check(result) for check in self.checks)
        return tuple(check for check in found if check is not None)

    def make_params(self, given: Mapping[str, Any]) -> ParamsT:
        """Turn named values into parameters.

        Raises:
            InvalidParameter: An unknown or missing name, or a value of the wrong type.
        """
        known = {item.name: item for item in fields(self.params)}  # type: ignore[arg-type]
        hints = get_type_hints(self.params)
        given = given if self.fold is None else self.fold(given)
        for name in given:
            if name not in known:
                close = did_you_mean(name, known)
                raise InvalidParameter(f"{self.slug} has no parameter '{name}'.{close} It takes {self.takes}.")
        missing = [name for name, item in known.items() if item.default is MISSING and name not in given]
        if missing:
            raise InvalidParameter(f"{self.slug} needs {', '.join(missing)}. It takes {self.takes}.")
        values = {name: _fit(self.slug, name, value, hints[name]) for name, value in given.items()}
        return self.params(**values)

    def answer(
        self, model: "LoadedModel | RemoteModel", given: Mapping[str, Any], *, on_progress: Progress = ignore
    ) -> ResultT:
        """Check the parameters, run, and sign the result with where it came from."""
        params = self.make_params(given)
        if not isinstance(model, RemoteModel):
            result = self.run(model, params, on_progress=on_progress)
        elif self.remote is not None:
            result = self.remote(model, params, on_progress=on_progress)
        else:
            raise NotForThisModel(only_predicts(model.id))
        return replace(result, provenance={**self._signature(model, params), **result.provenance})

    def _signature(self, model: "LoadedModel | RemoteModel", params: ParamsT) -> dict[str, Any]:
        return {"analysis": self.slug, "title": self.title, **provenance(model, asdict(params))}  # type: ignore[call-overload]


def provenance(model: "LoadedModel | RemoteModel", parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Say everything that is needed to get the same numbers again; of a server, what is known of it."""
    if isinstance(model, RemoteModel):
        origin, packages = model.origin(), _PACKAGES_ON_SERVERS
    else:
        origin, packages = _origin(model), _PACKAGES
    signed = {**origin, "parameters": dict(parameters), "versions": dict(_versions(packages))}
    return {**signed, "seed": parameters["seed"]} if "seed" in parameters else signed


def _origin(model: "LoadedModel") -> dict[str, Any]:
    tokenizer = model.tokenizer
    return {
        "model": model.entry.id,
        "source": model.entry.source,
        "revision": model.entry.revision,
        "tokenizer": f"{type(tokenizer).__name__}, {len(tokenizer)} tokens",
        "dtype": model.dtype,
        "device": str(model.device),
    }


@cache
def _versions(packages: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _version(name)) for name in packages)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _described(known: Mapping[str, Field[Any]], hints: Mapping[str, Any]) -> str:
    """List the parameters as a person reads them: text (str), top_k (int, 10 unless told)."""
    parts = []
    for name, item in known.items():
        default = "" if item.default is MISSING else f", {item.default!r} unless told"
        parts.append(f"{name} ({_name(hints[name])}{default})")
    return ", ".join(parts)


def _name(hint: Any) -> str:
    """Name a type in words."""
    if _is_union(hint):
        return " or ".join(_name(choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return f"several {_name(get_args(hint)[0])}"
    return "None" if hint is type(None) else str(hint.__name__)


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _fit(slug: str, name: str, value: Any, hint: Any) -> Any:
    """Give the value in the wanted type; lists become tuples and whole numbers become floats, nothing else."""
    choices = get_args(hint) if _is_union(hint) else (hint,)
    for choice in choices:
        fitted = _fitted(value, choice)
        if fitted is not None:
            return fitted[0]
    raise InvalidParameter(
        f"{slug} takes {name} as {_name(hint)}; it was given {_short(value)} ({type(value).__name__})."
    )


def _fitted(value: Any, choice: Any) -> tuple[Any] | None:
    """Wrap the value in the wanted type, or give None when it does not fit."""
    if get_origin(choice) is tuple:
        if not isinstance(value, (tuple, list)):
            return None
        items = [_fitted(item, get_args(choice)[0]) for item in value]
        return None if any(item is None for item in items) else (tuple(item[0] for item in items if item),)
    if choice is float and isinstance(value, int) and not isinstance(value, bool):
        return (float(value),)
    is_it = isinstance(value, choice) and (choice is bool or not isinstance(value, bool))
    return (value,) if is_it else None


def _short(value: Any) -> str:
    """Show a value on one line of a message."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
