"""Normal distributions of vectors."""

from __future__ import annotations

import math
from typing import Any

from ..linalg import cholesky, solve_triangular
from ..ops.arrangements import diag_embed
from ..ops.creation import eye
from ..ops.random import randn
from ..ops.shapes import broadcast_shapes
from ..ops.solvers import cholesky_inverse
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .distribution import Centred, Distribution, lazy_property


def of_vectors(matrix: Tensor, vectors: Tensor) -> Tensor:
    """Matrices times vectors, batch by batch."""
    return (matrix @ vectors.unsqueeze(-1)).squeeze(-1)


def mahalanobis(factor: Tensor, difference: Tensor) -> Tensor:
    """|L⁻¹ d|², with lower triangular L."""
    shape = broadcast_shapes(factor.shape[:-2], difference.shape[:-1])
    factor, difference = factor.expand(shape + factor.shape[-2:]), difference.expand(shape + difference.shape[-1:])
    return solve_triangular(factor, difference.unsqueeze(-1), upper=False).squeeze(-1).pow(2).sum(-1)


def half_log_det(factor: Tensor) -> Tensor:
    """log det L = ½ log det L Lᵀ."""
    return factor.diagonal(0, -2, -1).log().sum(-1)


def factor_of_inverse(precision: Tensor) -> Tensor:
    """The Cholesky factor of a matrix's inverse, without the inverse: of the matrix turned by 180°, whose factor is turned back."""
    turned = cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    return solve_triangular(turned, eye(precision.shape[-1], dtype=precision.dtype), upper=False)


