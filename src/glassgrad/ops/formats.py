"""A tensor as another type, and its elements in another order in memory: casts, copies, channels last."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import ALL, as_dtype
from ..placement import channels_last, channels_last_3d, contiguous_format, memory_format, preserve_format
from ..tensor import Tensor
from .declare import linear
from .shapes import _clone, _in_order, to

CHANNELS_LAST = {channels_last: 4, channels_last_3d: 5}  # the format, and the dims it is for


def _last(x: Any) -> Any:
    """A copy whose dim 1 lies innermost in memory."""
    n = x.ndim
    return np.transpose(np.transpose(x, (0, *range(2, n), 1)).copy(), (0, n - 1, *range(1, n - 1)))


_channels_last = linear("_channels_last", lambda self: _last(self), lambda grad: grad, node="CloneBackward0")


def lies_in(data: Any, format: memory_format) -> bool:
    """Whether an array's elements lie in the order of a format."""
    if format not in CHANNELS_LAST:
        return bool(data.flags.c_contiguous)
    return data.ndim == CHANNELS_LAST[format] and bool(np.transpose(data, (0, *range(2, data.ndim), 1)).flags.c_contiguous)


def laid(input: Tensor, format: memory_format) -> Tensor:
    """The tensor with its elements in the order of a format; itself where they are."""
    if not isinstance(format, memory_format):
        raise TypeError(f"argument 'memory_format' must be torch.memory_format, not {type(format).__name__}")
    data = input._data
    if format is preserve_format or not isinstance(data, np.ndarray) or lies_in(data, format):
        return input
    if format is contiguous_format:
        return _in_order(input)
    if input.ndim != CHANNELS_LAST[format]:
        raise RuntimeError(f"required rank {CHANNELS_LAST[format]} tensor to use {str(format).removeprefix('torch.')} format")
    return _channels_last(input)


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy, connected: the gradient passes through."""
    return _clone(input) if memory_format is None else laid(_clone(input), memory_format)


def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """Itself where its elements lie in order, a copy where not."""
    if memory_format is not None:
        return laid(input, memory_format)
    data = input._data
    return input if not isinstance(data, np.ndarray) or data.flags.c_contiguous else _in_order(input)


def is_contiguous(self: Tensor, memory_format: Any = contiguous_format) -> bool:
    """Whether its elements lie in memory in order (of a format)."""
    return lies_in(self._data, memory_format)


def caster(name: str) -> Any:
    """The method that casts to a dtype."""
    wanted = as_dtype(np.dtype(name))

    def cast(input: Tensor, memory_format: Any = None) -> Tensor:
        return to(input, wanted, memory_format=memory_format)

    cast.__doc__ = f"The tensor as {name}."
    return cast


CASTS = {"half": "float16", "float": "float32", "double": "float64", "cfloat": "complex64", "cdouble": "complex128", "byte": "uint8",
         "char": "int8", "short": "int16", "int": "int32", "long": "int64", "bool": "bool"}  # fmt: skip


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of other."""
    return to(input, other.dtype)


def type_(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of its legacy type, or the tensor as another type."""
    if dtype is None:
        return f"torch.{input.dtype.type_name}Tensor"
    dtype = getattr(dtype, "kind", dtype)  # of torch.LongTensor
    if isinstance(dtype, str):
        found = next((d for d in ALL if dtype == f"torch.{d.type_name}Tensor"), None)
        if found is None:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = found
    return to(input, dtype)


METHODS = dict(clone=clone, contiguous=contiguous, is_contiguous=is_contiguous, type_as=type_as, type=type_)
