"""Pooling: the largest value, the mean or the p-norm of windows, of fixed size or as many as are asked for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays, windows
from . import elementwise as e
from .creation import zeros
from .declare import linear
from .levels import raw
from .numpy_protocol import FUNCTIONS
from .reductions import mean
from .shapes import flatten, reshape


def _averages(n: int) -> Any:
    return linear(
        f"_avg_pool{n}d", lambda self, kernel_size, stride, padding, divisor: windows.window_sums(self, kernel_size, stride, padding) / divisor,
        lambda grad, self_shape, kernel_size, stride, padding, divisor: windows.spread_sums(
            grad / divisor, tuple(self_shape[2:]), kernel_size, stride, padding), node=f"AvgPool{n}DBackward0")  # fmt: skip


_avg_pool2d, _avg_pool3d = _averages(2), _averages(3)
_window_sums = linear(
    "_window_sums", lambda self, kernel_size, stride, padding: windows.window_sums(self, kernel_size, stride, padding),
    lambda grad, self_shape, kernel_size, stride, padding: windows.spread_sums(grad, tuple(self_shape[2:]), kernel_size, stride, padding))  # fmt: skip
_spread_sums = linear(
    "_spread_sums", lambda self, sizes, kernel_size, stride, padding: windows.spread_sums(self, sizes, kernel_size, stride, padding),
    lambda grad, kernel_size, stride, padding: windows.window_sums(grad, kernel_size, stride, padding), node="AvgPool2DBackwardBackward0")  # fmt: skip
FUNCTIONS |= {windows.window_sums: _window_sums, windows.spread_sums: _spread_sums}


def _flat(x: Any) -> Any:
    """(N, C, *sizes) as (N, C, Πsizes)."""
    return np.reshape(x, (*x.shape[:2], math.prod(x.shape[2:])))


def _picked(name: str, node: str) -> Any:
    """An op that takes from each image the elements at the places that `index` (N, C, *windows) names, all dims counted as one."""
    return linear(
        name, lambda self, index: np.reshape(arrays.pick(_flat(self), _flat(index), 2), index.shape),
        lambda grad, self_shape, index: np.reshape(
            arrays.put_back(_flat(grad), _flat(index), (*self_shape[:2], math.prod(self_shape[2:])), 2), tuple(self_shape)), node=node)  # fmt: skip


_max_pool2d, _max_pool3d = _picked("_max_pool2d", "MaxPool2DWithIndicesBackward0"), _picked("_max_pool3d", "MaxPool3DWithIndicesBackward0")
_adaptive_max2d, _adaptive_max3d = _picked("_adaptive_max2d", "AdaptiveMaxPool2DBackward0"), _picked("_adaptive_max3d", "AdaptiveMaxPool3DBackward0")
WORDS = {1: "int", 2: "two ints", 3: "three ints"}


def _sizes(value: Any, n: int, who: str, what: str) -> tuple[int, ...]:
    found = (value,) * n if isinstance(value, int) else tuple(int(v) for v in value)
    found = found * n if len(found) == 1 else found
    if len(found) != n:
        raise RuntimeError(f"{who}: {what} must either be a single int, or a tuple of {WORDS[n]}")
    return found


def _arguments(who: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    """The input as a batch, and kernel, stride, pairs of padding and dilation; the padding behind reaches the last window of `ceil_mode`."""
    kernel = _sizes(kernel_size, n, who, "kernel_size")
    step = kernel if stride is None or stride == [] else _sizes(stride, n, who, "stride")
    pads, spread = _sizes(padding, n, who, "padding"), _sizes(dilation, n, who, "dilation")
    if any(s == 0 for s in step):
        raise RuntimeError("stride should not be zero")
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input")
    for p, k, d in zip(pads, kernel, spread):
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}")
    x = input if input.ndim == n + 2 else input.unsqueeze(0)
    sizes = x._data.shape[2:]
    pairs, many = [], []
    for size, k, s, p, d in zip(sizes, kernel, step, pads, spread):
        reach = size + 2 * p - d * (k - 1) - 1
        count = (-(-reach // s) if ceil_mode else reach // s) + 1
        if ceil_mode and (count - 1) * s >= size + p:  # a window that starts behind the input is none
            count -= 1
        pairs.append((p, max(p, (count - 1) * s + d * (k - 1) + 1 - size - p)))
        many.append(count)
    if any(m < 1 for m in many) or any(size == 0 for size in sizes):
        shown = [f"({'x'.join(map(str, v))})" for v in ((x.shape[1], *(1,) * (2 - n), *sizes), (x.shape[1], *(1,) * (2 - n), *many))]
        raise RuntimeError(f"Given input size: {shown[0]}. Calculated output size: {shown[1]}. Output size is too small")
    pairs = [
        (lo, (m - 1) * s + d * (k - 1) + 1 - size - lo) if ceil_mode else (lo, hi)
        for (lo, hi), m, s, d, k, size in zip(pairs, many, step, spread, kernel, sizes)
    ]
    return x, kernel, step, tuple(pairs), pads, spread, tuple(many)


# ------------------------------------------------------------------------------------------------ the largest
def _max_pool(n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, return_indices: bool) -> Any:
    x, kernel, step, pairs, _, spread, many = _arguments(f"max_pool{n}d", n, input, kernel_size, stride, padding, dilation, ceil_mode)
    if x._data.dtype.kind == "b":
        raise errors.no_kernel(f"max_pool{n}d", x._data.dtype)
    index = windows.window_argmax(x._data, kernel, step, pairs, spread)
    out = (_max_pool3d if n == 3 else _max_pool2d)(x, index)
    found = Tensor._wrap(index)
    if input.ndim == n + 1:
        out, found = out.squeeze(0), found.squeeze(0)
    return (out, found) if return_indices else out


def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False, return_indices: bool = False
) -> Any:
    """`max_pool2d` over one dim: (N, C, L) or (C, L)."""
    if input.ndim not in (2, 3):
        raise RuntimeError(f"max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(input.shape)}")
    found = _max_pool(2, _flat_image(input), _row(kernel_size), _row(stride), _row(padding, 0), _row(dilation), ceil_mode, return_indices)
    return tuple(t.squeeze(-2) for t in found) if return_indices else found.squeeze(-2)


def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False, return_indices: bool = False
) -> Any:
    """The largest value of each window of (N, C, H, W) or (C, H, W); its gradient goes to the first that is the largest.

    The stride is the kernel's size where none is given. `return_indices` adds where they stood, for `max_unpool2d`.

    >>> import glassgrad as gg
    >>> gg.nn.functional.max_pool2d(gg.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False, return_indices: bool = False
) -> Any:
    """`max_pool2d` over three dims."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _unpool(n: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Tensor:
    who = f"max_unpool{n}d"
    kernel = _sizes(kernel_size, n, who, "kernel_size")
    step, pads = kernel if stride is None else _sizes(stride, n, who, "stride"), _sizes(padding, n, who, "padding")
    size = tuple((m - 1) * s - 2 * p + k for m, s, p, k in zip(input.shape[-n:], step, pads, kernel)) if output_size is None else tuple(output_size)[-n:]
    lead = tuple(input.shape[:-n])
    places = raw(indices._data)
    if places.size and (places.min() < 0 or places.max() >= math.prod(size)):
        shown = "x".join(map(str, (*size, *(1,) * (2 - n))))
        raise RuntimeError(
            f"Found an invalid max index: {int(places.flat[np.argmax((places < 0) | (places >= math.prod(size)))])} (output volumes are of size {shown})"
        )
    out = zeros(*lead, math.prod(size), dtype=input.dtype)
    return reshape(out.scatter(-1, flatten(indices, -n), flatten(input, -n)), (*lead, *size))


def max_unpool1d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """`max_unpool2d` over one dim."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """Values put back to where `max_pool2d` took them from, zeros elsewhere."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """`max_unpool2d` over three dims."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# ------------------------------------------------------------------------------------------------ the mean
def _avg_pool(
    n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool, divisor_override: int | None
) -> Tensor:
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    x, kernel, step, pairs, pads, _, many = _arguments(f"avg_pool{n}d", n, input, kernel_size, stride, padding, 1, ceil_mode)
    divisor: Any = divisor_override
    if divisor_override is None and (count_include_pad or not any(pads)) and all(hi <= p for (_, hi), p in zip(pairs, pads)):
        divisor = math.prod(kernel)
    elif divisor_override is None:  # how many elements of each window lie within the input, and what padding counts
        lengths = []
        for size, k, s, p, m in zip(x._data.shape[2:], kernel, step, pads, many):
            starts = np.arange(m) * s - p
            low, high = (-p, size + p) if count_include_pad else (0, size)
            lengths.append(np.minimum(starts + k, high) - np.maximum(starts, low))
        grid = math.prod(np.ix_(*lengths))
        divisor = np.asarray(grid, np.dtype(x._data.dtype.name))
    out = (_avg_pool3d if n == 3 else _avg_pool2d)(x, kernel, step, pairs, divisor)
    return out if input.ndim == n + 2 else out.squeeze(0)


