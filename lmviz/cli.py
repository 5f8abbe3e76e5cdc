"""The lmviz command: open the app, run one analysis, list, fetch and check models."""

import argparse
import os
import sys
import typing
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lmviz import cli_bias, cli_files, cli_rows
from lmviz.errors import InvalidParameter, LmvizError, UnknownAnalysis, did_you_mean
from lmviz.parsing import describe, parse_value

if TYPE_CHECKING:
    from lmviz.analyses.base import Analysis
    from lmviz.models.loaded import LoadedModel
    from lmviz.remote import RemoteModel
    from lmviz.results import Result


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are sentences of the LmvizError kind."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print with the usage."""
        raise InvalidParameter(f"{message[:1].upper()}{message[1:]}; '{self.prog} --help' shows what there is.")


def _add_parameters(parser: argparse.ArgumentParser, params: type[Any]) -> None:
    """Give the parser one option per field of an analysis' parameters."""
    hints = typing.get_type_hints(params)
    group = parser.add_argument_group("parameters of this analysis")
    for item in fields(params):
        needed = item.default is MISSING and item.default_factory is MISSING
        group.add_argument(
            *dict.fromkeys([f"--{item.name.replace('_', '-')}", f"--{item.name}"]),
            dest=f"param:{item.name}",
            metavar="VALUE",
            required=needed,
            default=argparse.SUPPRESS,
            help=describe(hints[item.name]) + ("" if needed else f" (default: {item.default})").replace("%", "%%"),
        )


def _given(args: argparse.Namespace, analysis: "Analysis[Any, Any]") -> dict[str, Any]:
    """Read the parameters that were given, and say which one cannot be read."""
    hints = typing.get_type_hints(analysis.params)
    given = {key.removeprefix("param:"): text for key, text in vars(args).items() if key.startswith("param:")}
    values = {}
    for name, text in given.items():
        try:
            values[name] = parse_value(hints[name], text)
        except InvalidParameter as error:
            raise InvalidParameter(f"--{name.replace('_', '-')}: {error}") from None
    return values


def _analysis(slug: str) -> "Analysis[Any, Any]":
    """Look up an analysis, or say which there are."""
    from lmviz.analyses import ANALYSES

    if slug not in ANALYSES:
        raise UnknownAnalysis(f"No analysis named '{slug}'.{did_you_mean(slug, ANALYSES)}")
    return ANALYSES[slug]


def _show_progress(fraction: float, message: str = "") -> None:
    """Keep one line of a terminal up to date; a file or a pipe gets none."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{fraction:4.0%}  {message}", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    """Take the line away again."""
    if sys.stderr.isatty():
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


def _open_app(args: argparse.Namespace) -> int:
    """Replace this process by the app's server."""
    here = Path(__file__).resolve().parent
    places = (here.parent / "app.py", here / "_app" / "app.py")  # a checkout, an installed wheel
    app = next((place for place in places if place.is_file()), None)
    if app is None:
        raise LmvizError("The app's files are missing; install lmviz again.")
    options = {"--server.address": args.address, "--server.port": args.port}
    chosen = [part for name, value in options.items() if value is not None for part in (name, str(value))]
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", "lmviz.ui.serve", str(app), *chosen]
    os.execv(sys.executable, command)  # noqa: S606


def _model(args: argparse.Namespace) -> "LoadedModel | RemoteModel":
    """Give the model that is named: loaded here, or on a server that is configured."""
    import lmviz
    from lmviz.remote import is_remote

    return lmviz.remote_model(args.model) if is_remote(args.model) else _loaded(args, args.model)


def _loaded(args: argparse.Namespace, name: str) -> "LoadedModel":
    """Load a model as the options say."""
    import lmviz

    return lmviz.load(name, dtype=args.dtype, device=args.device, device_map=args.device_map)


def _run(args: argparse.Namespace) -> int:
    """Run one analysis and write its result."""
    analysis = _analysis(args.slug)
    out, given = cli_files.out_path(args.out), _given(args, analysis)
    import lmviz

    if args.resume is None:
        result = lmviz.run(args.slug, _model(args), on_progress=_show_progress, **given)
    else:
        from lmviz.analyses.bias.benchmarks import resume

        result = resume(args.slug, _model(args), file=Path(args.resume), on_progress=_show_progress, **given)
    return _write(result, out)


def _rows(args: argparse.Namespace) -> int:
    """Compare two sides over the rows of a file and write what both say."""
    out, a = cli_files.out_path(args.out), _loaded(args, args.model)
    b = a if args.model_b in (None, args.model) else _loaded(args, args.model_b)
    return _write(cli_rows.compared(args, a, b=b, on_progress=_show_progress), out)


def _verdicts(args: argparse.Namespace) -> int:
    """Score a benchmark in every variant and write the table."""
    analysis = _analysis(args.slug)
    out, given = cli_files.out_path(args.out), _given(args, analysis)
    cli_bias.check_ending(out)
    models = [_loaded(args, name) for name in (args.model, args.model_b) if name is not None]
    table = cli_bias.verdicts(args.slug, models, given=given, on_progress=_show_progress)
    _clear_progress()
    if out is None:
        print(table.to_string(index=False))
    else:
        cli_files.write_bytes(cli_bias.encoded(table, cli_files.ending_of(out)), out)
    return 0


