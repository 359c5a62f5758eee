"""`why(model)`: every parameter's gradient at once, and the two switches that training depends on."""

from __future__ import annotations

import math
from typing import Any

from . import engines, gradients
from .gradients import Sight
from .graph import Graph, flows_of
from .knowledge import called
from .names import Names
from .record import Recording
from .stat import Stat, number
from .verdict import Verdict

TRAINS = ("Dropout", "BatchNorm", "RReLU", "InstanceNorm", "AlphaDropout")


def why_model(model: Any, loss: Any, recording: Recording | None, names: Names) -> Verdict:
    """The verdict on a model: which parameters get no gradient, a bad one, a tiny or huge one; dead units; modes."""
    with engines.aside():
        from .why import find_loss

        parameters = list(model.named_parameters())
        if not parameters:
            return Verdict("fine", f"{type(model).__name__} has no parameters.")
        if loss is None:
            loss = find_loss(parameters[0][1], None, recording, names)
        graph = Graph([loss]) if loss is not None and loss.requires_grad else None
        sight = Sight(graph, flows_of(graph, recording), recording, names) if graph is not None else None
        groups: dict[str, list[str]] = {"not finite": [], "unreached": [], "zero": [], "no backward yet": [], "frozen": []}
        sizes: list[tuple[str, float]] = []
        for name, p in parameters:
            grad = p.grad
            if not p.requires_grad:
                groups["frozen"].append(name)
            elif graph is not None and graph.node_of(p) is None:
                groups["unreached"].append(name)
            elif grad is None:
                groups["no backward yet"].append(name)
            else:
                s = Stat.of(grad)
                if not s.finite or s.norm == 0:
                    groups["zero" if s.finite else "not finite"].append(name)
                if s.finite and s.count:
                    sizes.append((name, s.norm / math.sqrt(s.count)))
        answer = _headline(model, parameters, groups, sizes, loss, sight, recording, names)
        for kind, found in groups.items():
            if found:
                answer.details.append(f"{kind}: {', '.join(found[:12])}{f' and {len(found) - 12} more' if len(found) > 12 else ''}")
        if sizes:
            answer.details.append("root mean square by parameter: " + ", ".join(f"{n} {number(v, 2)}" for n, v in sizes[:24]))
        answer.details += units(sight) if sight is not None else []
        said = modes(model, names.module(model))
        if said:
            answer.details.append(said)
        return answer


def _headline(
    model: Any,
    parameters: list[Any],
    groups: dict[str, list[str]],
    sizes: list[tuple[str, float]],
    loss: Any,
    sight: Sight | None,
    recording: Recording | None,
    names: Names,
) -> Verdict:
    from .why import untracked, why

    by_name = dict(parameters)
    title = names.module(model)

    def of(name: str) -> Verdict:
        return why(by_name[name], loss, recording=recording, names={f"{title}.{name}": by_name[name]})

    if loss is not None and not loss.requires_grad:
        inner = untracked(loss, names.of(loss, "the loss"), recording, names)
        return Verdict("cut", f"no parameter of {title} gets a gradient: {inner.headline}", inner.cause, inner.where, inner.fix, list(inner.details))
    for kind, found in groups.items():
        if kind in ("not finite", "unreached", "zero") and found:
            first = of(found[0])
            said = "have gradient 0" if kind == "zero" else f"are {kind}"
            return Verdict(first.kind, f"{len(found)} of {len(parameters)} parameters of {title} {said}. {first.headline}", first.cause, first.where, first.fix)
    if groups["no backward yet"]:
        waiting = len(groups["no backward yet"])
        return Verdict("none", f"{title}: no backward has brought a gradient to {waiting} of {len(parameters)} parameters.", fix="loss.backward()")
    if len(groups["frozen"]) == len(parameters):
        return Verdict("frozen", f"every parameter of {title} is frozen: requires_grad is False.", fix="model.requires_grad_(True)")
    if len(sizes) > 2:
        low, high = min(sizes, key=lambda p: p[1]), max(sizes, key=lambda p: p[1])
        if low[1] > 0 and high[1] / low[1] > 1e5 or high[1] > 1e4 or high[1] < 1e-8:
            name, value = high if high[1] > 1e4 else low
            first = of(name)
            said = first.headline if first.kind != "fine" else f"{name} has root mean square {number(value, 2)}"
            return Verdict(
                "exploding" if high[1] > 1e4 else "vanishing",
                f"gradients of {title} reach from {number(low[1], 2)} ({low[0]}) to {number(high[1], 2)} ({high[0]}). {said}",
                first.cause,
                first.where,
                first.fix,
            )
    return Verdict("fine", f"{title}: {len(parameters) - len(groups['frozen'])} parameters have ordinary gradients.")


def units(sight: Sight) -> list[str]:
    """Relus that let nothing through, and softmax before a loss that takes logits."""
    said = []
    for node in sight.graph.nodes:
        if called(node) == "relu":
            count = gradients.dead(sight, node)
            if count is not None and count[1] and count[0] / count[1] > 0.5:
                whole = _dead_units(sight, node)
                said.append(
                    f"{sight.title(node)}{sight.place(node)}: {count[0]} of {count[1]} activations are 0"
                    + (f", {whole[0]} of {whole[1]} units for every example" if whole else "")
                )
        double = softmax_before(sight, node)
        if double:
            said.append(double)
    return said


def _dead_units(sight: Sight, node: Any) -> tuple[int, int] | None:
    """Of a relu over a batch: how many units let nothing through for every example, if any, and how many there are."""
    found = gradients.shut(sight, node)
    if found is None or found.ndim < 2:
        return None
    idle = found.reshape(found.shape[0], found.shape[1], -1).all(axis=(0, 2))
    return (int(idle.sum()), int(idle.size)) if idle.any() else None


def softmax_before(sight: Sight, node: Any) -> str:
    """The sentence about a softmax (or log_softmax) whose result goes into a loss that takes its own."""
    if called(node) != "log_softmax":
        return ""
    node = node.next_functions[0][0]
    while node is not None and called(node) in ("view", "reshape", "transpose", "permute", "squeeze", "unsqueeze", "clone", "t", "select", "slice"):
        node = node.next_functions[0][0]
    if node is None or called(node) not in ("softmax", "log_softmax", "sigmoid"):
        return ""
    return (
        f"{called(node)}{sight.place(node)} goes into cross_entropy, which takes logits and does its own log_softmax: "
        "probabilities of probabilities, whose gradients are small. Leave the first one out."
    )


def modes(model: Any, title: str) -> str:
    """The state of both switches, where they matter: train or eval of the modules, grad mode."""
    sensitive = [(n or type(m).__name__, m.training) for n, m in model.named_modules() if any(k in type(m).__name__ for k in TRAINS)]
    if not sensitive and model.training:
        return ""
    said = f"{title} is in {'train' if model.training else 'eval'} mode"
    mixed = [n for n, on in sensitive if on != model.training]
    if mixed:
        said += f", but {', '.join(mixed)} {'are' if len(mixed) > 1 else 'is'} not"
    elif sensitive:
        said += f" ({', '.join(n for n, _ in sensitive[:8])} behave accordingly)"
    return said + "; eval() changes dropout and batch norm and keeps gradients, no_grad() stops gradients and changes no layer"
