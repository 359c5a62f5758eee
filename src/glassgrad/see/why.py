"""`why(x)`: one answer to why a gradient is what it is, for a tensor, a model, or an exception."""

from __future__ import annotations

from typing import Any

from . import engines, gradients, nonfinite, raised
from .calls import standing
from .cuts import RECORD, cut_verdict, how_of, leaf_root, untracked, update_fix
from .gradients import Sight
from .graph import Graph, flows_of, is_freed, is_modified, kept_bytes
from .hints import hints
from .knowledge import COPIES, called
from .names import Names
from .record import Recording, latest
from .stat import Stat, values
from .steps import BETWEEN, accumulated, cleared, not_stepped, parts_of
from .trail import Onward, upstream
from .verdict import Verdict
from .zero import zero


def why(x: Any, loss: Any = None, *, recording: Recording | None = None, names: dict[str, Any] | None = None) -> Verdict:
    """Why the gradient of `x` is what it is: None, zero, NaN, tiny, huge, accumulated, or as it should be; one verdict with cause, line and fix.

    `x` is a tensor of this package or of PyTorch; or a model, of which every parameter is looked at; or an exception that one of
    the two engines raised. `loss` is where backward started, or will start: by default the root of the last recorded backward,
    or a variable of yours that looks like a loss. `recording` is by default the last one; without one, lines and the places where
    the gradient was cut cannot be known, and the answer says so. `names` adds names for tensors to those of your variables.
    Nothing that is looked at is changed.

    Raises TypeError for anything else.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> with see.record():
    ...     w = gg.tensor(2.0, requires_grad=True)
    ...     loss = (w * 3).round()
    ...     loss.backward()
    >>> print(see.why(w).headline)
    w.grad is 0: connected, derivative 0 (round at <doctest glassgrad.see.why.why[2]>:3: round is constant between its steps: its derivative is 0).
    """
    recording = latest(recording)
    if isinstance(x, BaseException):
        return raised.explain(x, recording, names)
    known = Names(recording, given=names)
    if engines.is_module(x):
        from .model import why_model

        return why_model(x, loss, recording, known)
    if not engines.is_tensor(x):
        raise TypeError(f"why() takes a tensor, a model or an exception, not {type(x).__name__}")
    with engines.aside():
        return _tensor(x, loss, recording, known)


def _tensor(t: Any, loss: Any, recording: Recording | None, names: Names) -> Verdict:
    if standing(t) == (False, False):
        return Verdict("in place", "the tensor is a view that was made under no_grad(), and its base was written since: no graph may use it any more.",
                       fix="make the view again, after the write")  # fmt: skip
    name = names.get(t) or ("the leaf" if t.is_leaf else "the tensor")
    if not t.requires_grad:
        return untracked(t, name, recording, names)
    loss = find_loss(t, loss, recording, names)
    if loss is t:
        return leaf_root(t, name, recording, names) if t.is_leaf else _root(t, name, recording, names)
    if loss is None:
        return _no_loss(t, name, recording)
    graph = Graph([loss]) if loss.requires_grad else None
    place = graph.node_of(t) if graph is not None else None
    if graph is None or place is None:
        if graph is None and not t.is_leaf or t.grad is None:
            return _unreached(t, name, loss, names.of(loss, "the loss"), recording, names)
        return _left_over(t, name, names.of(loss, "the loss"), recording, names)
    return _reached(t, name, loss, graph, place, recording, names)


# ------------------------------------------------------------------------------------------------ which loss
def find_loss(t: Any, loss: Any, recording: Recording | None, names: Names) -> Any:
    """The root to explain from: the one given, that of the last recorded backward, or a variable that looks like one; None if there is none."""
    if loss is not None:
        return loss
    if recording is not None:
        for call in reversed(recording.calls):
            if call.name == "backward" and call.inputs and (root := call.inputs[0].tensor) is not None and root.requires_grad:
                return root
        for now in reversed(recording.passes):
            root = recording.root_of(now)
            if root is not None and (Graph([root]).node_of(t) is not None or now is recording.passes[-1]):
                return root
    if t.requires_grad and not t.is_leaf and t.numel() == 1 and not any(Graph([c]).node_of(t) for _, c in names.losses() if c is not t):
        return t
    candidates = [c for _, c in names.losses() if c is not t]
    for c in candidates:
        if Graph([c]).node_of(t) is not None:
            return c
    if recording is not None:
        for call in reversed(recording.calls):
            for r in call.results:
                if r.tracked and r.shape == () and r.tensor is not None and not r.tensor.is_leaf and r.tensor is not t:
                    return r.tensor
    return candidates[0] if candidates else None


