"""The centers that kmeans.flow must find, to 1e-9: Lloyd's algorithm with numpy."""
import numpy as np

points = np.loadtxt("tests/data/points.csv", delimiter=",", skiprows=1)
centers = points[:3]
for _ in range(50):
    nearest = ((points[:, None, :] - centers[None]) ** 2).sum(axis=2).argmin(axis=1)
    after = np.array([points[nearest == c].mean(axis=0) for c in range(len(centers))])
    if (after == centers).all():
        break
    centers = after
print(centers.tolist(), np.bincount(nearest).tolist())
