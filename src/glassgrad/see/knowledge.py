"""What is known of a node by its name: formulas, read off the declarations of our own operations, which bear PyTorch's names; and advice."""

from __future__ import annotations

import ast
import functools
import inspect
import operator
import re
import textwrap
from typing import Any

import numpy as np

from ..autograd.function import FunctionNode
from ..ops import arrays, later
from ..ops.op import OPS, Op
from ..recording import RecordingArray, Ref, Tape, TraceError, call_method
from .stat import number

# Nodes that compute many steps as one, so that nothing within them can be shown.
FUSED = frozenset(
    """mkldnn_rnn_layer lstm_mps thnn_fused_lstm_cell thnn_fused_gru_cell cudnn_rnn miopen_rnn scaled_dot_product_flash_attention_for_cpu
    scaled_dot_product_flash_attention scaled_dot_product_efficient_attention scaled_dot_product_fused_attention_overrideable checkpoint_function
    transformer_encoder_layer native_multi_head_attention lstm gru rnn rnn_tanh rnn_relu recurrent _recurrent""".split()
)
COPIES = frozenset("to_copy clone alias contiguous".split())
FLAT = frozenset("round floor ceil trunc sign heaviside floor_divide".split())  # derivative 0 (almost) everywhere
SAMPLES = frozenset("normal bernoulli multinomial poisson binomial exponential cauchy log_normal geometric uniform random".split())

# What to compute instead of an operation without a derivative, by the names of such.
SURROGATES = {
    "argmax argmin max min": "train on the scores themselves (cross_entropy on logits), use softmax for a soft choice, or gumbel_softmax",
    "sort topk argsort kthvalue": "positions have no derivative: use the values that came with them, or soft ranks: sigmoid((x[:, None] - x) / t).sum(1)",
    "gt lt ge le eq ne greater less logical_and logical_or logical_not isclose": "a comparison has no derivative: use a soft one, such as "
    "torch.sigmoid(k * (a - b)); or a loss on the scores",
    "long int short byte to type bool char nonzero floor_divide": "a cast to integers has no derivative: keep floating values for the loss; between the "
    "entries of a table interpolate",
    "bucketize searchsorted histc bincount": "counts and bins have no derivative: soft ones do, such as a sigmoid at each edge, or a kernel at each centre",
    " ".join(sorted(FLAT)): "use a smooth surrogate, or a straight-through estimator: x + (torch.round(x) - x).detach()",
    " ".join(sorted(SAMPLES)): "a sample has no derivative: write it as a function of noise, mu + sigma * torch.randn_like(sigma) (Normal.rsample); for a "
    "choice gumbel_softmax, or REINFORCE: -log_prob(sample) * reward",
}


def surrogate(name: str) -> str:
    """What to compute instead of an operation without a derivative; empty where nothing is known.

    >>> surrogate("bernoulli")[:26], surrogate("tanh")
    ('a sample has no derivative', '')
    """
    return _of(SURROGATES, name.rstrip("_"))


