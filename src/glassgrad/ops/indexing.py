"""x[index] and x[index] = value, for every index that PyTorch takes.

An index is read from left to right into the views that PyTorch would make (select, slice, unsqueeze), then, where index
tensors or masks are left, one gather of elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..dtypes import builtin_bool
from ..graph.memory import memory_to_write
from ..graph.modes import mode
from ..tensor import Tensor
from . import arrays
from .declare import in_place, linear, vjp
from .runtime import sum_to
from .shapes import unsqueeze, wrap_dim

_embed = linear("_embed", lambda self, index, shape: arrays.embed(self, index, shape), lambda grad, index: grad[index], node="IndexBackward0")
_embed_add = linear("_embed_add", lambda self, index, shape: arrays.embed_add(self, index, shape), lambda grad, index: arrays.take(grad, index),
                    node="IndexBackward0")  # fmt: skip
_select = linear("_select", lambda self, index: self[index], lambda grad, self_shape, index: arrays.embed(grad, index, self_shape),
                 node="SelectBackward0", view=True)  # fmt: skip
_slice = linear("_slice", lambda self, index: self[index], lambda grad, self_shape, index: arrays.embed(grad, index, self_shape),
                node="SliceBackward0", view=True)  # fmt: skip
_alias = linear("_alias_view", lambda self: self[...], lambda grad: grad, node="AliasBackward0", view=True)
_index = linear("_index", lambda self, index: arrays.take(self, index), lambda grad, self_shape, index: arrays.embed_add(grad, index, self_shape),
                node="IndexBackward0")  # fmt: skip


_masked_select = linear("_masked_select", lambda self, index: arrays.take(self, index),
                        lambda grad, self_shape, index: arrays.embed_add(grad, index, self_shape), node="MaskedSelectBackward0")  # fmt: skip


def select(input: Tensor, dim: int, index: Any) -> Tensor:
    """The view at one index along `dim`."""
    shape = input._data.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = wrap_dim(dim, len(shape))
    i = index.__index__()
    if not -shape[d] <= i < shape[d]:
        raise IndexError(f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {d}")
    return _select(input, (slice(None),) * d + (i, ...))


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """The view of `length` indices from `start` along `dim`."""
    d = wrap_dim(dim, input._data.ndim)
    n = input._data.shape[d]
    start = start.__index__()
    start = start + n if start < 0 else start
    if start + length > n or length < 0:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return _slice(input, (slice(None),) * d + (slice(start, start + length), ...))


INTEGERS = (int, np.integer)


def getitem(input: Tensor, index: Any) -> Tensor:
    """x[index]."""
    data = input._data
    if type(index) is int and data.ndim:
        if not -data.shape[0] <= index < data.shape[0]:
            raise IndexError(f"index {index} is out of bounds for dimension 0 with size {data.shape[0]}")
        return _select(input, (index, ...))
    viewed, rest = _views(input, _items(index))
    if rest is None:
        return _alias(input) if viewed is input else viewed
    return _gathered(viewed, rest)


def _items(index: Any) -> tuple[Any, ...]:
    """An index as a tuple; a short list that holds more than numbers counts as one, as in NumPy's early days."""
    if isinstance(index, tuple):
        return index
    if isinstance(index, list) and len(index) < 32 and any(isinstance(i, (Tensor, list, tuple, slice, type(None), type(Ellipsis))) for i in index):
        return tuple(index)
    return (index,)


def _gathered(viewed: Tensor, rest: tuple[Any, ...]) -> Tensor:
    try:
        return _index(viewed, rest)
    except IndexError as error:
        raise _index_error(error, viewed, rest) from None


