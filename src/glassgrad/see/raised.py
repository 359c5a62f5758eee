"""`why(error)`: the exceptions of both engines, explained from the live graph, the frames of the traceback and the recording."""

from __future__ import annotations

import ast
import linecache
import re
from typing import Any

from . import engines
from .calls import said, short
from .graph import Graph, is_freed, is_modified, saved
from .knowledge import called
from .messages import meaning
from .names import Names
from .record import Recording
from .stat import values
from .trail import look_before
from .verdict import Verdict


class Scene:
    """Where an exception was raised: the user's innermost frame, its line, and the tensors that the line names."""

    def __init__(self, error: BaseException, recording: Recording | None, names: dict[str, Any] | None):
        frame: Any = None
        number: int | None = None
        tb = error.__traceback__
        while tb is not None:
            if not engines.inside(tb.tb_frame.f_code.co_filename):
                frame, number = tb.tb_frame, tb.tb_lineno
                self.place = tb.tb_frame.f_code, tb.tb_lasti
            tb = tb.tb_next
        self.frame, self.error, self.recording = frame, error, recording
        self.names = Names(recording, frame, names)
        self.line = said(self.place) if frame is not None else ""
        self.where = short(self.place) if frame is not None else ""
        self.text = linecache.getline(frame.f_code.co_filename, number).strip() if frame is not None and number is not None else ""
        self.call = None
        if recording is not None:
            self.call = next((c for c in reversed(recording.calls) if c.raised is error), None)

    def tensors(self) -> list[tuple[str, Any]]:
        """The tensors that the failing line names, as (text, tensor)."""
        if self.call is not None:
            found = [(self.names.get(s.tensor), s.tensor) for s in self.call.inputs if s.tensor is not None]
            if found:
                return found
        return self.named_in_line()

    def named_in_line(self) -> list[tuple[str, Any]]:
        """Plain names and attributes in the line, as far as they lead to tensors without calling anything."""
        tree = self._parsed() if self.frame is not None else None
        if tree is None:
            return []
        found: list[tuple[str, Any]] = []
        for node in ast.walk(tree):
            value = self._value(node)
            for t in engines.flat(value) if value is not None else ():
                if not any(t is u for _, u in found):
                    found.append((ast.unparse(node) if value is t else self.names.get(t), t))
        return found

    def _parsed(self) -> ast.AST | None:
        """The failing line as a tree, the head of a statement as a statement."""
        for text in (self.text.rstrip(":"), re.sub(r"^(with|for|if|while|return|assert)\b\s*", "", self.text).rstrip(":")):
            try:
                return ast.parse(text)
            except SyntaxError:
                continue
        return None

    def without_gradient(self) -> list[tuple[str, Any]]:
        """The tensors whose `.grad` the failing line asks for, and which have none."""
        tree = self._parsed() if self.frame is not None else None
        asked = [n.value for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "grad"] if tree is not None else []
        found = [(ast.unparse(n), self._value(n)) for n in asked]
        return [(name, t) for name, t in found if engines.is_tensor(t) and t.grad is None]

    def backward_of(self, name: str) -> str:
        """The line at which the user's Function of that name defines its backward."""
        scopes = (self.frame.f_locals, self.frame.f_globals) if self.frame is not None else ()
        function = next((vars(scope[name]).get("backward") for scope in scopes if isinstance(scope.get(name), type)), None)
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        return said((code, len(code.co_code) - 2)) if code is not None else ""  # where it returns

    def _value(self, node: ast.AST) -> Any:
        frame = self.frame
        if isinstance(node, ast.Name):
            return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
        if isinstance(node, ast.Attribute):
            base = self._value(node.value)
            inner = getattr(base, "__dict__", {}).get(node.attr) if base is not None else None
            if inner is None and engines.is_module(base):
                inner = dict(base.named_parameters()).get(node.attr)
            return inner
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            base = self._value(node.value)
            if type(base) in (list, tuple, dict):
                try:
                    return base[node.slice.value]
                except (KeyError, IndexError, TypeError):
                    return None
        return None


def explain(error: BaseException, recording: Recording | None = None, names: dict[str, Any] | None = None, *, node: Any = None, sight: Any = None) -> Verdict:
    """The verdict on an exception."""
    with engines.aside():
        for inner in _chain(error):
            for pattern, handler in HANDLERS:
                match = re.search(pattern, str(inner))
                if match:
                    return handler(Scene(inner, recording, names), match, node)
        known = next((e for e in _chain(error) if meaning(str(e))[0]), error)
        return _plain(Scene(known, recording, names), str(known))