# Where a derivative is not finite, and what to write instead.
SAFE = {
    "sqrt": "the derivative 1/(2·√x) is infinite at 0: torch.sqrt(x.clamp_min(eps)), or torch.sqrt(x + eps)",
    "rsqrt": "the derivative is infinite at 0: torch.rsqrt(x.clamp_min(eps))",
    "log": "1/x is infinite at 0: torch.log(x.clamp_min(eps)); for log(softmax) use log_softmax, for log(1 + x) log1p",
    "log2": "1/x is infinite at 0: torch.log2(x.clamp_min(eps))",
    "log10": "1/x is infinite at 0: torch.log10(x.clamp_min(eps))",
    "log1_p": "1/(1+x) is infinite at -1: torch.log1p(x.clamp_min(-1 + eps))",
    "div": "the divisor is 0: divide by other.clamp_min(eps), or by torch.where(other == 0, 1, other)",
    "reciprocal": "1/x at 0: (x.clamp_min(eps)).reciprocal()",
    "pow": "an exponent below 1 has an infinite derivative at 0, and a negative base none: x.clamp_min(eps) ** p",
    "linalg_vector_norm": "the norm at 0 divided: torch.sqrt((x * x).sum() + eps)",
    "norm": "the norm at 0 divided: torch.sqrt((x * x).sum() + eps)",
    "exp": "exp overflowed (float32 above 88.7): subtract the maximum first, as softmax and logsumexp do, or clamp(max=…)",
    "acos": "1/√(1-x²) is infinite at ±1: torch.acos(x.clamp(-1 + eps, 1 - eps))",
    "asin": "1/√(1-x²) is infinite at ±1: torch.asin(x.clamp(-1 + eps, 1 - eps))",
    "atanh": "1/(1-x²) is infinite at ±1: torch.atanh(x.clamp(-1 + eps, 1 - eps))",
    "acosh": "infinite at 1: torch.acosh(x.clamp_min(1 + eps))",
    "linalg_svd linalg_eigh linalg_eig svd": "equal singular values or eigenvalues have no derivative of their vectors: use the values "
    "alone (svdvals, eigvalsh), or move the matrix by a little noise",
    "linalg_inv linalg_solve inverse det linalg_det logdet slogdet linalg_slogdet linalg_cholesky cholesky": "the matrix is singular, or nearly so: add "
    "eps * torch.eye(n)",
    "std": "the derivative of std is infinite where all values are equal: (x.var() + eps).sqrt()",
    "cdist": "a distance of 0 has no derivative: add eps under the root",
    "atan2": "both arguments are 0: move one of them by eps",
    "erfinv": "infinite at ±1: clamp to (-1 + eps, 1 - eps)",
    "logit": "infinite at 0 and 1: torch.logit(x, eps=1e-6)",
    "binary_cross_entropy": "log of 0: use binary_cross_entropy_with_logits on what comes before the sigmoid",
    "softmax log_softmax multi_head_attention_forward scaled_dot_product_attention": "a row of -inf only has no softmax: leave one element finite in each "
    "row of the mask",
}
# The same where the value itself is not finite, for other reasons than its derivative.
VALUES = {
    "std var std_mean var_mean": "std and var of one value divide by n − 1 = 0: give correction=0, or more than one value in that dimension",
    "mean nanmean": "the mean of no elements is 0/0: leave out a batch of which nothing is selected, or x.sum() / max(n, 1)",
    "cross_entropy nll_loss": "every target is ignored (ignore_index), or every weight is 0, so the mean is 0/0: leave out such a batch, or "
    "reduction='sum' divided by max(count, 1)",
    "indexing_ masked_fill masked_fill_ index_put_ nan_to_num": "a value that is not finite was written here: repair it, or select the finite rows",
}
POSITIVE = frozenset("log log2 log10 sqrt rsqrt log1p".split())
OUTGROWN = frozenset("add sub mul pow square sum linear mm matmul bmm addmm mv dot prod cumsum einsum conv2d mse_loss".split())


def _of(table: dict[str, str], name: str) -> str:
    return next((advice for names, advice in table.items() if name in names.split()), "")


def safe(name: str) -> str:
    """What to write instead of an operation whose derivative is not finite.

    >>> safe("acosh")
    'infinite at 1: torch.acosh(x.clamp_min(1 + eps))'
    """
    return _of(SAFE, name) or "keep the input of this operation where its derivative is finite"


def forward_advice(call: Any) -> tuple[str, str]:
    """Why a recorded call made a value that is not finite of finite ones, and what to write instead."""
    made = [s for r in call.results if (s := r.summary()) is not None]
    dtype = call.results[0].dtype.rpartition(".")[2] if call.results else "the dtype"
    large = any(s is None or max(abs(s.low), abs(s.high)) > 100 for s in (x.summary() for x in call.inputs) if s is None or s.count)  # None: overwritten since
    if call.name in OUTGROWN and large and any(s.infs for s in made):
        return (
            f"the numbers outgrew {dtype}",
            "make them smaller: normalise the inputs, initialise smaller, lower the learning rate"
            + ("; or compute in bfloat16 or float32" if dtype == "float16" else ""),
        )
    if call.name in POSITIVE and any(s.nans for s in made):
        return "", f"{call.name} is not defined for what is negative: x.clamp_min(eps) before it, or softplus for what has to stay positive"
    return "", _of(VALUES, call.name) or _of(SAFE, call.name) or "keep the inputs of this operation where it is finite"


@functools.cache
def _by_node() -> dict[str, Op]:
    import importlib

    importlib.import_module("glassgrad.nn.functional")
    for room in later.ROOMS:
        later.load(room)
    found: dict[str, Op] = {}
    for op in OPS.values():
        found.setdefault(op.node_name, op)
    return found


def op_of(node: Any) -> Op | None:
    """Our declaration of the operation that a node, ours or PyTorch's, belongs to."""
    return _by_node().get(node.name())


