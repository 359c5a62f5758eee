"""How far outputs are from classes and probabilities: cross-entropies and margins."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from .. import errors
from ..graph.modes import mode
from ..tensor import Tensor
from . import arrays
from . import elementwise as e
from .activations import logsigmoid
from .creation import as_tensor, zeros_like
from .declare import vjp
from .elementwise import clamp_min, where
from .gathers import gather
from .levels import raw
from .losses import REDUCTIONS, finish, reduced, reduction_of, shared
from .reductions import log_softmax
from .reductions import sum as sum_
from .shapes import broadcast_to, reshape

FLOOR = 1e-12  # of x · (1 - x) in the derivative of the binary cross-entropy
LOWEST = -100  # of the logarithms in its value


def constant(of: str, name: str, t: Tensor | None) -> None:
    """Raises where an argument requires grad that has no derivative."""
    if t is not None and t.requires_grad and mode.grad:
        raise errors.explain(
            RuntimeError(f"The function '{of}' is not differentiable with respect to argument '{name}'. This input cannot have requires_grad True."),
            where=errors.line_of(errors.users_place()), fix=f"pass {name}.detach()",
        )  # fmt: skip


# ------------------------------------------------------------------------------------------------ two classes
def _bce_value(self: Any, target: Any, weight: Any, reduction: int) -> Any:
    value = (target - 1) * np.maximum(np.log1p(-self), LOWEST) - target * np.maximum(np.log(self), LOWEST)
    return reduced(value * weight, reduction)


_bce = vjp(
    "_bce", _bce_value, node="BinaryCrossEntropyBackward0", tensors=("self", "target", "weight"), method=False,
    self=lambda grad, self, target, weight, reduction: shared(grad, self, reduction) * weight * (self - target) / np.maximum((1 - self) * self, FLOOR),
    target=lambda grad, self, weight, reduction: shared(grad, self, reduction) * weight * (np.log(1 - self) - np.log(self)))  # fmt: skip


def _logits_value(self: Any, target: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    steep = (pos_weight - 1) * target + 1
    value = (1 - target) * self + steep * (np.log1p(np.exp(-np.abs(self))) + np.maximum(-self, 0))
    return reduced(value * weight, reduction)


_bce_logits = vjp(
    "_bce_logits", _logits_value, node="BinaryCrossEntropyWithLogitsBackward0", tensors=("self", "target", "weight", "pos_weight"), method=False,
    self=lambda grad, self, target, weight, pos_weight, reduction: (
        shared(grad, self, reduction) * weight * ((1 - target) - ((pos_weight - 1) * target + 1) * arrays.sigmoid(-self))),
    target=lambda grad, self, weight, pos_weight, reduction: (
        shared(grad, self, reduction) * weight * ((pos_weight - 1) * arrays.softplus(-self) - self)))  # fmt: skip


def _weight(weight: Tensor | None, like: Tensor, name: str = "weight", of: str = "binary_cross_entropy") -> Tensor:
    """A weight for each element; 1 where none is given."""
    constant(of, name, weight)
    return Tensor._wrap(like._data.dtype.type(1)) if weight is None else broadcast_to(weight, like.shape)


def _probabilities(x: Tensor, what: str) -> None:
    values = raw(x._data)
    if type(values) in arrays.PLAIN and values.size and not (np.min(values) >= 0 and np.max(values) <= 1):
        raise errors.explain(
            RuntimeError(f"all elements of {what} should be between 0 and 1"), f"they lie between {np.min(values):.6g} and {np.max(values):.6g}",
            errors.line_of(errors.users_place()), "take the sigmoid first, or binary_cross_entropy_with_logits of the values as they are",
        )  # fmt: skip


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """-(target · log input + (1 - target) · log(1 - input)) of probabilities, logarithms not below -100; weighted, averaged or summed.

    >>> import glassgrad as gg
    >>> gg.nn.functional.binary_cross_entropy(gg.tensor([0.5, 0.5]), gg.tensor([1.0, 0.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is deprecated. Please ensure they have the same size."
        )
    if input.dtype is not target.dtype:
        raise RuntimeError(f"Found dtype {target.dtype.type_name} but expected {input.dtype.type_name}")
    if not input.is_floating_point():
        raise errors.no_kernel("binary_cross_entropy", input._data.dtype)
    _probabilities(input, "input")
    _probabilities(target, "target")
    return _bce(input, target, _weight(weight, input), REDUCTIONS[reduction])


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The binary cross-entropy of sigmoid(input), computed from the input itself; `pos_weight` weighs the positive class.

    >>> import glassgrad as gg
    >>> gg.nn.functional.binary_cross_entropy_with_logits(gg.tensor([0.0, 200.0]), gg.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    if not target.is_floating_point():
        target = target.to(input.dtype)
    return _bce_logits(input, target, _weight(weight, input, of="binary_cross_entropy_with_logits"),
                       _weight(pos_weight, input, "pos_weight", "binary_cross_entropy_with_logits"), REDUCTIONS[reduction])


# ------------------------------------------------------------------------------------------------ one class of many
def _nll_value(self: Any, target: Any, weight: Any, reduction: int, ignore_index: int, plain: bool) -> Any:
    if plain:
        if type(self) is np.ndarray and type(target) is np.ndarray:
            picked = self[arrays.counted(len(target)), target]
            return np.negative(picked, picked) if reduction == 0 else np.add.reduce(picked) / self.dtype.type(-len(picked) if reduction == 1 else -1)
        picked = arrays.pick(self, target[:, None], 1)[:, 0]
        return -picked if reduction == 0 else -picked.sum() / (len(picked) if reduction == 1 else 1)
    index, each = _chosen(target, weight, ignore_index)
    values = -arrays.pick(self, index[:, None], 1)[:, 0] * each
    return values if reduction == 0 else np.sum(values) / np.sum(each) if reduction == 1 else np.sum(values)


def _chosen(target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """The class of each row, and its weight: 0 where the row is to be ignored."""
    kept = target != ignore_index
    index = np.where(kept, target, 0)
    return index, weight[index] * kept


def _nll_self(grad: Any, target: Any, weight: Any, self_shape: Any, reduction: int, ignore_index: int, plain: bool) -> Any:
    if plain:
        if type(target) is np.ndarray and type(grad) in (np.float32, np.float64, np.ndarray):
            out = np.zeros(self_shape, grad.dtype)
            out[arrays.counted(self_shape[0]), target] = -grad / grad.dtype.type(self_shape[0]) if reduction == 1 else -grad
            return out
        each = np.broadcast_to(-grad / (self_shape[0] if reduction == 1 else 1), (self_shape[0],))
        return arrays.put_back(each[:, None], target[:, None], self_shape, 1)
    index, each = _chosen(target, weight, ignore_index)
    total = np.sum(each)
    scaled = grad * (each / (total + (total == 0)) if reduction == 1 else each)  # 0 where nothing counts, though the mean of nothing is NaN
    return arrays.put_back(-scaled[:, None], index[:, None], self_shape, 1)


_nll_loss = vjp("_nll_loss", _nll_value, node="NllLossBackward0", tensors=("self", "target", "weight"), method=False, self=_nll_self)
_nll_loss2d = vjp("_nll_loss2d", _nll_value, node="NllLoss2DBackward0", tensors=("self", "target", "weight"), method=False, self=_nll_self)


def _classes(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> tuple[Tensor, bool]:
    """The weights of the classes, and whether they are all 1 and no target is to be ignored; raises where the targets are no classes."""
    dtype, count = target._data.dtype, input._data.shape[1]
    if dtype not in (np.int64, np.uint8):
        raise errors.explain(
            RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype.type_name}"), "a target is the number of a class",
            errors.line_of(errors.users_place()), "target.long()",
        )  # fmt: skip
    values = raw(target._data)
    if weight is None and ignore_index < 0 and type(values) is np.ndarray and values.size and dtype == np.int64:
        if np.maximum.reduce(values.view(np.uint64), None) < count:  # a negative one would be very large
            return _ones(count, input._data.dtype), True
    least, most = (np.minimum.reduce(values, None), np.maximum.reduce(values, None)) if values.size else (0, 0)
    if least < 0 or most >= count:
        wrong = values[((values < 0) | (values >= count)) & (values != ignore_index)]
        if wrong.size:
            raise errors.explain(
                IndexError(f"Target {int(wrong.flat[0])} is out of bounds."), f"there are {count} classes, 0 to {count - 1}",
                errors.line_of(errors.users_place()), "the last layer needs an output for each class; classes count from 0",
            )  # fmt: skip
    if weight is None:
        return _ones(count, np.dtype(input._data.dtype.name)), not least <= ignore_index <= most
    constant("nll_loss_forward", "weight", weight)
    if weight.ndim != 1 or weight.numel() != count:
        raise RuntimeError(f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of shape: {list(weight.shape)}")
    return weight, False


@functools.lru_cache(16)
def _ones(count: int, dtype: np.dtype) -> Tensor:
    ones = Tensor._wrap(np.ones(count, dtype))
    ones._memory = None  # also where it is made in inference mode: later losses save it
    return ones


def _nll(op: Any, input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore_index: int) -> Tensor:
    weights, plain = _classes(input, target, weight, ignore_index)
    return op(input, target, weights, REDUCTIONS[reduction], ignore_index, plain)


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None, ignore_index: int = -100, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-input[target]: the negative log likelihood of classes, of log-probabilities (N, C), (C) or (N, C, d1, …); weighted by class.

    The mean is over the weights of the targets; targets of `ignore_index` count for nothing.

    >>> import glassgrad as gg
    >>> gg.nn.functional.nll_loss(gg.tensor([[-0.5, -1.0], [-0.7, -0.7]]), gg.tensor([0, 1]))
    tensor(0.6000)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {input.ndim})")
    shape = input._data.shape
    if len(shape) == 1:
        if target.ndim == 1 and target.numel() != 1 or target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported" if target.ndim > 1 else
                               f"For 1D input, 1D target must have size 1, but got target size: {target.numel()}")  # fmt: skip
        rows, where_to = reshape(input, (1, -1)), reshape(target, (1,))
        values = _nll(_nll_loss, rows, where_to, weight, reduction, ignore_index)
        return reshape(values, target.shape) if reduction == "none" else values
    if target.ndim > 0 and shape[0] != target.shape[0]:
        raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({target.shape[0]}).")
    if len(shape) == 2:
        if target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if target.ndim == 0:
            raise RuntimeError(f"size mismatch (got input: {list(shape)} , target: {list(target.shape)})")
        return _nll(_nll_loss, input, target, weight, reduction, ignore_index)
    if tuple(target.shape[1:]) != shape[2:]:
        raise RuntimeError(f"Expected target size {[shape[0], *shape[2:]]}, got {list(target.shape)}")
    rows, where_to = reshape(input.movedim(1, -1), (-1, shape[1])), reshape(target, (-1,))
    values = _nll(_nll_loss2d, rows, where_to, weight, reduction, ignore_index)
    return reshape(values, tuple(target.shape)) if reduction == "none" else values


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None, ignore_index: int = -100, reduce: bool | None = None,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """The cross-entropy of softmax(input), for classes (see `nll_loss`) or for probabilities of the input's shape.

    `label_smoothing` mixes the target with the uniform distribution. Source: C. Szegedy et al., "Rethinking the Inception architecture", 2016.

    >>> import glassgrad as gg
    >>> gg.nn.functional.cross_entropy(gg.tensor([[0.0, 0.0]]), gg.tensor([1]))
    tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    dim = 1 if input.ndim > 1 else 0
    if input.shape == target.shape:
        return _of_probabilities(input, target, weight, reduction, label_smoothing, dim)
    if label_smoothing:
        return _smoothed(input, target, weight, ignore_index, reduction, label_smoothing, dim)
    return nll_loss(log_softmax(input, dim), target, weight, ignore_index=ignore_index, reduction=reduction)


def _along(weight: Tensor, input: Tensor, dim: int) -> Tensor:
    """Weights of classes, to be multiplied with what has the classes as a dim."""
    return reshape(weight, (1,) * dim + (-1,) + (1,) * (input.ndim - dim - 1))


def _of_probabilities(input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, dim: int) -> Tensor:
    if not target.is_floating_point():
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype.type_name}")
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[dim]
    values = log_softmax(input, dim) * target
    if weight is not None:
        values = values * _along(weight, input, dim)
    if reduction == "none":
        return -sum_(values, dim)
    total = -sum_(values)
    return total if reduction == "sum" else total / (input.numel() // input.shape[dim])


def _smoothed(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float, dim: int) -> Tensor:
    logs = log_softmax(input, dim)
    likely = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    spread = -sum_(logs if weight is None else logs * _along(weight, input, dim), dim)
    ignored = target == ignore_index
    spread = spread.masked_fill(ignored, 0.0)
    if reduction == "mean":
        if weight is None:
            spread = sum_(spread) / float((~ignored).sum())
        else:
            kept = gather(weight, 0, where(ignored, zeros_like(target), target).flatten())
            spread = sum_(spread) / (kept.masked_fill(ignored.flatten(), 0).sum())
    elif reduction == "sum":
        spread = sum_(spread)
    return likely * (1 - smoothing) + spread * (smoothing / input.shape[dim])


def kl_div(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target · (log target - input), the divergence of Kullback and Leibler from log-probabilities; "batchmean" is its usual mean."""
    reduction = reduction_of(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by the batch size, and aligns "
            "with the KL div math definition.'mean' will be changed to behave the same as 'batchmean' in the next major release.", stacklevel=2,
        )  # fmt: skip
    if log_target:
        values = e.exp(target) * (target - input)
    else:
        values = target.xlogy(target) - target * input
    if reduction == "batchmean":
        return sum_(values) / (input.shape[0] if input.ndim else 1)
    return finish(values, reduction)


# ------------------------------------------------------------------------------------------------ margins
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + e^(-target · input)), for targets 1 and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    return finish(e.softplus(-target * input), reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """The binary cross-entropy with logits of each class, averaged over the classes."""
    reduction = reduction_of(size_average, reduce, reduction)
    values = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        values = values * weight
    return finish(sum_(values, -1) / input.shape[-1], reduction)


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Σ max(0, margin - input[target] + input[i])^p over the other classes i, divided by the number of classes."""
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    rows, index = (reshape(input, (1, -1)), reshape(target, (1,))) if input.ndim == 1 else (input, target)
    weights, _ = _classes(rows, index, weight, -1)
    apart = clamp_min(margin - gather(rows, 1, index.unsqueeze(1)) + rows, 0)
    if p == 2:
        apart = apart * apart
    if weight is not None:
        apart = apart * gather(weights, 0, index).unsqueeze(1)
    own = as_tensor(np.arange(rows.shape[1])[None] == index._data[:, None])
    values = sum_(apart.masked_fill(own, 0), 1) / rows.shape[1]
    return finish(values if input.ndim == 2 else values[0], reduction)


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """Σ max(0, 1 - (input[y] - input[i])) over the target classes y (those before the first -1) and all others i, over the number of classes."""
    reduction = reduction_of(size_average, reduce, reduction)
    rows, labels = (reshape(input, (1, -1)), target._data.reshape(1, -1)) if input.ndim < 2 else (input, target._data)
    listed = np.cumsum(labels < 0, 1) == 0
    is_target = np.zeros(rows.shape, bool)
    for row, (own, among) in enumerate(zip(labels, listed)):
        is_target[row, own[among]] = True
    picked = gather(rows, 1, Tensor._wrap(np.where(listed, labels, 0)))
    apart = clamp_min(1 - (picked.unsqueeze(2) - rows.unsqueeze(1)), 0)
    counted = Tensor._wrap(~(listed[:, :, None] & ~is_target[:, None, :]))
    values = sum_(apart.masked_fill(counted, 0), (1, 2)) / rows.shape[1]
    return finish(values if input.ndim == 2 else values[0], reduction)


