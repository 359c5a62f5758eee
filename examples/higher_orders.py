"""The Taylor series of e^(sin x) at 0, by differentiating a gradient again and again.

Prints:
x^0: +1.000000
x^1: +1.000000
x^2: +0.500000
x^3: +0.000000
x^4: -0.125000
x^5: -0.066667
"""

import math

import glassgrad as gg

x = gg.tensor(0.0, dtype=gg.float64, requires_grad=True)
derivative = gg.exp(gg.sin(x))
for order in range(6):
    print(f"x^{order}: {derivative.item() / math.factorial(order):+.6f}")
    (derivative,) = gg.autograd.grad(derivative, x, create_graph=True)
