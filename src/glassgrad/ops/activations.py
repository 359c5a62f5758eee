"""The nonlinearities between layers, element by element; `relu`, `sigmoid`, `tanh` and `softplus` stand with the elementary functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from .creation import zeros_like
from .declare import elementwise, in_place, selects, vjp
from .elementwise import tanh
from .random import Generator, default_generator
from .reductions import softmax
from .shapes import view

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
FLAT_GELU, STEEP_GELU = math.sqrt(2 / math.pi), 0.044715  # of the approximation by tanh


def _kinds(kernel: str) -> dict[str, Any]:
    return {"b": kernel, "i": kernel, "c": kernel}


def _kinked(name: str, forward: Any, derivative: Any, node: str, refuses: Any) -> Any:
    return elementwise(name, forward, derivative, node=node, floats=False, method=False, refuses=refuses)


CLAMPED = {"b": RuntimeError("Bool inputs not supported for hardtanh"), "c": NotImplementedError("clamp is not supported for complex types")}

# What is chosen by a comparison is written so that NaN goes the way that it goes in PyTorch.
_leaky_relu = _kinked("_leaky_relu", lambda self, negative_slope: arrays.where(self > 0, self, self * negative_slope),
                      lambda self, negative_slope: arrays.where(self > 0, np.ones_like(self), negative_slope), "LeakyReluBackward0",
                      _kinds("leaky_relu_cpu"))  # fmt: skip
_elu = _kinked("_elu", lambda self, alpha, scale, input_scale: arrays.where(
                   self <= 0, np.expm1(np.minimum(self, 0) * input_scale) * (alpha * scale), self * scale),
               lambda self, alpha, scale, input_scale: arrays.where(
                   self <= 0, np.exp(np.minimum(self, 0) * input_scale) * (alpha * scale * input_scale), np.full_like(self, scale)),
               "EluBackward0", _kinds("elu_cpu"))  # fmt: skip
_celu = _kinked("_celu", lambda self, alpha: arrays.where(self <= 0, np.expm1(np.minimum(self, 0) / alpha) * alpha, self),
                lambda self, alpha: arrays.where(self <= 0, np.exp(np.minimum(self, 0) / alpha), np.ones_like(self)), "CeluBackward0",
                _kinds("elu_cpu"))  # fmt: skip
_gelu = _kinked("_gelu", lambda self: self * (0.5 * (1 + arrays.erf(self * math.sqrt(0.5)))),
                lambda self: 0.5 * (1 + arrays.erf(self * math.sqrt(0.5))) + self * np.exp(self * self * -0.5) * (1 / math.sqrt(2 * math.pi)),
                "GeluBackward0", _kinds("GeluKernelImpl"))  # fmt: skip
_gelu_tanh = _kinked("_gelu_tanh", lambda self: 0.5 * self * (1 + np.tanh(FLAT_GELU * (self + STEEP_GELU * self * self * self))), lambda self: (
    0.5 * (1 + np.tanh(FLAT_GELU * (self + STEEP_GELU * self * self * self)))
    + 0.5 * self * (1 - np.tanh(FLAT_GELU * (self + STEEP_GELU * self * self * self)) ** 2) * (FLAT_GELU * (1 + 3 * STEEP_GELU * self * self))),
    "GeluBackward0", _kinds("GeluKernelImpl"))  # fmt: skip
_silu = _kinked("_silu", lambda self: self * arrays.sigmoid(self), lambda self: arrays.sigmoid(self) * (1 + self * (1 - arrays.sigmoid(self))),
                "SiluBackward0", {"b": "silu_cpu", "i": "silu_cpu"})  # fmt: skip
_mish = _kinked("_mish", lambda self: self * np.tanh(arrays.softplus(self)), lambda self: (
    np.tanh(arrays.softplus(self)) + self * arrays.sigmoid(self) * (1 - np.tanh(arrays.softplus(self)) ** 2)), "MishBackward0", _kinds("mish_cpu"))  # fmt: skip
_hardtanh = _kinked("_hardtanh", lambda self, min_val, max_val: np.clip(self, min_val, max_val), selects(
    lambda self, min_val, max_val: arrays.where((self <= min_val) | (self >= max_val), 0, np.ones_like(self))), "HardtanhBackward0", CLAMPED)  # fmt: skip
_hardswish = _kinked("_hardswish", lambda self: self * np.clip(self + 3, 0, 6) / 6, lambda self: arrays.where(
    self <= -3, 0, arrays.where(self < 3, self / 3 + 0.5, np.ones_like(self))), "HardswishBackward0", _kinds("hardswish_cpu"))  # fmt: skip
_hardsigmoid = _kinked("_hardsigmoid", lambda self: np.clip(self + 3, 0, 6) / 6, selects(
    lambda self: arrays.where((self > -3) & (self < 3), np.full_like(self, 1 / 6), 0)), "HardsigmoidBackward0", _kinds("hardsigmoid_cpu"))  # fmt: skip
_hardshrink = _kinked("_hardshrink", lambda self, lambd: arrays.where((self >= -lambd) & (self <= lambd), 0, self), selects(
    lambda self, lambd: arrays.where((self >= -lambd) & (self <= lambd), 0, np.ones_like(self))), "HardshrinkBackward0", _kinds("hardshrink_cpu"))  # fmt: skip
_softshrink = _kinked("_softshrink", lambda self, lambd: arrays.where(self > lambd, self - lambd, arrays.where(self < -lambd, self + lambd, self * 0)), selects(
    lambda self, lambd: arrays.where((self >= -lambd) & (self <= lambd), 0, np.ones_like(self))), "SoftshrinkBackward0",
    _kinds("softshrink_check"))  # fmt: skip
_log_sigmoid = _kinked("_log_sigmoid", lambda self: np.minimum(self, 0) - np.log1p(np.exp(-np.abs(self))), lambda self: arrays.sigmoid(-self),
                       "LogSigmoidBackward0", _kinds("log_sigmoid_cpu"))  # fmt: skip
_threshold = _kinked("_threshold", lambda self, threshold, value: arrays.where(self <= threshold, value, self), selects(
    lambda self, threshold: arrays.where(self <= threshold, 0, np.ones_like(self))), "ThresholdBackward0",
    {"b": "threshold_cpu", "c": "threshold_cpu"})  # fmt: skip
_prelu = elementwise("_prelu", lambda self, weight: arrays.where(self > 0, self, self * weight),
                     lambda self, weight: arrays.where(self > 0, np.ones_like(self), weight),
                     lambda self: arrays.where(self > 0, 0, self), node="PreluKernelBackward0", floats=False, method=False,
                     refuses=_kinds("prelu_cpu"))  # fmt: skip


def _both(x: Any, dim: int) -> tuple[Any, Any]:
    """The two halves along a dim."""
    half = x.shape[dim] // 2
    lead = (slice(None),) * dim
    return x[(*lead, slice(half))], x[(*lead, slice(half, None))]


def _gated(self: Any, dim: int) -> Any:
    a, b = _both(self, dim)
    return a * arrays.sigmoid(b)


def _gated_vjp(grad: Any, self: Any, dim: int) -> Any:
    a, b = _both(self, dim)
    open_ = arrays.sigmoid(b)
    return np.concatenate([grad * open_, grad * a * open_ * (1 - open_)], axis=dim)


_glu = vjp("_glu", _gated, node="GluBackward0", method=False, self=_gated_vjp)


def _in_place_form(call: Any, name: str) -> Any:
    return in_place(call, None, name, method=False)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope · x.

    >>> import glassgrad as gg
    >>> gg.nn.functional.leaky_relu(gg.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    """
    return (leaky_relu_ if inplace else _leaky_relu)(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha · (e^x - 1).

    >>> import glassgrad as gg
    >>> gg.nn.functional.elu(gg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return (_elu_ if inplace else _elu)(input, alpha, 1.0, 1.0)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu`, written into the tensor itself."""
    return elu(input, alpha, True)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale · elu(x, alpha), with the alpha and the scale that keep mean 0 and variance 1.

    Source: G. Klambauer et al., "Self-normalizing neural networks", 2017.
    """
    return (_elu_ if inplace else _elu)(input, SELU_ALPHA, SELU_SCALE, 1.0)


def selu_(input: Tensor) -> Tensor:
    """`selu`, written into the tensor itself."""
    return selu(input, True)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha · (e^(x / alpha) - 1)."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return (celu_ if inplace else _celu)(input, alpha)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x · Φ(x), Φ being the normal distribution function, or with "tanh" its approximation ½(1 + tanh(√(2/π)(x + 0.044715 x³))).

    Source: D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016.

    >>> import glassgrad as gg
    >>> gg.nn.functional.gelu(gg.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate}.")
    return (_gelu if approximate == "none" else _gelu_tanh)(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · sigmoid(x), also called swish."""
    return (_silu_ if inplace else _silu)(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · tanh(softplus(x))."""
    return (_mish_ if inplace else _mish)(input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x between min_val and max_val, and these bounds outside."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if not input.is_floating_point():
        min_val, max_val = int(min_val), int(max_val)
    return (hardtanh_ if inplace else _hardtanh)(input, min_val, max_val)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x between 0 and 6, and these bounds outside."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · relu6(x + 3) / 6."""
    return (_hardswish_ if inplace else _hardswish)(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return (_hardsigmoid_ if inplace else _hardsigmoid)(input)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0."""
    return _hardshrink(input, lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 where |x| ≤ lambd."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd:g}.")
    return _softshrink(input, lambd)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - tanh(input)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def logsigmoid(input: Tensor) -> Tensor:
    """log sigmoid(x), without overflow for large negative x."""
    return _log_sigmoid(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value."""
    if not input.is_floating_point() and not input.is_complex():
        threshold, value = int(threshold), int(value)
    return (threshold_ if inplace else _threshold)(input, threshold, value)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight · x, with one weight, or one for each channel (dim 1)."""
    if not isinstance(weight, Tensor):
        raise errors.argument("prelu", "weight", 2, "Tensor", weight)
    count, channels = weight.numel(), input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if count != 1:
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        if count != channels:
            raise RuntimeError(f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {count} and channel size = {channels}.")
    wide = weight if input.ndim == weight.ndim else view(weight, (1,) * min(input.ndim, 1) + (count,) * (input.ndim > 1) + (1,) * (input.ndim - 2))
    return _prelu(input, view(weight, ()) if input.ndim == 0 else wide if input.ndim > 1 else weight)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False, generator: Generator | None = None
) -> Tensor:
    """leaky_relu with slopes drawn between lower and upper in training, and their mean otherwise."""
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    if not input.is_floating_point():
        return _leaky_relu(input, 0.0)  # refuses it
    drawn = zeros_like(input).uniform_(lower, upper, generator=generator or default_generator)
    slope = Tensor._wrap(arrays.where(input._data > 0, 1, drawn._data).astype(input._data.dtype))
    return input.mul_(slope) if inplace else input * slope


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · sigmoid(b) of the two halves of the input along a dim."""
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    if input.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim % input.ndim} is size {input.shape[dim]}")
    if not input.is_floating_point():
        raise errors.no_kernel("glu_cpu", input._data.dtype)
    return _glu(input, dim % input.ndim)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax(-x) along a dim."""
    return softmax(-input, implicit_dim("softmin", input.ndim, dim, _stacklevel), dtype=dtype)


def implicit_dim(name: str, ndim: int, dim: int | None, stacklevel: int) -> int:
    """The dim that softmax takes where none is given, as PyTorch chooses it, with its warning."""
    import warnings

    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.", stacklevel=stacklevel + 1)
    return 0 if ndim in (0, 1, 3) else 1


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the distribution with these log-probabilities, soft: softmax((logits + Gumbel noise) / tau).

    `hard` gives a one-hot sample whose gradient is that of the soft one. Source: E. Jang et al., "Categorical reparameterization with
    Gumbel-softmax", 2017.
    """
    gumbels = -logits.detach().new_zeros(tuple(logits.shape)).exponential_().log()
    soft = softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = zeros_like(logits).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft


leaky_relu_ = _in_place_form(_leaky_relu, "leaky_relu_")
_elu_ = _in_place_form(_elu, "elu_")
celu_ = _in_place_form(_celu, "celu_")
hardtanh_ = _in_place_form(_hardtanh, "hardtanh_")
threshold_ = _in_place_form(_threshold, "threshold_")
_silu_, _mish_ = _in_place_form(_silu, "silu_"), _in_place_form(_mish, "mish_")
_hardswish_, _hardsigmoid_ = _in_place_form(_hardswish, "hardswish_"), _in_place_form(_hardsigmoid, "hardsigmoid_")


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """`rrelu`, written into the tensor itself."""
    return rrelu(input, lower, upper, training, True)


METHODS = {"prelu": prelu}
