"""`fit`: a neuron learnt from files, by least squares or by descent; here, in threads or on a cluster."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..descent.saved import Saved
from .dataset import Dataset, column_named, open_dataset
from .descent import descend
from .faults import LEAVE, DataError
from .journal import Journal
from .least_squares import Centred, centred, merged, solve, survey
from .options import METHODS
from .parts import Reading, blocks
from .progress import Progress
from .run import Cluster, Serial, Threads
from .score import Line, Score, score, sigmoid, together


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted neuron: y ≈ X·coef + intercept, or P(y is the second of `classes`) ≈ sigmoid(X·coef + intercept).

    `loss` is the mean squared error, for "sigmoid" the mean cross-entropy; `losses` its way down, one for each epoch; `deviations` are the features'
    standard deviations, `r2` the part of the target's variance that is explained, `accuracy` the part of the rows whose class is hit (None without
    classes); `peak_memory` the most that the process has held so far, in bytes (None where the system does not say); `compared` all models of
    method "all", of which this one has the smallest squared error.
    """

    method: str
    target: str
    features: tuple[str, ...]
    coef: np.ndarray
    intercept: float
    loss: float
    rows: int
    seconds: float = 0.0
    epochs: int = 0
    lr: float | None = None
    losses: tuple[float, ...] = ()
    classes: tuple[Any, Any] | None = None
    deviations: np.ndarray | None = None
    r2: float | None = None
    accuracy: float | None = None
    squared_error: float | None = None
    rank: int | None = None
    condition: float | None = None
    where: str = ""
    peak_memory: int | None = None
    notes: tuple[str, ...] = ()
    compared: tuple[Fit, ...] = ()
    sample: np.ndarray | None = None

    def decision(self, X: Any) -> np.ndarray:
        """X·coef + intercept for an array of shape (rows, features), shape (rows,)."""
        return np.asarray(X, dtype=np.float64) @ self.coef + self.intercept

    def predict(self, X: Any) -> np.ndarray:
        """Predictions for an array of shape (rows, features): numbers, or for "sigmoid" one of the two classes each; shape (rows,)."""
        z = self.decision(X)
        return z if self.method != "sigmoid" or self.classes is None else np.asarray(self.classes)[(z >= 0).astype(int)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """For "sigmoid", the probability of the second class, shape (rows,)."""
        if self.method != "sigmoid":
            raise AttributeError(f"a model of the method {self.method!r} has no probabilities")
        return sigmoid(self.decision(X))

    def save(self, path: Any) -> None:
        """Writes the model as a safetensors file with a JSON description in it, whole or not at all."""
        from .model import save_model

        save_model(self, path)


def fit(
    source: Any, target: str, method: str = "auto", *, features: Sequence[str] | None = None, epochs: int = 100, lr: float | str = "auto",
    batch_rows: int | None = None, drop_missing: bool = False, seed: int = 0, threads: int | None = None, cluster: str | None = None,
    scored: bool = False, progress: Progress | None = None, checkpoint: Any = None, every: float = 30.0,
) -> Fit:  # fmt: skip
    """Fits one neuron to the columns of CSV or Parquet files, in memory for a few blocks of rows, however large the files are.

    `source` is a file, a folder, a glob or several of them. Methods: "lstsq" (least squares by merged QR factors, one pass), "adaline" (the delta
    rule: gradient descent on the squared error), "sigmoid" (a logistic neuron, cross-entropy, for a target with two values), "auto" ("sigmoid" for
    two values, else "lstsq"), "all" (those that fit the target; the one with the smallest squared error is returned, with the others in `compared`).
    A descent takes `epochs` passes at most; the gradient of a pass is the sum of its blocks' gradients, which backward computes. `batch_rows` is the
    number of rows in a block (default: 4 MB of them). `threads` 1 works in this thread; `cluster` is the address of a Dask scheduler, or "local".
    `scored` adds a pass for `r2`, `accuracy` and a `sample` where the method needs none itself.

    With `checkpoint`, the name of a file, what is known is saved there every so many seconds, atomically, and at the end: called again after it was
    killed, a fit goes on from there, in the middle of a pass too (on a cluster: from the last whole pass), and ends at the same bits; with more `epochs`
    a finished one goes on.

    Raises DataError (a ValueError), in one line with column and row, for missing or infinite values, text, a target that is not there or constant,
    files that cannot be read or are not whole.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "line.csv")
    >>> with open(path, "w") as file:
    ...     written = file.write("x,y\\n0,1\\n1,3\\n2,5\\n3,7\\n")
    >>> found = fit(path, "y", "lstsq")
    >>> found.coef.round(12), round(found.intercept, 12), found.rows
    (array([2.]), 1.0, 4)
    """
    began = time.perf_counter()
    if method not in (*METHODS, "auto", "all"):
        raise DataError(f"there is no method {method!r}: there are auto, {', '.join(METHODS)} and all")
    rate = None if lr == "auto" else _positive("lr", lr)
    _positive("epochs", epochs)
    data = open_dataset(source)
    reading = _reading(data, target, features, batch_rows, drop_missing)
    saved = None
    if checkpoint is not None:
        about = [(path, os.path.getsize(path), os.stat(path).st_mtime_ns) for path in data.files]
        saved = Saved(checkpoint, every, about, reading, method, rate, seed, scored, settings="data, target, method or learning rate")
    journal, progress = Journal(saved), progress or Progress()

    def learnt(runner: Serial) -> Fit:
        def total(title: str, work: functools.partial[Any], merge: Callable[..., Any]) -> Any:
            def run(done: int, levels: Any, kept: Callable[..., None]) -> Any:
                told = lambda part: progress.advance(part.size)
                progress.begin(title, data.size)
                progress.advance(sum(part.size for part in data.parts[:done]))
                return runner(work, data.parts[done:], merge, told, levels, lambda more, merged: kept(done + more, merged))

            return journal.result(work, run)

        try:
            return _learnt(data, reading, method, runner, total, int(epochs), rate, seed, scored, began)
        finally:
            progress.close()

    if cluster is not None:
        with Cluster(cluster) as workers:
            found = learnt(workers)
    else:
        found = learnt(Serial() if threads == 1 or len(data.parts) == 1 else Threads(threads))
    journal.save()
    return found


def _positive(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise DataError(f"{name} is a number above 0, not {value!r}")
    return float(value)


NUMERIC = ("number", "bool", "empty")


def _reading(data: Dataset, target: str, features: Sequence[str] | None, batch_rows: int | None, drop_missing: bool) -> Reading:
    """What is to be read, with an origin near the values: differences from it are exact where a column hardly varies."""
    column_named(target, data.kinds)
    names = tuple(column_named(f, data.kinds) for f in features) if features else tuple(n for n in data.kinds if n != target)
    if target in names:
        raise DataError(f"the target {target!r} cannot be a feature too")
    if len(set(names)) < len(names):
        raise DataError(f"the feature {next(n for n in names if names.count(n) > 1)!r} is named twice")
    if not names:
        raise DataError(f"there is no column but the target {target!r}: nothing to learn from")
    kinds = {n: "bool" if data.kinds[n] == "bool" else "number" for n in names}
    kinds[target] = data.kinds[target] if data.kinds[target] in ("bool", "text") else "number"
    rows = batch_rows or max(1024, (4 << 20) // (8 * (len(names) + 2)))
    reading = Reading(names, target, kinds, rows, drop_missing, origin=np.zeros(len(names) + 1))
    if any(data.kinds[n] not in NUMERIC for n in names) or data.kinds[target] not in (*NUMERIC, "text"):
        raise data.parts[0].fault(reading)
    return dataclasses.replace(reading, origin=_origin(data, reading))


def _origin(data: Dataset, reading: Reading) -> np.ndarray:
    """The first values of the columns; 0 for a text, and where the first is missing."""
    for part in data.parts:
        for block, _ in blocks(part, dataclasses.replace(reading, batch_rows=min(64, reading.batch_rows))):
            if len(block):
                first = block[0, 1:].copy()
                return np.where(np.isfinite(first), first, 0.0)
    return np.zeros(len(reading.features) + 1)


def _learnt(
    data: Dataset, reading: Reading, method: str, runner: Serial, total: Callable[..., Any], epochs: int, lr: float | None, seed: int, scored: bool,
    began: float,
) -> Fit:  # fmt: skip
    assert reading.target is not None
    target, text = reading.target, reading.kinds[reading.target] == "text"
    if text and method in ("lstsq", "adaline"):
        raise DataError(f"the target {target!r} holds text: {method} learns numbers (sigmoid learns a text with two values)")
    found = total("reading", functools.partial(survey, reading), merged)
    if not found.rows:
        raise DataError(f"no row of {data.files[0]} is without a missing value" if found.dropped else f"{data.files[0]} has no rows below its header")
    values = found.values
    if len(values) == 1:
        raise DataError(f"the target {target!r} is {values[0]!r} in all {found.rows} rows: there is nothing to learn")
    classes = values if len(values) == 2 else None
    if text and classes is None and method != "sigmoid":
        where = str(data.parts[0].fault(dataclasses.replace(reading, kinds={**reading.kinds, target: "number"}))).partition(f": {LEAVE}")
        if where[1]:
            raise DataError(f"{where[0]}: a target holds numbers, or two values")
    if classes is None and (method == "sigmoid" or text):
        raise DataError(f"sigmoid learns a target with two values: {target!r} has more, such as {', '.join(map(repr, values))}")
    about = centred(found, reading.origin)
    fitting = [m for m in METHODS if (m == "sigmoid" and classes is not None) or (m != "sigmoid" and not text)]
    chosen = fitting if method == "all" else ["sigmoid" if classes is not None else "lstsq"] if method == "auto" else [method]
    notes = _notes(about, reading, found.dropped)
    fits = [_one(m, reading, about, classes, total, epochs, lr, notes, runner.name, began) for m in chosen]
    if scored or chosen != ["lstsq"]:
        fits = _scored(fits, reading, about, classes, total, seed)
    best = min(fits, key=lambda f: f.squared_error if f.squared_error is not None else f.loss)
    finished = dataclasses.replace(best, seconds=time.perf_counter() - began, peak_memory=peak_memory())
    return dataclasses.replace(finished, compared=tuple(fits) if method == "all" else ())


def _notes(about: Centred, reading: Reading, dropped: int) -> list[str]:
    out = [f"column {n!r} is constant ({m:g}): its coefficient is 0"
           for n, d, m in zip(reading.features, about.deviations, about.means) if d == 0]  # fmt: skip
    if dropped:
        out.append(f"{dropped} of {dropped + about.rows} rows had missing values and were left out")
    return out


def _one(
    method: str, reading: Reading, about: Centred, classes: Any, total: Callable[..., Any], epochs: int, lr: float | None, notes: list[str], where: str,
    began: float,
) -> Fit:  # fmt: skip
    """The fit of one method."""
    assert reading.target is not None
    common: dict[str, Any] = {
        "method": method, "target": reading.target, "features": reading.features, "rows": about.rows, "deviations": about.deviations[:-1], "where": where,
    }  # fmt: skip
    variance = float(about.deviations[-1]) ** 2
    if method == "lstsq":
        s = solve(about)
        if s.condition == float("inf"):
            notes = [*notes, f"the columns depend on each other (rank {s.rank} of {len(s.coef)}): of all best coefficients these are the shortest"]
        return Fit(coef=s.coef, intercept=s.intercept, loss=s.loss, r2=1 - s.loss / variance if variance else None, rank=s.rank, condition=s.condition,
                   notes=tuple(notes), seconds=time.perf_counter() - began, squared_error=s.loss, **common)  # fmt: skip
    if method == "sigmoid":
        reading = dataclasses.replace(reading, classes=classes)
    title = f"{method}, epoch 1 of {epochs}"

    def heard(epoch: int, loss: float) -> None:
        nonlocal title
        title = f"{method}, epoch {epoch + 1} of {epochs}, loss {loss:.4g}"

    d = descend(method, reading, about, lambda work, merge: total(title, work, merge), epochs, lr, heard)
    if not d.arrived:
        notes = [*notes, f"after {len(d.losses)} epochs the gradient still has {d.steepness:.1e} of its first length: --epochs may bring it closer"]
    return Fit(coef=d.coef, intercept=d.intercept, loss=d.losses[-1], losses=d.losses, lr=d.lr, epochs=len(d.losses), notes=tuple(notes),
               classes=classes if method == "sigmoid" else None, seconds=time.perf_counter() - began, **common)  # fmt: skip


def _scored(fits: list[Fit], reading: Reading, about: Centred, classes: Any, total: Callable[..., Any], seed: int) -> list[Fit]:
    """The fits with what one pass over the data says of them."""
    text = reading.kinds[reading.target or ""] == "text"
    ends = None if classes is None else (0.0, 1.0) if text else (float(classes[0]), float(classes[1]))
    centre = about.means[:-1]
    lines = tuple(Line(f.coef, f.intercept + float(centre @ f.coef), f.method == "sigmoid") for f in fits)
    reading = dataclasses.replace(reading, classes=classes, origin=np.append(centre, 0.0))
    found: Score = total("scoring", functools.partial(score, reading, ends, lines, seed), together)
    out = []
    for i, f in enumerate(fits):
        error = float(found.squared[i] / found.rows)
        loss = float(found.entropy[i] / found.rows) if f.method == "sigmoid" else f.loss if f.method == "lstsq" else error
        hit = float(found.hits[i] / found.rows) if ends else None
        variance = float(about.deviations[-1]) ** 2
        if text:
            share = found.high / found.rows
            variance = share * (1 - share)
        out.append(dataclasses.replace(f, loss=loss, squared_error=error, accuracy=hit, r2=1 - error / variance if variance else None,
                                       sample=found.sample[:, [1, 2 + i]]))  # fmt: skip
    return out


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes. Linux's ru_maxrss would count what its parent held when it started it."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
