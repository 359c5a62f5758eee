"""What is drawn of a graph, apart from how: cells, links and steps, as plain data that every drawing reads.

A cell is a tensor together with the node that made it. In the lane of values it is the tensor's box; in the lane of gradients
its node's box, where the gradients of all its uses are added. A link is one input of one operation: the value goes forward
along it, the gradient times the local derivative comes back.
"""

from __future__ import annotations

import dataclasses
from typing import Any

STATES = ("flows", "zero", "none", "nonfinite", "pending")


@dataclasses.dataclass
class Flow:
    """The gradient at a place: `state` is one of STATES; pending where backward has not run, so that nothing is known."""

    state: str = "pending"
    text: str = ""  # the numbers, or a summary of many: "-0.25", "(64, 10): norm 3.1e-3, from -2e-4 to 5e-4"
    sign: float = 0.0  # from -1 (every element negative) to 1
    norm: float | None = None


@dataclasses.dataclass
class Cell:
    """A tensor and its node."""

    key: str  # unique, the same each time the same graph is drawn
    kind: str  # "leaf", "result", "constant" (no gradient goes here), or "ghost" (a tensor behind a cut)
    name: str = ""  # as the user's code calls it: "w", "model.0.weight"; empty if nobody does
    group: str = ""  # the module that made it, "net.0"; groups nest by their dots
    op: str = ""  # what made it, as short as it is known: "mul", "relu"
    node: str = ""  # "MulBackward0"; "AccumulateGrad" for a leaf
    rows: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # of the tensor: shape, value, is_leaf, requires_grad, grad
    saved: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # of the node: saved tensors with their versions
    formula: str = ""  # "result = self · other"
    line: str = ""  # "train.py:12: y = w * x"
    forward: str = ""  # the arithmetic, with the numbers: "2 · 3 = 6"
    backward: list[str] = dataclasses.field(default_factory=list)  # the same for the gradient: the sum that meets here
    gradient: Flow = dataclasses.field(default_factory=Flow)
    alarm: str = ""  # what is wrong here, in a sentence


@dataclasses.dataclass
class Link:
    """One input of one operation."""

    source: str  # the key of the input
    target: str  # the key of the result
    slot: int = 0  # which input: x·x has two links from x
    name: str = ""  # what the operation calls this input: "self", "other"
    local: str = ""  # the local derivative, as a formula: "other"
    number: str = ""  # and with the numbers in it: "3"
    gradient: Flow = dataclasses.field(default_factory=Flow)  # what comes back along it
    arithmetic: str = ""  # "2 · 3 = 6": incoming gradient times local derivative
    cut: str = ""  # what ends the gradient here: "detach()", "no_grad", "argmax"


@dataclasses.dataclass
class Step:
    """The smallest thing that happens: one operation forward, or one node backward."""

    phase: str  # "forward" or "backward"
    cell: str
    links: list[int] = dataclasses.field(default_factory=list)  # by their index in the picture
    text: str = ""


@dataclasses.dataclass
class Picture:
    """A graph to be drawn. Cells stand in the order in which they were computed."""

    title: str
    cells: list[Cell]
    links: list[Link]
    steps: list[Step]
    notes: list[str] = dataclasses.field(default_factory=list)  # what could not be seen

    def data(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return dataclasses.asdict(self)