def _chain(error: BaseException) -> list[BaseException]:
    """An exception and those that it was raised from, the outermost first."""
    found = [error]
    while len(found) < 10 and (inner := found[-1].__cause__ or (None if found[-1].__suppress_context__ else found[-1].__context__)) is not None:
        found.append(inner)
    return found


def _plain(scene: Scene, text: str) -> Verdict:
    """The verdict on an error of which no more is known than its words, and what the engine added."""
    kind = type(scene.error).__name__
    told = dict(n.strip().partition(": ")[::2] for n in getattr(scene.error, "__notes__", []))
    cause, fix = meaning(text)
    answer = Verdict("error", f"{kind}: {text.splitlines()[0]}" if text else kind, cause or told.pop("what happened", ""), scene.line, fix)
    answer.fix = fix or told.pop("how to fix it", "")
    function = re.search(r"[Ff]unction (\w+)Backward returned", text)
    if function:
        answer.where = scene.backward_of(function[1]) or answer.where
        answer.details.append(f"in the backward that was called at {scene.line}")
    answer.details += [f"{label}: {said}" for label, said in told.items() if label not in ("where", "how to fix it")]
    for name, t in scene.tensors()[:6] if not function else ():
        answer.details.append(f"{name or 'an input'}: shape {list(t.shape)}, {t.dtype}, requires_grad={t.requires_grad}")
    return answer


def _of_none(scene: Scene, match: Any, node: Any) -> Verdict:
    """What was done to a gradient that is None: why it is."""
    from .why import why

    lost = scene.without_gradient()
    if not lost:
        return _plain(scene, str(scene.error))
    name, t = lost[0]
    inner = why(t, recording=scene.recording, names={name: t})
    if not inner.headline.startswith(f"{name}.grad is None"):
        inner.headline = f"{name}.grad is None at {scene.where}: {inner.headline}"
    inner.where = inner.where or scene.line
    inner.details.append(f"it was asked for at {scene.line}")
    return inner


def _number(scene: Scene, match: Any, node: Any) -> Verdict:
    """backward of a Python number."""
    name = re.match(r"\s*([\w.]+)\.backward\(", scene.text)
    look = look_before(scene.recording, scene.recording.next) if scene.recording is not None else None
    who = name[1] if name else "what backward is called on"
    return Verdict(
        "cut",
        f"{who} is a Python {match.group(1)} at {scene.where}, and has no graph"
        + (f": {look.cuts} at {look.where} took the number out of the graph." if look is not None else "."),
        "only tensors know what they were computed from",
        look.line if look is not None else scene.line,
        "add up the tensors, total = total + loss, and call .item() only for what is printed",
    )


def _numpy(scene: Scene, match: Any, node: Any) -> Verdict:
    hit = [(n, t) for n, t in scene.tensors() if t.requires_grad]
    name = hit[0][0] if hit and hit[0][0] else "the tensor"
    return Verdict(
        "cut",
        f"{name} is tracked, and numpy() would cut its gradient at {scene.where}: a NumPy array has no graph.",
        "what is computed from the array could get no gradient, so numpy() asks you to say that this is meant",
        scene.line,
        f"{name}.detach().numpy() to look at or plot it; keep the computation in tensors where the gradient is to go through",
    )


def _leaf_written(scene: Scene, match: Any, node: Any) -> Verdict:
    view = "view" in match.group(0)
    hit = [(n, t) for n, t in scene.tensors() if t.requires_grad and (t.is_leaf or view)]
    name = hit[0][0] if hit and hit[0][0] else "a leaf that requires grad"
    target = re.match(r"\s*([\w.\[\]]+?)(?:\[.*\])?\s*(?:[+\-*/@]?=|\.\w+_\()", scene.text)
    if target and not (hit and hit[0][0]):
        name = target.group(1)
    return Verdict(
        "in place",
        f"{name} is a leaf{' (written through a view)' if view else ''}, and {scene.where} writes into it: a leaf that is overwritten has no gradient.",
        "autograd keeps the gradient with respect to the value that the leaf had",
        scene.line,
        f"an update of a parameter: with torch.no_grad(): {scene.text or f'{name} -= lr * {name}.grad'}; "
        f"a computation: {name} = {name}.clone() first, or out of place",
    )


