"""x[index] and x[index] = value, for every index that PyTorch takes.

An index is read from left to right into the views that PyTorch would make (select, slice, unsqueeze), then, where index
tensors or masks are left, one gather of elements.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import builtin_bool
from ..graph.memory import memory_to_write
from ..graph.modes import mode
from ..graph.views import refuse_overlap, unlock, wrote
from ..tensor import Tensor
from . import arrays
from .declare import foreign, in_place, linear, refuse_unseen, vjp
from .levels import Layer, levels_of, meet, of_levels, raw, told_apart
from .runtime import held, into, sum_to
from .shapes import expand, unsqueeze, wrap_dim

_embed = linear("_embed", lambda self, index, shape: arrays.embed(self, index, shape), lambda grad, index: grad[index], node="IndexBackward0")
_embed_add = linear("_embed_add", lambda self, index, shape: arrays.embed_add(self, index, shape), lambda grad, index: arrays.take(grad, index),
                    node="IndexBackward0")  # fmt: skip
def _chosen(node: Any) -> tuple[int, Any]:
    """The dim, and what was taken of it, of a basic index (:, :, item, ...)."""
    dim = len(node.index) - 2
    return dim, node.index[dim]


_select = linear("_select", lambda self, index: self[index], lambda grad, self_shape, index: arrays.embed(grad, index, self_shape),
                 node="SelectBackward0", view=True, shows={"dim": lambda node: _chosen(node)[0], "index": lambda node: _chosen(node)[1]})  # fmt: skip
_slice = linear("_slice", lambda self, index: self[index], lambda grad, self_shape, index: arrays.embed(grad, index, self_shape),
                node="SliceBackward0", view=True, shows={
                    "dim": lambda node: _chosen(node)[0], "start": lambda node: _chosen(node)[1].start or 0, "step": lambda node: _chosen(node)[1].step or 1,
                    "end": lambda node: sys.maxsize if _chosen(node)[1].stop is None else _chosen(node)[1].stop})  # fmt: skip
_alias = linear("_alias_view", lambda self: self[...], lambda grad: grad, node="AliasBackward0", view=True)
def _indices(node: Any) -> tuple[Any, ...]:
    return tuple(Tensor._wrap(i) if isinstance(i, np.ndarray) else None for i in node.index)


_index = linear("_index", lambda self, index: arrays.take(self, index), lambda grad, self_shape, index: arrays.embed_add(grad, index, self_shape),
                node="IndexBackward0", shows={"index": ..., "indices": _indices})  # fmt: skip


_masked_select = linear("_masked_select", lambda self, index: arrays.take(self, index),
                        lambda grad, self_shape, index: arrays.embed_add(grad, index, self_shape), node="MaskedSelectBackward0",
                        shows={"index": ..., "mask": lambda node: _indices(node)[0]})  # fmt: skip


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
    if input._data.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
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
            raise out_of_bounds(index, 0, data.shape[0])
        return _select(input, (index, ...))
    viewed, rest = _views(input, _items(index))
    if rest is None:
        if viewed is not input:
            return viewed
        return _slice(input, (slice(None), ...)) if isinstance(index, slice) else _alias(input)
    return _gathered(viewed, rest)


def out_of_bounds(index: Any, dim: int, size: int) -> IndexError:
    return errors.explain(
        IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}"),
        f"this dimension has the indices 0 to {size - 1}, or {-size} to -1 from the end" if size else "this dimension is empty",
        errors.line_of(errors.users_place()),
    )


def _items(index: Any) -> tuple[Any, ...]:
    """An index as a tuple; a short list that holds more than numbers counts as one, as in NumPy's early days."""
    if isinstance(index, tuple):
        return index
    if isinstance(index, list) and len(index) < 32 and any(isinstance(i, (Tensor, list, tuple, slice, type(None), type(Ellipsis))) for i in index):
        return tuple(index)
    return (index,)


