"""A = P · L · U: Gauss's elimination with row exchanges, which NumPy has no function for; packed, unpacked, and used to solve systems."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .numpy_protocol import FUNCTIONS
from .runtime import into
from .shapes import tril, triu
from .solvers import H, returned, solve_triangular, substituted, unit

BLOCK = 48  # columns that are eliminated one by one before the rest is, in one product


def _eliminated(x: Any) -> tuple[Any, Any]:
    """L below the diagonal and U on and above it in one matrix, and the row that each row was exchanged with, counted from 1."""
    a = np.array(x)
    m, n = a.shape[-2:]
    least = min(m, n)
    pivots = np.empty((*a.shape[:-2], least), np.int32)
    for start in range(0, least, BLOCK):
        end = min(start + BLOCK, least)
        for k in range(start, end):
            column = a[..., k:, k]
            size = np.abs(column.real) + np.abs(column.imag) if a.dtype.kind == "c" else np.abs(column)
            row = k + np.argmax(size, axis=-1)
            pivots[..., k] = row + 1
            _exchange(a, k, row)
            pivot = a[..., k, k, None]
            a[..., k + 1 :, k] /= np.where(pivot == 0, 1, pivot)
            a[..., k + 1 :, k + 1 : end] -= a[..., k + 1 :, k, None] * a[..., k, None, k + 1 : end]
        if end < n:
            lower = np.tril(a[..., start:end, start:end], -1)
            a[..., start:end, end:] = substituted(lower, a[..., start:end, end:], False, True)
            a[..., end:, end:] -= np.matmul(a[..., end:, start:end], a[..., start:end, end:])
    return a, pivots


def _exchange(a: Any, k: int, row: Any) -> None:
    """Row k of each matrix and another one change places."""
    index = np.asarray(row)[..., None, None]
    other = np.take_along_axis(a, index, -2)
    np.put_along_axis(a, index, a[..., k : k + 1, :].copy(), -2)
    a[..., k : k + 1, :] = other


def _refuse_zeros(name: str, info: Any) -> None:
    if np.any(info):
        at = int(np.flatnonzero(info)[0])
        number, which = int(np.ravel(info)[at]), f"(Batch element {at}): " if np.ndim(info) else ""
        raise RuntimeError(
            f"torch.linalg.{name}: {which}U[{number},{number}] is zero and using it on lu_solve would result in a division by zero. If you still want to "
            "perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )


@arrays.stacked
def packed(x: Any, refusing: str = "") -> Any:
    """L below the diagonal and U on and above it, in one matrix; `refusing` names the function that does not take a zero pivot."""
    found = _eliminated(x)[0]
    if refusing:
        _refuse_zeros(refusing, zero_pivots(found))
    return found


@arrays.constant
@arrays.stacked
def zero_pivots(x: Any) -> Any:
    """For each matrix the first zero on U's diagonal, counted from 1; 0 where there is none."""
    zero = np.diagonal(x, axis1=-2, axis2=-1) == 0
    return (np.where(zero.any(-1), zero.argmax(-1) + 1, 0) if zero.shape[-1] else np.zeros(zero.shape[:-1])).astype(np.int32)[()]


@arrays.constant
@arrays.stacked
def exchanges(x: Any) -> Any:
    """The row that each row was exchanged with, counted from 1."""
    return _eliminated(x)[1]


@arrays.constant
@arrays.stacked
def permutation(pivots: Any, rows: int, dtype: np.dtype) -> Any:
    """P of A = P · L · U."""
    order = np.broadcast_to(np.eye(rows, dtype=dtype), (*pivots.shape[:-1], rows, rows)).copy()
    for k in range(pivots.shape[-1]):
        _exchange(order, k, pivots[..., k].astype(np.int64) - 1)
    return np.swapaxes(order, -1, -2)


def _back(grad: Any, P: Any, result: Any) -> Any:
    """The gradient of A from that of L and U in one matrix.

    Source: S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions", 2010, extended to matrices that are not square.
    """
    m, n = result.shape[-2:]
    k = min(m, n)
    one, U1 = np.tril(result[..., :k, :k], -1) + unit(k, result), np.triu(result[..., :k, :k])
    by_lower, by_upper = np.matmul(H(one), np.tril(grad[..., :k, :k], -1)), np.matmul(np.triu(grad[..., :k, :k]), H(U1))
    if m < n:
        by_lower = by_lower - np.matmul(grad[..., :, k:], H(result[..., :, k:]))
    if m > n:
        by_upper = by_upper - np.matmul(H(result[..., k:, :]), grad[..., k:, :])
    inner = np.tril(by_lower, -1) + np.triu(by_upper)
    found = substituted(H(one), _divided(inner, U1), True, True)
    if m < n:
        found = np.concatenate([found, substituted(H(one), grad[..., :, k:], True, True)], axis=-1)
    if m > n:
        found = np.concatenate([found, _divided(grad[..., k:, :], U1)], axis=-2)
    return np.matmul(P, found)


def _divided(x: Any, U: Any) -> Any:
    """x · U^{-H}."""
    return H(substituted(U, H(x), True, False))


_lu = vjp("_lu", lambda self, P, refusing: packed(self, refusing), node="LinalgLuFactorExBackward0", tensors=("self", "P"), self=_back)
FUNCTIONS[packed] = lambda x, refusing="": _factored(x, refusing)[0]

lu_result, lu_unpack_result = returned("linalg_lu", "P L U"), returned("lu_unpack", "P L U")
lu_factor_result, lu_factor_ex_result = returned("linalg_lu_factor", "LU pivots"), returned("linalg_lu_factor_ex", "LU pivots info")


