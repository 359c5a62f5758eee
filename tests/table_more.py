"""The rows of the operations that load when they are first used (ops/later.py): as in table.py, one an op."""

from __future__ import annotations

import glassgrad.fft
import glassgrad.special  # noqa: F401
from glassgrad.ops.later import ROOMS, load
from table import MATRIX, ONE, TWO, Row, binary, row, unary

for _room in ROOMS:
    load(_room)

THREE = [((3,), (3,), (3,)), ((2, 3), (3,), ()), ((2, 1), (1, 3), (2, 3)), ((), (), ())]

ROWS = [
    # scattered
    row("scatter", lambda T, x, s: x.scatter(0, T.tensor([[0, 1], [2, 0]]), s), [((3, 2), (2, 2)), ((3, 4), (2, 2))], "_scatter"),
    row("scatter along rows", lambda T, x, s: T.scatter(x, 1, T.tensor([[2], [0]]), s), [((2, 3), (2, 1))]),
    row("scatter a number", lambda T, x: x.scatter(1, T.tensor([[2], [0]]), 1.5), [((2, 3),)], "_scatter_value"),
    row("scatter_add", lambda T, x, s: x.scatter_add(0, T.tensor([[0, 1], [0, 2], [2, 1]]), s), [((3, 2), (3, 2)), ((3, 4), (3, 2))], "_scatter_add"),
    *[row(f"scatter_reduce {how}", lambda T, x, s, how=how: x.scatter_reduce(0, T.tensor([0, 0, 1, 3]), s, how), [((5,), (4,))], *(("_scatter_reduce",) if how == "sum" else ()), domain=(0.5, 2.0))
      for how in ("sum", "mean", "prod", "amax", "amin")],
    *[row(f"scatter_reduce {how} without self", lambda T, x, s, how=how: x.scatter_reduce(0, T.tensor([0, 0, 1, 3]), s, how, include_self=False), [((5,), (4,))], domain=(0.5, 2.0))
      for how in ("sum", "mean", "prod", "amax", "amin")],
    row("index_add", lambda T, x, s: x.index_add(0, T.tensor([0, 2, 0]), s, alpha=2.0), [((3, 2), (3, 2))], "_index_add"),
    row("index_copy", lambda T, x, s: x.index_copy(1, T.tensor([2, 0]), s), [((2, 3), (2, 2))], "_index_copy"),
    row("index_fill", lambda T, x: x.index_fill(0, T.tensor([0, 2]), 0.5), [((3, 2),), ((3,),)], "_index_fill"),
    row("index_fill with a tensor", lambda T, x, v: x.index_fill(0, T.tensor([0, 2]), v), [((3, 2), ())], "_index_fill_tensor"),
    row("take", lambda T, x: T.take(x, T.tensor([[0, 3], [-1, 3]])), [((2, 3),), ((5,),)], "_take"),
    row("put", lambda T, x, s: x.put(T.tensor([0, 3]), s), [((2, 3), (2,))], "_put_flat"),
    row("put added", lambda T, x, s: x.put(T.tensor([3, 3]), s, accumulate=True), [((2, 3), (2,))]),
    row("masked_scatter", lambda T, x, s: x.masked_scatter(T.tensor([[True, False, True], [False, True, False]]), s), [((2, 3), (4,))], "_masked_scatter"),
    row("repeat_interleave", lambda T, x: x.repeat_interleave(2, 0), MATRIX),
    row("repeat_interleave each", lambda T, x: T.repeat_interleave(x, T.tensor([1, 0, 3]), dim=-1), [((2, 3),), ((3,),)]),
    # ordered
    row("median", lambda T, x: T.median(x), MATRIX, "_median_all"), row("nanmedian of all", lambda T, x: T.nanmedian(x), MATRIX, "_nanmedian_all"), row("median of a dim", lambda T, x: x.median(-1), MATRIX, "_median_dim"), row("nanmedian", lambda T, x: x.nanmedian(0, True), MATRIX, "_nanmedian_dim"),
    row("kthvalue", lambda T, x: x.kthvalue(2, -1), [((2, 3),), ((3,),)], "_kthvalue"), row("mode", lambda T, x: x.mode(0), MATRIX, "_mode"),
    *[row(f"quantile {how}", lambda T, x, how=how: x.quantile(T.tensor([0.1, 0.5, 0.8], dtype=x.dtype), -1, interpolation=how), [((2, 5),), ((4,),)])
      for how in ("linear", "lower", "higher", "midpoint", "nearest")],
    row("quantile of all", lambda T, x: T.quantile(x, 0.3, keepdim=True), MATRIX), row("nanquantile", lambda T, x: T.nanquantile(x, 0.6, 0), MATRIX),
    row("cummax", lambda T, x: x.cummax(-1), MATRIX, "_cummax"), row("cummin", lambda T, x: x.cummin(0), MATRIX, "_cummin"), row("msort", lambda T, x: x.msort(), MATRIX),
    row("logcumsumexp", lambda T, x: x.logcumsumexp(-1), MATRIX, "_logcumsumexp"), row("aminmax", lambda T, x: tuple(T.aminmax(x, dim=-1)), MATRIX),
    # special functions
    unary("erfc"), unary("erfinv", (-0.95, 0.95)), unary("lgamma", (0.3, 6.0)), unary("digamma", (0.3, 6.0)),
    unary("i0", (-6.0, 6.0)), *[Row(n, lambda T, x, n=n: getattr(T.special, n)(x), ONE, (0.3, 6.0), (n,)) for n in ("i0e", "i1", "i1e")],
    *[Row(n, lambda T, x, n=n: getattr(T.special, n)(x), ONE, (-4.0, 4.0), (n,)) for n in ("erfcx", "log_ndtr")],
    Row("polygamma", lambda T, x: T.polygamma(2, x), ONE, (0.3, 6.0), ("_polygamma",)), Row("polygamma 3", lambda T, x: T.polygamma(3, x), ONE, (0.3, 6.0)),
    row("mvlgamma", lambda T, x: x.mvlgamma(3), ONE, domain=(1.5, 5.0)),
    row("xlogy", lambda T, x, y: T.xlogy(x, y), TWO, "_xlogy", domain=(0.5, 2.0)), unary("nan_to_num", ops=("_nan_to_num",), smooth=False),
    unary("logit", (0.1, 0.9), ops=("_logit",)), row("logit eps", lambda T, x: x.logit(0.2), ONE, domain=(0.05, 0.95), smooth=False), unary("sinc", ops=("_sinc",)),
    # three tensors, choices
    row("addcmul", lambda T, x, a, b: T.addcmul(x, a, b, value=0.5), THREE, "_addcmul"),
    row("addcdiv", lambda T, x, a, b: x.addcdiv(a, b, value=2), THREE, "_addcdiv", domain=(0.5, 2.0)),
    row("lerp", lambda T, x, y: x.lerp(y, 0.3), TWO, "_lerp_number"), row("lerp far", lambda T, x, y: x.lerp(y, 0.8), TWO),
    row("lerp with a tensor", lambda T, x, y, w: T.lerp(x, y, w), THREE, "_lerp_tensor"),
    binary("fmax", (-2.0, 2.0), smooth=False), binary("fmin", (-2.0, 2.0), smooth=False), binary("copysign", (-2.0, 2.0), smooth=False), binary("logaddexp2"),
    binary("ldexp"), row("frexp", lambda T, x: list(T.frexp(x)), ONE, "_mantissa", smooth=False),
    row("float_power", lambda T, x: x.float_power(1.5), ONE, domain=(0.5, 2.0)), row("nansum", lambda T, x: x.nansum(-1), MATRIX, "_nansum"),
    row("nanmean", lambda T, x: x.nanmean(0, keepdim=True), MATRIX), row("angle", lambda T, x: x.angle(), ONE, "_angle", smooth=False),
    row("polar", lambda T, x, y: T.view_as_real(T.polar(x, y)), [((3,), (3,)), ((2, 3), (2, 3))], "_as_real", domain=(0.5, 2.0)),
    row("view_as_complex", lambda T, x: T.view_as_complex(x).abs(), [((3, 2),), ((2, 3, 2),)], "_as_complex"),
    row("conj_physical", lambda T, x: T.view_as_real(T.view_as_complex(x).conj_physical()), [((3, 2),), ((2, 3, 2),)], "_conj_physical"),
    # Fourier's
    row("fft", lambda T, x: T.view_as_real(T.fft.fft(x)), [((4,),), ((2, 5),)]),
    row("fft of complex", lambda T, x: T.view_as_real(T.fft.fft(T.view_as_complex(x), 3, 0, "ortho")), [((3, 2),), ((4, 3, 2),)], "_fft_c2c"),
    row("ifft, filled up", lambda T, x: T.view_as_real(T.fft.ifft(T.view_as_complex(x), 6)), [((3, 2),), ((4, 3, 2),)]),
    row("rfft", lambda T, x: T.view_as_real(T.fft.rfft(x, norm="forward")), [((4,),), ((2, 5),), ((2, 1),)], "_fft_r2c"),
    row("irfft", lambda T, x: T.fft.irfft(T.view_as_complex(x)), [((3, 2),), ((2, 4, 2),)], "_fft_c2r"),
    row("irfft of odd length", lambda T, x: T.fft.irfft(T.view_as_complex(x), 5, 0, "ortho"), [((3, 2),), ((4, 2, 2),)]),
    row("hfft", lambda T, x: T.fft.hfft(T.view_as_complex(x)), [((3, 2),), ((2, 4, 2),)]), row("ihfft", lambda T, x: T.view_as_real(T.fft.ihfft(x).resolve_conj()), [((4,),), ((2, 5),)]),
    row("fft2", lambda T, x: T.view_as_real(T.fft.fft2(x, (3, 3))), [((2, 5),), ((2, 3, 4),)]), row("ifftn", lambda T, x: T.view_as_real(T.fft.ifftn(x)), [((2, 5),), ((2, 3, 2),)]),
    row("rfftn", lambda T, x: T.view_as_real(T.fft.rfftn(x, norm="ortho")), [((2, 5),), ((2, 3, 4),)]),
    row("irfftn", lambda T, x: T.fft.irfftn(T.view_as_complex(x), dim=(1, 0)), [((3, 2, 2),), ((2, 3, 2, 2),)]),
    row("hfft2", lambda T, x: T.fft.hfft2(T.view_as_complex(x), (3, 5)), [((2, 3, 2),), ((2, 3, 2, 2),)]),
    row("ihfftn", lambda T, x: T.view_as_real(T.fft.ihfftn(x)), [((2, 5),), ((2, 3, 4),)]), row("fftshift", lambda T, x: T.fft.fftshift(x), [((5,),), ((2, 5),)]),
    row("stft", lambda T, x: T.view_as_real(T.stft(x, 4, 1, 3, T.hann_window(3, dtype=x.dtype), return_complex=True)), [((6,),), ((2, 5),)]),
    row("stft of all frequencies", lambda T, x: T.view_as_real(x.stft(4, window=T.ones(4, dtype=x.dtype), center=False, onesided=False, normalized=True, return_complex=True)), [((6,),), ((2, 5),)]),
    row("istft", lambda T, x: T.istft(T.view_as_complex(x), 4, 2, window=T.hann_window(4, dtype=x.dtype) + 0.1), [((3, 4, 2),), ((2, 3, 3, 2),)]),
    row("istft, longer", lambda T, x: T.view_as_complex(x).istft(4, 1, 3, T.ones(3, dtype=x.dtype), normalized=True, onesided=False, length=4), [((4, 4, 2),)]),
    row("gradient", lambda T, x: T.gradient(x), [((2, 3),), ((4,),)]), row("gradient at its ends", lambda T, x: T.gradient(x, spacing=0.5, dim=-1, edge_order=2), [((2, 3),), ((5,),)]),
    row("gradient at places", lambda T, x: T.gradient(x, spacing=[T.tensor([0.0, 1.0, 3.0, 3.5], dtype=x.dtype)], dim=0, edge_order=2), [((4, 2),), ((4,),)]),
    # arranged
    row("diag", lambda T, x: T.diag(x, 1), [((3,),), ((3, 3),), ((2, 4),)], "_diag_embed", "_diagonal_copy"),
    row("diag_embed", lambda T, x: x.diag_embed(-1, 0, 2), [((2, 3),), ((2, 1, 3),)]),
    row("diagflat", lambda T, x: x.diagflat(), MATRIX), row("block_diag", lambda T, x, y: T.block_diag(x, y), [((2, 3), (1, 2)), ((3,), ())]),
    row("fill_diagonal_", lambda T, x: (x * 1).fill_diagonal_(0.5) * x, [((3, 3),), ((4, 2),), ((2, 2, 2),)]),
    *[row(f"rot90 {k}", lambda T, x, k=k: x.rot90(k, (0, -1)), [((2, 3),), ((2, 3, 2),)]) for k in (1, 2, 3)], row("rot90 0", lambda T, x: T.rot90(x, 4), [((2, 3),)], "_rot90"),
    row("tensor_split", lambda T, x: x.tensor_split(2, -1), MATRIX), row("tensor_split at", lambda T, x: T.tensor_split(x, [1, 2], 0), MATRIX),
    row("hsplit", lambda T, x: T.hsplit(x, [1]), MATRIX), row("unfold a dim", lambda T, x: x.unfold(-1, 2, 1), MATRIX[:2], "_unfold"),
    row("unfold rows", lambda T, x: x.unfold(0, 3, 2), [((7, 2),), ((5,),)]),
    row("as_strided", lambda T, x: x.as_strided((2, 2), (1, 2)) * 1.0, [((5,),), ((2, 3),)], "_as_strided"),
    row("slice_scatter", lambda T, x, s: x.slice_scatter(s, 0, 1, 3), [((4, 2), (2, 2)), ((3,), (2,))], "_slice_scatter"),
    row("select_scatter", lambda T, x, s: x.select_scatter(s, 1, -1), [((4, 2), (4,)), ((2, 3), (2,))], "_select_scatter"),
    row("diagonal_scatter", lambda T, x, s: x.diagonal_scatter(s), [((3, 2), (2,)), ((3, 3), (3,))], "_diagonal_scatter"),
    row("cartesian_prod", lambda T, x, y: T.cartesian_prod(x, y), [((2,), (3,))]), row("combinations", lambda T, x: T.combinations(x, 2), [((4,),), ((3,),)]),
    row("cov", lambda T, x: T.cov(x), [((2, 5),), ((4,),)]), row("corrcoef", lambda T, x: x.corrcoef(), [((3, 5),)]),
    row("cov weighted", lambda T, x: T.cov(x, fweights=T.tensor([1, 2, 1, 3])), [((2, 4),), ((4,),)]),
    row("trapezoid", lambda T, x: T.trapezoid(x, dx=0.5), MATRIX), row("trapezoid at", lambda T, y, x: T.trapezoid(y, x), [((2, 3), (3,)), ((2, 3), (2, 3))]),
    row("cumulative_trapezoid", lambda T, x: T.cumulative_trapezoid(x), MATRIX),
    # contracted
    row("addmm", lambda T, x, a, b: T.addmm(x, a, b, beta=0.5, alpha=2), [((2, 4), (2, 3), (3, 4)), ((4,), (2, 3), (3, 4)), ((), (2, 3), (3, 4))], "_addmm"),
    row("addmm plain", lambda T, x, a, b: x.addmm(a, b), [((4,), (2, 3), (3, 4))]), row("addmv", lambda T, x, a, v: x.addmv(a, v, alpha=2), [((2,), (2, 3), (3,))], "_addmv"),
    row("addr", lambda T, x, a, b: T.addr(x, a, b, beta=2), [((2, 3), (2,), (3,)), ((3,), (2,), (3,))], "_addr"),
    row("baddbmm", lambda T, x, a, b: x.baddbmm(a, b, beta=0), [((2, 2, 4), (2, 2, 3), (2, 3, 4))], "_baddbmm"),
    row("baddbmm scaled", lambda T, x, a, b: T.baddbmm(x, a, b, alpha=0.5), [((2, 1, 4), (2, 2, 3), (2, 3, 4))]),
    row("addbmm", lambda T, x, a, b: T.addbmm(x, a, b, alpha=0.5), [((2, 4), (3, 2, 3), (3, 3, 4))], "_addbmm"),
    row("inner", lambda T, x, y: T.inner(x, y), [((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,))]), row("vdot", lambda T, x, y: x.vdot(y), [((3,), (3,))], "vdot"),
    row("tensordot", lambda T, x, y: T.tensordot(x, y, dims=([1], [0])), [((2, 3), (3, 4)), ((2, 3, 2), (3, 2))]),
    row("kron", lambda T, x, y: T.kron(x, y), [((2, 3), (2, 2)), ((3,), (2, 2))]), row("cross", lambda T, x, y: T.cross(x, y, dim=-1), [((2, 3), (2, 3)), ((3,), (3,))], "_cross"),
    row("dist", lambda T, x, y: T.dist(x, y), [((2, 3), (2, 3))]), row("renorm", lambda T, x: x.renorm(2, 0, 1.0), [((2, 3),)]),
]  # fmt: skip
UNTABLED = {**dict.fromkeys(("_zeta", "igamma", "igammac"), "PyTorch has no jvp of it, and one derivative of two: programs.txt"), "_cdist": "PyTorch has neither its second derivative nor its jvp: test_later_ops.py"}
# put together here from operations that show what they do, one node in PyTorch, or the other way round
OTHER_NODES = {
    "repeat_interleave", "repeat_interleave each", "quantile of all", "nanquantile", "aminmax", "mvlgamma", "block_diag", "combinations", "cov", "cov weighted",
    "trapezoid", "trapezoid at", "inner", "stft", "stft of all frequencies", "istft", "istft, longer", "kron", "dist", "renorm", *[f"quantile {how}" for how in ("linear", "lower", "higher", "midpoint", "nearest")],
}  # fmt: skip
