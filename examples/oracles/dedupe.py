"""What examples/dedupe.flow must write, by plain loops. Run in the root of the repository."""

import csv
import glob
import sys

rows = []
for path in sorted(glob.glob("examples/data/crm/export_*.csv")):
    rows += list(csv.DictReader(open(path, encoding="utf-8")))
best = {}
for place, row in enumerate(rows):
    row["email"] = row["email"].strip().lower()
    known = best.get(row["email"])
    if known is None or (row["updated"], int(row["id"])) > (rows[known]["updated"], int(rows[known]["id"])):
        best[row["email"]] = place
print("--- out/customers.csv")
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["id", "email", "name", "updated"])
for place in sorted(best.values()):
    out.writerow(rows[place].values())
