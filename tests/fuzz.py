"""Random programs of views, writes in place, broadcasts and shared subexpressions, run alike in PyTorch and here.

A program is data: a list of steps on numbered tensors. `run(T, program)` returns everything that a user could see: which error each
step raised, the shape, flags, node, version and values of every tensor, and the gradients of the leaves. `text(program)` writes it as code.

    python tests/fuzz.py 10000 [FIRST]     runs that many against PyTorch, and prints the shortest that differ (make fuzz)
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable
from typing import Any

Step = tuple[str, str, int, int, float]  # kind, name, operand, second operand, number
SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 3), (1, 3), (2, 1), (3, 2), (2, 2, 3)]

UNARY: dict[str, Callable[..., Any]] = {
    **{n: (lambda T, x, y, c, n=n: getattr(x, n)()) for n in
       ("sin", "exp", "tanh", "neg", "abs", "sigmoid", "relu", "square", "clone", "cos", "reciprocal", "sum", "mean", "max", "double", "t")},
    "cumsum": lambda T, x, y, c: x.cumsum(0), "sum over 0": lambda T, x, y, c: x.sum(0), "logsumexp": lambda T, x, y, c: T.logsumexp(x, 0),
    "softmax": lambda T, x, y, c: T.softmax(x, 0), "scaled": lambda T, x, y, c: x * c, "power": lambda T, x, y, c: x**2,
}  # fmt: skip
BINARY: dict[str, Callable[..., Any]] = {
    **{n: (lambda T, x, y, c, n=n: getattr(T, n)(x, y)) for n in ("add", "mul", "sub", "div", "maximum")},
    "where": lambda T, x, y, c: T.where(x > 0, x, y), "cat": lambda T, x, y, c: T.cat([x, y]), "stack": lambda T, x, y, c: T.stack([x, y]),
}  # fmt: skip
VIEWS: dict[str, Callable[..., Any]] = {
    "view": lambda T, x, y, c: x.view(-1), "reshape": lambda T, x, y, c: x.reshape(-1, 1), "[0]": lambda T, x, y, c: x[0],
    "[1:]": lambda T, x, y, c: x[1:], "transpose": lambda T, x, y, c: x.transpose(0, -1), "unsqueeze": lambda T, x, y, c: x.unsqueeze(0),
    "squeeze": lambda T, x, y, c: x.squeeze(), "expand": lambda T, x, y, c: x.expand(2, *x.shape), "diagonal": lambda T, x, y, c: T.diagonal(x),
    "split": lambda T, x, y, c: x.split(1)[0], "unbind": lambda T, x, y, c: x.unbind(0)[-1], "chunk": lambda T, x, y, c: x.chunk(2)[0],
    "[..., :1]": lambda T, x, y, c: x[..., :1], "[:, 0]": lambda T, x, y, c: x[:, 0], "mT": lambda T, x, y, c: x.mT,
    "permute": lambda T, x, y, c: x.permute(*reversed(range(x.dim()))), "flatten": lambda T, x, y, c: x.flatten(),
    "view_as": lambda T, x, y, c: x.view_as(x), "[-1:]": lambda T, x, y, c: x[-1:], "detach": lambda T, x, y, c: x.detach(),
    "data": lambda T, x, y, c: x.data, "narrow": lambda T, x, y, c: x.narrow(0, 0, 1), "[None]": lambda T, x, y, c: x[None],
    "expand_as": lambda T, x, y, c: x.expand_as(y),
}  # fmt: skip
WRITES: dict[str, Callable[..., Any]] = {
    **{n: (lambda T, x, y, c, n=n: getattr(x, n)(y)) for n in ("add_", "mul_", "sub_", "copy_", "div_")},
    **{n: (lambda T, x, y, c, n=n: getattr(x, n)()) for n in ("exp_", "zero_", "sin_", "neg_", "relu_", "tanh_", "sigmoid_", "detach_")},
    "add_ number": lambda T, x, y, c: x.add_(c), "mul_ number": lambda T, x, y, c: x.mul_(c), "fill_": lambda T, x, y, c: x.fill_(c),
    "[0] =": lambda T, x, y, c: x.__setitem__(0, y), "[..., :1] = number": lambda T, x, y, c: x.__setitem__((..., slice(None, 1)), c),
    "[mask] = number": lambda T, x, y, c: x.__setitem__(x > 0, c), "[[0]] =": lambda T, x, y, c: x.__setitem__([0], y),
    "masked_fill_": lambda T, x, y, c: x.masked_fill_(x > 0, c), "clamp_": lambda T, x, y, c: x.clamp_(-1, 1),
    "[1:] +=": lambda T, x, y, c: x.__setitem__(slice(1, None), x[1:] + y), "pow_": lambda T, x, y, c: x.pow_(2),
    "copy_ broadcast": lambda T, x, y, c: x.copy_(y.sum()), "requires_grad_": lambda T, x, y, c: x.requires_grad_(),
}  # fmt: skip
KINDS = {"unary": UNARY, "binary": BINARY, "view": VIEWS, "write": WRITES, "write without grad": WRITES}
KNOWN = {
    3: "detach_ of a leaf with views: PyTorch's views still lead to it",
    158: "a write that neither fits nor is allowed: PyTorch says the other of the two",
}  # fmt: skip
ENDS = ("backward", "backward", "backward", "grad of grad", "twice")


def drawn(seed: int) -> list[Step]:
    """A program from a seed."""
    r = random.Random(seed)
    number = lambda: round(r.uniform(-2, 2), 2)  # noqa: E731
    leaf = lambda: ("leaf" if r.random() < 0.7 else "constant", "", r.randrange(len(SHAPES)), r.randrange(1000), 0.0)  # noqa: E731
    steps: list[Step] = [leaf() for _ in range(r.randint(1, 3))]
    for _ in range(r.randint(2, 9)):
        kind = r.choices([*KINDS, "leaf"], (25, 20, 25, 18, 5, 7))[0]
        steps.append(leaf() if kind == "leaf" else (kind, r.choice(list(KINDS[kind])), r.randrange(100), r.randrange(100), number()))
    steps.append(("end", r.choice(ENDS), r.randrange(1 << 12), 0, 0.0))
    return steps


def text(program: list[Step]) -> str:
    """The program as lines that name its tensors; a step that fails leaves out the name that it would have made."""
    return "\n".join(f"  {kind} {name} {first} {second} {number}" for kind, name, first, second, number in program)


def made_of(T: Any, kind: str, shape: int, seed: int) -> Any:
    """A leaf that requires grad, or a constant."""
    r, count = random.Random(seed), 1
    for n in SHAPES[shape]:
        count *= n
    x = T.tensor([round(r.uniform(-2, 2), 2) for _ in range(count)], dtype=T.float64).reshape(SHAPES[shape]).clone()
    return x.requires_grad_(kind == "leaf")


def run(T: Any, program: list[Step]) -> list[Any]:
    """What a user sees of a program."""
    tensors: list[Any] = []
    leaves: list[Any] = []
    seen: list[Any] = []
    for step in program:
        kind, name, first, *_ = step
        if kind == "end":
            seen += [_attempt(lambda t=t: _sight(t)) for t in tensors]
            seen += _end(T, name, first, tensors, leaves)
        else:
            take(T, step, tensors, seen)
            leaves += tensors[-1:] if kind == "leaf" else []
    return seen


def take(T: Any, step: Step, tensors: list[Any], seen: list[Any]) -> None:
    """Takes a step: what it makes goes to the tensors, what it raises into `seen`."""
    kind, name, first, second, number = step
    if kind in ("leaf", "constant"):
        tensors.append(made_of(T, kind, first, second))
        return
    x, y = tensors[first % len(tensors)], tensors[second % len(tensors)]
    _attempt(lambda: x.grad_fn)  # PyTorch takes a view whose base has got a node for a leaf until somebody looks, and refuses to write to it
    with T.set_grad_enabled(T.is_grad_enabled() and kind != "write without grad"):
        made = _attempt(lambda: KINDS[kind][name](T, x, y, number))
    if isinstance(made, str):
        seen.append(made)
    elif kind in ("unary", "binary", "view"):
        tensors.append(made)


def _attempt(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def _sight(t: Any) -> list[Any]:
    node = t.grad_fn.name() if t.grad_fn is not None else None
    return [tuple(t.shape), t.requires_grad, t.is_leaf, node, t._version, t._is_view(), t.detach().clone().reshape(-1).tolist()]


def _end(T: Any, how: str, chosen: int, tensors: list[Any], leaves: list[Any]) -> list[Any]:
    """Sums some of the tensors, each with a weight of its own, and differentiates."""
    seen: list[Any] = []
    total = None
    for k, t in enumerate(tensors):
        if chosen >> (k % 12) & 1 and t.requires_grad:
            term = _attempt(lambda t=t, k=k: (t * (k + 1)).sum())
            if isinstance(term, str):
                seen.append(term)
            else:
                total = term if total is None else total + term
    if total is None or not total.requires_grad:
        return seen

    def act() -> None:
        if how == "backward":
            total.backward()
        elif how == "twice":
            total.backward(retain_graph=True)
            total.backward()
        else:
            first = T.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
            seen.append([None if g is None else g.detach().reshape(-1).tolist() for g in first])
            again = [g.sum() for g in first if g is not None and g.requires_grad]
            if again:
                sum(again[1:], again[0]).backward()

    failed = _attempt(act)
    if failed is not None:
        return [*seen, failed]  # what a failing backward had accumulated by then depends on the order of its nodes
    return seen + [None if x.grad is None else x.grad.detach().clone().reshape(-1).tolist() for x in leaves]


def same(a: Any, b: Any) -> bool:
    """Whether two sights agree, numbers to rounding."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (a != a and b != b) or abs(a - b) <= 1e-9 * max(1, abs(a), abs(b))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