def _views(input: Tensor, items: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...] | None]:
    """The views that the basic part of an index makes, and what is left for a gather (None where nothing is)."""
    items = tuple(_element(i) for i in items)
    taken = sum(_dims_of(i) for i in items)
    ndim = input._data.ndim
    if taken > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    x, dim = input, 0
    gather: list[Any] = []
    some = False
    for position, item in enumerate(items):
        if item is Ellipsis:
            skip = ndim - taken if not any(i is Ellipsis for i in items[:position]) else 0
            gather += [slice(None)] * skip
            dim += skip
        elif item is None:
            x = unsqueeze(x, dim)
            gather.append(slice(None))
            dim += 1
        elif isinstance(item, slice):
            if item != slice(None):
                x = _sliced(x, dim, item)
            elif len(items) == 1:
                x = _slice(x, (slice(None), ...))
            gather.append(slice(None))
            dim += 1
        elif isinstance(item, builtin_bool):
            x = unsqueeze(x, dim)
            gather.append(np.array([item]))
            some = True
            dim += 1
        elif isinstance(item, INTEGERS):
            n = x._data.shape[dim]
            if not -n <= item < n:
                raise IndexError(f"index {item} is out of bounds for dimension {dim} with size {n}")
            x = _select(x, (slice(None),) * dim + (int(item), ...))
        else:
            gather.append(item)
            some = True
            dim += item.ndim if item.dtype.kind == "b" else 1
    return x, tuple(gather) if some else None


def _element(item: Any) -> Any:
    """One element of an index: an int, a slice, None, ..., a bool, or an array of indices or of bools."""
    if item is None or item is Ellipsis or isinstance(item, (slice, builtin_bool, *INTEGERS)):
        return item
    if isinstance(item, Tensor):
        data = item._data
        if data.dtype.kind in "iu" and data.dtype != np.uint8:
            return int(data) if data.ndim == 0 else data
        if data.dtype.kind == "b" or data.dtype == np.uint8:
            data = data.astype(bool)
            return data if data.ndim else bool(data)
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if isinstance(item, np.bool_):
        return bool(item)
    if isinstance(item, (list, tuple, range, np.ndarray)):
        array = np.asarray([i._data if isinstance(i, Tensor) else i for i in item] if not isinstance(item, np.ndarray) else item)
        if array.size == 0:
            array = array.astype(np.int64)
        if array.dtype.kind in "iub":
            return array if array.ndim else array.item()
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if hasattr(item, "__index__"):
        return item.__index__()
    raise errors.explain(
        TypeError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{type(item).__name__})"
        )
    )


def _dims_of(item: Any) -> int:
    if item is None or item is Ellipsis or isinstance(item, builtin_bool):
        return 0
    if isinstance(item, np.ndarray) and item.dtype.kind == "b":
        return item.ndim
    return 1


def _sliced(x: Tensor, dim: int, item: slice) -> Tensor:
    step = 1 if item.step is None else item.step.__index__()
    if step <= 0:
        raise errors.explain(
            ValueError("step must be greater than zero"), fix="flip the tensor first (x.flip(0)), then slice it"
        )
    start = None if item.start is None else item.start.__index__()
    stop = None if item.stop is None else item.stop.__index__()
    return _slice(x, (slice(None),) * dim + (slice(start, stop, step), ...))


def _index_error(error: IndexError, x: Tensor, rest: tuple[Any, ...]) -> Exception:
    """NumPy's refusal of a gather in PyTorch's words."""
    shape = x._data.shape
    dim = 0
    for item in rest:
        if isinstance(item, np.ndarray) and item.dtype.kind == "b":
            for k in range(item.ndim):
                if item.shape[k] != shape[dim + k]:
                    return IndexError(
                        f"The shape of the mask {list(item.shape)} at index {k} does not match the shape of the indexed tensor "
                        f"{list(shape)} at index {dim + k}"
                    )
            dim += item.ndim
            continue
        if isinstance(item, np.ndarray) and item.size:
            n = shape[dim]
            bad = item[(item >= n) | (item < -n)]
            if bad.size:
                return IndexError(f"index {bad[0]} is out of bounds for dimension {dim} with size {n}")
        dim += 1
    shapes = [list(i.shape) for i in rest if isinstance(i, np.ndarray)]
    return IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {', '.join(map(str, shapes))}")


