"""`compare(losses, params)`: what several losses want of the same parameters."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from . import engines
from .graph import Graph, walk
from .names import Names
from .preflight import named_parameters
from .record import Recording, latest
from .stat import number
from .verdict import Printed


@dataclasses.dataclass(repr=False)
class Comparison(Printed):
    """Gradients of several losses: `norms` by loss, `cosine` between each two over all parameters, `by_parameter` the norms of each.

    A cosine below 0 means that a step down one loss goes up the other, to first order.
    """

    losses: list[str]
    norms: list[float]
    cosine: Any
    by_parameter: dict[str, list[float]]
    missing: dict[str, list[str]]

    def __str__(self) -> str:
        width = max(map(len, self.losses))
        rows = ["gradient norms: " + ", ".join(f"{n} {number(v)}" for n, v in zip(self.losses, self.norms)), "cosine between gradients:"]
        rows.append(" " * (width + 2) + "  ".join(f"{n:>{max(6, len(n))}}" for n in self.losses))
        for i, name in enumerate(self.losses):
            rows.append(f"  {name:<{width}}" + "  ".join(f"{number(self.cosine[i, j], 3):>{max(6, len(n))}}" for j, n in enumerate(self.losses)))
        for i in range(len(self.losses)):
            for j in range(i):
                if self.cosine[i, j] < -0.1:
                    rows.append(f"{self.losses[j]} and {self.losses[i]} pull against each other (cosine {number(self.cosine[i, j], 2)})")
        large, small = max(self.norms), min(self.norms)
        if small > 0 and large / small > 100:
            rows.append(f"{self.losses[self.norms.index(large)]} outweighs {self.losses[self.norms.index(small)]} {number(large / small, 2)} times: scale them")
        rows += [f"{loss} does not reach {', '.join(found[:8])}" for loss, found in self.missing.items() if found]
        return "\n".join(rows)


def compare(losses: Any, params: Any, *, recording: Recording | None = None) -> Comparison:
    """The gradient of each of several losses by the same parameters, and the cosines between them: cos = ⟨∇a, ∇b⟩ / (‖∇a‖ ‖∇b‖).

    `losses` is a dict by name or a list of numbers with a graph; `params` a model, an optimizer or tensors. `.grad` is not touched,
    and the graphs are kept.

    Raises ValueError for a loss that is not one number or has no graph.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> w = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> c = see.compare({"fit": (w * w).sum(), "size": -w.sum()}, [w])
    >>> float(round(c.cosine[0, 1], 4))
    -0.9487
    """
    recording = latest(recording)
    names = Names(recording)
    pairs = list(losses.items()) if isinstance(losses, dict) else [(names.get(x) or f"loss {i}", x) for i, x in enumerate(losses)]
    tensors = named_parameters(params, names)
    gradients: list[list[Any]] = []
    missing: dict[str, list[str]] = {}
    with engines.aside():
        for name, loss in pairs:
            if loss.numel() != 1 or not loss.requires_grad:
                raise ValueError(f"{name} must be one number with a graph; it has shape {list(loss.shape)} and requires_grad={loss.requires_grad}")
            graph = Graph([loss])
            flows = walk(graph, recording=recording)
            if flows.failed:
                node, error = next(iter(flows.failed.items()))
                raise RuntimeError(f"the gradient of {name} cannot be computed: {node.name()}: {str(error).partition('.')[0]}")
            row = []
            missing[name] = []
            for label, p in tensors:
                place = graph.node_of(p)
                g = flows.at(*place) if place is not None else None
                if g is None:
                    missing[name].append(label)
                row.append(np.zeros(tuple(p.shape)) if g is None else engines.array(g).astype(np.float64))
            gradients.append(row)
    whole = [np.concatenate([g.reshape(-1) for g in row]) for row in gradients]
    norms = [float(np.linalg.norm(g)) for g in whole]
    cosine = np.array([[float(a @ b) / (na * nb) if na and nb else math.nan for b, nb in zip(whole, norms)] for a, na in zip(whole, norms)])
    by = {label: [float(np.linalg.norm(row[i])) for row in gradients] for i, (label, _) in enumerate(tensors)}
    return Comparison([n for n, _ in pairs], norms, cosine, by, missing)