FIELDS = ("shape", "requires_grad", "is_leaf", "node", "version", "is_view", "values")


def _short(a: Any, b: Any) -> list[str]:
    """Where two sights part, in few words."""
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b) == len(FIELDS):
        field, a, b = next((f, x, y) for f, x, y in zip(FIELDS, a, b) if not same(x, y))
        return [field] if field == "values" else [f"{field} {a}", str(b)]
    return [x[:90] if isinstance(x, str) else type(x).__name__ for x in (a, b)]


def main(count: int, first: int = 0) -> int:
    """Runs `count` programs on both; returns how many differ."""
    import torch

    import glassgrad

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    kinds: dict[str, list[tuple[int, Any, Any, list[Step]]]] = {}
    differ = 0
    for seed in range(first, first + count):
        program = drawn(seed)
        theirs = run(torch, program)
        try:
            ours = run(glassgrad, program)
        except Exception as error:  # noqa: BLE001 - whatever escapes is a finding
            ours = [f"escaped: {error!r}"]
        if same(theirs, ours):
            continue
        differ += 1
        a, b = next(((x, y) for x, y in zip(theirs, ours) if not same(x, y)), (len(theirs), len(ours)))
        label = " | ".join(_short(a, b))
        kinds.setdefault(label, []).append((seed, a, b, program))
    for label, found in sorted(kinds.items(), key=lambda item: -len(item[1]))[:20]:
        seed, a, b, program = min(found, key=lambda f: len(f[3]))
        print(f"{len(found)} times: {label}\n{text(program)}\n  (seed {seed})\n  PyTorch:   {str(a)[:300]}\n  glassgrad: {str(b)[:300]}\n")
    print(f"{count:,} programs, {differ:,} differ from PyTorch's")
    return differ


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), *map(int, sys.argv[2:3]))))