class OfCovariance(Distribution):
    """Given by a covariance_matrix, its inverse (precision_matrix) or its Cholesky factor (scale_tril): one of them, the others computed when asked for."""

    _unbroadcasted_scale_tril: Tensor

    @staticmethod
    def _given(error: type[Exception], **matrices: Tensor | None) -> tuple[str, Tensor]:
        given = {name: value for name, value in matrices.items() if value is not None}
        if len(given) != 1:
            raise error("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        return next(iter(given.items()))

    def _take_matrix(self, name: str, matrix: Tensor, batch: Any) -> None:
        self.__dict__[name] = matrix.expand(Size(batch) + matrix.shape[-2:])
        self._matrix_given = name, matrix

    def _factorize(self) -> None:
        """Done when the parameters are known to be valid, where the distribution checks them."""
        name, matrix = self._matrix_given
        del self._matrix_given
        ways = {"scale_tril": lambda m: m, "covariance_matrix": cholesky, "precision_matrix": factor_of_inverse}
        self._unbroadcasted_scale_tril = ways[name](matrix)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril

    def _wide(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + matrix.shape[-2:])

    @lazy_property
    def scale_tril(self) -> Tensor:
        """L, the Cholesky factor of the covariance."""
        return self._wide(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """L Lᵀ."""
        factor = self._unbroadcasted_scale_tril
        return self._wide(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The covariance's inverse."""
        return self._wide(cholesky_inverse(self._unbroadcasted_scale_tril))


class MultivariateNormal(Centred, OfCovariance):
    """Normal vectors: log p = -½ |L⁻¹(x - μ)|² - log det L - n/2 · log 2π, with covariance L Lᵀ.

    One of covariance_matrix, precision_matrix (its inverse) and scale_tril (L) is given, the others are computed when asked for.

    >>> import glassgrad as gg
    >>> gg.distributions.MultivariateNormal(gg.zeros(2), gg.eye(2)).log_prob(gg.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {"loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite, "precision_matrix": constraints.positive_definite,
                       "scale_tril": constraints.lower_cholesky}  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None, scale_tril: Tensor | None = None,
                 validate_args: bool | None = None):  # fmt: skip
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = self._given(ValueError, covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril)
        if matrix.dim() < 2:
            shown = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(f"{shown} must be at least two-dimensional, with optional leading batch dimensions")
        batch = Size(broadcast_shapes(matrix.shape[:-2], loc.shape[:-1]))
        self._take_matrix(name, matrix, batch)
        self.loc = loc.expand(batch + loc.shape[-1:])
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._factorize()

    @property
    def variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self.loc + of_vectors(self._unbroadcasted_scale_tril, randn(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def _log_prob(self, value: Tensor) -> Tensor:
        distance = mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det(self._unbroadcasted_scale_tril)

    def entropy(self) -> Tensor:
        found = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det(self._unbroadcasted_scale_tril)
        return found.expand(self._batch_shape)


class LowRankMultivariateNormal(Centred):
    """Normal vectors with the covariance W Wᵀ + diag(d): cov_factor W of n × m, cov_diag d.

    Determinant and inverse are those of an m × m matrix, C = I + Wᵀ diag(d)⁻¹ W, by the formulas of Woodbury and of Sylvester.

    >>> import glassgrad as gg
    >>> gg.distributions.LowRankMultivariateNormal(gg.zeros(2), gg.ones(2, 1), gg.ones(2)).covariance_matrix
    tensor([[2., 1.],
            [1., 2.]])
    """

    arg_constraints = {"loc": constraints.real_vector, "cov_factor": constraints.independent(constraints.real, 2),
                       "cov_diag": constraints.independent(constraints.positive, 1)}  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
        batch = Size(broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]))
        self.loc, self.cov_diag = loc.expand(batch + event), cov_diag.expand(batch + event)
        self.cov_factor = cov_factor.expand(batch + cov_factor.shape[-2:])
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = cholesky(self._capacitance())
        super().__init__(batch, event, validate_args=validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        for name in ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"):
            new.__dict__[name] = self.__dict__[name]

    def _capacitance(self) -> Tensor:
        """C = I + Wᵀ diag(d)⁻¹ W."""
        w, d = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        return (w.mT / d.unsqueeze(-2)) @ w + eye(w.shape[-1], dtype=w.dtype)

    def _wide(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def variance(self) -> Tensor:  # type: ignore[override]
        found = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return found.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        w, root = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = w / root  # the factor of I + (W/√d)(W/√d)ᵀ, scaled: its eigenvalues are at least 1
        inner = scaled @ scaled.mT
        return self._wide(root * cholesky(inner + eye(inner.shape[-1], dtype=w.dtype)))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """W Wᵀ + diag(d)."""
        w = self._unbroadcasted_cov_factor
        return self._wide(w @ w.mT + diag_embed(self._unbroadcasted_cov_diag))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The covariance's inverse: diag(d)⁻¹ - diag(d)⁻¹ W C⁻¹ Wᵀ diag(d)⁻¹."""
        w, d = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        half = solve_triangular(self._capacitance_tril, w.mT / d.unsqueeze(-2), upper=False)
        return self._wide(diag_embed(d.reciprocal()) - half.mT @ half)

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        inner = randn(shape[:-1] + self.cov_factor.shape[-1:], dtype=self.loc.dtype)
        outer = randn(shape, dtype=self.loc.dtype)
        return self.loc + of_vectors(self._unbroadcasted_cov_factor, inner) + self._unbroadcasted_cov_diag.sqrt() * outer

    def _distance(self, difference: Tensor) -> Tensor:
        """The squared Mahalanobis distance."""
        w, d = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        inner = of_vectors(w.mT / d.unsqueeze(-2), difference)
        return (difference.pow(2) / d).sum(-1) - mahalanobis(self._capacitance_tril, inner)

    def _log_det(self) -> Tensor:
        return 2 * half_log_det(self._capacitance_tril) + self._unbroadcasted_cov_diag.log().sum(-1)

    def _log_prob(self, value: Tensor) -> Tensor:
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + self._distance(value - self.loc))

    def entropy(self) -> Tensor:
        found = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return found.expand(self._batch_shape)
