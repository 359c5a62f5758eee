"""Matrices taken apart: eigenvalues and eigenvectors, singular values, QR.

The derivatives hold where the parts are unique up to what a loss must not depend on: signs (or phases) of vectors, and for equal eigenvalues
or singular values the choice of vectors; there they are infinite or NaN, as PyTorch's are. Source: M. Giles (2008), as in solvers.py;
for singular vectors J. Townsend, "Differentiating the singular value decomposition" (2016); for QR S. Walter and L. Lehmann (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .joins import cat
from .numpy_protocol import FUNCTIONS
from .runtime import conj, into, is_complex
from .solvers import H, LinAlgError, check, returned, solved, unit


def _gaps(values: Any) -> Any:
    """values_j - values_i, and infinity on the diagonal."""
    diagonal = unit(values.shape[-1], values)
    return values[..., None, :] - values[..., :, None] + np.where(diagonal, np.inf, 0 * diagonal)


# ------------------------------------------------------------------------------------------------ Hermitian matrices
@arrays.stacked
def hermitian_values(x: Any, part: Any) -> Any:
    """The eigenvalues of a Hermitian matrix, rising."""
    return np.linalg.eigvalsh(x, part) if np.isfinite(x).all() else np.full(x.shape[:-1], np.nan, x.real.dtype)


@arrays.stacked
def hermitian_vectors(x: Any, part: Any) -> Any:
    """The eigenvectors of a Hermitian matrix, as columns."""
    return np.linalg.eigh(x, part)[1] if np.isfinite(x).all() else np.full(x.shape, np.nan, x.dtype)


def _vectors_back(grad: Any, self: Any, result: Any, part: str) -> Any:
    v = result
    return np.matmul(np.matmul(v, np.matmul(H(v), grad) / _gaps(hermitian_values(self, part))), H(v))


def _values_back(grad: Any, self: Any, part: str) -> Any:
    v = hermitian_vectors(self, part)
    return np.matmul(v * grad[..., None, :], H(v))


_eigh_values = vjp("_eigh_values", lambda self, part: hermitian_values(self, part), node="LinalgEighBackward0", self=_values_back)
_eigh_vectors = vjp("_eigh_vectors", lambda self, part: hermitian_vectors(self, part), node="LinalgEighBackward0", self=_vectors_back)
eigh_result, eig_result = returned("linalg_eigh", "eigenvalues eigenvectors"), returned("linalg_eig", "eigenvalues eigenvectors")


def _part(UPLO: str) -> str:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper()


def eigh(A: Tensor, UPLO: str = "L", *, out: Any = None) -> Any:
    """Eigenvalues, rising, and eigenvectors of Hermitian matrices, of which the triangle that UPLO names is read.

    >>> import glassgrad as gg
    >>> gg.linalg.eigh(gg.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    check("linalg.eigh", A)
    part = _part(UPLO)
    found = eigh_result(_eigh_values(A, part), _eigh_vectors(A, part))
    return found if out is None else eigh_result(into(out[0], found[0]), into(out[1], found[1]))


def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues, rising, of Hermitian matrices."""
    check("linalg.eigvalsh", A)
    result = _eigh_values(A, _part(UPLO))
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ any square matrix
@arrays.stacked
def values_of(x: Any) -> Any:
    """The eigenvalues, complex."""
    return np.linalg.eigvals(x).astype(np.result_type(x.dtype, np.complex64))


@arrays.stacked
def vectors_of(x: Any) -> Any:
    """The eigenvectors, complex, of length 1, as columns."""
    return np.linalg.eig(x)[1].astype(np.result_type(x.dtype, np.complex64))


def _real_where(found: Any, self: Any) -> Any:
    return found if is_complex(self) else np.real(found)


def _eig_values_back(grad: Any, self: Any) -> Any:
    vh = H(vectors_of(self))
    return _real_where(solved(vh, grad[..., :, None] * vh, False), self)


def _eig_vectors_back(grad: Any, self: Any, result: Any) -> Any:
    v = result
    turned = np.matmul(H(v), grad)
    n = turned.shape[-1]
    size = np.real(np.sum(turned * unit(n, turned), axis=-2))  # what of the gradient changes the vectors' lengths, which are kept
    kept = turned - np.matmul(H(v), v) * size[..., None, :]
    return _real_where(solved(H(v), np.matmul(kept / conj(_gaps(values_of(self))), H(v)), False), self)


_eig_values = vjp("_eig_values", lambda self: values_of(self), node="LinalgEigBackward0", self=_eig_values_back)
_eig_vectors = vjp("_eig_vectors", lambda self: vectors_of(self), node="LinalgEigBackward0", self=_eig_vectors_back)


def _finite(name: str, A: Tensor) -> None:
    if isinstance(A._data, np.ndarray) and not np.isfinite(A._data).all():
        raise RuntimeError(f"torch.{name}: input tensor should not contain infs or NaNs.")


def eig(A: Tensor, *, out: Any = None) -> Any:
    """Eigenvalues and eigenvectors of square matrices, complex."""
    check("linalg.eig", A)
    _finite("linalg.eig", A)
    found = eig_result(_eig_values(A), _eig_vectors(A))
    return found if out is None else eig_result(into(out[0], found[0]), into(out[1], found[1]))


def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of square matrices, complex."""
    check("linalg.eigvals", A)
    _finite("linalg.eigvals", A)
    result = _eig_values(A)
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ singular values
def _svd(x: Any, full: bool) -> Any:
    try:
        if not np.isfinite(x).all():
            raise np.linalg.LinAlgError
        return np.linalg.svd(x, full_matrices=full)
    except np.linalg.LinAlgError:
        raise LinAlgError("linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values.") from None


@arrays.stacked
def left_vectors(x: Any, full: bool) -> Any:
    """U of x = U · S · Vᴴ."""
    return _svd(x, full)[0]


@arrays.stacked
def singular_values(x: Any) -> Any:
    """S of x = U · S · Vᴴ, falling."""
    return _svd(x, False)[1]


@arrays.stacked
def right_vectors(x: Any, full: bool) -> Any:
    """Vᴴ of x = U · S · Vᴴ."""
    return _svd(x, full)[2]


def _squared_gaps(s: Any) -> Any:
    """s_j² - s_i², and 1 on the diagonal."""
    return s[..., None, :] * s[..., None, :] - s[..., :, None] * s[..., :, None] + unit(s.shape[-1], s)


def _left_back(grad: Any, self: Any, result: Any, full: bool) -> Any:
    s, vh = singular_values(self), right_vectors(self, False)
    k = s.shape[-1]
    u, g = result[..., :k], grad[..., :k]
    inner = np.matmul(H(u), g)
    middle = (inner - H(inner)) / _squared_gaps(s) * s[..., None, :]
    if is_complex(self):
        one = unit(k, s)
        middle = middle + one * (1j * np.imag(np.sum(inner * one, axis=-1)) / s)[..., None, :]
    found = np.matmul(u, middle)
    if self.shape[-2] > k:
        found = found + (g - np.matmul(u, inner)) / s[..., None, :]
    return np.matmul(found, vh)


def _right_back(grad: Any, self: Any, result: Any, full: bool) -> Any:
    s, u = singular_values(self), left_vectors(self, False)
    k = s.shape[-1]
    vh, g = result[..., :k, :], grad[..., :k, :]
    inner = np.matmul(vh, H(g))
    found = np.matmul(s[..., :, None] * ((inner - H(inner)) / _squared_gaps(s)), vh)
    if self.shape[-1] > k:
        found = found + (g - np.matmul(np.matmul(g, H(vh)), vh)) / s[..., :, None]
    return np.matmul(u, found)


_svd_left = vjp("_svd_left", lambda self, full: left_vectors(self, full), node="LinalgSvdBackward0", self=_left_back)
_svd_right = vjp("_svd_right", lambda self, full: right_vectors(self, full), node="LinalgSvdBackward0", self=_right_back)
_svd_values = vjp("_svd_values", lambda self: singular_values(self), node="LinalgSvdBackward0",
                  self=lambda grad, self: np.matmul(left_vectors(self, False) * grad[..., None, :], right_vectors(self, False)))  # fmt: skip
svd_result, torch_svd_result = returned("linalg_svd", "U S Vh"), returned("svd", "U S V")


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None) -> Any:
    """U, S and Vᴴ of A = U · S · Vᴴ, the singular values S falling; with `full_matrices` square U and Vᴴ."""
    check("linalg.svd", A, square=False)
    if driver is not None:
        raise RuntimeError("torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.")
    found = svd_result(_svd_left(A, full_matrices), _svd_values(A), _svd_right(A, full_matrices))
    return found if out is None else svd_result(*(into(o, f) for o, f in zip(out, found)))


