"""Where a gradient is cut: from a tensor back to the call that let go of it, and from a leaf on to where its trace ends."""

from __future__ import annotations

from collections import deque
from typing import Any

from . import engines
from .calls import FACTORIES, FLAGS, LOOKS, Call, Seen
from .record import Recording

ARRAYS = frozenset("numpy tolist __array__ array_ufunc".split())


class Back:
    """The way back from a tensor that no gradient reaches: the nearest calls that cut, and where the untracked rest comes from."""

    def __init__(self, recording: Recording, start: Seen):
        self.cuts: list[Call] = []
        self.sources: list[Seen] = []
        self.looks: list[Call] = []
        done: set[int] = set()
        queue = deque([start])
        while queue:
            seen = queue.popleft()
            call = seen.call
            if call is None or not call.inputs:
                if call is not None and call.index in done:
                    continue
                done |= {call.index} if call is not None else set()
                shared, look = before(recording, seen)
                if shared is not None:
                    queue.append(shared)
                else:
                    self.sources.append(seen)
                    self.looks += [look] if look is not None else []
            elif call.index not in done:
                done.add(call.index)
                if call.cuts or not seen.tracked and any(r is seen for r in call.results) and call.ends([seen]):
                    self.cuts.append(call)
                else:
                    queue.extend(call.inputs)


def before(recording: Recording, seen: Seen) -> tuple[Seen | None, Call | None]:
    """What a tensor without inputs was made of, outside of any graph: the tensor whose array it is, or the call that gave the number or array."""
    call = seen.call
    if call is None or call.name not in FACTORIES or call.name == "from_numpy":
        shared = _array_of(recording, seen)
        if shared is not None:
            return shared, None
    if call is None and seen.tensor is not None and engines.borrows(seen.tensor):  # PyTorch's from_numpy is seen by nobody
        call = next((c for c in recording.calls if any(s is seen for s in c.inputs)), None)
        return None, look_before(recording, call.index, ARRAYS) if call is not None else None
    return None, look_before(recording, call.index) if call is not None and call.name in FACTORIES else None


def _array_of(recording: Recording, seen: Seen) -> Seen | None:
    """The tensor whose memory this one has: it was taken out as an array, and came back."""
    if seen.tensor is None:
        return None
    mine = None
    for call in recording.calls:
        if call.name == "numpy" and call.inputs and call.inputs[0].tensor is not None and call.inputs[0].tensor is not seen.tensor:
            mine = mine or engines.memory(seen.tensor)
            if mine[0] < mine[1] and engines.memory(call.inputs[0].tensor) == mine:
                return call.inputs[0]
    return None


def look_before(recording: Recording, index: int, names: frozenset[str] = LOOKS) -> Call | None:
    """The last time before a call that a tracked value left the graph as a number or an array."""
    looks = [c for c in recording.calls if c.index < index and c.name in names and c.inputs][-20:]
    for look in reversed(looks):
        if look.cuts:
            return look
        cuts = Back(recording, look.inputs[0]).cuts
        if cuts:
            return cuts[0]
    return None


def upstream(recording: Recording, tensor: Any) -> set[int]:
    """The numbers of the calls that a tensor was computed by."""
    seen = recording.of_tensor(tensor)
    found: set[int] = set()
    stack = [seen] if seen is not None else []
    while stack:
        seen = stack.pop()
        call = seen.call
        if call is not None and call.index in found:
            continue
        found |= {call.index} if call is not None else set()
        if call is not None and call.inputs:
            stack += call.inputs
        else:
            shared, look = before(recording, seen)
            stack += [shared] if shared is not None else look.inputs[:1] if look is not None else []
            found |= {look.index} if look is not None else set()
    return found


ARITHMETIC = frozenset("add sub mul div pow full clamp where".split())


class Onward:
    """What became of a tensor: the calls that used it, the last that kept its trace, and those that cut it off from what the loss was computed from."""

    def __init__(self, recording: Recording, tensor: Any, loss: Any):
        self.uses: list[Call] = []
        self.last: Call | None = None
        cuts: list[Call] = []
        made: set[int] = set()
        for call in recording.calls:
            hit = [s for s in call.inputs if s.tensor is tensor or s.call is not None and s.tracked and s.call.index in made]
            if not hit or call.name in FLAGS or call.name in ("backward", "step") or call.writes and call.inputs[0].tensor is tensor:
                continue  # a write into it is an initialisation or an update
            if any(s.tensor is tensor for s in hit):
                self.uses.append(call)
            if call.cuts or any(not r.tracked for r in call.results):
                cuts.append(call)
            if not call.cuts and any(r.tracked for r in call.results):
                made.add(call.index)
                self.last = call
        wanted = upstream(recording, loss)
        users = [c for c in recording.calls if c.index in wanted]
        lost = {s.call.index for c in users for s in c.inputs if s.call is not None and (s.call.cuts or not s.tracked)}
        self.cuts = [
            c for c in cuts if c.index in lost or c.cuts and c.index in wanted or c.name in LOOKS and any(_took(u, c) for u in users)
        ]  # fmt: skip


def _took(call: Call, look: Call) -> bool:
    """Whether a call took the number that an earlier one read: `other * w.item()`."""
    value = look.inputs[0].value() if call.index > look.index and call.name in ARITHMETIC else None
    return value is not None and value.numel() == 1 and any(type(a) in (int, float) and a == engines.array(value).item() for a in call.args)