def kept(rest: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index whose arrays nobody else can write: backward will want it as it was."""
    return tuple([np.array(i) if type(i) is np.ndarray else i for i in rest]) if mode.grad else rest


def _gathered(viewed: Tensor, rest: tuple[Any, ...]) -> Tensor:
    _masks_fit(viewed, rest)
    if viewed._needs:
        (viewed,) = meet((viewed,), rest)
        rest = kept(rest)
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
        raise _too_many(items, ndim)
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
            x = _sliced(x, dim, item)
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
                raise out_of_bounds(item, dim, n)
            x = _select(x, (slice(None),) * dim + (int(item), ...))
        else:
            gather.append(item)
            some = True
            dim += item.ndim if item.dtype.kind == "b" else 1
    return x, tuple(gather) if some else None


def _too_many(items: tuple[Any, ...], ndim: int) -> Exception:
    if ndim == 0 and len(items) == 1 and isinstance(items[0], (slice, *INTEGERS)):
        return errors.explain(
            IndexError("slice() cannot be applied to a 0-dim tensor.") if isinstance(items[0], slice) else IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to "
                "a number") if items[0] == 0 else IndexError(f"index {items[0]} is out of bounds for dimension 0 with size 0"),
            "the tensor is a single number: it has no dimension to take an element of", errors.line_of(errors.users_place()),
        )  # fmt: skip
    return IndexError(f"too many indices for tensor of dimension {ndim}")


def _element(item: Any) -> Any:
    """One element of an index: an int, a slice, None, ..., a bool, or an array of indices or of bools."""
    if item is None or item is Ellipsis or isinstance(item, (slice, builtin_bool, *INTEGERS)):
        return item
    if isinstance(item, Tensor):
        data = item._data
        if isinstance(data, Layer):
            return data
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
        if array.size == 0 and array.dtype.kind != "b":
            array = array.astype(np.int64)
        if array.dtype.kind in "US":
            raise TypeError("new(): invalid data type 'str'")
        if array.dtype.kind in "iub":
            return array if array.ndim else array.item()
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if hasattr(item, "__index__"):
        return item.__index__()
    if isinstance(item, str):
        raise errors.explain(TypeError("new(): invalid data type 'str'"), "a tensor is indexed by numbers, not by names")
    raise errors.explain(
        IndexError(
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
    try:
        step = 1 if item.step is None else item.step.__index__()
        start = None if item.start is None else item.start.__index__()
        stop = None if item.stop is None else item.stop.__index__()
    except AttributeError:
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step < 0:
        raise errors.explain(
            ValueError("step must be greater than zero"), fix="flip the tensor first (x.flip(0)), then slice it"
        )
    n = x._data.shape[dim]
    if slice(start, stop, step).indices(n) == (0, n, 1):
        return x
    return _slice(x, (slice(None),) * dim + (slice(start, stop, step), ...))


def _masks_fit(x: Tensor, rest: tuple[Any, ...]) -> None:
    """Raises for a mask of another shape than the dims that it selects from."""
    shape, dim = x._data.shape, 0
    for item in rest:
        mask = isinstance(item, np.ndarray) and item.dtype.kind == "b"
        for k in range(item.ndim if mask else 0):
            if item.shape[k] != shape[dim + k]:
                raise errors.explain(
                    IndexError(f"The shape of the mask {list(item.shape)} at index {k} does not match the shape of the indexed tensor "
                               f"{list(shape)} at index {dim + k}"),
                    "a mask says yes or no to each element: it has the shape of the dims that it selects from",
                    errors.line_of(errors.users_place()),
                )  # fmt: skip
        dim += item.ndim if mask else 1


def _index_error(error: IndexError, x: Tensor, rest: tuple[Any, ...]) -> Exception:
    """NumPy's refusal of a gather in PyTorch's words."""
    shape = x._data.shape
    dim = 0
    for item in map(raw, rest):
        if isinstance(item, np.ndarray) and item.dtype.kind == "b":
            dim += item.ndim
            continue
        if isinstance(item, np.ndarray) and item.size:
            n = shape[dim]
            if n == 0:
                return IndexError("index is out of bounds for dimension with size 0")
            bad = item[(item >= n) | (item < -n)]
            if bad.size:
                return out_of_bounds(int(bad[0]), dim, n)
        dim += 1
    shapes = [list(i.shape) for i in rest if isinstance(i, np.ndarray)]
    return IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {', '.join(map(str, shapes))}")


# ------------------------------------------------------------------------------------------------ writing
_copied = vjp("_copied", lambda self, src: np.broadcast_to(arrays.astype(src, self.dtype), self.shape) if self.ndim else
              arrays.astype(src, self.dtype).reshape(())[()], node="torch::autograd::CopyBackwards", broadcast=True, tensors=("self", "src"),
              self=lambda grad: np.zeros_like(grad), src=lambda grad, src_dtype: arrays.astype(grad, src_dtype))  # fmt: skip
_put = vjp("_put", lambda self, values, index, accumulate: _placed(self, values, index, accumulate), node="IndexPutBackward0",
           tensors=("self", "values"),
           self=lambda grad, index, accumulate: grad if accumulate else grad * _placed(np.ones_like(grad), 0, index, False),
           values=lambda grad, index, values_shape: sum_to(arrays.take(grad, index), values_shape))  # fmt: skip


@arrays.array_function
def _placed(x: Any, values: Any, index: Any, accumulate: bool) -> Any:
    """A copy of x with values put, or added, at an index."""
    other = arrays.overriding((values, *index))
    if other is not None:
        return other.__array_function__(_placed, (type(other),), (x, values, index, accumulate), {})
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


def _full(self: Any, value: Any) -> Any:
    return np.broadcast_to(arrays.astype(value, self.dtype), self.shape).copy() if self.ndim else arrays.astype(value, self.dtype)


_zeroed = vjp("_zeroed", lambda self: np.zeros_like(self)[()], node="ZeroBackward0", tensors=("self",), self=lambda grad: np.zeros_like(grad))
_filled = vjp("_filled", _full, node="FillBackward2", tensors=("self",), self=lambda grad: np.zeros_like(grad))
_filled_tensor = vjp("_filled_tensor", _full, node="FillBackward3", tensors=("self", "value"), self=lambda grad: np.zeros_like(grad),
                     value=lambda grad, value_dtype: arrays.astype(np.sum(grad), value_dtype))  # fmt: skip


def _fill(input: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        if value._data.ndim:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions.")
        return _filled_tensor(input, value)
    if isinstance(value, complex) and input._data.dtype.kind != "c":
        raise RuntimeError("value cannot be converted to type without overflow")
    return _filled(input, held(value, input._data.dtype))


fill_ = in_place(_fill, name="fill_", fills=True)
_zero_in_graph = in_place(_zeroed, name="zero_", fills=True)


def zero_(input: Tensor) -> Tensor:
    """Every element set to 0."""
    data = input._data
    if not (input._needs and mode.grad) and not isinstance(data, Layer):
        memory = memory_to_write(input)
        if type(data) is np.ndarray:
            if not data.flags.writeable:
                unlock(data, fills=True)
            data.fill(0)
        else:
            input._data = data.dtype.type(0)
        wrote(memory)
        return input
    return _zero_in_graph(input)


def _for_index(input: Tensor, rest: tuple[Any, ...], values: Tensor) -> Tensor:
    """Values to scatter, in the dtype of what they are scattered into: only a single one for one mask is converted."""
    masks = [i.dtype.kind == "b" for i in rest if isinstance(i, np.ndarray)]
    if masks == [True] and values._data.size == 1:
        return values.to(input.dtype)
    if values._data.dtype != input._data.dtype:
        raise errors.explain(
            RuntimeError(
                f"Index put requires the source and destination dtypes match, got {input.dtype.type_name} for the destination and "
                f"{values.dtype.type_name} for the source."
            ),
            where=errors.line_of(errors.users_place()), fix="cast the values first: x[index] = values.to(x.dtype)",
        )  # fmt: skip
    return values


def _index_put(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy of input with `values` put (or added, with `accumulate`) where the index tensors point."""
    rest = tuple(_element(i) if i is not None else slice(None) for i in indices)
    rest = tuple(np.array(i) if isinstance(i, INTEGERS) else i for i in rest)
    values = values if isinstance(values, Tensor) else Tensor._wrap(np.asarray(values, input._data.dtype)[()])
    values = _for_index(input, rest, values)
    _masks_fit(input, rest)
    if input._needs or values._needs:
        rest = kept(rest)
    try:
        return _put(input, values, rest, accumulate)
    except IndexError as error:
        raise _index_error(error, input, rest) from None
    except (ValueError, RuntimeError):
        shape = list(input._data[rest].shape)
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values._data.shape)} cannot be broadcast to indexing result of shape {shape}"
        ) from None