def _no_loss(t: Any, name: str, recording: Recording | None) -> Verdict:
    got = t.grad if t.is_leaf else None
    if got is not None:
        return _as_it_is(t, name, got, recording)
    answer = Verdict(
        "none",
        f"{name}.grad is None: no backward has brought it a gradient.",
        "a gradient appears when loss.backward() reaches the tensor",
        "",
        "call backward(); or say which loss is meant: see.why(x, loss)",
    )
    if not t.is_leaf:
        answer.kind = "intermediate"
        answer.headline = f"{name} is an intermediate result (not a leaf): its gradient is not stored."
        answer.fix = f"{name}.retain_grad() before backward keeps it; or ask for it: see.why({name}, loss)"
    if recording is None:
        answer.unknown.append("which loss: give it, or record the run")
    return answer


def _root(t: Any, name: str, recording: Recording | None, names: Names) -> Verdict:
    """The verdict on what a backward starts from."""
    graph = Graph([t])
    size, count = kept_bytes(graph)
    s = Stat.of(t)
    start = graph.starts[0]
    if not s.finite and start is not None:
        return nonfinite.not_finite(Sight(graph, flows_of(graph, recording), recording, names), start[0], name, t)
    answer = Verdict("root", f"{name} = {s} is where a backward starts: {len(graph.leaves())} leaves are reached through {len(graph.nodes)} nodes.")
    if len(tuple(t.shape)):
        answer.fix = f"backward() needs a number: {name}.sum() or .mean(), or gradient= of shape {list(t.shape)}"
    answer.details.append(f"its graph keeps {count} tensors alive, {_megabytes(size)}, until backward; with retain_graph=True until {name} goes")
    return answer


def _megabytes(n: int) -> str:
    return f"{n / 2**20:.1f} MB" if n >= 2**20 else f"{n / 1024:.1f} kB" if n >= 1024 else f"{n} bytes"


# ------------------------------------------------------------------------------------------------ not connected
def _unreached(t: Any, name: str, loss: Any, loss_name: str, recording: Recording | None, names: Names) -> Verdict:
    grad = "" if not t.is_leaf else ".grad"
    if not loss.requires_grad:
        inner = untracked(loss, loss_name, recording, names)
        return Verdict("cut", f"{name}{grad} is None: {inner.headline}", inner.cause, inner.where, inner.fix, inner.details, inner.unknown)
    start = f"{name}{grad} is None: not connected to {loss_name}"
    if loss.is_leaf:
        inner = leaf_root(loss, loss_name, recording, names)
        return Verdict("cut", f"{name}{grad} is None: {inner.headline}", inner.cause, inner.where, inner.fix, inner.details)
    if recording is None or recording.of_tensor(loss) is None:
        return Verdict(
            "unused",
            f"{start}.",
            "no path of tracked operations leads from it to there: it is unused, or the path was cut",
            "",
            "use it in the forward, or take it out of the optimizer",
            unknown=[RECORD],
        )
    onward = Onward(recording, t, loss)
    whole = Graph([loss])
    behind = [] if t.is_leaf else [leaf for leaf in Graph([t]).leaves() if whole.node_of(leaf) is not None]
    if behind:
        source = names.of(behind[0])
        return Verdict(
            "unused",
            f"{start}: it was computed from {source} at {_made_at(t, recording)}, and {loss_name} was computed from {source} without it.",
            "an operation gives a new tensor: only what is computed from that one depends on it",
            onward.uses[-1].line if onward.uses else "",
            f"compute {loss_name} from {name}; or ask for the gradient of {source}, and take its part",
        )
    last = onward.last
    if last is None and not onward.cuts:
        twin = _twin(t, recording, names)
        return Verdict(
            "unused",
            f"{start}: no operation used it{twin}.",
            "what is not used has no gradient",
            "",
            "use it in the forward, or take it out of the optimizer; DistributedDataParallel: find_unused_parameters=True",
        )
    derived = next((c for c in recording.calls if c.name == "grad" and c.index in upstream(recording, loss) and any(s.tensor is t for s in c.inputs)), None)
    if derived is not None and not onward.cuts:
        return Verdict(
            "unused",
            f"{start}: {loss_name} is a derivative by {name}, made at {derived.where}, which does not depend on {name} itself.",
            f"what was differentiated is linear in {name}: its next derivative is 0",
            derived.line,
            "take 0 for it: autograd.grad(..., allow_unused=True, materialize_grads=True); or look for a smooth activation that is missing",
        )
    if onward.cuts or last is None:
        cut = onward.cuts[-1]
        inner = cut_verdict(name, [cut], names)
        return Verdict("cut", f"{start}: the way was {how_of(cut)}.", inner.cause, inner.where, inner.fix, inner.details)
    return Verdict(
        "unused",
        f"{start}: what was computed from it last, at {last.where}, is not part of {loss_name}.",
        "reachability ends there",
        last.line,
        f"let {loss_name} depend on it, or take it out",
    )


