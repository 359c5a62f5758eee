"""Operations that move elements without changing them: reshaping, permuting, joining, splitting; views share memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import as_dtype
from ..graph.memory import materialize
from ..graph.views import alias
from ..placement import CPU, Size, on_cpu
from ..tensor import Tensor
from . import arrays
from .declare import linear
from .reductions import axes
from .runtime import into, sum_to


def sizes(given: tuple[Any, ...], named: Any = None, name: str = "", what: str = "size") -> tuple[int, ...]:
    """Sizes given one by one, as one sequence, or by keyword."""
    if named is not None:
        given = (named,)
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = tuple(given[0])
    try:
        return tuple([n if type(n) is int else n.__index__() for n in given])
    except AttributeError:
        wrong = next(n for n in given if not hasattr(n, "__index__"))
        raise errors.argument(name, what, 1, "tuple of ints", wrong) from None


def wrap_dim(dim: int, ndim: int) -> int:
    """A dim counted from the front."""
    n = ndim or 1
    if not -n <= dim < n:
        raise errors.dim_range(dim, ndim)
    return dim % n


def inferred(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """A shape with its -1 worked out, or PyTorch's error."""
    holes = [i for i, n in enumerate(shape) if n == -1]
    if len(holes) > 1:
        raise RuntimeError("only one dimension can be inferred")
    bad = next((n for n in shape if n < -1), None)
    if bad is not None:
        raise RuntimeError(f"invalid shape dimension {bad} at index {shape.index(bad)} of shape {list(shape)}")
    if holes:
        rest = math.prod(n for n in shape if n != -1)
        if rest == 0 and size == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 can be "
                "any value and is ambiguous"
            )
        if rest and size % rest == 0:
            return tuple(size // rest if n == -1 else n for n in shape)
    elif math.prod(shape) == size:
        return shape
    raise errors.explain(
        RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}"),
        where=errors.line_of(errors.users_place()),
    )


# ------------------------------------------------------------------------------------------------ views
_view = linear("_view", lambda self, shape: self.reshape(shape), lambda grad, self_shape: grad.reshape(self_shape), node="ViewBackward0", view=True)
_reshape_alias = linear("_reshape_alias", lambda self, shape: self.reshape(shape),
                        lambda grad, self_shape: grad.reshape(self_shape), node="ReshapeAliasBackward0", view=True)  # fmt: skip
_unsafe_view = linear("_unsafe_view", lambda self, shape: self.reshape(shape),
                      lambda grad, self_shape: grad.reshape(self_shape), node="UnsafeViewBackward0")  # fmt: skip
_squeeze = linear("_squeeze", lambda self: np.squeeze(self), lambda grad, self_shape: grad.reshape(self_shape), node="SqueezeBackward0", view=True)
_squeeze_dim = linear("_squeeze_dim", lambda self, dim: np.squeeze(self, dim) if self.ndim and self.shape[dim] == 1 else self[...],
                      lambda grad, self_shape: grad.reshape(self_shape), node="SqueezeBackward1", view=True)  # fmt: skip
_squeeze_dims = linear("_squeeze_dims", lambda self, dim: np.squeeze(self, tuple(d for d in dim if self.shape[d] == 1)),
                       lambda grad, self_shape: grad.reshape(self_shape), node="SqueezeBackward2", view=True)  # fmt: skip
squeeze_product = linear("_squeeze_product", lambda self, dim: np.squeeze(self, dim), lambda grad, self_shape: grad.reshape(self_shape),
                         node="SqueezeBackward4", view=True)  # fmt: skip
_unsqueeze = linear("_unsqueeze", lambda self, dim: np.expand_dims(self, dim), lambda grad, self_shape: grad.reshape(self_shape),
                    node="UnsqueezeBackward0", view=True)  # fmt: skip
_permute = linear("_permute", lambda self, dims: np.transpose(self, dims), lambda grad, dims: np.transpose(grad, tuple(int(i) for i in np.argsort(dims))),
                  node="PermuteBackward0", view=True)  # fmt: skip
_transpose = linear("_transpose", lambda self, dim0, dim1: np.swapaxes(self, dim0, dim1) if self.ndim else self[...],
                    lambda grad, dim0, dim1: np.swapaxes(grad, dim0, dim1) if grad.ndim else grad, node="TransposeBackward0", view=True)  # fmt: skip
