"""One row an op: how to call it, and inputs to call it with. Every generic test runs over this table."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Row:
    """`call(T, *tensors)`; `domain` of the values; `shapes` one tuple of input shapes a sample; `ops` the declared ops it runs."""

    name: str
    call: Callable[..., Any]
    shapes: list[tuple[tuple[int, ...], ...]]
    domain: tuple[float, float] = (-2.0, 2.0)
    ops: tuple[str, ...] = ()
    elementwise: bool = False
    smooth: bool = True  # differentiable where the samples lie
    others: dict[str, Any] = field(default_factory=dict)

    def inputs(self, sample: int, dtype: str = "float64") -> list[np.ndarray]:
        rng = np.random.default_rng(zlib.crc32(f"{self.name} {sample}".encode()))
        return [np.asarray(rng.uniform(*self.domain, s)).astype(dtype) for s in self.shapes[sample]]


ONE = [((3,),), ((2, 3),), ((),), ((0,),), ((2, 1, 3),)]
TWO = [((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), ()), ((2, 3), ()), ((0,), (1,))]
MATRIX = [((2, 3),), ((3,),), ((2, 3, 2),)]


def unary(name: str, domain: tuple[float, float] = (-2.0, 2.0), smooth: bool = True, ops: tuple[str, ...] = ()) -> Row:
    return Row(name, lambda T, x: getattr(T, name)(x), ONE, domain, ops or (name,), True, smooth)


def binary(name: str, domain: tuple[float, float] = (0.5, 2.0), smooth: bool = True, ops: tuple[str, ...] = ()) -> Row:
    return Row(name, lambda T, x, y: getattr(T, name)(x, y), TWO, domain, ops or (name,), True, smooth)


def row(name: str, call: Callable[..., Any], shapes: list[Any], *ops: str, domain: tuple[float, float] = (-2.0, 2.0), smooth: bool = True) -> Row:
    return Row(name, call, shapes, domain, ops, False, smooth)


def last(T: Any, x: Any) -> int:
    return x.ndim - 1


ROWS = [
    *[unary(n) for n in "exp exp2 expm1 sin cos tanh sinh cosh sigmoid erf atan asinh neg abs".split()],
    *[unary(n, (0.3, 3.0)) for n in "log log1p log2 log10 sqrt rsqrt reciprocal".split()],
    *[unary(n, (-0.9, 0.9)) for n in "asin acos atanh tan".split()],
    Row("softplus", lambda T, x: T.nn.functional.softplus(x), ONE, ops=("softplus",), elementwise=True),
    Row("softplus scaled", lambda T, x: T.nn.functional.softplus(x, 2.0, 1.5), ONE, ops=("softplus",)),
    unary("acosh", (1.2, 3.0)),
    *[unary(n) for n in "deg2rad rad2deg".split()],
    unary("frac", smooth=False),
    binary("hypot"),
    binary("logaddexp"),
    unary("square", ops=("_pow_number",)),
    *[unary(n, smooth=False) for n in "sign floor ceil trunc relu".split()],
    row("sgn", lambda T, x: T.sgn(x), ONE, "sgn", smooth=False),
    unary("round", smooth=False, ops=("_round",)),
    *[binary(n) for n in "add sub mul div".split()],
    binary("atan2"),
    binary("pow", ops=("_pow_tensor",)),
    binary("maximum", (-2.0, 2.0)),
    binary("minimum", (-2.0, 2.0)),
    binary("remainder", (0.5, 3.0), False),
    binary("fmod", (0.5, 3.0), False),
    row("add alpha", lambda T, x, y: T.add(x, y, alpha=2.5), TWO),
    row("sub alpha", lambda T, x, y: T.sub(x, y, alpha=2), TWO),
    row("numbers", lambda T, x: 2 * x + 3 - (1 - x) / 2 + 3 / (x + 5), ONE, "_rsub", "mul", "reciprocal"),
    row("number powers", lambda T, x: x**3 + x**2.5 + x**-1 + x**0 + x**1, ONE, "_pow_number", domain=(0.5, 2.0)),
    row("power of a number", lambda T, x: 2.5**x + 1**x, ONE, "_pow_base", domain=(0.5, 2.0)),
    row("remainder number", lambda T, x: x % 0.7, ONE, "_remainder_number", smooth=False),
    row("fmod number", lambda T, x: T.fmod(x, 0.7), ONE, "_fmod_number", smooth=False),
    row("div floor", lambda T, x, y: T.div(x, y, rounding_mode="floor"), TWO, "_div_floor", domain=(0.5, 3.0), smooth=False),
    row("div trunc", lambda T, x, y: T.div(x, y, rounding_mode="trunc"), TWO, "_div_trunc", domain=(0.5, 3.0), smooth=False),
    row("round decimals", lambda T, x: T.round(x, decimals=1), ONE, "_round_decimals", smooth=False),
    row("clamp", lambda T, x: x.clamp(-0.5, 1.0), ONE, "_clamp_numbers"),
    row("clamp below", lambda T, x: x.clamp(min=0.1), ONE, "_clamp_numbers"),
    row("clamp tensors", lambda T, x, a, b: T.clamp(x, a, b), [((3,), (3,), (3,)), ((2, 3), (3,), ())], "_clamp_tensors"),
    row("where", lambda T, x, y: T.where(x > 0.3, x * x, y), TWO, "_where"),
    row("where number", lambda T, x: T.where(x > 0.3, x, 0.5), ONE, "_where"),
    row("masked_fill", lambda T, x: x.masked_fill(x > 0.3, 0.5), ONE, "_masked_number"),
    row("masked_fill tensor", lambda T, x, v: x.masked_fill(x > 0.3, v), [((3,), ()), ((2, 3), ())], "_masked_tensor"),
    # reductions
    row("sum", lambda T, x: x.sum(), MATRIX, "_sum"),
    row("sum dim", lambda T, x: T.sum(x, -1), MATRIX, "_sum_dim"),
    row("sum keepdim", lambda T, x: x.sum(dim=(0, -1), keepdim=True), [((2, 3),), ((2, 3, 2),)], "_sum_dim"),
    row("mean", lambda T, x: x.mean(), MATRIX, "_mean"),
    row("mean dim", lambda T, x: x.mean(0, keepdim=True), MATRIX, "_mean_dim"),
    row("prod", lambda T, x: x.prod(), MATRIX, "_prod"),
    row("prod with zeros", lambda T, x: (x * T.tensor([1.0, 0.0, 1.0], dtype=x.dtype)).prod(), [((3,),)], "_prod"),
    row("prod dim", lambda T, x: x.prod(-1), MATRIX, "_prod_dim"),
    row("var", lambda T, x: x.var(), MATRIX, "_var"),
    row("var dim", lambda T, x: x.var(0, correction=0), MATRIX, "_var"),
    row("std", lambda T, x: x.std(), MATRIX, "_std"),
    row("std dim", lambda T, x: x.std(-1, keepdim=True), MATRIX, "_std"),
    row("max", lambda T, x: x.max(), MATRIX, "_max_all"),
    row("max dim", lambda T, x: list(x.max(-1)), MATRIX, "_max_dim"),
    row("min", lambda T, x: x.min(), MATRIX, "_min_all"),
    row("min dim", lambda T, x: list(T.min(x, 0, keepdim=True)), MATRIX, "_min_dim"),
    row("amax", lambda T, x: x.amax(0), MATRIX, "_amax"),
    row("amin", lambda T, x: T.amin(x, (0, -1)), [((2, 3),), ((2, 3, 2),)], "_amin"),
    row("cumsum", lambda T, x: x.cumsum(-1), MATRIX, "_cumsum"),
    row("cumprod", lambda T, x: x.cumprod(0), MATRIX, "_cumprod"),
    row("cumprod with zeros", lambda T, x: (x * T.tensor([1.0, 0.0, 1.0], dtype=x.dtype)).cumprod(0), [((3,),)], "_cumprod"),
    row("logsumexp", lambda T, x: x.logsumexp(-1), MATRIX, "_logsumexp"),
    row("softmax", lambda T, x: x.softmax(-1), MATRIX, "_softmax"),
    row("log_softmax", lambda T, x: x.log_softmax(-1), MATRIX, "_log_softmax"),
    row("norm", lambda T, x: T.norm(x), MATRIX, "_vector_norm"),
    row("norm 1 dim", lambda T, x: x.norm(1, dim=-1), MATRIX, "_vector_norm"),
    row("norm 3", lambda T, x: x.norm(3), MATRIX, "_vector_norm"),
    row("norm inf", lambda T, x: x.norm(float("inf"), dim=0, keepdim=True), MATRIX, "_vector_norm"),
    # products
    row("dot", lambda T, x, y: T.dot(x, y), [((3,), (3,)), ((1,), (1,))], "dot"),
    row("mv", lambda T, x, y: T.mv(x, y), [((2, 3), (3,))], "mv"),
    row("mm", lambda T, x, y: T.mm(x, y), [((2, 3), (3, 4))], "mm"),
    row("bmm", lambda T, x, y: T.bmm(x, y), [((2, 3, 2), (2, 2, 3))], "bmm"),
    row("matmul", lambda T, x, y: x @ y,
        [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)), ((4, 2, 3), (3, 2)), ((4, 2, 3), (3,)), ((3,), (2, 3, 2)),
         ((2, 1, 2, 3), (4, 3, 2))], "_unsafe_view", "_squeeze_product", "dot", "mm", "mv", "bmm"),
    row("outer", lambda T, x, y: T.outer(x, y), [((2,), (3,))]),
    row("einsum", lambda T, x, y: T.einsum("ij,jk->ik", x, y), [((2, 3), (3, 2))]),
    row("einsum batch", lambda T, x, y: T.einsum("bi,bj->bij", x, y), [((2, 3), (2, 2))]),
    row("einsum dots", lambda T, x, y: T.einsum("...i,i", x, y), [((2, 2, 3), (3,))]),
    row("einsum trace", lambda T, x: T.einsum("ii", x), [((3, 3),)], "_diagonal"),
    # shapes
    row("reshape", lambda T, x: x.reshape(3, -1), [((2, 3),), ((3, 4),)], "_view"),
    row("view", lambda T, x: x.view(-1), MATRIX, "_view"),
    row("reshape copy", lambda T, x: x.transpose(0, -1).reshape(-1), MATRIX, "_unsafe_view"),
    row("flatten", lambda T, x: x.flatten(), MATRIX),
    row("squeeze", lambda T, x: x.squeeze() * 1 + x.squeeze(1).sum(), [((2, 1, 3),)], "_squeeze", "_squeeze_dim"),
    row("squeeze dims", lambda T, x: x.squeeze((0, 2)), [((1, 3, 1),)], "_squeeze_dims"),
    row("unsqueeze", lambda T, x: x.unsqueeze(1), MATRIX, "_unsqueeze"),
    row("permute", lambda T, x: x.permute(2, 0, 1), [((2, 3, 2),)], "_permute"),
    row("transpose", lambda T, x: x.transpose(0, -1), MATRIX, "_transpose"),
    row("T", lambda T, x: x.T + x.t() + x.mT, [((2, 3),)], "_t", "_permute", "_transpose"),
    row("expand", lambda T, x: x.expand(4, -1, 3), [((2, 1),), ((2, 3),)], "_expand"),
    row("diagonal", lambda T, x: x.diagonal() + x.diagonal(0, 1, 0), [((3, 3),)], "_diagonal"),
    row("flip", lambda T, x: x.flip(0), MATRIX, "_flip"),
    row("tril triu", lambda T, x: x.tril() + x.triu(1), [((3, 3),), ((2, 3),)], "_tril", "_triu"),
    row("cat", lambda T, x, y: T.cat([x, y, x], -1), [((2, 3), (2, 2)), ((3,), (2,))]),
    row("stack", lambda T, x, y: T.stack([x, y], 1), [((2, 3), (2, 3)), ((3,), (3,))]),
    row("split", lambda T, x: list(x.split(2)) + list(x.split([1, 2])), [((3, 2),), ((3,),)]),
    row("chunk unbind", lambda T, x: list(x.chunk(2)) + list(x.unbind(0)), [((3, 2),), ((3,),)]),
    row("meshgrid", lambda T, x, y: list(T.meshgrid(x, y, indexing="ij")), [((2,), (3,))]),
    row("clone", lambda T, x: x.clone() * x, MATRIX, "_clone"),
    row("contiguous", lambda T, x: x.transpose(0, -1).contiguous() * x.transpose(0, -1), MATRIX, "_in_order"),
    row("channels last", lambda T, x: x.to(memory_format=T.channels_last) * x, [((2, 3, 2, 2),)], "_channels_last"),
    row("to", lambda T, x: x.to(T.float32).to(T.float64), MATRIX, "_to"),
    row("roll", lambda T, x: x.roll(1, -1) * x.roll(2), MATRIX, "_roll"),
    row("repeat", lambda T, x: x.repeat(2, 1, 3) * T.tile(x, (3,)), [((2, 3),), ((3,),)], "_repeat"),
    row("trace", lambda T, x: x.trace(), [((2, 3),), ((3, 3),)], "_trace"),
    row("stacks", lambda T, x, y: [T.hstack([x, y]), T.vstack([x, y]), T.dstack([x, y]), T.column_stack([x, y])], [((2, 3), (2, 3)), ((3,), (3,))]),
    row("diff", lambda T, x: x.diff() * 2 if x.ndim == 1 else x.diff(n=2, dim=1), [((3,),), ((2, 3),)]),
    # indexing
    row("gather", lambda T, x: x.gather(-1, T.tensor([[0, 0], [1, 2]])), [((2, 3),)], "_gather"),
    row("take_along_dim", lambda T, x: T.take_along_dim(x, T.tensor([[0], [1]]), 1), [((2, 3),)], "_gather"),
    row("index_select", lambda T, x: x.index_select(-1, T.tensor([1, 1, 0])), MATRIX, "_index_select"),
    row("sort", lambda T, x: list(x.sort(0, descending=True)), MATRIX, "_sort"),
    row("topk", lambda T, x: list(T.topk(x, 2, largest=False)), MATRIX, "_topk"),
    row("reshape of a view", lambda T, x: x[:, ::2].reshape(-1, 1) * 2, [((2, 3),)], "_reshape_alias"),
    row("select", lambda T, x: x[1] * x[-1], MATRIX, "_select"),
    row("slice", lambda T, x: x[1:] * x[:-1] + x[::2][:1], MATRIX, "_slice"),
    row("ellipsis none", lambda T, x: x[..., None, 0] + x[None][0][..., :1], MATRIX),
    row("alias", lambda T, x: x[...] * 2, MATRIX, "_alias_view"),
    row("index tensor", lambda T, x: x[T.tensor([0, 1, 0])], MATRIX, "_index"),
    row("index list pair", lambda T, x: x[[0, 1], [1, 1]], [((2, 3),)], "_index"),
    row("mask", lambda T, x: x[x > 0.1], MATRIX, "_index"),
    row("masked_select", lambda T, x: x.masked_select(x > 0.1), MATRIX, "_masked_select"),
    row("setitem", lambda T, x: put(T, x), [((3,),), ((3, 2),)], "_copied"),
    row("fill_", lambda T, x: x.clone().fill_(2.0) * x, MATRIX, "_filled"),
    row("fill_ with a tensor", lambda T, x, v: (x * 1).fill_(v) * x, [((3,), ()), ((2, 2), ())], "_filled_tensor"),
    row("zero_", lambda T, x: (x * 1).zero_() + x, MATRIX, "_zeroed"),
    row("index_put", lambda T, x, v: (x * 1).index_put((T.tensor([0, 0]),), v, accumulate=True), [((3,), (2,))], "_put"),
    row("index_put set", lambda T, x, v: (x * 1).index_put((T.tensor([0, 2]),), v), [((3,), (2,))], "_put"),
]  # fmt: skip


def put(T: Any, x: Any) -> Any:
    y = x * 2
    y[0] = x[1] * x[2]
    y[1:] += 1
    return y


UNTABLED = {
    "_put_back": "the transpose of gather, reached by second derivatives: test_programs.py",
    "_floor_divide": "has no derivative, and says so: programs.txt",
    "_step": "the derivative of relu, as a tensor: reached by second derivatives",
    "_embed": "the transpose of a basic index: reached by second derivatives", "_embed_add": "the transpose of a gather: likewise",
    "_embed_diagonal": "the transpose of diagonal: likewise", "_real": "complex: test_ops.py", "_imag": "complex: test_ops.py",
    "_conj": "complex: test_ops.py",
}  # fmt: skip

import table_nn  # noqa: E402 - its rows are made with what stands above

ROWS += table_nn.ROWS
UNTABLED |= table_nn.UNTABLED
import table_more  # noqa: E402

ROWS += table_more.ROWS
UNTABLED |= table_more.UNTABLED
import table_linalg  # noqa: E402

ROWS += table_linalg.ROWS
