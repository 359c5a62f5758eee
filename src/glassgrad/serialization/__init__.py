"""`save` and `load`: state dicts and checkpoints as safetensors; PyTorch's own files are read, safely."""

from __future__ import annotations

import io
import os
import pickle
import warnings
from typing import Any

from .. import errors
from ..placement import device
from . import pickled, structure, tensors

__all__ = ["load", "save"]


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: Any = None, _use_new_zipfile_serialization: bool = True) -> None:
    """Writes tensors, numbers and texts in dicts, lists and tuples (a state dict, a checkpoint) as a safetensors file.

    `f` is a path or a file open for writing bytes. A flat dict of tensors becomes a file that any reader of safetensors understands; of other
    containers the structure stands in the file's metadata. Tensors that share their memory are stored once, and are one again after `load`.
    A file is written beside its place and put there when it is whole: an interrupted `save` leaves the old file as it was. Whole modules and
    other objects are refused (TypeError): nothing that is loaded should have to be executed. Needs the extra `files`.

    >>> import glassgrad as gg, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "net.safetensors")
    >>> gg.save({"weight": gg.ones(2), "epoch": 3}, path)
    >>> gg.load(path)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    if pickle_module is not None or pickle_protocol is not None or not _use_new_zipfile_serialization:
        raise errors.explain(ValueError("glassgrad saves no pickles: the options that choose one mean nothing here"), fix="leave them out")
    arrays, metadata = structure.taken_apart(obj)
    tensors.write(arrays, metadata, f)


def load(f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = True, mmap: bool | None = None, **named: Any) -> Any:
    """What a file holds: one of `save`'s, any safetensors file (as a dict), or one that `torch.save` wrote.

    PyTorch's files are read without PyTorch and without executing anything, whatever `weights_only` says: tensors, numbers, texts and plain
    containers come back; anything else in the file raises pickle.UnpicklingError with its name. Values of bfloat16 come as float32, with a
    warning. Everything is placed on the CPU. A file that is cut off or altered raises RuntimeError with what is wrong with it.
    """
    if pickle_module is not None or named:
        raise errors.explain(ValueError("glassgrad.load executes no pickles: the options of a pickle module mean nothing here"), fix="leave them out")
    if mmap:
        raise NotImplementedError("glassgrad.load reads files whole: mmap=True is not offered")
    _check_location(map_location)
    name = os.fspath(f) if isinstance(f, (str, os.PathLike)) else getattr(f, "name", "the file")
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            data: Any = file.read()
    else:
        data = f.read()
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"glassgrad.load reads bytes, and {name} is open for text: open it with 'rb'")
    seen: set[str] = set()
    found: Any
    try:
        if data[:4] == b"PK\x03\x04" or data[:1] == b"\x80":
            found = (pickled.from_zip if data[:2] == b"PK" else pickled.from_legacy)(io.BytesIO(data), seen)
        else:
            found = structure.put_together(tensors.read(bytes(data), seen))
    except tensors.Damaged as error:
        raise RuntimeError(f"{name}: {error}") from None
    except pickle.UnpicklingError as error:
        raise errors.explain(error, f"{name} holds something else than tensors, numbers, texts and plain containers", fix=pickled.FIX) from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RuntimeError(f"{name}: the structure in the file's metadata is damaged ({type(error).__name__}: {error})") from None
    if "bfloat16" in seen:
        warnings.warn(f"{name} holds bfloat16 values, which came as float32: glassgrad has no bfloat16", stacklevel=2)
    return found


def _check_location(given: Any) -> None:
    """Everything goes to the CPU: places that are none of it are refused, as a CPU build refuses them."""
    places = list(given.values()) if isinstance(given, dict) else [given]
    for place in places:
        if place is None or callable(place):
            continue  # a function from storage and place to storage: there is one place
        kind = (place if isinstance(place, device) else device(place)).type
        if kind != "cpu":
            raise RuntimeError(
                f"Attempting to deserialize object on a {kind.upper()} device but torch.{kind}.is_available() is False. If you are running on a CPU-only "
                "machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
            )
