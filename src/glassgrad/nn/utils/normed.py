"""The older forms of `parametrizations.weight_norm` and `spectral_norm`: a hook before each call writes the weight anew."""

from __future__ import annotations

import warnings
from typing import Any

from ...graph.modes import no_grad
from ...ops.normalization import normalize
from ...parameter import Parameter
from ...tensor import Tensor
from .parametrizations import as_matrix, norm_but, usual_dim


class Normed:
    """A hook that sets a weight from what it is computed from."""

    kind = ""

    def __init__(self, name: str):
        self.name = name

    def weight(self, module: Any, training: bool) -> Tensor:
        """The weight as it is now."""
        raise NotImplementedError

    def parts(self) -> list[str]:
        """The names of what it is computed from."""
        raise NotImplementedError

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.weight(module, module.training))

    def attach(self, module: Any) -> Any:
        """Sets the weight before each call of the module."""
        module.register_forward_pre_hook(self)
        return module


def _hooks(module: Any, kind: type[Normed], name: str) -> list[Any]:
    """The keys of the module's hooks of a kind for a weight."""
    return [key for key, (hook, *_) in module._forward_pre_hooks.items() if isinstance(hook, kind) and hook.name == name]


def _refuse_second(module: Any, kind: type[Normed], name: str) -> None:
    if _hooks(module, kind, name):
        raise RuntimeError(f"Cannot register two {kind.kind} hooks on the same parameter {name}")


def _removed(module: Any, kind: type[Normed], name: str) -> Any:
    found = _hooks(module, kind, name)
    if not found:
        raise ValueError(f"{kind.kind} of '{name}' not found in {module}")
    hook = module._forward_pre_hooks[found[0]][0]
    with no_grad():
        weight = hook.weight(module, False)
    delattr(module, name)
    for part in hook.parts():
        delattr(module, part)
    module.register_parameter(name, Parameter(weight.detach()))
    del module._forward_pre_hooks[found[0]]
    return module


class WeightNorm(Normed):
    """weight = g · v / ‖v‖."""

    kind = "weight_norm"

    def __init__(self, name: str, dim: int | None):
        super().__init__(name)
        self.dim = -1 if dim is None else dim

    def weight(self, module: Any, training: bool) -> Tensor:
        g, v = (getattr(module, part) for part in self.parts())
        return v * (g / norm_but(v, self.dim))

    def parts(self) -> list[str]:
        return [self.name + "_g", self.name + "_v"]


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """A weight as its length `weight_g` times the direction of `weight_v`; the newer form is `parametrizations.weight_norm`."""
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.", FutureWarning, stacklevel=2
    )
    _refuse_second(module, WeightNorm, name)
    hook, weight = WeightNorm(name, dim), getattr(module, name)
    delattr(module, name)
    for part, value in zip(hook.parts(), (norm_but(weight.detach(), hook.dim), weight.detach())):
        module.register_parameter(part, Parameter(value))
    setattr(module, name, hook.weight(module, False))
    return hook.attach(module)


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Makes the weight a parameter again."""
    return _removed(module, WeightNorm, name)


class SpectralNorm(Normed):
    """weight = weight_orig / its largest singular value."""

    kind = "spectral_norm"

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float):
        super().__init__(name)
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps

    def weight(self, module: Any, training: bool) -> Tensor:
        original, u, v = (getattr(module, part) for part in self.parts())
        matrix = as_matrix(original, self.dim)
        if training:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(matrix.mH.mv(u), dim=0, eps=self.eps))
                    u.copy_(normalize(matrix.mv(v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()
        return original / u.dot(matrix.mv(v))

    def parts(self) -> list[str]:
        return [self.name + "_orig", self.name + "_u", self.name + "_v"]


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None) -> Any:
    """A weight divided by its largest singular value; the newer form is `parametrizations.spectral_norm`."""
    _refuse_second(module, SpectralNorm, name)
    hook, weight = SpectralNorm(name, n_power_iterations, usual_dim(module, dim), eps), module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    matrix = as_matrix(weight.detach(), hook.dim)
    start = [normalize(weight.detach().new_empty(size).normal_(0, 1), dim=0, eps=eps) for size in matrix.shape]
    delattr(module, name)
    original, *vectors = hook.parts()
    module.register_parameter(original, weight)
    setattr(module, name, weight.detach())
    for part, value in zip(vectors, start):
        module.register_buffer(part, value)
    return hook.attach(module)


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Makes the weight a parameter again."""
    return _removed(module, SpectralNorm, name)
