"""What the commonest errors mean that say it shortly: cause and fix, by the engine's words."""

from __future__ import annotations

import re

MESSAGES: list[tuple[str, str, str]] = [
    (
        r"attempted relative import",
        "a file of a package that is run as a script does not know its package",
        "run it as a module, from the folder above the package: glassgrad why -m package.module",
    ),
    (
        r"all elements of input should be between 0 and 1",
        "binary_cross_entropy takes probabilities, and these are none: outputs of a layer, as they are, are logits",
        "binary_cross_entropy_with_logits (nn.BCEWithLogitsLoss) of the values as they are; or a sigmoid before",
    ),
    (
        r"must have the same dtype|to have the same dtype|expected scalar type (Float|Double|Half|BFloat16) but found",
        "products do not convert between dtypes; NumPy's numbers are float64, a layer's weights float32",
        "x.float(), where the data is made; or model.double()",
    ),
    (
        r"expected target dtype|expected scalar type Long|not implemented for 'Int'",
        "the target of a classification is the number of a class, an integer",
        "target.long() if it numbers classes; if it is a value, mse_loss or binary_cross_entropy_with_logits",
    ),
    (
        r"Expected more than 1 value per channel",
        "in training, batch norm divides by the spread of its batch, and one value has none",
        "a larger batch (drop_last=True in the DataLoader), model.eval(), or LayerNorm or GroupNorm",
    ),
    (
        r"Target -?\d+ is out of bounds",
        "classes are numbered from 0 to the number of outputs − 1",
        "as many outputs of the last layer as there are classes; labels from 0 on; ignore_index for those to leave out",
    ),
    (
        r"mat1 and mat2 shapes cannot be multiplied|size mismatch, got input|inconsistent tensor size",
        "the last dimension of the input is not what the layer was made for (in_features)",
        "flatten(1) before a Linear after convolutions; in_features = x.shape[-1]; print(x.shape) before the layer",
    ),
    (
        r"The size of tensor a \(\d+\) must match the size of tensor b",
        "shapes are matched from the last dimension on: each pair has to be equal, or one of the two 1",
        "unsqueeze or transpose one of them, so that what belongs together stands in the same place",
    ),
    (
        r"returned an incorrect number of gradients",
        "backward returns one gradient for each argument of forward after ctx, and None for those that have none",
        "return grad, None, … in the order of forward's arguments",
    ),
    (
        r"returned an invalid gradient at index \d+",
        "the gradient of an input has the shape of that input",
        "what forward summed over, backward expands (g.expand_as(x)); what forward broadcast, backward sums",
    ),
    (
        r"only for real scalar outputs|only for scalar outputs but got|real scalar outputs but got",
        "a complex number is neither small nor large: a loss has to be real",
        "z.abs() ** 2, z.real or z.imag; or backward(gradient=v) with a complex v",
    ),
    (
        r"Inference tensors cannot be saved for backward|Inplace update to inference tensor|Cannot set version_counter for inference",
        "what was made inside inference_mode() keeps no version, so no graph can hold it, even afterwards",
        "no_grad() instead of inference_mode() where it is made; or .clone() of it where it is used",
    ),
    (
        r"is singular|input is not positive-definite|failed to converge",
        "the matrix has no inverse, or none that the dtype can hold",
        "add eps * torch.eye(n); torch.linalg.pinv or lstsq where it may be singular",
    ),
    (
        r"is a view and (?:is being|its base or another view of its base has been) modified in-?place",
        "what split, chunk or unbind gave are several views of one memory: writing into one would change the graph of the others",
        "write out of place, or into a .clone() of it",
    ),
]


def meaning(text: str) -> tuple[str, str]:
    """Cause and fix of an error that is known by its words; two empty texts else.

    >>> meaning("Target 7 is out of bounds.")[0]
    'classes are numbered from 0 to the number of outputs − 1'
    """
    return next(((cause, fix) for pattern, cause, fix in MESSAGES if re.search(pattern, text)), ("", ""))
