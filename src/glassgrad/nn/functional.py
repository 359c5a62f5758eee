"""The layers as functions of tensors, under PyTorch's names: a door onto the operations in ops/, which say what each computes."""

from __future__ import annotations

from typing import Any

from ..ops import elementwise as _elementwise
from ..ops import reductions as _reductions
from ..ops.activations import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    implicit_dim,
    leaky_relu,
    leaky_relu_,
    logsigmoid,
    mish,
    prelu,
    relu6,
    rrelu,
    rrelu_,
    selu,
    selu_,
    silu,
    softmin,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
    threshold_,
)
from ..ops.attention import scaled_dot_product_attention
from ..ops.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
    soft_margin_loss,
)
from ..ops.contractions import pdist
from ..ops.convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, fold, unfold
from ..ops.ctc import ctc_loss
from ..ops.dropouts import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from ..ops.elementwise import relu_, sigmoid, tanh
from ..ops.embeddings import embedding, embedding_bag, one_hot
from ..ops.grids import affine_grid, grid_sample
from ..ops.interpolation import interpolate, upsample
from ..ops.linear import bilinear, linear
from ..ops.losses import (
    cosine_embedding_loss,
    cosine_similarity,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    pairwise_distance,
    poisson_nll_loss,
    smooth_l1_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ..ops.normalization import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, normalize, rms_norm
from ..ops.padding import channel_shuffle, pad, pixel_shuffle, pixel_unshuffle
from ..ops.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from ..tensor import Tensor


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), element by element; written into the input itself with `inplace`.

    >>> import glassgrad as gg
    >>> gg.nn.functional.relu(gg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return relu_(input) if inplace else _elementwise.relu(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(β·input)) / β, element by element, and the input itself where β·input exceeds the threshold.

    A smooth relu. Its derivative is the sigmoid of β·input.

    >>> import glassgrad as gg
    >>> gg.nn.functional.softplus(gg.tensor([0.0, 100.0]))
    tensor([  0.6931, 100.0000])
    """
    return _elementwise.softplus(input, beta, threshold)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """e^input / Σ e^input along `dim`: positive numbers that add up to 1.

    >>> import glassgrad as gg
    >>> gg.nn.functional.softmax(gg.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _reductions.softmax(input, implicit_dim("softmax", input.ndim, dim, _stacklevel), dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """input - log Σ e^input along `dim`, shifted by the maximum so that nothing overflows.

    >>> import glassgrad as gg
    >>> gg.nn.functional.log_softmax(gg.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return _reductions.log_softmax(input, implicit_dim("log_softmax", input.ndim, dim, _stacklevel), dtype=dtype)
