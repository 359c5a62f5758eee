"""Tables of vectors as layers: Embedding, EmbeddingBag."""

from __future__ import annotations

from typing import Any

from ..graph.modes import no_grad
from ..ops.creation import empty
from ..parameter import Parameter
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module


class Table(Module):
    """A weight (num_embeddings × embedding_dim), normal at first; the row `padding_idx` is zero and stays so."""

    weight: Tensor

    def _table(self, rows: int, width: int, padding_idx: int | None, given: Tensor | None, freeze: bool, device: Any, dtype: Any) -> None:
        self.num_embeddings, self.embedding_dim = rows, width
        if padding_idx is not None:
            if not -rows <= padding_idx < rows:
                raise AssertionError("Padding_idx must be within num_embeddings")
            padding_idx %= rows
        self.padding_idx = padding_idx
        if given is None:
            self.weight = Parameter(empty(rows, width, device=device, dtype=dtype), requires_grad=not freeze)
            self.reset_parameters()
        else:
            if list(given.shape) != [rows, width]:
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(given, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draws the rows anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None, **options: Any) -> Any:
        """A layer with these rows, which stay as they are unless `freeze` is False."""
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, width = embeddings.shape
        layer = cls(rows, width, padding_idx=padding_idx, _weight=embeddings, **options)
        layer.weight.requires_grad = not freeze
        return layer

    def _shown(self, **more: Any) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        return text + "".join(f", {name}={value!r}" for name, value in more.items())


class Embedding(Table):
    """weight[input]: numbers (…) to vectors (…, embedding_dim); see `functional.embedding`.

    >>> import glassgrad as gg
    >>> tuple(gg.nn.Embedding(10, 3)(gg.tensor([[1, 2], [4, 5]])).shape)
    (2, 2, 3)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, sparse: bool = False, _weight: Tensor | None = None, _freeze: bool = False, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse = max_norm, norm_type, scale_grad_by_freq, sparse
        self._table(num_embeddings, embedding_dim, padding_idx, _weight, _freeze, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse)

    def extra_repr(self) -> str:
        more: dict[str, Any] = {}
        for name, default in (("padding_idx", None), ("max_norm", None), ("norm_type", 2), ("scale_grad_by_freq", False), ("sparse", False)):
            if getattr(self, name) != default:
                more[name] = getattr(self, name)
        return self._shown(**more)


class EmbeddingBag(Table):
    """The mean, sum or maximum of the rows that each bag names; see `functional.embedding_bag`."""

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        mode: str = "mean", sparse: bool = False, _weight: Tensor | None = None, include_last_offset: bool = False, padding_idx: int | None = None,
        device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse = max_norm, norm_type, scale_grad_by_freq, mode, sparse
        self.include_last_offset = include_last_offset
        self._table(num_embeddings, embedding_dim, padding_idx, _weight, False, device, dtype)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse, per_sample_weights,
                               self.include_last_offset, self.padding_idx)  # fmt: skip

    def extra_repr(self) -> str:
        more: dict[str, Any] = {}
        for name, default in (("max_norm", None), ("norm_type", 2), ("scale_grad_by_freq", False)):
            if getattr(self, name) != default:
                more[name] = getattr(self, name)
        return self._shown(**more, mode=self.mode, **({} if self.padding_idx is None else {"padding_idx": self.padding_idx}))
