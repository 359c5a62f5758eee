"""Why a gradient is zero although its tensor is connected."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import engines
from .gradients import HOOK, Sight, hooked, local_number
from .graph import saved
from .knowledge import FLAT, SAMPLES, called, is_elementwise, is_user_function, surrogate
from .stat import Stat, number
from .verdict import Verdict

RECTIFIERS = frozenset("relu threshold hardtanh relu6 leaky_relu clamp clamp_min clamp_max elu hardsigmoid hardswish".split())
PRODUCTS = frozenset("mul mm bmm mv dot addmm linear baddbmm".split())
CHOICES = frozenset(
    """where masked_fill index select slice gather max min amax amin topk sort maximum minimum index_select masked_select
    max_pool2_d_with_indices""".split()
)
NORMS = frozenset("native_batch_norm native_layer_norm native_group_norm cudnn_batch_norm miopen_batch_norm".split())
CRITICAL = frozenset("pow abs sqrt linalg_vector_norm norm cos sin square mse_loss cosh atan2 cdist".split())


def zero(sight: Sight, target: Any, title: str, value: Any) -> Verdict:
    """The verdict on a gradient that is zero although the tensor is connected."""
    reach = sight.graph.reaching(target)
    frontier: list[tuple[Any, int]] = []
    for node in sight.graph.nodes:
        if node not in reach:
            continue
        got = [s for s in map(sight.stat, sight.flows.arriving.get(node, ())) if s is not None]
        if not any(s.norm > 0 or not s.finite for s in got):
            hook = hooked(sight, node, lambda s: s.norm > 0)
            if hook is not None:
                what, line = hook
                return Verdict("zero", f"{title} is 0: {what} made 0 of the gradient that arrived.", HOOK[0], line, HOOK[1], value=value)
            continue
        for slot, (below, _) in enumerate(sight.graph.edges[node] if node is not target else ()):
            if below in reach:
                s = sight.stat(sight.flows.along.get((node, slot)))
                if s is None or s.norm == 0 and s.finite:
                    frontier.append((node, slot))
    parts = [s for s in (sight.stat(sight.flows.along.get(u)) for u in sight.graph.users.get(target, ())) if s is not None]
    if not frontier and len(parts) > 1 and any(p.norm > 0 for p in parts):
        said = " + ".join(str(p) for p in parts[:6])
        return Verdict("zero", f"{title} is 0: connected, and its {len(parts)} contributions cancel.", f"{said} = 0", value=value)
    if not frontier:
        return Verdict("zero", f"{title} is 0: connected, but the gradient that backward started from is 0.", value=value)
    node, slot = frontier[0]
    cause, fix = _why_zero(sight, node, slot)
    said = f"{title} is 0: connected, derivative 0 ({sight.short(node)}{sight.place(node)}: {cause})."
    answer = Verdict("zero", said, cause, sight.line(node), fix, value=value)
    answer.details += [f"also {sight.short(n)}{sight.place(n)}: {_why_zero(sight, n, k)[0]}" for n, k in frontier[1:5]]
    return answer


def shut(sight: Sight, node: Any) -> Any:
    """Of a relu: which elements let nothing through; None where its result is not to be had."""
    result = saved(node).get("result")
    if not engines.is_tensor(result):
        call = sight.call(node)
        result = call.results[0].value() if call is not None and call.results else None
    return engines.array(result) <= 0 if engines.is_tensor(result) else None


def dead(sight: Sight, node: Any) -> tuple[int, int] | None:
    """Of a relu: how many elements let nothing through, and how many there are."""
    found = shut(sight, node)
    return None if found is None else (int(found.sum()), int(found.size))


def _why_zero(sight: Sight, node: Any, slot: int) -> tuple[str, str]:
    """The cause and the fix."""
    name = called(node)
    small = _underflow(sight, node, slot)
    if is_user_function(node):
        own = sight.short(node)
        return f"its backward returned 0 for input {slot}", f"mend {own}.backward: see.check({own}.apply, x) compares it with finite differences"
    if name in ("threshold_backward", "leaky_relu_backward", "hardtanh_backward"):
        return (
            "the slope of a relu is constant on each side: its own derivative is 0",
            "a smooth activation (softplus, silu, tanh) where second derivatives matter",
        )
    if name in FLAT:
        return f"{name} is constant between its steps: its derivative is 0", surrogate(name)
    if name in SAMPLES:
        return f"a sample of {name} does not move with its parameters: 0 is its derivative", surrogate(name)
    if small:
        return small, "scale the loss up before backward and the gradients down after it (GradScaler does), or compute in bfloat16 or float32"
    if name in NORMS:
        return (
            f"{name} takes the mean out again: inputs that are all equal leave nothing, nor does a gradient that is the same for all",
            "look at what goes in (a batch of equal rows?), and at the loss: a plain sum of normalised values is a constant",
        )
    if name == "softmax" and _equal(sight, node):
        return (
            "its results add up to 1, and what comes after takes them all alike: that is a constant",
            "a loss that tells them apart: cross_entropy, or a product with a target",
        )
    if name in ("softmax", "log_softmax") and _along(sight, node) == 1:
        return (
            f"{name} over a dimension of size 1 is always {'1' if name == 'softmax' else '0'}, whatever goes in",
            "sigmoid and binary_cross_entropy_with_logits for one output; two outputs or more for softmax; or another dim=",
        )
    if name in RECTIFIERS:
        count = dead(sight, node) if name == "relu" else None
        if count is not None:
            return f"{count[0]} of {count[1]} inputs are ≤ 0", "leaky_relu, a smaller learning rate, or another initialisation"
        return (
            "every input that matters lies where it is flat",
            f"bring the values back between the limits, or let the gradient pass: x + ({name.partition('_')[0]}(x, …) - x).detach()",
        )
    if name in PRODUCTS:
        factor = _zero_factor(sight, node, slot)
        if factor:
            fix = "a factor of 0 passes no gradient: look where it is made; weights that begin at 0 must be initialised at random"
            return f"the other factor is 0{factor.rstrip()}", fix
        return f"the terms that {name} adds up cancel", ""
    if name in ("sigmoid", "tanh", "softmax", "log_softmax", "erf", "hardsigmoid"):
        return f"{name} is saturated: its derivative is smaller than the dtype can hold", "scale its input down (normalisation, initialisation, learning rate)"
    if name == "embedding":
        return "every index is its padding_idx, whose row gets no gradient", "give real tokens other indices than padding_idx"
    if name in CHOICES:
        return f"{name} did not choose any of its elements", "a smooth form lets all take part: logsumexp or softmax for max, a soft mask for where"
    if name in CRITICAL:
        return (
            f"the derivative of {name} is 0 at this value: a critical point, or a kink where 0 is chosen",
            "nothing is wrong if this is the minimum; else start elsewhere",
        )
    if name in ("copy_slices", "index_put", "zero", "fill", "copy"):
        return "the values were overwritten", "write into a clone, or build the result with torch.where or torch.cat"
    return f"{name} passes 0 on", ""


def _equal(sight: Sight, node: Any) -> bool:
    """Whether the gradient that arrives at a softmax is the same along the dimension that it sums over, which is longer than 1."""
    arrived, dim = sight.flows.arriving.get(node), _dim(node)
    if not arrived or not engines.is_tensor(arrived[0]) or dim is None or not arrived[0].shape or (_along(sight, node) or 0) < 2:
        return False
    return bool((np.ptp(engines.array(arrived[0]), axis=dim) == 0).all())


def _dim(node: Any) -> int | None:
    dim = getattr(node, "_saved_dim", None)
    return dim - 2**64 if dim is not None and dim >= 2**63 else dim  # PyTorch shows it without a sign


def _along(sight: Sight, node: Any) -> int | None:
    """How long the dimension is that a softmax sums over."""
    dim, arrived = _dim(node), sight.flows.arriving.get(node)
    shape = sight.stat(arrived[0]).shape if arrived and arrived[0] is not None else None  # type: ignore[union-attr]
    if dim is None or not shape:
        return None
    return shape[dim]


def _underflow(sight: Sight, node: Any, slot: int) -> str:
    """`0.0001 × 0.0001 is less than float16 can hold`, where that made the 0."""
    arrived = sight.flows.arriving.get(node)
    if not arrived or not engines.is_tensor(arrived[0]):
        return ""
    dtype = str(arrived[0].dtype).rpartition(".")[2]
    g = engines.array(arrived[0])
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(g))), g.shape)) if g.size else ()
    if is_elementwise(node):
        factor = local_number(sight, node, slot, index) if g.size else None
        return f"{number(g[index])} × {number(factor)} is less than {dtype} can hold" if factor and np.isfinite(factor) else ""
    if called(node) in PRODUCTS and dtype in ("float16", "bfloat16") and not _zero_factor(sight, node, slot):
        return f"{number(g[index])} times the other factor is less than {dtype} can hold"
    return ""


def _zero_factor(sight: Sight, node: Any, slot: int) -> str:
    """`, net.1.weight`: the factor of a product that is all 0, as far as it can be seen; empty if none is."""
    call, below = sight.call(node), sight.graph.edges[node][slot][0]
    own = {below, *(n for n, _ in below.next_functions)} if below is not None else set()  # its transpose stands between a weight and addmm
    for s in call.inputs if call is not None else ():
        value = s.value()
        edge = engines.edge(value) if value is not None else None
        if (
            value is not None
            and (edge is None or edge[0] not in own)
            and engines.is_differentiable(s.dtype)
            and value.numel()
            and Stat.of(value).norm == 0
        ):
            return f": {sight.names.of(value)}"
    kept = [v for v in saved(node).values() if engines.is_tensor(v)]
    return " " if any(Stat.of(v).norm == 0 for v in kept) else "" if kept else " "
