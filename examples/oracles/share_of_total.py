"""What examples/share_of_total.flow must print, by plain loops. Run in the root of the repository."""

import csv
import sys
from decimal import Decimal
from fractions import Fraction


def read(name):
    return list(csv.DictReader(open(f"examples/data/billing/{name}.csv", encoding="utf-8", newline="")))


customers = {row["customer_id"]: row for row in read("customers")}
orders = [(row["order_id"], row["customer_id"], Decimal(row["amount"])) for row in read("orders")]
total = sum(amount for _, _, amount in orders)
rows = []
for order_id, customer_id, amount in orders:
    customer = customers.get(customer_id, {})
    size = "large" if amount >= 1000 else "medium" if amount >= 100 else "small"
    who = f"{customer.get('name', '?')} ({customer_id})"
    share = float(Fraction(amount) / Fraction(total))
    rows.append([order_id, customer.get("region", "unknown"), who, size, share, customer_id])
rows.sort(key=lambda row: -row[4])
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["order_id", "region", "who", "size", "share", "customer_id"])
out.writerows(rows[:20])