def _flat_image(input: Tensor) -> Tensor:
    """A series as an image of one row."""
    return input.unsqueeze(-2)


def _row(value: Any, alone: int = 1) -> Any:
    """A size along one dim as one of an image of one row."""
    return None if value is None else (alone, value if isinstance(value, int) else value[0])


def avg_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> Tensor:
    """`avg_pool2d` over one dim."""
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor for argument #1 'self' (while checking arguments for avg_pool1d)"
        )
    image = _avg_pool(2, _flat_image(input), _row(kernel_size), _row(stride), _row(padding, 0), ceil_mode, count_include_pad, None)
    return image.squeeze(-2)


def avg_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """The mean of each window of (N, C, H, W) or (C, H, W); whether padding counts is said by `count_include_pad`."""
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """`avg_pool2d` over three dims."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(pool: Any, n: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    means = pool(e.pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
    count = math.prod(_sizes(kernel_size, n, f"lp_pool{n}d", "kernel_size"))
    return e.pow(e.sign(means) * e.relu(e.abs(means)) * count, 1.0 / norm_type)


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """`lp_pool2d` over one dim."""
    return _lp_pool(avg_pool1d, 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(Σ x^p)^(1/p) of each window."""
    return _lp_pool(avg_pool2d, 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """`lp_pool2d` over three dims."""
    return _lp_pool(avg_pool3d, 3, input, norm_type, kernel_size, stride, ceil_mode)


# ------------------------------------------------------------------------------------------------ as many as are asked for
def _bins(size: int, count: int) -> list[tuple[int, int]]:
    """The windows that cover `size` elements in `count` parts, which may overlap by one."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _averaging(size: int, count: int, dtype: np.dtype) -> np.ndarray:
    """The matrix (count × size) that averages over the bins."""
    out = np.zeros((count, size), dtype)
    for row, (lo, hi) in zip(out, _bins(size, count)):
        row[lo:hi] = 1 / (hi - lo)
    return out


_along_dims = linear(
    "_along_dims", lambda self, matrices: multiplied(self, matrices), lambda grad, matrices: multiplied(grad, tuple(m.T for m in matrices)),
    node="AdaptiveAvgPool2DBackward0")  # fmt: skip


def multiplied(x: Any, matrices: tuple[np.ndarray, ...]) -> Any:
    """x with each of its last dims multiplied by a matrix."""
    for k, matrix in enumerate(reversed(matrices), 1):
        turned = np.swapaxes(x, -k, -1)
        x = np.swapaxes(np.matmul(turned, matrix.T), -k, -1)
    return x


def _wanted(who: str, n: int, input: Tensor, output_size: Any) -> tuple[int, ...]:
    size = (output_size,) * n if isinstance(output_size, int) else tuple(output_size)
    if len(size) != n:
        raise RuntimeError(f"{who}: output_size must be {n}")
    found = tuple(int(s) if o is None else int(o) for o, s in zip(size, input.shape[-n:]))
    if any(s < 0 for s in found):
        raise RuntimeError(f"{who}: elements of output_size must be greater than or equal to 0 but received {{{', '.join(map(str, found))}}}")
    return found


def _adaptive_avg_pool(n: int, input: Tensor, output_size: Any) -> Tensor:
    who = f"adaptive_avg_pool{n}d"
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{who}(): Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)}" if n > 1 else
            f"Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor for argument #1 'self' (while checking arguments for adaptive_avg_pool1d)"
        )  # fmt: skip
    size = _wanted(who, n, input, output_size)
    if not input.is_floating_point():
        raise errors.no_kernel(who, input._data.dtype)
    if all(s == 1 for s in size):
        return mean(input, tuple(range(-n, 0)), True)
    if n == 1:
        return _adaptive_avg_pool(2, _flat_image(input), (1, *size)).squeeze(-2)
    return _along_dims(input, tuple(_averaging(i, o, input._data.dtype) for i, o in zip(input._data.shape[-n:], size)))


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` over one dim."""
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of as many windows as `output_size` says (None: as many as there are elements), whatever the input's size."""
    return _adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` over three dims."""
    return _adaptive_avg_pool(3, input, output_size)


def _adaptive_max_pool(n: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    who = f"adaptive_max_pool{n}d"
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"{who}(): Expected {n + 1}D or {n + 2}D tensor, but got: {list(input.shape)}")
    size, sizes = _wanted(who, n, input, output_size), input._data.shape[-n:]
    flat = np.arange(math.prod(sizes)).reshape(sizes)
    data = input._data
    index = np.zeros((*data.shape[:-n], *size), np.int64) if isinstance(data, np.ndarray) else None
    if index is None:
        raise NotImplementedError(f"{who} cannot be run inside vmap or forward mode here")
    for at in np.ndindex(*size):
        window = tuple(slice(*_bins(s, o)[i]) for s, o, i in zip(sizes, size, at))
        part = data[(..., *window)]
        best = np.argmax(part.reshape(*part.shape[:-n], -1), -1)
        index[(..., *at)] = flat[window].reshape(-1)[best]
    x, places = (input, index) if input.ndim == n + 2 else (input.unsqueeze(0), index[None])
    out, found = (_adaptive_max3d if n == 3 else _adaptive_max2d)(x, places), Tensor._wrap(index)
    out = out if input.ndim == n + 2 else out.squeeze(0)
    return (out, found) if return_indices else out


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` over one dim."""
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest values of as many windows as `output_size` says, whatever the input's size."""
    return _adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` over three dims."""
    return _adaptive_max_pool(3, input, output_size, return_indices)
