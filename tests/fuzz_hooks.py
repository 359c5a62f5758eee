"""Random programs as in fuzz.py with hooks between their steps: on tensors, nodes and saved tensors, and backwards with chosen ends.

    python tests/fuzz_hooks.py 10000 [FIRST]     runs that many against PyTorch, and prints the shortest that differ
"""

from __future__ import annotations

import os
import pickle
import random
import sys
import warnings
from typing import Any

from fuzz import _attempt, drawn, same, take

CRASH = "PyTorch's process dies of it"
KNOWN = {
    3: "detach_ of a leaf with views: PyTorch's views still lead to it",
    198: CRASH, 221: CRASH, 272: CRASH,
}  # fmt: skip
HOOKS = ("tensor", "tensor", "doubled", "retain", "retain", "before", "after", "accumulated", "removed", "saved")


def _total(g: Any) -> Any:
    return None if g is None else [tuple(g.shape), float(g.detach().sum())]


def _hang(T: Any, kind: str, name: Any, t: Any, seen: list[Any]) -> None:
    """Registers a hook of some kind on a tensor; what it sees goes into `seen`."""
    if kind == "tensor":
        t.register_hook(lambda g: seen.append(["tensor", name, _total(g)]))
    elif kind == "doubled":
        t.register_hook(lambda g: None if g is None else g * 2)
    elif kind == "retain":
        t.retain_grad()
    elif kind == "before":
        t.grad_fn.register_prehook(lambda gs: seen.append(["before", name, [_total(g) for g in gs]]))
    elif kind == "after":
        t.grad_fn.register_hook(lambda gi, go: seen.append(["after", name, [_total(g) for g in go]]))
    elif kind == "accumulated":
        t.register_post_accumulate_grad_hook(lambda p: seen.append(["accumulated", name, _total(p.grad)]))
    elif kind == "removed":
        t.register_hook(lambda g: seen.append("this hook is gone")).remove()
    elif kind == "saved":
        t.grad_fn._raw_saved_self.register_hooks(lambda s: s.clone(), lambda s: s * 1)


def run(T: Any, seed: int) -> list[Any]:
    """What a user sees of the program of a seed."""
    r = random.Random(seed + 1)
    tensors: list[Any] = []
    seen: list[Any] = []
    packing = T.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t) if r.random() < 0.2 else None
    if packing:
        packing.__enter__()
    try:
        for step in drawn(seed)[:-1]:
            take(T, step, tensors, seen)
            if r.random() < 0.5:
                i, hook = r.randrange(len(tensors)), r.choice(HOOKS)
                found = _attempt(lambda i=i, hook=hook, step=len(seen): _hang(T, hook, i, tensors[i], seen))
                seen.append(found)
    except AttributeError as error:  # a node that a leaf or a constant has not
        seen.append(str(error).splitlines()[0])
    finally:
        if packing:
            packing.__exit__()
    end, chosen = r.choice(("backward", "backward", "inputs", "grad", "create_graph")), [r.randrange(len(tensors)) for _ in range(r.randint(1, 3))]
    loss = _attempt(lambda: sum((t.sum() for t in tensors if t.requires_grad), T.zeros((), dtype=T.float64)))
    if isinstance(loss, str):
        return [*seen, loss]
    ends = [tensors[i] for i in chosen]
    if end == "backward":
        seen.append(_attempt(loss.backward))
    elif end == "create_graph":
        seen.append(_attempt(lambda: loss.backward(create_graph=True)))
    elif end == "inputs":
        seen.append(_attempt(lambda: loss.backward(inputs=ends)))
    else:
        found = _attempt(lambda: T.autograd.grad(loss, ends, allow_unused=True))
        seen.append(found if isinstance(found, str) else [_total(g) for g in found])
    seen += [_total(t.grad) for t in tensors]
    return seen


def apart(T: Any, seed: int) -> Any:
    """The same in a process of its own: None when that dies of it."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        with os.fdopen(into, "wb") as pipe:
            pickle.dump(run(T, seed), pipe)
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        found = pipe.read()
    return pickle.loads(found) if os.waitpid(child, 0)[1] == 0 else None


def main(count: int, start: int) -> None:
    import torch

    import glassgrad

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    wrong, crashed = [], []
    for seed in range(start, start + count):
        theirs = apart(torch, seed)
        if theirs is None:
            crashed.append(seed)
            continue
        ours = run(glassgrad, seed)
        if not same(ours, theirs):
            wrong.append((len(drawn(seed)), seed, ours, theirs))
    for _, seed, ours, theirs in sorted(wrong, key=lambda w: w[:2])[:5]:
        print(f"seed {seed}", *drawn(seed)[:-1], sep="\n  ")
        at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if not same(a, b)), -1)
        print(f"  ours    {ours[at] if at >= 0 else ours}\n  PyTorch {theirs[at] if at >= 0 else theirs}\n  before  {theirs[:at]}")
    print(f"{count} programs with hooks: {len(wrong)} differ {[w[1] for w in wrong][:40]}, {len(crashed)} crash PyTorch's process {crashed[:40]}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
