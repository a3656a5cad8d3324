"""What examples/pre_aggregation.flow must print, by every pair. Run in the root of the repository."""

import csv
from decimal import Decimal

shop = "examples/data/shop"
prices = {row["product_id"]: Decimal(row["price"]) for row in csv.DictReader(open(f"{shop}/products.csv"))}
orders = list(csv.DictReader(open(f"{shop}/orders.csv")))
visits = list(csv.DictReader(open(f"{shop}/visits.csv")))
pairs = [(order, visit) for order in orders for visit in visits if order["customer_id"] == visit["customer_id"]]
print(f"pairs\n{len(pairs)}\n\npage,pairs,revenue")
for page in sorted({visit["page"] for _, visit in pairs}):
    of_page = [order for order, visit in pairs if visit["page"] == page]
    revenue = sum(prices[order["product_id"]] * int(order["quantity"]) for order in of_page)
    print(f"{page},{len(of_page)},{revenue}")
