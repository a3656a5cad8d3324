"""The weights that logistic_regression.flow must find, to 1e-9: gradient descent with numpy."""
import numpy as np

x1, x2, y = np.loadtxt("tests/data/train.csv", delimiter=",", skiprows=1).T
b = w1 = w2 = 0.0
for _ in range(60):
    err = 1.0 / (1.0 + np.exp(-(b + w1 * x1 + w2 * x2))) - y
    before = w1, w2
    b, w1, w2 = b - 0.1 * err.mean(), w1 - 0.1 * (err * x1).mean(), w2 - 0.1 * (err * x2).mean()
    if abs(w1 - before[0]) + abs(w2 - before[1]) < 1e-6:
        break
print(b, w1, w2)
