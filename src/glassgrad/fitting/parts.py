"""Partitions of a data set: row groups of a Parquet file, byte ranges of a CSV file. Each can be read anywhere, by itself, a block of rows at a time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .faults import PACKED, DataError, in_column, in_csv, packed, pyarrow, short

BLOCK = 4 << 20  # bytes of CSV that are parsed at once: no record may be longer


@dataclasses.dataclass(frozen=True)
class Reading:
    """What is read of each partition: the columns, what they hold ("number", "bool", "text"), how many rows at a time, and in what terms.

    A block is the matrix [1, X - origin, y - origin]: `origin` holds a number for each feature and one for the target (0 where there is none). With
    `classes`, the target is 1 where it equals the second of the two, else 0. With `drop_missing`, rows with a missing value are left out; with
    `keep_missing` they stay, as NaN.
    """

    features: tuple[str, ...]
    target: str | None
    kinds: dict[str, str]
    batch_rows: int
    drop_missing: bool = False
    keep_missing: bool = False
    origin: Any = None
    classes: tuple[Any, Any] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are read."""
        return self.features if self.target is None else (*self.features, self.target)


@dataclasses.dataclass(frozen=True)
class ParquetPart:
    """Some row groups of a Parquet file, which begin at its row `first_row`."""

    path: str
    groups: tuple[int, ...]
    first_row: int
    rows: int
    size: int

    def tables(self, reading: Reading) -> Iterator[Any]:
        """The columns that are read, as record batches of at most `batch_rows`."""
        pa = pyarrow()
        groups = f"row groups {self.groups[0]} to {self.groups[-1]}"
        try:
            with pa.parquet.ParquetFile(self.path, buffer_size=1 << 18, pre_buffer=False) as file:
                yield from file.iter_batches(reading.batch_rows, row_groups=list(self.groups), columns=list(reading.columns), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{self.path} cannot be read in its {groups}: {short(error)}") from None

    def fault(self, reading: Reading) -> DataError:
        """What is wrong with the values: the first that is missing or infinite."""
        row = self.first_row
        for batch in self.tables(reading):
            said = [in_column(batch.column(name), name, reading.kinds[name], row, reading.drop_missing or reading.keep_missing) for name in reading.columns]
            if any(said):
                return DataError(f"{self.path}: " + next(filter(None, said)))
            row += batch.num_rows
        return DataError(f"{self.path}: numbers too large to calculate with in rows {self.first_row + 1} to {row}")


@dataclasses.dataclass(frozen=True)
class CsvPart:
    """The lines of a CSV file between two bytes; with `stop` None the whole file, with its header."""

    path: str
    start: int
    stop: int | None
    size: int
    names: tuple[str, ...]
    delimiter: str

    def tables(self, reading: Reading) -> Iterator[Any]:
        """The columns that are read, as record batches."""
        pa = pyarrow()
        types = {"number": pa.float64(), "bool": pa.bool_(), "text": pa.string()}
        convert = pa.csv.ConvertOptions(
            column_types={n: types[reading.kinds[n]] for n in reading.columns}, include_columns=list(reading.columns), strings_can_be_null=True
        )
        names = None if self.stop is None else list(self.names)
        options = {
            "read_options": pa.csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
            "parse_options": pa.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=self.stop is None), "convert_options": convert,
        }  # fmt: skip
        try:
            with pa.OSFile(self.path) as file:
                end = packed(self.path)
                whole = pa.CompressedInputStream(file, PACKED[end][0]) if end else file
                source = whole if self.stop is None else file.get_stream(self.start, self.size)
                with pa.csv.open_csv(source, **options) as reader:
                    yield from reader
        except (OSError, pa.ArrowException) as error:
            raise self._located(reading, short(error)) from None

    def fault(self, reading: Reading) -> DataError:
        """What is wrong with the values: the first that is missing, infinite or no number."""
        return self._located(reading, "numbers too large to calculate with")

    def _located(self, reading: Reading, otherwise: str) -> DataError:
        kinds = {n: reading.kinds[n] for n in reading.columns}
        limit = self.stop if self.stop is not None else math.inf
        return DataError(in_csv(self.path, self.delimiter, kinds, limit, otherwise, reading.drop_missing or reading.keep_missing))


Part = ParquetPart | CsvPart


def _plain(column: Any) -> Any:
    """A column without the dictionary of its values."""
    return column.dictionary_decode() if pyarrow().types.is_dictionary(column.type) else column


def _numbers(column: Any) -> np.ndarray:
    """A column as float64, missing values as NaN: the memory of the batch itself where it holds just that."""
    pa = pyarrow()
    if not pa.types.is_float64(column.type):
        column = _plain(column).cast(pa.float64(), safe=False)  # large whole numbers are rounded
    return column.to_numpy(zero_copy_only=False)


def _coded(column: Any, classes: tuple[Any, Any] | None, kind: str) -> np.ndarray:
    """The target as numbers: 1 for the second of its classes, else 0; NaN where it is missing."""
    if kind != "text":
        values = _numbers(column)
        return values if classes is None else np.where(np.isnan(values), np.nan, values == classes[1])
    pa, column = pyarrow(), _plain(column)
    if classes is None:
        return np.where(column.is_null().to_numpy(zero_copy_only=False), np.nan, 0.0)
    return _numbers(pa.compute.equal(column, pa.scalar(classes[1], column.type)))


def blocks(part: Part, reading: Reading) -> Iterator[tuple[np.ndarray, Any]]:
    """A partition as matrices [1, X - origin, y - origin] in column order, each with the batches that it was made of.

    A block gathers batches until it has `batch_rows` rows, so that a wide table in small batches does not cost more than in large ones. All blocks
    are made in the same memory: each is valid until the next is asked for.
    """
    memory = np.empty((0, len(reading.features) + 2), order="F")
    gathered: list[Any] = []
    rows = 0

    def block() -> tuple[np.ndarray, Any]:
        nonlocal memory
        if len(memory) < rows:
            memory = np.empty((rows, memory.shape[1]), order="F")
        return _block(memory[:rows], gathered, part, reading), gathered

    for batch in part.tables(reading):
        for at in range(0, batch.num_rows, reading.batch_rows):
            piece = batch.slice(at, reading.batch_rows)
            if rows + piece.num_rows > reading.batch_rows:
                yield block()
                gathered, rows = [], 0
            gathered.append(piece)
            rows += piece.num_rows
    if rows:
        yield block()


def _block(block: np.ndarray, batches: list[Any], part: Part, reading: Reading) -> np.ndarray:
    block[:, 0], block[:, -1] = 1.0, 0.0
    origin = np.zeros(len(reading.features) + 1) if reading.origin is None else reading.origin
    missing, at = 0, 0
    for batch in batches:
        end = at + batch.num_rows
        try:
            for j, name in enumerate(reading.features):
                np.subtract(_numbers(batch.column(name)), origin[j], out=block[at:end, j + 1])
            if reading.target is not None:
                values = _coded(batch.column(reading.target), reading.classes, reading.kinds[reading.target])
                np.subtract(values, origin[-1], out=block[at:end, -1])
        except pyarrow().ArrowException:  # a text among the files of numbers
            raise part.fault(reading) from None
        missing += sum(batch.column(name).null_count for name in reading.columns)
        at = end
    if reading.drop_missing:
        keep = ~np.isnan(block).any(axis=1)
        return block if keep.all() else np.asfortranarray(block[keep])
    if missing and not reading.keep_missing:
        raise part.fault(reading)
    return block