def _write(result: "Result", out: Path | None) -> int:
    """Write a result to a file, or as JSON to the terminal."""
    _clear_progress()
    if out is None:
        sys.stdout.buffer.write(cli_files.encoded(result, "json"))
    else:
        cli_files.write(result, out)
    return 0


def _list_analyses(_args: argparse.Namespace) -> int:
    """Print slug and title of every analysis."""
    from lmviz.analyses import ANALYSES

    width = max(map(len, ANALYSES))
    for slug, analysis in ANALYSES.items():
        print(f"{slug:{width}}  {analysis.title}")
    return 0


def _list_models(_args: argparse.Namespace) -> int:
    """Print every model of the catalog, and those on servers that are configured."""
    from lmviz.models.catalog import CATALOG
    from lmviz.remote import remote_models

    rows = [(entry.id, entry.family, entry.size, entry.licence, entry.title) for entry in CATALOG.values()]
    rows += [
        (model.id, model.protocol, "", "", f"{model.model or 'the first model'} on the server {model.host}")
        for model in remote_models().values()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _pull(args: argparse.Namespace) -> int:
    """Fetch a model's files, so that it loads without network from then on."""
    from lmviz.models.sources import pull

    folder = pull(args.model, _show_progress)
    _clear_progress()
    print(f"{args.model} is in {folder}")
    return 0


def _check(args: argparse.Namespace) -> int:
    """Print a model's self-check; a failed one gives status 2."""
    model = _loaded(args, args.model)
    for check in model.self_check:
        print(f"{'passed' if check.passed else 'FAILED'}  {check.sentence}")
    for sentence in model.lacks:
        print(f"lacks   {sentence}")
    failed = [check for check in model.self_check if not check.passed]
    if failed:
        raise LmvizError(f"{len(failed)} of {len(model.self_check)} checks failed: {failed[0].meaning}")
    return 0


def _add_loading(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that loads a model."""
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", help="cuda, mps or cpu (default: the first of these that is there)")
    parser.add_argument(
        "--device-map", choices=["auto"], help="auto spreads a model larger than one device over all there are"
    )


def _parser(analysis: "Analysis[Any, Any] | None") -> _Parser:
    """Build the parser; `run` knows the parameters of the analysis that is asked for."""
    parser = _Parser(prog="lmviz", description="Look inside language models. Without a command: open the app.")
    parser.add_argument("--address", help="address the app listens on (default: 127.0.0.1, this computer only)")
    parser.add_argument("--port", type=int, help="port of the app (default: 8501, or the next free one)")
    parser.set_defaults(command=_open_app)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function: Callable[[argparse.Namespace], int], *, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(command=function)
        return added

    run = command("run", _run, text="run one analysis; 'lmviz run SLUG --help' shows its parameters")
    run.add_argument("slug", metavar="SLUG", help="the analysis, as 'lmviz analyses' lists them")
    run.add_argument("--model", required=True, help="a catalog id, a Hugging Face id, a folder, or remote:NAME")
    run.add_argument(
        "--out", metavar="FILE", help=f"ending in {', '.join(cli_files.ENDINGS)} (default: JSON to the terminal)"
    )
    run.add_argument("--resume", metavar="FILE", help="keep a benchmark's rows in it, and go on from those it has")
    _add_loading(run)
    verdicts = command("verdicts", _verdicts, text="score a benchmark in every way there is, of one model or two")
    cli_bias.add_options(verdicts)
    _add_loading(verdicts)
    if analysis is not None:
        _add_parameters(run, analysis.params)
    if analysis is not None and analysis.group == "bias":
        _add_parameters(verdicts, analysis.params)
    rows = command("rows", _rows, text="compare two models, or two texts a row, over a file of texts")
    cli_rows.add_options(rows)
    rows.add_argument("--out", metavar="FILE", help="as for run")
    _add_loading(rows)
    command("analyses", _list_analyses, text="list the analyses")
    command("models", _list_models, text="list the models of the catalog and of servers")
    command("pull", _pull, text="fetch a model").add_argument("model", metavar="MODEL")
    check = command("check", _check, text="load a model and check that what is captured is right")
    check.add_argument("model", metavar="MODEL")
    _add_loading(check)
    return parser


def read(words: Sequence[str]) -> argparse.Namespace:
    """Understand the words after `lmviz`; `command` is the function that answers them.

    Raises:
        InvalidParameter: They cannot be understood.
        UnknownAnalysis: There is no such analysis.
    """
    is_run = len(words) > 1 and words[0] in ("run", "verdicts") and not words[1].startswith("-")
    if is_run and words[0] == "verdicts":
        cli_bias.check_benchmark(words[1])
    return _parser(_analysis(words[1]) if is_run else None).parse_args(words)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the lmviz command.

    Args:
        argv: The words after `lmviz`; None takes them from the process.

    Returns:
        0, or 2 after a sentence on stderr.
    """
    try:
        args = read(list(sys.argv[1:] if argv is None else argv))
        return int(args.command(args))
    except LmvizError as error:
        _clear_progress()
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
