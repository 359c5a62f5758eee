"""Why a tensor has no graph: where it was cut off, or that nothing it came from requires grad."""

from __future__ import annotations

import re
from typing import Any

from . import engines
from .calls import FACTORIES, LOOKS, Call, Seen, said
from .knowledge import surrogate
from .names import Names
from .record import Recording
from .trail import Back
from .verdict import Verdict

RECORD = "lines and cuts: run the forward inside `with see.record():`"
FIXES = {
    "detach()": "leave out detach() where the gradient is to go through",
    ".data": "leave out .data: it is detach() without the safety; for an update use no_grad()",
    "no_grad()": "compute it outside no_grad(), and look for a set_grad_enabled(False) that was left on",
    "inference_mode()": "compute it outside inference_mode()",
    "reentrant checkpoint": "checkpoint(..., use_reentrant=False), or give it an input that requires grad",
    "autograd.grad() without create_graph=True": "autograd.grad(..., create_graph=True), where a gradient is to be differentiated again",
    "tensor()": "torch.stack([a, b]) of numbers, torch.cat of vectors, or the tensor itself: they keep the graph, torch.tensor copies the numbers",
}
CAUSES = {
    "reentrant checkpoint": "a reentrant checkpoint runs without a graph, and gets one only if one of its tensor inputs requires grad: here none does",
    "autograd.grad() without create_graph=True": "the gradient that grad() returns has a graph of its own only if it is asked for",
    "tensor()": "a tensor made of numbers is a new leaf, whatever the numbers came from",
}
ITSELF = "compute with the tensor itself: torch.tanh(h) for numpy.tanh(h), torch.exp(x) for math.exp(x)"
STATE = "state_dict() gives detached copies: dict(model.named_parameters()) gives the parameters themselves"
UPDATE = re.compile(r"([\w.\[\]]+)\s*=\s*\1(?:\.detach\(\)|\.data)?\s*([-+])\s*(.*\b\1\.grad\b.*)$")  # w = w - lr * w.grad


def update_fix(line: str) -> str:
    """The update of a leaf that a line means, if it binds its name to a result: `w = w - lr * w.grad`."""
    m = UPDATE.match(re.sub(r"\s+#.*$", "", line.partition(": ")[2]))
    return "" if m is None else f"update in place, so that {m[1]} stays the leaf it is: with torch.no_grad(): {m[1]} {m[2]}= {m[3]}"


def untracked(t: Any, name: str, recording: Recording | None, names: Names) -> Verdict:
    """The verdict on a tensor that does not require grad."""
    seen = recording.of_tensor(t) if recording is not None else None
    call = seen.call if seen is not None else None
    if recording is not None and seen is not None and call is not None and (call.name not in FACTORIES or call.inputs or Back(recording, seen).looks):
        return of_seen(seen, name, recording, names)
    if t.is_leaf and type(t).__name__ == "Parameter":
        return Verdict(
            "frozen",
            f"{name}.grad is None: it is frozen (requires_grad is False).",
            "no gradient is computed for it",
            set_line(t, recording),
            f"{name}.requires_grad_(True) before the forward, if it is to learn",
        )
    kind = str(t.dtype).rpartition(".")[2]
    if not engines.is_differentiable(t.dtype):
        return Verdict(
            "cut",
            f"{name} cannot have a gradient: its dtype is {kind}.",
            "a derivative needs values that can move a little",
            "",
            "x.float(); what made the integers (argmax, a comparison, a cast) has no derivative",
        )
    return Verdict(
        "untracked",
        f"{name} has no gradient: it does not require grad and has no grad_fn.",
        "it is a leaf that was not made with requires_grad=True; or it was computed under no_grad(), by detach(), .data or .item(), "
        "or from leaves none of which requires grad",
        "",
        "make the leaf with requires_grad=True before computing with it",
        unknown=[RECORD] if seen is None else [],
    )


def of_seen(seen: Seen, name: str, recording: Recording, names: Names) -> Verdict:
    """The verdict on what was computed without a graph: the nearest cut, or what all of it came from."""
    back, line = Back(recording, seen), seen.call.line if seen.call is not None else ""
    if back.cuts:
        return cut_verdict(name, back.cuts, names)
    if back.looks:
        look = back.looks[-1]
        return Verdict(
            "cut",
            f"{name} has no gradient: its graph ends at {look.where}: {reason_of(look)}, and the value went on as a plain number or array.",
            "a number or an array has no graph; a tensor made of it is a new leaf",
            look.line,
            ITSELF,
        )
    leaves = [s for s in back.sources if s.tensor is not None]
    for s in leaves:
        if s.tensor.requires_grad and not s.tracked:
            who, late = names.of(s.tensor), set_line(s.tensor, recording)
            return Verdict(
                "cut",
                f"{name} has no gradient: it was computed from {who} before {who} was told to require grad{' at ' + late.partition(': ')[0] if late else ''}.",
                "operations are tracked only from the moment on at which a leaf requires grad",
                late or line,
                f"make {who} with requires_grad=True, before anything is computed from it",
            )
        owner = next((o.tensor for o in recording.seen.values() if o.leaf and o.tracked and o.tensor is not None and o.tensor.grad is s.tensor), None)
        if owner is not None:
            return Verdict(
                "cut",
                f"{name} has no gradient: it was computed from {names.of(owner)}.grad, which backward made without a graph of its own.",
                "a gradient can be differentiated again only if it is asked for",
                line,
                "backward(create_graph=True), or better autograd.grad(loss, inputs, create_graph=True)",
            )
    stopped = [s for s in leaves if type(s.tensor).__name__ == "Parameter"]
    which = ", ".join(dict.fromkeys(names.of(s.tensor) for s in (stopped or leaves)[:6]))
    if stopped:
        places = [p for s in stopped if (p := set_line(s.tensor, recording))]
        return Verdict(
            "frozen",
            f"{name} has no gradient: every parameter it depends on is frozen ({which}).",
            "requires_grad is False on each",
            places[-1] if places else line,
            "p.requires_grad_(True) before the forward, on those that are to learn",
        )
    answer = Verdict(
        "cut",
        f"{name} has no gradient: nothing it was computed from requires grad ({which or 'constants only'}).",
        "operations are tracked only from a leaf with requires_grad=True on",
        line,
        "make the leaf with requires_grad=True before computing with it",
    )
    looks = [c for c in recording.calls if c.name in LOOKS and c.cuts]
    if looks:  # PyTorch's older constructors, FloatTensor([...]), are seen by nobody
        answer.details.append(f"a value had left its graph before, by {looks[-1].cuts}: {looks[-1].line}")
    return answer


