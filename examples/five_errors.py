"""The five errors that everybody meets: the first line is PyTorch's, the notes say what happened, where, and the fix.

Prints:
numpy_of_a_tracked_tensor
  RuntimeError: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.
    what happened: a NumPy array does not carry a graph: what is computed from it would have no gradient
    where: five_errors.py:48 in numpy_of_a_tracked_tensor
    how to fix it: t.detach().numpy() where the gradient is to end; NumPy functions work on the tensor itself:
      np.sin(t)
leaf_in_place
  RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.
    what happened: the graph would start from a value that has been overwritten: what is a leaf's gradient
      then?
    where: five_errors.py:53 in leaf_in_place
    how to fix it: update a parameter inside `with no_grad():`, or work on a copy (`x = x + 1`, or `y =
      x.clone()` first)
backward_twice
  RuntimeError: Trying to backward through the graph a second time (or directly access saved tensors after they have already b
    what happened: an earlier backward freed what ExpBackward0 had saved
    where: the earlier backward was at five_errors.py:58 in backward_twice
    how to fix it: compute the forward again, or call the first backward with retain_graph=True; if a tensor
      is carried over from one step to the next, `.detach()` it between them
saved_and_overwritten
  RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: [torch.FloatTe
    what happened: ExpBackward0 kept 'result' for its backward at version 0; it was overwritten since
    where: the last write was at five_errors.py:64 in saved_and_overwritten
    how to fix it: write out of place (`y = y + 1` for `y += 1`), or write to a `.clone()` and leave the saved
      tensor alone
nothing_to_differentiate
  RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn
    what happened: no operation on the way to this tensor was tracked: no input requires grad, or it was made
      under no_grad(), by detach(), .data, .item(), or an operation without a derivative (argmax, comparisons,
      casts to int)
    where: five_errors.py:70 in nothing_to_differentiate
    how to fix it: set requires_grad=True on the leaf before computing with it, and keep to differentiable
      operations after
"""

import os
import textwrap

import glassgrad as gg

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def numpy_of_a_tracked_tensor():
    gg.ones(2, requires_grad=True).numpy()


def leaf_in_place():
    w = gg.ones(2, requires_grad=True)
    w += 1


def backward_twice():
    y = gg.tensor(2.0, requires_grad=True).exp()
    y.backward()
    y.backward()


def saved_and_overwritten():
    y = gg.ones(2, requires_grad=True).exp()
    y.mul_(2)
    y.sum().backward()


def nothing_to_differentiate():
    x = gg.tensor(2.0, requires_grad=True)
    gg.tensor(x.item() ** 2).backward()


for mistake in (numpy_of_a_tracked_tensor, leaf_in_place, backward_twice, saved_and_overwritten, nothing_to_differentiate):
    try:
        mistake()
    except RuntimeError as error:
        print(f"{mistake.__name__}\n  RuntimeError: {str(error)[:110]}")
        for note in error.__notes__:
            print(textwrap.fill(note.replace(HERE, "").strip(), 110, initial_indent="    ", subsequent_indent="      "))