def _no_graph(scene: Scene, match: Any, node: Any) -> Verdict:
    from .why import untracked

    hit = [(n, t) for n, t in scene.tensors() if not t.requires_grad]
    if not hit:
        return Verdict(
            "cut",
            f"what backward starts from at {scene.where} was not computed by tracked operations.",
            where=scene.line,
            unknown=["which tensor: name it in a variable, or run inside see.record()"],
        )
    name, t = hit[0]
    inner = untracked(t, name or "the loss", scene.recording, scene.names)
    inner.details.append(f"backward was called at {scene.line}")
    return inner


def _second(scene: Scene, match: Any, node: Any) -> Verdict:
    roots = [(n, t) for n, t in scene.tensors() if t.requires_grad and not t.is_leaf]
    answer = Verdict(
        "freed",
        f"backward at {scene.where} needs a graph, or a part of one, that an earlier backward has freed.",
        "backward frees what the nodes had saved, to save memory",
        scene.line,
        "compute the forward again before each backward; backward(retain_graph=True) the first time if both are meant; "
        "detach what is carried over from one step to the next (h = h.detach())",
    )
    for note in getattr(scene.error, "__notes__", []):
        if "the earlier backward was at" in note:
            answer.details.append("the earlier backward: " + note.partition("was at ")[2])
    recording = scene.recording
    if roots:
        name, root = roots[0]
        graph = Graph([root])
        gone = [n for n in graph.nodes if any(is_freed(v) for v in saved(n).values())]
        if recording is not None:
            start = recording.place_of(graph.starts[0][0]) if graph.starts[0] is not None else None
            earlier = [p for p in recording.passes if any(recording.place_of(n) in p.flows for n in gone)]
            earlier = [p for p in earlier if p is not recording.passes[-1] or p.root != start] or earlier  # the one that failed had begun
            if earlier:
                answer.details = [f"the earlier backward: {earlier[0].line}"]
                answer.headline = f"backward at {scene.where} needs nodes that the backward at {earlier[0].where} has freed."
        whole = gone and all(n in gone for n in graph.nodes if saved(n))
        earlier_pass = earlier[0] if recording is not None and earlier else None
        carried = _carried(graph, gone, scene, earlier_pass)
        if carried and not (whole and earlier_pass is None):
            what, place = carried[0]
            answer.headline = answer.headline[:-1] + f": {what} was carried over from before it."
            if _only_through(graph, place):
                answer.fix = (
                    f"compute {what} again before each backward, or retain_graph=True in the first; where the first need not reach behind {what}, "
                    f"give it {what}.detach()"
                )
            else:
                h = what if " " not in what else "h"
                answer.fix = f"{h} = {h}.detach() between the steps, of a tuple each (or retain_graph=True in the first, if the gradient is to go that far)"
        elif recording is not None:
            answer.fix = "one backward of the sum, (loss_a + loss_b).backward(); or retain_graph=True in the first; or compute the forward again"
        answer.details.append(f"{len(gone)} of {len(graph.nodes)} nodes of {name or 'the graph'} have been freed")
    return answer


def _carried(graph: Graph, gone: list[Any], scene: Scene, earlier: Any) -> list[tuple[str, Any]]:
    """What was carried over, with its node: made before the earlier backward, and used after it; or the user's tensors whose node alone is freed."""
    freed = set(gone)
    found: list[tuple[str, Any]] = []
    recording = scene.recording
    if earlier is not None and recording is not None:
        for node in graph.nodes:
            call = recording.of_node(node)
            for edge in graph.edges[node] if call is not None and call.index >= earlier.after else ():
                older = recording.of_node(edge[0]) if edge[0] is not None and engines.variable(edge[0]) is None else None
                if older is not None and older.index < earlier.after:
                    made = [r.tensor for r in older.results if r.tensor is not None]
                    t = next((t for t in made if engines.edge(t) == edge), None)
                    found.append(((scene.names.get(t) if t is not None else "") or f"what {older.name} gave at {older.where}", edge[0]))
        return found
    for name, t in scene.names.tensors:
        place = graph.node_of(t) if t.requires_grad and not t.is_leaf else None
        if place is not None and _under(graph, place[0], freed) and any(u not in freed for u, _ in graph.users.get(place[0], ())):
            found.append((name, place[0]))
    return found