@functools.cache
def plain(name: str) -> str:
    """A node's name as the operation is called.

    >>> plain("MulBackward0"), plain("LogSoftmaxBackward0"), plain("torch::autograd::AccumulateGrad")
    ('mul', 'log_softmax', 'accumulate_grad')
    """
    name = name.rpartition("::")[2]
    name = re.sub(r"Backward\d*$", "", name) or name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def called(node: Any) -> str:
    """What the operation of a node is called."""
    return plain(node.name())


def is_user_function(node: Any) -> bool:
    """Whether a node belongs to a Function of the user's."""
    return isinstance(node, FunctionNode) or hasattr(type(node), "saved_tensors")


def parameter(node: Any, slot: int) -> str:
    """What an operation calls its input: self, other, weight."""
    op = op_of(node)
    if op is not None and slot < len(op.edges):
        return op.edges[slot]
    return f"input {slot}" if len(node.next_functions) > 1 else "self"


INFIX = {"add": "+", "sub": "−", "mul": "·", "div": "/", "pow": "^", "mm": "@", "mv": "@", "bmm": "@"}


def formula(node: Any) -> str:
    """The value of an operation as a formula of its inputs.

    >>> import glassgrad as gg
    >>> x = gg.tensor(2.0, requires_grad=True)
    >>> formula((x * x).grad_fn), formula(x.tanh().grad_fn)
    ('result = self · other', 'result = tanh(self)')
    """
    name, op = called(node), op_of(node)
    if accumulates(node):
        return "grad += what arrives"
    if op is None:
        return f"result = {name}({', '.join(f'input {i}' for i in range(len(node.next_functions)))})"
    if name == "pow" and len(op.tensors) == 1:
        return "result = self ^ exponent"
    if name in INFIX and len(op.tensors) == 2:
        return f"result = {op.tensors[0]} {INFIX[name]} {op.tensors[1]}"
    if name == "addmm":
        return "result = self + mat1 @ mat2"
    return f"result = {name}({', '.join(op.tensors)})"


def accumulates(node: Any) -> bool:
    """Whether a node is the end of an edge, where a leaf's gradient is added up."""
    return "AccumulateGrad" in node.name()


@functools.cache
def _rule_text(op_name: str, tensor: str) -> str:
    op = OPS[op_name]
    rule = op.rules[tensor]
    if op.node_name == "PowBackward0":
        return "exponent·self^(exponent − 1)"  # the rule says it with a case for exponent 0
    if not callable(rule):
        return number(rule)
    if op.kind == "elementwise":
        return traced(rule, op.wants[tensor]) or _source(rule)
    return _source(rule)


# What the gradient becomes where the derivative is no factor for each element.
BECOMES = {
    "sum": "to every element", "mean": "1/n to every element", "t": "transposed", "transpose": "transposed", "permute": "permuted back", "view": "reshaped",
    "reshape_alias": "reshaped", "unsafe_view": "reshaped", "unsqueeze": "reshaped", "squeeze": "reshaped", "expand": "summed", "clone": "the same",
    "to_copy": "cast back", "alias": "the same", "where": "1 where chosen", "masked_fill": "0 where filled", "select": "to its place", "slice": "to its place",
    "index": "to its places", "cat": "its part", "stack": "its part", "split": "to its place", "unbind": "to its place", "relu": "1 where result > 0",
    "gather": "to its places", "embedding": "to its rows", "max": "to the largest", "amax": "to the largest", "min": "to the smallest",
    "amin": "to the smallest",
    "cumsum": "summed from the end", "flip": "flipped", "nll_loss": "−1/n at the target", "log_softmax": "grad − softmax·Σgrad",
    "softmax": "result·(grad − Σ grad·result)",
}  # fmt: skip
PRODUCTS = {
    "mm": ("grad @ otherᵀ", "selfᵀ @ grad"), "bmm": ("grad @ otherᵀ", "selfᵀ @ grad"), "mv": ("grad ⊗ vec", "selfᵀ @ grad"),
    "addmm": ("summed over the batch", "grad @ mat2ᵀ", "mat1ᵀ @ grad"), "dot": ("grad·other", "grad·self"),
    "mse_loss": ("2·(self − target)/n", "2·(target − self)/n"),
}  # fmt: skip


