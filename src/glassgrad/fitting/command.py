"""`glassgrad fit` and `glassgrad predict`: what they do, what they print, and one line for what cannot be used."""

from __future__ import annotations

import argparse
import os
import sys

from .faults import DataError, short
from .learn import Fit, fit
from .model import load_model, predict
from .page import as_text, to_html
from .progress import watched


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand that was parsed; 0, or 2 for what cannot be used."""
    try:
        return (_fit if args.command == "fit" else _predict)(args)
    except DataError as error:
        print(f"glassgrad {args.command}: {error}", file=sys.stderr)
    except ImportError as error:
        print(f"glassgrad {args.command}: {short(error)}", file=sys.stderr)
    except MemoryError:
        print(f"glassgrad {args.command}: there is not enough memory: a smaller --batch-rows, or fewer columns by --features", file=sys.stderr)
    return 2


def _check_place(path: str, inputs: list[str]) -> None:
    """Says before the work, not after it, that a result has nowhere to go."""
    folder = os.path.dirname(os.path.abspath(path))
    why = (
        "a file name is missing" if not path else "it is a folder" if os.path.isdir(path) else "there is no such folder" if not os.path.isdir(folder)
        else "the folder cannot be written to" if not os.access(folder, os.W_OK)
        else "it is the data" if any(os.path.exists(i) and os.path.exists(path) and os.path.samefile(i, path) for i in inputs) else ""
    )  # fmt: skip
    if why:
        raise DataError(f"nothing can be written to {path!r}: {why}")


def _fit(args: argparse.Namespace) -> int:
    from ..serialization.tensors import _library
    from ..writing import write_atomically

    _library()
    places = [path for path in (args.model, args.html, args.checkpoint) if path is not None]
    for path in places:
        _check_place(path, args.data)
    real = [os.path.realpath(path) for path in places]
    for path in real[1:]:
        if real.count(path) > 1:
            raise DataError(f"two of model, report and checkpoint would be written to {path}")
    features = None if args.features is None else [f for f in args.features.split(",") if f]
    found: Fit = fit(
        args.data, args.target, args.method, features=features, epochs=args.epochs, lr=args.lr, batch_rows=args.batch_rows, drop_missing=args.drop_missing,
        seed=args.seed, threads=args.threads, cluster=args.cluster, scored=args.html is not None, progress=watched(), checkpoint=args.checkpoint,
    )  # fmt: skip
    if args.html is not None:
        try:
            write_atomically(args.html, to_html(found))
        except OSError as error:
            raise DataError(f"the report could not be written to {args.html}: {short(error.strerror or error)}") from None
    found.save(args.model)
    print(as_text(found))
    print(f"\nModel:  {os.path.abspath(args.model)}")
    if args.html is not None:
        print(f"Report: {os.path.abspath(args.html)}")
    return 0


def _predict(args: argparse.Namespace) -> int:
    _check_place(args.out, args.data)
    if not args.out.lower().endswith((".csv", ".parquet", ".pq")):
        raise DataError(f"predictions are written as .csv or .parquet, not as {args.out!r}")
    model = load_model(args.model)
    try:
        rows = predict(model, args.data, args.out, drop_missing=args.drop_missing, progress=watched())
    except OSError as error:
        raise DataError(f"the predictions could not be written to {args.out}: {short(error.strerror or error)}") from None
    print(f"{rows} predictions of {model.target} by {model.method}: {os.path.abspath(args.out)}")
    return 0
