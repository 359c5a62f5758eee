"""What an answer about a gradient is drawn from, and why one that arrived is tiny or huge."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import engines
from .calls import HOOKS, Call, said, short
from .graph import Flows, Graph, is_freed, is_modified, saved
from .knowledge import SAFE, called, is_user_function, op_of, safe
from .names import Names
from .record import Recording
from .stat import Stat, number
from .verdict import Verdict


class Sight:
    """What an answer is drawn from: a graph, the gradients in it, the recording, the names."""

    def __init__(self, graph: Graph, flows: Flows, recording: Recording | None, names: Names):
        self.graph, self.flows, self.recording, self.names = graph, flows, recording, names

    def call(self, node: Any) -> Call | None:
        """The recorded call that made a node."""
        return None if self.recording is None else self.recording.of_node(node)

    def line(self, node: Any) -> str:
        """The user's line that made a node, as far as it is known."""
        call = self.call(node)
        if call is not None:
            return call.line
        lines = node.metadata.get("traceback_") if hasattr(node, "metadata") else None  # anomaly detection keeps it
        return " ".join(str(lines[-1]).split()) if lines else ""

    def place(self, node: Any) -> str:
        """` at train.py:12`, or nothing."""
        call = self.call(node)
        return f" at {call.where}" if call is not None and call.where else ""

    def title(self, node: Any) -> str:
        """What to call a node in a sentence: its operation, with the module that ran it."""
        leaf = engines.variable(node)
        if leaf is not None:
            return self.names.of(leaf)
        call, name = self.call(node), self.short(node)
        return f"{name} in {call.module}" if call is not None and call.module else name

    def short(self, node: Any) -> str:
        """The operation of a node, as it is called; of a user's Function its own name."""
        return node.name().removesuffix("Backward") if is_user_function(node) else called(node)

    def stat(self, g: Any) -> Stat | None:
        """Numbers about a gradient."""
        return g if g is None or isinstance(g, Stat) else Stat.of(g)

    def main_path(self, target: Any) -> list[tuple[Any, int]]:
        """From the root down to `target` by the largest contribution at each meeting: (node, slot) pairs."""
        path: list[tuple[Any, int]] = []
        node = target
        for _ in range(len(self.graph.nodes)):
            best, largest = None, -1.0
            for user, slot in self.graph.users.get(node, ()):
                s = self.stat(self.flows.along.get((user, slot)))
                size = -1.0 if s is None else math.inf if not s.finite else s.norm
                if best is None or size > largest:
                    best, largest = (user, slot), size
            if best is None:
                break
            path.append(best)
            node = best[0]
        return path[::-1]


HOOK = "a hook that returns something replaces the gradient", "mend the hook, or let it return None to leave the gradient as it is"


def hooked(sight: Sight, node: Any, wanted: Any) -> tuple[str, str] | None:
    """The hook of a tensor that changed what arrives at a node, if every part that was sent there is as `wanted` says: what to call it, and its line."""
    sent = [sight.stat(sight.flows.along.get(u)) for u in sight.graph.users.get(node, ())]
    parts = [s for s in sent if s is not None]
    if sight.recording is None or not parts or not all(wanted(s) for s in parts):
        return None
    for kind, seen, place, _ in sight.recording.sets:
        edge = engines.edge(seen.tensor) if kind in HOOKS and seen.tensor is not None else None
        if edge is not None and edge[0] is node:
            return f"the hook set on {sight.names.of(seen.tensor)} at {short(place)}", said(place)
    return None


def local_number(sight: Sight, node: Any, slot: int, index: tuple[int, ...]) -> float | None:
    """The local derivative of an elementwise node at one element: what it makes of a gradient of ones."""
    arrived = sight.flows.arriving[node]
    with engines.aside():
        ones = [None if a is None else engines.engine_of(a).ones_like(a) for a in arrived]
        try:
            outs = engines.apply_node(node, ones)
        except Exception as error:  # noqa: BLE001 - a node may run the user's code
            again = sight.recording.again(node) if sight.recording is not None and (is_freed(error) or is_modified(error)) else None
            if again is None:
                return _by_rule(sight, node, slot, index)
            outs = engines.apply_node(again, ones)
        return None if outs[slot] is None or tuple(outs[slot].shape) != tuple(arrived[0].shape) else engines.array(outs[slot])[index]