def local(node: Any, slot: int) -> str:
    """The local derivative by an input (of an elementwise operation), or what the gradient becomes there; empty if it is not known.

    >>> import glassgrad as gg
    >>> x = gg.tensor(2.0, requires_grad=True)
    >>> local(x.tanh().grad_fn, 0), local((x * x).grad_fn, 0)
    ('1 − result·result', 'other')
    """
    name, op = called(node), op_of(node)
    if name in PRODUCTS:
        return PRODUCTS[name][slot] if slot < len(PRODUCTS[name]) else ""
    if name in BECOMES:
        return BECOMES[name]
    exponent = getattr(node, "_saved_exponent", None) if name == "pow" and len(node.next_functions) == 1 else None
    if isinstance(exponent, (int, float)):
        return f"{number(exponent)}·self" + (f"^{number(exponent - 1)}" if exponent != 2 else "")
    if op is None or slot >= len(op.edges):
        return ""
    text = _rule_text(op.name, op.edges[slot])
    return text if op.kind == "elementwise" or len(text) < 32 and "_" not in text and "arrays" not in text else ""


def is_elementwise(node: Any) -> bool:
    """Whether each element of the result depends on one element of each input."""
    op = op_of(node)
    return op is not None and op.kind == "elementwise"


BINARY = {np.add: ("+", 1), np.subtract: ("−", 1), np.multiply: ("·", 2), np.true_divide: ("/", 2), np.power: ("^", 4), np.float_power: ("^", 4)}
COMPARED = {np.less: "<", np.less_equal: "≤", np.greater: ">", np.greater_equal: "≥", np.equal: "=", np.not_equal: "≠"}
SHORT = {"absolute": "abs", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "true_divide": "/"}


def traced(rule: Any, names: tuple[str, ...]) -> str:
    """A rule as an infix formula of the names of its arguments; empty if it cannot be traced.

    >>> traced(lambda self, other: other / (self * self + 1), ("self", "other"))
    'other/(self·self + 1)'
    """
    tape = Tape()
    inputs = [tape.input(np.float64(0.5)) for _ in names]
    with np.errstate(all="ignore"):
        try:
            result = rule(*inputs)
        except (TraceError, TypeError, ValueError, AttributeError, IndexError, KeyError, ZeroDivisionError, RuntimeError):
            return ""
    if not isinstance(result, RecordingArray):
        return number(result) if np.ndim(result) == 0 else ""
    if len(tape.steps) > 40:
        return ""
    text: list[tuple[str, int]] = [(n, 9) for n in names]

    def of(value: Any, above: int = 0) -> str:
        if isinstance(value, Ref):
            said, strength = text[value.index]
            return f"({said})" if strength < above else said
        return number(value) if np.ndim(value) == 0 and not isinstance(value, (str, tuple, bool)) else str(value)

    for step in tape.steps[len(names) :]:
        f, args = step.function, step.args  # type: ignore[union-attr]
        if f in BINARY and len(args) == 2:
            sign, strength = BINARY[f]
            gap = " " if strength == 1 else ""
            text.append((f"{of(args[0], strength)}{gap}{sign}{gap}{of(args[1], strength + (sign in '−/'))}", strength))
        elif f in COMPARED:
            text.append((f"{of(args[0])} {COMPARED[f]} {of(args[1])}", 0))
        elif f is np.negative:
            text.append(("−" + of(args[0], 2), 1))
        elif f is np.square:
            text.append((of(args[0], 5) + "²", 4))
        elif f is np.sqrt:
            text.append((f"√({of(args[0])})", 9))
        elif f is np.where:
            text.append((f"({of(args[1])} where {of(args[0])}, else {of(args[2])})", 9))
        elif f in (np.conjugate, np.real, np.positive, arrays.astype) or f is call_method and args[1] == "astype":
            text.append((of(args[0]), text[args[0].index][1] if isinstance(args[0], Ref) else 9))
        elif f is arrays.passed:
            text.append((f"1 where {of(args[0])} > 0, else 0", 0))
        elif f is operator.getitem:
            text.append((of(args[0], 9), 9))
        else:
            name = getattr(f, "__name__", "f").removesuffix("_of")
            name = SHORT.get(name, name)
            text.append((f"{name}({', '.join(of(a) for a in args)})", 9))
    return text[result.index][0]


def _source(rule: Any) -> str:
    """The body of a rule that is a lambda on a line of its declaration."""
    try:
        source = textwrap.dedent(inspect.getsource(rule)).strip()
    except (OSError, TypeError):
        return ""
    start = source.find("lambda")
    if start < 0:
        return ""
    wanted = list(inspect.signature(rule).parameters)
    for begin in [m.start() for m in re.finditer("lambda", source)]:
        for end in range(len(source), begin, -1):
            try:
                tree = ast.parse(source[begin:end].strip(), mode="eval")
            except SyntaxError:
                continue
            found = next((n for n in ast.walk(tree) if isinstance(n, ast.Lambda)), None)
            if found is not None and [a.arg for a in found.args.args] == wanted:
                return ast.unparse(found.body)
            break
    return ""
