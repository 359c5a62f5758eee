"""Connectionist temporal classification: how likely a sequence of steps spells out its labels, whatever the alignment.

Source: A. Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data with recurrent neural networks", 2006.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from . import elementwise as e
from .creation import zeros_like
from .declare import elementwise, vjp
from .levels import raw
from .losses import REDUCTIONS
from .numpy_protocol import FUNCTIONS
from .reductions import mean
from .reductions import sum as sum_


@dataclass(frozen=True)
class Labels:
    """What a batch is to spell out: for each example its labels with blanks between and around them, and how many steps and labels count."""

    path: np.ndarray
    steps: np.ndarray
    lengths: np.ndarray


def _shifted(x: Any, by: int) -> Any:
    """Moved along the last dim, with log 0 moving in."""
    out = np.full_like(x, -math.inf)
    if by > 0:
        out[..., by:] = x[..., :-by]
    else:
        out[..., :by] = x[..., -by:]
    return out


def _skips(path: Any) -> Any:
    """Log 1 where the path may jump over a blank: between labels that differ."""
    may = np.full(path.shape, -math.inf)
    may[:, 2:] = np.where(path[:, 2:] != path[:, :-2], 0, -math.inf)
    return may


def _along(log_probs: Any, labels: Labels) -> Any:
    """The log-probability of each place of the path at each step: (steps, batch, places)."""
    return np.take_along_axis(log_probs, np.broadcast_to(labels.path[None], (len(log_probs), *labels.path.shape)), -1)


def _forward(at: Any, labels: Labels) -> Any:
    """For each step and place the log-probability of all beginnings that lead there."""
    start = np.arange(at.shape[-1])[None] <= np.minimum(labels.lengths, 1)[:, None]
    found, skips = [np.where(start, at[0], -math.inf)], _skips(labels.path).astype(at.dtype)
    for now in at[1:]:
        last = found[-1]
        found.append(np.logaddexp(np.logaddexp(last, _shifted(last, 1)), _shifted(last, 2) + skips) + now)
    return np.stack(found)


def _backward(at: Any, labels: Labels) -> Any:
    """For each step and place the log-probability of all endings from there."""
    place, last = np.arange(at.shape[-1])[None], 2 * labels.lengths[:, None]
    ends = (place == last) | (place == last - 1)
    after, found = np.full(at.shape[1:], -math.inf, at.dtype), []
    skips = _shifted(_skips(labels.path), -2).astype(at.dtype)
    for t in reversed(range(len(at))):
        on = np.logaddexp(np.logaddexp(after, _shifted(after, -1)), _shifted(after, -2) + skips)
        after = np.where((labels.steps == t + 1)[:, None], np.where(ends, 0, -math.inf), on) + at[t]
        found.append(after)
    return np.stack(found[::-1])


def _loss(forward: Any, labels: Labels) -> Any:
    """-log of the probability of all ways to spell out the labels, of each example."""
    examples = np.arange(len(labels.steps))
    last = forward[labels.steps - 1, examples]
    ends = last[examples, 2 * labels.lengths], np.where(labels.lengths > 0, last[examples, 2 * labels.lengths - 1], -math.inf)
    return np.where(labels.steps > 0, -np.logaddexp(*ends), np.where(labels.lengths == 0, 0, math.inf)).astype(forward.dtype)


@arrays.array_function
def alignments(log_probs: Any, labels: Labels) -> Any:
    """-log of the probability of the labels, of each example."""
    return _loss(_forward(_along(log_probs, labels), labels), labels) if len(log_probs) else np.where(labels.lengths == 0, 0, math.inf).astype(log_probs.dtype)


@arrays.array_function
def slopes(log_probs: Any, labels: Labels, zero_infinity: bool) -> Any:
    """The gradient of each example's loss by what log_softmax was taken of: the probabilities less those of being there on the way."""
    if not len(log_probs):
        return np.zeros_like(log_probs)
    at = _along(log_probs, labels)
    forward = _forward(at, labels)
    loss = _loss(forward, labels)
    there = np.exp(forward + _backward(at, labels) + loss[None, :, None] - at)
    steps, examples = np.ogrid[: len(at), : at.shape[1]]
    found = np.exp(log_probs)
    np.subtract.at(found, (steps[..., None], examples[..., None], labels.path[None]), there)
    counted = np.arange(len(at))[:, None] < labels.steps[None]
    if zero_infinity:
        counted = counted & np.isfinite(loss)[None]
    return np.where(counted[..., None], found, 0).astype(log_probs.dtype)


