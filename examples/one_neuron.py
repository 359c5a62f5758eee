"""One neuron with a sigmoid learns that (2, 3) means 0, by ten steps of gradient descent on its squared error.

Prints:
epoch  prediction    loss  gradient of the weights          weights after the step
    0      0.9608  0.9232  [0.072316, 0.144632, 0.216947]   [0.2638, 0.6277, 0.3915]
    1      0.9367  0.8773  [0.111142, 0.222283, 0.333425]   [0.2083, 0.5165, 0.2248]
    2      0.8717  0.7598  [0.195013, 0.390027, 0.585040]   [0.1108, 0.3215, -0.0677]
    3      0.6343  0.4023  [0.294269, 0.588537, 0.882806]   [-0.0364, 0.0273, -0.5091]
    4      0.1811  0.0328  [0.053695, 0.107389, 0.161084]   [-0.0632, -0.0264, -0.5897]
    5      0.1318  0.0174  [0.030168, 0.060336, 0.090504]   [-0.0783, -0.0566, -0.6349]
    6      0.1095  0.0120  [0.021342, 0.042684, 0.064026]   [-0.0890, -0.0779, -0.6669]
    7      0.0957  0.0092  [0.016574, 0.033147, 0.049721]   [-0.0973, -0.0945, -0.6918]
    8      0.0861  0.0074  [0.013564, 0.027127, 0.040691]   [-0.1040, -0.1081, -0.7121]
    9      0.0790  0.0062  [0.011485, 0.022969, 0.034454]   [-0.1098, -0.1196, -0.7293]
"""

import glassgrad as gg

sample = gg.tensor([1.0, 2.0, 3.0])  # the first 1 goes with the bias
weights = gg.tensor([0.3, 0.7, 0.5], requires_grad=True)


def row(values, digits):
    return "[" + ", ".join(f"{v:.{digits}f}" for v in values.tolist()) + "]"


print(f"epoch  prediction    loss  {'gradient of the weights':<32} weights after the step")
for epoch in range(10):
    prediction = gg.sigmoid(gg.dot(sample, weights))
    loss = (prediction - 0.0) ** 2
    loss.backward()
    gradient = weights.grad.clone()
    with gg.no_grad():
        weights -= 0.5 * weights.grad
    weights.grad.zero_()
    print(f"{epoch:>5} {prediction.item():>11.4f} {loss.item():>7.4f}  {row(gradient, 6):<32} {row(weights, 4)}")