_t = linear("_t", lambda self: self.T, lambda grad: grad.T, node="TBackward0", view=True)
_expand = linear("_expand", lambda self, size: np.broadcast_to(self, size), lambda grad, self_shape: sum_to(grad, self_shape),
                 node="ExpandBackward0", view=True)  # fmt: skip


def _viewable(data: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether an array can take a shape without being copied."""
    return data.flags.c_contiguous or data.size == 0 or np.shares_memory(data, data.reshape(shape))


def view(input: Tensor, *shape: Any, dtype: Any = None, size: Any = None) -> Tensor:
    """The same memory with another shape (or, given a dtype, read as that type)."""
    if len(shape) == 1 and not isinstance(shape[0], (int, tuple, list, Tensor, np.integer)):
        dtype = shape[0]
    if dtype is not None:
        return _viewed_as(input, as_dtype(dtype))
    data = materialize(input)
    new_shape = inferred(sizes(shape, size, "view"), data.size)
    if type(data) is np.ndarray and not _viewable(data, new_shape):
        raise errors.explain(
            RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
                "contiguous subspaces). Use .reshape(...) instead."
            ),
            "the elements lie in memory in another order (after a transpose or permute): this shape cannot be had without moving them",
            errors.line_of(errors.users_place()),
            "x.reshape(...) copies where it must; x.contiguous().view(...) says so",
        )
    return _view(input, new_shape)


def _viewed_as(input: Tensor, dtype: Any) -> Tensor:
    """The same bytes read as another type."""
    data = materialize(input)
    wide, narrow = dtype.itemsize, data.itemsize
    if wide > narrow and (data.ndim == 0 or data.shape[-1] * narrow % wide):
        if data.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 to view {input.dtype.type_name} as {dtype.type_name} (different element sizes)")
        raise RuntimeError(
            f"self.size(-1) must be divisible by {wide // narrow} to view {input.dtype.type_name} as {dtype.type_name} (different element "
            f"sizes), but got {data.shape[-1]}"
        )
    return alias(input, Tensor._wrap(data.view(dtype.numpy)), None)


def reshape(input: Tensor, *given: Any, shape: Any = None) -> Tensor:
    """Another shape for the same elements: a view where the memory allows it, a copy otherwise.

    >>> import glassgrad as gg
    >>> gg.reshape(gg.arange(4), (2, -1))
    tensor([[0, 1],
            [2, 3]])
    """
    data = input._data
    new_shape = inferred(sizes(given, shape, "reshape", "shape"), data.size)
    if type(data) is np.ndarray and not _viewable(data, new_shape):
        return _unsafe_view(_in_order(input), new_shape)
    if type(data) is np.ndarray and not data.flags.c_contiguous:
        return _reshape_alias(input, new_shape)
    return _view(input, new_shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """A view with the shape of other."""
    return view(input, tuple(other._data.shape))


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """A reshape to the shape of other."""
    return reshape(input, tuple(other._data.shape))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from start_dim to end_dim as one."""
    shape = input._data.shape
    n = len(shape)
    start, end = wrap_dim(start_dim, n), wrap_dim(end_dim, n)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if n == 0:
        return reshape(input, 1)
    if start == end:
        return input
    return reshape(input, shape[:start] + (math.prod(shape[start : end + 1]),) + shape[end + 1 :])


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dim as several."""
    shape = input._data.shape
    d, parts = wrap_dim(dim, len(shape)), tuple(sizes)
    if -1 not in parts and math.prod(parts) != shape[d]:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim {d} ({shape[d]}) in the input tensor"
        )
    return view(input, shape[:d] + inferred(parts, shape[d]) + shape[d + 1 :])


def ravel(input: Tensor) -> Tensor:
    """All elements in one dim."""
    return reshape(input, -1)


def squeeze(input: Tensor, dim: Any = None, *, axis: Any = None) -> Tensor:
    """Without its dims of size 1, or without those of `dim` that are."""
    dim = axis if dim is None else dim
    if dim is None:
        return _squeeze(input)
    if isinstance(dim, (tuple, list)):
        return _squeeze_dims(input, axes(dim, input._data.ndim) or ())
    return _squeeze_dim(input, wrap_dim(dim, input._data.ndim))


def unsqueeze(input: Tensor, dim: Any = None, *, axis: Any = None) -> Tensor:
    """With a dim of size 1 at `dim`."""
    if dim is None and axis is None:
        raise TypeError('unsqueeze() missing 1 required positional arguments: "dim"')
    return _unsqueeze(input, wrap_dim(axis if dim is None else dim, input._data.ndim + 1))


def permute(input: Tensor, *order_: Any, dims: Any = None) -> Tensor:
    """The dims in another order."""
    if not order_ and dims is None:
        raise TypeError('permute() missing 1 required positional arguments: "dims"')
    order = sizes(order_, dims, "permute", "dims")
    n = input._data.ndim
    if len(order) != n:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {n} is not equal to len(dims) = {len(order)}"
        )
    order = tuple(wrap_dim(d, n) for d in order)
    if len(set(order)) < n:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return _permute(input, order)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """With two dims swapped."""
    n = input._data.ndim
    return _transpose(input, wrap_dim(dim0, n), wrap_dim(dim1, n))


swapdims = transpose


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose`, by NumPy's name."""
    return transpose(input, axis0, axis1)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix."""
    if input._data.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._data.ndim}D")
    return _t(input)


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """With the dims of `source` moved to the places of `destination`."""
    n = input._data.ndim
    src = [wrap_dim(d, n) for d in (source if isinstance(source, (tuple, list)) else (source,))]
    dst = [wrap_dim(d, n) for d in (destination if isinstance(destination, (tuple, list)) else (destination,))]
    rest = iter(d for d in range(n) if d not in src)
    return _permute(input, tuple(src[dst.index(i)] if i in dst else next(rest) for i in range(n)))


def expand(input: Tensor, *given: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """Dims of size 1 stretched, without copying; -1 keeps a size."""
    wanted = sizes(given, size, "expand")
    shape = input._data.shape
    lead = len(wanted) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({input.type()}{{{list(shape)}}}, size={list(wanted)}): the number of sizes provided ({len(wanted)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    full = tuple(shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(wanted))
    for i, n in reversed(list(enumerate(full))):
        if n == -1:
            raise RuntimeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
            )
        if i >= lead and shape[i - lead] not in (1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({shape[i - lead]}) at non-singleton dimension "
                f"{i}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(shape)}"
            )
    return _expand(input, full)


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """Stretched to `size`, without copying."""
    return expand(input, size)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Stretched to the shape of other."""
    return expand(input, tuple(other._data.shape))


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes broadcast to.

    >>> import glassgrad as gg
    >>> gg.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    wide: list[int] = []
    for i, given in enumerate(shapes):
        shape = (given,) if isinstance(given, int) else tuple(given)
        wide = [1] * (len(shape) - len(wide)) + wide
        for k, n in zip(range(-1, -len(shape) - 1, -1), reversed(shape)):
            if wide[k] == 1:
                wide[k] = n
            elif n not in (1, wide[k]):
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {n} at {k}! Mismatching argument at index {i} had {shape}; but expected "
                    f"shape should be broadcastable to {wide}"
                )
    return Size(wide)


