"""`check(f, *inputs)`: what several independent witnesses say about a gradient, and about each operation that it went through."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

import glassgrad

from . import engines
from .calls import Call
from .record import CHANCE, Recording, record
from .stat import number, values
from .verdict import Printed

ELEMENTS = 500  # of the inputs that finite differences move, at most


@dataclasses.dataclass
class Opinion:
    """What one witness says: a gradient for each input (None where it has none), or why it says nothing. `error` is relative to the largest element."""

    name: str
    gradients: list[Any] | None
    reason: str = ""
    error: float = 0.0


@dataclasses.dataclass
class Doubt:
    """An operation whose vjp does not agree with finite differences of its own values."""

    name: str
    line: str
    said: float
    measured: float


@dataclasses.dataclass(repr=False)
class Check(Printed):
    """The opinions, the engine's own first; `doubts` are the operations at fault; `agree` where all who spoke say the same."""

    inputs: list[str]
    opinions: list[Opinion]
    doubts: list[Doubt]
    calls: int
    tolerance: float

    @property
    def agree(self) -> bool:
        """Whether every witness that spoke agrees with the engine, and no operation is in doubt."""
        return not self.doubts and all(o.gradients is None or o.error <= self.tolerance for o in self.opinions)

    def __bool__(self) -> bool:
        return self.agree

    def __str__(self) -> str:
        rows = ["the gradient is confirmed" if self.agree else "the gradient is in doubt"]
        width = max(len(o.name) for o in self.opinions)
        for o in self.opinions:
            if o.gradients is None:
                rows.append(f"  {o.name:<{width}}  no opinion: {o.reason}")
            else:
                said = ", ".join(f"{n} {'None' if g is None else values(g, 4)}" for n, g in zip(self.inputs, o.gradients))
                mark = "" if o is self.opinions[0] else f"   {'agrees' if o.error <= self.tolerance else 'DISAGREES'} ({number(o.error, 2)})"
                rows.append(f"  {o.name:<{width}}  {said}{mark}" + (f"   ({o.reason})" if o.reason else ""))
        rows.append(f"  {self.calls} operations checked one by one, {len(self.doubts)} in doubt")
        rows += [f"  ! {d.name}: its vjp says {number(d.said)}, its values say {number(d.measured)}   {d.line}" for d in self.doubts]
        return "\n".join(rows)


def check(f: Callable[..., Any], *inputs: Any, timeout: float = 5.0, tolerance: float = 1e-3) -> Check:
    """Asks four witnesses for the gradient of `f`, a function of tensors with one number as its value, at `inputs`.

    They are the inputs' own engine; the other engine, if PyTorch is imported and `f` runs on it; finite differences (central, of fourth
    order, in float64); SymPy, if it is installed and the formula can be recorded. Then each operation is checked alone: the product of
    its vjp with random directions against differences of its values, which names the operation that is wrong (a Function's backward).
    Finite differences see kinks as disagreement: `see.kinks` tells. Errors are relative to the largest element; below `tolerance` is agreement.

    Raises ValueError if the value of `f` is not one number.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> c = see.check(lambda x: (x * x).sum(), gg.tensor([1.0, 2.0]), timeout=0)
    >>> c.agree, c.opinions[0].gradients[0].tolist()
    (True, [2.0, 4.0])
    """
    given = [t.detach().clone().requires_grad_(True) for t in inputs]
    engine = engines.engine_of(given[0])
    names = _names(f, len(given))
    before = Recording.last
    with record() as recording:
        loss = f(*given)
    Recording.last = before
    if not engines.is_tensor(loss) or loss.numel() != 1:
        raise ValueError(f"f must give one number; it gave {f'shape {list(loss.shape)}' if engines.is_tensor(loss) else type(loss).__name__}")
    with engines.aside():
        own = engine.autograd.grad(loss, given, allow_unused=True, retain_graph=True) if loss.requires_grad else [None] * len(given)
        mine = [None if g is None else engines.array(g).astype(np.float64) for g in own]
        opinions = [Opinion(engine.__name__, mine)]
        opinions.append(_elsewhere(f, given, engine))
        opinions.append(_differences(f, given, engine))
        opinions.append(_sympy(f, given, names, timeout))
        for o in opinions[1:]:
            o.error = _apart(mine, o.gradients)
        doubts, count = _one_by_one(recording, engine, tolerance)
    return Check(names, opinions, doubts, count, tolerance)


