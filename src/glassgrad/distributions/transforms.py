"""Invertible functions with the logarithm of their derivative, by which a distribution becomes another.

y = f(x) has the density p(x) / |det ∂y/∂x|: `log_abs_det_jacobian(x, y)` is the logarithm of that determinant. `domain` and `codomain` are constraints;
their `event_dim` says how many dims are one value. With cache_size=1 the last x and y are kept, so that f⁻¹(f(x)) is x itself. Source: D. Rezende and
S. Mohamed, "Variational inference with normalizing flows", 2015.

>>> import glassgrad as gg
>>> t = gg.distributions.ExpTransform()
>>> t.inv(t(gg.tensor(2.0)))
tensor(2.)
"""

from .transform import ComposeTransform, IndependentTransform, Transform, identity_transform
from .transforms_of_numbers import (
    AbsTransform,
    AffineTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    PowerTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
)
from .transforms_of_vectors import (
    CatTransform,
    CorrCholeskyTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    ReshapeTransform,
    SoftmaxTransform,
    StackTransform,
    StickBreakingTransform,
)

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform", "CumulativeDistributionTransform", "ExpTransform",
    "IndependentTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform", "identity_transform",
]  # fmt: skip