def _by_rule(sight: Sight, node: Any, slot: int, index: tuple[int, ...]) -> float | None:
    """The same by the rule that we declare for the operation, from the values that the recording kept."""
    op, call = op_of(node), sight.call(node)
    if op is None or call is None or slot >= len(op.edges):
        return None
    rule = op.rules[op.edges[slot]]
    if not callable(rule):
        return rule
    plain = {k: v for k, v in saved(node).items() if not isinstance(v, Exception)}
    given = []
    for want in op.wants[op.edges[slot]]:
        if want == "result":
            seen = call.results[0] if call.results else None
        else:
            seen = call.inputs[op.tensors.index(want)] if want in op.tensors and len(call.inputs) == len(op.tensors) else None
        value = seen.value() if seen is not None else plain.get(want)
        if value is None:
            return None
        given.append(engines.array(value) if engines.is_tensor(value) else value)
    with np.errstate(all="ignore"):
        local = np.asarray(rule(*given))
    return local[index] if local.ndim == len(index) and all(i < n for i, n in zip(index, local.shape)) else None


# ------------------------------------------------------------------------------------------------ size
def by_depth(sight: Sight, target: Any) -> list[tuple[Any, float, float]]:
    """Along the main path to `target`: each node, the root mean square of the gradient that arrived there, and the node's gain."""
    rows = []
    for node, slot in sight.main_path(target):
        came = [s for s in map(sight.stat, sight.flows.arriving.get(node, ())) if s is not None and s.count]
        went = sight.stat(sight.flows.along.get((node, slot)))
        if not came or went is None:
            continue
        size = math.sqrt(sum(s.norm**2 for s in came) / sum(s.count for s in came))
        total = math.sqrt(sum(s.norm**2 for s in came))
        rows.append((node, size, went.norm / total if total > 0 else math.nan))
    return rows


def layers(sight: Sight, target: Any) -> list[tuple[str, float, str]]:
    """The same by layer: modules where they are known, else nodes. Each with its gain and its line."""
    found: list[list[Any]] = []
    for node, _, gain in by_depth(sight, target):
        call = sight.call(node)
        name = call.module if call is not None and call.module else ""
        if name and found and found[-1][0] == name:
            found[-1][1] *= gain
        else:
            found.append([name or called(node), gain, sight.line(node)])
    return [(name, gain, line) for name, gain, line in found if not math.isnan(gain)]


def size(sight: Sight, target: Any, title: str, value: Any) -> Verdict | None:
    """The verdict on a gradient that is tiny or huge; None on an ordinary one."""
    s = sight.stat(value)
    if s is None or not s.count:
        return None
    rms = s.norm / math.sqrt(s.count)
    rows = layers(sight, target)
    total = float(np.prod([g for _, g, _ in rows])) if rows else 1.0
    if rms < 1e-7 or total < 1e-6 and rms < 1e-4:
        kind, said, extreme = "vanishing", "vanishing", min
    elif rms > 1e4 or total > 1e6 and rms > 10:
        kind, said, extreme = "exploding", "exploding", max
    else:
        return None
    answer = Verdict(kind, f"{title} is {said}: norm {number(s.norm)}, {number(total, 2)} times what started.", value=value)
    culprit = ""
    if rows:
        name, gain, line = extreme(rows, key=lambda row: row[1])
        many = [r for r in rows if (r[1] < 0.5 if kind == "vanishing" else r[1] > 2)]
        answer.headline = (
            f"{title} is {said}: norm {number(s.norm)}; {len(many)} of {len(rows)} steps on the way {'shrink' if kind == 'vanishing' else 'enlarge'} it, "
            f"most of all {name} (gain {number(gain, 2)})."
        )
        answer.where = line
        culprit = name
        answer.details.append("gain on the way from the loss: " + " → ".join(f"{n} {number(g, 2)}" for n, g, _ in _shortened(rows)))
    answer.cause = "the gradient is the product of the gains on its way: " + (
        "each below 1 makes it smaller" if kind == "vanishing" else "each above 1 makes it larger"
    )
    answer.fix = (
        "look at the loss: a plain sum of normalised values is a constant, and a batch of equal rows leaves nothing"
        if kind == "vanishing" and "_norm" in culprit
        else "normalise (LayerNorm, BatchNorm), add skip connections, use relu-like activations, initialise by fan-in (nn.init.kaiming_normal_)"
        if kind == "vanishing"
        else f"{safe(culprit)}; or clip (nn.utils.clip_grad_norm_)"
        if culprit in SAFE
        else "clip (nn.utils.clip_grad_norm_), lower the learning rate, normalise the inputs, initialise smaller"
    )
    return answer


def _shortened(rows: list[Any], most: int = 12) -> list[Any]:
    return rows if len(rows) <= most else [*rows[: most // 2], ("…", math.prod(g for _, g, _ in rows[most // 2 : -most // 2]), ""), *rows[-most // 2 :]]
