"""Transforms whose values are vectors or matrices, or that act on a dim part by part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..dtypes import finfo
from ..linalg import cholesky
from ..ops.activations import logsigmoid
from ..ops.arrangements import diag_embed, tril_indices
from ..ops.creation import arange, eye
from ..ops.elementwise import softplus
from ..ops.joins import cat, stack
from ..ops.padding import pad
from ..placement import Size
from . import constraints
from .distribution import sum_rightmost
from .transform import Transform
from .transforms_of_numbers import SigmoidTransform


class SoftmaxTransform(Transform):
    """y = softmax x, onto the simplex; the inverse chosen is log y."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Any) -> Any:
        return x.softmax(-1)

    def _inverse(self, y: Any) -> Any:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """From n numbers to the simplex of n + 1: each says what share of the stick's rest is broken off; 0 gives equal parts.

    Source: Stan's reference manual, "Unit simplex".
    """

    domain, codomain, bijective = constraints.real_vector, constraints.simplex, True

    @staticmethod
    def _rests(x: Any, n: int) -> Any:
        """log n, log(n - 1), …: what makes the parts equal at 0."""
        return (n - arange(x.shape[-1], dtype=x.dtype)).log()

    def _call(self, x: Any) -> Any:
        share = SigmoidTransform()(x - self._rests(x, x.shape[-1]))
        return pad(share, [0, 1], value=1) * pad((1 - share).cumprod(-1), [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        parts = y[..., :-1]
        rest = (1 - parts.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return parts.log() - rest.log() + self._rests(parts, parts.shape[-1])

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        x = x - self._rests(x, x.shape[-1])
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return Size((*shape[:-1], shape[-1] - 1))


class ReshapeTransform(Transform):
    """One value of shape in_shape, laid out in out_shape."""

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0):
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError("in_shape, out_shape have different numbers of elements")
        super().__init__(cache_size)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Any) -> Any:
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y: Any) -> Any:
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    @staticmethod
    def _exchanged(shape: Any, old: Size, new: Size) -> Any:
        if len(shape) < len(old):
            raise ValueError("Too few dimensions on input")
        cut = len(shape) - len(old)
        if tuple(shape[cut:]) != tuple(old):
            raise ValueError(f"Shape mismatch: expected {shape[cut:]} but got {old}")
        return Size(shape[:cut]) + new

    def forward_shape(self, shape: Any) -> Any:
        return self._exchanged(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._exchanged(shape, self.out_shape, self.in_shape)


class _Along(Transform):
    """Parts along a dim, each with a transform of its own."""

    transforms: list[Any]
    dim: int

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int):
        if not all(isinstance(t, Transform) for t in tseq):
            raise AssertionError("All elements of tseq must be Transform instances")
        self.transforms, self.dim = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq), dim
        super().__init__(cache_size)

    def with_cache(self, cache_size: int = 1) -> Any:
        other = super().with_cache(cache_size)
        if other is not self:
            other.transforms = [t.with_cache(cache_size) for t in self.transforms]
        return other

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)


class CatTransform(_Along):
    """Each transform acts on its own stretch (`lengths`) of a dim.

    >>> import glassgrad as gg
    >>> from glassgrad.distributions import CatTransform, ExpTransform, identity_transform
    >>> CatTransform([identity_transform, ExpTransform()], lengths=[2, 1])(gg.zeros(3))
    tensor([0., 0., 1.])
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """The length of all stretches together."""
        return sum(self.lengths)

    def _call(self, x: Any) -> Any:
        return cat([t(part) for t, part in zip(self.transforms, x.split(self.lengths, self.dim))], self.dim)

    def _inverse(self, y: Any) -> Any:
        return cat([t.inv(part) for t, part in zip(self.transforms, y.split(self.lengths, self.dim))], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        found = []
        for t, a, b in zip(self.transforms, x.split(self.lengths, self.dim), y.split(self.lengths, self.dim)):
            found.append(sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim))
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim += self.event_dim
        return cat(found, dim) if dim < 0 else sum(found)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Along):
    """Each transform acts on its own slice of a dim.

    >>> import glassgrad as gg
    >>> from glassgrad.distributions import ExpTransform, StackTransform, identity_transform
    >>> StackTransform([identity_transform, ExpTransform()])(gg.zeros(2))
    tensor([0., 1.])
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0):
        super().__init__(tseq, dim, cache_size)

    def _call(self, x: Any) -> Any:
        return stack([t(part) for t, part in zip(self.transforms, x.unbind(self.dim))], self.dim)

    def _inverse(self, y: Any) -> Any:
        return stack([t.inv(part) for t, part in zip(self.transforms, y.unbind(self.dim))], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return stack([t.log_abs_det_jacobian(a, b) for t, a, b in zip(self.transforms, x.unbind(self.dim), y.unbind(self.dim))], self.dim)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.stack([t.codomain for t in self.transforms], self.dim)


# ------------------------------------------------------------------------------------------------ of matrices
class LowerCholeskyTransform(Transform):
    """From square matrices to lower triangular ones with a positive diagonal: eˣ on the diagonal, what is above it left out."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Any) -> Any:
        return x.tril(-1) + diag_embed(x.diagonal(0, -2, -1).exp())

    def _inverse(self, y: Any) -> Any:
        return y.tril(-1) + diag_embed(y.diagonal(0, -2, -1).log())


class PositiveDefiniteTransform(Transform):
    """From square matrices to positive definite ones: L Lᵀ, with the L of LowerCholeskyTransform."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Any) -> Any:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Any) -> Any:
        return LowerCholeskyTransform().inv(cholesky(y))


def below_diagonal(matrix: Any, offset: int = -1) -> Any:
    """The elements below a diagonal, row by row, as a vector."""
    rows, columns = tril_indices(matrix.shape[-2], matrix.shape[-1], offset)
    return matrix[..., rows, columns]


class CorrCholeskyTransform(Transform):
    """From n(n - 1)/2 numbers to the Cholesky factor of a correlation matrix of n: their tanh, row by row, scaled to rows of length 1.

    Source: D. Lewandowski, D. Kurowicka and H. Joe, 2009; Stan's reference manual, "Cholesky factors of correlation matrices".
    """

    domain, codomain, bijective = constraints.real_vector, constraints.corr_cholesky, True

    def _call(self, x: Any) -> Any:
        eps = finfo(x.dtype).eps
        x = x.tanh().clamp(-1 + eps, 1 - eps)
        n = self.forward_shape(x.shape)[-1]
        rows, columns = tril_indices(n, n, -1)
        partial = x.new_zeros((*x.shape[:-1], n, n))
        partial[..., rows, columns] = x
        rest = (1 - partial**2).sqrt().cumprod(-1)  # what of each row's length is left
        return (partial + eye(n, dtype=x.dtype)) * pad(rest[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        rest = pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1)
        partial = below_diagonal(y) / below_diagonal(rest).sqrt()
        return (partial.log1p() - (-partial).log1p()) / 2

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        rest = below_diagonal(1 - (y * y).cumsum(-1), -2)
        return 0.5 * rest.log().sum(-1) - 2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        n = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != shape[-1]:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))
