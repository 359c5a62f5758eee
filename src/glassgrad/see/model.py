"""`why(model)`: every parameter's gradient at once, and the two switches that training depends on."""

from __future__ import annotations

import math
from typing import Any

from . import engines
from .cuts import untracked
from .gradients import Sight
from .graph import Graph, flows_of
from .hints import hints
from .knowledge import called
from .names import Names
from .nonfinite import loss_is_not
from .record import Recording
from .stat import Stat, number
from .steps import BETWEEN, cleared, not_stepped, parts_of, steps_between
from .verdict import Verdict
from .zero import dead, shut

TRAINS = ("Dropout", "BatchNorm", "RReLU", "InstanceNorm", "AlphaDropout")


def why_model(model: Any, loss: Any, recording: Recording | None, names: Names) -> Verdict:
    """The verdict on a model: which parameters get no gradient, a bad one, a tiny or huge one; dead units; modes."""
    with engines.aside():
        from .why import find_loss

        parameters = list(model.named_parameters())
        if not parameters:
            return _unregistered(model, names.module(model)) or Verdict("fine", f"{type(model).__name__} has no parameters.")
        if loss is None:
            loss = find_loss(parameters[0][1], None, recording, names)
        graph = Graph([loss]) if loss is not None and loss.requires_grad else None
        sight = Sight(graph, flows_of(graph, recording), recording, names) if graph is not None else None
        state = State(parameters, graph, recording)
        answer = _headline(model, parameters, state, loss, sight, recording, names)
        answer.details += state.rows()
        answer.details += units(sight) if sight is not None else []
        answer.details += [h.headline for h in (hints(sight) if sight is not None else []) if h.headline not in str(answer)]
        said = modes(model, names.module(model))
        if said:
            answer.details.append(said)
        return answer


class State:
    """The parameters of a model by what became of their gradients; `sizes` are root mean squares."""

    def __init__(self, parameters: list[Any], graph: Graph | None, recording: Recording | None):
        self.groups: dict[str, list[str]] = {"not finite": [], "unreached": [], "zero": [], "no backward yet": [], "frozen": []}
        self.sizes: list[tuple[str, float]] = []
        self.gone: list[tuple[str, bool]] = []  # what took a gradient away, and whether it did so before the optimizer stepped
        for name, p in parameters:
            grad, gone = p.grad, cleared(p, recording)
            if gone is not None:
                grad = gone[0]
                self.gone.append(gone[1:])
            if not p.requires_grad:
                self.groups["frozen"].append(name)
            elif graph is not None and graph.node_of(p) is None and gone is None:
                self.groups["unreached"].append(name)
            elif grad is None:
                self.groups["no backward yet"].append(name)
            else:
                s = grad if isinstance(grad, Stat) else Stat.of(grad)
                if not s.finite or s.norm == 0:
                    self.groups["zero" if s.finite else "not finite"].append(name)
                if s.finite and s.count:
                    self.sizes.append((name, s.norm / math.sqrt(s.count)))
        self.groups["not finite"].sort(key=lambda n: not _own(dict(parameters)[n], recording))

    def rows(self) -> list[str]:
        """The groups and sizes as lines."""
        rows = [f"{kind}: {', '.join(found[:12])}{f' and {len(found) - 12} more' if len(found) > 12 else ''}" for kind, found in self.groups.items() if found]
        if self.sizes:
            rows.append("root mean square by parameter: " + ", ".join(f"{n} {number(v, 2)}" for n, v in self.sizes[:24]))
        if self.gone:
            rows.append(f"these are the gradients that the last backward brought; they were taken away since: {self.gone[0][0]}")
        return rows


def _own(p: Any, recording: Recording | None) -> bool:
    """Whether backward itself brought a gradient that is not finite: clipping spoils the others."""
    parts = parts_of(p, recording)
    return not parts or not all(Stat.all_finite(now.leaves[id(p)]) for now in parts)


def _headline(model: Any, parameters: list[Any], state: State, loss: Any, sight: Sight | None, recording: Recording | None, names: Names) -> Verdict:
    from .why import why

    by_name, groups, sizes = dict(parameters), state.groups, state.sizes
    title = names.module(model)

    def of(name: str) -> Verdict:
        return why(by_name[name], loss, recording=recording, names={f"{title}.{name}": by_name[name]})

    if loss is not None and not loss.requires_grad:
        inner = untracked(loss, names.of(loss, "the loss"), recording, names)
        return Verdict("cut", f"no parameter of {title} gets a gradient: {inner.headline}", inner.cause, inner.where, inner.fix, list(inner.details))
    before = [line for line, before_step in state.gone if before_step]
    if before:
        return Verdict(
            "none",
            f"the optimizer had no gradient to use: backward brought them to {len(before)} of {len(parameters)} parameters of {title}, and they were "
            "taken away before it stepped.",
            "zero_grad sets every .grad to None, and step() leaves out parameters without one",
            before[0],
            BETWEEN,
        )
    if sight is not None and not groups["not finite"] and sizes:
        bad_loss = loss_is_not(sight, f"every gradient of {title}", names.of(loss, "the loss"), max(sizes, key=lambda pair: pair[1])[1])
        if bad_loss is not None:
            return bad_loss
    for kind, found in groups.items():
        if kind in ("not finite", "unreached", "zero") and found:
            first = of(found[0])
            said = "have gradient 0" if kind == "zero" else f"are {kind}"
            if kind == "unreached" and recording is not None and recording.stepped and not any(id(by_name[n]) in recording.stepped for n in found):
                first.headline += " No optimizer that stepped has them: this may be meant."
            return Verdict(first.kind, f"{len(found)} of {len(parameters)} parameters of {title} {said}. {first.headline}", first.cause, first.where, first.fix)
    if groups["no backward yet"]:
        waiting = len(groups["no backward yet"])
        return Verdict("none", f"{title}: no backward has brought a gradient to {waiting} of {len(parameters)} parameters.", fix="loss.backward()")
    if len(groups["frozen"]) == len(parameters):
        return Verdict("frozen", f"every parameter of {title} is frozen: requires_grad is False.", fix="model.requires_grad_(True)")
    if sizes:
        low, high = min(sizes, key=lambda p: p[1]), max(sizes, key=lambda p: p[1])
        if len(sizes) > 2 and low[1] > 0 and high[1] / low[1] > 1e5 or high[1] > 1e4 or high[1] < 1e-8:
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
    return _ordinary(model, parameters, groups, title, sight, recording)


