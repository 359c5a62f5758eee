"""Operations that make fewer numbers out of many: sums, means, products, norms, and running sums."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import as_dtype
from ..tensor import Tensor
from . import arrays
from .blocks import by_rows
from .declare import linear, vjp
from .runtime import conj, into


def axes(dim: Any, ndim: int) -> Any:
    """`dim` as NumPy's axis: None for all, a checked int, or a tuple of distinct ones."""
    if dim is None:
        return None
    n = ndim or 1
    if not isinstance(dim, (tuple, list)):
        dim = as_int(dim)
        if not -n <= dim < n:
            raise errors.dim_range(dim, ndim)
        return dim % n if ndim else ()
    if len(dim) == 0:
        return None
    found = tuple(0 if ndim == 0 and axes(d, 0) == () else axes(d, ndim) for d in dim)
    if len(set(found)) < len(found):
        twice = next(d for i, d in enumerate(found) if d in found[:i])
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return found if ndim else ()


def as_int(dim: Any) -> int:
    """A dim given as an int, or as anything that stands for one."""
    try:
        return dim.__index__()
    except AttributeError:
        raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}") from None


def one_axis(name: str, dim: Any, ndim: int) -> Any:
    """A single dim, checked: a tuple is refused."""
    if isinstance(dim, (tuple, list)):
        raise errors.explain(TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}"), where=errors.line_of(errors.users_place()))
    return axes(dim, ndim)


def dims_of(node: Any) -> Any:
    """The dims that a node reduced, as PyTorch shows them."""
    return node.dim if node.dim is None or isinstance(node.dim, tuple) else (node.dim,)


def spread(grad: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """A reduced gradient over the shape it was reduced from, as a read-only view."""
    if dim is not None and not keepdim and len(shape):
        grad = np.expand_dims(grad, dim)
    return np.broadcast_to(grad, shape)


def unreduced(value: Any, dim: Any, keepdim: bool) -> Any:
    """A reduced value with its dims back, of size 1, so that it meets the unreduced one."""
    return value if keepdim or dim is None or dim == () else np.expand_dims(value, dim)


# ------------------------------------------------------------------------------------------------ sums and means
def _as_it_is(x: Any) -> dict[str, Any]:
    """NumPy widens small integers when it adds them; PyTorch keeps the dtype that was asked for."""
    return {"dtype": x.dtype} if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "iu" else {}


_sum = linear("_sum", lambda self: np.add.reduce(self, None, self.dtype) if type(self) is np.ndarray else np.sum(self, **_as_it_is(self)),
              lambda grad, self_shape: np.broadcast_to(grad, self_shape), node="SumBackward0")  # fmt: skip
_sum_dim = linear("_sum_dim", lambda self, dim, keepdim: np.sum(self, axis=dim, keepdims=keepdim, **_as_it_is(self)),
                  lambda grad, self_shape, dim, keepdim: spread(grad, self_shape, dim, keepdim), node="SumBackward1", shows={"dim": dims_of})  # fmt: skip
_mean = linear("_mean", lambda self: np.mean(self),
               lambda grad, self_shape: np.broadcast_to(grad / max(math.prod(self_shape), 1), self_shape), node="MeanBackward0",
               shows={"self_sym_numel": lambda node: math.prod(node.self_shape)})  # fmt: skip
_mean_dim = linear("_mean_dim", lambda self, dim, keepdim: np.mean(self, axis=dim, keepdims=keepdim),
                   lambda grad, self_shape, dim, keepdim: spread(grad, self_shape, dim, keepdim) / _how_many(self_shape, dim),
                   node="MeanBackward1", shows={"dim": dims_of, "self_sym_numel": lambda node: math.prod(node.self_shape)})  # fmt: skip


def _how_many(shape: tuple[int, ...], dim: Any) -> int:
    """How many elements go into one result."""
    if dim is None:
        return max(math.prod(shape), 1)
    return max(math.prod(shape[d] for d in (dim if isinstance(dim, tuple) else (dim,))), 1)


def names(dim: Any, keepdim: bool, axis: Any, keepdims: Any) -> tuple[Any, bool]:
    """`dim`, `keepdim`, or NumPy's names for them."""
    return (axis if dim is None else dim), (keepdim if keepdims is None else keepdims)


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None, dtype: Any = None,
        out: Tensor | None = None) -> Tensor:  # fmt: skip
    """Σ input, over all elements or over `dim`; integers are summed as int64.

    >>> import glassgrad as gg
    >>> gg.sum(gg.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    if axis is not None or keepdims is not None:
        dim, keepdim = names(dim, keepdim, axis, keepdims)
    if dtype is not None:
        input = input.to(as_dtype(dtype))
    elif input._data.dtype.kind in "iub":
        input = input.to(int64)
    if dim is None:
        result = _sum(input)
        if keepdim:
            result = result.reshape((1,) * input._data.ndim)
    else:
        result = _sum_dim(input, axes(dim, input._data.ndim), keepdim)
    return result if out is None else into(out, result)


int64 = as_dtype(np.int64)


def _floating(name: str, input: Tensor, dtype: Any) -> Tensor:
    wanted = input.dtype if dtype is None else as_dtype(dtype)
    if wanted.numpy.kind in "iub":
        raise errors.explain(
            RuntimeError(
                f"{name}(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a floating point "
                f"or complex dtype. Got: {wanted.type_name}"
            ),
            where=errors.line_of(errors.users_place()), fix=f"x.float().{name}(), or {name}(…, dtype=torch.float32)",
        )  # fmt: skip
    return input if dtype is None else input.to(wanted)


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None,
         dtype: Any = None, out: Tensor | None = None) -> Tensor:  # fmt: skip
    """Σ input / n, over all elements or over `dim`."""
    dim, keepdim = names(dim, keepdim, axis, keepdims)
    input = _floating("mean", input, dtype)
    if dim is None:
        result = _mean(input)
        result = result.reshape((1,) * input._data.ndim) if keepdim else result
    else:
        result = _mean_dim(input, axes(dim, input._data.ndim), keepdim)
    return result if out is None else into(out, result)


def _centred(grad: Any, self: Any, dim: Any, keepdim: bool, correction: float) -> Any:
    """The variance's vjp: 2 (x - mean) / (n - correction)."""
    n = _how_many(self.shape, dim)
    mean_ = np.mean(self, axis=dim, keepdims=True)
    return spread(grad, self.shape, dim, keepdim) * ((2 / (n - correction) if n != correction else math.nan) * (self - mean_))


