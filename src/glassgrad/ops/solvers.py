"""Matrices inverted, systems solved, determinants, Cholesky's factor, the pseudoinverse, the exponential.

The derivatives are those of M. Giles, "An extended collection of matrix derivative results" (2008), in which products stand the same way
as here; H is the conjugate transpose. Leading dims are batches.
"""

from __future__ import annotations

import collections
import math
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .extremes import max_result
from .numpy_protocol import FUNCTIONS, _tensor
from .runtime import conj, into, is_complex, sum_to
from .shapes import to


class LinAlgError(RuntimeError):
    """A matrix has not the property that an operation needs: it is singular, or not positive-definite."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"  # as it is shown in PyTorch's tracebacks


def H(x: Any) -> Any:
    """The conjugate transpose."""
    return np.swapaxes(conj(x), -1, -2)


def unit(n: int, like: Any) -> np.ndarray:
    """The unit matrix, real, in the precision of another array (or tensor)."""
    dtype = getattr(like.dtype, "numpy", like.dtype)
    return np.eye(n, dtype=np.empty(0, dtype).real.dtype)


def returned(name: str, fields: str) -> Any:
    """A named tuple that is shown as PyTorch's results are."""
    kind: Any = type(name + "_result", (collections.namedtuple(name + "_result", fields),), {"__slots__": (), "__repr__": max_result.__repr__})
    kind.__doc__ = f"What {name.replace('linalg_', '')} gives: {fields.replace(' ', ', ')}."
    kind.__module__ = __name__
    return kind


def check(name: str, A: Tensor, square: bool = True, low: bool = False) -> None:
    """Raises unless A is a floating matrix, or a batch of them."""
    if not isinstance(A, Tensor):
        raise errors.argument(name.replace("linalg.", "linalg_"), "A" if "linalg" in name else "input", 1, "Tensor", A)
    if A.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if square and A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"{name}: A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices")
    if A._data.dtype.kind not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {A.dtype.type_name}")
    if A._data.dtype == np.float16 and not low:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got Half")


def _first(x: np.ndarray, fails: Any) -> tuple[str, Any]:
    """Which matrix of a batch fails, in PyTorch's words, and what is known of it."""
    for at in np.ndindex(x.shape[:-2]):
        found = fails(x[at])
        if found:
            return (f"(Batch element {int(np.ravel_multi_index(at, x.shape[:-2]))}): " if at else ""), found
    return "", 0


def _zero_pivot(x: np.ndarray) -> int:
    """Where elimination with row exchanges meets a zero, counted from 1; 0 where it meets none."""
    x = x.copy()
    for k in range(len(x)):
        row = k + int(np.argmax(np.abs(x[k:, k])))
        if x[row, k] == 0:
            return k + 1
        x[[k, row]] = x[[row, k]]
        x[k + 1 :] -= np.outer(x[k + 1 :, k] / x[k, k], x[k])
    return 0


def _minor(x: np.ndarray) -> int:
    """The order of the first leading minor that is not positive; 0 where there is none."""
    for k in range(1, len(x) + 1):
        try:
            np.linalg.cholesky(x[:k, :k])
        except np.linalg.LinAlgError:
            return k
    return 0


# ------------------------------------------------------------------------------------------------ inverse, systems
@arrays.stacked
def inverted(x: Any, name: str = "linalg.inv") -> Any:
    """The inverse."""
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        which, pivot = _first(x, _zero_pivot)
        raise LinAlgError(
            f"{name}: {which}The diagonal element {pivot or x.shape[-1]} is zero, the inversion could not be completed because the input matrix is singular."
        ) from None


_inv = vjp("_inv", lambda A, name="linalg.inv": inverted(A, name), node="LinalgInvExBackward0", A=lambda grad, result: -np.matmul(np.matmul(H(result),
grad), H(result)))


