"""What examples/logistic_regression.flow must write: gradient descent, with means that are rounded once.

Its exp is the C library's, flowc's is its own, so the last digits may differ. Run in the root of the repository.
"""

import csv
import json
import math
from fractions import Fraction

rows = [[float(v) for v in row] for row in list(csv.reader(open("examples/data/clusters/train.csv")))[1:]]


def mean(values):
    return float(sum(map(Fraction, values)) / len(rows))


b = w1 = w2 = 0.0
for _ in range(100):
    errors = [1.0 / (1.0 + math.exp(-(b + w1 * x1 + w2 * x2))) - y for x1, x2, y in rows]
    before = w1, w2
    b -= 0.1 * mean(errors)
    w1 -= 0.1 * mean([e * row[0] for e, row in zip(errors, rows)])
    w2 -= 0.1 * mean([e * row[1] for e, row in zip(errors, rows)])
    if abs(w1 - before[0]) + abs(w2 - before[1]) < 1e-6:
        break
print("--- out/weights.json")
print(json.dumps([{"b": b, "w1": w1, "w2": w2}], separators=(",", ":")))