def _ordinary(model: Any, parameters: list[Any], groups: dict[str, list[str]], title: str, sight: Sight | None, recording: Recording | None) -> Verdict:
    """The verdict on a model whose gradients are as they should be: what is probably not meant all the same."""
    named = [(f"{title}.{n}", p) for n, p in parameters if p.requires_grad]
    most = max((parts_of(p, recording) for _, p in named), key=len, default=[])
    steps = steps_between(most, recording) if recording is not None else []
    start = f"{title}: {len(named)} parameters have ordinary gradients"
    found = [v for v in (_unregistered(model, title), not_stepped(named, title, recording)) if v is not None] + (hints(sight) if sight is not None else [])
    found.sort(key=lambda v: v.kind == "fine")
    if steps and not found:
        return Verdict(
            "accumulated",
            f"the gradients of {title} are sums of {len(most)} backward calls, and the optimizer stepped {len(steps)} times in between.",
            "backward adds to .grad; nothing set it back between them",
            most[-1].line,
            "optimizer.zero_grad() before each backward",
        )
    if not found:
        said = f"{start}{f', the sum of {len(most)} backward calls' if len(most) > 1 else ''}."
        return Verdict("fine", said)
    first = found[0]
    rest = [f"and {v.headline}" for v in found[1:4]]
    return Verdict(first.kind, f"{start}; but {first.headline}", first.cause, first.where, first.fix, rest)


def _unregistered(model: Any, title: str) -> Verdict | None:
    """The verdict on layers and parameters that a model keeps where it does not find them."""
    found = engines.unregistered(model)
    if not found:
        return None
    which = ", ".join(f"{title}.{path}" for path in list(found)[:4]) + (" …" if len(found) > 4 else "")
    plain = [f"{title}.{path}" for path, v in found.items() if engines.is_tensor(v) and type(v).__name__ != "Parameter"]
    if plain:
        return Verdict(
            "unregistered",
            f"{', '.join(plain[:4])} {'are plain tensors' if len(plain) > 1 else 'is a plain tensor'}, and no nn.Parameter: parameters() does not find "
            f"{'them' if len(plain) > 1 else 'it'}, so no optimizer made of it changes {'them' if len(plain) > 1 else 'it'}.",
            "a module knows as parameters the attributes that are of the class nn.Parameter",
            "",
            f"self.{plain[0].rpartition('.')[2]} = nn.Parameter(...), which requires grad of itself",
        )
    count = sum(1 if engines.is_tensor(v) else len(list(v.parameters())) for v in found.values())
    return Verdict(
        "unregistered",
        f"{which} {'are' if len(found) > 1 else 'is'} kept in a plain list or dict: parameters() does not find {count} parameters, so no optimizer made of it "
        "changes them.",
        "a module knows the layers and parameters that are its attributes, and those in nn.ModuleList, ModuleDict, ParameterList, ParameterDict",
        "",
        "nn.ModuleList([...]) for the list, nn.ModuleDict for the dict; nn.ParameterList for parameters",
    )


def units(sight: Sight) -> list[str]:
    """Relus that let nothing through."""
    said = []
    for node in sight.graph.nodes:
        if called(node) == "relu":
            count = dead(sight, node)
            if count is not None and count[1] and count[0] / count[1] > 0.5:
                whole = _dead_units(sight, node)
                said.append(
                    f"{sight.title(node)}{sight.place(node)}: {count[0]} of {count[1]} activations are 0"
                    + (f", {whole[0]} of {whole[1]} units for every example" if whole else "")
                )
    return said


def _dead_units(sight: Sight, node: Any) -> tuple[int, int] | None:
    """Of a relu over a batch: how many units let nothing through for every example, if any, and how many there are."""
    found = shut(sight, node)
    if found is None or found.ndim < 2:
        return None
    idle = found.reshape(found.shape[0], found.shape[1], -1).all(axis=(0, 2))
    return (int(idle.sum()), int(idle.size)) if idle.any() else None


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
