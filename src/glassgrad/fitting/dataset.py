"""A data set: the files that a name stands for, the columns they have, and their partitions."""

from __future__ import annotations

import dataclasses
import difflib
import glob
import os
from collections.abc import Iterable, Sequence
from typing import Any

from .faults import PACKED, UNREADABLE, DataError, opened, packed, pyarrow, short
from .parts import CsvPart, ParquetPart, Part

PARQUET, TEXT = (".parquet", ".pq"), (".csv", ".tsv", ".txt")
CSV = (*TEXT, *(text + end for text in TEXT for end in PACKED))
HEAD = 1 << 20  # bytes of a CSV file that its columns' types are read off
SIZE = 32 << 20  # bytes of a partition, at least
MOST = 4096  # partitions of a large data set, about: each costs a cluster's scheduler some milliseconds in each pass


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Partitions, and what each column holds: "number", "bool", "text", or another type by its name.

    `rows` is None where it is not known before everything is read.
    """

    parts: tuple[Part, ...]
    kinds: dict[str, str]
    files: tuple[str, ...]
    rows: int | None

    @property
    def size(self) -> int:
        """Bytes of all partitions."""
        return sum(part.size for part in self.parts)


def open_dataset(source: Any) -> Dataset:
    """The data set in a file, a folder or a glob of CSV or Parquet files, or in several of them.

    The columns are those of the first file; every other file must have them too, in any order. Raises DataError for what cannot be read.
    """
    files = tuple(_files(source))
    parts: list[Part] = []
    kinds: dict[str, str] = {}
    least = max(SIZE, sum(os.path.getsize(path) for path in files if os.path.isfile(path)) // MOST)
    for path in files:
        try:
            found, has = (_parquet if path.lower().endswith(PARQUET) else _csv)(path, least)
        except UNREADABLE as error:
            raise DataError(f"{path} cannot be read: {short(getattr(error, 'strerror', None) or error)}") from None
        if not kinds:
            kinds = has
        for name, kind in kinds.items():
            if name not in has:
                raise DataError(f"{path} has no column {name!r}, which {files[0]} has")
            if has[name] != kind and "empty" not in (kind, has[name]):
                # a column of numbers in one file and of text in the other: reading it says where
                kinds[name] = "number" if "number" in (kind, has[name]) else kind
            elif kind == "empty":
                kinds[name] = has[name]
        parts += found
    known = [part.rows for part in parts if isinstance(part, ParquetPart)]
    return Dataset(tuple(parts), kinds, files, sum(known) if len(known) == len(parts) else None)


def _files(source: Any) -> Iterable[str]:
    """The files that a name, or each of several, stands for: sorted within a folder or a glob, none twice."""
    seen: dict[str, None] = {}
    names: Sequence[Any] = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    for given in map(os.fspath, names):
        if os.path.isdir(given):
            inside = [os.path.join(folder, f) for folder, _, found in os.walk(given) for f in found if not f.startswith((".", "_"))]
            matches = sorted(f for f in inside if f.lower().endswith(PARQUET + CSV))
            why = f"the folder {given!r} holds no file ending in .csv or .parquet"
        elif os.path.exists(given):
            matches, why = [given] if os.path.isfile(given) else [], f"{given!r} is no file: data is read several times"
        else:
            matches = sorted(f for f in glob.glob(given, recursive=True) if os.path.isfile(f))
            why = f"no file matches {given!r}" if glob.has_magic(given) else f"there is no file {given!r}"
        if not matches:
            raise DataError(why)
        seen |= dict.fromkeys(matches)
    if not seen:
        raise DataError("no file is named")
    return seen


def _kind(type: Any) -> str:
    types = pyarrow().types
    if types.is_boolean(type):
        return "bool"
    if types.is_floating(type) or types.is_integer(type) or types.is_decimal(type):
        return "number"
    if types.is_null(type):
        return "empty"
    if types.is_dictionary(type):
        return _kind(type.value_type)
    return "text" if types.is_string(type) or types.is_large_string(type) else str(type)


def _parquet(path: str, least: int) -> tuple[list[Part], dict[str, str]]:
    pa = pyarrow()
    parts: list[Part] = []
    try:
        with pa.parquet.ParquetFile(path) as file:
            kinds = _columns(path, file.schema_arrow.names, file.schema_arrow.types)
            about = file.metadata
            groups: list[int] = []
            first = rows = size = 0
            for i in range(about.num_row_groups):
                group = about.row_group(i)
                groups, rows, size = [*groups, i], rows + group.num_rows, size + group.total_byte_size
                if size >= least or i == about.num_row_groups - 1:
                    parts.append(ParquetPart(path, tuple(groups), first, rows, size))
                    first, groups, rows, size = first + rows, [], 0, 0
    except pa.ArrowException as error:
        raise DataError(f"{path} is not a whole Parquet file: {short(error)}") from None
    return parts, kinds


def _csv(path: str, least: int) -> tuple[list[Part], dict[str, str]]:
    pa = pyarrow()
    size = os.path.getsize(path)
    with opened(path) as file:
        head = file.read(HEAD)
        begin = 3 if head.startswith(b"\xef\xbb\xbf") else 0
        begin += len(head[begin:]) - len(head[begin:].lstrip(b"\r\n"))
        end = head.find(b"\n", begin) + 1
        line = head[begin : end or None]
        if not line.strip():
            raise DataError(f"{path} is empty: there is no line with the names of the columns")
        try:
            line.decode()
        except UnicodeDecodeError:
            raise DataError(f"{path}: the names of the columns are not text in UTF-8") from None
        if b"\0" in line:
            raise DataError(f"{path} is not a CSV file: its first line is no text")
        delimiter = max((b",", b";", b"\t"), key=line.count).decode()
        whole = packed(path) is not None or size <= least or not end or b'"' in head or not _has_no_quotes(file)
        begun = head if len(head) < HEAD else head[: head.rfind(b"\n") + 1] or head
        try:
            with pa.csv.open_csv(
                pa.BufferReader(begun.decode(errors="replace").encode()), pa.csv.ReadOptions(use_threads=False),
                pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in head, invalid_row_handler=lambda row: "skip"),
            ) as reader:  # fmt: skip
                schema = reader.schema
                kinds = _columns(path, schema.names, schema.types)
        except pa.ArrowException as error:
            raise DataError(f"{path} is not a CSV file: {short(error)}") from None
        part = CsvPart(path, 0, None, size, tuple(schema.names), delimiter)
        if whole:
            return [part], kinds
        parts: list[Part] = []
        while end < size:
            file.seek(min(end + least, size))
            file.readline()
            begin, end = end, file.tell()
            parts.append(dataclasses.replace(part, start=begin, stop=end, size=end - begin))
    return parts, kinds


def _has_no_quotes(file: Any) -> bool:
    """Whether a CSV file can be cut at any line end: a quoted field may hold one, and only reading from the start tells."""
    file.seek(0)
    while chunk := file.read(1 << 22):
        if b'"' in chunk:
            return False
    return True


def _columns(path: str, names: Sequence[str], types: Sequence[Any]) -> dict[str, str]:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise DataError(f"{path} has two columns named {name!r}")
    return {name: _kind(type) for name, type in zip(names, types)}


def column_named(name: str, kinds: dict[str, str]) -> str:
    """The name, if there is such a column; else a DataError that lists those there are."""
    if name in kinds:
        return name
    near = difflib.get_close_matches(name, kinds, 1)
    listed = ", ".join(list(kinds)[:12]) + (", …" if len(kinds) > 12 else "")
    raise DataError(f"there is no column {name!r}: the columns are {listed}" + (f" (did you mean {near[0]!r}?)" if near else ""))