def _names(f: Any, n: int) -> list[str]:
    import inspect

    try:
        found = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        found = []
    return found[:n] if len(found) >= n else [f"input {i}" for i in range(n)]


def _apart(mine: list[Any], theirs: list[Any] | None) -> float:
    """The largest difference, relative to the largest element of ours; NaN in theirs is no opinion."""
    if theirs is None:
        return 0.0
    scale = max([float(np.abs(g[np.isfinite(g)]).max()) for g in mine if g is not None and np.isfinite(g).any()], default=0.0)
    worst = 0.0
    for a, b in zip(mine, theirs):
        a = np.zeros(()) if a is None else a
        b = np.zeros(()) if b is None else b
        known = np.isfinite(b)
        gap = np.abs(np.where(known, a - np.where(known, b, 0), 0))
        worst = max(worst, float(np.where(np.isnan(gap), np.inf, gap).max()) if gap.size else 0.0)
    return worst / max(scale, 1e-12) if scale > 1e-12 else worst


def _elsewhere(f: Any, given: list[Any], engine: Any) -> Opinion:
    """The other engine's opinion."""
    other = engines.torch() if engine is glassgrad else glassgrad
    if other is None:
        return Opinion("torch", None, "PyTorch is not imported")
    try:
        moved = [other.from_numpy(np.array(engines.array(t))).requires_grad_(True) for t in given]
        with other.enable_grad():
            y = f(*moved)
        if not isinstance(y, other.Tensor):
            return Opinion(other.__name__, None, f"f gives {type(y).__module__} there: it calls functions of one engine")
        got = other.autograd.grad(y, moved, allow_unused=True)
    except Exception as error:  # noqa: BLE001 - f may be written for one engine
        return Opinion(other.__name__, None, f"f does not run there ({(str(error).splitlines() or [type(error).__name__])[0][:80]})")
    return Opinion(other.__name__, [None if g is None else engines.array(g).astype(np.float64) for g in got])


