#!/usr/bin/env python3
"""Run eight TPC-H queries with flowc and with DuckDB over the same files and compare the answers.

    python3 benches/tpch/check.py                        # scale 0.1: 110 MB of CSV, in a temporary folder
    python3 benches/tpch/check.py q1 q6 --scale 1 --data benches/data/tpch

The data is made by `tpchgen-cli`; it and DuckDB are installed with pip in benches/venv. `--data` keeps the
data, and uses it if it is there. `--flowc` names a binary; without it one is built.

What is compared: the names of the columns, the number of rows, their order as far as the query defines it,
and every value. Ints, texts, dates and decimals must be equal; a decimal has the digits of its scale on both
sides. Floats (the three means of Q1, the share of Q14) may differ from DuckDB's by 1e-14, relatively, because
DuckDB rounds sums before it divides them. A mean of flowc must also be exactly the float nearest to the exact
quotient, which is computed here as a fraction from DuckDB's decimal sum and count.

Every program also runs on 1, 2 and 7 threads, without the optimizer, and in the interpreter; all must print the
same bytes.
"""

import argparse
import csv
import io
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHES = HERE.parent
ROOT = BENCHES.parent
sys.path.insert(0, str(BENCHES))

from packages import install  # noqa: E402
PACKAGES = ["duckdb==2.0.0", "tpchgen-cli==4.0.0"]
WAYS = [
    ["--threads", "2"],
    ["--threads", "1"],
    ["--threads", "7"],
    ["--threads", "2", "-O", "0"],
    ["--threads", "2", "--interpret"],
]
FLOAT_TOLERANCE = 1e-14

TABLES = {
    "customer": """c_custkey BIGINT, c_name VARCHAR, c_address VARCHAR, c_nationkey BIGINT, c_phone VARCHAR,
        c_acctbal DECIMAL(15,2), c_mktsegment VARCHAR, c_comment VARCHAR""",
    "lineitem": """l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber BIGINT,
        l_quantity DECIMAL(15,2), l_extendedprice DECIMAL(15,2), l_discount DECIMAL(15,2), l_tax DECIMAL(15,2),
        l_returnflag VARCHAR, l_linestatus VARCHAR, l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE,
        l_shipinstruct VARCHAR, l_shipmode VARCHAR, l_comment VARCHAR""",
    "nation": "n_nationkey BIGINT, n_name VARCHAR, n_regionkey BIGINT, n_comment VARCHAR",
    "orders": """o_orderkey BIGINT, o_custkey BIGINT, o_orderstatus VARCHAR, o_totalprice DECIMAL(15,2),
        o_orderdate DATE, o_orderpriority VARCHAR, o_clerk VARCHAR, o_shippriority BIGINT, o_comment VARCHAR""",
    "part": """p_partkey BIGINT, p_name VARCHAR, p_mfgr VARCHAR, p_brand VARCHAR, p_type VARCHAR, p_size BIGINT,
        p_container VARCHAR, p_retailprice DECIMAL(15,2), p_comment VARCHAR""",
    "region": "r_regionkey BIGINT, r_name VARCHAR, r_comment VARCHAR",
    "supplier": """s_suppkey BIGINT, s_name VARCHAR, s_address VARCHAR, s_nationkey BIGINT, s_phone VARCHAR,
        s_acctbal DECIMAL(15,2), s_comment VARCHAR""",
}

# The queries of the specification with its validation parameters.
QUERIES = {
    "q1": """SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty,
            sum(l_extendedprice) AS sum_base_price,
            sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
            sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
            avg(l_quantity) AS avg_qty, avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc,
            count(*) AS count_order
        FROM lineitem WHERE l_shipdate <= DATE '1998-12-01' - INTERVAL 90 DAY
        GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus""",
    "q3": """SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
        FROM customer, orders, lineitem
        WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
            AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
        GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10""",
    "q5": """SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
        FROM customer, orders, lineitem, supplier, nation, region
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey
            AND c_nationkey = s_nationkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey
            AND r_name = 'ASIA' AND o_orderdate >= DATE '1994-01-01'
            AND o_orderdate < DATE '1994-01-01' + INTERVAL 1 YEAR
        GROUP BY n_name ORDER BY revenue DESC""",
    "q6": """SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
        WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1994-01-01' + INTERVAL 1 YEAR
            AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24""",
    "q10": """SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name,
            c_address, c_phone, c_comment
        FROM customer, orders, lineitem, nation
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= DATE '1993-10-01'
            AND o_orderdate < DATE '1993-10-01' + INTERVAL 3 MONTH AND l_returnflag = 'R'
            AND c_nationkey = n_nationkey
        GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
        ORDER BY revenue DESC LIMIT 20""",
    "q12": """SELECT l_shipmode,
            sum(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END)
                AS high_line_count,
            sum(CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END)
                AS low_line_count
        FROM orders, lineitem
        WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate
            AND l_shipdate < l_commitdate AND l_receiptdate >= DATE '1994-01-01'
            AND l_receiptdate < DATE '1994-01-01' + INTERVAL 1 YEAR
        GROUP BY l_shipmode ORDER BY l_shipmode""",
    "q14": """SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount)
            ELSE 0 END) / sum(l_extendedprice * (1 - l_discount)) AS promo_revenue
        FROM lineitem, part
        WHERE l_partkey = p_partkey AND l_shipdate >= DATE '1995-09-01'
            AND l_shipdate < DATE '1995-09-01' + INTERVAL 1 MONTH""",
    "q19": """SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue FROM lineitem, part
        WHERE (p_partkey = l_partkey AND p_brand = 'Brand#12'
                AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
                AND l_quantity >= 1 AND l_quantity <= 1 + 10 AND p_size BETWEEN 1 AND 5
                AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON')
            OR (p_partkey = l_partkey AND p_brand = 'Brand#23'
                AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
                AND l_quantity >= 10 AND l_quantity <= 10 + 10 AND p_size BETWEEN 1 AND 10
                AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON')
            OR (p_partkey = l_partkey AND p_brand = 'Brand#34'
                AND p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
                AND l_quantity >= 20 AND l_quantity <= 20 + 10 AND p_size BETWEEN 1 AND 15
                AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON')""",
}

