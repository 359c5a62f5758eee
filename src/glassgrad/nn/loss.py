"""Losses as layers."""

from __future__ import annotations

from typing import Any

from ..ops.losses import reduction_of
from . import functional as F
from .layer import Layer
from .shaping import PairwiseDistance


class Loss(Layer):
    """A loss: `reduction` says whether values are averaged ("mean"), summed ("sum") or left ("none"). Weights become buffers."""

    def take(self, **arguments: Any) -> None:
        if "size_average" in arguments:
            arguments["reduction"] = reduction_of(arguments.pop("size_average"), arguments.pop("reduce"), arguments["reduction"])
        for name in ("weight", "pos_weight"):
            if name in arguments and arguments[name] is None:
                self.register_buffer(name, arguments.pop(name))
        super().take(**arguments)

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        cls.names = tuple(n for n in cls.names if n not in ("size_average", "reduce"))


OLDER: dict[str, Any] = {"size_average": None, "reduce": None, "reduction": "mean"}


class L1Loss(Loss, function=F.l1_loss, **OLDER): ...


class MSELoss(Loss, function=F.mse_loss, **OLDER): ...


class SmoothL1Loss(Loss, function=F.smooth_l1_loss, **OLDER, beta=1.0): ...


class HuberLoss(Loss, function=F.huber_loss, reduction="mean", delta=1.0): ...


class PoissonNLLLoss(Loss, function=F.poisson_nll_loss, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"): ...


class GaussianNLLLoss(Loss, function=F.gaussian_nll_loss, full=False, eps=1e-6, reduction="mean"): ...


class BCELoss(Loss, function=F.binary_cross_entropy, weight=None, **OLDER): ...


class BCEWithLogitsLoss(Loss, function=F.binary_cross_entropy_with_logits, weight=None, **OLDER, pos_weight=None): ...


class NLLLoss(Loss, function=F.nll_loss, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"): ...


class CTCLoss(Loss, function=F.ctc_loss, blank=0, reduction="mean", zero_infinity=False): ...


class CrossEntropyLoss(Loss, function=F.cross_entropy, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                       label_smoothing=0.0): ...  # fmt: skip


class KLDivLoss(Loss, function=F.kl_div, **OLDER, log_target=False): ...


class CosineEmbeddingLoss(Loss, function=F.cosine_embedding_loss, margin=0.0, **OLDER): ...


class HingeEmbeddingLoss(Loss, function=F.hinge_embedding_loss, margin=1.0, **OLDER): ...


class MarginRankingLoss(Loss, function=F.margin_ranking_loss, margin=0.0, **OLDER): ...


class TripletMarginLoss(Loss, function=F.triplet_margin_loss, margin=1.0, p=2.0, eps=1e-6, swap=False, **OLDER):
    def take(self, **arguments: Any) -> None:
        if arguments["margin"] <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {arguments['margin']} instead")
        super().take(**arguments)


class TripletMarginWithDistanceLoss(Loss, function=F.triplet_margin_with_distance_loss, distance_function=None, margin=1.0, swap=False, reduction="mean"):
    def take(self, **arguments: Any) -> None:
        if arguments["margin"] <= 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {arguments['margin']} instead")
        super().take(**{**arguments, "distance_function": arguments["distance_function"] or PairwiseDistance()})


class SoftMarginLoss(Loss, function=F.soft_margin_loss, **OLDER): ...


class MultiMarginLoss(Loss, function=F.multi_margin_loss, p=1, margin=1.0, weight=None, **OLDER): ...


class MultiLabelMarginLoss(Loss, function=F.multilabel_margin_loss, **OLDER): ...


class MultiLabelSoftMarginLoss(Loss, function=F.multilabel_soft_margin_loss, weight=None, **OLDER): ...