def _differences(f: Any, given: list[Any], engine: Any) -> Opinion:
    """(f(x−2h) − 8f(x−h) + 8f(x+h) − f(x+2h)) / 12h."""
    arrays = [np.array(engines.array(t), np.float64) for t in given]
    total = sum(a.size for a in arrays)
    reason = "" if total <= ELEMENTS else f"{ELEMENTS} of {total} elements"

    def at(moved: list[Any]) -> float:
        return float(engines.array(f(*[engine.from_numpy(np.array(a)) if a.ndim else engine.tensor(float(a), dtype=engine.float64) for a in moved])))

    found = [np.full(a.shape, np.nan) for a in arrays]
    places = [(i, j) for i, a in enumerate(arrays) for j in np.ndindex(a.shape)]
    try:
        for i, j in places[:: -(-len(places) // ELEMENTS) or 1]:
            h = 1e-3 * max(abs(float(arrays[i][j])), 1e-1)
            seen = []
            for k in (-2, -1, 1, 2):
                moved = [a.copy() for a in arrays]
                moved[i][j] += k * h
                seen.append(at(moved))
            found[i][j] = (seen[0] - 8 * seen[1] + 8 * seen[2] - seen[3]) / (12 * h)
    except Exception as error:  # noqa: BLE001 - f may want one dtype
        return Opinion("finite differences", None, f"f does not run in float64 ({(str(error).splitlines() or [type(error).__name__])[0][:80]})")
    return Opinion("finite differences", found, reason)


def _sympy(f: Any, given: list[Any], names: list[str], timeout: float) -> Opinion:
    """The gradient of the recorded formula, differentiated by SymPy."""
    if timeout <= 0:
        return Opinion("SymPy", None, "not asked")
    from ..study.function import as_function
    from ..study.symbolic import COMPONENTS, ask

    try:
        with glassgrad.enable_grad():
            function, x = as_function(f, {n: np.array(engines.array(t), np.float64) for n, t in zip(names, given)})
            if function.size > COMPONENTS:
                return Opinion("SymPy", None, f"{function.size} variables are too many for a formula")
            program, tape = function.record(x)
        answers = ask(function, program, [b.taken for b in tape.branches], [x], [], timeout)
    except Exception as error:  # noqa: BLE001 - what cannot be recorded has no formula
        return Opinion("SymPy", None, f"no formula ({(str(error).splitlines() or [type(error).__name__])[0][:80]})")
    if "values" not in answers:
        return Opinion("SymPy", None, str(answers.get("cut", "no answer")))
    flat, found, start = np.array(answers["values"][0], float), [], 0
    for t in given:
        found.append(flat[start : start + t.numel()].reshape(tuple(t.shape)))
        start += t.numel()
    return Opinion("SymPy", found, "at this branch only" if tape.branches or tape.looks else "")


# ------------------------------------------------------------------------------------------------ one by one
def _one_by_one(recording: Recording, engine: Any, tolerance: float) -> tuple[list[Doubt], int]:
    """Each recorded operation alone: ⟨v, J·u⟩ from its values against ⟨Jᵀ·v, u⟩ from its node."""
    random = np.random.default_rng(0)
    doubts, count = [], 0
    for call in recording.calls:
        if call.writes or call.name in CHANCE or not any(r.tracked for r in call.results) or not any(s.tracked for s in call.inputs):
            continue
        if any(s.value() is None for s in call.inputs):
            continue
        try:
            said, measured = _directional(call, engine, random)
        except Exception:  # noqa: BLE001 - an operation that does not run in float64 is left to the whole
            continue
        count += 1
        if not abs(said - measured) <= max(tolerance, 1e-4) * max(abs(said), abs(measured), 1e-6):
            doubts.append(Doubt(call.name, call.line, said, measured))
    return doubts, count


def _directional(call: Call, engine: Any, random: Any) -> tuple[float, float]:
    tracked = {id(s.tensor) for s in call.inputs if s.tracked}
    arrays = {id(s.tensor): np.array(engines.array(s.tensor), np.float64) for s in call.inputs if s.dtype.rpartition(".")[2].startswith("float")}
    directions = {k: random.choice([-1.0, 1.0], size=a.shape) for k, a in arrays.items() if k in tracked}

    def run(shift: float, grad: bool) -> tuple[list[Any], list[Any]]:
        made: dict[int, Any] = {}

        def moved(value: Any) -> Any:
            if engines.is_tensor(value):
                if id(value) not in made:
                    a = arrays.get(id(value))
                    if a is None:
                        made[id(value)] = value.detach().clone()
                    else:
                        t = engine.tensor((a + shift * directions[id(value)]) if id(value) in directions else a, dtype=engine.float64)
                        made[id(value)] = t.requires_grad_(grad and id(value) in tracked)
                return made[id(value)]
            if type(value) in (list, tuple):
                return type(value)(map(moved, value))
            return {k: moved(v) for k, v in value.items()} if type(value) is dict else value

        with engine.enable_grad():
            out = call.function(*moved(call.args), **moved(call.kwargs))
        results = [t for t in engines.flat(out) if t.is_floating_point()]
        return results, [made[k] for k in directions if k in made]

    results, leaves = run(0.0, True)
    live = [r for r in results if r.requires_grad]
    weights = [random.normal(size=tuple(r.shape)) for r in live]
    got = engine.autograd.grad(live, leaves, [engine.tensor(w, dtype=engine.float64) for w in weights], allow_unused=True)
    keys = list(directions)
    said = sum(float((engines.array(g) * directions[k]).sum()) for g, k in zip(got, keys) if g is not None)
    chosen = [i for i, r in enumerate(results) if r.requires_grad]
    h = 1e-5

    def total(shift: float) -> float:
        out, _ = run(shift, False)
        return sum(float((engines.array(out[i]) * w).sum()) for i, w in zip(chosen, weights))

    return said, (total(h) - total(-h)) / (2 * h)
