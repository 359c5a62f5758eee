"""Products with something added, products over chosen dims, and distances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .linear import _addmm_value, _affine
from .products import _bmm_value, _dot_value, _mv_value, dot
from .reductions import norm
from .runtime import conj, into, number_as, sum_to
from .shapes import expand, permute, reshape, to, wrap_dim


# ------------------------------------------------------------------------------------------------ β · self + α · product
def _scaled(x: Any, factor: Any) -> Any:
    return x if factor == 1 else x * (number_as(factor, x.dtype) if x.dtype.kind in "iu" else factor)


def _plus(self: Any, beta: Any, product: Any, alpha: Any) -> Any:
    product = _scaled(product, alpha)
    return product if beta == 0 else _scaled(self, beta) + product


def _added_back(grad: Any, self_shape: tuple[int, ...], beta: Any) -> Any:
    return sum_to(grad * beta, self_shape)


def _fits(self: Any, shape: tuple[int, ...]) -> None:
    """What is added expands to the product's shape."""
    given = self.shape
    for d in range(len(shape)):
        at = d - len(shape) + len(given)
        if at >= 0 and given[at] not in (1, shape[d]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[d]}) must match the existing size ({given[at]}) at non-singleton dimension {d}.  Target sizes: "
                f"{list(shape)}.  Tensor sizes: {list(given)}"
            )


def _addmm_of(self: Any, mat1: Any, mat2: Any, beta: Any, alpha: Any) -> Any:
    if mat1.ndim != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    _addmm_value(self, mat1, mat2)
    return _plus(self, beta, np.matmul(mat1, mat2), alpha)


def _addmv_of(self: Any, mat: Any, vec: Any, beta: Any, alpha: Any) -> Any:
    names = [FROM_NUMPY[x.dtype].type_name for x in (self, mat, vec)]
    if mat.ndim != 2 or vec.ndim != 1 or self.ndim > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {self.ndim}, {mat.ndim}, {vec.ndim}")
    if mat.shape[1] != vec.shape[0] or self.ndim and self.shape[0] not in (1, mat.shape[0]):
        n, m = mat.shape
        raise RuntimeError(f"size mismatch, got input ({self.shape[0] if self.ndim else 1}), mat ({n}x{m}), vec ({vec.shape[0]})")
    if len(set(names)) > 1:
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {names[0]}, {names[1]}, and {names[2]}")
    return _plus(self, beta, _mv_value(mat, vec), alpha)


def _addr_of(self: Any, vec1: Any, vec2: Any, beta: Any, alpha: Any) -> Any:
    for name, v in (("vec1", vec1), ("vec2", vec2)):
        if v.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {v.ndim}-D")
    _fits(self, (vec1.shape[0], vec2.shape[0]))
    return _plus(self, beta, vec1[:, None] * vec2[None, :], alpha)


def _baddbmm_of(self: Any, batch1: Any, batch2: Any, beta: Any, alpha: Any) -> Any:
    product = _bmm_value(batch1, batch2)
    _fits(self, product.shape)
    return _plus(self, beta, product, alpha)


def _addbmm_of(self: Any, batch1: Any, batch2: Any, beta: Any, alpha: Any) -> Any:
    if batch1.ndim != 3 or batch2.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor" if batch1.ndim != 3 else "batch2 must be a 3D tensor")
    if batch1.shape[0] != batch2.shape[0]:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {batch1.shape[0]} and {batch2.shape[0]}")
    if batch1.shape[2] != batch2.shape[1]:
        (_, a, b), (_, c, d) = batch1.shape, batch2.shape
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({a}x{b} and {c}x{d})")
    _fits(self, (batch1.shape[1], batch2.shape[2]))
    return _plus(self, beta, np.sum(np.matmul(batch1, batch2), axis=0), alpha)


def _turned(x: Any) -> Any:
    return np.swapaxes(conj(x), -1, -2)


_addmm = vjp("_addmm", _addmm_of, node="AddmmBackward0", self=_added_back, mat1=lambda grad, mat2, alpha: np.matmul(grad, _turned(mat2)) * alpha,
             mat2=lambda grad, mat1, alpha: np.matmul(_turned(mat1), grad) * alpha)  # fmt: skip
_addmv = vjp("_addmv", _addmv_of, node="AddmvBackward0", self=_added_back, mat=lambda grad, vec, alpha: np.outer(grad, conj(vec)) * alpha,
             vec=lambda grad, mat, alpha: np.matmul(_turned(mat), grad) * alpha)  # fmt: skip
_addr = vjp("_addr", _addr_of, node="AddrBackward0", self=_added_back, vec1=lambda grad, vec2, alpha: np.matmul(grad, conj(vec2)) * alpha,
            vec2=lambda grad, vec1, alpha: np.matmul(grad.T, conj(vec1)) * alpha)  # fmt: skip
