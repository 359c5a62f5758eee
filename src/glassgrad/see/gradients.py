"""Why a gradient that arrived is what it is: zero, not finite, tiny or huge."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import engines
from .calls import Call, Pass
from .graph import Flows, Graph, is_freed, is_modified, recorded, saved
from .knowledge import FLAT, SAFE, called, is_elementwise, is_user_function, op_of, parameter
from .names import Names
from .record import Recording
from .stat import Stat, at, number
from .trail import upstream
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
        call = self.call(node)
        name = called(node)
        if is_user_function(node):
            name = node.name().removesuffix("Backward")
        return f"{name} in {call.module}" if call is not None and call.module else name

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


# ------------------------------------------------------------------------------------------------ not finite
def first_bad(sight: Sight, target: Any = None) -> tuple[Any, int] | None:
    """The first node of a backward that made, of finite gradients, one that is not: with the input concerned."""
    reach = sight.graph.reaching(target) if target is not None else None
    for node in sight.graph.nodes:
        if reach is not None and node not in reach:
            continue
        got = [s for s in map(sight.stat, sight.flows.arriving.get(node, ())) if s is not None]
        if not got or not all(s.finite for s in got):
            continue
        for slot, (below, _) in enumerate(sight.graph.edges[node]):
            s = sight.stat(sight.flows.along.get((node, slot)))
            if below is not None and s is not None and not s.finite and (reach is None or below in reach):
                return node, slot
    return None


def arithmetic(sight: Sight, node: Any, slot: int, index: tuple[int, ...] | None = None) -> str:
    """`incoming 0 × local ∞ = NaN at [0]`: what a node did to one element of the gradient; empty where it cannot be told."""
    out, arrived = sight.flows.along.get((node, slot)), sight.flows.arriving.get(node)
    if out is None or not arrived or arrived[0] is None:
        return ""
    if isinstance(out, Stat):
        return f"{parameter(node, slot)}'s gradient is {number(out.first)} at {at(out.bad)}" if out.bad is not None else ""
    g, r = engines.array(arrived[0]), engines.array(out)
    if index is None:
        bad = Stat.of(r).bad
        index = bad if bad is not None else tuple(0 for _ in range(r.ndim))
    if not is_elementwise(node) or g.shape != r.shape:
        return ""
    factor = local_number(sight, node, slot, index)
    where = f" at {at(index)}" if index else ""
    if factor is None:
        return f"incoming {number(g[index])} became {number(r[index])}{where}"
    return f"incoming {number(g[index])} × local {number(factor)} = {number(r[index])}{where}"


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


def bad_forward(recording: Recording | None, wanted: set[int] | None = None) -> Call | None:
    """The first recorded call that made, of finite inputs, something that is not."""
    if recording is None:
        return None
    for call in recording.calls:
        if wanted is not None and call.index not in wanted or call.writes and call.name in ("fill_", "copy_"):
            continue
        for result in call.results:
            if not result.dtype.rpartition(".")[2].startswith(("float", "bfloat", "complex")):
                continue
            s = result.summary()
            if s is not None and not s.finite and all(i is None or i.finite for i in (x.summary() for x in call.inputs if x is not result)):
                if call.inputs:
                    return call
    return None


def value_arithmetic(call: Call) -> str:
    """`log(0) = -∞ at [2]`: a forward operation at the element that is not finite."""
    result = next((r for r in call.results if (s := r.summary()) is not None and not s.finite), None)
    s = result.summary() if result is not None else None
    if s is None:
        return ""
    where = f" at {at(s.bad)}" if s.bad else ""
    given = []
    for i in call.inputs:
        t = i.value()
        if t is None:
            return f"{call.name} gave {number(s.first)}{where}"
        a = engines.array(t)
        if a.shape == s.shape and s.bad is not None:
            given.append(number(a[s.bad]))
        elif a.size == 1:
            given.append(number(a.reshape(-1)[0]))
        else:
            return f"{call.name} gave {number(s.first)}{where}"
    numbers = [number(a) for a in call.args if isinstance(a, (int, float)) and not isinstance(a, bool)]
    signs = {"add": "+", "sub": "−", "mul": "·", "div": "/", "pow": "^"}
    both = given + numbers
    if call.name in signs and len(both) == 2:
        return f"{both[0]} {signs[call.name]} {both[1]} = {number(s.first)}{where}"
    return f"{call.name}({', '.join(given)}) = {number(s.first)}{where}"


def not_finite(sight: Sight, target: Any, title: str, value: Any) -> Verdict:
    """The verdict on a gradient with NaN or infinities."""
    s = sight.stat(value)
    what = "NaN" if s is not None and s.nans else "infinite"
    sight, target, when = _where_it_began(sight, target)
    if when:
        title += f" ({when})"
    root = sight.graph.roots[0]
    loss = Stat.of(root)
    answer = Verdict("nonfinite", f"{title} is {what}.", value=value)
    if s is not None and s.count > 1:
        answer.details.append(f"{s.nans + s.infs} of {s.count} elements are not finite, the first at {at(s.bad)}")
    forward = bad_forward(sight.recording, upstream(sight.recording, root) or None) if sight.recording is not None else None
    back = first_bad(sight, target)
    source = _bad_source(sight) if not loss.finite and forward is None else ""
    if source:
        return Verdict(
            "nonfinite",
            f"{title} is {what}: {source}.",
            "what is computed from it is not finite either",
            details=answer.details,
            fix="drop or repair such values before training: torch.isfinite(x).all(), torch.nan_to_num",
            value=value,
        )
    if back is not None and (loss.finite or forward is None):
        node, slot = back
        sums = arithmetic(sight, node, slot) or _which_saved(node, slot)
        answer.headline = f"{title} is {what}: {sight.title(node)}{sight.place(node)}: {sums or 'made it of a finite gradient'}."
        answer.where, answer.fix = sight.line(node), _safe(node, sight, forward)
        answer.cause = _story(sight, node, sums)
        if forward is not None and forward is not sight.call(node):
            answer.details.append(f"forward, {value_arithmetic(forward)} ({forward.where})")
    elif forward is not None:
        answer.headline = f"{title} is {what} because the forward is: {value_arithmetic(forward)}{' at ' + forward.where if forward.where else ''}."
        answer.where = forward.line
        answer.fix = SAFE.get(forward.name, "keep the inputs of this operation where it is finite")
        answer.cause = "a loss that is not finite has no finite gradient" if not loss.finite else ""
        answer.kind = "nonfinite"
    else:
        if not loss.finite:
            answer.cause = f"the loss itself is {number(loss.first)}, so every gradient is"
            answer.headline = f"{title} is {what}: {answer.cause}."
        answer.unknown.append("where it began: run the forward inside see.record(), which keeps the values")
    return answer


def began_in(recording: Recording, start: str) -> Verdict | None:
    """The first node of the recorded backwards that made, of finite gradients, one that is not: as much as summaries can tell."""
    for i, now in enumerate(recording.passes):
        for place, (gradients, arrived) in now.flows.items():
            if all(g is None or Stat.all_finite(g) for g in arrived) and any(g is not None and not Stat.all_finite(g) for g in gradients):
                call = recording.call(place[0])
                if call is None:
                    return None
                first = next(g if isinstance(g, Stat) else Stat.of(g) for g in gradients if g is not None and not Stat.all_finite(g))
                return Verdict(
                    "nonfinite",
                    f"{start}: {call.name} at {call.where} made {number(first.first)}{' at ' + at(first.bad) if first.bad else ''} of finite gradients "
                    f"(backward {i + 1} of {len(recording.passes)}).",
                    where=call.line,
                    fix=SAFE.get(call.name, "keep the input of this operation where its derivative is finite"),
                )
    return None


def _where_it_began(sight: Sight, target: Any) -> tuple[Sight, Any, str]:
    """The first recorded backward that was not finite, in place of the last one, which may only have inherited it: its graph, the node, and when."""
    recording = sight.recording
    now = first_bad_pass(recording) if recording is not None else None
    if recording is None or now is None or now is recording.passes[-1]:
        return sight, target, ""
    root = recording.root_of(now)
    graph = Graph([root]) if root is not None and root.requires_grad else None
    flows = recorded(graph, recording, now) if graph is not None else None
    if graph is None or flows is None:
        return sight, target, ""
    leaf = engines.variable(target)
    place = graph.node_of(leaf) if leaf is not None else None
    found = Sight(graph, flows, recording, sight.names)
    stat = found.stat(flows.at(*place)) if place is not None else None
    at_fault = place[0] if place is not None and stat is not None and not stat.finite else None
    return found, at_fault, f"first in backward {recording.passes.index(now) + 1} of {len(recording.passes)}"


def first_bad_pass(recording: Recording) -> Pass | None:
    """The first recorded backward with a gradient that is not finite."""
    for now in recording.passes:
        if any(g is not None and not Stat.all_finite(g) for gradients, _ in now.flows.values() for g in gradients):
            return now
    return None


def _story(sight: Sight, node: Any, sums: str) -> str:
    name = called(node)
    if "incoming 0 " in sums:
        masked = any(
            called(u) in ("where", "masked_fill", "mul", "index", "masked_select", "index_put", "gather", "select") for u, _ in sight.graph.users.get(node, ())
        )
        if masked:
            return (
                f"the element was masked out, so 0 arrives; {name}'s own derivative there is not finite, and 0 × ∞ is NaN: "
                "a mask on the output does not protect the input"
            )
        return f"0 arrives at {name}, whose own derivative there is not finite: 0 × ∞ is NaN"
    return f"{name}'s derivative is not finite at this value"


def _which_saved(node: Any, slot: int) -> str:
    found = []
    for name, value in saved(node).items():
        if engines.is_tensor(value) and value.dtype.is_floating_point:
            s = Stat.of(value)
            if not s.finite:
                found.append(f"its saved {name} has {s.nans} NaN, {s.infs} infinite")
    return "; ".join(found) or f"the gradient of {parameter(node, slot)} is not finite although what arrived was"


def _safe(node: Any, sight: Sight, forward: Call | None) -> str:
    """What to write instead; where a value that is not finite was multiplied in, at the place that made it."""
    name = called(node) if forward is None or forward.name not in SAFE else forward.name
    advice = SAFE.get(name, "keep the input of this operation where its derivative is finite")
    if any(called(u) in ("where", "masked_fill") for u, _ in sight.graph.users.get(node, ())):
        return f"mask the input, not the output: x = torch.where(mask, x, 1.0) before {name}; {advice}"
    return advice


def _bad_source(sight: Sight) -> str:
    for leaf in sight.graph.leaves():
        s = Stat.of(leaf)
        if not s.finite:
            return f"{sight.names.of(leaf)} itself holds {'NaN' if s.nans else 'infinite values'} at {at(s.bad) or 'its only element'}"
    if sight.recording is not None:
        for call in sight.recording.calls:
            for seen in call.inputs:
                if seen.call is None or not seen.call.inputs:
                    s2 = seen.summary()
                    if s2 is not None and not s2.finite:
                        who = sight.names.of(seen.tensor, "an input") if seen.tensor is not None else "an input"
                        return f"{who} of {call.name} at {call.where} holds {'NaN' if s2.nans else 'infinite values'} at {at(s2.bad)}"
    return ""


# ------------------------------------------------------------------------------------------------ zero
def zero(sight: Sight, target: Any, title: str, value: Any) -> Verdict:
    """The verdict on a gradient that is zero although the tensor is connected."""
    reach = sight.graph.reaching(target)
    frontier: list[tuple[Any, int]] = []
    for node in sight.graph.nodes:
        if node not in reach or node is target:
            continue
        got = [s for s in map(sight.stat, sight.flows.arriving.get(node, ())) if s is not None]
        if not any(s.norm > 0 or not s.finite for s in got):
            continue
        for slot, (below, _) in enumerate(sight.graph.edges[node]):
            if below in reach:
                s = sight.stat(sight.flows.along.get((node, slot)))
                if s is None or s.norm == 0 and s.finite:
                    frontier.append((node, slot))
    parts = [s for s in (sight.stat(sight.flows.along.get(u)) for u in sight.graph.users.get(target, ())) if s is not None]
    if not frontier and len(parts) > 1 and any(p.norm > 0 for p in parts):
        said = " + ".join(str(p) for p in parts[:6])
        return Verdict("zero", f"{title} is 0: connected, and its {len(parts)} contributions cancel.", f"{said} = 0", value=value)
    if not frontier:
        return Verdict("zero", f"{title} is 0: connected, but the gradient that backward started from is 0.", value=value)
    node, slot = frontier[0]
    cause, fix = _why_zero(sight, node, slot)
    answer = Verdict("zero", f"{title} is 0: connected, derivative 0 ({called(node)}{sight.place(node)}: {cause}).", cause, sight.line(node), fix, value=value)
    answer.details += [f"also {called(n)}{sight.place(n)}: {_why_zero(sight, n, k)[0]}" for n, k in frontier[1:5]]
    return answer


def shut(sight: Sight, node: Any) -> Any:
    """Of a relu: which elements let nothing through; None where its result is not to be had."""
    result = saved(node).get("result")
    if not engines.is_tensor(result):
        call = sight.call(node)
        result = call.results[0].value() if call is not None and call.results else None
    return engines.array(result) <= 0 if engines.is_tensor(result) else None


def dead(sight: Sight, node: Any) -> tuple[int, int] | None:
    """Of a relu: how many elements let nothing through, and how many there are."""
    found = shut(sight, node)
    return None if found is None else (int(found.sum()), int(found.size))


def _why_zero(sight: Sight, node: Any, slot: int) -> tuple[str, str]:
    name = called(node)
    if name in FLAT:
        return (
            f"{name} is constant between its steps: its derivative is 0",
            "use a smooth surrogate, or a straight-through estimator: x + (torch.round(x) - x).detach()",
        )
    if name in ("relu", "threshold", "hardtanh", "relu6", "leaky_relu", "clamp", "clamp_min", "clamp_max", "elu", "hardsigmoid", "hardswish"):
        count = dead(sight, node) if name == "relu" else None
        dying = f"{count[0]} of {count[1]} inputs are ≤ 0" if count is not None else "every input that matters lies where it is flat"
        fix = (
            "leaky_relu, a smaller learning rate, or another initialisation"
            if name == "relu"
            else "bring the values back between the limits, or clamp without clamping the gradient"
        )
        return dying, fix
    if name in ("mul", "mm", "bmm", "mv", "dot", "addmm"):
        return f"the other factor is 0 (∂/∂{parameter(node, slot)} is the other one)", "a factor of 0 passes no gradient: look where it is made"
    if name in ("sigmoid", "tanh", "softmax", "log_softmax", "erf", "hardsigmoid"):
        return f"{name} is saturated: its derivative is smaller than the dtype can hold", "scale its input down (normalisation, initialisation, learning rate)"
    if name in (
        "where",
        "masked_fill",
        "index",
        "select",
        "slice",
        "gather",
        "max",
        "min",
        "amax",
        "amin",
        "topk",
        "sort",
        "maximum",
        "minimum",
        "index_select",
        "masked_select",
        "max_pool2_d_with_indices",
    ):
        return f"{name} did not choose any of its elements", "a smooth form lets all take part: logsumexp or softmax for max, a soft mask for where"
    if name in ("pow", "abs", "sqrt", "linalg_vector_norm", "norm", "cos", "sin", "square", "mse_loss", "cosh"):
        return (
            f"the derivative of {name} is 0 at this value: a critical point, or a kink where 0 is chosen",
            "nothing is wrong if this is the minimum; else start elsewhere",
        )
    if name in ("copy_slices", "index_put", "zero", "fill", "copy"):
        return "the values were overwritten", "write into a clone, or build the result with torch.where or torch.cat"
    return f"{name} passes 0 on", ""


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
        "normalise (LayerNorm, BatchNorm), add skip connections, use relu-like activations, initialise by fan-in (nn.init.kaiming_normal_)"
        if kind == "vanishing"
        else f"{SAFE[culprit]}; or clip (nn.utils.clip_grad_norm_)"
        if culprit in SAFE
        else "clip (nn.utils.clip_grad_norm_), lower the learning rate, normalise the inputs, initialise smaller"
    )
    return answer


def _shortened(rows: list[Any], most: int = 12) -> list[Any]:
    return rows if len(rows) <= most else [*rows[: most // 2], ("…", math.prod(g for _, g, _ in rows[most // 2 : -most // 2]), ""), *rows[-most // 2 :]]
