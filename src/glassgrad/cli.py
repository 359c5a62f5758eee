"""The command line: `glassgrad study EXPR --at x=3`, `why script.py`, `draw script.py:loss`, `fit data.csv --target y`, `predict MODEL data.csv`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

from . import __version__
from .fitting.options import add_options as add_fitting


class _Parser(argparse.ArgumentParser):
    """argparse, with one line for an error, and an expression that may begin with a minus."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def _shielded(token: str) -> str:
    """A token such as -x**2 with a space before it, so that argparse does not take it for an option."""
    return token if token == "-h" or not token.startswith("-") or token.startswith("--") else " " + token


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code: 0, or 2 for input that cannot be used."""
    parser = _Parser(prog="glassgrad", description="See-through gradients.")
    parser.add_argument("--version", action="version", version=f"glassgrad {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    study = commands.add_parser("study", help="study a function: formula, gradient, critical points, pictures")
    study.add_argument("expression", metavar="EXPR", help='arithmetic, such as "3*x**2 - 2*x + 5"')
    study.add_argument("--at", action="append", default=[], metavar="x=3", help="a point: name=value, several joined by commas; may be repeated")
    study.add_argument("--html", metavar="FILE", default="glassgrad-study.html", help="the report to write (default: %(default)s)")
    study.add_argument("--no-html", action="store_true", help="write no report")
    study.add_argument("--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="how long SymPy may think (default: %(default)s)")
    explain = commands.add_parser("why", help="run a script and explain its gradients, at its end or at its exception")
    explain.add_argument("script", metavar="SCRIPT[:NAME]", help="a script for this package or for PyTorch; with a name: that variable only")
    explain.add_argument("-m", dest="module", action="store_true", help="SCRIPT is the name of a module, as for python -m; before SCRIPT")
    explain.add_argument("--html", metavar="FILE", help="write a report too: the answers, and the graph to click through; before SCRIPT")
    picture = commands.add_parser("draw", help="run a script and draw the graph of one of its variables")
    picture.add_argument("script", metavar="SCRIPT:NAME", help="a script, and the variable in it to draw (default: loss)")
    picture.add_argument("-m", dest="module", action="store_true", help="SCRIPT is the name of a module, as for python -m")
    picture.add_argument("-o", "--out", metavar="FILE", default="glassgrad-graph.html", help="an .html, .svg, .dot or .txt file (default: %(default)s)")
    explain.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")
    picture.add_argument("arguments", nargs="*", help="arguments for the script; after -- if they begin with a dash")
    add_fitting(commands)
    given = list(sys.argv[1:] if argv is None else argv)
    args = parser.parse_args([_shielded(token) for token in given] if given[:1] == ["study"] else given)
    if sys.stdout is None:
        print("glassgrad: there is no standard output to print to", file=sys.stderr)
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # ∂ on a terminal that has none
    try:
        code = {"study": _study, "why": _why, "draw": _draw, "fit": _fitting, "predict": _fitting}[args.command](args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read the output has gone: nothing to say, and nobody to hear it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"glassgrad: the result could not be printed: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("glassgrad: stopped", file=sys.stderr)
        return 130


def _fitting(args: argparse.Namespace) -> int:
    from .fitting.command import run

    return run(args)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def _study(args: argparse.Namespace) -> int:
    from .study import ExpressionError, StudyError, parse, parse_point, study

    try:
        expression = parse(args.expression)
        if not expression.names:
            raise ExpressionError("the expression has no variable: there is no gradient to study")
        if not args.at:
            raise ExpressionError(f"a study needs a point: add --at {','.join(f'{n}=1' for n in expression.names)}")
        points = [parse_point(text, expression.names) for text in args.at]
        if not args.no_html:
            _check_writable(args.html)
            threading.Thread(target=_warm_up, daemon=True).start()
        found = study(expression, points, timeout=args.timeout)
    except (ExpressionError, StudyError) as error:
        print(f"glassgrad study: {error}", file=sys.stderr)
        return 2
    show(found)
    if args.no_html:
        return 0
    sys.stdout.flush()
    try:
        found.to_html(args.html)
    except OSError as error:
        print(f"glassgrad study: the report could not be written to {args.html}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"\nReport: {os.path.abspath(args.html)}")
    return 0


def _run(args: argparse.Namespace) -> tuple[Any, str]:
    """Runs the script; the run and the name after the colon."""
    from .see.script import Run

    path, colon, name = args.script.rpartition(":")
    if not colon or os.sep in name or "\\" in name or name.endswith(".py"):
        path, name = args.script, ""
    return Run(path, args.arguments, args.module), name


def _why(args: argparse.Namespace) -> int:
    from .see.script import ScriptError
    from .study import StudyError
    from .writing import write_atomically

    if not args.html and "--html" in args.arguments:
        print("glassgrad why: --html went to the script; the report's --html FILE stands before the script's name", file=sys.stderr)
    try:
        if args.html:
            _check_writable(args.html)
        run, name = _run(args)
        verdicts = run.verdicts(name)
    except (ScriptError, StudyError, TypeError) as error:
        print(f"glassgrad why: {error}", file=sys.stderr)
        return 2
    sys.stdout.flush()
    if run.error is not None:
        print(run.traceback(), file=sys.stderr)
    print()
    for verdict in verdicts:
        show_verdict(verdict)
    if args.html:
        try:
            write_atomically(args.html, run.report(verdicts))
        except OSError as error:
            print(f"glassgrad why: the report could not be written to {args.html}: {error.strerror}", file=sys.stderr)
            return 2
        print(f"\nReport: {os.path.abspath(args.html)}")
    return 1 if run.error is not None else run.code or 0


def _draw(args: argparse.Namespace) -> int:
    from .see import draw
    from .see.script import ScriptError

    try:
        _check_writable(args.out, "the drawing")
        run, name = _run(args)
        if not name:
            candidates = run.losses()
            name = "loss" if "loss" in candidates or not candidates else candidates[-1]
        drawing = draw(run.find(name), recording=run.recording, names=run.variables | {name: run.find(name)})
        drawing.save(args.out)
    except (ScriptError, ValueError, TypeError) as error:
        print(f"glassgrad draw: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"glassgrad draw: the drawing could not be written to {args.out}: {error.strerror}", file=sys.stderr)
        return 2
    if run.error is not None:
        print(run.traceback(), file=sys.stderr)
    print(f"\n{drawing!r}\nDrawing: {os.path.abspath(args.out)}")
    return 1 if run.error is not None else run.code or 0


def show_verdict(verdict: Any) -> None:
    """Prints an answer: with colour where rich is installed, plainly elsewhere."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        print(verdict)
        return
    colour = {"fine": "green", "root": "green", "hint": "cyan", "retained": "green", "accumulated": "yellow"}.get(verdict.kind, "red")
    grid = Table.grid(padding=(0, 2))
    for label, text in verdict.rows():
        grid.add_row("", Text(label, style="cyan"), Text(text, style="dim" if label == "not known" else ""))
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(Text(verdict.headline, style=f"bold {colour}"))
    console.print(grid)