_baddbmm = vjp("_baddbmm", _baddbmm_of, node="BaddbmmBackward0", self=_added_back, batch1=lambda grad, batch2, alpha: np.matmul(grad, _turned(batch2)) * alpha,
               batch2=lambda grad, batch1, alpha: np.matmul(_turned(batch1), grad) * alpha)  # fmt: skip
_addbmm = vjp("_addbmm", _addbmm_of, node="AddbmmBackward0", self=_added_back, batch1=lambda grad, batch2, alpha: np.matmul(grad, _turned(batch2)) * alpha,
              batch2=lambda grad, batch1, alpha: np.matmul(_turned(batch1), grad) * alpha)  # fmt: skip


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """beta · input + alpha · mat1 · mat2, of matrices (n × k) and (k × m); the input expands to (n × m)."""
    result = _affine(input, mat1, mat2) if beta == 1 and alpha == 1 and mat1._data.ndim == 2 else _addmm(input, mat1, mat2, beta, alpha)
    return result if out is None else into(out, result)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """beta · input + alpha · mat · vec, of a matrix (n × m) and a vector (m)."""
    result = _addmv(input, mat, vec, beta, alpha)
    return result if out is None else into(out, result)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """beta · input + alpha · vec1 ⊗ vec2."""
    dtype = np.result_type(*(t._data.dtype for t in (input, vec1, vec2)))
    result = _addr(*(t if t._data.dtype == dtype else to(t, dtype) for t in (input, vec1, vec2)), beta, alpha)
    return result if out is None else into(out, result)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """beta · input + alpha · batch1 · batch2, of batches of matrices (b × n × k) and (b × k × m)."""
    result = _baddbmm(input, batch1, batch2, beta, alpha)
    return result if out is None else into(out, result)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """beta · input + alpha · the sum over the batch of batch1 · batch2."""
    result = _addbmm(input, batch1, batch2, beta, alpha)
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ over chosen dims
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The products summed over the last dim of both: (…, n) and (…, n) give their other dims, one after the other."""
    if input.ndim == 0 or other.ndim == 0:
        result = input * other
    elif input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and {list(other.shape)}"
        )
    else:
        result = dot(input, other) if input.ndim == other.ndim == 1 else tensordot(input, other, ([-1], [-1]))
    return result if out is None else into(out, result)


vdot = vjp("vdot", lambda self, other: _dot_value(conj(self), other), doc="Σ conj(input_i) · other_i of two vectors.",
           self=lambda grad, other: conj(grad) * other, other=lambda grad, self: grad * self)  # fmt: skip


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Products summed over the last `dims` dims of a and the first of b, or over the pairs of dims listed.

    >>> import glassgrad as gg
    >>> gg.tensordot(gg.ones(2, 3), gg.ones(3, 4), dims=1).shape
    torch.Size([2, 4])
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        mine, theirs = list(range(-dims, 0)), list(range(dims))
    else:
        mine, theirs = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(mine) != len(theirs):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(mine, theirs):
        if a.shape[i] != b.shape[j]:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second has size {b.shape[j]} in dim {j}")
    left, right = [wrap_dim(d, a.ndim) for d in mine], [wrap_dim(d, b.ndim) for d in theirs]
    rest_a, rest_b = [d for d in range(a.ndim) if d not in left], [d for d in range(b.ndim) if d not in right]
    n = math.prod(a.shape[d] for d in left)
    shape = [a.shape[d] for d in rest_a] + [b.shape[d] for d in rest_b]
    x = reshape(permute(a, rest_a + left), (math.prod(shape[: len(rest_a)]), n))
    y = reshape(permute(b, right + rest_b), (n, math.prod(shape[len(rest_a) :])))
    result = reshape(x.mm(y), tuple(shape))
    return result if out is None else into(out, result)


def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Kronecker product: each element of `input` times the whole of `other`."""
    n = max(input.ndim, other.ndim)
    a, b = ((1,) * (n - t.ndim) + tuple(t.shape) for t in (input, other))
    wide = reshape(input, [m for k in a for m in (k, 1)]) * reshape(other, [m for k in b for m in (1, k)])
    result = reshape(wide, [i * j for i, j in zip(a, b)])
    return result if out is None else into(out, result)


_cross = vjp("_cross", lambda self, other, dim: _crossed(self, other, dim), node="LinalgCrossBackward0", broadcast=False,
             self=lambda grad, other, self_shape, dim: sum_to(_crossed(conj(other), grad, dim), self_shape),
             other=lambda grad, self, other_shape, dim: sum_to(_crossed(grad, conj(self), dim), other_shape))  # fmt: skip