def _made_at(t: Any, recording: Recording) -> str:
    call = recording.of_node(t.grad_fn)
    return call.where if call is not None else "an unknown line"


def _twin(t: Any, recording: Recording, names: Names) -> str:
    """Another leaf of its shape that did get a gradient: what was perhaps used in its place."""
    for key, name in names.names.items():
        other = recording.seen.get(key)
        if other is not None and other.tensor is not None and other.tensor is not t and other.shape == tuple(t.shape) and other.tracked and name:
            if other.tensor.is_leaf and other.tensor.grad is not None:
                return f"; {name}, of the same shape, got a gradient: perhaps it was used instead"
    return ""


def _left_over(t: Any, name: str, loss_name: str, recording: Recording | None, names: Names) -> Verdict:
    answer = _as_it_is(t, name, t.grad, recording)
    answer.details.append(f"{loss_name} does not depend on it: this gradient is from another backward")
    return answer


# ------------------------------------------------------------------------------------------------ connected
def _reached(t: Any, name: str, loss: Any, graph: Graph, place: Any, recording: Recording | None, names: Names) -> Verdict:
    flows = flows_of(graph, recording)
    sight = Sight(graph, flows, recording, names)
    node, nr = place
    through = flows.at(node, nr)
    loss_name = names.of(loss, "the loss")
    if through is None and flows.failed:
        return _failed(t, name, sight, recording)
    held = t.grad if t.is_leaf or getattr(t, "retains_grad", False) else None
    title = f"{name}.grad" if held is not None or t.is_leaf else f"the gradient of {name}"
    about = held if held is not None else through
    if about is None:
        return _sent_nothing(sight, node, title, loss_name)
    s = Stat.of(about) if not isinstance(about, Stat) else about
    if not t.is_leaf:
        return _intermediate(t, name, through, loss_name, sight, node, held)
    if held is None:
        return _none_but_connected(t, name, through, loss_name, sight, node)
    parts = parts_of(t, recording)
    # the answer is about what is held; if that differs from this loss's share, other backwards or the user had a part in it
    if not s.finite:
        part = next((p.leaves[id(t)] for p in reversed(parts)), None)
        if recording is not None and part is not None and all(Stat.all_finite(p.leaves[id(t)]) for p in parts):
            return nonfinite.spoilt(t, name, part, about, recording, names)
        return nonfinite.not_finite(sight, node, title, about)
    bad_loss = nonfinite.loss_is_not(sight, title, loss_name, about)
    if bad_loss is not None:
        return bad_loss
    if s.count and s.norm == 0:
        if through is not None and (sight.stat(through) or s).norm > 0 and not parts:
            return Verdict(
                "zero",
                f"{title} is 0, but backward from {loss_name} would send {values(through) if not isinstance(through, Stat) else through}: it was zeroed since.",
                fix=BETWEEN,
                value=about,
            )
        return zero(sight, node, title, about)
    extreme = gradients.size(sight, node, title, about)
    if extreme is not None:
        return extreme
    idle = not_stepped([(name, t)], name, recording) if type(t).__name__ == "Parameter" else None
    if recording is not None and len(parts) > 1 and idle is None:
        return accumulated(t, name, parts, about, recording)
    answer = _as_it_is(t, name, about, recording) if idle is None else idle
    for hint in hints(sight):
        answer.headline = f"{answer.headline.rstrip('.')}; but {hint.headline}"
        answer.kind, answer.cause, answer.where, answer.fix = hint.kind, hint.cause, hint.where, hint.fix
        break
    if not flows.failed and through is not None and not isinstance(through, Stat):
        n = len(graph.users.get(node, ()))
        answer.details.append(f"{n} contribution{'s' if n != 1 else ''} from {loss_name}; see.paths({loss_name}, wrt={name}) takes the gradient apart")
    return answer


