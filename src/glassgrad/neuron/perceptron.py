"""`Perceptron`: Rosenblatt's neuron, which learns from its mistakes only."""

from __future__ import annotations

from typing import Any

from .base import NeuronClassifier
from .pieces import OF_MARGIN


class Perceptron(NeuronClassifier):
    """Neuron that answers by the sign of z = Xw + b and follows the gradient of its mistakes, mean of max(0, −tz), t = ±1.

    A sample with tz ≤ 0 moves w by αtx, another one not at all. With `batch_size=1` that is Rosenblatt's rule; `batch_size=None` takes the
    mean over all mistakes (the batch perceptron). Both end after finitely many steps where a plane separates the classes, and never else:
    then it runs out of epochs, or, with single samples, settles. From zero weights α only scales w, so that `learning_rate="auto"` is 1.

    Settings and attributes are as for `SigmoidNeuron`; there are no probabilities. Raises ValueError for more than two classes. Source:
    Rosenblatt, The perceptron: a probabilistic model for information storage and organization in the brain, Psychological Review 65 (1958).

    >>> from glassgrad.neuron import Perceptron
    >>> neuron = Perceptron(batch_size=1, random_state=0).fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1])
    >>> neuron.predict([[0, 0], [0, 1], [1, 0], [1, 1]]).tolist(), neuron.stopped_
    ([0, 0, 0, 1], 'converged')
    """

    def pieces(self) -> tuple[str, str]:
        """The names of the activation and of the loss."""
        return "linear", "perceptron"

    def _loss_of(self) -> Any:
        return OF_MARGIN[self.pieces()]