def _no_rule() -> Any:
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


_slopes = elementwise("_ctc_slopes", lambda self, labels, zero_infinity: slopes(self, labels, zero_infinity), _no_rule,
                      node="torch::autograd::NotImplemented", method=False)  # fmt: skip
_ctc_loss = vjp("_ctc_loss", lambda log_probs, labels, zero_infinity: alignments(log_probs, labels), node="CtcLossBackward0", method=False,
                log_probs=lambda grad, log_probs, labels, zero_infinity: np.expand_dims(grad, (0, 2)) * slopes(log_probs, labels, zero_infinity))  # fmt: skip
FUNCTIONS[slopes] = lambda x, labels, zero_infinity: _slopes(x, labels, zero_infinity)


def _lengths(name: str, given: Any, batch: int, most: int | None) -> np.ndarray:
    values = np.atleast_1d(raw(given._data) if isinstance(given, Tensor) else np.asarray(given))
    if values.dtype.kind not in "iu":
        raise RuntimeError(f"{name} must be integral")
    if values.shape != (batch,):
        raise RuntimeError(f"{name} must be of size batch_size")
    for v in values.tolist():
        if v < 0 or most is not None and v > most:
            bound = f"at least 0, but got value {v}" if v < 0 else f"at most {most}, but got value {v}"
            raise RuntimeError(f"Expected {name} to have value {bound} (while checking arguments for ctc_loss_allocate_outputs)")
    return values.astype(np.int64)


def _wrong_size(least: str, dim: int, got: int) -> RuntimeError:
    return errors.explain(RuntimeError(
        f"Expected tensor to have size {least} at dimension {dim}, but got size {got} for argument #2 'targets' "
        "(while checking arguments for ctc_loss_allocate_outputs)"
    ), where=errors.line_of(errors.users_place()))  # fmt: skip


def _labels(targets: Any, batch: int, steps: np.ndarray, count: np.ndarray, blank: int) -> Labels:
    most = int(count.max(initial=0))
    rows = np.full((batch, most), blank, np.int64)
    if targets.ndim == 1:  # one after another
        if len(targets) != count.sum():
            raise _wrong_size(str(int(count.sum())), 0, len(targets))
        rows[np.arange(most)[None] < count[:, None]] = targets
    else:
        if len(targets) != batch:
            raise _wrong_size(str(batch), 0, len(targets))
        if targets.shape[1] < most:
            raise _wrong_size(f"at least {most}", 1, targets.shape[1])
        rows[:] = targets[:, :most]
    path = np.full((batch, 2 * most + 1), blank, np.int64)
    path[:, 1::2] = np.where(np.arange(most)[None] < count[:, None], rows, blank)
    return Labels(path, steps, count)


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
) -> Tensor:
    """-log of the probability that the steps spell out the targets, with repeats and `blank` left out, over all alignments.

    log_probs (steps, batch, classes) come from log_softmax; targets are (batch, most labels) or one after another; an example without an
    alignment gives ∞, or 0 with `zero_infinity`. "mean" divides by the number of labels first. As in PyTorch the gradient takes log_probs for
    normalized, and has no derivative of its own.

    >>> import glassgrad as gg
    >>> log_probs = gg.zeros(3, 1, 2).log_softmax(-1)  # 6 of the 8 paths of three steps collapse to a single 1
    >>> gg.nn.functional.ctc_loss(log_probs, gg.tensor([[1]]), gg.tensor([3]), gg.tensor([1])).neg().exp()
    tensor(0.7500)
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if log_probs._data.dtype not in (np.float32, np.float64):
        raise errors.no_kernel("ctc_loss_cpu", log_probs._data.dtype)
    single = log_probs.ndim == 2
    x = log_probs.unsqueeze(1) if single else log_probs
    steps, batch, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    counts = _lengths("input_lengths", input_lengths, batch, steps), _lengths("target_lengths", target_lengths, batch, None)
    given = raw(targets._data).astype(np.int64)
    labels = _labels(given[None] if single and given.ndim == 1 else given, batch, *counts, blank)
    loss = _ctc_loss(x, labels, zero_infinity)
    if zero_infinity:
        loss = e.where(loss == math.inf, zeros_like(loss), loss)
    if reduction == "mean":
        return mean(e.div(loss, Tensor._wrap(np.maximum(labels.lengths, 1).astype(loss._data.dtype))))
    return sum_(loss) if reduction == "sum" else loss.squeeze(0) if single else loss