def _only_through(graph: Graph, place: Any) -> bool:
    """Whether some leaf is reached through one node only, so that a detach there would cut it off."""
    stack, done = [start[0] for start in graph.starts if start is not None], {place}
    while stack:
        node = stack.pop()
        if node not in done:
            done.add(node)
            stack += [below for below, _ in graph.edges.get(node, ()) if below is not None]
    return any(engines.variable(node) is not None and node not in done for node in graph.nodes)


def _under(graph: Graph, node: Any, freed: set[Any]) -> bool:
    stack, done = [node], set()
    while stack:
        n = stack.pop()
        if n in freed:
            return True
        for below, _ in graph.edges.get(n, ()):
            if below is not None and below not in done:
                done.add(below)
                stack.append(below)
    return False


def _modified(scene: Scene, match: Any, node: Any) -> Verdict:
    text = str(scene.error)
    versions = re.search(r"is at version (\d+); expected version (\d+)", text)
    now, was = versions.groups() if versions else ("?", "?")
    shape = re.search(r"\[(\w+\.)*\w+Tensor (\[[^\]]*\])\]", text)
    roots = [t for _, t in scene.tensors() if t.requires_grad and not t.is_leaf]
    victim, name, tensor = node, "", None
    for root in roots if node is None else []:
        for n in Graph([root]).nodes:
            broken = [k for k, v in saved(n).items() if is_modified(v)]
            if broken:
                victim, name = n, broken[0]
                break
        if victim is not None:
            break
    if victim is not None and not name:
        name = next((k for k, v in saved(victim).items() if is_modified(v)), "a tensor")
    recording = scene.recording
    maker = recording.of_node(victim) if recording is not None and victim is not None else None
    writes, tensor = _writers(recording, maker, shape.group(2) if shape else "")
    what = scene.names.get(tensor) if tensor is not None else ""
    line = writes[-1].where if writes else ""
    note = next((n for n in getattr(scene.error, "__notes__", []) if "the last write was at" in n), "")
    if not line and note:
        line = note.partition("the last write was at ")[2].rpartition("/")[2].partition(" in ")[0].replace("None", "")
    saver = called(victim) if victim is not None else "an operation"
    answer = Verdict(
        "in place",
        f"{what or 'a tensor' + (' of shape ' + shape.group(2) if shape else '')} was overwritten{' at ' + line if line else ''} after "
        f"{saver}{' at ' + maker.where if maker is not None else ''} had saved it for backward (version {was} → {now}).",
        f"the derivative of {saver} needs the {name or 'value'} that it had",
        writes[-1].line if writes else scene.line,
        "write out of place (y = y + 1 for y += 1), or write into a clone and leave the saved tensor alone",
    )
    if maker is not None:
        answer.details.append(f"saved by: {maker.line}")
        answer.details += dict.fromkeys(f"written by: {w.line}" for w in writes[-4:])
        if writes:
            target = writes[-1].inputs[0].tensor
            if tensor is not None and target is not tensor and writes[-1].name != "step":
                whole = tensor.numel() >= target.numel()
                answer.fix = (
                    f"write into a copy: {what or 'x'} = {what or 'x'}.clone() before {writes[-1].where}"
                    if whole
                    else "read a copy of the part that is kept, x[k].clone(); or collect the values in a list, and torch.stack them"
                )
                if not what:
                    answer.headline = answer.headline.replace("a tensor", f"a part of {scene.names.get(target) or 'a tensor'}", 1)
            else:
                answer.fix = rewrite(writes[-1]) or answer.fix
        if writes and writes[-1].name == "step":
            answer.fix = "run backward before optimizer.step(), or compute the forward again after it"
            again = any(c.place == maker.place and c.index > writes[-1].index for c in recording.calls) if recording is not None else False
            if again:  # the line that saved it has run once more since: what is left of its first run was carried over
                answer.cause += "; that part of the graph is of an earlier step, kept by retain_graph=True"
                answer.fix = "detach what is carried over from one step to the next (h = h.detach()) instead of retain_graph=True"
    else:
        answer.unknown.append("the lines that saved and wrote it: run the forward inside see.record()")
    return answer


