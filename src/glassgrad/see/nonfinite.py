"""Why a gradient is not finite: the node or the forward value where it began."""

from __future__ import annotations

import math
from typing import Any

from . import engines
from .calls import HOOKS, Call, Pass, Seen, said
from .cuts import RECORD
from .gradients import HOOK, Sight, hooked, local_number
from .graph import Graph, recorded, saved
from .knowledge import called, forward_advice, is_elementwise, parameter, safe
from .names import Names
from .record import Recording
from .stat import Stat, at, number, values
from .trail import upstream
from .verdict import Verdict


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


def bad_forward(recording: Recording | None, wanted: set[int] | None = None) -> Call | None:
    """The first recorded call that made, of finite inputs, something that is not. A mask of -∞ is meant, and so is what still is -∞ after it."""
    if recording is None:
        return None
    meant: set[int] = set()

    def sound(seen: Seen) -> bool:
        s = seen.summary()
        source = seen.call is None or not seen.call.inputs
        return s is None or s.finite or id(seen) in meant or source and not s.nans and s.low == s.low and _only_minus(seen)

    for call in recording.calls:
        if not call.inputs or wanted is not None and call.index not in wanted or call.writes and call.name in ("fill_", "copy_"):
            continue
        for result in call.results:
            if not engines.is_differentiable(result.dtype):
                continue
            s = result.summary()
            others = [x for x in call.inputs if x is not result]
            if s is None or s.finite or not all(map(sound, others)):
                continue
            given = any(isinstance(a, float) and math.isinf(a) for a in (*call.args, *call.kwargs.values()))
            if s.nans or not given and all((i := x.summary()) is None or i.finite for x in others):
                return _overwritten(recording, call, result)
            meant.add(id(result))
    return None


def _overwritten(recording: Recording, call: Call, result: Seen) -> Call:
    """The call that wrote into the memory of a result afterwards and past its version, through .data; else the call itself."""
    low, high = engines.memory(result.tensor) if result.tensor is not None else (0, 0)
    for later in recording.calls:
        if later.index > call.index and later.writes and later.inputs and later.inputs[0].tensor is not None and later.inputs[0].tensor is not result.tensor:
            a, b = engines.memory(later.inputs[0].tensor)
            if a < high and low < b:
                return later
    return call


def _only_minus(seen: Seen) -> bool:
    value = seen.value()
    return value is not None and not bool((engines.array(value) == math.inf).any())


def value_arithmetic(call: Call) -> str:
    """`log(0) = -∞ at [2]`: a forward operation at the element that is not finite."""
    result = next((r for r in call.results if (s := r.summary()) is not None and not s.finite), None)
    s = result.summary() if result is not None else None
    if s is None:
        return ""
    where = f" at {at(s.bad)}" if s.bad else ""
    n = math.prod(call.inputs[0].shape) // max(s.count, 1) if len(call.inputs) == 1 else 2
    if n < 2 and call.name in ("mean", "std", "var", "std_mean", "var_mean") and call.results:
        return f"{call.name} of {'1 value' if n else 'no elements'} = {number(s.first)}{where}"
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
    root, recording = sight.graph.roots[0], sight.recording
    loss = Stat.of(root)
    answer = Verdict("nonfinite", f"{title} is {what}.", value=value)
    if s is not None and s.count > 1:
        answer.details.append(f"{s.nans + s.infs} of {s.count} elements are not finite, the first at {at(s.bad)}")
    forward = bad_forward(recording, upstream(recording, root) or None) if recording is not None else None
    back = first_bad(sight, target)
    hook = next((h for n in sight.graph.nodes if _spoilt(sight, n) and (h := hooked(sight, n, lambda s: s.finite)) is not None), None)
    source = _bad_source(sight, back[0] if back is not None else None) if forward is None else None
    sums = arithmetic(sight, *back) if back is not None else ""
    if hook is not None and back is None:
        answer.headline, answer.where = f"{title} is {what}: {hook[0]} made it of a finite gradient.", hook[1]
        answer.cause, answer.fix = HOOK
    elif source is not None:
        answer.headline, answer.where = f"{title} is {what}: {source[0]}.", source[1]
        answer.cause = "what is computed from it is not finite either" + (
            "; a mask or a factor of 0 afterwards is too late: 0 × NaN is NaN" if loss.finite else ""
        )
        answer.fix = "select before the loss, loss(x[mask], y[mask]); or drop or repair such values before training: torch.isfinite(x).all(), torch.nan_to_num"
    elif back is not None and (loss.finite and (sums or forward is None) or forward is None):
        node, slot = back
        answer.headline = f"{title} is {what}: {sight.title(node)}{sight.place(node)}: {sums or _which_saved(node, slot)}."
        answer.where, answer.fix = sight.line(node), _safe(node, sight, forward)
        answer.cause = _story(sight, node, sums)
        if forward is not None and forward is not sight.call(node):
            answer.details.append(f"forward, {value_arithmetic(forward)} ({forward.where})")
    elif forward is not None:
        answer = _of_forward(f"{title} is {what} because the forward is: ", forward, answer)
        if not loss.finite:
            answer.cause = answer.cause or "a loss that is not finite has no finite gradient"
        elif back is not None:
            answer.cause = answer.cause or f"the loss is finite, but on the way back {sight.title(back[0])}{sight.place(back[0])} computes with it"
        if when and "outgrew" in answer.cause:
            answer.fix = "the numbers grew from step to step: lower the learning rate, clip gradients (nn.utils.clip_grad_norm_), normalise the inputs"
    elif not loss.finite:
        answer.cause = f"the loss itself is {number(loss.first)}, so every gradient is"
        answer.headline = f"{title} is {what}: {answer.cause}."
    if not answer.where and recording is None:
        answer.unknown.append("where it began; " + RECORD)
    return answer


