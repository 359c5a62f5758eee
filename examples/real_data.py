"""Two real tables: how far diabetes went in a year, by the three ways; which tumour is malignant, by backpropagation. Needs scikit-learn.

Prints:
diabetes: 442 equations, 11 unknowns; none solves them all; condition number 21.7
system of equations  bmi 24.7, pressure 15.4, b 152.1; mean squared error 2860; agrees: yes
delta rule           bmi 24.7, pressure 15.4, b 152.1; mean squared error 2860; agrees: nearly
backpropagation      bmi 24.7, pressure 15.4, b 152.1; mean squared error 2860; agrees: yes

breast cancer, five parts, four to learn from and one to tell:
squared_error  accuracy 0.981
cross_entropy  accuracy 0.981
scikit-learn   accuracy 0.981

sample 297 it tells wrongly, and is the surest of it:
z      w·x + b = -0.555449·-0.672344 − 0.62446·-0.267531 − 0.539689·-0.698958 − 0.583733·-0.636479 + … + 0.448084  5.29983
ŷ      σ(z)                                                                                                        0.995032
L      −y ln ŷ − (1 − y) ln(1 − ŷ), y = 0                                                                          5.30481
"""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from glassgrad import neuron

table = load_diabetes(as_frame=True)
X, y = StandardScaler().set_output(transform="pandas").fit_transform(table.data), table.target
found = neuron.compare(X, y, max_iter=10_000)
judged = found.system
print(f"diabetes: {judged.equations} equations, {judged.unknowns} unknowns; {judged.solutions} solves them all; condition number {judged.condition_number:.1f}")
for way in found:
    print(f"{way.name:<19}  bmi {way.coef[2]:.1f}, pressure {way.coef[3]:.1f}, b {way.intercept:.1f}; mean squared error {way.loss:.0f}; agrees: {way.verdict}")

print("\nbreast cancer, five parts, four to learn from and one to tell:")
X, y = load_breast_cancer(return_X_y=True)
neurons = {loss: neuron.SigmoidNeuron(loss, max_iter=300, tol=None) for loss in ("squared_error", "cross_entropy")}
for name, model in {**neurons, "scikit-learn": LogisticRegression()}.items():
    print(f"{name:<13}  accuracy {cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=5).mean():.3f}")

model = make_pipeline(StandardScaler(), neurons["cross_entropy"]).fit(X, y)
scaled, own = model[0].transform(X), model[-1]
wrong = int(np.argmax(np.where(model.predict(X) != y, np.abs(own.decision_function(scaled)), 0)))
print(f"\nsample {wrong} it tells wrongly, and is the surest of it:")
print(str(neuron.chain(own, scaled[wrong], y[wrong])).partition("\n\n")[0])