def _warm_up() -> None:
    """Imports what the pictures need while SymPy, in its own process, is at work."""
    with contextlib.suppress(ImportError):
        import matplotlib.backends.backend_svg
        import matplotlib.figure  # noqa: F401


def _check_writable(path: str, what: str = "the report") -> None:
    """Says before the work, not after it, that a report has nowhere to go."""
    from .study import StudyError

    folder = os.path.dirname(os.path.abspath(path))
    why = (
        "a file name is missing" if not path else "it is a folder" if os.path.isdir(path) else "there is no such folder" if not os.path.isdir(folder)
        else "the folder cannot be written to" if not os.access(folder, os.W_OK) else ""
    )  # fmt: skip
    if why:
        raise StudyError(f"{what} could not be written to {path!r}: {why}")


def show(study: Any) -> None:
    """Prints a study: with colour and tables where rich is installed, plainly elsewhere."""
    try:
        from rich.console import Console
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        print(study)
        return
    from .study.report import formulas, point_rows

    console = Console(width=None if sys.stdout.isatty() else 110)
    rows = formulas(study)
    grid = Table.grid(padding=(0, 2))
    for name, formula in rows:
        grid.add_row(Text(name, style="cyan"), Text(formula.text))
    if rows:
        console.print(Panel(grid, title="formula and derivatives, from the executed code", title_align="left", border_style="dim"))
    for point in study.points:
        table = Table.grid(padding=(0, 2))
        for name, value in point_rows(study, point):
            table.add_row(Text(name, style="cyan"), Text(value))
        console.print(Panel(table, title="at a point", title_align="left", border_style="dim"))
    told = Table.grid(padding=(0, 1))
    for sentence in study.findings:
        told.add_row("•", Text(sentence))
    for note in study.notes:
        told.add_row("", Text("Note: " + note, style="dim"))
    console.print(told)
