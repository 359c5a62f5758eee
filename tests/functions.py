"""The small autograd.Functions that several programs take: of a module `T`, glassgrad or torch."""


def make(T, forward, backward, setup=None, **more):
    """A Function of these two; with `setup`, its forward takes no ctx."""
    body = dict(forward=staticmethod(forward), backward=staticmethod(backward), **more)
    if setup:
        body["setup_context"] = staticmethod(setup)
    return type("F", (T.autograd.Function,), body)


def saves_input(ctx, x):
    ctx.save_for_backward(x)
    return x * 1


def times_saved(ctx, grad):
    (x,) = ctx.saved_tensors
    return grad * x


def square(T):
    """x², with a backward that reads the saved x."""

    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    return make(T, forward, lambda ctx, grad: 2 * grad * ctx.saved_tensors[0])


def stops(T):
    """The same values, and no gradient: backward returns None."""
    return make(T, lambda ctx, x: x * 1, lambda ctx, grad: None)
