"""What became of gradients between the backward calls: added up, taken away too early, used by no optimizer."""

from __future__ import annotations

from typing import Any

from . import engines
from .calls import Call, Pass, said
from .cuts import update_fix
from .record import Recording
from .stat import Stat, values
from .verdict import Verdict

BETWEEN = "zero_grad() belongs before backward(), not between backward() and step()"


def parts_of(t: Any, recording: Recording | None) -> list[Pass]:
    """The backwards that brought a part of a gradient since it was last None or zeroed."""
    if recording is None:
        return []
    cleared = max((n for kind, seen, _, n in recording.sets if kind == "grad=" and seen.tensor is t), default=-1)
    for call in recording.calls:
        if call.name == "zero_" and call.inputs and t.grad is not None and call.inputs[0].tensor is t.grad:
            cleared = max(cleared, call.index)
    return [p for p in recording.passes if id(t) in p.leaves and p.after > cleared]


def cleared(t: Any, recording: Recording | None) -> tuple[Any, str, bool] | None:
    """What the last backward brought to a leaf before it was taken away, the line that did, and whether an optimizer stepped only after that."""
    last = next((p for p in reversed(recording.passes) if id(t) in p.leaves), None) if recording is not None else None
    if recording is None or last is None or t.grad is not None:
        return None
    places = [(place, n) for kind, seen, place, n in recording.sets if kind == "grad=" and seen.tensor is t and n >= last.after]
    if not places:
        return None
    steps = [c.index for c in recording.calls if c.name == "step" and c.index >= last.after]
    return last.leaves[id(t)], said(places[0][0]), bool(steps) and min(steps) >= places[0][1]


def steps_between(parts: list[Pass], recording: Recording) -> list[Call]:
    """The optimizer's steps between the first and the last of several backwards."""
    return [c for c in recording.calls if c.name == "step" and parts[0].after <= c.index < parts[-1].after] if len(parts) > 1 else []


def accumulated(t: Any, name: str, parts: list[Pass], grad: Any, recording: Recording) -> Verdict:
    """The verdict on a gradient that several backwards added up."""
    rows = [f"backward {p.number + 1} ({p.where}): {values(p.leaves[id(t)]) if not isinstance(p.leaves[id(t)], Stat) else p.leaves[id(t)]}" for p in parts]
    stepped = steps_between(parts, recording)
    answer = Verdict(
        "accumulated",
        f"{name}.grad is the sum of {len(parts)} backward calls: {values(grad)}{', and the optimizer stepped in between' if stepped else ''}.",
        "backward adds to .grad; nothing set it back between them",
        parts[-1].line,
        "optimizer.zero_grad() before each backward" + ("" if stepped else ", unless accumulating is meant"),
        rows[-12:],
        value=grad,
    )
    held = [p.leaves[id(t)] for p in parts]
    if not any(isinstance(h, Stat) for h in held):
        rest = engines.array(grad) - sum(engines.array(h) for h in held)
        off = Stat.of(rest)
        if off.norm > 1e-4 * max(Stat.of(grad).norm, 1e-12):
            answer.details.append(f"and something else changed it by {values(rest)}: clipping, or code that wrote to .grad")
        else:
            answer.details.append("the parts add up to .grad")
    return answer


def not_stepped(named: list[tuple[str, Any]], what: str, recording: Recording | None) -> Verdict | None:
    """The verdict on parameters that get gradients and do not change: no optimizer that stepped has them, or nothing ever writes into them."""
    got = [(n, p) for n, p in named if recording is not None and any(id(p) in now.leaves for now in recording.passes)]
    if recording is None or not got:
        return None
    step = next((c for c in reversed(recording.calls) if c.name == "step"), None)
    if step is not None:
        lost = [n for n, p in got if id(p) not in recording.stepped]
        return None if not lost else Verdict(
            "not stepped",
            f"{', '.join(lost[:4])}{' …' if len(lost) > 4 else ''} {'get gradients' if len(lost) > 1 else 'gets a gradient'}, and no optimizer that "
            f"stepped has {'them' if len(lost) > 1 else 'it'}: {'they do' if len(lost) > 1 else 'it does'} not change.",
            "an optimizer changes the tensors that it was given, not those that took their names later",
            step.line,
            f"make the optimizer after the last change of {what}, with all that is to learn (a parameter made in forward is new each time); "
            "what is not to learn, a target or a teacher, computes under no_grad()",
        )  # fmt: skip
    passes = [now for now in recording.passes if any(id(p) in now.leaves for _, p in got)]  # a line that ran twice is a loop
    if len({now.place for now in passes}) == len(passes) or _written(got, passes[0], recording):
        return None
    meant = next((c for c in recording.calls if update_fix(c.line)), None)
    return Verdict(
        "not stepped" if meant is not None else "fine",
        f"nothing has changed {'a parameter of ' + what if len(named) > 1 else what} between {len(passes)} backward calls: no step(), and no write into one.",
        "p = … binds the name p to a new tensor, and leaves the parameter as it was" if meant is not None else "",
        meant.line if meant is not None else "",
        update_fix(meant.line) if meant is not None else "optimizer.step() after backward, if they are to learn",
    )


def _written(got: list[tuple[str, Any]], first: Pass, recording: Recording) -> bool:
    """Whether something wrote into the memory of a parameter, be it through .data or a view."""
    writes = [c.inputs[0].tensor for c in recording.calls if c.writes and c.index >= first.after and c.inputs and c.inputs[0].tensor is not None]
    if not writes:
        return False
    spans = [engines.memory(w) for w in writes[-1000:]]
    return any(low < b and a < high for low, high in (engines.memory(p) for _, p in got) for a, b in spans)
