"""What is wrong with a data set, in one line that says where: file, column, row."""

from __future__ import annotations

import bz2
import csv
import gzip
import math
import zlib
from collections.abc import Iterable
from typing import Any

PACKED: dict[str, tuple[str, Any]] = {".gz": ("gzip", gzip.open), ".bz2": ("bz2", bz2.open)}
UNREADABLE = (OSError, EOFError, zlib.error)


class DataError(ValueError):
    """Data, or a choice about them, that nothing can be fitted to; the text is one line.

    >>> raise DataError("x.csv: column 'a' is missing in row 3")
    Traceback (most recent call last):
    glassgrad.fitting.faults.DataError: x.csv: column 'a' is missing in row 3
    """


def pyarrow() -> Any:
    """The library that reads CSV and Parquet, or a line that says which extra has it."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise DataError('reading CSV and Parquet needs pyarrow: pip install "glassgrad[neuron]"') from None
    return pyarrow


def packed(path: str) -> str | None:
    """The ending that says how a file is compressed, if it is."""
    return next((end for end in PACKED if path.lower().endswith(end)), None)


def opened(path: str) -> Any:
    """A file's bytes, decompressed where its name says that they are compressed."""
    end = packed(path)
    return PACKED[end][1](path, "rb") if end else open(path, "rb")


def short(error: BaseException | str, most: int = 200) -> str:
    """A library's message as part of a line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 1] + "…"


def shown(text: str, most: int = 30) -> str:
    """A cell as it is quoted in a message."""
    return repr(text if len(text) <= most else text[: most - 1] + "…")


MISSING = frozenset("|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|N/A|NA|NULL|NaN|n/a|nan|null".split("|"))  # to pyarrow too
DROP = "--drop-missing leaves such rows out"
LEAVE = "name the columns to learn from (--features), without it"


def of_cell(cell: str, kind: str, place: str, drop_missing: bool) -> str:
    """What keeps a cell of a CSV file from being a number (kind "number", "bool") or a text (kind "text"); "" if nothing does."""
    text = cell.strip(" \t") if kind != "text" else cell
    if text in MISSING:
        return "" if drop_missing else f"is missing in {place}; {DROP}"
    if kind == "text" or kind == "bool" and text.lower() in ("true", "false", "0", "1"):
        return ""
    try:
        value = float(text)
    except ValueError:
        return f"holds text, {shown(cell)} in {place}: {LEAVE}"
    return "" if math.isfinite(value) else f"is infinite in {place}"


def in_csv(path: str, delimiter: str, kinds: dict[str, str], limit: float, fallback: str, drop_missing: bool = False) -> str:
    """The first fault of a CSV file, found by reading it again from its start, cell by cell: a slow search for what a fast reader met.

    `kinds` says what each column that is needed should hold; lines after the byte `limit` are not looked at; `fallback` is said where nothing is found.
    """
    read = 0

    def lines(file: Iterable[bytes]) -> Any:
        nonlocal read
        for raw in file:
            if read > limit:
                return
            read += len(raw)
            yield raw.decode("utf-8-sig" if read == len(raw) else "utf-8", "replace")

    row = 0
    try:
        with opened(path) as file:
            reader = csv.reader(lines(file), delimiter=delimiter)
            header = next((record for record in reader if record), [])
            ended = reader.line_num
            for record in reader:
                begun, ended = ended + 1, reader.line_num
                if not record:
                    continue
                row += 1
                place = f"row {row} (line {begun})"
                if len(record) != len(header):
                    return f"{path}: {place} has {len(record)} fields, the header has {len(header)}: the file is damaged, or was not written to its end"
                for name, cell in zip(header, record):
                    said = of_cell(cell, kinds[name], place, drop_missing) if name in kinds else ""
                    if said:
                        return f"{path}: column {name!r} {said}"
    except (*UNREADABLE, csv.Error) as error:
        return f"{path} cannot be read after row {row}: {short(error)}"
    return f"{path} cannot be read: {fallback}"


def in_column(column: Any, name: str, kind: str, first_row: int, drop_missing: bool) -> str:
    """The first value of a column of a Parquet file that is missing, not finite or no number, in words; "" if there is none."""
    import numpy as np

    types = pyarrow().types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    gaps = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))
    if len(gaps) and not drop_missing:
        return f"column {name!r} is missing in row {first_row + int(gaps[0]) + 1}; {DROP}"
    if kind == "text" or len(gaps) == len(column):
        return ""
    if types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False)
        missing, infinite = np.flatnonzero(np.isnan(values)), np.flatnonzero(np.isinf(values))
        if len(missing) and not drop_missing:
            return f"column {name!r} is missing (NaN) in row {first_row + int(missing[0]) + 1}; {DROP}"
        return f"column {name!r} is infinite in row {first_row + int(infinite[0]) + 1}" if len(infinite) else ""
    if types.is_integer(column.type) or types.is_boolean(column.type) or types.is_decimal(column.type):
        return ""
    at = int(np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))[0])
    text = types.is_string(column.type) or types.is_large_string(column.type)
    what = "text" if text else f"values of the type {short(str(column.type), 40)}"
    return f"column {name!r} holds {what}, {shown(str(column[at].as_py()))} in row {first_row + at + 1}: {LEAVE}"
