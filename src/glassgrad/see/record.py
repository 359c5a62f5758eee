"""`record()`: a context that notes every operation, where it stands in the program, and what every backward sends through it.

A recording holds the tensors that it saw (or, with `values="summary"`, only numbers about them), and forgets the oldest ones
when there are too many. Nodes are told where they stand in the recording, and never hold it: when the recording goes, all goes.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from typing import Any

import glassgrad

from ..graph.modes import mode
from . import engines
from .calls import FLAGS, HOOKS, LOOKS, Call, Pass, Seen, _version, plain_name
from .stat import Stat
from .watch import Watch

KEY = "glassgrad.see"  # in a node's metadata: which recording, which of its calls made the node, and which node of that call it is
NAMES: dict[str, str] = {}  # what calls are commonly called, as far as it was asked for
NESTED = (list, tuple, dict)
SETS = HOOKS | {"grad=", "requires_grad=", "data="}
TARGET = re.compile(r"((?:self\.)?\w+)\s*(?::[^=]+)?=(?!=)")
CHANCE = frozenset(
    """dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout feature_dropout rrelu bernoulli multinomial normal rand_like randn_like
    randint_like gumbel_softmax poisson normal_ uniform_ random_ bernoulli_ exponential_ geometric_ cauchy_ log_normal_ scaled_dot_product_attention
    multi_head_attention_forward fractional_max_pool2d rrelu_ lstm gru rnn_tanh rnn_relu""".split()
)


class Recording:
    """What `record()` noted. `calls` are the operations and the steps of optimizers, `passes` the backwards.

    `cost` is the time that noting took, in seconds, beside `elapsed`, the time within the context.
    """

    def __init__(self, values: str = "all", limit: int = 20_000, megabytes: float = 1024.0):
        if values not in ("all", "summary"):
            raise ValueError(f'values must be "all" or "summary", not {values!r}')
        self.values, self.limit, self.bytes = values == "all", limit, int(megabytes * 2**20)
        self.calls: deque[Call] = deque()
        self.passes: list[Pass] = []
        self.sets: list[tuple[str, Any, Any, int]] = []  # settings of .grad, .data, .requires_grad, and hooks: name, tensor, place, call number
        self.forgotten = 0
        self.cost = self.elapsed = 0.0
        self.held = 0
        self.next = 0
        self.seen: dict[int, Seen] = {}
        self.unmarked: list[Call] = []  # calls whose nodes do not know yet that they are watched
        self.tensors: tuple[type, ...] = tuple(e.Tensor for e in engines.engines())
        other = engines.torch()
        self.enabled: Any = other.is_grad_enabled if other is not None else None
        self.layers: tuple[type, ...] = tuple(e.nn.Module for e in engines.engines())
        self.paths: dict[int, str] = {}
        self.roots: dict[str, Any] = {}  # the outermost modules that were called, by their names
        self.named: dict[int, str] = {}  # names of tensors, by id, read off the user's modules and variables
        self.stepped: set[int] = set()  # by id: what is in an optimizer that stepped
        self.leaf_hooks: dict[int, Any] = {}
        self.handles: list[Any] = []
        self.thread = threading.get_ident()
        self.backwards = 0
        self._replayed: deque[Any] = deque(maxlen=8)
        self._self = weakref.ref(self)
        weakref.finalize(self, _remove, self.handles)

    # ---------------------------------------------------------------------------------------------- noting
    def see(self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Makes the call and notes it."""
        if getattr(engines.paused, "on", 0) or threading.get_ident() != self.thread:
            return function(*args, **kwargs)
        start = time.perf_counter()
        given = NAMES.get(name)
        if given is None:
            given = NAMES[name] = plain_name(name)
        name = given
        if name == "apply" and args and isinstance(args[0], type):
            name = args[0].__name__  # of a Function: its own name
        elif name in ("backward", "grad"):
            self.mark()
        elif name == "zero_grad":
            self._cleared(args[0])
        tensors, note = self.tensors, self._input
        inputs = []
        known = self.seen
        for a in (*args, *kwargs.values()) if kwargs else args:
            if isinstance(a, tensors):
                seen = known.get(id(a))
                inputs.append(seen if seen is not None and seen.held is a and seen.version is not None and seen.version == a._version else note(a))
            elif type(a) in NESTED:
                inputs += [note(t) for t in engines.flat(a)]
        place, module = self._scene()
        first = inputs[0].tensor if inputs else None
        if self.unmarked and inputs and inputs[0].tracked and (name[-1] == "_" and name not in FLAGS or kwargs.get("inplace") or "out" in kwargs):
            self.mark()  # what is written gets another node: the one that it had is told now
        enabled = True if first is None else mode.grad if isinstance(first, glassgrad.Tensor) else self.enabled()
        call = Call(name, place, enabled, module, inputs)
        if not enabled:
            call.context = _context(engines.engine_of(first))
        before = inputs[0].version if inputs else 0
        self.cost += time.perf_counter() - start
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            call.raised = error
            self._keep(call, [], function, args, kwargs)
            raise
        start = time.perf_counter()
        if first is not None and (name[-1] in "_=" and name not in FLAGS or _version(first) != before):
            call.writes = name != "backward"
        made = [result] if isinstance(result, tensors) else list(engines.flat(result)) if type(result) in NESTED else _inner(result)
        self._keep(call, made, function, args, kwargs)
        self.cost += time.perf_counter() - start
        return result

    def _keep(self, call: Call, results: list[Any], function: Any, args: Any, kwargs: Any) -> None:
        inputs, name = call.inputs, call.name
        if name in SETS and inputs:
            self.sets.append((name, inputs[0], call.place, self.next))
            if name == "requires_grad=":
                t = inputs[0].tensor
                self.seen[id(t)] = self._new(t, inputs[0].call)
        if call.writes and inputs and not any(r is inputs[0].tensor for r in results):
            results.insert(0, inputs[0].tensor)
        if not results and (not inputs or name not in LOOKS and name not in SETS and name != "backward" and call.raised is None):
            return
        call.index = self.next
        self.next += 1
        if self.values:
            call.function, call.args, call.kwargs = function, args, kwargs
        made = False
        for t in results:
            if t is None:
                continue
            seen = self._new(t, call)
            call.results.append(seen)
            self.seen[id(t)] = seen
            made = made or seen.tracked and not seen.leaf
            if self.values:
                self.held += t.nbytes
        self.calls.append(call)
        if made:
            self.unmarked.append(call)
            if not self.values:
                self.mark(results)
        while len(self.calls) > self.limit or self.held > self.bytes and len(self.calls) > 1:
            self._forget()

    def _new(self, tensor: Any, call: Call | None) -> Seen:
        seen = Seen(tensor, call, self.values)
        if seen.tracked and seen.leaf and id(tensor) not in self.leaf_hooks:
            self._hook_leaf(tensor)
        return seen

    def _input(self, tensor: Any) -> Seen:
        seen = self.seen.get(id(tensor))
        if seen is not None and seen.tensor is tensor:
            if seen.version == _version(tensor):
                return seen
            call = seen.call
        else:
            call = None
        seen = self.seen[id(tensor)] = self._new(tensor, call)
        return seen

    def _scene(self) -> tuple[Any, str]:
        """The user's line that runs, and the path of the module that does, both read off the stack."""
        frame: Any = sys._getframe(2)
        place = inner = outer = None
        files = engines.known_files
        while frame is not None:
            code = frame.f_code
            if place is None:
                path = code.co_filename
                ours = files.get(path)
                if ours is None:
                    ours = files[path] = engines.inside(path)
                if not ours:
                    place = code, frame.f_lasti
            if code.co_name == "forward" and code.co_argcount:
                me = (frame.f_locals if self.values else engines.variables(frame)).get(code.co_varnames[0])
                if isinstance(me, self.layers):
                    outer = me
                    if inner is None:
                        inner = me
                        if id(me) in self.paths and place is not None:
                            break
            frame = frame.f_back
        if inner is None:
            return place, ""
        path = self.paths.get(id(inner))
        if path is None:
            if id(outer) not in self.paths:
                self._root(outer)
            path = self.paths.get(id(inner), type(inner).__name__)
        return place, path

    def mark(self, results: list[Any] | None = None) -> None:
        """Tells the new nodes of the calls where they come from, and watches what goes through them. Done when a backward is near."""
        waiting, self.unmarked = self.unmarked, []
        for call in waiting:
            for t in results if results is not None else [r.tensor for r in call.results]:
                try:
                    node = t.grad_fn if t is not None and t.requires_grad else None
                    if node is not None:
                        self._mark(node, call)
                except RuntimeError:  # a view that was made in no_grad() refuses to say what it comes from
                    continue

    def _mark(self, node: Any, call: Call) -> None:
        """The nodes of one call; there are several if the call is made of several operations."""
        engine = engines.engine_of(node)
        stack, room = [node], 64
        while stack and room:
            n = stack.pop()
            if n is None or "AccumulateGrad" in n.name():
                continue
            metadata = n.metadata
            known = metadata.get(KEY)
            if known is not None and known[0]() is self:
                continue
            place = call.index, 64 - room
            metadata[KEY] = self._self, *place
            n.register_hook(_Hook(self._self, place, engine))
            stack += [m for m, _ in n.next_functions]
            room -= 1

    def _hook_leaf(self, leaf: Any) -> None:
        me, key = self._self, id(leaf)
        frame = engines.users_frame(2) if key not in self.named else None
        if frame is not None:
            self.named.update((key, name) for name, value in engines.variables(frame).items() if value is leaf and not name.startswith("_"))

        def arrived(grad: Any) -> None:
            recording = me()
            if recording is not None and grad is not None and not getattr(engines.paused, "on", 0):
                now = recording._pass(engines.engine_of(grad))
                if now is not None:
                    before = now.leaves.get(key)
                    kept = grad.detach() if recording.values else Stat.of(grad)
                    now.leaves[key] = kept if before is None or not recording.values else before + kept

        self.leaf_hooks[key] = handle = leaf.register_hook(arrived)
        self.handles.append(handle)

    def _pass(self, engine: Any, root: Any = None) -> Pass | None:
        """The backward that is running."""
        running = engines.running(engine)
        if running is None:
            return None
        if self.passes and self._running == (engine.__name__, running):
            return self.passes[-1]
        self._running = engine.__name__, running
        self.passes.append(Pass(self.backwards, engines.users_place(3), root))
        self.passes[-1].after = self.next
        self.backwards += 1
        if len(self.passes) > 1000:
            del self.passes[0]
        return self.passes[-1]

    _running: Any = None
    last: Recording | None = None  # what a tool asks when no recording is named

    def _went(self, place: tuple[int, int], engine: Any, gradients: Any, arrived: Any) -> None:
        now = self._pass(engine, place)
        if now is not None:
            keep = (lambda g: g) if self.values else (lambda g: None if g is None else Stat.of(g))
            now.flows[place] = tuple(map(keep, gradients)), tuple(map(keep, arrived))

    def _cleared(self, owner: Any) -> None:
        """A zero_grad of an optimizer or a module: a setting of each gradient."""
        place = engines.users_place()
        self.sets += [("grad=", self._input(p), place, self.next) for p in engines.parameters(owner) if p.grad is not None]

    def _stepped(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """An optimizer's step: a write into all of its parameters."""
        if threading.get_ident() != self.thread:
            return
        call = Call("step", engines.users_place(), False, "", [])
        self.stepped.update(map(id, engines.parameters(optimizer)))
        call.inputs += [self._new(p, None) for p in engines.parameters(optimizer) if p.grad is not None]
        call.writes, call.index = True, self.next
        self.next += 1
        self.calls.append(call)

    def _root(self, module: Any) -> None:
        """Gives the modules under one that the program calls their paths, under the name of the variable that holds it."""
        name = engines.variable_name(module) or type(module).__name__
        while name in self.roots:
            name += "'"
        self.roots[name] = module
        for path, inner in module.named_modules():
            self.paths[id(inner)] = f"{name}.{path}" if path else name
        for path, parameter in module.named_parameters():
            self.named.setdefault(id(parameter), f"{name}.{path}")
        for path, held in engines.unregistered(module).items():
            if engines.is_tensor(held):
                self.named.setdefault(id(held), f"{name}.{path}")
            else:
                self.paths.update((id(m), f"{name}.{path}.{inner}".rstrip(".")) for inner, m in held.named_modules())
                self.named.update((id(p), f"{name}.{path}.{inner}") for inner, p in held.named_parameters())

    def _forget(self) -> None:
        call = self.calls.popleft()
        self.forgotten += 1
        for seen in call.results:
            t = seen.tensor
            if self.values and t is not None:
                self.held -= t.numel() * t.element_size()
            if t is not None and self.seen.get(id(t)) is seen:
                del self.seen[id(t)]
            seen.forget()
        for seen in call.inputs:
            t = seen.tensor
            if seen.call is None and t is not None and not t.requires_grad and self.seen.get(id(t)) is seen:
                del self.seen[id(t)]
                seen.forget()
        call.args = call.kwargs = call.function = None

    # ---------------------------------------------------------------------------------------------- running again
    def again(self, node: Any) -> Any:
        """A fresh copy of a node, made by running its operation once more on copies of what it was given; None where that cannot be done.

        Not where chance, or the user's own code, has a part in it, nor where an input has been overwritten since.
        """
        place = self.place_of(node)
        call = None if place is None else self.call(place[0])
        if (
            place is None
            or call is None
            or call.function is None
            or call.name in CHANCE
            or call.name in ("grad", "backward")
            or call.args
            and isinstance(call.args[0], type)
        ):
            return None
        inputs = {id(s.tensor): s for s in call.inputs if s.tensor is not None}
        if any(s.value() is None for s in call.inputs):
            return None
        with engines.aside():
            engine = engines.engine_of(node)

            def copied(value: Any) -> Any:
                if engines.is_tensor(value):
                    return value.detach().clone().requires_grad_(inputs[id(value)].tracked)
                if type(value) in (list, tuple):
                    return type(value)(map(copied, value))
                return {k: copied(v) for k, v in value.items()} if type(value) is dict else value

            args, kwargs = copied(call.args), copied(call.kwargs)
            with engine.enable_grad():
                if call.writes:  # a leaf must not be written: the operation gets a copy of it
                    args = tuple(a.clone() if engines.is_tensor(a) and a.requires_grad else a for a in args)
                result = call.function(*args, **kwargs)
            made = list(engines.flat(args[0] if call.writes and result is None else result))
            for tensor in made:
                if tensor.grad_fn is not None:
                    fresh = self._within(tensor.grad_fn, place[1])
                    if fresh is not None and fresh.name() == node.name():
                        self._replayed.append(made)
                        return fresh
        return None

    @staticmethod
    def _within(node: Any, nth: int) -> Any:
        """The nth node of a call, in the order in which `_mark` counts."""
        stack, room, seen = [node], 64, []
        while stack and room:
            n = stack.pop()
            if n is None or "AccumulateGrad" in n.name() or n in seen or n.name() == "CloneBackward0" and 64 - room > nth:
                continue
            if 64 - room == nth:
                return n
            seen.append(n)
            stack += [m for m, _ in n.next_functions]
            room -= 1
        return None

    # ---------------------------------------------------------------------------------------------- asking
    def call(self, index: int) -> Call | None:
        """The call of that number, unless it was forgotten."""
        at = index - self.forgotten
        if 0 <= at < len(self.calls) and self.calls[at].index == index:
            return self.calls[at]
        return next((c for c in self.calls if c.index == index), None)

    def of_node(self, node: Any) -> Call | None:
        """The call that made a node."""
        place = self.place_of(node)
        return None if place is None else self.call(place[0])

    def place_of(self, node: Any) -> tuple[int, int] | None:
        """Which call made a node, and which of that call's nodes it is."""
        if self.unmarked:
            self.mark()
        found = node.metadata.get(KEY) if node is not None else None
        return found[1:] if found is not None and found[0]() is self else None

    def of_tensor(self, tensor: Any) -> Seen | None:
        """A tensor as it was last seen."""
        seen = self.seen.get(id(tensor))
        return seen if seen is not None and seen.tensor is tensor else None

    def root_of(self, now: Pass) -> Any:
        """The tensor that a backward started from, if it still is there."""
        call = self.call(now.root[0]) if now.root is not None else None
        return next((r.tensor for r in call.results if r.tensor is not None and r.tracked), None) if call is not None else None

    def assigned(self, tensor: Any) -> str:
        """The variable that a tensor was assigned to on the line that made it, `z` for `z = w * x`; empty if the line says nothing of the kind."""
        seen = self.seen.get(id(tensor))
        call = seen.call if seen is not None and seen.tensor is tensor else None
        if call is None or call.place is None:
            return ""
        text = call.line.partition(": ")[2]
        match = TARGET.match(text)
        if not match or len(call.results) != 1 or seen.leaf and call.name.strip("_") not in text and "Parameter(" not in text:  # type: ignore[union-attr]
            return ""  # a leaf that something made by the way: a layer its weight
        code, at = call.place
        for index in range(call.index + 1, call.index + 200):
            after = self.call(index)
            if after is None:
                break
            if after.place is not None and after.place[0] is code:
                again = after.place[1] < at or after.place[1] == at and not call.module  # a module runs several operations at one place
                if again or after.where != call.where:
                    break  # the same statement once more, or the next
            if any(s is call.results[0] for s in after.inputs):
                return ""  # a part of what the statement computes
        return match[1]

    def __repr__(self) -> str:
        lost = f", {self.forgotten} forgotten" if self.forgotten else ""
        return f"<recording of {len(self.calls)} calls{lost}, {len(self.passes)} backwards; noting took {self.cost * 1e3:.1f} of {self.elapsed * 1e3:.1f} ms>"

    def __str__(self) -> str:
        rows = [repr(self)[1:-1]]
        for call in list(self.calls)[-200:]:
            shapes = ", ".join(f"{list(s.shape)}" for s in call.inputs)
            made = ", ".join(f"{list(s.shape)}{'' if s.tracked else ' (no gradient)'}" for s in call.results)
            note = f"   ✂ {call.cuts}" if call.cuts else ""
            rows.append(f"{call.index:5} {call.module + ' ' if call.module else ''}{call.name}({shapes}) → {made or '·'}{note}   {call.line}")
        return "\n".join(rows)


def _remove(handles: list[Any]) -> None:
    for handle in handles:
        with contextlib.suppress(Exception):
            handle.remove()


class _Hook:
    """On a node: tells the recording, if it still is there, what went through. Holds neither the recording nor the node."""

    __slots__ = ("recording", "place", "engine")

    def __init__(self, recording: Any, place: tuple[int, int], engine: Any):
        self.recording, self.place, self.engine = recording, place, engine

    def __call__(self, gradients: Any, arrived: Any) -> None:
        recording = self.recording()
        if recording is not None and not getattr(engines.paused, "on", 0):
            recording._went(self.place, self.engine, gradients, arrived)


def _inner(result: Any) -> list[Any]:
    """The tensors in a named tuple, such as those of max and sort."""
    return list(engines.flat(tuple(result))) if isinstance(result, tuple) else []


def _context(engine: Any) -> str:
    """What switched recording off."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.replace("\\", "/").endswith("utils/checkpoint.py"):
            return "reentrant checkpoint"
        frame = frame.f_back
    return "inference_mode()" if engine.is_inference_mode_enabled() else "no_grad()"


class record(contextlib.AbstractContextManager[Recording]):
    """Notes every operation on tensors inside the context, ours and PyTorch's: name, inputs, results, line, grad mode, module.

    The backwards of what was noted are noted too, also after the context. The other tools use the last recording unless they are
    given another: then they know lines, forward values, and what was cut off. The last one is kept until the next; `see.Recording.last = None`
    lets it go. `values="summary"` keeps a few numbers about each tensor instead of the tensor; `limit` calls and `megabytes` of results are
    held, older ones are forgotten. PyTorch has to be imported before. What is computed is not changed by it.

    Raises ValueError for another `values`.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> with see.record() as r:
    ...     w = gg.tensor(2.0, requires_grad=True)
    ...     y = (w * 3).detach() + 1
    >>> [(c.name, c.cuts) for c in r.calls]
    [('tensor', ''), ('mul', ''), ('detach', 'detach()'), ('add', '')]
    """

    def __init__(self, values: str = "all", limit: int = 20_000, megabytes: float = 1024.0):
        self.recording = Recording(values, limit, megabytes)

    def __enter__(self) -> Recording:
        Recording.last = r = self.recording
        r.thread = threading.get_ident()
        self.began = time.perf_counter()
        self.hooks = [importlib.import_module(e.__name__ + ".optim.optimizer").register_optimizer_step_post_hook(r._stepped) for e in engines.engines()]
        self.watch = Watch(r.see)
        self.watch.__enter__()
        return r

    def __exit__(self, *exc: Any) -> None:
        if self.watch.mode is None and engines.torch() is not None:
            warnings.warn("PyTorch was imported inside the recording: its operations were not seen. Import it before.", stacklevel=2)
        self.watch.__exit__(*exc)
        for hook in self.hooks:
            hook.remove()
        r = self.recording
        r.elapsed += time.perf_counter() - self.began
        start = time.perf_counter()
        r.mark()
        r.cost += time.perf_counter() - start


def latest(recording: Recording | None) -> Recording | None:
    """The recording that a tool was given, or the last one."""
    return recording if recording is not None else Recording.last
