"""What examples/kmeans.flow must print and write: Lloyd's algorithm, with means that are rounded once.

Run in the root of the repository.
"""

import csv
from fractions import Fraction

rows = list(csv.DictReader(open("examples/data/clusters/points.csv")))
points = [(float(row["x"]), float(row["y"])) for row in rows]


def nearest(centers, x, y):
    distances = [(x - a) * (x - a) + (y - b) * (y - b) for a, b in centers]
    return distances.index(min(distances))


def mean(values):
    return float(sum(map(Fraction, values)) / len(values))


centers = points[:3]
for _ in range(50):
    inside = {}
    for x, y in points:
        inside.setdefault(nearest(centers, x, y), []).append((x, y))
    before = centers
    centers = [(mean([x for x, _ in inside[c]]), mean([y for _, y in inside[c]])) for c in sorted(inside)]
    if centers == before:
        break
counts = [nearest(centers, x, y) for x, y in points]
print("c,n")
for c in sorted(set(counts)):
    print(f"{c},{counts.count(c)}")
print("--- out/centers.jsonl")
for x, y in centers:
    print(f'{{"center":{{"x":{x},"y":{y}}}}}')
