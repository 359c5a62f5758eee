"""From a tensor to a picture: what the boxes and arrows of its graph say."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import engines
from ..calls import LOOKS, Seen
from ..gradients import Sight, local_number
from ..graph import Flows, Graph, recorded, saved, walk
from ..hints import softmax_before
from ..knowledge import FUSED, INFIX, called, formula, is_elementwise, is_user_function, local, op_of, parameter
from ..names import Names
from ..nonfinite import arithmetic, first_bad
from ..record import Recording
from ..stat import Stat, at, number, values
from ..zero import dead
from .picture import Cell, Flow, Link, Picture, Step

LARGE = 400  # nodes from which on a picture says less of each


class Painter:
    """Draws one graph up: cells for its tensors, links for the inputs of its operations, steps for what happens."""

    def __init__(self, loss: Any, recording: Recording | None, names: Names, backward: bool | None):
        self.loss, self.recording, self.names = loss, recording, names
        self.graph = Graph([loss])
        self.large = len(self.graph.nodes) > LARGE
        self.notes: list[str] = []
        self.flows = self._flows(backward)
        self.sight = Sight(self.graph, self.flows, recording, names)
        self.cells: dict[Any, Cell] = {}
        self.links: list[Link] = []
        self.values: dict[str, Any] = {}  # by cell, what it holds, where that is known
        self.cells_of_seen: dict[Any, Cell] = {}  # constants and ghosts, by the recorded tensor
        self.incoming: dict[str, list[int]] = {}

    def _flows(self, backward: bool | None) -> Flows:
        found = recorded(self.graph, self.recording) if backward is not False else None
        if found is not None:
            self.notes.append("gradients: those of the last recorded backward")
            return found
        if backward is False:
            self.notes.append("backward has not run")
            return Flows(self.graph, "none")
        flows = walk(self.graph, recording=self.recording)
        if flows.failed:
            node, error = next(iter(flows.failed.items()))
            why = "freed by a backward" if "second time" in str(error) else str(error).partition("\n")[0][:90]
            self.notes.append(f"gradients below {called(node)} are not known ({why}); draw before backward, or inside see.record()")
        else:
            self.notes.append("gradients: what a backward from here brings")
        return flows

    # ---------------------------------------------------------------------------------------------- values
    def _value(self, node: Any) -> Any:
        """The tensor that a node made, or that it accumulates into, if it is anywhere to be had."""
        leaf = engines.variable(node)
        if leaf is not None:
            return leaf
        if self.graph.starts[0] is not None and node is self.graph.starts[0][0]:
            return self.loss
        call = self.sight.call(node)
        if call is not None and self.recording is not None and (self.recording.place_of(node) or (0, 1))[1] == 0 and call.results:
            seen = call.results[0]
            value = seen.value()
            if value is not None:
                return value
            return seen.stat
        kept = {} if self.large else saved(node)
        if engines.is_tensor(kept.get("result")):
            return kept["result"]
        for user, slot in self.graph.users.get(node, ())[:4] if not self.large else ():
            held = saved(user).get(parameter(user, slot))
            if engines.is_tensor(held):
                return held
        return None

    def _computed(self, node: Any, key: str) -> Any:
        """The value of an operation computed once more from those of its inputs, by our own declaration of it; None where that cannot be."""
        op = op_of(node)
        if op is None or op.kind == "vjp" or self.large:
            return None
        kept = saved(node)
        given = []
        for p in op.params:
            if p.name in op.edges:
                below = self.graph.edges[node][op.edges.index(p.name)][0]
                value = self.values.get(self.cells[below].key) if below is not None else kept.get(p.name)
            else:
                value = kept.get(p.name, p.default if p.default is not p.empty else None)
            if value is None or isinstance(value, Exception):
                return None
            given.append(engines.array(value) if engines.is_tensor(value) else value)
        try:
            with np.errstate(all="ignore"):
                made = op.forward(*given)
        except (TypeError, ValueError, IndexError, AttributeError, RuntimeError):
            return None
        shape = engines.shape_at(node, 0)
        return made if isinstance(made, (np.ndarray, np.generic)) and (shape is None or np.shape(made) == shape) else None

    # ---------------------------------------------------------------------------------------------- painting
    def paint(self, title: str) -> Picture:
        """The whole picture."""
        order = self.graph.nodes[::-1]
        for i, node in enumerate(order):
            self.cells[node] = self._cell(node, f"n{i}")
        extra: list[Cell] = []
        for node in order:
            target = self.cells[node]
            for slot, (below, _) in enumerate(self.graph.edges[node]):
                if below is not None:
                    self._link(node, slot, self.cells[below], target)
            extra += self._constants(node, target)
        extra += self._loose_ends()
        cells = self._ordered([*extra, *self.cells.values()])
        self.by_key = {c.key: c for c in cells}
        self._group(cells)
        self._arithmetic(order)
        self._alarms()
        return Picture(title, cells, self.links, self._steps(order), list(dict.fromkeys(self.notes)))

    def _cell(self, node: Any, key: str) -> Cell:
        leaf = engines.variable(node)
        call = self.sight.call(node)
        value = self._value(node)
        if value is None:
            value = self._computed(node, key)
        tensor = value if engines.is_tensor(value) else None
        cell = Cell(key, "leaf" if leaf is not None else "result", node="AccumulateGrad" if leaf is not None else node.name())
        self.values[key] = None if isinstance(value, Stat) else value
        held = self._held(node, tensor)
        cell.name = self.names.get(held) if held is not None else ""
        if call is not None:
            cell.group, cell.line = call.module, call.line
        if leaf is not None:
            cell.group = ""
        cell.op = "" if leaf is not None else (node.name().removesuffix("Backward") if is_user_function(node) else called(node))
        cell.formula = formula(node) if not self.large or leaf is not None else ""
        cell.rows = self._rows(value, held, leaf is not None)
        if leaf is None and not self.large:
            cell.saved = self._saved(node)
        if called(node) in FUSED:
            cell.saved.append(("fused", "many steps in one node: what happens inside is not recorded"))
        cell.gradient = self._flow(self.flows.arriving.get(node), node)
        return cell

    def _held(self, node: Any, tensor: Any) -> Any:
        """The user's own tensor at a node: the leaf, the loss, or what the recording saw."""
        leaf = engines.variable(node)
        if leaf is not None or tensor is self.loss:
            return tensor
        call = self.sight.call(node)
        if call is not None and call.results and (self.recording.place_of(node) or (0, 1))[1] == 0:  # type: ignore[union-attr]
            return call.results[0].tensor
        return next((t for _, t in self.names.tensors if t.requires_grad and not t.is_leaf and (e := engines.edge(t)) is not None and e[0] is node), None)

    def _rows(self, value: Any, held: Any, leaf: bool) -> list[tuple[str, str]]:
        rows = []
        if isinstance(value, Stat):
            return [("shape", str(list(value.shape))), ("value", str(value))]
        if value is None:
            return [("value", "not kept")]
        rows.append(("shape", str(list(value.shape))))
        if not self.large or leaf:
            rows.append(("value", values(value, 4)))
        if held is not None:
            rows += [("is_leaf", str(held.is_leaf)), ("requires_grad", str(held.requires_grad))]
            if held.is_leaf or getattr(held, "retains_grad", False):
                ran = held.grad is not None
                rows.append(("grad", values(held.grad, 4) if ran else "None"))
            else:
                rows.append(("grad", "not stored"))
        return rows

    def _saved(self, node: Any) -> list[tuple[str, str]]:
        rows = []
        for name, value in saved(node).items():
            if isinstance(value, Exception):
                rows.append((name, "freed by a backward" if "second time" in str(value) else "overwritten since it was saved"))
            elif engines.is_tensor(value):
                rows.append((name, f"{values(value, 4)}  version {_version(value)}"))
            elif value is not None and not name.endswith(("_sym_sizes", "_sym_strides")) and not (name in ("alpha", "beta") and value == 1):
                rows.append((name, str(value)[:60]))
        return rows[:8]

    def _flow(self, got: Any, node: Any = None) -> Flow:
        """A gradient as it is drawn; `got` is a tensor, a summary, or a list of those at the outputs of a node."""
        if self.flows.source == "none":
            return Flow("pending", "backward has not run")
        parts = [g for g in (got if isinstance(got, (list, tuple)) else [got]) if g is not None]
        if not parts:
            if node is not None and node in self.flows.unknown or self.flows.failed and node is not None:
                return Flow("pending", "not known")
            return Flow("none", "None")
        stats = [g if isinstance(g, Stat) else Stat.of(g) for g in parts]
        text = "; ".join(str(g) if isinstance(g, Stat) else values(g, 4) for g in parts)
        norm = float(np.sqrt(sum(s.norm**2 for s in stats)))
        if not all(s.finite for s in stats):
            return Flow("nonfinite", text, 0.0, None)
        if norm == 0:
            return Flow("zero", text, 0.0, 0.0)
        return Flow("flows", text, float(np.mean([s.sign for s in stats])), norm)

    def _link(self, node: Any, slot: int, source: Cell, target: Cell) -> None:
        link = Link(source.key, target.key, slot, parameter(node, slot))
        link.gradient = self._flow(self.flows.along.get((node, slot)), node)
        if not self.large:
            link.local = local(node, slot)
            link.number = self._number(node, slot)
            if is_elementwise(node):
                shape = Stat.of(self.flows.along[node, slot]).shape if engines.is_tensor(self.flows.along.get((node, slot))) else ()
                first = tuple(0 for _ in shape)
                bad = self.sight.stat(self.flows.along.get((node, slot)))
                link.arithmetic = arithmetic(self.sight, node, slot, bad.bad if bad is not None and bad.bad is not None else first)
        self.incoming.setdefault(target.key, []).append(len(self.links))
        self.links.append(link)

    def _number(self, node: Any, slot: int) -> str:
        """The local derivative with the numbers in it, for an elementwise operation."""
        got = self.flows.arriving.get(node)
        if not is_elementwise(node) or not got or not engines.is_tensor(got[0]) or got[0].numel() == 0:
            return ""
        if got[0].numel() == 1:
            f = local_number(self.sight, node, slot, tuple(0 for _ in got[0].shape))
            return "" if f is None else number(f)
        ones = [None if a is None else engines.engine_of(a).ones_like(a) for a in got]
        try:
            out = engines.apply_node(node, ones)[slot]
        except Exception:  # noqa: BLE001 - a node may run the user's code
            return ""
        return "" if out is None or tuple(out.shape) != tuple(got[0].shape) else values(out, 4)

    # ---------------------------------------------------------------------------------------------- beside the graph
    def _constants(self, node: Any, target: Cell) -> list[Cell]:
        """The inputs of an operation that no gradient goes to: data, frozen parameters, and what lies behind a cut."""
        call = self.sight.call(node)
        if call is None:
            return self._scalars(node, target)
        if (self.recording.place_of(node) or (0, 1))[1] != 0:  # type: ignore[union-attr]
            return []
        op = op_of(node)
        names = op.tensors if op is not None and len(op.tensors) == len(call.inputs) else ("",) * len(call.inputs)
        found = []
        for name, seen in zip(names, call.inputs):
            if not seen.tracked:
                found += self._constant(seen, target, name)
        if not found:
            found += self._scalars(node, target)
        return found

    def _scalars(self, node: Any, target: Cell) -> list[Cell]:
        """Numbers and tensors without a gradient that only the node knows of."""
        found = []
        for slot, (below, _) in enumerate(self.graph.edges[node]):
            if below is not None or self.large:
                continue
            name = parameter(node, slot)
            call = self.sight.call(node)
            value = saved(node).get(name)
            if not engines.is_tensor(value) and not isinstance(value, (int, float)):
                given = [a for a in (call.args if call is not None else ()) if isinstance(a, (int, float)) and not isinstance(a, bool)]
                if not given:
                    continue
                value = given[0]
            key = f"c{len(self.links)}"
            cell = Cell(key, "constant", rows=[("value", values(value, 4))])
            cell.name = self.names.get(value) if engines.is_tensor(value) else ""
            self.values[key] = value
            found.append(cell)
            self._plain_link(cell, target, slot, name)
        return found

    def _plain_link(self, source: Cell, target: Cell, slot: int, name: str, cut: str = "") -> None:
        self.incoming.setdefault(target.key, []).append(len(self.links))
        self.links.append(Link(source.key, target.key, slot, name, gradient=Flow("none", "None"), cut=cut))

    def _constant(self, seen: Seen, target: Cell, name: str) -> list[Cell]:
        key = ("seen", id(seen))
        known = self.cells_of_seen.get(key)
        made: list[Cell] = []
        if known is None:
            tensor = seen.value()
            cell = Cell(f"s{len(self.cells_of_seen)}", "constant")
            self.cells_of_seen[key] = known = cell
            cell.name = self.names.get(seen.tensor) if seen.tensor is not None else ""
            cell.op = seen.call.name if seen.call is not None else ""
            cell.line = seen.call.line if seen.call is not None else ""
            summary = None if tensor is not None else seen.summary()
            cell.rows = [("shape", str(list(seen.shape))), ("value", values(tensor, 4) if tensor is not None else str(summary) if summary else "not kept")]
            cell.rows.append(("requires_grad", "False"))
            self.values[cell.key] = tensor
            made.append(cell)
            made += self._behind(seen, cell)
        self._plain_link(known, target, len(self.incoming.get(target.key, [])), name)
        return made

    def _behind(self, seen: Seen, cell: Cell, depth: int = 0) -> list[Cell]:
        """What an untracked tensor was cut off from: a ghost, with scissors on the link that leads to it."""
        call = seen.call
        if call is None or depth > 8 or not call.inputs:
            return []
        made: list[Cell] = []
        if call.cuts:
            cell.kind = "ghost"
            for source in call.inputs:
                if source.tracked and source.tensor is not None:
                    place = self.graph.node_of(source.tensor)
                    if place is not None:
                        self._plain_link(self.cells[place[0]], cell, 0, "", call.cuts)
                    else:
                        ghost = Cell(f"g{len(self.links)}", "ghost", self.names.get(source.tensor))
                        ghost.rows = [("shape", str(list(source.shape))), ("requires_grad", "True")]
                        made.append(ghost)
                        self._plain_link(ghost, cell, 0, "", call.cuts)
        else:
            for source in call.inputs:
                key = ("seen", id(source))
                if not source.tracked and source.call is not None and self._cut_above(source):
                    inner = self.cells_of_seen.get(key)
                    if inner is None:
                        made += self._constant(source, cell, "")
                    else:
                        self._plain_link(inner, cell, 0, "")
        return made

    def _cut_above(self, seen: Seen) -> bool:
        from ..trail import Back

        return self.recording is not None and bool(Back(self.recording, seen).cuts)

    def _loose_ends(self) -> list[Cell]:
        """Cuts from tensors of this graph that lead nowhere in it."""
        found: list[Cell] = []
        for call in self.recording.calls if self.recording is not None and not self.large else ():
            if not call.cuts or call.name in LOOKS or not call.results:
                continue
            if any(("seen", id(r)) in self.cells_of_seen for r in call.results):
                continue
            for source in call.inputs:
                place = self.graph.node_of(source.tensor) if source.tracked and source.tensor is not None else None
                if place is not None and len(found) < 40:
                    result = call.results[0]
                    tensor = result.value()
                    cell = Cell(f"d{len(found)}", "ghost", self.names.get(result.tensor) if result.tensor is not None else "", op=call.name, line=call.line)
                    shown = values(tensor, 4) if tensor is not None else "not kept"
                    cell.rows = [("shape", str(list(result.shape))), ("value", shown), ("requires_grad", "False")]
                    found.append(cell)
                    self._plain_link(self.cells[place[0]], cell, 0, "", call.cuts)
        return found

    # ---------------------------------------------------------------------------------------------- what is said
    def _ordered(self, cells: list[Cell]) -> list[Cell]:
        """Inputs before results; else as they were given."""
        by_key = {c.key: c for c in cells}
        waits = {c.key: 0 for c in cells}
        after: dict[str, list[str]] = {}
        for link in self.links:
            waits[link.target] += 1
            after.setdefault(link.source, []).append(link.target)
        ready = [c.key for c in cells if waits[c.key] == 0]
        order = []
        for key in ready:  # grows while it is walked
            order.append(by_key[key])
            for target in after.get(key, ()):
                waits[target] -= 1
                if waits[target] == 0:
                    ready.append(target)
        return order

    def _group(self, cells: list[Cell]) -> None:
        """Puts parameters and constants into the group that uses them; a group that holds all others is no group."""
        users: dict[str, list[str]] = {}
        for link in self.links:
            users.setdefault(link.source, []).append(self.by_key[link.target].group)
        for cell in reversed(cells):
            if cell.kind != "result" and cell.key in users:
                cell.group = _common(users[cell.key])
        heads = {c.group.partition(".")[0] for c in cells if c.group}
        if len(heads) == 1:
            for cell in cells:
                cell.group = cell.group.partition(".")[2]

    def _arithmetic(self, order: list[Any]) -> None:
        """The numbers in the formulas, forward and back."""
        if self.large:
            return
        for node in order:
            cell = self.cells[node]
            if cell.kind == "result":
                cell.forward = self._forward(node, cell)
            parts = [self.flows.along.get(u) for u in self.graph.users.get(node, ())]
            shown = [p for p in parts if engines.is_tensor(p)]
            total = self.flows.at(node)
            if len(shown) > 1 and engines.is_tensor(total):
                cell.backward = [" + ".join(_bracket(values(p, 4)) for p in shown) + f" = {values(total, 4)}"]
            elif engines.is_tensor(total):
                cell.backward = [values(total, 4)]

    def _forward(self, node: Any, cell: Cell) -> str:
        result = self.values.get(cell.key)
        if result is None:
            return ""
        given = []
        for i in self.incoming.get(cell.key, ()):
            value = self.values.get(self.links[i].source)
            given.append(None if value is None else values(value, 4))
        name = called(node)
        if not given or any(g is None for g in given):
            return f"{cell.op}(…) = {values(result, 4)}"
        if name in INFIX and len(given) == 2:
            return f"{_bracket(given[0])} {INFIX[name]} {_bracket(given[1])} = {values(result, 4)}"
        return f"{cell.op}({', '.join(map(str, given))}) = {values(result, 4)}"

    def _alarms(self) -> None:
        back = first_bad(self.sight) if self.flows.source != "none" else None
        if back is not None:
            node, slot = back
            sums = arithmetic(self.sight, node, slot)
            self.cells[node].alarm = f"the first node whose gradient is not finite: {sums or parameter(node, slot)}"
        for node, cell in self.cells.items():
            if self.large and called(node) not in ("log_softmax",):
                continue
            double = softmax_before(self.sight, node)
            if double:
                cell.alarm = double
            count = dead(self.sight, node) if called(node) == "relu" else None
            if count is not None and count[1] and count[0] == count[1]:
                cell.alarm = f"lets nothing through: all {count[1]} inputs are ≤ 0"
            value = self.values.get(cell.key)
            if value is not None and cell.kind == "result" and not cell.alarm:
                s = Stat.of(value)
                if not s.finite:
                    cell.rows.append(("not finite", f"{s.nans} NaN, {s.infs} infinite, first at {at(s.bad) or 'its only element'}"))

    def _steps(self, order: list[Any]) -> list[Step]:
        steps = []
        for node in order:
            cell = self.cells[node]
            if cell.kind == "result":
                shown = cell.forward or cell.formula or cell.op
                steps.append(Step("forward", cell.key, self.incoming.get(cell.key, []), f"{cell.name + ' = ' if cell.name else ''}{shown}"))
        for node in self.graph.nodes:
            cell = self.cells[node]
            links = [i for i in self.incoming.get(cell.key, ()) if not self.links[i].cut and self.links[i].gradient.state != "none"]
            if cell.kind == "leaf":
                steps.append(Step("backward", cell.key, [], f"{cell.name or 'leaf'}.grad += {cell.gradient.text}"))
            else:
                said = "; ".join(f"to {self._called(self.links[i].source)}: {self.links[i].arithmetic or self.links[i].gradient.text}" for i in links[:4])
                steps.append(Step("backward", cell.key, links, f"{cell.node}: {cell.gradient.text} arrives" + (f"; {said}" if said else "")))
        return steps

    def _called(self, key: str) -> str:
        cell = self.by_key.get(key)
        return "an input" if cell is None else cell.name or cell.op or cell.node


def _common(groups: list[str]) -> str:
    """The innermost group that holds all of several groups."""
    parts = [g.split(".") if g else [] for g in groups]
    same = []
    for level in zip(*parts):
        if len(set(level)) > 1:
            break
        same.append(level[0])
    return ".".join(same)


def _bracket(text: Any) -> str:
    return f"({text})" if str(text).startswith("-") else str(text)


def _version(tensor: Any) -> Any:
    try:
        return tensor._version
    except (RuntimeError, AttributeError):
        return "?"
