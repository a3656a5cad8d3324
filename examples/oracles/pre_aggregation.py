"""What examples/pre_aggregation.flow must print, by every pair. Run in the root of the repository."""

import csv
from decimal import Decimal

orders, visits = (list(csv.DictReader(open(f"examples/data/billing/{name}.csv"))) for name in ("orders", "visits"))
pairs = [(order, visit) for order in orders for visit in visits if order["customer_id"] == visit["customer_id"]]
print(f"pairs\n{len(pairs)}\n\npage,pairs,revenue")
for page in sorted({visit["page"] for _, visit in pairs}):
    of_page = [Decimal(order["total"]) for order, visit in pairs if visit["page"] == page]
    print(f"{page},{len(of_page)},{sum(of_page)}")
