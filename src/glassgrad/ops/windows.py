"""Windows that slide over the last dims of an array: copied out into columns, and added back. What convolution and pooling are made of.

The input has shape (N, C, *sizes). `kernel`, `stride` and `dilation` have one number for each size, `padding` a pair (before, after).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .arrays import array_function

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def counts(sizes: Any, kernel: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Sizes:
    """How many windows there are along each dim."""
    return tuple((n + lo + hi - d * (k - 1) - 1) // s + 1 for n, k, s, (lo, hi), d in zip(sizes, kernel, stride, padding, dilation))


def padded(x: Any, padding: Pairs, value: Any = 0) -> Any:
    """x with `value` around the last dims; negative padding cuts off."""
    if not any(lo or hi for lo, hi in padding):
        return x
    lead = x.ndim - len(padding)
    shape = x.shape[:lead] + tuple(n + lo + hi for n, (lo, hi) in zip(x.shape[lead:], padding))
    out = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    into: Any = tuple(slice(max(lo, 0), max(lo, 0) + n + min(lo, 0) + min(hi, 0)) for n, (lo, hi) in zip(x.shape[lead:], padding))
    of: Any = tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(x.shape[lead:], padding))
    out[(..., *into)] = x[(..., *of)]
    return out


@array_function
def pad_with(x: Any, padding: Pairs, value: Any = 0) -> Any:
    """`padded`, of any kind of array; the transpose pads by the negative numbers."""
    return padded(x, padding, value).copy() if not any(map(any, padding)) else padded(x, padding, value)


@array_function
def columns(x: Any, kernel: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Any:
    """(N, C, *sizes) to (N, C · Πkernel, windows): one column a window."""
    many = counts(x.shape[2:], kernel, stride, padding, dilation)
    n, c = x.shape[:2]
    return np.reshape(_view(padded(x, padding), kernel, stride, dilation, many), (n, c * math.prod(kernel), math.prod(many)))


def _view(x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes, many: Sizes) -> Any:
    """(N, C, *kernel, *windows), without a copy."""
    steps = x.strides[2:]
    strides = (*x.strides[:2], *(d * t for d, t in zip(dilation, steps)), *(s * t for s, t in zip(stride, steps)))
    return np.lib.stride_tricks.as_strided(x, (*x.shape[:2], *kernel, *many), strides, writeable=False)


def places(kernel: Sizes, stride: Sizes, dilation: Sizes, many: Sizes) -> Iterator[tuple[Sizes, tuple[Any, ...]]]:
    """Each place in the kernel, and the slices of the padded input that are seen there."""
    for at in itertools.product(*map(range, kernel)):
        yield at, (..., *(slice(k * d, k * d + (m - 1) * s + 1, s) for k, d, m, s in zip(at, dilation, many, stride)))


@array_function
def add_back(grad: Any, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Any:
    """The transpose of `columns`: (N, C · Πkernel, windows) to (N, C, *sizes), where windows overlap their values added."""
    many = counts(sizes, kernel, stride, padding, dilation)
    n, c = grad.shape[0], grad.shape[1] // math.prod(kernel)
    parts = grad.reshape((n, c, *kernel, *many))
    out = np.zeros((n, c, *(size + lo + hi for size, (lo, hi) in zip(sizes, padding))), grad.dtype)
    for at, seen in places(kernel, stride, dilation, many):
        out[seen] += parts[(slice(None), slice(None), *at)]
    return padded(out, tuple((-lo, -hi) for lo, hi in padding))


@array_function
def window_sums(x: Any, kernel: Sizes, stride: Sizes, padding: Pairs) -> Any:
    """The sum of each window: (N, C, *sizes) to (N, C, *windows)."""
    once = (1,) * len(kernel)
    many, wide = counts(x.shape[2:], kernel, stride, padding, once), padded(x, padding)
    out = None
    for _, seen in places(kernel, stride, once, many):
        out = wide[seen].copy() if out is None else np.add(out, wide[seen], out=out)
    return out


@array_function
def spread_sums(grad: Any, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Pairs) -> Any:
    """The transpose of `window_sums`."""
    once = (1,) * len(kernel)
    out = np.zeros((*grad.shape[:2], *(size + lo + hi for size, (lo, hi) in zip(sizes, padding))), grad.dtype)
    for _, seen in places(kernel, stride, once, grad.shape[2:]):
        out[seen] += grad
    return padded(out, tuple((-lo, -hi) for lo, hi in padding))


@array_function
def window_argmax(x: Any, kernel: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Any:
    """Where in the input (its last dims counted as one) the largest value of each window stands: the first, NaN before all."""
    many = counts(x.shape[2:], kernel, stride, padding, dilation)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    wide = padded(x, padding, lowest)
    flat = np.broadcast_to(padded(np.arange(math.prod(x.shape[2:])).reshape(x.shape[2:]), padding, -1), wide.shape[2:])
    best: Any = None
    index: Any = None
    for _, seen in places(kernel, stride, dilation, many):
        value, where = wide[seen], flat[seen]
        if best is None:
            best, index = value.copy(), np.broadcast_to(where, value.shape).copy()
        else:
            larger = (value > best) | ((value != value) & (best == best)) | (index < 0)
            larger &= where >= 0
            np.copyto(best, value, where=larger)
            np.copyto(index, np.broadcast_to(where, value.shape), where=larger)
    return index