def rewrite(call: Any) -> str:
    """The out-of-place form of a line that writes in place."""
    if call.kwargs and call.kwargs.get("inplace"):
        return f"inplace=False in {call.module or call.name}, which is the default: {call.name}(x)"
    text = re.sub(r"\s+#.*$", "", call.line.partition(": ")[2])
    m = re.match(r"(\w+)\s*([+\-*/])=\s*(.+)$", text)
    if m:
        right = m[3] if re.fullmatch(r"[\w.()]+", m[3]) else f"({m[3]})"
        return f"{m[1]} = {m[1]} {m[2]} {right}"
    m = re.match(r"(\w+)\.(\w+?)_\((.*)\)$", text)
    if m:
        return f"{m[1]} = {m[1]}.{m[2]}({m[3]})"
    m = re.match(r"(\w+)\[(.+)\]\s*=\s*(.+)$", text)
    if m:
        return f"{m[1]} = {m[1]}.clone() before the line {text}; or torch.where, torch.cat, index_put on the values"
    return ""


def _writers(recording: Recording | None, maker: Any, shape: str) -> tuple[list[Any], Any]:
    """The recorded writes, after a call, into memory that the call took or made; and the tensor written."""
    if recording is None or maker is None:
        return [], None
    wanted = sorted(map(int, re.findall(r"\d+", shape)))  # a saved transpose has the sizes of what it is the transpose of
    kept = [s.tensor for s in [*maker.inputs, *maker.results] if s.tensor is not None and (not shape or sorted(s.shape) == wanted)]
    spans = [(t, engines.memory(t)) for t in kept]
    found, victim = [], None
    for call in recording.calls:
        if call.index <= maker.index or not call.writes:
            continue
        for written in call.inputs if call.name == "step" else call.inputs[:1]:
            low, high = engines.memory(written.tensor) if written.tensor is not None else (0, 0)
            hit = next((t for t, (a, b) in spans if low < b and a < high), None)
            if hit is not None:
                found.append(call)
                victim = hit
                break
    return found, victim


def _not_scalar(scene: Scene, match: Any, node: Any) -> Verdict:
    roots = [(n, t) for n, t in scene.tensors() if t.requires_grad and t.numel() != 1]
    name, t = roots[0] if roots else ("the tensor", None)
    shape = list(t.shape) if t is not None else "?"
    answer = Verdict(
        "not scalar",
        f"backward of {name or 'the tensor'} at {scene.where}: it has shape {shape}, and backward computes vᵀ·J, for which v has to be given.",
        "only for a single number is v = 1 understood",
        scene.line,
        f"{name or 'y'}.sum().backward() or .mean(); or backward(gradient=v) with v of shape {shape}",
    )
    if t is not None:
        for leaf in Graph([t]).leaves()[:4]:
            n, m = t.numel(), leaf.numel()
            answer.details.append(f"J of {name or 'y'} by {scene.names.of(leaf)} is {n} × {m}; vᵀ·J, with v of {n} numbers, has its shape: {list(leaf.shape)}")
    return answer


def _not_used(scene: Scene, match: Any, node: Any) -> Verdict:
    from .why import _unreached

    text = str(scene.error)
    index = int(m.group(1)) if (m := re.search(r"at index (\d+)", text)) else 0
    tensors = scene.tensors() if scene.call is not None else scene.named_in_line()
    roots = [(n, t) for n, t in tensors if t.requires_grad and not t.is_leaf]
    if not roots:
        return Verdict("unused", f"{text.partition('.')[0]}, at {scene.where}.", where=scene.line)
    name, root = roots[0]
    graph = Graph([root])
    lost = [(n, t) for n, t in tensors if t is not root and t.requires_grad and graph.node_of(t) is None]
    if not lost:
        return Verdict("unused", f"the tensor at index {index} at {scene.where} is not part of the graph of {name}.", where=scene.line)
    victim, t = lost[0]
    inner = _unreached(t, victim or scene.names.of(t), root, name or "the output", scene.recording, scene.names)
    said = inner.headline.partition(": ")[2].removeprefix(f"not connected to {name or 'the output'}: ")
    inner.headline = f"{victim or scene.names.of(t)} (index {index}) was not used in {name or 'the output'}: {said}"
    inner.fix += "; allow_unused=True gives None for it" if inner.fix else "allow_unused=True gives None for it"
    return inner


def _does_not_require(scene: Scene, match: Any, node: Any) -> Verdict:
    lost = [(n, t) for n, t in (scene.named_in_line() or scene.tensors()) if not t.requires_grad]
    name = lost[0][0] if lost else "one of the inputs"
    return Verdict(
        "frozen",
        f"{name} does not require grad, so grad() at {scene.where} cannot differentiate by it.",
        "requires_grad is False",
        scene.line,
        f"{name}.requires_grad_() before the forward",
    )


