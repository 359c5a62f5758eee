"""Models in files, and their predictions for other files."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from typing import Any

import numpy as np

from ..serialization import tensors
from .dataset import open_dataset
from .faults import DataError, pyarrow, short
from .learn import NUMERIC, Fit
from .parts import Reading, blocks
from .progress import Progress

KEY = "glassgrad.fit"
ARRAYS = ("coef", "deviations")
LEFT_OUT = ("compared", "sample", "losses")


def save_model(fitted: Fit, path: Any) -> None:
    """Writes a fit as a safetensors file: the tensors coef, intercept, deviations, losses; the rest as JSON in the file's metadata."""
    about = {k: v for k, v in vars(fitted).items() if k not in (*ARRAYS, *LEFT_OUT)}
    about["condition"] = None if about["condition"] in (None, float("inf")) else about["condition"]
    arrays = {name: np.asarray(getattr(fitted, name)) for name in (*ARRAYS, "losses") if getattr(fitted, name) is not None}
    arrays["intercept"] = np.array(fitted.intercept)
    try:
        tensors.write(arrays, {KEY: json.dumps(about)}, path)
    except (OSError, RuntimeError) as error:
        raise DataError(f"the model could not be written to {path}: {short(getattr(error, 'strerror', None) or error)}") from None


def load_model(path: Any) -> Fit:
    """The fit in a file that `save_model` wrote. Raises DataError for anything else, or a file that is not whole."""
    try:
        with open(path, "rb") as file:
            found = tensors.read(file.read(), set())
        about = json.loads(found.metadata[KEY])
        for name in ("features", "classes", "notes"):
            about[name] = None if about[name] is None else tuple(about[name])
        arrays: dict[str, Any] = {name: found.arrays[name] for name in ARRAYS if name in found.arrays}
        known = {field.name for field in dataclasses.fields(Fit)}
        made = Fit(**{k: v for k, v in about.items() if k in known}, **arrays, losses=tuple(found.arrays["losses"].tolist()))
    except OSError as error:
        raise DataError(f"the model {path} cannot be read: {short(error.strerror or error)}") from None
    except tensors.Damaged as error:
        raise DataError(f"the model {path} cannot be read: {short(error)}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not a model that glassgrad fit wrote ({short(error)})") from None
    if made.coef.shape != (len(made.features),):
        raise DataError(f"the model {path} is damaged: {made.coef.shape} coefficients for {len(made.features)} features")
    return made


def predict(model: Any, source: Any, out: Any = None, *, batch_rows: int = 65536, drop_missing: bool = False, progress: Progress | None = None) -> Any:
    """Predictions of a model (a Fit, or the path of one) for CSV or Parquet files, in the order of their rows.

    Without `out`, an array of shape (rows,). With `out`, a .csv or .parquet file of them, written whole or not at all, with the column `prediction`
    and for "sigmoid" `probability` too, that of the second class; the number of rows is returned. Missing values raise DataError with column and
    row; with `drop_missing` such rows have a prediction that is missing too.

    >>> model = Fit("lstsq", "y", ("x",), np.array([2.0]), 1.0, loss=0.0, rows=4)
    >>> path = os.path.join(tempfile.mkdtemp(), "new.csv")
    >>> with open(path, "w") as file:
    ...     written = file.write("x\\n0\\n10\\n")
    >>> predict(model, path)
    array([ 1., 21.])
    """
    fitted = model if isinstance(model, Fit) else load_model(model)
    data = open_dataset(source)
    for name in fitted.features:
        if name not in data.kinds:
            raise DataError(f"{data.files[0]} has no column {name!r}, which the model learnt from")
    reading = Reading(fitted.features, None, {n: "bool" if data.kinds[n] == "bool" else "number" for n in fitted.features}, batch_rows, False)
    if any(data.kinds[n] not in NUMERIC for n in fitted.features):
        raise data.parts[0].fault(reading)
    reading = dataclasses.replace(reading, keep_missing=drop_missing)

    def pieces() -> Any:
        for part in data.parts:
            for block, _ in blocks(part, reading):
                z = block[:, 1:-1] @ fitted.coef + fitted.intercept
                if not np.isfinite(z).all() and not (drop_missing and not np.isinf(block).any()):
                    raise part.fault(reading)
                yield block[:, 1:-1], np.isnan(z)
            (progress or Progress()).advance(part.size)

    if progress:
        progress.begin("predicting", data.size)
    try:
        if out is not None:
            return _written(fitted, pieces(), out, data.files)
        made = [(fitted.predict(x), missing) for x, missing in pieces()]
    finally:
        if progress:
            progress.close()
    values = np.concatenate([v for v, _ in made]) if made else np.zeros(0)
    gaps = np.concatenate([m for _, m in made]) if made else np.zeros(0, bool)
    if gaps.any():
        values = values.astype(object if values.dtype.kind not in "fiu" else np.float64)
        values[gaps] = None if values.dtype == object else np.nan
    return values


def _written(fitted: Fit, pieces: Any, out: Any, inputs: Any) -> int:
    """Writes predictions beside their place, and puts them there when they are whole; the number of rows."""
    pa = pyarrow()
    path = os.path.realpath(os.fspath(out))
    if path in map(os.path.realpath, inputs):
        raise DataError(f"the predictions would replace the data in {out}")
    curved = fitted.method == "sigmoid"
    text = curved and fitted.classes is not None and isinstance(fitted.classes[0], str)
    fields = [("prediction", pa.string() if text else pa.float64())] + ([("probability", pa.float64())] if curved else [])
    schema = pa.schema(fields)
    parquet = path.lower().endswith((".parquet", ".pq"))
    rows = 0
    handle, beside = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    os.close(handle)
    try:
        writer: Any = pa.parquet.ParquetWriter(beside, schema) if parquet else pa.csv.CSVWriter(beside, schema)
        with writer:
            for x, missing in pieces:
                columns = [fitted.predict(x)] + ([fitted.predict_proba(x)] if curved else [])
                writer.write_batch(pa.record_batch([pa.array(c, t.type, mask=missing) for c, t in zip(columns, schema)], schema=schema))
                rows += len(x)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    return rows
