"""How far outputs are from real targets, and embeddings from each other: regression and distance losses."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..tensor import Tensor
from . import elementwise as e
from .creation import ones_like, zeros_like
from .declare import vjp
from .elementwise import clamp_min, where
from .reductions import mean, norm
from .reductions import sum as sum_
from .shapes import broadcast_tensors, unsqueeze

REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that is asked for; `size_average` and `reduce` are its older form."""
    if size_average is not None or reduce is not None:
        size_average, reduce = (True if given is None else given for given in (size_average, reduce))
        reduction = "mean" if size_average and reduce else "sum" if reduce else "none"
        warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=4)
    if reduction not in REDUCTIONS and reduction != "batchmean":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(values: Any, reduction: int) -> Any:
    """All values, their mean or their sum."""
    return values if reduction == 0 else np.mean(values) if reduction == 1 else np.sum(values)


def shared(grad: Any, like: Any, reduction: int) -> Any:
    """The gradient of each value, from that of the reduced one."""
    return grad / np.size(like) if reduction == 1 else grad


def finish(values: Tensor, reduction: str) -> Tensor:
    """The same of a tensor: what a loss that is put together from operations returns."""
    return values if reduction == "none" else mean(values) if reduction == "mean" else sum_(values)


def _small(d: Any, beta: float) -> Any:
    return np.where(np.abs(d) < beta, d * d * (0.5 / beta), np.abs(d) - 0.5 * beta)


def _huber(d: Any, delta: float) -> Any:
    return np.where(np.abs(d) <= delta, d * d * 0.5, delta * (np.abs(d) - 0.5 * delta))


# each of them is a function of the difference d: the rules are its derivative, with the other sign for the target
_mse_loss = vjp(
    "_mse_loss", lambda self, target, reduction: reduced(np.square(self - target), reduction), node="MseLossBackward0", method=False,
    self=lambda grad, self, target, reduction: shared(grad, self, reduction) * 2 * (self - target),
    target=lambda grad, self, target, reduction: shared(grad, self, reduction) * 2 * (target - self))  # fmt: skip
_smooth_l1_loss = vjp(
    "_smooth_l1_loss", lambda self, target, reduction, beta: reduced(_small(self - target, beta), reduction), node="SmoothL1LossBackward0", method=False,
    self=lambda grad, self, target, reduction, beta: shared(grad, self, reduction) * np.clip((self - target) / beta, -1, 1),
    target=lambda grad, self, target, reduction, beta: shared(grad, self, reduction) * np.clip((target - self) / beta, -1, 1))  # fmt: skip
_huber_loss = vjp(
    "_huber_loss", lambda self, target, reduction, delta: reduced(_huber(self - target, delta), reduction), node="HuberLossBackward0", method=False,
    self=lambda grad, self, target, reduction, delta: shared(grad, self, reduction) * np.clip(self - target, -delta, delta),
    target=lambda grad, self, target, reduction, delta: shared(grad, self, reduction) * np.clip(target - self, -delta, delta))  # fmt: skip


def _matched(name: str, input: Any, target: Any, kernel: str) -> tuple[Tensor, Tensor]:
    """The two tensors of a loss in one shape and dtype, with PyTorch's warning where they broadcast."""
    if not isinstance(input, Tensor) or not isinstance(target, Tensor):
        place, what = (1, input) if not isinstance(input, Tensor) else (2, target)
        raise errors.argument(name, "input" if place == 1 else "target", place, "Tensor", what)
    if input._data.shape != target._data.shape:
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will likely lead to incorrect results "
            "due to broadcasting. Please ensure they have the same size.", stacklevel=3,
        )  # fmt: skip
        input, target = broadcast_tensors(input, target)
    a, b = input._data.dtype, target._data.dtype
    if a is not b and a != b:
        kind = FROM_NUMPY[np.result_type(a, b) if a.kind == b.kind else a if a.kind in "fc" and b.kind not in "fc" else b]
        input, target = input.to(kind), target.to(kind)
    if input._data.dtype.kind not in "f":
        raise errors.no_kernel(kernel, input._data.dtype)
    return input, target