# ------------------------------------------------------------------------------------------------ writing
_copied = vjp("_copied", lambda self, src: np.broadcast_to(arrays.astype(src, self.dtype), self.shape) if self.ndim else
              arrays.astype(src, self.dtype).reshape(())[()], node="CopyBackwards", broadcast=True, tensors=("self", "src"),
              self=lambda grad: 0 * grad, src=lambda grad, src_dtype: arrays.astype(grad, src_dtype))  # fmt: skip
_put = vjp("_put", lambda self, values, index, accumulate: _placed(self, values, index, accumulate), node="IndexPutBackward0",
           tensors=("self", "values"),
           self=lambda grad, index, accumulate: grad if accumulate else grad * _placed(np.ones_like(grad), 0, index, False),
           values=lambda grad, index, values_shape: sum_to(arrays.take(grad, index), values_shape))  # fmt: skip


@arrays.array_function
def _placed(x: Any, values: Any, index: Any, accumulate: bool) -> Any:
    """A copy of x with values put, or added, at an index."""
    out = np.array(x)
    if accumulate:
        np.add.at(out, index, values)
    else:
        out[index] = values
    return out


def _copy(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    src = src if isinstance(src, Tensor) else Tensor._wrap(np.asarray(src, input._data.dtype)[()])
    if src._data.dtype.kind == "c" and input._data.dtype.kind != "c":
        src = src.real
    try:
        np.broadcast_to(src._data, input._data.shape)
    except ValueError:
        clash = errors.broadcast_clash(input._data.shape, src._data.shape)
        raise clash or RuntimeError(
            f"output with shape {list(input._data.shape)} doesn't match the broadcast shape {list(src._data.shape)}"
        ) from None
    return _copied(input, src)


copy_ = in_place(_copy, name="copy_")


def fill_(input: Tensor, value: Any) -> Tensor:
    """Every element set to a value."""
    if isinstance(value, Tensor) and value._data.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions.")
    if not isinstance(value, Tensor):
        if isinstance(value, complex) and input._data.dtype.kind != "c":
            raise RuntimeError("value cannot be converted to type without overflow")
    return copy_(input, value)


def zero_(input: Tensor) -> Tensor:
    """Every element set to 0."""
    data = input._data
    if not (input._needs and mode.grad):
        memory = memory_to_write(input)
        if type(data) is np.ndarray:
            data.fill(0)
        else:
            input._data = data.dtype.type(0)
        memory.version += 1
        return input
    return copy_(input, 0)


def _index_put(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy of input with `values` put (or added, with `accumulate`) where the index tensors point."""
    rest = tuple(_element(i) if i is not None else slice(None) for i in indices)
    rest = tuple(np.array(i) if isinstance(i, INTEGERS) else i for i in rest)
    values = values if isinstance(values, Tensor) else Tensor._wrap(np.asarray(values, input._data.dtype)[()])
    if values._data.dtype != input._data.dtype:
        if values._data.ndim:
            raise RuntimeError(
                f"Index put requires the source and destination dtypes match, got {input.dtype.type_name} for the destination and "
                f"{values.dtype.type_name} for the source."
            )
        values = values.to(input.dtype)
    try:
        return _put(input, values, rest, accumulate)
    except IndexError as error:
        raise _index_error(error, input, rest) from None
    except ValueError:
        shape = list(input._data[rest].shape)
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values._data.shape)} cannot be broadcast to indexing result of shape {shape}"
        ) from None


index_put = _index_put
index_put_ = in_place(_index_put, name="index_put_")


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """x[index] = value."""
    items = _items(index)
    tracked = mode.grad and (input._needs or isinstance(value, Tensor) and value._needs)
    if tracked and input._needs and input._fn is None:
        raise errors.leaf_in_place(view=True)
    if not tracked:
        with_no_graph(input, items, value)
        return
    viewed, rest = _views(input, items)
    if viewed is input:
        viewed = _alias(input)
    if rest is not None:
        value = value if isinstance(value, Tensor) else Tensor._wrap(np.asarray(value, input._data.dtype)[()])
        index_put_(viewed, rest_as_indices(rest), value.to(input.dtype))
    else:
        copy_(viewed, _fitted(value, viewed))


def rest_as_indices(rest: tuple[Any, ...]) -> tuple[Any, ...]:
    """What `_views` left, as index_put takes it: None for a full slice."""
    return tuple(None if isinstance(i, slice) else i for i in rest)


def _fitted(value: Any, viewed: Tensor) -> Any:
    """A value without the leading dims of size 1 that assignment forgives."""
    if isinstance(value, Tensor):
        while value._data.ndim > viewed._data.ndim and value._data.shape[0] == 1:
            value = getitem(value, 0)
    return value


def with_no_graph(input: Tensor, items: tuple[Any, ...], value: Any) -> None:
    """The assignment on the data alone."""
    data = input._data
    base = Tensor._wrap(data if isinstance(data, np.ndarray) else np.array(data))
    viewed, rest = _views(base, items)
    given = value._data if isinstance(value, Tensor) else value
    if isinstance(given, (list, tuple)):
        raise TypeError(f"can't assign a {type(value).__name__} to a {input.type()}")
    memory = memory_to_write(input)
    v: Any = np.asarray(given)
    if v.dtype.kind == "c" and data.dtype.kind != "c":
        v = v.real
    target: Any = viewed._data
    while rest is None and v.ndim > target.ndim and v.shape[0] == 1:
        v = v[0]
    try:
        if rest is None:
            target[...] = v
        else:
            target[rest] = v
    except IndexError as error:
        raise _index_error(error, viewed, rest or ()) from None
    except ValueError:
        if rest is None:
            clash = errors.broadcast_clash(target.shape, v.shape)
            raise RuntimeError(
                f"The expanded size of the tensor ({target.shape[-1] if target.ndim else 0}) must match the existing size "
                f"({v.shape[-1] if v.ndim else 0}) at non-singleton dimension {max(target.ndim - 1, 0)}.  Target sizes: "
                f"{list(target.shape)}.  Tensor sizes: {list(v.shape)}"
            ) from clash
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(v.shape)} cannot be broadcast to indexing result of shape "
            f"{list(np.shape(target[rest]))}"
        ) from None
    if not isinstance(data, np.ndarray):
        input._data = base._data
    memory.version += 1


_masked_number = vjp("_masked_number", lambda self, mask, value: arrays.where(mask, value, self), node="MaskedFillBackward0",
                     tensors=("self", "mask"), self=lambda grad, mask: arrays.where(mask, 0, grad))  # fmt: skip
_masked_tensor = vjp("_masked_tensor", lambda self, mask, value: arrays.where(mask, value, self), node="MaskedFillBackward1",
                     tensors=("self", "mask", "value"), self=lambda grad, mask: arrays.where(mask, 0, grad),
                     value=lambda grad, mask: np.sum(arrays.where(mask, grad, 0)))  # fmt: skip


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """The value where the mask holds, input elsewhere."""
    if mask._data.dtype.kind != "b":
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.c_name}"
        )
    if isinstance(value, Tensor) and value._data.ndim:
        raise RuntimeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} dimension(s)."
        )
    shape = np.broadcast_shapes(input._data.shape, mask._data.shape)
    wide = input if shape == input._data.shape else input.expand(shape)
    if isinstance(value, Tensor):
        return _masked_tensor(wide, mask, value.to(input.dtype))
    return _masked_number(wide, mask, input._data.dtype.type(value))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in one dim."""
    shape = np.broadcast_shapes(input._data.shape, mask._data.shape)
    wide = input if shape == input._data.shape else input.expand(shape)
    return _masked_select(wide, (np.broadcast_to(mask._data, shape),))


METHODS = dict(select=select, narrow=narrow, fill_=fill_, zero_=zero_, index_put=index_put, masked_fill=masked_fill, masked_select=masked_select)
