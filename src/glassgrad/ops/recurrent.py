"""Recurrent layers: a whole sequence as one node.

x is (T, N, inputs), the state (N, H), weights (gates · H, inputs) and (gates · H, H). Forward goes step by step. Backward computes what the
steps' derivatives need for all of them at once, from the states that forward gave, and goes back through time with one product a step.
Everything is plain NumPy, so it runs on arrays (backward), on tensors (gradients of gradients), on batches and dual numbers (transforms).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..autograd.function import Function
from ..graph.modes import mode
from ..tensor import Tensor
from .joins import stack
from .linear import linear


def _arrays(tensors: Any) -> list[Any]:
    return [None if t is None else t._data for t in tensors]


def _flat(x: Any) -> Any:
    return np.reshape(x, (-1, x.shape[-1]))


def _times(x: Any, weight: Any) -> Any:
    """x · weightᵀ for all steps at once."""
    return np.reshape(np.matmul(_flat(x), np.transpose(weight)), (*x.shape[:-1], weight.shape[0]))


def _before(first: Any, states: Any) -> Any:
    """The state before each step."""
    return np.concatenate([np.expand_dims(first, 0), states[:-1]], axis=0)


def _parameters(gates_i: Any, gates_h: Any, x: Any, states: Any, w_ih: Any, bias: bool, wanted: bool) -> list[Any]:
    """The gradients of the input (if it is wanted), the weights and the biases, from those of what goes into the gates."""
    gi, gh = _flat(gates_i), _flat(gates_h)
    dx = np.reshape(np.matmul(gi, w_ih), x.shape) if wanted else None
    if not bias:
        sums = [None, None]
    elif gi is gh:
        sums = [np.sum(gi, axis=0)] * 2
    else:
        sums = [np.sum(gi, axis=0), np.sum(gh, axis=0)]
    return [dx, np.matmul(np.transpose(gi), _flat(x)), np.matmul(np.transpose(gh), _flat(states)), *sums]


class Recurrent(Function):
    """`apply(x, h0, [c0,] w_ih, w_hh, b_ih, b_hh)` gives the states of all steps."""

    _anywhere = True
    states = 1

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        saved, wanted = ctx.saved_tensors, ctx.needs_input_grad[ctx.at]
        if mode.grad:
            return (None,) * ctx.at + ctx.back(wanted, None, *saved, *grads)
        found = ctx.back(wanted, ctx.gates, *[None if t is None else t._data for t in saved], *[g._data for g in grads])
        return (None,) * ctx.at + tuple(None if g is None else Tensor._wrap(g) for g in found)

    @staticmethod
    def outputs(ctx: Any, inputs: tuple[Any, ...], back: Any, *found: Any, at: int = 0, gates: Any = None) -> Any:
        """The states as tensors, kept together with the inputs for backward, and the gates as arrays.

        A gradient of gradients computes the gates anew, as a function of the inputs.
        """
        outs = tuple(Tensor._wrap(f) for f in found)
        ctx.back, ctx.at, ctx.gates = back, at, gates if isinstance(gates, np.ndarray) else None
        ctx.save_for_backward(*inputs, *outs)
        return outs


def _with_bias(pre: Any, *biases: Any) -> Any:
    for b in biases:
        if b is not None:
            pre = pre + b
    return pre


# ------------------------------------------------------------------------------------------------ tanh and relu
class RNNLayer(Recurrent):
    """h' = tanh(W_ih · x + b_ih + W_hh · h + b_hh), or relu."""

    @staticmethod
    def forward(ctx: Any, relu: bool, *inputs: Any) -> Any:
        x, h, w_ih, w_hh, b_ih, b_hh = _arrays(inputs)
        pre, turned = _with_bias(_times(x, w_ih), b_ih, b_hh), np.transpose(w_hh)
        found = []
        for t in range(len(pre)):
            h = pre[t] + np.matmul(h, turned)
            h = np.maximum(h, 0) if relu else np.tanh(h)
            found.append(h)
        return Recurrent.outputs(ctx, inputs, functools.partial(_rnn_back, relu), np.stack(found), at=1)[0]


def _rnn_back(relu: bool, wanted: bool, gates_seen: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, hs: Any, grad: Any) -> tuple[Any, ...]:
    slope = np.sign(hs) if relu else 1 - hs * hs
    gates: list[Any] = []
    dh: Any = 0
    for t in reversed(range(x.shape[0])):
        gates.append((grad[t] + dh) * slope[t])
        dh = np.matmul(gates[-1], w_hh)
    g = np.stack(gates[::-1])
    dx, *rest = _parameters(g, g, x, _before(h0, hs), w_ih, b_ih is not None, wanted)
    return dx, dh, *rest


