"""Examples put together into a batch, and data made into tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...dtypes import float64
from ...ops.creation import as_tensor, tensor
from ...ops.joins import stack
from ...tensor import Tensor

NOT_NUMBERS = "SUOV"  # the kinds of NumPy arrays that no tensor holds


def default_convert(data: Any) -> Any:
    """NumPy arrays, also inside mappings and sequences, as tensors; everything else as it is."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in NOT_NUMBERS else as_tensor(data)
    return _rebuilt(data, default_convert)


def _rebuilt(data: Any, act: Callable[[Any], Any]) -> Any:
    """A container of the same kind with act(value) for each value; what is no container as it is."""
    if isinstance(data, Mapping):
        return _like(data, {key: act(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(act(d) for d in data))
    if isinstance(data, tuple):
        return [act(d) for d in data]  # PyTorch makes lists of tuples
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like(data, [act(d) for d in data])
    return data


def _like(data: Any, values: Any) -> Any:
    """The values in a container of data's kind, or a plain one where that can't be made."""
    try:
        if isinstance(data, MutableMapping):
            filled = copy.copy(data)
            filled.update(values)
            return filled
        if isinstance(data, MutableSequence):
            found: Any = copy.copy(data)
            for i, v in enumerate(values):
                found[i] = v
            return found
        return type(data)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def collate(batch: Any, *, collate_fn_map: Mapping[Any, Callable[..., Any]] | None = None) -> Any:
    """The examples of a batch as one: by the function for their type, and within mappings and sequences value by value."""
    first = batch[0]
    for kind, act in (collate_fn_map or {}).items():
        if type(first) is kind or isinstance(first, kind):
            return act(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        return _like(first, {key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(collate(values, collate_fn_map=collate_fn_map) for values in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(row) != len(first) for row in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        values = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]
        return values if isinstance(first, tuple) else _like(first, values)
    raise TypeError(WRONG.format(type(first)))


WRONG = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _stacked(batch: list[Any], *, collate_fn_map: Any = None) -> Tensor:
    return stack(batch, 0)


def _arrays(batch: list[Any], *, collate_fn_map: Any = None) -> Any:
    if batch[0].dtype.kind in NOT_NUMBERS:
        raise TypeError(WRONG.format(batch[0].dtype))
    return stack([as_tensor(b) for b in batch], 0)


def _floats(batch: list[Any], *, collate_fn_map: Any = None) -> Tensor:
    return tensor(list(batch), dtype=float64)


def _numbers(batch: list[Any], *, collate_fn_map: Any = None) -> Tensor:
    return as_tensor(np.stack(batch)) if isinstance(batch[0], np.generic) else tensor(list(batch))


def _as_they_are(batch: list[Any], *, collate_fn_map: Any = None) -> list[Any]:
    return batch


default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: _stacked, np.ndarray: _arrays, (np.bool_, np.number, np.object_): _numbers, float: _floats, int: _numbers, str: _as_they_are,
    bytes: _as_they_are,
}  # fmt: skip


def default_collate(batch: list[Any]) -> Any:
    """The examples of a batch as one: tensors stacked, numbers in a tensor, texts in a list; in mappings and sequences value by value.

    >>> import glassgrad as gg
    >>> gg.utils.data.default_collate([(0, {"x": 1.0}), (1, {"x": 2.0})])
    [tensor([0, 1]), {'x': tensor([1., 2.], dtype=torch.float64)}]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
