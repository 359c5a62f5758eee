"""The rows of the operations behind nn.functional: as in table.py, one an op."""

from __future__ import annotations

from typing import Any

import glassgrad.nn  # noqa: F401 - declares the operations
from table import ONE, Row, row


def F(T: Any) -> Any:
    return T.nn.functional


def activation(name: str, op: str, *args: Any, smooth: bool = True, domain: tuple[float, float] = (-2.0, 2.0)) -> Row:
    text = f" {' '.join(map(str, args))}" if args else ""
    return Row(name + text, lambda T, x: getattr(F(T), name)(x, *args), ONE, domain, (op,) if op else (), True, smooth)


IMAGES = [((2, 3, 5, 4),), ((3, 5, 4),)]
SERIES = [((2, 3, 7),), ((3, 7),)]


def classes(T: Any, n: int, count: int) -> Any:
    return (T.arange(n) * 2 + 1) % count


ROWS = [
    activation("leaky_relu", "_leaky_relu", 0.1, smooth=False),
    activation("elu", "_elu", 0.7), activation("selu", "_elu"), activation("celu", "_celu", 0.5),
    Row("gelu", lambda T, x: F(T).gelu(x), ONE, ops=("_gelu",)), Row("gelu tanh", lambda T, x: F(T).gelu(x, approximate="tanh"), ONE, ops=("_gelu_tanh",)), activation("silu", "_silu"), activation("mish", "_mish"),
    activation("hardtanh", "_hardtanh", -0.6, 0.9, smooth=False), activation("relu6", "_hardtanh", smooth=False),
    activation("hardswish", "_hardswish", domain=(-4.0, 4.0)),
    activation("hardshrink", "_hardshrink", smooth=False), activation("softshrink", "_softshrink", smooth=False),
    Row("tanhshrink", lambda T, x: F(T).tanhshrink(x), ONE), activation("softsign", ""), activation("logsigmoid", "_log_sigmoid"),
    activation("threshold", "_threshold", 0.3, 2.0, smooth=False),
    row("prelu", lambda T, x, w: F(T).prelu(x, w), [((3,), (1,)), ((2, 3), (3,)), ((2, 3, 2), (3,)), ((2, 3, 2), (1,))], "_prelu"),
    row("glu", lambda T, x: F(T).glu(x), [((2, 4),), ((6,),)], "_glu"),
    row("softmin", lambda T, x: F(T).softmin(x, 0), [((2, 3),), ((3,),)]),
    # affine
    row("linear", lambda T, x, w, b: F(T).linear(x, w, b), [((2, 3), (4, 3), (4,)), ((3,), (4, 3), (4,)), ((2, 2, 3), (4, 3), (4,))], "_affine"),
    row("linear without bias", lambda T, x, w: F(T).linear(x, w), [((2, 3), (4, 3)), ((2, 2, 3), (4, 3)), ((3,), (4, 3))]),
    row("bilinear", lambda T, x, y, w, b: F(T).bilinear(x, y, w, b), [((2, 3), (2, 2), (4, 3, 2), (4,)), ((2, 2, 3), (2, 2, 2), (4, 3, 2), (4,))], "_trilinear"),
    # losses
    *[row(f"{name} {how}", lambda T, x, y, name=name, how=how: getattr(F(T), name)(x, y, reduction=how), [((3,), (3,)), ((2, 3), (2, 3))], op)
      for name, op in (("mse_loss", "_mse_loss"), ("smooth_l1_loss", "_smooth_l1_loss"), ("huber_loss", "_huber_loss")) for how in ("mean", "sum", "none")],
    row("l1_loss", lambda T, x, y: F(T).l1_loss(x, y), [((3,), (3,))], smooth=False),
    row("smooth_l1_loss beta", lambda T, x, y: F(T).smooth_l1_loss(x, y, beta=0.3), [((2, 3), (2, 3))]),
    row("binary_cross_entropy", lambda T, x, y: F(T).binary_cross_entropy(x, y, T.tensor([0.5, 1.0, 2.0], dtype=x.dtype)), [((2, 3), (2, 3))], "_bce", domain=(0.1, 0.9)),
    row("binary_cross_entropy_with_logits", lambda T, x, y: F(T).binary_cross_entropy_with_logits(x, y, pos_weight=T.tensor([0.5, 1.0, 2.0], dtype=x.dtype)), [((2, 3), (2, 3))],
        "_bce_logits", domain=(0.1, 0.9)),
    row("nll_loss", lambda T, x: F(T).nll_loss(x, classes(T, x.shape[0], 4)), [((3, 4),)], "_nll_loss"),
    row("nll_loss weight", lambda T, x: F(T).nll_loss(x, classes(T, 3, 4), T.tensor([1.0, 2.0, 0.5, 3.0], dtype=x.dtype), ignore_index=3), [((3, 4),)]),
    row("nll_loss images", lambda T, x: F(T).nll_loss(x, T.tensor([[[0, 1], [2, 1]]])), [((1, 3, 2, 2),)], "_nll_loss2d"),
    row("cross_entropy", lambda T, x: F(T).cross_entropy(x, classes(T, 3, 4)), [((3, 4),)]),
    row("cross_entropy smoothed", lambda T, x: F(T).cross_entropy(x, classes(T, 3, 4), label_smoothing=0.2), [((3, 4),)]),
    row("cross_entropy of probabilities", lambda T, x, y: F(T).cross_entropy(x, y, reduction="sum"), [((3, 4), (3, 4))]),
    row("kl_div", lambda T, x, y: F(T).kl_div(x, y, reduction="batchmean"), [((2, 3), (2, 3))], domain=(0.1, 0.9)),
    row("gaussian_nll_loss", lambda T, x, y, v: F(T).gaussian_nll_loss(x, y, v), [((2, 3), (2, 3), (2, 3))], domain=(0.3, 2.0)),
    row("poisson_nll_loss", lambda T, x, y: F(T).poisson_nll_loss(x, y), [((2, 3), (2, 3))], domain=(0.3, 2.0)),
    row("cosine_similarity", lambda T, x, y: F(T).cosine_similarity(x, y), [((2, 3), (2, 3))]),
    row("pairwise_distance", lambda T, x, y: F(T).pairwise_distance(x, y), [((2, 3), (2, 3))]),
    row("triplet_margin_loss", lambda T, x, y, z: F(T).triplet_margin_loss(x, y, z, margin=3.0), [((2, 3), (2, 3), (2, 3))]),
    row("soft_margin_loss", lambda T, x: F(T).soft_margin_loss(x, T.tensor([1.0, -1.0, 1.0], dtype=x.dtype)), [((3,),)]),
    # convolution
    row("conv1d", lambda T, x, w, b: F(T).conv1d(x, w, b, padding=1), [((2, 3, 7), (4, 3, 3), (4,)), ((3, 7), (4, 3, 3), (4,))], "_convolution_bias"),
    row("conv2d", lambda T, x, w: F(T).conv2d(x, w, stride=2, padding=(1, 0), dilation=(1, 2)), [((2, 3, 5, 6), (2, 3, 2, 2))], "_convolution"),
    row("conv2d groups", lambda T, x, w: F(T).conv2d(x, w, groups=2, padding="same"), [((1, 4, 4, 3), (4, 2, 3, 3))]),
    row("conv3d", lambda T, x, w: F(T).conv3d(x, w), [((1, 2, 3, 3, 3), (2, 2, 2, 2, 2))]),
    row("conv_transpose2d", lambda T, x, w, b: F(T).conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1), [((2, 3, 3, 2), (3, 2, 3, 3), (2,))],
        "_conv_transpose_bias"),
    row("conv_transpose1d", lambda T, x, w: F(T).conv_transpose1d(x, w, groups=2, dilation=2), [((2, 4, 3), (4, 1, 2))], "_conv_transpose"),
    row("unfold", lambda T, x: F(T).unfold(x, (2, 3), padding=1, stride=2), IMAGES, "_columns"),
    row("fold", lambda T, x: F(T).fold(x, (4, 5), 2), [((2, 8, 12),)], "_add_back"),
    # pooling
    row("max_pool1d", lambda T, x: F(T).max_pool1d(x, 3, 2, 1), SERIES), row("max_pool2d", lambda T, x: F(T).max_pool2d(x, 2), IMAGES, "_max_pool2d"),
    row("max_pool2d indices", lambda T, x: list(F(T).max_pool2d(x, 2, 1, 1, ceil_mode=True, return_indices=True)), [((2, 3, 5, 4),)]),
    row("max_pool3d", lambda T, x: F(T).max_pool3d(x, 2), [((1, 2, 4, 3, 4),)], "_max_pool3d"),
    row("avg_pool1d", lambda T, x: F(T).avg_pool1d(x, 2, ceil_mode=True), SERIES, "_avg_pool2d"),
    row("avg_pool3d", lambda T, x: F(T).avg_pool3d(x, 2, 1, 1), [((1, 2, 3, 3, 4),)], "_avg_pool3d"),
    row("avg_pool2d", lambda T, x: F(T).avg_pool2d(x, (3, 2), 2, 1, count_include_pad=False), IMAGES),
    row("lp_pool2d", lambda T, x: F(T).lp_pool2d(x, 2, 2), [((2, 3, 4, 4),)], domain=(0.3, 2.0)),
    row("adaptive_avg_pool2d", lambda T, x: F(T).adaptive_avg_pool2d(x, (3, 2)), IMAGES, "_along_dims"),
    row("adaptive_avg_pool2d whole", lambda T, x: F(T).adaptive_avg_pool2d(x, 1), IMAGES),
    row("adaptive_avg_pool1d", lambda T, x: F(T).adaptive_avg_pool1d(x, 3), SERIES),
    # normalization
    row("layer_norm", lambda T, x, w, b: F(T).layer_norm(x, (3,), w, b), [((2, 3), (3,), (3,)), ((2, 2, 3), (3,), (3,))], "_layer_norm_affine"),
    row("layer_norm plain", lambda T, x: F(T).layer_norm(x, (2, 3)), [((2, 2, 3),)], "_layer_norm"),
    row("batch_norm", lambda T, x, w, b: F(T).batch_norm(x, None, None, w, b, True), [((4, 3), (3,), (3,)), ((2, 3, 2, 2), (3,), (3,))], "_batch_norm_affine"),
    row("batch_norm plain", lambda T, x: F(T).batch_norm(x, None, None, training=True), [((4, 3),), ((2, 3, 4),)], "_batch_norm"),
    row("batch_norm evaluation", lambda T, x, w, b: F(T).batch_norm(x, T.zeros(3, dtype=x.dtype), T.ones(3, dtype=x.dtype) * 2, w, b), [((4, 3), (3,), (3,))], "_batch_norm_running"),
    row("group_norm", lambda T, x, w, b: F(T).group_norm(x, 2, w, b), [((2, 4, 3), (4,), (4,))], "_group_norm_affine"),
    row("group_norm plain", lambda T, x: F(T).group_norm(x, 2), [((2, 4, 3),)], "_group_norm"),
    row("instance_norm", lambda T, x, w: F(T).instance_norm(x, weight=w), [((2, 3, 4), (3,))]),
    row("rms_norm", lambda T, x, w: F(T).rms_norm(x, (3,), w), [((2, 3), (3,))]),
    row("local_response_norm", lambda T, x: F(T).local_response_norm(x, 2), [((1, 3, 4),), ((1, 3, 2, 2),)]),
    row("normalize", lambda T, x: F(T).normalize(x), [((2, 3),)]),
    # padding and size
    row("pad", lambda T, x: F(T).pad(x, (1, 2), value=3.0) * F(T).pad(x, (2, 1)), SERIES, "_constant_pad"),
    row("pad cut", lambda T, x: F(T).pad(x, (-1, 1, 0, 2)), SERIES),
    *[row(f"pad {how} {n}d", lambda T, x, how=how, n=n: F(T).pad(x, (1, 2) * n, how), [(shape,)], f"_{op}_pad{n}d")
      for how, op in (("reflect", "reflection"), ("replicate", "replication"), ("circular", "circular"))
      for n, shape in ((1, (2, 3, 4)), (2, (1, 2, 4, 3)), (3, (1, 2, 3, 4, 3)))],
    row("pixel_shuffle", lambda T, x: F(T).pixel_unshuffle(F(T).pixel_shuffle(x, 2) * 2, 2), [((1, 4, 2, 3),)], "_pixel_shuffle", "_pixel_unshuffle"),
    row("interpolate linear", lambda T, x: F(T).interpolate(x, 5, mode="linear"), [((2, 3, 3),)], "_upsample_linear1d"),
    row("interpolate bilinear", lambda T, x: F(T).interpolate(x, scale_factor=1.7, mode="bilinear"), [((1, 2, 3, 4),)], "_upsample_bilinear2d"),
    row("interpolate bicubic", lambda T, x: F(T).interpolate(x, (5, 2), mode="bicubic", align_corners=True), [((1, 2, 3, 4),)], "_upsample_bicubic2d"),
    row("interpolate trilinear", lambda T, x: F(T).interpolate(x, 3, mode="trilinear"), [((1, 1, 2, 3, 2),)], "_upsample_trilinear3d"),
    *[row(f"interpolate {mode} {n}d", lambda T, x, mode=mode: F(T).interpolate(x, scale_factor=1.5, mode=mode), [((1, 2, *(3, 2, 4)[:n]),)],
          f"_upsample_{mode.replace('-', '_')}{n}d") for mode in ("nearest", "nearest-exact") for n in (1, 2, 3)],
    row("affine_grid", lambda T, x: F(T).affine_grid(x, (2, 1, 2, 3), align_corners=False), [((2, 2, 3),)]),
    row("affine_grid 3d", lambda T, x: F(T).affine_grid(x, (1, 1, 2, 1, 3), align_corners=True), [((1, 3, 4),)]),
    *[row(f"grid_sample {mode} {padding} {aligned}", lambda T, x, g, mode=mode, padding=padding, aligned=aligned: F(T).grid_sample(x, g, mode, padding, aligned),
          [((2, 3, 4, 3), (2, 2, 3, 2)), *([] if mode == "bicubic" else [((1, 2, 3, 2, 2), (1, 2, 1, 2, 3))])], smooth=mode != "nearest")
      for mode in ("bilinear", "nearest", "bicubic") for padding in ("zeros", "border", "reflection") for aligned in (True, False)],
    # tables and attention
    row("embedding", lambda T, w: F(T).embedding(T.tensor([[0, 2], [2, 1]]), w), [((3, 2),)], "_embedding"),
    row("embedding_bag", lambda T, w: F(T).embedding_bag(T.tensor([[0, 2], [2, 1]]), w), [((3, 2),)], "_gathered"),
    row("attention", lambda T, q, k, v: F(T).scaled_dot_product_attention(q, k, v), [((2, 3, 4), (2, 5, 4), (2, 5, 2))]),
    row("attention causal", lambda T, q, k, v: F(T).scaled_dot_product_attention(q, k, v, is_causal=True), [((1, 3, 4), (1, 3, 4), (1, 3, 2))]),
]  # fmt: skip

UNTABLED = {
    "_ctc_loss": "PyTorch has no second derivative of it: programs.txt", "_ctc_slopes": "the derivative of ctc_loss: likewise",
    "_spread_sums": "the transpose of window sums: reached by second derivatives", "_window_sums": "likewise",
    "_hardsigmoid": "PyTorch has no second derivative of it: test_nn_functional.py",
    **{f"_adaptive_max{n}d": "takes arrays only: test_nn_functional.py" for n in (2, 3)},
}

OTHER_NODES = {  # see test_ops
    "affine_grid", "affine_grid 3d",
    *(r.name for r in ROWS if r.name.startswith("grid_sample")),
}