def _at_least(ndim: int) -> Any:
    def widened(*tensors: Any) -> Any:
        items = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
        found = []
        for x in items:
            while x._data.ndim < ndim:
                x = unsqueeze(x, -1 if x._data.ndim == 2 else 0)
            found.append(x)
        return found[0] if len(found) == 1 and items is tensors else tuple(found)

    widened.__name__ = widened.__qualname__ = f"atleast_{ndim}d"
    widened.__doc__ = f"The tensors, with dims of size 1 added to those that have fewer than {ndim}."
    return widened


atleast_1d, atleast_2d, atleast_3d = _at_least(1), _at_least(2), _at_least(3)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All stretched to their common shape."""
    items = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    shape: tuple[int, ...] = ()
    for item in items:
        try:
            shape = np.broadcast_shapes(shape, item._data.shape)
        except ValueError:
            clash = errors.broadcast_clash(shape, item._data.shape)
            raise clash if clash else RuntimeError("shapes do not broadcast") from None
    return tuple(expand(i, shape) for i in items)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The grids that 1-d coordinates span."""
    items = list(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors)
    if indexing is None:
        warnings.warn("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", UserWarning, stacklevel=2)
        indexing = "ij"
    if any(x._data.ndim > 1 for x in items):
        bad = next(x for x in items if x._data.ndim > 1)
        raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {str(bad).partition(chr(10))[0]}")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    swap = indexing == "xy" and len(items) >= 2
    if swap:
        items[0], items[1] = items[1], items[0]
    shape = tuple(i._data.size for i in items)
    grids = [expand(view(x, (1,) * k + (-1,) + (1,) * (len(items) - 1 - k)), shape) for k, x in enumerate(items)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


_diagonal = linear("_diagonal", lambda self, offset, dim1, dim2: arrays.diagonal(self, offset, dim1, dim2),
                   lambda grad, self_shape, offset, dim1, dim2: arrays.embed_diagonal(grad, self_shape, offset, dim1, dim2),
                   node="DiagonalBackward0", view=True)  # fmt: skip
_embed_diagonal = linear("_embed_diagonal", lambda self, shape, offset, dim1, dim2: arrays.embed_diagonal(self, shape, offset, dim1, dim2),
                         lambda grad, offset, dim1, dim2: np.diagonal(grad, offset, dim1, dim2), node="DiagonalBackward0")  # fmt: skip
_flip = linear("_flip", lambda self, dims: np.flip(self, dims).copy() if self.ndim else self + 0, lambda grad, dims: np.flip(grad, dims) if grad.ndim else grad,
               node="FlipBackward0")  # fmt: skip
_tril = linear("_tril", lambda self, diagonal: np.tril(self, diagonal), lambda grad, diagonal: np.tril(grad, diagonal), node="TrilBackward0")
_triu = linear("_triu", lambda self, diagonal: np.triu(self, diagonal), lambda grad, diagonal: np.triu(grad, diagonal), node="TriuBackward0")


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dims, as the last dim."""
    n = input._data.ndim
    first, second = wrap_dim(dim1, n), wrap_dim(dim2, n)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return _diagonal(input, offset, first, second)


def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of the last two dims, or of others, as the last dim."""
    return diagonal(A, offset, dim1, dim2)


def flip(input: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """The order of elements along dims turned round."""
    along = [wrap_dim(d, input._data.ndim) for d in sizes(given, dims, "flip", "dims")]
    if len(set(along)) < len(along):
        raise RuntimeError(f"dim {next(d for d in along if along.count(d) > 1)} appears multiple times in the list of dims")
    return _flip(input, tuple(along))


_roll = linear("_roll", lambda self, shifts, dims: np.roll(self, shifts, dims),
               lambda grad, shifts, dims: np.roll(grad, tuple(-s for s in shifts), dims), node="RollBackward0")  # fmt: skip
_repeat = linear("_repeat", lambda self, repeats: np.tile(self, repeats), lambda grad, self_shape, repeats: _folded(grad, self_shape, repeats),
                 node="RepeatBackward0")  # fmt: skip
_trace = linear("_trace", lambda self: np.trace(self), lambda grad, self_shape: arrays.embed_diagonal(
    np.broadcast_to(grad, (min(self_shape),)), self_shape, 0, 0, 1), node="TraceBackward0")  # fmt: skip


def _folded(grad: Any, shape: tuple[int, ...], repeats: tuple[int, ...]) -> Any:
    """The sum over the copies of a repeated tensor."""
    lead = len(repeats) - len(shape)
    pairs = [n for r, s in zip(repeats, (1,) * lead + shape) for n in (r, s)]
    return np.sum(np.reshape(grad, tuple(pairs)), axis=tuple(range(0, len(pairs), 2))).reshape(shape)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved along dims, those that fall off coming in again at the other end."""
    steps = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    if dims is None or dims == ():
        if len(steps) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:0")
        return reshape(_roll(reshape(input, -1), steps, (0,)), tuple(input._data.shape))
    along = tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    if len(along) != len(steps):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(along)}")
    return _roll(input, steps, tuple(wrap_dim(d, input._data.ndim) for d in along))


def repeat(input: Tensor, *given: Any, repeats: Any = None) -> Tensor:
    """The tensor so many times along each dim, copied."""
    times = sizes(given, repeats, "repeat", "repeats")
    if len(times) < input._data.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    return _repeat(input, times)


def tile(input: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """As `repeat`, with dims that are not named taken once."""
    times = sizes(given, dims, "tile", "dims")
    return _repeat(input, (1,) * (input._data.ndim - len(times)) + times)


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    if input._data.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._data.ndim}")
    if input._data.dtype.kind == "b":
        raise errors.no_kernel("trace", input._data.dtype)
    return _trace(input if input._data.dtype.kind in "fc" else to(input, np.dtype(np.int64)))


def fliplr(input: Tensor) -> Tensor:
    """The second dim turned round."""
    if input._data.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """The first dim turned round."""
    if input._data.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Summed to a size that broadcasts to the tensor's own."""
    wanted = sizes(size)
    try:
        fits = np.broadcast_shapes(wanted, input._data.shape) == input._data.shape
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(input._data.shape)}}}.")
    return sum_to(input, wanted)


