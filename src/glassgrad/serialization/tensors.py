"""Named arrays in safetensors files, through the maintained library; files are put in place whole."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY


class Damaged(Exception):
    """A file is not what it should be; the text says in what way."""


class Found(NamedTuple):
    """What a file holds: arrays by name, and its metadata."""

    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]


COMPLEX = "glassgrad.complex"  # the names of arrays whose complex numbers are stored as pairs


def _library() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ImportError('saving and loading safetensors needs the library: pip install "glassgrad[files]"') from None
    return safetensors


def write(arrays: dict[str, np.ndarray], metadata: dict[str, str], f: Any) -> None:
    """Writes a file, or into an open one."""
    library = _library()
    pairs = [name for name, a in arrays.items() if a.dtype.kind == "c"]
    ready = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    for name in pairs:
        ready[name] = ready[name][..., None].view(ready[name].real.dtype)
    if pairs:
        metadata = metadata | {COMPLEX: json.dumps(pairs)}
    data = library.numpy.save(ready, metadata or None)
    if not isinstance(f, (str, os.PathLike)):
        f.write(data)
        return
    path = os.path.realpath(os.fspath(f))
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{os.fspath(f)} is a folder: name a file in it")
    if not os.path.isdir(folder):
        raise errors.explain(RuntimeError(f"Parent directory {folder} does not exist."), fix=f"os.makedirs({folder!r})")
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe is written to, not replaced
        with open(path, "wb") as file:
            file.write(data)
        return
    handle, beside = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o666 & ~_umask())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def read(data: bytes, seen: set[str]) -> Found:
    """The arrays and the metadata in the bytes of a safetensors file; bfloat16 values are widened, and noted in `seen`."""
    if not data:
        raise Damaged("the file is empty")
    if len(data) < 8 or int.from_bytes(data[:8], "little") > len(data) - 8 and data[8:9] != b"{":
        raise Damaged("not a file of glassgrad, safetensors or PyTorch: it begins with " + repr(bytes(data[:8]))[1:])
    library = _library()
    try:
        entries = library.deserialize(bytes(data))
    except library.SafetensorError as error:
        raise Damaged(f"not a whole safetensors file: {error}") from None
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header.get("__metadata__") or {}
    arrays = {}
    for name, entry in entries:
        kind = entry["dtype"]
        if kind == "BF16":
            wide = np.frombuffer(entry["data"], "<u2").astype(np.uint32) << 16
            array = wide.view(np.float32)
            seen.add("bfloat16")
        elif kind in KINDS:
            array = np.frombuffer(bytearray(entry["data"]), KINDS[kind])
        else:
            raise Damaged(f"the tensor {name!r} has the dtype {kind}, which glassgrad does not have")
        arrays[name] = array.reshape(entry["shape"])
    for name in json.loads(metadata.get(COMPLEX, "[]")):
        if name in arrays and arrays[name].shape[-1:] == (2,):
            arrays[name] = np.ascontiguousarray(arrays[name]).view(np.result_type(arrays[name].dtype, np.complex64))[..., 0]
    # in the order in which they were written, which the library's is not
    return Found({name: arrays[name] for name in header if name in arrays}, metadata)


KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?", "C64": "<c8"}
assert all(np.dtype(k) in FROM_NUMPY for k in KINDS.values())
