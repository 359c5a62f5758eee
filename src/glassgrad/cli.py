"""The command line: `glassgrad study EXPR --at x=3`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from . import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code: 0, or 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="glassgrad", description="See-through gradients.")
    parser.add_argument("--version", action="version", version=f"glassgrad {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    study = commands.add_parser("study", help="study a function: formula, gradient, critical points, pictures")
    study.add_argument("expression", metavar="EXPR", help='arithmetic, such as "3*x**2 - 2*x + 5"')
    study.add_argument("--at", action="append", default=[], metavar="x=3", help="a point: name=value, several joined by commas; may be repeated")
    study.add_argument("--html", metavar="FILE", default="glassgrad-study.html", help="the report to write (default: %(default)s)")
    study.add_argument("--no-html", action="store_true", help="write no report")
    study.add_argument("--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="how long SymPy may think (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        return _study(args)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


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
        if not args.at:
            example = ",".join(f"{n}=1" for n in expression.names) or "x=1"
            raise ExpressionError(f"a study needs a point: add --at {example}")
        points = [parse_point(text, expression.names) for text in args.at]
        found = study(expression, points, timeout=args.timeout)
    except (ExpressionError, StudyError) as error:
        print(f"glassgrad study: {error}", file=sys.stderr)
        return 2
    show(found)
    if args.no_html:
        return 0
    try:
        found.to_html(args.html)
    except OSError as error:
        print(f"glassgrad study: the report could not be written to {args.html}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"\nReport: {os.path.abspath(args.html)}")
    return 0


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
    for sentence in study.findings:
        console.print(Text("• " + sentence))
    for note in study.notes:
        console.print(Text("Note: " + note, style="dim"))