def _sent_nothing(sight: Sight, target: Any, title: str, loss_name: str) -> Verdict:
    """The verdict on a connected tensor to which some node on the way sends None."""
    reach = sight.graph.reaching(target)
    edges = ((n, slot, below) for n in sight.graph.nodes if n in reach for slot, (below, _) in enumerate(sight.graph.edges[n]))
    found = next((n for n, slot, below in edges if below in reach and sight.flows.at(n) is not None and (n, slot) not in sight.flows.along), None)
    if found is None:
        return Verdict("zero", f"{title} is None: connected to {loss_name}, but every node on the way sends no gradient (None).")
    own = sight.short(found)
    return Verdict(
        "zero",
        f"{title} is None: connected to {loss_name}, but the backward of {own}{sight.place(found)} returned None for it.",
        "None stands for an input that has no gradient",
        sight.line(found),
        f"let {own}.backward return its gradient: see.check({own}.apply, x) compares it with finite differences",
    )


def _as_it_is(t: Any, name: str, grad: Any, recording: Recording | None) -> Verdict:
    s = Stat.of(grad)
    if not s.finite:
        began = nonfinite.began_in(recording, f"{name}.grad is {'NaN' if s.nans else 'infinite'}") if recording is not None else None
        if began is not None:
            return began
        return Verdict(
            "nonfinite",
            f"{name}.grad is {'NaN' if s.nans else 'infinite'}, {s.nans + s.infs} of {s.count} elements.",
            value=grad,
            unknown=["where it came from: run forward and backward inside see.record()"],
        )
    parts = parts_of(t, recording)
    if recording is not None and len(parts) > 1:
        return accumulated(t, name, parts, grad, recording)
    if s.count and s.norm == 0:
        return Verdict("zero", f"{name}.grad is 0.", value=grad, unknown=["why: give the loss, see.why(x, loss), or record the run"])
    return Verdict("fine", f"{name}.grad = {values(grad)}: an ordinary gradient.", value=grad)


def _none_but_connected(t: Any, name: str, through: Any, loss_name: str, sight: Sight, node: Any) -> Verdict:
    shown = values(through) if through is not None and not isinstance(through, Stat) else str(through)
    recording = sight.recording
    ran = recording is not None and any(id(t) in p.leaves for p in recording.passes)
    gone = cleared(t, recording)
    if gone is not None:
        brought, line, before_step = gone
        if not Stat.all_finite(brought):
            return nonfinite.not_finite(sight, node, f"what backward brought to {name}", brought)
        return Verdict(
            "none",
            f"{name}.grad is None: backward brought {brought if isinstance(brought, Stat) else values(brought)}, then zero_grad() or `grad = None` "
            f"took it away{' before the optimizer stepped, which had nothing to use' if before_step else ''}.",
            "zero_grad sets .grad to None",
            line,
            BETWEEN if before_step else "read it before zero_grad()",
            value=brought,
        )
    if ran:
        return Verdict(
            "none",
            f"{name}.grad is None: autograd.grad({loss_name}, …) returned {shown}, and does not store it.",
            "grad() returns gradients; backward() stores them",
            value=through,
        )
    return Verdict(
        "none",
        f"{name}.grad is None: connected to {loss_name}, but backward() has not run; it would bring {shown}.",
        "",
        "",
        f"{loss_name}.backward()",
        value=through,
    )


