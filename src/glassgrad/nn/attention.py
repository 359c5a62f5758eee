"""Attention with several heads, and the transformer's layers."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.attention import scaled_dot_product_attention
from ..ops.creation import empty, zeros
from ..ops.dropouts import dropout
from ..ops.joins import cat
from ..ops.linear import linear
from ..ops.products import matmul
from ..ops.reductions import mean, softmax
from ..parameter import Parameter
from ..tensor import Tensor
from . import functional as F
from . import init
from .container import ModuleList
from .linear import Linear
from .module import Module
from .normalization import LayerNorm
from .shaping import Dropout


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear, under the name that PyTorch prints inside MultiheadAttention."""


class MultiheadAttention(Module):
    """Attention of `num_heads` heads: softmax(Q_h · K_hᵀ / √d) · V_h for each, put side by side and mapped by `out_proj`.

    Inputs are (L, N, E) and (S, N, E), or with `batch_first` (N, L, E), or without N. Returns the output and the weights (N, L, S), averaged over
    the heads. Masks of bools say where attention may NOT go; masks of numbers are added. Source: A. Vaswani et al., 2017.

    >>> import glassgrad as gg
    >>> x = gg.ones(2, 5, 4)
    >>> out, weights = gg.nn.MultiheadAttention(4, 2, batch_first=True)(x, x, x)
    >>> tuple(out.shape), tuple(weights.shape)
    ((2, 5, 4), (2, 5, 5))
    """

    in_proj_bias: Any
    bias_k: Any
    bias_v: Any

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False, add_zero_attn: bool = False,
        kdim: int | None = None, vdim: int | None = None, batch_first: bool = False, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead")
        self.embed_dim, self.kdim, self.vdim = embed_dim, kdim or embed_dim, vdim or embed_dim
        self._qkv_same_embed_dim = self.kdim == embed_dim == self.vdim
        self.num_heads, self.dropout, self.batch_first, self.head_dim = num_heads, dropout, batch_first, embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        made = {"device": device, "dtype": dtype}
        widths = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        for name, width in widths.items():
            self.register_parameter(f"{name}_proj_weight", None if self._qkv_same_embed_dim else Parameter(empty(embed_dim, width, **made)))
        self.register_parameter("in_proj_weight", Parameter(empty(3 * embed_dim, embed_dim, **made)) if self._qkv_same_embed_dim else None)
        self.register_parameter("in_proj_bias", Parameter(empty(3 * embed_dim, **made)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **made)
        for name in ("bias_k", "bias_v"):
            if add_bias_kv:
                setattr(self, name, Parameter(empty(1, 1, embed_dim, **made)))
            else:
                self.__dict__[name] = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for p in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if p is not None:
                init.xavier_uniform_(p)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for p in (self.bias_k, self.bias_v):
            if p is not None:
                init.xavier_normal_(p)

    def _check(self, query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None) -> bool:
        """Whether the inputs are batches; raises where they do not fit."""
        if query.dim() not in (2, 3):
            raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor")
        kind = "batched (3-D)" if query.dim() == 3 else "unbatched (2-D)"
        if key.dim() != query.dim() or value.dim() != query.dim():
            raise AssertionError(
                f"For {kind} `query`, expected `key` and `value` to be {query.dim()}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively"
            )
        if padding is not None and padding.dim() != query.dim() - 1:
            raise AssertionError(
                f"For {kind} `query`, expected `key_padding_mask` to be `None` or {query.dim() - 1}-D but found {padding.dim()}-D tensor instead"
            )
        return query.dim() == 3

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None, need_weights: bool = True, attn_mask: Tensor | None = None,
        average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        batched = self._check(query, key, value, key_padding_mask)
        if is_causal and attn_mask is None:
            raise RuntimeError(
                "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method `generate_square_subsequent_mask` to "
                "create this mask."
            )
        if not batched:
            query, key, value = (t.unsqueeze(1) for t in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        elif self.batch_first:
            query, key, value = (t.transpose(0, 1) for t in (query, key, value))
        steps, n, width = query.shape
        if width != self.embed_dim:
            raise AssertionError(f"was expecting embedding dimension of {self.embed_dim}, but got {width}")
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key shape {key.shape} does not match value shape {value.shape}" if self._qkv_same_embed_dim
                else f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )  # fmt: skip
        q, k, v = self._projected(query, key, value)
        mask = self._mask(attn_mask, key_padding_mask, steps, key.shape[0], n, query.dtype)
        if self.bias_k is not None:
            k, v = cat([k, self.bias_k.repeat(1, n, 1)]), cat([v, self.bias_v.repeat(1, n, 1)])
            mask = None if mask is None else F.pad(mask, (0, 1))
        heads = lambda t: t.reshape(t.shape[0], n, self.num_heads, self.head_dim).permute(1, 2, 0, 3)
        q, k, v = heads(q), heads(k), heads(v)
        if self.add_zero_attn:
            nothing = zeros(n, self.num_heads, 1, self.head_dim, dtype=k.dtype)
            k, v = cat([k, nothing], 2), cat([v, nothing], 2)
            mask = None if mask is None else F.pad(mask, (0, 1))
        p = self.dropout if self.training else 0.0
        weights: Tensor | None = None
        if need_weights:
            scores = matmul(q * math.sqrt(1.0 / self.head_dim), k.transpose(-2, -1))
            weights = softmax(scores if mask is None else scores + mask, -1)
            weights = dropout(weights, p) if p else weights
            out = matmul(weights, v)
        else:
            out = scaled_dot_product_attention(q, k, v, mask, p)
        out = linear(out.permute(2, 0, 1, 3).reshape(steps, n, self.embed_dim), self.out_proj.weight, self.out_proj.bias)
        if weights is not None and average_attn_weights:
            weights = mean(weights, 1)
        if not batched:
            return out.squeeze(1), None if weights is None else weights.squeeze(0)
        return out.transpose(0, 1) if self.batch_first else out, weights

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> Any:
        bias = self.in_proj_bias
        if self._qkv_same_embed_dim and query is key and key is value:
            return linear(query, self.in_proj_weight, bias).chunk(3, -1)
        if self._qkv_same_embed_dim:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        return [linear(x, w, b) for x, w, b in zip((query, key, value), weights, (None,) * 3 if bias is None else bias.chunk(3))]

    def _mask(self, attn: Tensor | None, padding: Tensor | None, steps: int, keys: int, n: int, dtype: Any) -> Tensor | None:
        """What is added to the scores (N, heads, L, S)."""
        found: Tensor | None = None
        if attn is not None:
            shape = (steps, keys) if attn.dim() == 2 else (n * self.num_heads, steps, keys)
            if attn.dim() not in (2, 3):
                raise RuntimeError(f"attn_mask's dimension {attn.dim()} is not supported")
            if tuple(attn.shape) != shape:
                raise RuntimeError(f"The shape of the {attn.dim()}D attn_mask is {attn.shape}, but should be {shape}.")
            attn = _added(attn, dtype)
            found = attn if attn.dim() == 2 else attn.view(n, self.num_heads, steps, keys)
        if padding is not None:
            for dim, want in ((0, n), (1, keys)):
                if padding.shape[dim] != want:
                    raise AssertionError(f"Expected key_padded_mask.shape[{dim}] to be {want}, but got {padding.shape[dim]}")
            more = _added(padding, dtype).view(n, 1, 1, keys)
            found = more if found is None else found + more
        return found


def _added(mask: Tensor, dtype: Any) -> Tensor:
    """A mask as numbers: -inf where a bool says that attention may not go."""
    if mask.dtype.name == "bool":
        return zeros(*mask.shape, dtype=dtype).masked_fill(mask, -math.inf)
    if not mask.is_floating_point():
        raise AssertionError("only bool and floating types of masks are supported")
    return mask


# ------------------------------------------------------------------------------------------------ the transformer
def _activation(activation: Any) -> Callable[..., Any]:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


class TransformerEncoderLayer(Module):
    """x + attention(x), normalized, then x + W₂ · activation(W₁ · x), normalized; `norm_first` normalizes before each part instead.

    >>> import glassgrad as gg
    >>> tuple(gg.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)(gg.ones(2, 5, 4)).shape)
    (2, 5, 4)
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = F.relu, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.activation = _activation(activation)

    def forward(self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        attend = lambda x: self.dropout1(self.self_attn(x, x, x, src_key_padding_mask, False, src_mask)[0])
        feed = lambda x: self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return _residual(src, [(attend, self.norm1), (feed, self.norm2)], self.norm_first)


def _residual(x: Any, parts: list[tuple[Any, Any]], norm_first: bool) -> Tensor:
    for part, norm in parts:
        x = x + part(norm(x)) if norm_first else norm(x + part(x))
    return x


class TransformerDecoderLayer(Module):
    """An encoder's layer with attention to the encoder's output, `memory`, between its two parts."""

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = F.relu, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, bias=bias, **made)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, bias=bias, **made)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        for k in (1, 2, 3):
            setattr(self, f"norm{k}", LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made))
        for k in (1, 2, 3):
            setattr(self, f"dropout{k}", Dropout(dropout))
        self.activation = _activation(activation)

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        own = lambda x: self.dropout1(self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask)[0])
        other = lambda x: self.dropout2(self.multihead_attn(x, memory, memory, memory_key_padding_mask, False, memory_mask)[0])
        feed = lambda x: self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return _residual(tgt, [(own, self.norm1), (other, self.norm2), (feed, self.norm3)], self.norm_first)


def _no_fast_path(layer: Any) -> str:
    """Why PyTorch would not take its shortcut for padded batches; here there is none, and its warning is kept."""
    if not isinstance(layer, TransformerEncoderLayer):
        return "encoder_layer was not TransformerEncoderLayer"
    attention: Any = layer.self_attn
    found = [
        (layer.norm_first, "encoder_layer.norm_first was True"),
        (not attention.batch_first, "encoder_layer.self_attn.batch_first was not True(use batch_first for better inference performance)"),
        (attention.in_proj_bias is None, "encoder_layer.self_attn was passed bias=False"),
        (layer.activation not in (F.relu, F.gelu), "encoder_layer.activation_relu_or_gelu was not True"),
        (layer.norm1.eps != layer.norm2.eps, "norm1.eps was not equal to norm2.eps"),
        (attention.num_heads % 2 == 1, "encoder_layer.self_attn.num_heads is odd"),
    ]
    return next((why for holds, why in found if holds), "")


class TransformerEncoder(Module):
    """`num_layers` copies of a layer, one after another."""

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True, mask_check: bool = True):
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check
        why = _no_fast_path(encoder_layer) if enable_nested_tensor else ""
        if why:
            warnings.warn(f"enable_nested_tensor is True, but self.use_nested_tensor is False because {why}", stacklevel=2)

    def forward(self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool | None = None) -> Tensor:
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder's layer, one after another."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(decoder_layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder and a decoder; see `TransformerEncoder` and `TransformerDecoder`. Source: A. Vaswani et al., 2017."""

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: Any = F.relu, custom_encoder: Any = None, custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        shared = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype)
        norm = lambda: LayerNorm(d_model, eps=layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.encoder = custom_encoder or TransformerEncoder(TransformerEncoderLayer(*shared), num_encoder_layers, norm())
        self.decoder = custom_decoder or TransformerDecoder(TransformerDecoderLayer(*shared), num_decoder_layers, norm())
        for p in self.parameters():
            if p.dim() > 1:
                init.xavier_uniform_(p)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        if src.dim() == 3 and src.size(0 if self.batch_first else 1) != tgt.size(0 if self.batch_first else 1):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """What is added to scores so that each position sees itself and those before it: 0 there, -inf elsewhere."""
        return Tensor._wrap(np.triu(np.full((sz, sz), -np.inf, np.float32 if dtype is None else dtype.numpy), 1))
