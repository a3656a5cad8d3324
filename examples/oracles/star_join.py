"""What examples/star_join.flow must print, asked of DuckDB. Run in the root of the repository."""

import csv
import sys

import duckdb

shop = "examples/data/shop"
answer = duckdb.sql(
    f"""
    select coalesce(c.region, 'unknown') as region, p.category, count(*) as orders,
           sum(cast(p.price as decimal(10, 2)) * o.quantity) as revenue
    from read_csv('{shop}/orders.csv') o
    join read_csv('{shop}/customers.csv') c using (customer_id)
    join read_csv('{shop}/products.csv') p using (product_id)
    where o.day >= date '2024-01-01'
    group by all
    order by revenue desc, region, category
    """
)
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(answer.columns)
out.writerows(answer.fetchall())