def _matrices(name: str, input: Tensor) -> None:
    if input._data.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


def tril(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle of matrices, zeros elsewhere."""
    _matrices("tril", input)
    result = _tril(input, diagonal)
    return result if out is None else into(out, result)


def triu(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle of matrices, zeros elsewhere."""
    _matrices("triu", input)
    result = _triu(input, diagonal)
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ copies and casts
_clone = linear("_clone", lambda self: arrays.copied(self) if type(self) is np.ndarray else self.copy(),
                lambda grad: grad, node="CloneBackward0")  # fmt: skip
_to = linear("_to", lambda self, dtype: arrays.astype(self, dtype), lambda grad, self_dtype: back(grad, self_dtype), node="ToCopyBackward0")


def back(grad: Any, dtype: Any) -> Any:
    """A gradient in its input's type: the real part for a real input."""
    if dtype.kind != "c" and str(grad.dtype).rpartition(".")[2].startswith("complex"):
        grad = np.real(grad)
    return arrays.astype(grad, dtype)


_in_order = linear("_in_order", lambda self: self.copy(), lambda grad: grad, node="CloneBackward0")


def to(input: Tensor, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False, copy: bool = False,
       memory_format: Any = None) -> Tensor:  # fmt: skip
    """The tensor in another dtype (or that of another tensor); itself where nothing changes and no copy is asked for."""
    for arg in args:
        if isinstance(arg, Tensor):
            dtype = arg.dtype
        elif isinstance(arg, (str, int, type(CPU))) and not isinstance(arg, bool):
            device = arg
        elif isinstance(arg, bool):
            continue
        else:
            dtype = arg
    if device is not None:
        on_cpu(device)
    wanted = input._data.dtype if dtype is None else dtype if isinstance(dtype, np.dtype) else as_dtype(dtype).numpy
    if memory_format is not None:
        from .formats import laid

        return laid(to(input, wanted, copy=copy), memory_format)
    if wanted == input._data.dtype:
        return _clone(input) if copy else input
    if wanted.kind not in "fc":
        return Tensor._wrap(input._data.astype(wanted))
    return _to(input, wanted)


_real = linear("_real", lambda self: self.real, lambda grad, self_dtype: arrays.astype(grad, self_dtype), node="SelectBackward0")
_imag = linear("_imag", lambda self: self.imag, lambda grad, self_dtype: arrays.astype(grad, self_dtype) * 1j, node="SelectBackward0")
_conj = linear("_conj", np.conj, lambda grad: np.conj(grad), node="ConjBackward0")


def real(input: Tensor) -> Tensor:
    """The real part."""
    return _real(input) if input.is_complex() else input


def imag(input: Tensor) -> Tensor:
    """The imaginary part."""
    if not input.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _imag(input)


def conj(input: Tensor) -> Tensor:
    """The complex conjugate; real tensors as they are."""
    return _conj(input) if input.is_complex() else input


METHODS = dict(view=view, reshape=reshape, view_as=view_as, reshape_as=reshape_as, flatten=flatten, unflatten=unflatten, ravel=ravel,
               squeeze=squeeze, unsqueeze=unsqueeze, permute=permute, transpose=transpose, swapaxes=swapaxes, swapdims=transpose, t=t,
               movedim=movedim, moveaxis=movedim, expand=expand, broadcast_to=broadcast_to, expand_as=expand_as,
               to=to, conj=conj,
               diagonal=diagonal, flip=flip, tril=tril, triu=triu,
               roll=roll, repeat=repeat, tile=tile, trace=trace, fliplr=fliplr, flipud=flipud, sum_to_size=sum_to_size)  # fmt: skip
