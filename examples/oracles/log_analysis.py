"""What examples/log_analysis.flow must print, by plain loops. Run in the root of the repository."""

import collections
import glob
import gzip
import re

errors = []
for path in sorted(glob.glob("examples/data/logs/2024-05-01/*.log.gz")):
    errors += [line.rstrip("\n") for line in gzip.open(path, "rt", encoding="utf-8") if "ERROR" in line]
print("line", *errors[:10], sep="\n")
print(f"\ncount\n{len(errors)}\n\nfamily,n")
kinds = {"4": "client", "5": "server"}
families = collections.Counter(kinds.get(re.search(r"status=(\d{3})", line)[1][0], "other") for line in errors)
for family, n in sorted(families.items()):
    print(f"{family},{n}")