def _of_forward(start: str, forward: Call, answer: Verdict) -> Verdict:
    """Headline, line and fix of a forward value that is not finite."""
    answer.headline = f"{start}{value_arithmetic(forward)}{' at ' + forward.where if forward.where else ''}."
    answer.where = forward.line
    answer.cause, answer.fix = forward_advice(forward)
    return answer


def loss_is_not(sight: Sight, title: str, loss_name: str, value: Any) -> Verdict | None:
    """The verdict on a loss that is not finite although a gradient is; None if the loss is finite."""
    s, loss = sight.stat(value), Stat.of(sight.graph.roots[0])
    if loss.finite or s is None:
        return None
    forward = bad_forward(sight.recording, upstream(sight.recording, sight.graph.roots[0]) or None) if sight.recording is not None else None
    start = f"{loss_name} is {number(loss.first)}, though {title} is {'0' if s.norm == 0 else 'finite'}"
    answer = Verdict("nonfinite", f"{start}.", value=value)
    source = _bad_source(sight, None) if forward is None else None
    if source is not None:
        answer.headline, answer.where = f"{start}: {source[0]}.", source[1]
    return answer if forward is None else _of_forward(f"{start}: ", forward, answer)


def spoilt(t: Any, name: str, part: Any, held: Any, recording: Recording, names: Names) -> Verdict:
    """The verdict on a gradient that was finite when backward brought it, and is not any more: clipping, or code that wrote to it."""
    s = Stat.of(held)
    what, brought = "NaN" if s.nans else "infinite", part if isinstance(part, Stat) else values(part)
    clip = next((c for c in reversed(recording.calls) if c.name.startswith("clip_grad")), None)
    if clip is None:
        hook = next((place for kind, seen, place, _ in recording.sets if kind in HOOKS and seen.tensor is t), None)
        who = f"a hook of {name}" if hook else "other code"
        return Verdict(
            "nonfinite", f"{name}.grad is {what}, though backward brought {brought}: {who} changed it since.", where=said(hook) if hook else "", value=held
        )
    bad = [k for k, g in recording.passes[-1].leaves.items() if not Stat.all_finite(g)]
    culprit = ", ".join(dict.fromkeys(names.names.get(k, "another parameter") for k in bad[:4]))
    return Verdict(
        "nonfinite",
        f"{name}.grad is {what}, though backward brought {brought}: {clip.name} at {clip.where} divided it by a norm that is not finite"
        f"{', because of ' + culprit + '.grad' if culprit else ''}.",
        "the norm is that of all parameters together: one that is not finite spoils them all",
        clip.line,
        f"mend {culprit or 'that one'} first; clip_grad_norm_(…, error_if_nonfinite=True) raises instead of spreading it",
        value=held,
    )


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
                    fix=safe(call.name),
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
        product = "0 × NaN is NaN" if "local NaN" in sums else "0 × ∞ is NaN"
        masked = any(
            called(u) in ("where", "masked_fill", "mul", "index", "masked_select", "index_put", "gather", "select") for u, _ in sight.graph.users.get(node, ())
        )
        if masked:
            return (
                f"the element was masked out, so 0 arrives; {name}'s own derivative there is not finite, and {product}: "
                "a mask on the output does not protect the input"
            )
        return f"0 arrives at {name}, whose own derivative there is not finite: {product}"
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
    name = called(node) if forward is None else forward.name
    if any(called(u) in ("where", "masked_fill") for u, _ in sight.graph.users.get(node, ())):
        return f"mask the input, not the output: x = torch.where(mask, x, 1.0) before {name}; {safe(name)}"
    return safe(name)


def _spoilt(sight: Sight, node: Any) -> bool:
    """Whether what arrived at a node is not finite."""
    return any(s is not None and not s.finite for s in map(sight.stat, sight.flows.arriving.get(node, ())))


def _bad_source(sight: Sight, node: Any) -> tuple[str, str] | None:
    """What came into the program as it is, and is not finite: of a node, or of all that the loss was computed from; with its line."""
    for leaf in sight.graph.leaves() if sight.recording is None else ():
        s = Stat.of(leaf)
        if not s.finite:
            return f"{sight.names.of(leaf)} itself holds {'NaN' if s.nans else 'infinite values'} at {at(s.bad) or 'its only element'}", ""
    if sight.recording is None:
        return None
    wanted = upstream(sight.recording, sight.graph.roots[0])
    made = sight.call(node) if node is not None else None
    if made is not None and all(x.finite for x in map(Seen.summary, made.inputs) if x is not None):
        return None
    for call in sight.recording.calls:
        floating = any(engines.is_differentiable(r.dtype) for r in call.results)  # not the mask that isnan gave
        for seen in call.inputs if call.index in wanted and floating else ():
            s2 = seen.summary()
            if s2 is not None and not s2.finite and (seen.call is None or not seen.call.inputs or seen.call.writes):
                who = sight.names.of(seen.tensor, "an input") if seen.tensor is not None else "an input"
                return f"{who} of {call.name} at {call.where} holds {'NaN' if s2.nans else 'infinite values'} at {at(s2.bad)}", call.line
    return None
