"""NumPy's own functions take tensors, and are differentiated.

Prints:
tensor(99.8239, grad_fn=<SumBackward0>)
tensor([  2.8776,   6.4030, -41.1147])
[  2.87758256   6.40302306 -41.11468365]
"""

import numpy as np

import glassgrad as gg

x = gg.tensor([0.5, 1.0, 2.0], requires_grad=True)
weights = np.array([1.0, 10.0, 100.0], dtype=np.float32)

total = np.sum(weights * np.sin(x) + np.log(x))
total.backward()
print(total)
print(x.grad)
print(weights * np.cos([0.5, 1.0, 2.0]) + 1 / np.array([0.5, 1.0, 2.0]))