# The exact sum and count behind each mean, in the order of the answer.
MEANS = {
    "q1": """SELECT sum(l_quantity), count(*), sum(l_extendedprice), count(*), sum(l_discount), count(*)
        FROM lineitem WHERE l_shipdate <= DATE '1998-12-01' - INTERVAL 90 DAY
        GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus""",
}


def build():
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "flowc"


def generate(scale, folder):
    """The tables as CSV files; a folder that is complete is used as it is."""
    done = folder / f"scale-{scale}"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    tool = Path(sys.prefix) / "bin" / "tpchgen-cli"
    command = [tool, "csv", "--scale-factor", str(scale), "--output-dir", folder, "--overwrite"]
    subprocess.run([*command, "--quiet", "--tables", ",".join(TABLES)], check=True)
    done.touch()


def load(folder, names):
    import duckdb

    engine = duckdb.connect()
    for name, columns in TABLES.items():
        if any(name in QUERIES[query] for query in names):
            engine.execute(f"CREATE TABLE {name} ({columns})")
            engine.execute(f"COPY {name} FROM '{folder}/{name}.csv' (HEADER, DELIMITER ',', QUOTE '\"')")
    return engine


def answer(flowc, query, folder):
    """What flowc prints: its header and its rows, the same in every way to run it."""
    printed = {}
    took = None
    for way in WAYS:
        command = [flowc, "run", "--quiet", "--format", "csv", "--param", f"data={folder}", *way]
        start = time.perf_counter()
        run = subprocess.run([*command, HERE / f"{query}.flow"], capture_output=True, text=True)
        took = took or time.perf_counter() - start
        if run.returncode != 0:
            raise SystemExit(f"{query} {' '.join(way)}: flowc ended with {run.returncode}\n{run.stderr}")
        printed.setdefault(run.stdout, way)
    if len(printed) != 1:
        raise SystemExit(f"{query}: these ways print different bytes: {list(printed.values())}")
    header, *rows = csv.reader(io.StringIO(run.stdout))
    return header, rows, took


def difference(ours, theirs):
    """Why the text of a value is not DuckDB's value, or nothing."""
    if isinstance(theirs, float):
        ours = float(ours)
        if abs(ours - theirs) > FLOAT_TOLERANCE * abs(theirs):
            return f"{ours!r} is not {theirs!r}"
        return None
    if isinstance(theirs, Decimal):
        # The same digits, and the same number of them behind the point.
        same = Decimal(ours).compare_total(theirs) == 0
    else:
        same = ours == str(theirs)
    return None if same else f"{ours} is not {theirs}"


def compare(engine, query, header, rows):
    """The number of values that were compared."""
    result = engine.execute(QUERIES[query])
    names = [column[0] for column in result.description]
    expected = result.fetchall()
    if header != names:
        raise SystemExit(f"{query}: the columns are {header}, not {names}")
    if len(rows) != len(expected):
        raise SystemExit(f"{query}: {len(rows)} rows, not {len(expected)}")
    if not rows:
        raise SystemExit(f"{query}: no rows at all, which shows nothing")
    for n, (ours, theirs) in enumerate(zip(rows, expected)):
        for name, a, b in zip(names, ours, theirs):
            wrong = difference(a, b)
            if wrong:
                raise SystemExit(f"{query}, row {n + 1}, {name}: {wrong}")
    floats = [i for i, value in enumerate(expected[0]) if isinstance(value, float)]
    if query in MEANS:
        quotients = engine.execute(MEANS[query]).fetchall()
        for ours, parts in zip(rows, quotients):
            for i, column in enumerate(floats):
                nearest = float(Fraction(parts[2 * i]) / Fraction(parts[2 * i + 1]))
                if float(ours[column]) != nearest:
                    raise SystemExit(f"{query}, {names[column]}: {ours[column]} is not the nearest float, {nearest!r}")
    return len(rows) * len(names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("queries", nargs="*", choices=[[], *QUERIES], help="all unless some are named")
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--data", type=Path, help="a folder to keep the data in")
    parser.add_argument("--flowc", type=Path, help="a binary to check instead of building one")
    parser.add_argument("--here", action="store_true", help="this Python has the packages already")
    arguments = parser.parse_args()
    names = arguments.queries or list(QUERIES)
    if not arguments.here:
        # DuckDB is a package of another environment.
        return subprocess.run([install(PACKAGES), __file__, "--here", *sys.argv[1:]]).returncode
    flowc = (arguments.flowc or build()).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.data or Path(temporary)).resolve()
        generate(arguments.scale, folder)
        engine = load(folder, names)
        for query in names:
            header, rows, took = answer(flowc, query, folder)
            values = compare(engine, query, header, rows)
            print(f"{query:4} equal: {len(rows)} rows, {values} values, {len(WAYS)} ways, {took:.2f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