def _crossed(a: Any, b: Any, dim: int) -> Any:
    """The cross product of vectors along a dim."""
    def at(x: Any, k: int) -> Any:
        return x[(slice(None),) * dim + (k,)]

    return np.stack([at(a, (k + 1) % 3) * at(b, (k + 2) % 3) - at(a, (k + 2) % 3) * at(b, (k + 1) % 3) for k in range(3)], axis=dim)


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The cross product of vectors of length 3 along a dim; other dims broadcast."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    d = wrap_dim(dim, input.ndim)
    if input.shape[d] != 3 or other.shape[d] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[d]} and {other.shape[d]}")
    try:
        shape = np.broadcast_shapes(tuple(input.shape), tuple(other.shape))
    except ValueError as error:
        raise errors.refused("cross", error, [input._data, other._data]) from None
    result = _cross(expand(input, shape), expand(other, shape), d)
    return result if out is None else into(out, result)


def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """The cross product of vectors of length 3 along a dim, or along the first dim of that length."""
    if dim is None:
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim=dim, out=out)


# ------------------------------------------------------------------------------------------------ distances
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return norm(input - other, p)


_cdist = vjp("_cdist", lambda x1, x2, p: _distances(x1, x2, p), node="CdistBackward0",
             x1=lambda grad, x1, x2, result, p: _distances_back(grad, x1, x2, result, p),
             x2=lambda grad, x1, x2, result, p: _distances_back(np.swapaxes(grad, -1, -2), x2, x1, np.swapaxes(result, -1, -2), p))  # fmt: skip


def _differences(x1: Any, x2: Any) -> Any:
    return np.expand_dims(x1, -2) - np.expand_dims(x2, -3)


def _distances(x1: Any, x2: Any, p: float) -> Any:
    size = np.abs(_differences(x1, x2))
    if p == 0:
        return np.sum(arrays.astype(size != 0, x1.dtype), axis=-1)
    if p == 1:
        return np.sum(size, axis=-1)
    if p == math.inf:
        return np.max(size, axis=-1) if x1.shape[-1] else np.sum(size, axis=-1)
    if p == 2:
        return np.sqrt(np.sum(size * size, axis=-1))
    return np.sum(size**p, axis=-1) ** (1 / p)


def _distances_back(grad: Any, x1: Any, x2: Any, result: Any, p: float) -> Any:
    apart = _differences(x1, x2)
    if p == 0:
        return np.zeros_like(x1)
    sign, far, by = arrays.sign(apart), np.expand_dims(result, -1), np.expand_dims(grad, -1)
    if p == 1:
        return np.sum(sign * by, axis=-2)
    if p == math.inf:
        return np.sum(sign * arrays.astype(np.abs(apart) == far, x1.dtype) * by, axis=-2)
    zero = far == 0
    safe = arrays.where(zero, 1 + 0 * far, far)
    if p == 2:
        return np.sum(arrays.where(zero, 0, by * apart / safe), axis=-2)
    size = np.abs(apart)
    still = size == 0
    slope = sign * arrays.where(still, 1 + 0 * size, size) ** (p - 1) / safe ** (p - 1)
    return np.sum(arrays.where(zero | still, 0, by * slope), axis=-2)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norms of all differences between rows: (…, P, M) and (…, R, M) give (…, P, R).

    >>> import glassgrad as gg
    >>> gg.cdist(gg.tensor([[0.0, 0.0]]), gg.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        if not (x.is_floating_point() or x.is_complex()):
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype.type_name}")
    for name, x in (("X1", x1), ("X2", x2)):
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if x1.dtype is not x2.dtype:
        raise RuntimeError(f"expected scalar type {x1.dtype.type_name} but found {x2.dtype.type_name}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    batch = np.broadcast_shapes(tuple(x1.shape[:-2]), tuple(x2.shape[:-2]))
    a, b = (x if tuple(x.shape[:-2]) == batch else expand(x, (*batch, *x.shape[-2:])) for x in (x1, x2))
    return _cdist(a, b, p)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norms of the differences of all pairs of rows, each pair once: (N, M) gives (N · (N - 1) / 2)."""
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    first, second = (Tensor._wrap(i) for i in np.triu_indices(input.shape[0], 1))
    return norm(input[first] - input[second], p, -1)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Tensor | None = None) -> Tensor:
    """Each slice along a dim whose p-norm is above `maxnorm`, shortened to it."""
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    d = wrap_dim(dim, input.ndim)
    sizes = norm(input, p, [k for k in range(input.ndim) if k != d], True)
    factor = (maxnorm / (sizes + 1e-7)).where(sizes > maxnorm, sizes.new_ones(()))
    result = input * factor
    return result if out is None else into(out, result)


