"""Values shifted and scaled to mean 0 and variance 1, over a batch, a layer, or groups of channels.

x̂ = (x - μ) / √(σ² + eps) has the vjp (g - mean(g) - x̂ · mean(g · x̂)) / √(σ² + eps), the means over the same elements.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..graph.modes import no_grad
from ..tensor import Tensor
from . import arrays
from . import elementwise as e
from .declare import vjp
from .elementwise import mul
from .padding import pad
from .pooling import avg_pool2d, avg_pool3d
from .reductions import mean, norm
from .runtime import sum_to
from .shapes import expand, reshape, unsqueeze


# ------------------------------------------------------------------------------------------------ the op
def _scale(x: Any, dims: tuple[int, ...], eps: float) -> tuple[Any, Any]:
    """x̂ and 1 / √(σ² + eps)."""
    centred = x - _mean(x, dims)
    inverse = 1 / np.sqrt(_mean(centred * centred, dims) + eps)
    return centred * inverse, inverse


def _mean(x: Any, dims: tuple[int, ...]) -> Any:
    if type(x) is np.ndarray and dims == (-1,):
        return arrays.row_sums(x, -1) / x.dtype.type(x.shape[-1])
    return np.mean(x, axis=dims, keepdims=True)


# `seen` is the shape in which the dims are counted (the groups apart), `wide` that of weight and bias in it
def _value(self: Any, seen: Any, dims: Any, eps: float) -> Any:
    return np.reshape(_scale(np.reshape(self, seen), dims, eps)[0], self.shape)


def _by_self(grad: Any, self: Any, seen: Any, dims: Any, eps: float) -> Any:
    unit, inverse = _scale(np.reshape(self, seen), dims, eps)
    grad = np.reshape(grad, seen)
    grad = (grad - _mean(grad, dims) - unit * _mean(grad * unit, dims)) * inverse
    return np.reshape(grad, self.shape)


def _affine_value(self: Any, weight: Any, bias: Any, seen: Any, dims: Any, eps: float, wide: Any) -> Any:
    unit = _scale(np.reshape(self, seen), dims, eps)[0]
    return np.reshape(unit * np.reshape(weight, wide) + np.reshape(bias, wide), self.shape)


def _affine_by_self(grad: Any, self: Any, weight: Any, seen: Any, dims: Any, eps: float, wide: Any) -> Any:
    return _by_self(np.reshape(grad, seen) * np.reshape(weight, wide), self, seen, dims, eps)


def _affine_by_weight(grad: Any, self: Any, weight_shape: Any, seen: Any, dims: Any, eps: float, wide: Any) -> Any:
    unit = _scale(np.reshape(self, seen), dims, eps)[0]
    return np.reshape(sum_to(np.reshape(grad, seen) * unit, wide), tuple(weight_shape))


def _affine_by_bias(grad: Any, bias_shape: Any, seen: Any, wide: Any) -> Any:
    return np.reshape(sum_to(np.reshape(grad, seen), wide), tuple(bias_shape))


def _normalizers(name: str, node: str) -> tuple[Any, Any]:
    """The op of one kind of layer, without and with a weight and a bias (of the shape `wide` where they meet the input)."""
    plain = vjp(name, _value, node=node, method=False, self=_by_self)
    affine = vjp(name + "_affine", _affine_value, node=node, method=False, self=_affine_by_self, weight=_affine_by_weight, bias=_affine_by_bias)
    return plain, affine


def _running_value(self: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, wide: Any) -> Any:
    scale = weight / np.sqrt(var + eps)
    return self * np.reshape(scale, wide) + np.reshape(bias - mean * scale, wide)


_batch_norm_running = vjp(
    "_batch_norm_running", _running_value, node="NativeBatchNormBackward0", method=False, tensors=("self", "weight", "bias", "mean", "var"),
    self=lambda grad, weight, var, eps, wide: grad * np.reshape(weight / np.sqrt(var + eps), wide),
    weight=lambda grad, self, mean, var, eps, wide: np.reshape(
        sum_to(grad * ((self - np.reshape(mean, wide)) / np.sqrt(np.reshape(var, wide) + eps)), wide), (-1,)),
    bias=lambda grad, wide: np.reshape(sum_to(grad, wide), (-1,)))  # fmt: skip
LAYER = _normalizers("_layer_norm", "NativeLayerNormBackward0")
BATCH = _normalizers("_batch_norm", "NativeBatchNormBackward0")
GROUP = _normalizers("_group_norm", "NativeGroupNormBackward0")


def _applied(
    ops: tuple[Any, Any], x: Tensor, weight: Tensor | None, bias: Tensor | None, seen: tuple[int, ...], dims: tuple[int, ...], eps: float, wide: tuple[int, ...]
) -> Tensor:
    plain, affine = ops
    if weight is None and bias is None:
        return plain(x, seen, dims, eps)
    dtype = x._data.dtype
    one = Tensor._wrap(np.ones(math.prod(wide), dtype)) if weight is None else weight
    zero = Tensor._wrap(np.zeros(math.prod(wide), dtype)) if bias is None else bias
    return affine(x, one, zero, seen, dims, eps, wide)


def _floating(name: str, input: Tensor) -> None:
    if not isinstance(input, Tensor):
        raise errors.argument(name, "input", 1, "Tensor", input)
    if not input.is_floating_point():
        raise errors.no_kernel({"layer_norm": "LayerNormKernelImpl", "batch_norm": "batch_norm", "group_norm": "GroupNormKernelImpl"}[name], input._data.dtype)


# ------------------------------------------------------------------------------------------------ over each example
def _normalized_dims(input: Tensor, normalized_shape: Any, **affine: Tensor | None) -> tuple[int, ...]:
    shape = [normalized_shape] if isinstance(normalized_shape, int) else list(normalized_shape)
    if not shape:
        raise RuntimeError(f"Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = {shape}")
    for name, t in affine.items():
        if t is not None and list(t.shape) != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(t.shape)} and normalized_shape = {shape}"
            )
    if list(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={shape}, expected input with shape [*, {', '.join(map(str, shape))}], but got input of size{list(input.shape)}"
        )
    return tuple(range(-len(shape), 0))


def layer_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """x̂ · weight + bias, normalized over the last dims, which have the shape `normalized_shape`, as weight and bias do.

    Source: J. Ba et al., "Layer normalization", 2016.

    >>> import glassgrad as gg
    >>> gg.nn.functional.layer_norm(gg.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    dims = _normalized_dims(input, normalized_shape, weight=weight, bias=bias)
    _floating("layer_norm", input)
    return _applied(LAYER, input, weight, bias, tuple(input._data.shape), dims, eps, tuple(input._data.shape[dims[0] :]))


def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """x / √(mean(x²) + eps) · weight over the last dims; eps is the dtype's resolution where none is given.

    Source: B. Zhang and R. Sennrich, "Root mean square layer normalization", 2019.
    """
    dims = _normalized_dims(input, normalized_shape, weight=weight)
    eps = float(np.finfo(input._data.dtype).eps) if eps is None else eps
    out = mul(input, e.rsqrt(mean(e.square(input), dims, True) + eps))
    return out if weight is None else mul(out, weight)


def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """x̂ · weight + bias, normalized over each of `num_groups` groups of channels (dim 1) and all that is behind them.

    Source: Y. Wu and K. He, "Group normalization", 2018.
    """
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    n, c = input.shape[:2]
    if c % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(input.shape)} and num_groups={num_groups}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and (t.ndim != 1 or t.numel() != c):
            raise RuntimeError(f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {list(t.shape)} and "
                               f"input of shape {list(input.shape)}")  # fmt: skip
    _floating("group_norm", input)
    rest = tuple(input.shape[2:])
    if n * c // num_groups * math.prod(rest) <= 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {[n * c // num_groups, num_groups, *rest]}")
    seen, wide = (n, num_groups, c // num_groups, *rest), (1, num_groups, c // num_groups, *(1,) * len(rest))
    return _applied(GROUP, input, weight, bias, seen, tuple(range(2, len(seen))), eps, wide)


# ------------------------------------------------------------------------------------------------ over a batch
def _update(running: Tensor | None, now: np.ndarray, momentum: float) -> None:
    if running is not None:
        with no_grad():
            running.mul_(1 - momentum).add_(Tensor._wrap(np.asarray(now * momentum, running._data.dtype)))


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """x̂ · weight + bias for each channel (dim 1): in training with the batch's own mean and variance, which move the running ones by `momentum`.

    Source: S. Ioffe and C. Szegedy, "Batch normalization", 2015.
    """
    _floating("batch_norm", input)
    shape = input._data.shape
    if training and math.prod(shape) // shape[1] == 1:
        raise errors.explain(
            ValueError(f"Expected more than 1 value per channel when training, got input size {input.size()}"),
            "a batch of one value per channel has no variance", errors.line_of(errors.users_place()), "a larger batch, or model.eval()",
        )  # fmt: skip
    count = shape[1]
    for name, t in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if t is not None and t.numel() != count:
            raise RuntimeError(f"{name} should contain {count} elements not {t.numel()}")
        if t is None and name.startswith("running") and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    dims = (0, *range(2, len(shape)))
    wide = (1, count) + (1,) * (len(shape) - 2)
    if not training:
        assert running_mean is not None and running_var is not None
        one, zero = (Tensor._wrap(np.full(count, v, input._data.dtype)) for v in (1, 0))
        return _batch_norm_running(input, one if weight is None else weight, zero if bias is None else bias, running_mean, running_var, eps, wide)
    if running_mean is not None or running_var is not None:
        values = input.detach()._data
        many = math.prod(shape) // count
        _update(running_mean, np.mean(values, axis=dims), momentum)
        _update(running_var, np.var(values, axis=dims) * (many / (many - 1)), momentum)
    return _applied(BATCH, input, weight, bias, tuple(shape), dims, eps, wide)


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None, bias: Tensor | None = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """`batch_norm` of each example by itself."""
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    n, c, *rest = input.shape
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if running_mean is not None or running_var is not None:
        values, dims, many = input.detach()._data, tuple(range(2, input.ndim)), math.prod(rest)
        _update(running_mean, np.mean(np.mean(values, axis=dims), axis=0), momentum)
        _update(running_var, np.mean(np.var(values, axis=dims), axis=0) * (many / (many - 1)), momentum)
    scale, shift = [None if t is None else reshape(expand(unsqueeze(t, 0), (n, c)), (-1,)) for t in (weight, bias)]
    flat = reshape(input, (1, n * c, *rest))
    return reshape(batch_norm(flat, None, None, scale, shift, True, momentum, eps), (n, c, *rest))


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha · the mean of x² over `size` neighbouring channels)^beta. Source: A. Krizhevsky et al., 2012."""
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)")
    if input.numel() == 0:
        return input
    squares, around = unsqueeze(e.square(input), 1), (size // 2, (size - 1) // 2)
    if input.ndim == 3:
        means = avg_pool2d(_pad_channels(squares, around), (size, 1), 1).squeeze(1)
    else:
        n, c, h, *rest = input.shape
        wide = reshape(squares, (n, 1, c, h, -1))
        means = reshape(avg_pool3d(_pad_channels(wide, around), (size, 1, 1), 1).squeeze(1), tuple(input.shape))
    return input / e.pow(means * alpha + k, beta)


def _pad_channels(x: Tensor, around: tuple[int, int]) -> Tensor:
    return pad(x, (*(0, 0) * (x.ndim - 3), *around))


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """x / max(‖x‖_p, eps) along a dim.

    >>> import glassgrad as gg
    >>> gg.nn.functional.normalize(gg.tensor([3.0, 4.0]), dim=0)
    tensor([0.6000, 0.8000])
    """
    length = expand(e.clamp_min(norm(input, p, dim, True), eps), tuple(input.shape))
    return e.div(input, length, out=out)
