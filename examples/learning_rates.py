"""The way down from one start at three learning rates: what the curvature bears, and what happens beyond it.

Prints:
lr 0.01  x =   0.5578  loss     4.81777  out of steps (40), the loss still falling
lr 0.2   x =   0.3333  loss     4.66667  converged after 12 steps: the gradient is zero to the tolerance
lr 0.4   x =    -3123  loss 2.92709e+07  diverged after 21 steps: lr 0.4 is over 2/λmax = 0.33 here
"""

from glassgrad import descend


def f(x):
    return 3 * x**2 - 2 * x + 5  # f'' = 6, so that descent converges for learning rates below 2/6


for lr in (0.01, 0.2, 0.4):
    run = descend(f, 3.0, lr=lr, steps=40)
    print(f"lr {lr:<4}  x = {run.path[-1].item():>8.4g}  loss {run.losses[-1]:>11.6g}  {run.reason}")
