"""What is put together from the parts of matrices: powers, norms, ranks, chains of products, tensors read as matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .creation import eye
from .decompositions import eigvalsh, svdvals
from .joins import cat
from .products import matmul, mm
from .reductions import sum as sum_
from .reductions import vector_norm
from .runtime import into
from .shapes import conj, movedim, reshape, wrap_dim
from .solvers import LinAlgError, check, inv, solve, tolerances


def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """A multiplied with itself n times, by repeated squaring; the inverse's powers for a negative n."""
    check("linalg.matrix_power", A)
    if n < 0:
        return matrix_power(inv(A), -n, out=out)
    result = None
    square = A
    while n:
        if n & 1:
            result = square if result is None else result @ square
        n >>= 1
        square = square @ square if n else square
    if result is None:
        result = eye(A.shape[-1], dtype=A.dtype).expand(A.shape).clone()
    elif result is A:
        result = A.clone()
    return result if out is None else into(out, result)


def _two_dims(name: str, A: Tensor, dim: Any) -> tuple[int, int]:
    if A.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    a, b = (wrap_dim(d, A.ndim) for d in dim)
    if a == b:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return a, b


def matrix_norm(A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """A norm of matrices: "fro" √Σ|a|², "nuc" the sum of singular values, ±2 the largest or smallest, ±1 of columns' and ±inf of rows' sums."""
    name = "linalg.matrix_norm"
    a, b = _two_dims(name, A, dim)
    x = A if dtype is None else A.to(dtype)
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype.type_name}")
    if ord == "fro":
        result = vector_norm(x, 2, (a, b), keepdim)
    elif ord == "nuc" or not isinstance(ord, str) and abs(ord) == 2:
        values = svdvals(movedim(x, (a, b), (-2, -1)))
        result = sum_(values, -1) if ord == "nuc" else values.amax(-1) if ord > 0 else values.amin(-1)
        if keepdim:
            for d in sorted((a, b)):
                result = result.unsqueeze(d)
    elif not isinstance(ord, str) and abs(ord) in (1, math.inf):
        along, over = (b, a) if abs(ord) == math.inf else (a, b)
        sums = vector_norm(x, 1, along, True)
        result = sums.amax(over, True) if ord > 0 else sums.amin(over, True)
        result = result if keepdim else result.squeeze((a, b))
    else:
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    return result if out is None else into(out, result)


def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, out: Tensor | None = None, dtype: Any = None) -> Tensor:
    """A norm of vectors or of matrices: of all elements where neither `ord` nor `dim` is given.

    >>> import glassgrad as gg
    >>> gg.linalg.norm(gg.tensor([[3.0, 0.0], [0.0, 4.0]])), gg.linalg.norm(gg.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
    (tensor(5.), tensor(4.))
    """
    dims = (dim,) if isinstance(dim, int) else dim
    if ord is not None and dims is None:
        if A.ndim not in (1, 2):
            raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D.")
        dims = tuple(range(A.ndim))
    if ord is not None and (len(dims) == 2 or isinstance(ord, str)):
        if isinstance(ord, str) and len(dims) != 2:
            _two_dims("linalg.matrix_norm", A, dims)
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype, out=out)
    return vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype=dtype, out=out)


def matrix_rank(A: Tensor, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, out: Tensor | None = None) -> Tensor:
    """How many singular values (or eigenvalues, by size) lie above max(atol, rtol · largest)."""
    check("linalg.matrix_rank", A, square=hermitian)
    if tol is not None:
        atol, rtol = tol, 0.0
    absolute, relative = tolerances(A, atol, rtol)
    values = (eigvalsh(A).abs() if hermitian else svdvals(A)).detach()._data
    cut = np.maximum(np.asarray(absolute)[..., None], np.asarray(relative)[..., None] * values.max(-1, keepdims=True, initial=0))
    result = Tensor._wrap(np.sum(values > cut, axis=-1))
    return result if out is None else into(out, result)