def _failed(t: Any, name: str, sight: Sight, recording: Recording | None) -> Verdict:
    node, error = next(iter(sight.flows.failed.items()))
    if is_freed(error):
        if t.is_leaf and t.grad is not None:
            return _as_it_is(t, name, t.grad, recording)
        if not t.is_leaf:
            return Verdict(
                "intermediate",
                f"{name} is an intermediate result (not a leaf): its gradient passed through and was not stored.",
                "only leaves keep .grad",
                sight.line(node),
                f"{name}.retain_grad() before backward",
                unknown=["its value: the graph has been freed by a backward; run forward and backward inside see.record(), or backward(retain_graph=True)"],
            )
        return Verdict(
            "none", f"{name}.grad is None, and the graph has been freed by a backward.", str(error).partition(".")[0], sight.line(node), unknown=[RECORD]
        )
    if is_modified(error):
        return raised.explain(error, recording, None, node=node, sight=sight)
    return Verdict(
        "error", f"the gradient of {name} cannot be computed: {called(node)}{sight.place(node)} fails: {str(error).splitlines()[0]}", where=sight.line(node)
    )


def _intermediate(t: Any, name: str, through: Any, loss_name: str, sight: Sight, node: Any, held: Any) -> Verdict:
    s = sight.stat(through)
    shown = "None" if through is None else str(s) if isinstance(through, Stat) else values(through)
    if s is not None and not s.finite:
        return nonfinite.not_finite(sight, node, f"the gradient of {name}", through)
    below = [n for n, _ in node.next_functions if n is not None]
    leaf = engines.variable(below[0]) if len(below) == 1 else None
    call = sight.call(node)
    source = sight.names.get(leaf) if leaf is not None else ""
    copied = called(node) in COPIES or call is not None and call.name in ("to", "cuda", "cpu", "double", "float", "half", "clone")
    if leaf is not None and held is None and (copied or not source):
        how = f".{call.name}()" if call is not None and copied else called(node)
        stored = f": the gradient is in {source + '.grad' if source else 'its .grad'} = {'None' if leaf.grad is None else values(leaf.grad)}" if copied else ""
        return Verdict(
            "copy",
            f"{name} is {'a copy' if copied else 'a result'} of {f'the leaf {source}' if source else 'a leaf that has no name'}, made by {how}"
            f"{sight.place(node)}, and no leaf itself{stored or ': gradient ' + shown + ' passed through, and is not stored'}.",
            "an operation on a leaf gives a result, and only leaves keep .grad; an optimizer takes leaves only",
            sight.line(node),
            f"make it the leaf: {name} = {name}.detach().requires_grad_(), before it is used" + (f"; or read {source}.grad" if source else ""),
            [f"the gradient at {name} itself: {shown}"] if copied else [],
            value=through,
        )
    if held is not None:
        answer = Verdict("retained", f"{name}.grad = {shown}: kept by retain_grad() on an intermediate result.", where=sight.line(node), value=through)
    else:
        kind = "passed through" if sight.flows.source == "backward" else "would pass through"
        answer = Verdict(
            "intermediate",
            f"{name} is an intermediate result (not a leaf): gradient {shown} {kind}, and is not stored.",
            "backward stores gradients in leaves only",
            sight.line(node),
            update_fix(sight.line(node)) or f"{name}.retain_grad() before backward keeps it",
            value=through,
        )
    if leaf is not None:
        answer.details.append(f"it was computed from the leaf {sight.names.of(leaf)} by {called(node)}")
    if s is not None and s.count and s.norm == 0:
        inner = zero(sight, node, f"the gradient of {name}", through)
        answer.details.append(inner.headline)
    elif s is not None and s.count:
        inner2 = gradients.size(sight, node, f"the gradient of {name}", through)
        if inner2 is not None:
            answer.details.append(inner2.headline)
    return answer