def _factored(A: Tensor, refusing: str = "") -> tuple[Tensor, Tensor]:
    pivots = Tensor._wrap(exchanges(A._data))
    P = Tensor._wrap(permutation(pivots._data, A.shape[-2], A._data.dtype))
    return _lu(A, P, refusing), pivots


def _check(name: str, A: Tensor, pivot: bool) -> None:
    if not isinstance(A, Tensor):
        raise errors.argument(name.replace(".", "_"), "A", 1, "Tensor", A)
    if A.ndim < 2:
        said = name if name == "linalg.lu" else "torch.lu_factor"
        raise RuntimeError(f"{said}: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} instead")
    if A._data.dtype.kind not in "fc" or A._data.dtype == np.float16:
        raise errors.no_kernel("lu_cpu", A._data.dtype)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """L and U of A = P · L · U in one matrix, and the row exchanges that P is made of, for `lu_solve`; a matrix with a zero pivot raises.

    >>> import glassgrad as gg
    >>> LU, pivots = gg.linalg.lu_factor(gg.tensor([[1.0, 2.0], [4.0, 0.0]]))
    >>> gg.linalg.lu_solve(LU, pivots, gg.tensor([[5.0], [4.0]])).T
    tensor([[1., 2.]])
    """
    _check("linalg.lu_factor", A, pivot)
    found = lu_factor_result(*_factored(A, "lu_factor"))
    return found if out is None else lu_factor_result(into(out[0], found[0]), into(out[1], found[1]))


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """`lu_factor`, and for each matrix 0 or the place of its first zero pivot."""
    _check("linalg.lu_factor_ex", A, pivot)
    LU, pivots = _factored(A, "lu_factor_ex" if check_errors else "")
    found = lu_factor_ex_result(LU, pivots, Tensor._wrap(zero_pivots(LU._data)))
    return found if out is None else lu_factor_ex_result(*(into(o, f) for o, f in zip(out, found)))


def _parts(LU: Tensor) -> tuple[Tensor, Tensor]:
    k = min(LU.shape[-2:])
    lower = tril(LU[..., :, :k], -1)
    return lower + Tensor._wrap(np.eye(LU.shape[-2], k, dtype=LU._data.dtype)), triu(LU[..., :k, :])


def lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """P, L and U of A = P · L · U: a permutation, a lower triangle with ones on its diagonal, an upper triangle.

    >>> import glassgrad as gg
    >>> P, L, U = gg.linalg.lu(gg.tensor([[1.0, 2.0], [4.0, 0.0]]))
    >>> gg.allclose(P @ L @ U, gg.tensor([[1.0, 2.0], [4.0, 0.0]]))
    True
    """
    _check("linalg.lu", A, pivot)
    LU, pivots = _factored(A)
    found = lu_result(Tensor._wrap(permutation(pivots._data, A.shape[-2], A._data.dtype)), *_parts(LU))
    return found if out is None else lu_result(*(into(o, f) for o, f in zip(out, found)))


def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None) -> Any:
    """P, L and U from what `lu_factor` gives; an empty tensor for what is not asked for."""
    if unpack_pivots and LU_pivots._data.dtype != np.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    nothing = Tensor._wrap(np.empty(0, LU_data._data.dtype))
    P = Tensor._wrap(permutation(LU_pivots._data, LU_data.shape[-2], LU_data._data.dtype)) if unpack_pivots else nothing
    found = lu_unpack_result(P, *(_parts(LU_data) if unpack_data else (nothing, nothing)))
    return found if out is None else lu_unpack_result(*(into(o, f) for o, f in zip(out, found)))


def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Tensor | None = None) -> Tensor:
    """X of A · X = B (or X · A = B; with `adjoint`, of Aᴴ) from what `lu_factor` gives for A."""
    if pivots._data.dtype != np.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    if B.ndim < 2:
        raise RuntimeError("linalg.lu_solve: The input tensor B must have at least 2 dimensions.")
    if B.shape[-2 if left else -1] != LU.shape[-1]:
        sizes = f"{LU.shape[-2]}x{LU.shape[-1]} and {B.shape[-2]}x{B.shape[-1]}"
        raise RuntimeError(f"linalg.lu_solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} ({sizes})")
    P = Tensor._wrap(permutation(pivots._data, LU.shape[-2], LU._data.dtype))
    result = _solved(P, LU, B, adjoint) if left else _solved(P, LU, B.mH, not adjoint).mH
    return result if out is None else into(out, result)


def _solved(P: Tensor, LU: Tensor, B: Tensor, adjoint: bool) -> Tensor:
    L, U = _parts(LU)
    if adjoint:
        return P @ solve_triangular(L.mH, solve_triangular(U.mH, B, upper=False), upper=True, unitriangular=True)
    return solve_triangular(U, solve_triangular(L, P.mT @ B, upper=False, unitriangular=True), upper=True)


def solved_by(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`linalg.lu_solve` with its arguments in another order."""
    warnings.warn(
        "torch.lu_solve is deprecated in favor of torch.linalg.lu_solveand will be removed in a future PyTorch release.\n"
        "Note that torch.linalg.lu_solve has its arguments reversed.\nX = torch.lu_solve(B, LU, pivots)\n"
        "should be replaced with\nX = torch.linalg.lu_solve(LU, pivots, B)", UserWarning, stacklevel=2,
    )  # fmt: skip
    return lu_solve(LU_data, LU_pivots, b, out=out)


AS_FUNCTIONS = AS_METHODS = {"lu_solve": solved_by}
