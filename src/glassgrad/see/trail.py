"""Where a gradient is cut: from a tensor back to the call that let go of it, and from a leaf on to where its trace ends."""

from __future__ import annotations

from collections import deque
from typing import Any

from . import engines
from .calls import FACTORIES, LOOKS, Call, Seen
from .record import Recording


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
            if call is None or not call.inputs and (call.name not in FACTORIES or call.name == "from_numpy"):
                shared = _array_of(recording, seen)
                if shared is not None:
                    queue.append(shared)
                else:
                    self.sources.append(seen)
            elif call.index in done:
                continue
            elif call.name in FACTORIES and not call.inputs:
                done.add(call.index)
                self.sources.append(seen)
                look = _look_before(recording, call)
                if look is not None:
                    self.looks.append(look)
            else:
                done.add(call.index)
                if call.cuts:
                    self.cuts.append(call)
                else:
                    queue.extend(call.inputs)


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


def _look_before(recording: Recording, factory: Call) -> Call | None:
    """The last time before `factory` that a tracked value left the graph as a number or an array."""
    looks = [c for c in recording.calls if c.index < factory.index and c.name in LOOKS and c.inputs][-20:]
    for look in reversed(looks):
        if look.cuts:
            return look
        cuts = Back(recording, look.inputs[0]).cuts
        if cuts:
            return cuts[0]
    return None


class Onward:
    """What became of a tensor: the calls that used it or what was made of it, and those among them that cut."""

    def __init__(self, recording: Recording, tensor: Any):
        self.uses: list[Call] = []
        self.cuts: list[Call] = []
        self.last: Call | None = None
        mine: set[int] = set()
        for call in recording.calls:
            hit = [s for s in call.inputs if s.tensor is tensor or id(s) in mine or s.call is not None and ("call", s.call.index) in self._made]
            if not hit or call.name in ("backward", "grad=", "requires_grad=", "grad", "step") or call.writes and call.inputs[0].tensor is tensor:
                continue  # a write into it is an initialisation or an update
            if any(s.tensor is tensor for s in hit):
                self.uses.append(call)
            if call.cuts:
                self.cuts.append(call)
                continue
            tracked = [r for r in call.results if r.tracked]
            if tracked:
                self._made.add(("call", call.index))
                mine.update(id(r) for r in tracked)
                self.last = call

    @property
    def _made(self) -> set[Any]:
        if not hasattr(self, "_calls"):
            self._calls: set[Any] = set()
        return self._calls