def _variance(self: Any, dim: Any, keepdim: bool, correction: float) -> Any:
    n = _how_many(self.shape, dim) if self.size else 0
    if n - correction <= 0 or self.size == 0:
        centred = np.square(np.abs(self - np.mean(self, axis=dim, keepdims=True))).sum(axis=dim, keepdims=keepdim)
        return centred / self.real.dtype.type(max(0, n - correction))
    return np.var(self, axis=dim, keepdims=keepdim, ddof=correction)


_var = vjp("_var", _variance, node="VarBackward0", shows={"dim": dims_of}, self=_centred)
_std = vjp("_std", lambda self, dim, keepdim, correction: np.sqrt(_variance(self, dim, keepdim, correction)), node="StdBackward0", shows={"dim": dims_of},
           self=lambda grad, self, result, dim, keepdim, correction: _centred(
               np.where(result == 0, 0, grad / (2 * result)), self, dim, keepdim, correction))  # fmt: skip


def _warn_of_freedom(name: str, data: Any, dim: Any, correction: Any) -> None:
    """PyTorch's warning where too few elements are left to measure a spread."""
    kept = math.prod(n for d, n in enumerate(data.shape) if dim is not None and d not in (dim if isinstance(dim, tuple) else (dim,)))
    if kept and data.size / kept <= correction:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel divided "
            "by output numel).", UserWarning, stacklevel=3,
        )  # fmt: skip


