"""PyTorch's own files, read without PyTorch and without executing what they say.

A pickle is a program. This reader lets it build plain containers and tensors, and refuses by name whatever else it asks for.
The format was read off files that torch.save wrote.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..dtypes import BY_NAME, FROM_NUMPY, dtype
from ..ops.copies import _rebuild
from ..parameter import Parameter
from ..placement import Size, device
from ..tensor import Tensor
from .tensors import Damaged

STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bfloat16", "LongStorage": "i8", "IntStorage": "i4",
    "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?", "ComplexFloatStorage": "c8", "ComplexDoubleStorage": "c16",
    "UntypedStorage": "u1",
}  # fmt: skip
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class StorageKind(str):
    """The name of a kind of storage."""

    def __call__(self, *args: Any) -> Any:
        raise Damaged(f"the file makes a {self} by itself, not as a tensor's")


def _itemsize(kind: str) -> int:
    return 2 if kind == "bfloat16" else np.dtype(kind).itemsize


def _numbers(data: bytes, kind: str, order: str, seen: set[str]) -> np.ndarray:
    """The numbers of a storage, which tensors see parts of."""
    seen.add(kind)
    if kind == "bfloat16":
        return (np.frombuffer(data, order + "u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(data, order + kind).astype(np.dtype(kind))


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None, metadata: Any = None) -> Tensor:
    """A tensor that sees a part of a storage."""
    ints = [offset, *size, *stride]
    if not isinstance(storage, np.ndarray) or any(type(n) is not int or n < 0 for n in ints) or len(size) != len(stride):
        raise Damaged("a tensor's storage, offset, sizes or strides are no such")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1 if math.prod(size) else 0
    if last > storage.size:
        raise Damaged(f"a tensor of sizes {list(size)} and strides {list(stride)} reaches element {last} of a storage of {storage.size}")
    data = as_strided(storage[offset:], size, [s * storage.itemsize for s in stride]) if last else np.empty(size, storage.dtype)
    return _rebuild(Tensor, data, bool(requires_grad))


def _tensor_of(storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, kind: Any, metadata: Any = None) -> Tensor:
    """The same from a storage without a type."""
    if not isinstance(kind, dtype) or not isinstance(storage, np.ndarray):
        raise Damaged("a tensor's dtype is no such")
    return _tensor(storage[: storage.size - storage.size % kind.itemsize].view(kind.numpy), offset, size, stride, requires_grad)


def _parameter(data: Any, requires_grad: Any = True, hooks: Any = None, state: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise Damaged("a parameter's data is no tensor")
    return Parameter(data.detach(), bool(requires_grad))


def _text(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise Damaged("bytes in an unknown encoding")
    return text.encode("latin1")


ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict, ("torch._utils", "_rebuild_tensor_v2"): _tensor, ("torch._utils", "_rebuild_tensor_v3"): _tensor_of,
    ("torch._utils", "_rebuild_parameter"): _parameter, ("torch._utils", "_rebuild_parameter_with_state"): _parameter, ("torch", "Size"): Size,
    ("torch", "device"): device, ("_codecs", "encode"): _text, ("torch.storage", "UntypedStorage"): StorageKind("UntypedStorage"),
    **{("torch", name): StorageKind(name) for name in STORAGES}, **{("torch", name): kind for name, kind in BY_NAME.items()},
    **{(module, kind.__name__): kind for module in ("builtins", "__builtin__") for kind in (set, frozenset, complex, list, dict)},
}  # fmt: skip


FIX = "save a state dict where the file comes from: torch.save(model.state_dict(), path)"


class _Reader(pickle.Unpickler):
    """An unpickler that knows only what `ALLOWED` holds."""

    def __init__(self, file: Any, storage: Any):
        super().__init__(file, encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        found = ALLOWED.get((module, name))
        if found is not None:
            return found
        raise pickle.UnpicklingError(
            f"Weights only load failed. Unsupported global: GLOBAL {module}.{name} was not an allowed global by default. It was not executed."
        )

    def persistent_load(self, pid: Any) -> Any:
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], StorageKind) and type(pid[4]) is int and pid[4] >= 0):
            raise Damaged("a storage is described in an unknown way")
        return self._storage(STORAGES[pid[1]], str(pid[2]), pid[4])


def _unpickled(file: io.BytesIO, storage: Any) -> Any:
    """The next object of a file. What it says is looked through first, so that no instruction can claim memory beyond the file's size."""
    start, size = file.tell(), len(file.getbuffer())
    try:
        for op, argument, _ in pickletools.genops(file):
            if "PUT" in op.name and int(argument or 0) > size or op.name.startswith("EXT"):
                raise Damaged(f"the instruction {op.name} {argument} has no place in a file of {size} bytes")
        end = file.tell()
        file.seek(start)
        found = _Reader(io.BytesIO(file.read(end - start)), storage).load()
        file.seek(end)
        return found
    except Damaged:
        raise
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):
            raise
        raise Damaged(f"damaged: {error}") from None
    except Exception as error:  # noqa: BLE001 - altered bytes make an unpickler fail in any way
        raise Damaged(f"damaged, or not a file of tensors: {type(error).__name__}: {error}") from None