def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values, falling."""
    check("linalg.svdvals", A, square=False)
    if driver is not None:
        raise RuntimeError("torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.")
    result = _svd_values(A)
    return result if out is None else into(out, result)


def svd_of(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """U, S and V of input = U · S · Vᴴ."""
    check("linalg.svd", input, square=False)
    s = _svd_values(input)
    if compute_uv:
        found = torch_svd_result(_svd_left(input, not some), s, _svd_right(input, not some).mH)
    else:
        m, n = input.shape[-2:]
        found = torch_svd_result(input.new_zeros(*input.shape[:-2], m, m), s, input.new_zeros(*input.shape[:-2], n, n))
    return found if out is None else torch_svd_result(*(into(o, f) for o, f in zip(out, found)))


# ------------------------------------------------------------------------------------------------ QR
@arrays.stacked
def orthonormal(x: Any, form: Any) -> Any:
    """Q of x = Q · R."""
    return np.linalg.qr(x, form)[0]


@arrays.stacked
def triangle(x: Any, form: Any) -> Any:
    """R of x = Q · R."""
    return np.linalg.qr(x, form)[1]


def _symmetric(x: Any) -> Any:
    """triu(x) and its conjugate transpose, the diagonal once and real."""
    upper = np.triu(x)
    return (upper + H(upper)) * (1 - unit(x.shape[-1], x) / 2)


def _over(x: Any, r: Any) -> Any:
    """x · R^{-H}."""
    return H(solved(r, H(x), False))


def _q_back(grad: Any, self: Any, result: Any, form: Any) -> Any:
    q = result
    return _over(grad - np.matmul(q, _symmetric(np.matmul(H(q), grad))), triangle(self, form))


def _r_back(grad: Any, self: Any, result: Any, form: Any) -> Any:
    return _over(np.matmul(orthonormal(self, form), _symmetric(np.matmul(grad, H(result)))), result)


_qr_q = vjp("_qr_q", lambda self, form: orthonormal(self, form), node="LinalgQrBackward0", self=_q_back)
_qr_r = vjp("_qr_r", lambda self, form: triangle(self, form), node="LinalgQrBackward0", self=_r_back)
qr_result, torch_qr_result = returned("linalg_qr", "Q R"), returned("qr", "Q R")


def _parts(A: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """Q and R; of a wide matrix [X Y] those of X, and [R, Qᴴ · Y]."""
    m, n = A.shape[-2:]
    if m < n:
        q, r = _parts(A[..., :m], "reduced")
        return q, cat([r, q.mH @ A[..., m:]], -1)
    if mode == "complete" and m > n and A.requires_grad:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    return _qr_q(A, mode), _qr_r(A, mode)


def qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> Any:
    """Q, with orthonormal columns, and R, an upper triangle, of A = Q · R: "reduced", "complete" (Q square), or "r" (R alone)."""
    if mode not in ("reduced", "r", "complete"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    check("linalg.qr", A, square=False)
    if mode == "r":
        if A.requires_grad:
            raise errors.explain(RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                                              "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."))  # fmt: skip
        found = qr_result(Tensor._wrap(np.empty(0, A._data.dtype)), _qr_r(A, "reduced"))
    else:
        found = qr_result(*_parts(A, mode))
    return found if out is None else qr_result(into(out[0], found[0]), into(out[1], found[1]))


def qr_of(input: Tensor, some: bool = True, *, out: Any = None) -> Any:
    """Q and R of input = Q · R."""
    found = torch_qr_result(*qr(input, "reduced" if some else "complete"))
    return found if out is None else torch_qr_result(into(out[0], found[0]), into(out[1], found[1]))


FUNCTIONS |= {
    hermitian_values: _eigh_values, hermitian_vectors: _eigh_vectors, values_of: _eig_values, vectors_of: _eig_vectors, left_vectors: _svd_left,
    right_vectors: _svd_right, singular_values: _svd_values, orthonormal: _qr_q, triangle: _qr_r,
}  # fmt: skip
AS_FUNCTIONS = AS_METHODS = {"svd": svd_of, "qr": qr_of}  # the names outside `linalg`