def set_line(t: Any, recording: Recording | None) -> str:
    """The last line that set whether a tensor requires grad, if one did."""
    if recording is None:
        return ""
    places = [(n, place) for kind, seen, place, n in recording.sets if kind == "requires_grad=" and seen.tensor is t]
    places += [(c.index, c.place) for c in recording.calls if c.name == "requires_grad_" and c.inputs and c.inputs[0].tensor is t]
    return said(max(places, key=lambda p: p[0])[1]) if places else ""


def reason_of(cut: Call) -> str:
    """How a call cut: the whole of it, or by those of its results that have no gradient."""
    return cut.cuts or cut.ends([r for r in cut.results if not r.tracked])


def how_of(cut: Call) -> str:
    """`cut by detach() at train.py:12`"""
    reason, place = reason_of(cut), cut.where or "an unknown line"
    return f"cut at {place}: {reason}" if " gives " in reason or " has no " in reason else f"cut by {reason} at {place}"


def cut_verdict(name: str, cuts: list[Call], names: Names) -> Verdict:
    """The verdict on a tensor whose graph was cut."""
    cut = cuts[0]
    reason = reason_of(cut)
    tracked = next((s for s in cut.inputs if s.tracked), None)
    fix = update_fix(cut.line) or ("state_dict()" in cut.line and STATE) or FIXES.get(reason) or surrogate(cut.name)
    if not fix:
        fix = ITSELF if reason.startswith(".") or reason.endswith("()") else "use an operation that has a derivative"
    answer = Verdict("cut", f"{name} has no gradient: {how_of(cut)}.", CAUSES.get(reason, "what comes after is a constant for autograd"), cut.line, fix)
    if tracked is not None:
        leaf = names.of(tracked.tensor) if tracked.tensor is not None else "that it starts from"
        last = tracked.call.line if tracked.call is not None else f"the leaf {leaf}"
        answer.details.append(f"last tracked: {last}")
    answer.details.append(f"first untracked: {cut.line}")
    answer.details += dict.fromkeys(f"cut also by {reason_of(c)}: {c.line}" for c in cuts[1:4])
    return answer


# ------------------------------------------------------------------------------------------------ a leaf that was made of results
def maker(seen: Seen) -> Call | None:
    """The call that computed a tensor, before it was told to require grad."""
    call: Call | None = seen.call
    while call is not None and call.name in ("requires_grad_", "requires_grad"):
        call = call.inputs[0].call if call.inputs else None
    return call


def leaf_root(t: Any, name: str, recording: Recording | None, names: Names) -> Verdict:
    """The verdict on a leaf that a backward starts from: it reaches nothing but itself."""
    seen = recording.of_tensor(t) if recording is not None else None
    call = maker(seen) if seen is not None else None
    itself = f"backward reaches only {name} itself"
    if recording is None or seen is None or call is None:
        answer = Verdict("cut", f"{name} is a leaf, and was not computed from anything that requires grad: {itself}.")
        answer.unknown += [RECORD] if seen is None else []
        return answer
    start = next(iter(call.results), seen)
    back, inner = Back(recording, start), of_seen(start, name, recording, names)
    found = back.cuts[0] if back.cuts else back.looks[-1] if back.looks else None
    if found is not None and call.name in FACTORIES:
        inner.headline = f"{name} is a new leaf: {reason_of(found)} at {found.where} cut its graph, so {itself}."
    elif found is not None:
        inner.headline = f"{name} was told to require grad after {reason_of(found)} at {found.where} had cut its graph: {itself}."
    elif not call.inputs:
        return Verdict("cut", f"{name} is a leaf, made at {call.where}: {itself}.", "nothing was computed to get it", call.line)
    else:
        inner.headline = f"{name} was told to require grad after it was computed, and {itself}: {inner.headline.partition(': ')[2]}"
    inner.cause = "requires_grad = True does not bring back the graph; the parameters get no gradient"
    inner.fix = inner.fix if call.name in FACTORIES else f"remove requires_grad = True, and mend the cut: {inner.fix}"
    return inner
