"""`preflight(loss, params)`: what would go wrong in a backward, found before it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import engines
from .gradients import Sight
from .graph import Flows, Graph, is_freed, is_modified, saved
from .hints import hints
from .knowledge import called
from .model import modes
from .names import Names
from .nonfinite import bad_forward, value_arithmetic
from .record import Recording, latest
from .stat import Stat, number
from .trail import upstream
from .verdict import Printed, Verdict
from .zero import dead


class Preflight(Printed):
    """The findings, the gravest first. `ok` where backward can run and brings every parameter a gradient."""

    def __init__(self, findings: list[Verdict], checked: list[str]):
        self.findings, self.checked = findings, checked

    @property
    def ok(self) -> bool:
        """Whether nothing was found that keeps a gradient from arriving."""
        return not any(f.kind != "hint" for f in self.findings)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        if not self.findings:
            return "ready for backward: " + "; ".join(self.checked)
        return "\n".join([*(("note: " if f.kind == "hint" else "") + str(f) for f in self.findings), "checked: " + "; ".join(self.checked)])


def preflight(loss: Any, params: Any = None, *, recording: Recording | None = None, names: dict[str, Any] | None = None) -> Preflight:
    """Looks a graph over before `loss.backward()`: what would raise, what would get no gradient, and what is probably not meant.

    Found are: tensors that were overwritten after a node had saved them; nodes that an earlier backward has freed; a loss that is not
    a number, has no graph, is made by argmax or detach, or was told to require grad afterwards; parameters (`params`: a model, an
    optimizer, or tensors) that are frozen, not leaves, or not reached; a loss that is not finite; softmax before cross_entropy; (n, 1)
    against (n,) in a loss; dead relus. Lines come from the recording, the last one unless told. Nothing is run and nothing changed.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> a, b = gg.ones(2, requires_grad=True), gg.ones(2, requires_grad=True)
    >>> loss = a.exp().sum()
    >>> print(see.preflight(loss, [a, b], recording=see.Recording()).findings[0].headline)
    b.grad is None: not connected to loss.
    """
    recording = latest(recording)
    known = Names(recording, given=names)
    from .why import why

    found: list[Verdict] = []
    with engines.aside():
        loss_name = known.of(loss, "loss")
        if loss.numel() != 1:
            found.append(
                Verdict(
                    "not scalar",
                    f"{loss_name} has shape {list(loss.shape)}: backward() needs a number.",
                    fix=f"{loss_name}.mean() or .sum(); or gradient= of that shape",
                )
            )
        by_hand = why(loss, recording=recording, names={loss_name: loss, **(names or {})}) if not loss.requires_grad or loss.is_leaf else None
        if by_hand is not None and by_hand.kind not in ("fine", "none", "root"):
            found.append(by_hand)
        s = Stat.of(loss)
        if not s.finite:
            bad = bad_forward(recording, upstream(recording, loss) or None) if recording is not None else None
            found.append(
                Verdict(
                    "nonfinite",
                    f"{loss_name} is {number(s.first)}" + (f": {value_arithmetic(bad)} at {bad.where}" if bad is not None else "") + ".",
                    where=bad.line if bad is not None else "",
                )
            )
        graph = Graph([loss]) if loss.requires_grad else None
        sight = Sight(graph, Flows(graph, "none"), recording, known) if graph is not None else None
        if graph is not None and sight is not None:
            found += _damage(graph, sight)
        tensors = named_parameters(params, known)
        for name, p in tensors:
            if not engines.is_tensor(p):
                raise TypeError(f"params are tensors, a model or an optimizer, not {type(p).__name__}")
            if not p.is_leaf:
                found.append(
                    Verdict(
                        "copy",
                        f"{name} is a result and not a leaf, made by {called(p.grad_fn)}: no gradient is stored in it, and no optimizer takes it.",
                        where=sight.line(p.grad_fn) if sight is not None else "",
                        fix=f"{name} = {name}.detach().requires_grad_() before it is used",
                    )
                )
            elif graph is not None and p.requires_grad and graph.node_of(p) is None:
                answer = why(p, loss, recording=recording, names={loss_name: loss, name: p, **(names or {})})
                found.append(answer if answer.kind != "fine" else Verdict("unused", f"{name} is not reached by {loss_name}."))
        frozen = [n for n, p in tensors if not p.requires_grad]
        if frozen:
            found.append(Verdict("hint" if len(frozen) < len(tensors) else "frozen", f"frozen, requires_grad is False: {', '.join(frozen[:12])}."))
        if graph is not None and sight is not None:
            found += _dead(graph, sight) + hints(sight)
        if engines.is_module(params):
            said = modes(params, known.module(params))
            if "eval mode" in said or "but " in said:
                found.append(Verdict("hint", said))
    found.sort(key=lambda f: f.kind == "hint")
    checked = [
        f"{len(graph.nodes) if graph is not None else 0} nodes",
        f"{len(tensors)} parameters",
        "saved tensors",
        "shapes in losses" if recording is not None else "shapes in losses not checked (no recording)",
    ]
    return Preflight(found, checked)


def named_parameters(params: Any, names: Names) -> list[tuple[str, Any]]:
    """Parameters with their names, given as a model, an optimizer, a tensor, or several."""
    if params is None:
        return []
    if engines.is_module(params):
        prefix = names.module(params)
        return [(f"{prefix}.{n}", p) for n, p in params.named_parameters()]
    if engines.is_optimizer(params):
        params = engines.parameters(params)
    elif engines.is_tensor(params):
        params = [params]
    elif isinstance(params, dict):
        return list(params.items())
    found = []
    for i, p in enumerate(params if isinstance(params, Iterable) else [params]):
        if isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str):
            found.append(p)
        else:
            found.append((names.get(p) or f"parameter {i}", p))
    return found


def _damage(graph: Graph, sight: Sight) -> list[Verdict]:
    """Nodes whose saved tensors are gone or overwritten."""
    from .raised import explain

    found, freed = [], []
    for node in graph.nodes:
        for value in saved(node).values():
            if is_modified(value):
                found.append(explain(value, sight.recording, None, node=node))
                break
            if is_freed(value):
                freed.append(node)
                break
    if freed:
        first = freed[0]
        found.append(
            Verdict(
                "freed",
                f"{len(freed)} of {len(graph.nodes)} nodes have been freed by an earlier backward, first {called(first)}{sight.place(first)}.",
                "their saved tensors are gone",
                sight.line(first),
                "compute the forward again, retain_graph=True, or detach what is carried over",
            )
        )
    return found


def _dead(graph: Graph, sight: Sight) -> list[Verdict]:
    """Relus that let nothing through."""
    found = []
    for node in graph.nodes:
        count = dead(sight, node) if called(node) == "relu" else None
        if count is not None and count[1] and count[0] == count[1]:
            found.append(
                Verdict("zero", f"{sight.title(node)}{sight.place(node)} lets nothing through: all {count[1]} inputs are ≤ 0.", where=sight.line(node))
            )
    return found