def _spread_measure(op: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    def measure(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None,
                axis: Any = None, keepdims: bool | None = None, out: Tensor | None = None) -> Tensor:  # fmt: skip
        dim, keepdim = names(dim, keepdim, axis, keepdims)
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = 1 if unbiased is None else int(unbiased)
        elif unbiased is not None:
            raise TypeError(f"{name}() received both correction and unbiased: unbiased=True is correction=1, unbiased=False correction=0")
        if input._data.dtype.kind in "iub":
            raise RuntimeError("std and var only support floating point and complex dtypes")
        _warn_of_freedom(name, input._data, axes(dim, input._data.ndim), correction)
        result = op(input, axes(dim, input._data.ndim), keepdim, correction)
        if keepdim and dim is None:
            result = result.reshape((1,) * input._data.ndim)
        return result if out is None else into(out, result)

    measure.__name__ = measure.__qualname__ = name
    return measure


var = _spread_measure(_var, "var")
std = _spread_measure(_std, "std")
var.__doc__ = "Σ (input - mean)² / (n - correction), over all elements or over `dim`."
std.__doc__ = "√var: see `var`."


def var_mean(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """The variance and the mean."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)


def std_mean(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """The standard deviation and the mean."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)


# ------------------------------------------------------------------------------------------------ products
def _others(self: Any, axis: int) -> Any:
    """At each place the product of all the others along `axis`: what is left of it times what is right."""
    if self.shape[axis] == 0:
        return np.ones_like(self)
    before = (slice(None),) * axis
    ones = np.ones_like(self[(*before, slice(0, 1))])
    left = np.concatenate([ones, np.cumprod(self[(*before, slice(0, -1))], axis)], axis)
    right = np.flip(np.concatenate([ones, np.cumprod(np.flip(self[(*before, slice(1, None))], axis), axis)], axis), axis)
    return left * right


def _prod_vjp(grad: Any, self: Any) -> Any:
    if self.ndim == 0:
        return grad
    if self.size == 0:
        return np.zeros_like(self)
    return grad * conj(_others(self.reshape((-1,)), 0)).reshape(tuple(self.shape))


def _prod_dim_vjp(grad: Any, self: Any, dim: Any, keepdim: bool) -> Any:
    if self.ndim == 0:
        return grad
    if self.size == 0:
        return np.zeros_like(self)
    return spread(grad, self.shape, dim, keepdim) * conj(_others(self, dim))


_prod = vjp("_prod", lambda self: np.prod(self, **_as_it_is(self)), node="ProdBackward0", self=_prod_vjp)
_prod_dim = vjp("_prod_dim", lambda self, dim, keepdim: np.prod(self, axis=dim, keepdims=keepdim, **_as_it_is(self)), node="ProdBackward1", self=_prod_dim_vjp)


def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None,
         dtype: Any = None, out: Tensor | None = None) -> Tensor:  # fmt: skip
    """Π input, over all elements or along `dim`."""
    dim, keepdim = names(dim, keepdim, axis, keepdims)
    if dtype is not None:
        input = input.to(as_dtype(dtype))
    elif input._data.dtype.kind in "iub":
        input = input.to(int64)
    result = _prod(input) if dim is None else _prod_dim(input, one_axis("prod", dim, input._data.ndim), keepdim)
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ truth and counts
def _truth(name: str, reduce: Callable[..., Any]) -> Callable[..., Tensor]:
    def truth(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None,
              out: Tensor | None = None) -> Tensor:  # fmt: skip
        dim, keepdim = names(dim, keepdim, axis, keepdims)
        data = input._data
        if out is not None and out._data.dtype.kind != "b":
            raise RuntimeError(f"{name} only supports bool tensor for result, got: {out.dtype.type_name}")
        if isinstance(dim, (tuple, list)) and not dim:  # no dim at all: each element for itself
            return Tensor._wrap(data.astype(np.uint8 if data.dtype == np.uint8 else bool))
        got = reduce(data.astype(bool), axis=axes(dim, data.ndim), keepdims=keepdim)
        result = Tensor._wrap(got.astype(np.uint8) if data.dtype == np.uint8 else got)
        return result if out is None else into(out, result)

    truth.__name__ = truth.__qualname__ = name
    return truth


all_ = _truth("all", np.all)
any_ = _truth("any", np.any)
all_.__doc__ = "Whether all elements are nonzero."
any_.__doc__ = "Whether any element is nonzero."


def count_nonzero(input: Tensor, dim: Any = None, *, axis: Any = None) -> Tensor:
    """How many elements are not zero."""
    dim = axis if dim is None else dim
    found: Any = np.count_nonzero(input._data, axis=None if dim is None else axes(dim, input.ndim))
    return Tensor._wrap(np.int64(found) if type(found) is int else found)


# ------------------------------------------------------------------------------------------------ running sums, exponential sums
_cumsum = linear("_cumsum", lambda self, dim: np.cumsum(self, axis=dim, **_as_it_is(self)) if self.ndim else self + 0,
                 lambda grad, dim: np.flip(np.cumsum(np.flip(grad, dim), axis=dim), dim) if grad.ndim else grad,
                 node="CumsumBackward0")  # fmt: skip


def _cumprod_vjp(grad: Any, self: Any, dim: int) -> Any:
    """Σ_{j≥i} grad_j Π_{k≤j, k≠i} x_k, exact where factors are zero: one more dim holds j."""
    if not self.ndim:
        return grad
    n = self.shape[dim]
    last = np.moveaxis(self, dim, -1)
    j, i, k = np.ogrid[:n, :n, :n]
    factors = np.where((k <= j) & (k != i), np.expand_dims(np.expand_dims(last, -2), -2), 1 + 0 * last[..., :1, None, None])
    each = np.prod(factors, axis=-1) * np.tril(np.ones((n, n), self.dtype if isinstance(self.dtype, np.dtype) else self.dtype.numpy))
    return np.moveaxis(np.sum(np.expand_dims(np.moveaxis(grad, dim, -1), -1) * conj(each), axis=-2), -1, dim)


_cumprod = vjp("_cumprod", lambda self, dim: np.cumprod(self, axis=dim, **_as_it_is(self)) if self.ndim else self + 0,
               node="CumprodBackward0", self=_cumprod_vjp)  # fmt: skip


def _running(name: str, op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def running(input: Tensor, dim: Any = None, *, axis: Any = None, dtype: Any = None, out: Tensor | None = None) -> Tensor:
        if dim is None and axis is None:
            raise TypeError(f"{name}() missing 1 required positional arguments: \"dim\"")
        if dtype is not None:
            input = input.to(as_dtype(dtype))
        elif input._data.dtype.kind in "iub":
            input = input.to(int64)
        d = one_axis(name, axis if dim is None else dim, input._data.ndim)
        result = op(input, 0 if d == () else d)
        return result if out is None else into(out, result)

    running.__name__ = running.__qualname__ = name
    return running


cumsum = _running("cumsum", _cumsum)
cumprod = _running("cumprod", _cumprod)
cumsum.__doc__ = "Running sums along `dim`."
cumprod.__doc__ = "Running products along `dim`."

_logsumexp = vjp("_logsumexp", lambda self, dim, keepdim: arrays.logsumexp(self, dim, keepdim), node="LogsumexpBackward0", shows={"dim": dims_of},
                 self=lambda grad, self, result, dim, keepdim: spread(grad, self.shape, dim, keepdim)
                 * conj(np.exp(self - unreduced(result, dim, keepdim))))  # fmt: skip


def logsumexp(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None,
              out: Tensor | None = None) -> Tensor:  # fmt: skip
    """log Σ e^input over `dim`, without overflow."""
    dim, keepdim = names(dim, keepdim, axis, keepdims)
    if dim is None:
        raise TypeError('logsumexp() missing 1 required positional arguments: "dim"')
    if input._data.dtype.kind in "iub":
        input = input.float()
    result = _logsumexp(input, axes(dim, input._data.ndim), keepdim)
    return result if out is None else into(out, result)


def _in_single(function: Callable[..., Any], x: Any, dim: int) -> Any:
    """Half-precision values go through single precision on the way."""
    if type(x) is np.ndarray and x.dtype == np.float16:
        return function(x.astype(np.float32), dim).astype(np.float16)
    return function(x, dim)


def _softmax_vjp(grad: Any, result: Any, dim: int) -> Any:
    if type(grad) is not np.ndarray or type(result) is not np.ndarray:
        return result * (grad - np.sum(grad * result, axis=dim, keepdims=True))
    t = grad * result
    np.subtract(grad, arrays.row_sums(t, dim), t)
    return np.multiply(result, t, t)


def _log_softmax_vjp(grad: Any, result: Any, dim: int) -> Any:
    if type(grad) is not np.ndarray or type(result) is not np.ndarray:
        return grad - np.exp(result) * np.sum(grad, axis=dim, keepdims=True)
    t = np.exp(result)
    np.multiply(t, arrays.row_sums(grad, dim), t)
    return np.subtract(grad, t, t)


_softmax = vjp("_softmax", lambda self, dim: _in_single(arrays.softmax, self, dim), node="SoftmaxBackward0",
               self=lambda grad, result, dim: by_rows(_softmax_vjp, dim, grad, result))  # fmt: skip
_log_softmax = vjp("_log_softmax", lambda self, dim: _in_single(arrays.log_softmax, self, dim), node="LogSoftmaxBackward0",
                   self=lambda grad, result, dim: by_rows(_log_softmax_vjp, dim, grad, result))  # fmt: skip


def _normalised(name: str, op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def normalised(input: Tensor, dim: Any = None, dtype: Any = None, *, axis: Any = None, out: Tensor | None = None) -> Tensor:
        if dim is None and axis is None:
            raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
        if dtype is not None:
            input = input.to(as_dtype(dtype))
        d = one_axis(name, axis if dim is None else dim, input._data.ndim)
        if input._data.dtype.kind in "iubc" and input._data.size:
            last = "lastdim_" if d == () or d == input._data.ndim - 1 else ""
            raise errors.no_kernel(f"{name}_{last}kernel_impl", input._data.dtype)
        result = op(input, d)
        return result if out is None else into(out, result)

    normalised.__name__ = normalised.__qualname__ = name
    return normalised


softmax = _normalised("softmax", _softmax)
log_softmax = _normalised("log_softmax", _log_softmax)
softmax.__doc__ = "e^input / Σ e^input along `dim`."
log_softmax.__doc__ = "input - log Σ e^input along `dim`."

# ------------------------------------------------------------------------------------------------ norms
def _two_norm(self: Any, dim: Any, keepdim: bool) -> Any:
    if type(self) is np.ndarray and dim is None and not keepdim and self.dtype.kind == "f" and self.flags.c_contiguous:
        flat = self.reshape(-1)
        return np.sqrt(np.dot(flat, flat))
    return np.sqrt(np.sum(np.square(np.abs(self)), axis=dim, keepdims=keepdim))


def _norm_value(self: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    if ord == 2:
        return _two_norm(self, dim, keepdim)
    size = np.abs(self)
    if ord == math.inf:
        return np.max(size, axis=dim, keepdims=keepdim)
    if ord == -math.inf:
        return np.min(size, axis=dim, keepdims=keepdim)
    if ord == 0:
        return arrays.astype(np.sum(size != 0, axis=dim, keepdims=keepdim), size.dtype)
    if ord == 1:
        return np.sum(size, axis=dim, keepdims=keepdim)
    return np.sum(size**ord, axis=dim, keepdims=keepdim) ** (1 / ord)


def _norm_vjp(grad: Any, self: Any, result: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    """grad · sign(x) (|x| / ‖x‖)^(p-1), and 0 where the norm is 0."""
    g, r = unreduced(grad, dim, keepdim), unreduced(result, dim, keepdim)
    if ord == 0:
        return np.zeros_like(self)
    if ord == 1:
        return g * arrays.sign(self)
    if ord == 2:
        return self * np.where(r == 0, 0 * g, g / np.where(r == 0, 1 + 0 * r, r))
    if ord in (math.inf, -math.inf):
        mask = arrays.astype(np.abs(self) == r, r.dtype)
        return arrays.sign(self) * (g * mask / np.sum(mask, axis=dim, keepdims=True))
    nowhere = np.logical_or(r == 0, self == 0) if ord < 2 else (r == 0)
    ratio = np.where(nowhere, 0 * self, np.abs(self) / np.where(r == 0, 1 + 0 * r, r))
    return np.where(nowhere, 0 * self, g * arrays.sign(self) * np.where(nowhere, 1 + 0 * ratio, ratio) ** (ord - 1))


vector_norm_ = vjp("_vector_norm", _norm_value, node="LinalgVectorNormBackward0", shows={"dim": dims_of}, self=_norm_vjp)


def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Tensor | None = None, dtype: Any = None) -> Tensor:
    """(Σ |input|^p)^(1/p), over all elements or over `dim`; "fro" is p = 2.

    >>> import glassgrad as gg
    >>> gg.norm(gg.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if input._data.dtype.kind in "iub":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype.type_name}"
        )
    if dtype is not None:
        wanted = as_dtype(dtype)
        if input.is_complex() and not wanted.is_complex:
            raise RuntimeError(f"linalg.vector_norm: dtype should be complex for complex inputs, but got {wanted.type_name}")
        input = input.to(wanted)
    if p == "nuc":
        raise NotImplementedError("norm computes norms of vectors: linalg.norm(x, 'nuc') is the nuclear norm of a matrix")
    ord, along = 2.0 if p in ("fro", None) else float(p), axes(dim, input._data.ndim)
    if (ord < 0 or ord == math.inf) and 0 in [input._data.shape[d] for d in (range(input._data.ndim) if along is None else np.atleast_1d(along))]:
        raise RuntimeError(f"linalg.vector_norm cannot compute the {ord:g} norm on an empty tensor because the operation does not have an identity")
    result = vector_norm_(input, ord, along, keepdim)
    if keepdim and dim is None:
        result = result.reshape((1,) * input._data.ndim)
    return result if out is None else into(out, result)


def vector_norm(x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """(Σ |x|^ord)^(1/ord), over all elements or over `dim`."""
    return norm(x, ord, dim, keepdim, out=out, dtype=dtype)


METHODS = dict(sum=sum, mean=mean, var=var, std=std, prod=prod, all=all_, any=any_, count_nonzero=count_nonzero, cumsum=cumsum,
               cumprod=cumprod, logsumexp=logsumexp, softmax=softmax,
               log_softmax=log_softmax, norm=norm)  # fmt: skip
