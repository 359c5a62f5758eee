"""Distributions of matrices: of covariances (Wishart), of correlations (LKJ)."""

from __future__ import annotations

import math
import warnings
from numbers import Number
from typing import Any

from ..dtypes import finfo
from ..graph.modes import no_grad
from ..linalg import slogdet
from ..ops.arrangements import diag_embed, tril_indices
from ..ops.creation import arange, full_like, tensor
from ..ops.elementwise import where
from ..ops.random import randn
from ..ops.reductions import norm
from ..ops.shapes import broadcast_shapes
from ..ops.solvers import cholesky_solve
from ..ops.special import digamma, lgamma, mvlgamma
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .gamma import Beta, Chi2
from .multivariate import OfCovariance, half_log_det


class Wishart(OfCovariance):
    """The distribution of Σ xᵢ xᵢᵀ over ν = df normal vectors of n dims with mean 0 and a covariance, ν > n - 1 not only whole.

    Samples by Bartlett's decomposition (1933): a triangular matrix of normal values with roots of χ² values on the diagonal. For a seed they are not
    PyTorch's numbers, which draws some of them a second time.

    >>> import glassgrad as gg
    >>> gg.distributions.Wishart(gg.tensor(3.0), gg.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True

    @property
    def arg_constraints(self) -> dict[str, Any]:
        return {"covariance_matrix": constraints.positive_definite, "precision_matrix": constraints.positive_definite,
                "scale_tril": constraints.lower_cholesky, "df": constraints.greater_than(self._event_shape[-1] - 1)}  # fmt: skip

    def __init__(self, df: Any, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None, scale_tril: Tensor | None = None,
                 validate_args: bool | None = None):  # fmt: skip
        name, matrix = self._given(AssertionError, covariance_matrix=covariance_matrix, precision_matrix=precision_matrix, scale_tril=scale_tril)
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        df = tensor(float(df), dtype=matrix.dtype) if isinstance(df, Number) else df  # type: ignore[arg-type]
        batch, event = Size(broadcast_shapes(df.shape, matrix.shape[:-2])), matrix.shape[-2:]
        if (df <= event[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        self._take_matrix(name, matrix, batch)
        self.df = df.expand(batch)
        if self.df.lt(event[-1]).any():
            warnings.warn("Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.", stacklevel=2)
        super().__init__(batch, event, validate_args=validate_args)
        self._factorize()
        self._chi2 = Chi2(self.df.unsqueeze(-1) - arange(event[-1], dtype=matrix.dtype), validate_args=False)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        super()._expand_parts(new, batch_shape)
        new._chi2 = self._chi2.expand(batch_shape + self._event_shape[-1:])

    def _per_matrix(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape + Size((1, 1)))

    @property
    def mean(self) -> Tensor:
        return self._per_matrix(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        above = self.df - self._event_shape[-1] - 1
        return self._per_matrix(where(above <= 0, full_like(above, math.nan), above)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        d = v.diagonal(0, -2, -1)
        return self._per_matrix(self.df) * (v.pow(2) + d.unsqueeze(-1) * d.unsqueeze(-2))

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        n = self._event_shape[-1]
        noise = diag_embed(self._chi2.rsample(sample_shape).sqrt())
        rows, columns = tril_indices(n, n, -1)
        normal = randn(Size(sample_shape) + self._batch_shape + Size((n * (n - 1) // 2,)), dtype=noise.dtype)
        below = noise.detach().new_zeros(noise.shape)
        below[..., rows, columns] = normal
        factor = self._unbroadcasted_scale_tril @ (noise + below)
        return factor @ factor.mT

    def _log_prob(self, value: Tensor) -> Tensor:
        df, n, factor = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        batch = broadcast_shapes(value.shape[:-2], factor.shape[:-2])
        value, wide = value.expand((*batch, n, n)), factor.expand((*batch, n, n))
        trace = cholesky_solve(value, wide).diagonal(0, -2, -1).sum(-1)
        constant = df * (0.5 * n * math.log(2) + half_log_det(factor)) + mvlgamma(df / 2, n)
        return (df - n - 1) / 2 * slogdet(value)[1] - 0.5 * trace - constant

    def entropy(self) -> Tensor:
        df, n = self.df, self._event_shape[-1]
        logs = digamma((df / 2).unsqueeze(-1) - 0.5 * arange(n, dtype=df.dtype)).sum(-1)
        size = (n + 1) * (0.5 * n * math.log(2) + half_log_det(self._unbroadcasted_scale_tril))
        return size + mvlgamma(df / 2, n) - (df - n - 1) / 2 * logs + df * n / 2


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices, whose density is det(matrix)^(η - 1): with concentration η = 1 all are equally likely.

    Samples by the onion method: row by row, a direction and a length. Source: D. Lewandowski, D. Kurowicka and H. Joe, "Generating random correlation
    matrices based on vines and extended onion method", 2009.

    >>> import glassgrad as gg
    >>> gg.distributions.LKJCholesky(3, 1.0).sample().shape
    torch.Size([3, 3])
    """

    concentration: Tensor
    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        self._take(None, concentration=concentration)
        super().__init__(self._batch_shape, Size((dim, dim)), validate_args)
        row = (arange(dim, dtype=self.concentration.dtype) - 1).clamp(min=0)
        self._beta = Beta(row + 0.5, (self.concentration + 0.5 * (dim - 2)).unsqueeze(-1) - 0.5 * row, validate_args=False)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new.dim, new._beta = self.dim, self._beta.expand(batch_shape + Size((self.dim,)))

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            length = self._beta.sample(sample_shape).unsqueeze(-1)
            direction = randn(self._extended_shape(sample_shape), dtype=length.dtype).tril(-1)
            direction = direction / norm(direction, dim=-1, keepdim=True)
            direction[..., 0, :] = 0.0
            w = length.sqrt() * direction
            rest = (1 - w.pow(2).sum(-1)).clamp(min=finfo(w.dtype).tiny).sqrt()
            return w + diag_embed(rest)

    def _log_prob(self, value: Tensor) -> Tensor:
        n, eta = self.dim, self.concentration
        powers = 2 * (eta - 1).unsqueeze(-1) + n - arange(2, n + 1, dtype=eta.dtype)
        alpha = eta + 0.5 * (n - 1)
        constant = 0.5 * (n - 1) * math.log(math.pi) + mvlgamma(alpha - 0.5, n - 1) - lgamma(alpha) * (n - 1)
        return (powers * value.diagonal(0, -2, -1)[..., 1:].log()).sum(-1) - constant
