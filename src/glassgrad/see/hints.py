"""What is probably not meant, though backward runs: probabilities where logits belong, (n, 1) against (n,), what else a loss takes wrongly."""

from __future__ import annotations

from typing import Any

from . import engines
from .calls import FLAGS, Call
from .gradients import Sight
from .knowledge import called
from .stat import Stat
from .trail import upstream
from .verdict import Verdict

SHAPES = frozenset("view reshape transpose permute squeeze unsqueeze clone t select slice".split())
DOUBLE = {  # a node that begins with logits: what would make probabilities of them before it, and the loss that people call
    "log_softmax": ({"softmax", "log_softmax", "sigmoid"}, "cross_entropy", "log_softmax"),
    "binary_cross_entropy_with_logits": ({"sigmoid", "softmax"}, "binary_cross_entropy_with_logits", "sigmoid"),
}
LOSSES = frozenset("mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits sub".split())


def hints(sight: Sight) -> list[Verdict]:
    """The findings about a graph and the calls that made it."""
    found = [
        Verdict("softmax", said, where=sight.line(node), fix="leave the first one out") for node in sight.graph.nodes if (said := softmax_before(sight, node))
    ]
    recording = sight.recording
    wanted = upstream(recording, sight.graph.roots[0]) if recording is not None else set()
    for call in recording.calls if recording is not None else ():
        if call.index in wanted:
            found += [v for rule in (_broadcast, _no_logarithms, _saturated) if (v := rule(call)) is not None]
    return found + _past_the_version(sight, wanted)


def _past_the_version(sight: Sight, wanted: set[int]) -> list[Verdict]:
    """Writes through .data or detach() between the forward and the backward: no version tells of them, and backward computes with the new values."""
    recording, start = sight.recording, sight.graph.starts[0]
    place = recording.place_of(start[0]) if recording is not None and start is not None else None
    for call in recording.calls if recording is not None and place is not None else ():
        by = call.inputs[0].call if call.writes and call.inputs else None
        if by is None or by.name not in ("data", "detach") or not by.inputs:
            continue
        t = by.inputs[0].tensor
        tracked = [c for c in recording.calls if c.index in wanted and not c.writes and any(r.tracked for r in c.results)]  # type: ignore[union-attr]
        uses = [c for c in tracked if c.name not in FLAGS and any(s.tensor is t for s in c.inputs)]
        used = uses[0] if uses and uses[0].index < call.index else None
        if t is not None and used is not None and any(place in now.flows and now.after > call.index for now in recording.passes):  # type: ignore[union-attr]
            return [
                Verdict(
                    "in place",
                    f"{sight.names.of(t)} was overwritten through .{by.name} at {call.where}, after {used.name} at {used.where} had used it and before "
                    "backward, which computed with the new values.",
                    f"a write past .{by.name} is not noticed: the gradient belongs to neither the old values nor the new",
                    call.line,
                    "write after backward, and under no_grad() without .data: then backward refuses what has been overwritten",
                )
            ]
    return []


def softmax_before(sight: Sight, node: Any) -> str:
    """The sentence about a softmax (or log_softmax, sigmoid) whose result goes into a loss that takes its own."""
    before, loss, own = DOUBLE.get(called(node), (set(), "", ""))
    node = node.next_functions[0][0] if before else None
    while node is not None and called(node) in SHAPES:
        node = node.next_functions[0][0]
    if node is None or called(node) not in before:
        return ""
    return (
        f"{called(node)}{sight.place(node)} goes into {loss}, which takes logits and does its own {own}: "
        "probabilities of probabilities, whose gradients are small. Leave the first one out."
    )


def _broadcast(call: Call) -> Verdict | None:
    """(n, 1) against (n,) in a loss, which broadcasts to (n, n)."""
    shapes = [s.shape for s in call.inputs[:2]]
    if call.name not in LOSSES or len(shapes) != 2:
        return None
    a, b = sorted(shapes, key=len)
    if not (len(a) == 1 and len(b) == 2 and b[1] == 1 and a[0] == b[0] and a[0] > 1):
        return None
    column = next(s for s in call.inputs[:2] if len(s.shape) == 2)
    if column.call is not None and column.call.inputs and len(column.call.inputs[0].shape) == 1:
        return None  # x[:, None] - x: all pairs are meant
    return Verdict(
        "broadcast",
        f"{call.name} at {call.where} compares {list(shapes[0])} with {list(shapes[1])}: that makes {a[0]} × {a[0]} differences instead of {a[0]}.",
        "broadcasting pairs every prediction with every target",
        call.line,
        "squeeze(-1) the predictions, or unsqueeze(-1) the targets",
    )


def _no_logarithms(call: Call) -> Verdict | None:
    """kl_div and nll_loss of values that are no log-probabilities: some are above 0."""
    s = call.inputs[0].summary() if call.name in ("kl_div", "nll_loss") and call.inputs else None
    if s is None or not s.high > 1e-6:
        return None
    return Verdict(
        "logarithms",
        f"{call.name} at {call.where} takes log-probabilities, which are never above 0, and was given values from {s.low:.3g} to {s.high:.3g}.",
        "the loss is then no distance, and can fall below 0",
        call.line,
        "log_softmax of the logits, not softmax" + ("; or cross_entropy of the logits themselves" if call.name == "nll_loss" else ""),
    )


def _saturated(call: Call) -> Verdict | None:
    """binary_cross_entropy of a sigmoid that is exactly 0 or 1: no gradient comes through there."""
    before = call.inputs[0].call if call.name == "binary_cross_entropy" and call.inputs else None
    value = call.inputs[0].value() if before is not None and before.name == "sigmoid" else None
    if value is None:
        return None
    a = engines.array(value)
    n = int(((a == 0) | (a == 1)).sum())
    if not n:
        return None
    return Verdict(
        "saturated",
        f"sigmoid at {call.inputs[0].call.where} is exactly 0 or 1 for {n} of {Stat.of(a).count}: no gradient comes through there, however wrong it is.",  # type: ignore[union-attr]
        "in float32 sigmoid(x) is 1 from 17 on, and its derivative 0",
        call.line,
        "binary_cross_entropy_with_logits of what goes into the sigmoid",
    )
