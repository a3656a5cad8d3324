"""What examples/partitioned_write.flow must write, file by file. Run in the root of the repository."""

import csv
import glob

folders = {}
for path in sorted(glob.glob("examples/data/raw/sales_*.csv")):
    for row in csv.DictReader(open(path, newline="")):
        folders.setdefault((row["day"], row["region"]), []).append((row["id"], row["amount"]))
for (day, region), rows in sorted(folders.items()):
    print(f"--- out/lake/sales/day={day}/region={region}/part-0000.parquet\nid,amount")
    for id, amount in rows:
        print(f"{id},{amount}")