def mse_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """(input - target)², averaged, summed, or ("none") for each element; with a `weight` a weighted average.

    >>> import glassgrad as gg
    >>> gg.nn.functional.mse_loss(gg.tensor([1.0, 2.0]), gg.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = _matched("mse_loss", input, target, "mse_cpu")
    if weight is None:
        return _mse_loss(input, target, REDUCTIONS[reduction])
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    return _weighted(_mse_loss(input, target, 0), weight, reduction)


def _weighted(values: Tensor, weight: Tensor, reduction: str) -> Tensor:
    values = e.mul(values, weight)
    return values if reduction == "none" else sum_(values) if reduction == "sum" else sum_(values) / sum_(weight)


def l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """|input - target|, averaged, summed, or for each element."""
    reduction = reduction_of(size_average, reduce, reduction)
    if isinstance(input, Tensor) and isinstance(target, Tensor) and input.shape != target.shape:
        input, target = _matched("l1_loss", input, target, "mse_cpu")
    values = e.abs(e.sub(input, target))
    return finish(values, reduction) if weight is None else _weighted(values, weight, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d² / (2 beta) where |d| < beta, else |d| - beta / 2, of the differences d. Source: R. Girshick, "Fast R-CNN", 2015."""
    reduction = reduction_of(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    input, target = _matched("smooth_l1_loss", input, target, "smooth_l1_cpu")
    return l1_loss(input, target, reduction=reduction) if beta == 0 else _smooth_l1_loss(input, target, REDUCTIONS[reduction], beta)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None) -> Tensor:
    """d² / 2 where |d| ≤ delta, else delta · (|d| - delta / 2). Source: P. Huber, "Robust estimation of a location parameter", 1964."""
    reduction_of(None, None, reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    input, target = _matched("huber_loss", input, target, "huber_cpu")
    if weight is None:
        return _huber_loss(input, target, REDUCTIONS[reduction], delta)
    return _weighted(_huber_loss(input, target, 0, delta), weight, reduction)


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: bool | None = None, eps: float = 1e-8,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The negative log likelihood of counts: e^input - target · input, or input - target · log(input + eps) where input is the rate itself.

    `full` adds Stirling's approximation of log target! for targets above 1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    values: Any = e.exp(input) - target * input if log_input else input - target * e.log(input + eps)
    if full:
        stirling = target * e.log(target) - target + 0.5 * e.log(2 * math.pi * target)
        values = values + where(target > 1, stirling, zeros_like(target))
    return finish(values, reduction)


def gaussian_nll_loss(input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Tensor:
    """½ (log max(var, eps) + (input - target)² / max(var, eps)), plus ½ log 2π with `full`. Raises ValueError for negative variances."""
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * ones_like(input)
    elif isinstance(var._data, (np.ndarray, np.generic)) and (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = unsqueeze(var, -1)
        elif not (input.ndim == var.ndim and all(n == m or m == 1 for n, m in zip(input.shape, var.shape))):
            raise ValueError("var is of incorrect size")
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not valid")
    floor = var + (clamp_min(var, eps) - var).detach()  # what the floor adds is a constant
    values = 0.5 * (e.log(floor) + (input - target) ** 2 / floor)
    if full:
        values = values + 0.5 * math.log(2 * math.pi)
    return finish(values, reduction)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(‖x1‖, eps) · max(‖x2‖, eps)) along a dim.

    >>> import glassgrad as gg
    >>> gg.nn.functional.cosine_similarity(gg.tensor([[1.0, 0.0]]), gg.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    if not (x1.is_floating_point() or x1.is_complex()) and not (x2.is_floating_point() or x2.is_complex()):
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {x1.dtype.type_name}")
    x1, x2 = broadcast_tensors(x1, x2)
    return sum_((x1 / clamp_min(norm(x1, 2, dim, True), eps)) * (x2 / clamp_min(norm(x2, 2, dim, True), eps)), dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x1 - x2 + eps‖_p along the last dim."""
    return norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    if not ((target.ndim == 1 and input1.ndim == input2.ndim == 2) or (target.ndim == 0 and input1.ndim == input2.ndim == 1)):
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
            if target.ndim < 2 else "0D or 1D target tensor expected, multi-target not supported"
        )  # fmt: skip
    eps = 1e-12
    dots, sizes = sum_(input1 * input2, -1), e.sqrt((sum_(input1 * input1, -1) + eps) * (sum_(input2 * input2, -1) + eps))
    cos: Any = dots / sizes
    values = where(target == 1, 1 - cos, zeros_like(cos)) + where(target == -1, clamp_min(cos - margin, 0), zeros_like(cos))
    return finish(values, reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """The input where the target is 1, max(0, margin - input) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    apart = where(target != 1, clamp_min(margin - input, 0), zeros_like(input))
    return finish(apart + where(target != -1, input, zeros_like(input)), reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """max(0, -target · (input1 - input2) + margin): input1 should be larger where the target is 1, smaller where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {input1.size()}, input2: {input2.size()}, "
            f"target: {target.size()} "
        )
    return finish(clamp_min(-target * (input1 - input2) + margin, 0), reduction)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6, swap: bool = False,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d being the p-distance; `swap` takes the nearer of anchor and positive.

    Source: V. Balntas et al., "Learning shallow convolutional feature descriptors with triplet losses", 2016.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = lambda a, b: pairwise_distance(a, b, p, eps)
    return _triplets(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Any = None, margin: float = 1.0, swap: bool = False, reduction: str = "mean"
) -> Tensor:
    """`triplet_margin_loss` with a distance of one's own."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            f"The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {anchor.ndim}D, positive "
            f"{positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    return _triplets(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def _triplets(anchor: Tensor, positive: Tensor, negative: Tensor, distance: Any, margin: float, swap: bool, reduction: str) -> Tensor:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = e.minimum(far, distance(positive, negative))
    return finish(clamp_min(margin + near - far, 0), reduction)
