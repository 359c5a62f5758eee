"""Recurrent layers: RNN, LSTM and GRU over sequences, and their single steps as cells."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..ops import recurrent
from ..ops.creation import empty, zeros
from ..ops.gathers import index_select
from ..ops.joins import cat, stack
from ..ops.linear import linear
from ..ops.shapes import flip
from ..parameter import Parameter
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


class RNNBase(Module):
    """What the three have in common: layers, directions, and the order of their parameters."""

    mode: str
    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
        bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers, self.bias, self.batch_first = input_size, hidden_size, num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = float(dropout), bidirectional, proj_size
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater than 1, but got "
                f"dropout={dropout} "
                f"and num_layers={num_layers}", stacklevel=3,
            )  # fmt: skip
        for name, value in (("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(value, int):
                raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
            if value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if proj_size:
            if self.mode != "LSTM":
                raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
            if proj_size >= hidden_size:
                raise ValueError("proj_size has to be smaller than hidden_size")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        directions = 2 if bidirectional else 1
        self._names: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(directions):
                suffix = f"l{layer}" + ("_reverse" if direction else "")
                rows, state = self.gates * hidden_size, proj_size or hidden_size
                width = input_size if layer == 0 else state * directions
                shapes: dict[str, tuple[int, ...]] = {f"weight_ih_{suffix}": (rows, width), f"weight_hh_{suffix}": (rows, state)}
                shapes |= {f"bias_ih_{suffix}": (rows,), f"bias_hh_{suffix}": (rows,)} if bias else {}
                shapes |= {f"weight_hr_{suffix}": (proj_size, hidden_size)} if proj_size else {}
                for name, shape in shapes.items():
                    setattr(self, name, Parameter(empty(*shape, device=device, dtype=dtype)))
                self._names.append(list(shapes))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights anew, uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    all_weights = property(lambda self: [[getattr(self, name) for name in names] for names in self._names])

    def flatten_parameters(self) -> None:
        """Does nothing: there is no GPU to lay the weights out for."""

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, usual in (("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0.0), ("bidirectional", False)):
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text

    # ------------------------------------------------------------------------------------------------ forward
    def _shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Of the states: (layers · directions, batch, hidden); a projected one is smaller."""
        widths = [self.proj_size or self.hidden_size, self.hidden_size][: 2 if self.mode == "LSTM" else 1]
        return [(self.num_layers * (2 if self.bidirectional else 1), batch, width) for width in widths]

    def _first(self, hx: Any, batch: int, like: Tensor) -> tuple[Tensor, ...]:
        """The states that the sequence begins with: zeros where none are given."""
        if hx is None:
            return tuple(zeros(*shape, dtype=like.dtype) for shape in self._shapes(batch))
        return hx if isinstance(hx, tuple) else (hx,)

    def _check_states(self, states: tuple[Tensor, ...], batch: int) -> None:
        for i, (h, want) in enumerate(zip(states, self._shapes(batch))):
            if tuple(h.shape) != want:
                name = f"hidden[{i}]" if len(states) > 1 else "hidden"
                raise RuntimeError(f"Expected {name} size {want}, got {list(h.shape)}")

    def _check_input(self, input: Tensor, dim: int) -> None:
        weight = self._parameters[self._names[0][0]]
        if input.dtype is not weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        if input.size(-1) != self.input_size:
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}")

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if self.mode == "LSTM" and isinstance(hx, Tensor):
            hx = (hx[0], hx[1])
        given = hx if isinstance(hx, tuple) else () if hx is None else (hx,)
        if any(h.dim() != (3 if batched else 2) for h in given):
            h = next(h for h in given if h.dim() != (3 if batched else 2))
            raise RuntimeError(
                f"For batched 3-D input, {'hx and cx' if self.mode == 'LSTM' else 'hx'} should also be 3-D but got {h.dim()}-D tensor" if batched else
                f"For unbatched 2-D input, {'hx and cx' if self.mode == 'LSTM' else 'hx'} should also be 2-D but got {h.dim()}-D tensor"
            )  # fmt: skip
        x = input if batched else input.unsqueeze(1)
        if batched and self.batch_first:
            x = x.transpose(0, 1)
        states = self._first(hx if batched or hx is None else tuple(h.unsqueeze(1) for h in given), x.size(1), x)
        self._check_input(x, 3)
        self._check_states(states, x.size(1))
        out, last = self._layers(x, states, None)
        if not batched:
            return out.squeeze(1), self._hidden(tuple(h.squeeze(1) for h in last))
        return out.transpose(0, 1) if self.batch_first else out, self._hidden(last)

    def _hidden(self, last: tuple[Tensor, ...]) -> Any:
        return last if self.mode == "LSTM" else last[0]

    def _packed(self, input: PackedSequence, hx: Any) -> Any:
        """Sequences of different lengths: padded, run, and packed again; what padding adds never reaches a result."""
        x, lengths = pad_packed_sequence(PackedSequence(input.data, input.batch_sizes, None, None))
        states = self._first(None if hx is None else self._in_order(hx, input.sorted_indices), x.size(1), x)
        self._check_input(x, 3)
        self._check_states(states, x.size(1))
        out, last = self._layers(x, states, lengths)
        packed = pack_padded_sequence(out, lengths)
        back = self._in_order(self._hidden(last), input.unsorted_indices)
        return PackedSequence(packed.data, input.batch_sizes, input.sorted_indices, input.unsorted_indices), back

    def _in_order(self, hx: Any, indices: Any) -> Any:
        if indices is None:
            return hx
        return tuple(index_select(h, 1, indices) for h in hx) if isinstance(hx, tuple) else index_select(hx, 1, indices)

    def _layers(self, x: Tensor, states: tuple[Tensor, ...], lengths: Tensor | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        directions = 2 if self.bidirectional else 1
        last: list[list[Tensor]] = [[] for _ in states]
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outs = []
            for direction in range(directions):
                k = layer * directions + direction
                own = self._parameters
                weights: list[Any] = [own[name] for name in self._names[k]]
                if not self.bias:
                    weights[2:2] = [None, None]
                given = _turned(x, lengths) if direction else x
                found = self._run(given, [s[k] for s in states], weights)
                outs.append(_turned(found[0], lengths) if direction else found[0])
                for kept, sequence in zip(last, found):
                    kept.append(_at_end(sequence, lengths))
            x = outs[0] if directions == 1 else cat(outs, -1)
        return x, tuple(stack(kept) for kept in last)

    def _run(self, x: Tensor, first: list[Tensor], weights: list[Any]) -> tuple[Tensor, ...]:
        """The states of all steps of one layer in one direction."""
        raise NotImplementedError


def _turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The sequences from their ends to their beginnings; padding stays behind."""
    if lengths is None:
        return flip(x, 0)
    steps = Tensor._wrap(_reversed_steps(x.size(0), lengths._data))
    return x.gather(0, steps.unsqueeze(-1).expand(-1, -1, x.size(-1)))


def _reversed_steps(steps: int, lengths: Any) -> Any:
    at = np.arange(steps)[:, None]
    return np.where(at < lengths[None], lengths[None] - 1 - at, at)


def _at_end(states: Tensor, lengths: Tensor | None) -> Tensor:
    """The state after the last step of each sequence."""
    if lengths is None:
        return states[-1]
    at = (lengths - 1).view(1, -1, 1).expand(1, -1, states.size(-1))
    return states.gather(0, at).squeeze(0)


class RNN(RNNBase):
    """h' = tanh(W_ih · x + b_ih + W_hh · h + b_hh), or relu, over sequences (T, N, input_size), or (N, T, input_size) with `batch_first`.

    Returns the states of all steps and the last ones, (layers · directions, N, hidden_size).

    >>> import glassgrad as gg
    >>> out, h = gg.nn.RNN(4, 3)(gg.ones(5, 2, 4))
    >>> tuple(out.shape), tuple(h.shape)
    ((5, 2, 3), (1, 2, 3))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.__dict__["nonlinearity"] = args[3]
            args = args[:3] + args[4:]
        else:
            self.__dict__["nonlinearity"] = kwargs.pop("nonlinearity", "tanh")
        chosen = self.nonlinearity
        if chosen not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{chosen}'. Select from 'tanh' or 'relu'.")
        self.__dict__["mode"] = f"RNN_{chosen.upper()}"
        super().__init__(*args, **kwargs)

    def _run(self, x: Tensor, first: list[Tensor], weights: list[Any]) -> tuple[Tensor, ...]:
        return (recurrent.RNNLayer.apply(self.nonlinearity == "relu", x, *first, *weights),)


class LSTM(RNNBase):
    """Long short-term memory over sequences; see `ops.recurrent.LSTMLayer` for the formula. Returns (states, (last h, last c)).

    >>> import glassgrad as gg
    >>> out, (h, c) = gg.nn.LSTM(4, 3, batch_first=True)(gg.ones(2, 5, 4))
    >>> tuple(out.shape), tuple(c.shape)
    ((2, 5, 3), (1, 2, 3))
    """

    mode, gates = "LSTM", 4

    def _run(self, x: Tensor, first: list[Tensor], weights: list[Any]) -> tuple[Tensor, ...]:
        return recurrent.projected(x, *first, *weights) if self.proj_size else recurrent.LSTMLayer.apply(x, *first, *weights)


class GRU(RNNBase):
    """Gated recurrent units over sequences; see `ops.recurrent.GRULayer` for the formula. Returns the states and the last ones."""

    mode, gates = "GRU", 3

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__(*args, **kwargs)

    def _run(self, x: Tensor, first: list[Tensor], weights: list[Any]) -> tuple[Tensor, ...]:
        return (recurrent.GRULayer.apply(x, *first, *weights),)


# ------------------------------------------------------------------------------------------------ cells
class RNNCellBase(Module):
    """One step: weight_ih (gates · hidden × input), weight_hh (gates · hidden × hidden), and two biases."""

    gates = 1
    weight_ih: Tensor
    weight_hh: Tensor

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self.gates * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights anew, uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")
        kind = getattr(self, "nonlinearity", "tanh")
        return text if kind == "tanh" else f"{text}, nonlinearity={kind}"

    def _states(self, input: Tensor, given: Any) -> tuple[Tensor, list[Tensor], bool]:
        """The input and the states as batches, and whether they were."""
        if input.dim() not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        states = [h if batched else h.unsqueeze(0) for h in given] or [zeros(x.size(0), self.hidden_size, dtype=x.dtype)] * (2 if self.gates == 4 else 1)
        if x.size(1) != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.size(1)} expected {self.input_size}")
        for i, h in enumerate(states):
            if h.size(0) != x.size(0):
                raise RuntimeError(f"Input batch size {x.size(0)} doesn't match hidden{i} batch size {h.size(0)}")
            if h.size(1) != self.hidden_size:
                raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {h.size(1)}, expected {self.hidden_size}")
        return x, states, batched

    def _parts(self, x: Tensor, h: Tensor) -> tuple[Any, Any]:
        own = self._parameters
        return linear(x, self.weight_ih, own["bias_ih"]), linear(h, self.weight_hh, own["bias_hh"])


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih · x + b_ih + W_hh · h + b_hh), or relu."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,), batched = self._states(input, () if hx is None else (hx,))
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        a, b = self._parts(x, h)
        out = (F.tanh if self.nonlinearity == "tanh" else F.relu)(a + b)
        return out if batched else out.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (h', c') from x and (h, c)."""

    gates = 4

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        x, (h, c), batched = self._states(input, () if hx is None else hx)
        a, b = self._parts(x, h)
        i, f, g, o = (a + b).chunk(4, 1)
        c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
        h = F.sigmoid(o) * F.tanh(c)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a GRU."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,), batched = self._states(input, () if hx is None else (hx,))
        a, b = self._parts(x, h)
        (ri, zi, ni), (rh, zh, nh) = a.chunk(3, 1), b.chunk(3, 1)
        r, z = F.sigmoid(ri + rh), F.sigmoid(zi + zh)
        new = F.tanh(ni + r * nh)
        out = new + z * (h - new)
        return out if batched else out.squeeze(0)
