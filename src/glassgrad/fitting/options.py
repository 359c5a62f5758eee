"""The options of `glassgrad fit` and `glassgrad predict`."""

from __future__ import annotations

import argparse
from typing import Any

METHODS = ("lstsq", "adaline", "sigmoid")


def add_options(commands: Any) -> None:
    """The two subcommands."""
    learn = commands.add_parser("fit", help="fit a neuron to CSV or Parquet files of any size")
    learn.add_argument("data", nargs="+", metavar="DATA", help="files, folders or globs of .csv (also .csv.gz, .csv.bz2) and .parquet")
    learn.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    learn.add_argument("--features", metavar="A,B", help="the columns to learn from (default: all others)")
    learn.add_argument("--method", default="auto", choices=("auto", *METHODS, "all"), help="auto: sigmoid for a target with two values, else lstsq")
    learn.add_argument("--epochs", type=_whole, default=100, metavar="N", help="passes of a gradient descent, at most (default: %(default)s)")
    learn.add_argument("--lr", type=_rate, default="auto", metavar="RATE", help="learning rate, or auto: from the data's correlations (default)")
    learn.add_argument("--batch-rows", type=_whole, metavar="N", help="rows in memory at once, in each thread (default: 4 MB of them)")
    learn.add_argument("--drop-missing", action="store_true", help="leave out rows in which a value is missing")
    learn.add_argument("--model", default="glassgrad-model.safetensors", metavar="FILE", help="the model to write (default: %(default)s)")
    learn.add_argument("--checkpoint", metavar="FILE", help="save the fit there every 30 seconds; called again after it was killed, it goes on from there")
    learn.add_argument("--html", metavar="FILE", help="write a report with pictures")
    learn.add_argument("--seed", type=int, default=0, metavar="N", help="of the sample of rows in the report's pictures (default: 0)")
    learn.add_argument("--threads", type=_whole, metavar="N", help="threads that read and calculate (default: one a processor)")
    learn.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler (tcp://…), or local, or local:4 for worker processes here")
    apply = commands.add_parser("predict", help="apply a model that fit wrote to CSV or Parquet files")
    apply.add_argument("model", metavar="MODEL", help="a file that glassgrad fit wrote")
    apply.add_argument("data", nargs="+", metavar="DATA", help="files, folders or globs of .csv (also .csv.gz, .csv.bz2) and .parquet")
    apply.add_argument("--out", default="predictions.csv", metavar="FILE", help="a .csv or .parquet file (default: %(default)s)")
    apply.add_argument("--drop-missing", action="store_true", help="rows in which a value is missing get no prediction, instead of an error")


def _whole(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**40:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _rate(text: str) -> float | str:
    if text == "auto":
        return text
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a number above 0")
    return value
