"""What examples/trip_features.flow must write, by plain loops. Run in the root of the repository."""

import csv
import datetime
import glob
import gzip
import math
import sys

trips, bad = {}, []
for path in sorted(glob.glob("examples/data/gps/part-*.csv.gz")):
    for line, row in enumerate(csv.DictReader(gzip.open(path, "rt", encoding="utf-8")), start=2):
        try:
            at = datetime.datetime.fromisoformat(row["at"].replace("Z", "+00:00"))
        except ValueError:
            bad.append(f"{path}:{line}")
            continue
        lat, lon = float(row["lat"]), float(row["lon"])
        speed = float(row["speed"]) if row["speed"] else None
        if not -90 <= lat <= 90:
            bad.append(f"{path}:{line}")
        elif speed is None or speed < 70:
            trips.setdefault(row["trip"], []).append((at, lat, lon, speed))


def haversine_m(a, b):
    up, across = (math.sin(math.radians(b[i] - a[i]) / 2) for i in (1, 2))
    h = up * up + math.cos(math.radians(a[1])) * math.cos(math.radians(b[1])) * across * across
    return 2 * 6371008.8 * math.asin(math.sqrt(min(h, 1.0)))


print("--- bad rows in out/bad_fixes.csv", *bad, "--- out/features/part-0000.parquet", sep="\n")
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow("trip started length_m seconds top_speed stops mean_speed".split())
for trip in sorted(trips):
    fixes = sorted(trips[trip], key=lambda fix: fix[0])
    length = math.fsum(haversine_m(a, b) for a, b in zip(fixes, fixes[1:]))
    seconds = math.fsum((b[0] - a[0]).total_seconds() for a, b in zip(fixes, fixes[1:]))
    speeds = [fix[3] for fix in fixes if fix[3] is not None]
    stops = sum((fix[3] or 0.0) < 0.5 for fix in fixes)
    mean = length / seconds if seconds else ""
    started = fixes[0][0].strftime("%Y-%m-%dT%H:%M:%SZ")
    out.writerow([trip, started, length, seconds, max(speeds, default=""), stops, mean])