def _not_leaf_optimized(scene: Scene, match: Any, node: Any) -> Verdict:
    hit = [(n, t) for n, t in (scene.named_in_line() or scene.tensors()) if not t.is_leaf]
    if not hit:
        return Verdict("copy", f"the optimizer at {scene.where} was given a result, and takes leaves only.", where=scene.line)
    name, t = hit[0]
    leaves = Graph([t]).leaves()
    call = scene.recording.of_node(t.grad_fn) if scene.recording is not None else None
    made = f", made by {call.name} at {call.where}," if call is not None else f", made by {called(t.grad_fn)},"
    source = scene.names.of(leaves[0]) if leaves else "the leaf"
    return Verdict(
        "copy",
        f"{name}{made} is a result and not a leaf: the leaf is {source}.",
        "an optimizer changes leaves; a result is computed anew in each forward",
        call.line if call is not None else scene.line,
        f"{name} = {name}.detach().requires_grad_(), before it is used and given to the optimizer",
        [] if not leaves or leaves[0].grad is None else [f"{source}.grad = {values(leaves[0].grad)}"],
    )


def _flag_of_result(scene: Scene, match: Any, node: Any) -> Verdict:
    hit = [(n, t) for n, t in scene.tensors() if not t.is_leaf]
    name = hit[0][0] if hit and hit[0][0] else "the tensor"
    return Verdict(
        "intermediate",
        f"{name} was computed from tensors that require grad, so its flag cannot be changed at {scene.where}.",
        "requires_grad is set on leaves",
        scene.line,
        f"{name}.detach() is the same values without a graph; freeze the leaves it comes from instead",
    )


def _needs_floats(scene: Scene, match: Any, node: Any) -> Verdict:
    hit = [(n, t) for n, t in scene.tensors() if not str(t.dtype).rpartition(".")[2].startswith(("float", "complex"))]
    dtype = str(hit[0][1].dtype) if hit else "an integer dtype"
    return Verdict(
        "cut",
        f"a tensor of {dtype} cannot require grad ({scene.where}).",
        "a derivative needs values that can move a little",
        scene.line,
        "write 1.0 for 1, or dtype=torch.float32, when you make it",
    )


def _anomaly(scene: Scene, match: Any, node: Any) -> Verdict:
    from .why import why

    roots = [t for _, t in scene.tensors() if t.requires_grad and not t.is_leaf]
    for root in roots:
        for leaf in Graph([root]).leaves():
            answer = why(leaf, root, recording=scene.recording, names={scene.names.of(leaf): leaf})
            if answer.kind == "nonfinite" or answer.value is not None and "NaN" in answer.headline:
                return answer
        from .gradients import Sight
        from .graph import walk
        from .nonfinite import arithmetic, first_bad

        graph = Graph([root])
        sight = Sight(graph, walk(graph, recording=scene.recording), scene.recording, scene.names)
        back = first_bad(sight)
        if back is not None:
            sums = arithmetic(sight, *back)
            return Verdict(
                "nonfinite",
                f"{sight.title(back[0])}{sight.place(back[0])}: {sums or 'made a gradient that is not finite'}.",
                where=sight.line(back[0]) or scene.line,
            )
    return Verdict("nonfinite", f"{match.group(1)} gave NaN in backward at {scene.where}.", where=scene.line)


HANDLERS = [
    (r"NoneType", _of_none),
    (r"'(?:numpy\.)?(float|int|complex|float32|float64|ndarray)' object has no attribute '(?:backward|grad|requires_grad)'", _number),
    (r"Can't call numpy\(\) on Tensor that requires grad", _numpy),
    (
        r"a (?:view of a )?leaf Variable that requires grad is being used in an in-place operation|"
        r"a leaf Variable that requires grad has been used in an in-place",
        _leaf_written,
    ),
    (r"does not require grad and does not have a grad_fn", _no_graph),
    (r"backward through the graph a second time", _second),
    (r"modified by an inplace operation", _modified),
    (r"grad can be implicitly created only for scalar outputs", _not_scalar),
    (r"appears to not have been used in the graph", _not_used),
    (r"One of the differentiated Tensors does not require grad", _does_not_require),
    (r"can't optimize a non-leaf Tensor", _not_leaf_optimized),
    (r"you can only change requires_grad flags of leaf variables", _flag_of_result),
    (r"[Oo]nly Tensors of floating point", _needs_floats),
    (r"Function '(\w+)' returned nan values", _anomaly),
]