index_put = _index_put
index_put_ = in_place(_index_put, name="index_put_", fills=True)


def _put_at(input: Tensor, items: tuple[Any, ...], value: Any) -> Tensor:
    """A copy of input with a value at any index, as one step: inside a transform a write does not go through views."""
    index = tuple(_element(i) for i in items)
    value = value if isinstance(value, Tensor) else Tensor._wrap(np.asarray(value, input._data.dtype)[()])
    return _put(input, value.to(input.dtype), index, False)


_put_at_ = in_place(_put_at, name="_put_at_", fills=True)


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """x[index] = value."""
    items = _items(index)
    value = _assignable(input, value)
    tracked = mode.grad and (input._needs or isinstance(value, Tensor) and value._needs)
    if not tracked:
        with_no_graph(input, items, value)
        return
    if isinstance(input._data, Layer) or isinstance(value, Tensor) and isinstance(value._data, Layer):
        _put_at_(input, items, value)
        return
    viewed, rest = _views(input, items)
    if rest is not None:
        value = value if isinstance(value, Tensor) else Tensor._wrap(np.asarray(value, input._data.dtype)[()])
        index_put_(viewed, rest_as_indices(rest), _without_ones(value))
        return
    value = value if isinstance(value, Tensor) else Tensor._wrap(np.asarray(value, input._data.dtype)[()])
    if value._data.ndim:
        copy_(viewed, _fitted(value, viewed))
    else:
        fill_(viewed, value)