def cond(A: Tensor, p: Any = None, *, out: Tensor | None = None) -> Tensor:
    """‖A‖ · ‖A⁻¹‖: by how much errors may grow in a system. In the norm 2 (None) the largest over the smallest singular value."""
    if p is None or not isinstance(p, str) and abs(p) == 2:
        s = svdvals(A)
        result = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    elif p == "nuc":
        s = svdvals(A)
        result = sum_(s, -1) * sum_(1 / s, -1)
    else:
        check(f"linalg.cond(ord={p})", A)
        try:
            result = matrix_norm(A, p) * matrix_norm(inv(A), p)
        except LinAlgError:
            found = [matrix_norm(a, p) * matrix_norm(inv(a), p) if _regular(a) else a.new_full((), math.inf) for a in reshape(A, (-1, *A.shape[-2:]))]
            result = reshape(cat([f.reshape(1) for f in found]), tuple(A.shape[:-2]))
    return result if out is None else into(out, result)


def _regular(a: Tensor) -> bool:
    try:
        inv(a.detach())
    except LinAlgError:
        return False
    return True


def multi_dot(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The product of matrices, in the order of multiplications that costs least; the first and the last may be vectors."""
    given = list(tensors)
    if len(given) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(given)}")
    for i, t in enumerate(given):
        if i in (0, len(given) - 1):
            if t.ndim not in (1, 2):
                raise RuntimeError(f"multi_dot(): the {'first' if i == 0 else 'last'} tensor must be 1D or 2D but got {t.ndim}D")
        elif t.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {t.ndim}D")
    first, last = given[0].ndim == 1, given[-1].ndim == 1
    x = [given[0].unsqueeze(0) if first else given[0], *given[1:-1], given[-1].unsqueeze(1) if last else given[-1]]
    for i, (a, b) in enumerate(zip(x, x[1:])):
        if a.shape[1] != b.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(given[i].shape)} and {list(given[i + 1].shape)} cannot be multiplied"
            )
    result = _chained(x, _order([t.shape[0] for t in x] + [x[-1].shape[1]]), 0, len(x) - 1)
    result = result.squeeze(-1) if last else result
    result = result.squeeze(0) if first else result
    return result if out is None else into(out, result)


def _order(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each part of a chain (S. Godbole, "On efficient computation of matrix chain products", 1973)."""
    n = len(sizes) - 1
    cost: dict[tuple[int, int], float] = {(i, i): 0 for i in range(n)}
    cut = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], cut[i, j] = min((cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j))
    return cut


def _chained(x: list[Tensor], cut: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    return x[i] if i == j else mm(_chained(x, cut, i, cut[i, j]), _chained(x, cut, cut[i, j] + 1, j))


def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of matrices, in the order of multiplications that costs least."""
    return multi_dot(matrices, out=out) if len(matrices) > 1 else matrices[0]


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Σ conj(x) · y along a dim."""
    result = sum_((conj(x) if x.is_complex() else x) * y, dim)
    return result if out is None else into(out, result)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0, 1, … N - 1 of each element, as a new last dim."""
    n = x.shape[-1] if N is None else N
    if n < 1 or N == 1:
        raise RuntimeError(f"N must be greater than 1, but got {n}")
    return cat([x.new_ones(*x.shape, 1), x.unsqueeze(-1).expand(*x.shape, n - 1)], -1).cumprod(-1)


def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of a tensor read as a matrix: the first `ind` dims are its rows, the others its columns."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    rows, columns = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(rows) != math.prod(columns):
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {math.prod(columns)} != {math.prod(rows)}"
        )
    result = reshape(inv(reshape(A, (math.prod(rows), math.prod(columns)))), (*columns, *rows))
    return result if out is None else into(out, result)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """X of A · X = B, where all dims of B are rows of A, and its other dims (those of X) columns."""
    a = A if dims is None else movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(a.shape[B.ndim :])
    if math.prod(shape) != B.numel():
        said = f"prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got {math.prod(shape)} != {B.numel()}"
        raise RuntimeError(f"Expected self to satisfy the requirement {said}")
    result = reshape(solve(reshape(a, (B.numel(), math.prod(shape))), reshape(B, (-1,))), shape)
    return result if out is None else into(out, result)


def householder_product(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first columns of the product of the reflections 1 - τ_i · v_i · v_iᴴ, of which each v_i stands below the diagonal of a column."""
    m, n = input.shape[-2:]
    result = eye(m, n, dtype=input.dtype)
    for i in reversed(range(tau.shape[-1])):
        one = eye(m, dtype=input.dtype)[i]
        v = cat([one[: i + 1].expand(*input.shape[:-2], i + 1), input[..., i + 1 :, i]], -1)
        result = result - (tau[..., i, None] * v).unsqueeze(-1) * matmul(v.conj().unsqueeze(-2), result)
    return result if out is None else into(out, result)
