"""How to estimate y? Seven rows, three ways: the system of equations, the delta rule, backpropagation; then one neuron's chain rule.

Prints:
7 equations, 2 unknowns, overdetermined; rank 2, with y 2
consistent: True; solutions: one; condition number 2.6867

system of equations  w = (1.00000, 1.00000)  b = 0.00000  agrees
delta rule           w = (1.00000, 1.00000)  b = 0.00000  agrees
backpropagation      w = (1.00000, 1.00000)  b = 0.00000  agrees

one wrong row, and no w solves all equations: none

the chain rule at x = (2, 3), y = 0:

z      w·x + b = 0.7·2 + 0.5·3 + 0.3  3.2
ŷ      σ(z)                           0.960834
L      (ŷ − y)², y = 0                0.923203

∂L/∂ŷ  2(ŷ − y)                       1.92167
∂ŷ/∂z  ŷ(1 − ŷ)                       0.0376318
∂z/∂W  (1, x)                         (1, 2, 3)
∇L(W)  ∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂W          (0.0723158, 0.144632, 0.216947)

      W      ∂L/∂W  −0.5 · ∂L/∂W     W_new
b   0.3  0.0723158    -0.0361579  0.263842
w1  0.7   0.144632    -0.0723158  0.627684
w2  0.5   0.216947     -0.108474  0.391526

epoch       ŷ  label    loss                     ∇L(W)                    −0.5 · ∇L             W_new = (b, w)
    0  0.9608      1  0.9232  (0.0723, 0.1446, 0.2169)  (-0.0362, -0.0723, -0.1085)   (0.2638, 0.6277, 0.3915)
    1  0.9367      1  0.8773  (0.1111, 0.2223, 0.3334)  (-0.0556, -0.1111, -0.1667)   (0.2083, 0.5165, 0.2248)
    2  0.8717      1  0.7598  (0.1950, 0.3900, 0.5850)  (-0.0975, -0.1950, -0.2925)  (0.1108, 0.3215, -0.0677)
loss 0.923203 → 0.402335; out of steps (3), the loss still falling
"""

from glassgrad import neuron

rows = [(1, 1, 2), (2, 3, 5), (1, 2, 3), (3, 1, 4), (2, 4, 6), (3, 2, 5), (4, 1, 5)]
X, y = [row[:2] for row in rows], [row[2] for row in rows]

judged = neuron.system(X, y)
print(f"{judged.equations} equations, {judged.unknowns} unknowns, {judged.kind}; rank {judged.rank}, with y {judged.augmented_rank}")
print(f"consistent: {judged.consistent}; solutions: {judged.solutions}; condition number {judged.condition_number:.4f}\n")

for way in neuron.compare(X, y):
    w1, w2 = way.coef
    print(f"{way.name:<19}  w = ({w1:.5f}, {w2:.5f})  b = {abs(way.intercept):.5f}  {'agrees' if way.agrees else 'does not agree'}")

print("\none wrong row, and no w solves all equations:", neuron.system(X, [3, *y[1:]]).solutions)

print("\nthe chain rule at x = (2, 3), y = 0:\n")
print(neuron.chain("sigmoid", x=[2, 3], y=0, w=[0.7, 0.5], b=0.3))
print()
print(neuron.epochs(n=3))