def _assignable(input: Tensor, value: Any) -> Any:
    """A value that can be assigned: a tensor, a number, an array."""
    if isinstance(value, (Tensor, np.ndarray, np.generic, float, int)):
        return value
    if isinstance(value, complex):
        if input._data.dtype.kind == "c":
            return value
        name = {"float": "float", "double": "double", "c10::Half": "at::Half"}.get(input.dtype.c_name, f"{input.dtype.name}_t")
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    raise errors.explain(
        TypeError(f"can't assign a {type(value).__name__} to a {input.type()}"), where=errors.line_of(errors.users_place()),
        fix="make it a tensor first: torch.tensor(value)",
    )  # fmt: skip


def rest_as_indices(rest: tuple[Any, ...]) -> tuple[Any, ...]:
    """What `_views` left, as index_put takes it: None for a full slice."""
    return tuple(None if isinstance(i, slice) else i for i in rest)


def _fitted(value: Tensor, viewed: Tensor) -> Tensor:
    """A value in the shape of what it is assigned to."""
    return value if value._data.shape == viewed._data.shape else expand(_without_ones(value), viewed._data.shape)


def _without_ones(value: Tensor) -> Tensor:
    """A value without the leading dims of size 1, which assignment forgives."""
    while value._data.ndim and value._data.shape[0] == 1:
        value = getitem(value, 0)
    return value


def with_no_graph(input: Tensor, items: tuple[Any, ...], value: Any) -> None:
    """The assignment on the data alone."""
    data = input._data
    if isinstance(data, Layer) or isinstance(value, Tensor) and isinstance(value._data, Layer):
        given = value._data if isinstance(value, Tensor) else value
        if told_apart(given) - told_apart(data):
            raise foreign("__setitem__", input, given)
        refuse_unseen(input, given)
        new = levels_of(given) - levels_of(data)
        if new:
            data = input._data = of_levels(data, [level for level in new if not hasattr(level, "size")])
        data[tuple(_element(i) for i in items)] = given
        wrote(memory_to_write(input))
        return
    base = Tensor._wrap(data if isinstance(data, np.ndarray) else np.array(data))
    viewed, rest = _views(base, items)
    given = value._data if isinstance(value, Tensor) else value
    if rest is not None:
        _masks_fit(viewed, rest)
        if isinstance(value, Tensor):
            given = _for_index(viewed, rest, value)._data
    memory = memory_to_write(input)
    v: Any = np.asarray(given)
    if v.dtype.kind == "c" and data.dtype.kind != "c":
        v = v.real
    target: Any = viewed._data
    if rest is not None or v.shape != target.shape:
        while v.ndim and v.shape[0] == 1:
            v = v[0]
    if isinstance(value, Tensor):
        if rest is None and v.shape != target.shape:
            expand(Tensor._wrap(v), target.shape)  # says what does not fit
        refuse_overlap(target, v, at_all=rest is not None)
    if not target.flags.writeable:
        unlock(target, fills=rest is not None or v.ndim == 0 and target.ndim < data.ndim)
    try:
        if rest is None:
            target[...] = v
        else:
            target[rest] = v
    except IndexError as error:
        raise _index_error(error, viewed, rest or ()) from None
    except ValueError:
        if rest is None:
            expand(Tensor._wrap(v), target.shape)
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(v.shape)} cannot be broadcast to indexing result of shape "
            f"{list(np.shape(target[rest]))}"
        ) from None
    if not isinstance(data, np.ndarray):
        input._data = base._data
    wrote(memory)


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
    shape = errors.common_shape(mask._data.shape, input._data.shape)
    wide = input if shape == input._data.shape else input.expand(shape)
    if isinstance(value, Tensor):
        return _masked_tensor(wide, mask, value.to(input.dtype))
    return _masked_number(wide, mask, held(value, input._data.dtype))


masked_fill_ = in_place(masked_fill, name="masked_fill_", fills=True)


def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where the mask holds, in one dim."""
    if isinstance(mask._data, Layer):
        raise RuntimeError(
            "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support this because for each batch this would return a "
            "differently shaped Tensor. Please file an issue at https://github.com/pytorch/pytorch/issues if you need this feature."
        )
    if mask._data.dtype.kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = errors.common_shape(mask._data.shape, input._data.shape)
    wide = input if shape == input._data.shape else input.expand(shape)
    index = (np.broadcast_to(mask._data, shape),)
    result = _masked_select(wide, kept(index) if wide._needs else index)
    return result if out is None else into(out, result)


METHODS = dict(select=select, narrow=narrow, fill_=fill_, zero_=zero_, index_put=index_put, masked_fill=masked_fill, masked_select=masked_select)