# ------------------------------------------------------------------------------------------------ LSTM
def _halves(size: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """sigmoid(x) = ½ tanh(x / 2) + ½: the factors and the summands of the gates i, f, g, o, of which g is a tanh."""
    scale, shift = np.full(4 * size, 0.5, dtype), np.full(4 * size, 0.5, dtype)
    scale[2 * size : 3 * size], shift[2 * size : 3 * size] = 1, 0
    return scale, shift


class LSTMLayer(Recurrent):
    """i, f, o = sigmoid and g = tanh of W_ih · x + b_ih + W_hh · h + b_hh; c' = f · c + i · g; h' = o · tanh(c').

    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997; with F. Gers' forget gate, 1999.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        x, h, c, w_ih, w_hh, b_ih, b_hh = _arrays(inputs)
        n = w_hh.shape[1]
        scale, shift = _halves(n, np.dtype(x.dtype.name))
        pre, turned = _with_bias(_times(x, w_ih), b_ih, b_hh) * scale, np.transpose(w_hh) * scale
        hs, cs, seen = [], [], []
        for t in range(len(pre)):
            gates = np.tanh(np.matmul(h, turned) + pre[t]) * scale + shift
            seen.append(gates)
            c = gates[:, n : 2 * n] * c + gates[:, :n] * gates[:, 2 * n : 3 * n]
            h = gates[:, 3 * n :] * np.tanh(c)
            hs.append(h)
            cs.append(c)
        return Recurrent.outputs(ctx, inputs, _lstm_back, np.stack(hs), np.stack(cs), gates=np.stack(seen))


def _lstm_back(
    wanted: bool, gates: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, hs: Any, cs: Any, grad: Any, grad_c: Any
) -> tuple[Any, ...]:
    n, steps = w_hh.shape[1], x.shape[0]
    h_before, c_before = _before(h0, hs), _before(c0, cs)
    if gates is None:
        scale, shift = _halves(n, np.dtype(x.dtype.name))
        gates = np.tanh(_with_bias(_times(x, w_ih) + _times(h_before, w_hh), b_ih, b_hh) * scale) * scale + shift
    i, f, g, o = (gates[..., k * n : (k + 1) * n] for k in range(4))
    tanh_c = np.tanh(cs)
    by_h = tanh_c * o * (1 - o)  # of the gate o, by the gradient of h
    through = o * (1 - tanh_c * tanh_c)  # of c, by the gradient of h
    by_c = np.concatenate([g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g)], axis=-1)  # of the gates i, f, g, by the gradient of c
    by_c = np.reshape(by_c, (steps, -1, 3, n))
    found: list[Any] = []
    dh: Any = 0
    dc: Any = 0
    for t in reversed(range(steps)):
        total = grad[t] + dh
        dct = total * through[t] + grad_c[t] + dc
        three = (dct[:, None] * by_c[t]).reshape(-1, 3 * n)
        found.append(np.concatenate([three, total * by_h[t]], axis=1))
        dh, dc = np.matmul(found[-1], w_hh), dct * f[t]
    all_gates = np.stack(found[::-1])
    dx, *rest = _parameters(all_gates, all_gates, x, h_before, w_ih, b_ih is not None, wanted)
    return dx, dh, dc, *rest


def projected(x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any, b_hh: Any, w_hr: Tensor) -> tuple[Tensor, Tensor]:
    """`LSTMLayer` with h' = W_hr · (o · tanh(c')), step by step as single operations.

    Source: H. Sak et al., "Long short-term memory based recurrent neural network architectures for large vocabulary speech recognition", 2014.
    """
    hs, cs = [], []
    for t in range(x.shape[0]):
        i, f, g, o = (linear(x[t], w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = linear(o.sigmoid() * c.tanh(), w_hr)
        hs.append(h)
        cs.append(c)
    return stack(hs), stack(cs)


# ------------------------------------------------------------------------------------------------ GRU
class GRULayer(Recurrent):
    """r, z = sigmoid(W_ih · x + b_ih + W_hh · h + b_hh); n = tanh(W_in · x + b_in + r · (W_hn · h + b_hn)); h' = (1 - z) · n + z · h.

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        x, h, w_ih, w_hh, b_ih, b_hh = _arrays(inputs)
        n, turned = w_hh.shape[1], np.transpose(w_hh)
        pre = _with_bias(_times(x, w_ih), b_ih)
        found, seen = [], []
        for t in range(len(pre)):
            own = _with_bias(np.matmul(h, turned), b_hh)
            both = np.tanh((pre[t][:, : 2 * n] + own[:, : 2 * n]) * 0.5) * 0.5 + 0.5
            new = np.tanh(pre[t][:, 2 * n :] + both[:, :n] * own[:, 2 * n :])
            h = new + both[:, n:] * (h - new)
            found.append(h)
            seen.append(np.concatenate([both, new, own[:, 2 * n :]], axis=1))
        return Recurrent.outputs(ctx, inputs, _gru_back, np.stack(found), gates=np.stack(seen))[0]


def _gru_back(wanted: bool, gates: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, hs: Any, grad: Any) -> tuple[Any, ...]:
    n, steps = w_hh.shape[1], x.shape[0]
    before = _before(h0, hs)
    if gates is None:
        gi, gh = _with_bias(_times(x, w_ih), b_ih), _with_bias(_times(before, w_hh), b_hh)
        both, own = np.tanh((gi[..., : 2 * n] + gh[..., : 2 * n]) * 0.5) * 0.5 + 0.5, gh[..., 2 * n :]
        r, z = both[..., :n], both[..., n:]
        new = np.tanh(gi[..., 2 * n :] + r * own)
    else:
        r, z, new, own = (gates[..., k * n : (k + 1) * n] for k in range(4))
    by_new = (1 - z) * (1 - new * new)
    by_r, by_z = by_new * own * r * (1 - r), (before - new) * z * (1 - z)
    by_input = np.reshape(np.concatenate([by_r, by_z, by_new], axis=-1), (steps, -1, 3, n))
    by_state = np.reshape(np.concatenate([by_r, by_z, by_new * r], axis=-1), (steps, -1, 3, n))
    found: list[Any] = []
    dh: Any = 0
    for t in reversed(range(steps)):
        found.append(grad[t] + dh)
        dh = found[-1] * z[t] + np.matmul((found[-1][:, None] * by_state[t]).reshape(-1, 3 * n), w_hh)
    totals = np.expand_dims(np.stack(found[::-1]), 2)
    shape = (steps, -1, 3 * n)
    dx, *rest = _parameters(np.reshape(totals * by_input, shape), np.reshape(totals * by_state, shape), x, before, w_ih, b_ih is not None, wanted)
    return dx, dh, *rest