def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of square matrices.

    >>> import glassgrad as gg
    >>> gg.linalg.inv(gg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    check("linalg.inv", A)
    result = _inv(A)
    return result if out is None else into(out, result)


inv_ex_result, cholesky_ex_result = returned("linalg_inv_ex", "inverse info"), returned("linalg_cholesky_ex", "L info")
solve_ex_result, slogdet_result = returned("linalg_solve_ex", "result info"), returned("linalg_slogdet", "sign logabsdet")


def _ex(kind: Any, act: Any, A: Tensor, fails: Any, check_errors: bool) -> Any:
    """A result and which matrices had none: their places hold NaN."""
    info = np.zeros(A._data.shape[:-2], np.int32)
    try:
        return kind(act(A), Tensor._wrap(info[()]))
    except LinAlgError:
        if check_errors:
            raise
    data = np.array(A._data)
    for at in np.ndindex(info.shape):
        info[at] = fails(data[at])
        if info[at]:
            data[at] = np.eye(data.shape[-1]) * np.nan
    regular = Tensor._wrap(np.where(np.isnan(data), unit(data.shape[-1], data), data))
    return kind(act(regular).masked_fill(Tensor._wrap((info != 0)[..., None, None]), math.nan), Tensor._wrap(info[()]))


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """The inverse, and 0 or the number of the zero pivot for each matrix."""
    check("linalg.inv_ex", A)
    return _ex(inv_ex_result, lambda a: _inv(a, "linalg.inv_ex"), A, _zero_pivot, check_errors)


@arrays.array_function
def solved(a: Any, b: Any, vector: bool) -> Any:
    """X of a · X = b; b holds vectors, or matrices."""
    other = arrays.overriding((b,))
    if other is not None:
        return other.__array_function__(solved, (type(other),), (a, b, vector), {})
    try:
        if not vector:
            return np.linalg.solve(a, b)
        return np.linalg.solve(a, b[..., None])[..., 0]
    except np.linalg.LinAlgError:
        raise LinAlgError(f"torch.linalg.solve: {_first(a, _zero_pivot)[0]}The solver failed because the input matrix is singular.") from None


def _outer(a: Any, b: Any, vector: bool) -> Any:
    """-a · bᴴ."""
    return -(a[..., :, None] * conj(b)[..., None, :]) if vector else -np.matmul(a, H(b))


_solve = vjp("_solve", lambda A, B, vector: solved(A, B, vector), node="LinalgSolveExBackward0",
             A=lambda grad, A, A_shape, result, vector: sum_to(_outer(solved(H(A), grad, vector), result, vector), A_shape),
             B=lambda grad, A, B_shape, vector: sum_to(solved(H(A), grad, vector), B_shape))  # fmt: skip
FUNCTIONS |= {inverted: lambda x, name="linalg.inv": _inv(x, name), solved: lambda a, b, vector: _solve(_tensor(a), _tensor(b), vector)}


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """X of A · X = B (or of X · A = B): for B of vectors (…, n), where its shape is A's without the last dim, or matrices (…, n, k).

    >>> import glassgrad as gg
    >>> gg.linalg.solve(gg.tensor([[2.0, 0.0], [0.0, 4.0]]), gg.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    check("linalg.solve", A)
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype.type_name} and B of type {B.dtype.type_name} instead"
        )
    vector = B.ndim == 1 or A.ndim - 1 == B.ndim and B.shape == A.shape[:-1]
    if not vector and B.ndim < 2:
        raise RuntimeError("linalg.solve: The input tensor B must have at least 2 dimensions.")
    if vector and not left:
        raise RuntimeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is "
                           "equivalent to B / A.squeeze(-1)")  # fmt: skip
    if not vector and B.shape[-2 if left else -1] != A.shape[-1] or vector and B.shape[-1] != A.shape[-1]:
        size = f"{B.shape[-2]}x{B.shape[-1]}" if not vector else f"{B.shape[-1]}x1"
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} ({A.shape[-2]}x{A.shape[-1]} and {size})"
        )
    _batches(A, B, vector)
    result = _solve(A, B, vector) if left else _solve(A.mT, B.mT, False).mT
    return result if out is None else into(out, result)


def _batches(A: Tensor, B: Tensor, vector: bool = False) -> None:
    try:
        np.broadcast_shapes(tuple(A.shape[:-2]), tuple(B.shape[: -1 if vector else -2]))
    except ValueError as error:
        raise errors.refused("solve", error, [B._data[..., 0] if vector else B._data[..., 0, 0], A._data[..., 0, 0]]) from None


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """`solve`, and 0 or the number of the zero pivot for each matrix."""
    return _ex(solve_ex_result, lambda a: solve(a, B, left=left), A, _zero_pivot, check_errors)


@arrays.array_function
def substituted(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """X of a · X = b for a triangle a, row by row; without pivots, so that a zero on the diagonal gives infinities."""
    other = arrays.overriding((b,))
    if other is not None:
        return other.__array_function__(substituted, (type(other),), (a, b, upper, unit), {})
    n = a.shape[-1]
    x = np.array(np.broadcast_to(b, (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])))
    for k in reversed(range(n)) if upper else range(n):
        done = slice(k + 1, n) if upper else slice(0, k)
        row = x[..., k, :] - np.matmul(a[..., k, None, done], x[..., done, :])[..., 0, :]
        x[..., k, :] = row if unit else row / a[..., k, k, None]
    return x


def _triangle(x: Any, upper: bool, unit: bool) -> Any:
    return np.triu(x, int(unit)) if upper else np.tril(x, -int(unit))


_solve_triangular = vjp(
    "_solve_triangular", lambda self, B, upper, unit: substituted(self, B, upper, unit), node="LinalgSolveTriangularBackward0",
    self=lambda grad, self, self_shape, result, upper, unit: sum_to(
        _triangle(-np.matmul(substituted(H(self), grad, not upper, unit), H(result)), upper, unit), self_shape),
    B=lambda grad, self, B_shape, upper, unit: sum_to(substituted(H(self), grad, not upper, unit), B_shape))  # fmt: skip
FUNCTIONS[substituted] = lambda a, b, upper, unit: _solve_triangular(_tensor(a), _tensor(b), upper, unit)


def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None) -> Tensor:
    """X of A · X = B (or X · A = B), of which only the upper or lower triangle counts; with a diagonal of ones where `unitriangular`."""
    check("linalg.solve_triangular", A)
    if B.ndim < 2:
        raise RuntimeError("linalg.solve_triangular: The input tensor B must have at least 2 dimensions.")
    if B.shape[-2 if left else -1] != A.shape[-1]:
        sizes = f"{A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]}"
        raise RuntimeError(f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} ({sizes})")
    _batches(A, B)
    result = _solve_triangular(A, B, upper, unitriangular) if left else _solve_triangular(A.mT, B.mT, not upper, unitriangular).mT
    return result if out is None else into(out, result)


triangular_solve_result = returned("triangular_solve", "solution cloned_coefficient")


def triangular_solve(input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None) -> Any:
    """X of A · X = input (or Aᵀ · X = input), of which only the upper or lower triangle counts; and A."""
    x = solve_triangular(A.mT, input, upper=not upper, unitriangular=unitriangular) if transpose else solve_triangular(
        A, input, upper=upper, unitriangular=unitriangular)  # fmt: skip
    found = triangular_solve_result(x, A.clone())
    return found if out is None else triangular_solve_result(into(out[0], found[0]), into(out[1], found[1]))


# ------------------------------------------------------------------------------------------------ determinants
@arrays.stacked
def determinant(x: Any) -> Any:
    """The determinant."""
    return np.linalg.det(x)


@arrays.stacked
def cofactors(x: Any) -> Any:
    """∂ det / ∂ each element, also of a singular matrix: from the singular values, of which each is left out in turn."""
    u, s, vh = np.linalg.svd(x)
    ones = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)
    after = np.flip(np.cumprod(np.concatenate([ones, np.flip(s, -1)[..., :-1]], -1), -1), -1)
    turn = np.linalg.det(u) * np.linalg.det(vh)
    return (turn[..., None, None] * np.matmul(np.conj(u) * (before * after)[..., None, :], np.conj(vh))).astype(x.dtype)


def _wide(x: Any) -> Any:
    return x[..., None, None]


_det = vjp("_det", lambda A: determinant(A), node="LinalgDetBackward0", A=lambda grad, A: _wide(grad) * conj(cofactors(A)))


def _cofactors_back(grad: Any, A: Any) -> Any:
    w, d = np.swapaxes(inverted(A), -1, -2), determinant(A)
    w = conj(w)
    return conj(cofactors(A)) * _wide(np.sum(grad * w, axis=(-2, -1))) - _wide(conj(d)) * np.matmul(np.matmul(w, np.swapaxes(grad, -1, -2)), w)


_cofactors = vjp("_cofactors", lambda A: cofactors(A), node="LinalgDetBackward0Backward0", A=_cofactors_back)
_logabsdet = vjp("_logabsdet", lambda A: logabsdet(A), node="LinalgSlogdetBackward0", A=lambda grad, A: _wide(grad) * H(inverted(A)))
_sign_of_det = vjp("_sign_of_det", lambda A: sign_of_det(A), node="LinalgSlogdetBackward0", A=lambda grad, A, result: _sign_back(grad, A, result))


def _sign_back(grad: Any, A: Any, result: Any) -> Any:
    if not is_complex(A):
        return np.zeros_like(A)
    return _wide(np.imag(np.conj(grad) * result) * -1j) * H(inverted(A))


@arrays.stacked
def sign_of_det(x: Any) -> Any:
    """The determinant over its size."""
    return np.linalg.slogdet(x)[0]


@arrays.stacked
def logabsdet(x: Any) -> Any:
    """The logarithm of the determinant's size."""
    return np.linalg.slogdet(x)[1]


FUNCTIONS |= {determinant: _det, cofactors: _cofactors, logabsdet: _logabsdet, sign_of_det: _sign_of_det}


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of square matrices.

    >>> import glassgrad as gg
    >>> gg.linalg.det(gg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    check("linalg.det", A)
    result = _det(A)
    return result if out is None else into(out, result)


def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """The determinant's sign and the logarithm of its size."""
    check("linalg.slogdet", A)
    found = slogdet_result(_sign_of_det(A), _logabsdet(A))
    return found if out is None else slogdet_result(into(out[0], found[0]), into(out[1], found[1]))


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where that is negative."""
    check("logdet", input)
    sign, size = _sign_of_det(input), _logabsdet(input)
    return size + sign.log() if input.is_complex() else size.masked_fill(sign == -1, math.nan)


# ------------------------------------------------------------------------------------------------ Cholesky
@arrays.stacked
def factor(x: Any, upper: bool, name: str) -> Any:
    """L of x = L · Lᴴ, from the lower triangle; or U = Lᴴ, from the upper one."""
    try:
        return H(np.linalg.cholesky(H(x))) if upper else np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        which, order = _first(x, _minor)
        raise LinAlgError(
            f"{name}: {which}The factorization could not be completed because the input is not positive-definite (the leading minor of order "
            f"{order or 1} is not positive-definite)."
        ) from None


def _cholesky_back(grad: Any, result: Any, upper: bool) -> Any:
    lower, g = (H(result), H(grad)) if upper else (result, grad)
    n = lower.shape[-1]
    one = unit(n, lower)
    half = np.matmul(H(lower), g) * (np.tril(np.ones_like(one)) - one / 2)
    turned = H(lower)
    found = H(solved(turned, H(solved(turned, half, False)), False))
    return (found + H(found)) / 2


_cholesky = vjp("_cholesky", lambda self, upper, name: factor(self, upper, name), node="LinalgCholeskyExBackward0", self=_cholesky_back)
FUNCTIONS[factor] = _cholesky


def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """L of A = L · Lᴴ, a lower triangle, of positive-definite matrices; or Lᴴ where `upper`."""
    check("linalg.cholesky", A)
    result = _cholesky(A, upper, "linalg.cholesky")
    return result if out is None else into(out, result)


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`cholesky`, and 0 or the order of the minor that is not positive for each matrix."""
    check("linalg.cholesky_ex", A)
    return _ex(cholesky_ex_result, lambda a: _cholesky(a, upper, "linalg.cholesky_ex"), A, _minor, check_errors)


def cholesky_of(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """L of input = L · Lᴴ, a lower triangle; or Lᴴ where `upper`."""
    check("cholesky", input)
    result = _cholesky(input, upper, "cholesky")
    return result if out is None else into(out, result)


def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """X of L · Lᴴ · X = input, from the factor L (or from its conjugate transpose, where `upper`)."""
    lower = L.mH if upper else L
    result = _solve_triangular(lower.mH, _solve_triangular(lower, input, False, False), True, False)
    return result if out is None else into(out, result)


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverse of L · Lᴴ, from the factor L."""
    result = cholesky_solve(to(Tensor._wrap(np.eye(L.shape[-1])), L._data.dtype), L, upper)
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ pseudoinverse, least squares
@arrays.stacked
def pseudoinverted(x: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """V · S⁺ · Uᴴ: singular values (or eigenvalues) up to max(atol, rtol · largest) count as 0."""
    if 0 in x.shape[-2:]:
        return np.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    if hermitian:
        s, u = np.linalg.eigh(x)
        vh = H(u)
    else:
        u, s, vh = np.linalg.svd(x, full_matrices=False)
    size = np.abs(s)
    keep = size > np.maximum(np.asarray(atol)[..., None], np.asarray(rtol)[..., None] * size.max(-1, keepdims=True))
    return np.matmul(H(vh) * np.where(keep, 1 / np.where(keep, s, 1), 0)[..., None, :].astype(x.dtype), H(u))


def _pinv_back(grad: Any, self: Any, result: Any) -> Any:
    """G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate" (1973)."""
    p, ph, g = result, H(result), H(grad)
    if self.shape[-2] <= self.shape[-1]:
        k = np.matmul(g, p)
        kp = np.matmul(k, ph)
        return kp - H(np.matmul(p, k)) - np.matmul(np.matmul(self, p), kp) + np.matmul(np.matmul(ph, p), g - np.matmul(k, self))
    k = np.matmul(p, g)
    pk = np.matmul(ph, k)
    return np.matmul(np.matmul(g - np.matmul(self, k), p), ph) + pk - H(np.matmul(k, p)) - np.matmul(np.matmul(pk, p), self)


_pinv = vjp("_pinv", lambda self, atol, rtol, hermitian: pseudoinverted(self, atol, rtol, hermitian), node="LinalgPinvBackward0", self=_pinv_back)
FUNCTIONS[pseudoinverted] = _pinv


def tolerances(A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """What counts as 0, absolutely and relatively to the largest: by default the dtype's precision times the larger size."""
    atol, rtol = (t._data if isinstance(t, Tensor) else t for t in (atol, rtol))
    if rtol is None:
        default = float(np.finfo(A._data.dtype).eps) * max(A.shape[-2:])
        rtol = default if atol is None else np.where(np.asarray(atol) > 0, 0.0, default)
    return 0.0 if atol is None else atol, rtol


def pinv(A: Tensor, *, atol: Any = None, rtol: Any = None, rcond: Any = None, hermitian: bool = False, out: Tensor | None = None) -> Tensor:
    """The pseudoinverse of Moore and Penrose: (…, m, n) gives (…, n, m).

    >>> import glassgrad as gg
    >>> gg.linalg.pinv(gg.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    check("linalg.pinv", A, square=hermitian)
    result = _pinv(A, *tolerances(A, atol, rcond if rtol is None else rtol), hermitian)
    return result if out is None else into(out, result)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudoinverse of Moore and Penrose."""
    return pinv(input, rtol=rcond)


lstsq_result = returned("linalg_lstsq", "solution residuals rank singular_values")
_lstsq = vjp("_lstsq", lambda self, B, rcond: fitted(self, B, rcond), node="LinalgLstsqBackward0",
             self=lambda grad, self, B, self_shape, rcond: sum_to(_pinv_back(np.matmul(grad, H(B)), self, pseudoinverted(self, 0.0, rcond, False)), self_shape),
             B=lambda grad, self, B_shape, rcond: sum_to(np.matmul(H(pseudoinverted(self, 0.0, rcond, False)), grad), B_shape))  # fmt: skip


@arrays.array_function
def fitted(a: Any, b: Any, rcond: float) -> Any:
    """X of smallest ‖a · X - b‖, of several the smallest."""
    other = arrays.overriding((b,))
    if other is not None:
        return other.__array_function__(fitted, (type(other),), (a, b, rcond), {})
    return np.matmul(pseudoinverted(a, 0.0, rcond, False), b) if a.ndim > 2 or b.ndim > 2 else np.linalg.lstsq(a, b, rcond)[0]


FUNCTIONS[fitted] = lambda a, b, rcond: _lstsq(_tensor(a), _tensor(b), rcond)


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X of smallest ‖A · X - B‖, with residuals, rank and singular values where the `driver` gives them."""
    check("torch.linalg.lstsq", A, square=False)
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype {A.dtype.type_name} and other's dtype "
            f"{B.dtype.type_name}"
        )
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    vector = A.ndim - 1 == B.ndim and A.shape[:-1] == B.shape
    m, n = A.shape[-2:]
    if (B.shape[-1] if vector else B.shape[-2]) != m:
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size({'-1' if vector else '-2'})")
    cut = float(np.finfo(A._data.dtype).eps) * max(m, n) if rcond is None else rcond
    b = B.unsqueeze(-1) if vector else B
    x = _lstsq(A, b, cut)
    s = np.linalg.svd(A.detach()._data, compute_uv=False) if isinstance(A._data, np.ndarray) else np.zeros((0,), A._data.dtype)
    ranks = np.sum(s > cut * s.max(-1, keepdims=True, initial=0), axis=-1)
    nothing = Tensor._wrap(np.empty(0, A._data.dtype))
    residuals = nothing
    if m > n and driver in ("gels", "gelsd", "gelss") and np.all(ranks == n):
        off = A @ x - b
        residuals = (off * off.conj()).real.sum(-2) if off.is_complex() else (off * off).sum(-2)
    rank = Tensor._wrap(np.empty(0, np.int64) if driver == "gels" else np.asarray(ranks, np.int64)[()])
    return lstsq_result(x.squeeze(-1) if vector else x, residuals, rank, Tensor._wrap(s) if driver in ("gelsd", "gelss") else nothing)


# ------------------------------------------------------------------------------------------------ exponential
PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800, 33522128640, 1323241920,
        40840800, 960960, 16380, 182, 1)  # N. Higham, "The scaling and squaring method for the matrix exponential revisited" (2005)  # fmt: skip


@arrays.stacked
def exponential(x: Any) -> Any:
    """e^x of matrices, by a rational approximation of x / 2^k, squared k times."""
    if x.size == 0:
        return x.copy()
    wide = x.astype(np.result_type(x.dtype, np.float64))
    norm = float(np.abs(wide).sum(-2).max())
    if not math.isfinite(norm):
        return np.full_like(x, np.nan)
    squarings = max(0, math.ceil(math.log2(norm / 5.371920351148152))) if norm else 0
    a = wide / 2.0**squarings
    one = np.eye(x.shape[-1])
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    b = PADE
    u = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    v = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    found = np.linalg.solve(v - u, v + u)
    for _ in range(squarings):
        found = found @ found
    return found.astype(x.dtype)


def _exponential_back(grad: Any, self: Any) -> Any:
    """From the exponential of [[selfᴴ, grad], [0, selfᴴ]], whose upper right block is the derivative in a direction."""
    turned, n = H(self), self.shape[-1]
    top, bottom = np.concatenate([turned, grad], -1), np.concatenate([0 * grad, turned], -1)
    return exponential(np.concatenate([top, bottom], -2))[..., :n, n:]


_matrix_exp = vjp("_matrix_exp", lambda self: exponential(self), node="LinalgMatrixExpBackward0", self=_exponential_back)
FUNCTIONS[exponential] = _matrix_exp


def matrix_exp(A: Tensor) -> Tensor:
    """e^A = Σ A^k / k! of square matrices."""
    check("linalg.matrix_exp", A)
    return _matrix_exp(A)


AS_FUNCTIONS = AS_METHODS = {"inverse": inv, "cholesky": cholesky_of}  # the names outside `linalg`
