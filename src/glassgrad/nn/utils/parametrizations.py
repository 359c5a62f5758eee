"""Parametrizations that are in use: a weight as length and direction, a weight whose largest singular value is 1."""

from __future__ import annotations

from typing import Any

from ...graph.modes import no_grad
from ...ops.elementwise import sqrt
from ...ops.normalization import normalize
from ...tensor import Tensor
from ..conv import TransposedConvolution
from ..module import Module
from . import parametrize


def norm_but(v: Tensor, dim: int | None) -> Tensor:
    """The length of a tensor along all dims but one, which are kept with the size 1; of all of it where `dim` is None (or -1)."""
    if dim is None or dim == -1:
        return sqrt((v * v).sum())
    return sqrt((v * v).sum([d for d in range(v.ndim) if d != dim % v.ndim], keepdim=True)) if v.ndim > 1 else v.abs()


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_but(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_but(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """A weight as its length (`original0`) times its direction (`original1`), one length for each index of `dim`, or one for all.

    Source: T. Salimans and D. Kingma, "Weight normalization", 2016.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def renamed(state_dict: Any, prefix: str, *rest: Any) -> None:
        for older, newer in (("g", 0), ("v", 1)):
            key = f"{prefix}{name}_{older}"
            if key in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.original{newer}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(renamed)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.dim, self.eps = dim if dim >= 0 else dim + ndim, eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            for name, size in zip(("_u", "_v"), matrix.shape):
                self.register_buffer(name, normalize(matrix.new_empty(size).normal_(0, 1), dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with no_grad():
            for _ in range(times):
                power_step(matrix, self._u, self._v, self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """`dim` first, all others in one."""
    rest = [d for d in range(weight.ndim) if d != dim]
    return (weight if dim == 0 else weight.permute(dim, *rest)).flatten(1)


def power_step(matrix: Tensor, u: Tensor, v: Tensor, eps: float) -> None:
    """Brings u and v nearer to the singular vectors of the largest singular value, in place."""
    u.copy_(normalize(matrix.mv(v), dim=0, eps=eps))
    v.copy_(normalize(matrix.mH.mv(u), dim=0, eps=eps))


def usual_dim(module: Any, dim: int | None) -> int:
    """The dim of the outputs, where none is named."""
    return dim if dim is not None else 1 if isinstance(module, TransposedConvolution) else 0


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None) -> Any:
    """A weight divided by its largest singular value, which each call in training estimates better by `n_power_iterations`.

    Source: T. Miyato et al., "Spectral normalization for generative adversarial networks", 2018.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, usual_dim(module, dim), eps))
