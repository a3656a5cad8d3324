"""What examples/partition_pruning.flow must print, asked of DuckDB, and of the files that the lake was made from.

Run in the root of the repository.
"""

import csv
import glob
from decimal import Decimal

import duckdb

question = "day = date '2024-02-29' and region in ('EU', 'UK')"
lake = "examples/data/lake/sales/**/*.parquet"
total, sales = duckdb.sql(
    f"select sum(amount), count(*) from read_parquet('{lake}', hive_partitioning = true) where {question}"
).fetchall()[0]
raw = [row for path in glob.glob("examples/data/raw/sales_*.csv") for row in csv.DictReader(open(path))]
raw = [Decimal(row["amount"]) for row in raw if row["day"] == "2024-02-29" and row["region"] in ("EU", "UK")]
assert (total, sales) == (sum(raw), len(raw))
print(f"total,sales\n{total},{sales}")
