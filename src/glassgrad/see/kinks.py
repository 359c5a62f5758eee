"""`kinks(loss)`: where a function has no derivative, and a convention chose the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import engines
from .gradients import Sight
from .graph import Flows, Graph, saved
from .knowledge import called
from .names import Names
from .record import Recording, latest
from .stat import at
from .verdict import Printed, Verdict

CONVENTIONS = {
    "relu": "relu at 0: 0 is taken (the slopes are 0 and 1)",
    "abs": "abs at 0: 0 is taken (the slopes are −1 and 1)",
    "leaky_relu": "leaky_relu at 0: the negative slope is taken",
    "elu": "elu at 0",
    "hardtanh": "hardtanh at its edge: 0 is taken",
    "clamp": "clamp at its edge: 1 is taken",
    "maximum": "maximum at a tie: each side gets half",
    "minimum": "minimum at a tie: each side gets half",
    "max": "max with ties: equal shares over all (without dim), or the one that it returned (with dim)",
    "min": "min with ties: equal shares over all (without dim), or the one that it returned (with dim)",
    "amax": "amax with ties: equal shares",
    "amin": "amin with ties: equal shares",
    "linalg_vector_norm": "norm at 0: 0 is taken (the true slope is 1 in every direction)",
    "sign": "sign at 0: 0 is taken",
    "round": "round at a half: 0 is taken",
    "floor": "floor at an integer: 0 is taken",
    "ceil": "ceil at an integer: 0 is taken",
    "trunc": "trunc at an integer: 0 is taken",
    "l1_loss": "|x − y| at 0: 0 is taken",
    "sqrt": "sqrt at 0: the derivative is infinite",
}


class Kinks(Printed):
    """The places found, as verdicts; empty where every derivative is the only one."""

    def __init__(self, found: list[Verdict], unknown: list[str]):
        self.found, self.unknown = found, unknown

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Any:
        return iter(self.found)

    def __str__(self) -> str:
        rows = [str(v) for v in self.found] or ["no kinks: every operation has one derivative at these values"]
        if self.unknown:
            rows.append("not known (inputs not kept; run inside see.record()): " + ", ".join(self.unknown[:12]))
        return "\n".join(rows)


def kinks(loss: Any, *, recording: Recording | None = None) -> Kinks:
    """The operations under `loss` whose inputs lie exactly where the derivative jumps: relu and abs at 0, ties of max, clamp at an edge.

    There the gradient is one of many (a subgradient, or a convention of PyTorch's), and finite differences will not agree with it.
    Inputs are read from what the nodes saved and from the recording; where neither has them, the operation is listed as not known.

    Source: subgradients as in Rockafellar, Convex Analysis (1970), §23; the conventions were read off PyTorch 2.13.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> x = gg.tensor([0.0, 1.0], requires_grad=True)
    >>> print(see.kinks(x.abs().sum(), recording=see.Recording()))
    abs at 0: 0 is taken (the slopes are −1 and 1): 1 of 2 elements, the first [0].
      why       a subgradient was chosen: another choice would be as right
    """
    recording = latest(recording)
    names = Names(recording)
    found, unknown = [], []
    with engines.aside():
        graph = Graph([loss]) if loss.requires_grad else None
        if graph is None:
            return Kinks([], [])
        sight = Sight(graph, Flows(graph, "none"), recording, names)
        for node in graph.nodes:
            name = called(node)
            if name not in CONVENTIONS:
                continue
            hit = _hit(node, name, sight)
            if hit is None:
                unknown.append(f"{name}{sight.place(node)}")
            elif hit.any():
                first = tuple(int(i) for i in np.argwhere(np.atleast_1d(hit))[0]) if hit.ndim else ()
                found.append(
                    Verdict(
                        "kink",
                        f"{CONVENTIONS[name]}: {int(hit.sum())} of {hit.size} elements{', the first ' + at(first) if first else ''}{sight.place(node)}.",
                        "the derivative is infinite there" if name == "sqrt" else "a subgradient was chosen: another choice would be as right",
                        sight.line(node),
                    )
                )
    return Kinks(found, unknown)


def _hit(node: Any, name: str, sight: Sight) -> Any:
    """Which elements lie at a kink; None where that cannot be seen."""
    kept = {k: v for k, v in saved(node).items() if not isinstance(v, Exception)}
    call = sight.call(node)
    inputs = [s.value() for s in call.inputs] if call is not None else []
    first = kept.get("self") if engines.is_tensor(kept.get("self")) else inputs[0] if inputs else None
    second = (
        kept.get("other")
        if engines.is_tensor(kept.get("other"))
        else kept.get("target")
        if engines.is_tensor(kept.get("target"))
        else inputs[1]
        if len(inputs) > 1
        else None
    )
    if name in ("relu", "sqrt") and first is None and engines.is_tensor(kept.get("result")):
        if name == "sqrt":
            return engines.array(kept["result"]) == 0
        return None if (engines.array(kept["result"]) == 0).any() else np.zeros(1, bool)
    if first is None:
        return None
    a = engines.array(first)
    if name in ("relu", "abs", "leaky_relu", "elu", "sign", "sqrt"):
        return a == 0
    if name in ("floor", "ceil", "trunc"):
        return a == np.floor(a)
    if name == "round":
        return np.abs(a - np.floor(a)) == 0.5
    if name in ("maximum", "minimum", "l1_loss"):
        return None if second is None else np.asarray(a == engines.array(second))
    if name in ("clamp", "hardtanh"):
        limits: list[Any] = [kept.get(k) for k in ("min", "max", "min_val", "max_val") if isinstance(kept.get(k), (int, float))]
        if not limits and call is not None:
            limits = [v for v in [*call.args[1:], *call.kwargs.values()] if isinstance(v, (int, float)) and not isinstance(v, bool)]
        return np.isin(a, limits) if limits else None
    if name in ("max", "min", "amax", "amin"):
        dim = kept.get("dim")
        pick = np.max if name in ("max", "amax") else np.min
        axis = None if dim is None else tuple(_signed(d, a.ndim) for d in dim) if isinstance(dim, (tuple, list)) else _signed(dim, a.ndim)
        if isinstance(axis, tuple) and not axis:
            axis = None
        best = a == pick(a, axis=axis, keepdims=True)
        return best & (best.sum(axis=axis, keepdims=True) > 1)
    if name == "linalg_vector_norm":
        result = kept.get("result")
        return engines.array(result) == 0 if engines.is_tensor(result) else np.asarray(not a.any())
    return None


def _signed(dim: int, ndim: int) -> int:
    """A dim as PyTorch shows a saved one: negative ones come as large unsigned numbers."""
    return dim - 2**64 if dim >= 2**63 else dim
