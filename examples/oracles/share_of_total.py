"""What examples/share_of_total.flow must print, by plain loops. Run in the root of the repository."""

import csv
import sys
from decimal import Decimal
from fractions import Fraction

shop = "examples/data/shop"
prices = {row["product_id"]: Decimal(row["price"]) for row in csv.DictReader(open(f"{shop}/products.csv"))}
customers = {row["customer_id"]: row for row in csv.DictReader(open(f"{shop}/customers.csv"))}
orders = [
    (row, prices[row["product_id"]] * int(row["quantity"])) for row in csv.DictReader(open(f"{shop}/orders.csv"))
]
total = sum(amount for _, amount in orders)
rows = []
for order, amount in orders:
    customer = customers.get(order["customer_id"], {})
    size = "large" if amount >= 1000 else "medium" if amount >= 100 else "small"
    who = f"{customer.get('name', '?')} ({order['customer_id']})"
    share = float(Fraction(amount) / Fraction(total))
    rows.append([order["order_id"], customer.get("region") or "unknown", who, size, share])
rows.sort(key=lambda row: -row[4])
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["order_id", "region", "who", "size", "share"])
out.writerows(rows[:20])
