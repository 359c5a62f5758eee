"""A function with its own derivative: the softplus log(1 + e^x), written so that neither way overflows.

Prints:
value     tensor([0.0000e+00, 6.9315e-01, 8.0000e+02], dtype=torch.float64,
       grad_fn=<SoftplusBackward>)
gradient  tensor([0.0000, 0.5000, 1.0000], dtype=torch.float64)
measured  tensor([0.0000, 0.5000, 1.0000], dtype=torch.float64)
"""

import glassgrad as gg


class Softplus(gg.autograd.Function):
    """log(1 + e^x), whose derivative is the sigmoid of x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return gg.relu(x) + gg.log1p(gg.exp(-gg.abs(x)))

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * gg.sigmoid(x)


x = gg.tensor([-800.0, 0.0, 800.0], dtype=gg.float64, requires_grad=True)
y = Softplus.apply(x)
y.backward(gg.ones_like(y))
print("value    ", y)
print("gradient ", x.grad)

moved = 1e-6
slope = (Softplus.apply(x + moved) - Softplus.apply(x - moved)) / (2 * moved)
print("measured ", slope.detach())