def from_zip(file: io.BytesIO, seen: set[str]) -> Any:
    """A file of PyTorch 1.6 or later: an archive with a pickle and an entry for each storage. The kinds of storages `seen` are noted."""
    try:
        archive = zipfile.ZipFile(file)
        entries = {i.filename.partition("/")[2]: i for i in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise Damaged(f"PytorchStreamReader failed reading zip archive: {error}; the file is cut off or altered") from None
    if "data.pkl" not in entries:
        raise Damaged("an archive that torch.save did not write: it has no data.pkl")
    if "constants.pkl" in entries:
        raise Damaged("a TorchScript archive: it holds a program; save the module's state_dict() instead")

    def entry(name: str) -> bytes:
        info = entries.get(name)
        if info is None:
            raise Damaged(f"the archive has no entry {name!r}: it is cut off or altered")
        if info.compress_type != zipfile.ZIP_STORED:
            raise Damaged(f"the entry {name!r} is compressed, which torch.save never does")
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            raise Damaged(f"the entry {name!r} cannot be read ({error}): the file is cut off or altered") from None

    order = ">" if "byteorder" in entries and entry("byteorder").strip() == b"big" else "<"
    storages: dict[str, np.ndarray] = {}

    def storage(kind: str, key: str, count: int) -> np.ndarray:
        if key not in storages:
            data, size = entry("data/" + key), count * _itemsize(kind)
            if len(data) < size:
                raise Damaged(f"the storage {key!r} of {size} bytes has {len(data)} bytes in the file")
            storages[key] = _numbers(data[:size], kind, order, seen)
        return storages[key]

    return _unpickled(io.BytesIO(entry("data.pkl")), storage)


def from_legacy(file: io.BytesIO, seen: set[str]) -> Any:
    """A file of an earlier PyTorch: pickles one after another, then the storages. The object is read twice: first to learn what they are."""
    size = len(file.getbuffer())
    kinds: dict[str, tuple[str, int]] = {}

    def noted(kind: str, key: str, count: int) -> np.ndarray:
        kinds[key] = kind, count
        if sum(n * _itemsize(k) for k, n in kinds.values()) > size:
            raise Damaged(f"the storages are larger than the file of {size} bytes")
        return np.zeros(count, np.float32 if kind == "bfloat16" else kind)

    if _unpickled(file, noted) != MAGIC:
        raise Damaged("a pickle, and not one that torch.save wrote")
    if _unpickled(file, noted) != PROTOCOL:
        raise Damaged("written in a version of PyTorch's format that is unknown here")
    about = _unpickled(file, noted)
    start = file.tell()
    _unpickled(file, noted)
    keys = _unpickled(file, noted)
    order = "<" if not isinstance(about, dict) or about.get("little_endian", True) else ">"
    storages: dict[str, np.ndarray] = {}
    for key in map(str, keys if isinstance(keys, list) else []):
        kind, count = kinds.get(key, ("u1", -1))
        data = file.read(8 + max(count, 0) * _itemsize(kind))
        if count < 0 or len(data) < 8 + count * _itemsize(kind) or int.from_bytes(data[:8], "little" if order == "<" else "big") != count:
            raise Damaged(f"the storage {key!r} is not as long as the file says: it is cut off or altered")
        storages[key] = _numbers(data[8:], kind, order, seen)
    if set(kinds) - set(storages):
        raise Damaged("the file names a storage that it does not hold")
    file.seek(start)
    return _unpickled(file, lambda kind, key, count: storages[key])


assert all(k == "bfloat16" or np.dtype(k) in FROM_NUMPY for k in STORAGES.values())
