#!/usr/bin/env python3
"""Parquet and Arrow files against pyarrow and DuckDB, in both directions.

Random tables (seeded) of every type are written by pyarrow and DuckDB and read by flowc, and written by flowc and
read by pyarrow and DuckDB; every value must be the same. Needs `pip install pyarrow duckdb`.

    python3 tests/peers/columnar.py target/release/flowc [rounds]
"""

import datetime as dt
import decimal
import json
import math
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1)
UNITS = {"d": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}


def moment(r):
    return r.randrange(-60_000_000_000_000_000, 200_000_000_000_000_000)


def text(r):
    return "".join(r.choice(["a", "b", "é", "漢", " ", '"', "\\", "\n", "🙂", "x" * 20]) for _ in range(r.randrange(6)))


def number(r):
    return r.choice([0.0, -0.0, 1.5, -2.25, 1e300, 5e-324, math.inf, -math.inf, math.nan, r.uniform(-1e6, 1e6)])


def exact(r, precision, scale):
    return decimal.Decimal(r.randrange(-(10**precision) + 1, 10**precision)).scaleb(-scale)


def signed(bits):
    return lambda r: r.choice([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, r.randrange(-100, 100)])


def unsigned(bits):
    # What passes `int` is an error of its row, which the cases of the suite show.
    return lambda r: r.choice([0, min(2**bits, 2**63) - 1, r.randrange(100)])


def dates(r):
    return dt.date(1, 1, 1) + dt.timedelta(days=r.randrange(3_652_000))


TYPES = [
    (pa.bool_(), lambda r: r.random() < 0.5),
    *[(t, signed(b)) for t, b in [(pa.int8(), 8), (pa.int16(), 16), (pa.int32(), 32), (pa.int64(), 64)]],
    *[(t, unsigned(b)) for t, b in [(pa.uint8(), 8), (pa.uint16(), 16), (pa.uint32(), 32), (pa.uint64(), 64)]],
    (pa.float32(), lambda r: r.choice([0.5, -1.25, math.nan, math.inf, float(r.randrange(1000)) / 8])),
    (pa.float64(), number),
    (pa.decimal128(7, 2), lambda r: exact(r, 7, 2)),
    (pa.decimal128(18, 0), lambda r: exact(r, 18, 0)),
    (pa.decimal128(38, 10), lambda r: exact(r, 38, 10)),
    (pa.decimal256(30, 5), lambda r: exact(r, 30, 5)),
    (pa.string(), text),
    (pa.large_string(), text),
    (pa.string_view(), text),
    (pa.dictionary(pa.int32(), pa.string()), lambda r: r.choice(["", "one", "two", "three"])),
    (pa.binary(), lambda r: r.randbytes(r.randrange(20))),
    (pa.binary(3), lambda r: r.randbytes(3)),
    (pa.date32(), dates),
    (pa.timestamp("s"), lambda r: EPOCH + dt.timedelta(seconds=moment(r) // 10**6)),
    (pa.timestamp("ms"), lambda r: EPOCH + dt.timedelta(milliseconds=moment(r) // 10**3)),
    (pa.timestamp("us"), lambda r: EPOCH + dt.timedelta(microseconds=moment(r))),
    (pa.timestamp("us", "America/New_York"), lambda r: (EPOCH + dt.timedelta(microseconds=moment(r))).replace(tzinfo=UTC)),
    (pa.timestamp("ns"), lambda r: EPOCH + dt.timedelta(microseconds=r.randrange(-(10**15), 10**15))),
    (pa.time64("us"), lambda r: (EPOCH + dt.timedelta(microseconds=r.randrange(86_400_000_000))).time()),
    (pa.list_(pa.int32()), lambda r: [signed(32)(r) for _ in range(r.randrange(4))]),
    (pa.large_list(pa.string()), lambda r: [text(r) if r.random() < 0.8 else None for _ in range(r.randrange(4))]),
    (pa.struct([("x", pa.int64()), ("y", pa.string())]), lambda r: {"x": r.randrange(9), "y": text(r)}),
    (pa.list_(pa.struct([("p", pa.int32())])), lambda r: [{"p": r.randrange(9)} for _ in range(r.randrange(3))]),
]
# DuckDB has no views, and reads decimals of 256 bits as floats.
FOREIGN = (pa.string_view(), pa.decimal256(30, 5))


class Number(str):
    """The digits of a number in JSON."""


def duration(value):
    parts = re.findall(r"(-?\d+)(d|h|min|s|ms|us)(?![a-z])", value)
    sign = -1 if value.startswith("-") else 1
    return sign * sum(abs(int(n)) * UNITS[unit] for n, unit in parts)


def same(expected, got):
    """Whether what flowc wrote as JSON is that value."""
    if expected is None or isinstance(expected, (bool, str)):
        return type(got) is type(expected) and got == expected
    if isinstance(expected, int):
        if type(got) is str:
            # Parquet has no durations of its own: readers that do not look at Arrow's schema see microseconds.
            return duration(got) == expected
        return isinstance(got, Number) and int(got) == expected
    if isinstance(expected, float):
        got = float(got)
        return math.isnan(expected) == math.isnan(got) and (math.isnan(got) or (expected == got and math.copysign(1, expected) == math.copysign(1, got)))
    if isinstance(expected, decimal.Decimal):
        return isinstance(got, Number) and decimal.Decimal(got) == expected
    if isinstance(expected, bytes):
        return got == expected.hex()
    if isinstance(expected, dt.datetime):
        zoned = expected if expected.tzinfo else expected.replace(tzinfo=UTC)
        return dt.datetime.fromisoformat(got.replace("Z", "+00:00")) == zoned.astimezone(UTC)
    if isinstance(expected, dt.date):
        return got == expected.isoformat()
    if isinstance(expected, dt.time):
        us = ((expected.hour * 60 + expected.minute) * 60 + expected.second) * 10**6 + expected.microsecond
        return duration(got) == us
    if isinstance(expected, dt.timedelta):
        return duration(got) == expected // dt.timedelta(microseconds=1)
    if isinstance(expected, list):
        return isinstance(got, list) and len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, dict):
        return isinstance(got, dict) and list(expected) == list(got) and all(same(v, got[k]) for k, v in expected.items())
    raise TypeError(type(expected))


def rows_of(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(l, parse_int=Number, parse_float=Number) for l in lines.read().split("\n") if l]


class Check:
    def __init__(self, flowc, folder):
        self.flowc, self.folder, self.values = flowc, folder, 0

    def run(self, program):
        done = subprocess.run([self.flowc, "run", "-q", "-e", program], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{program}\n{done.stderr}")

    def compare(self, what, expected, got):
        if len(expected) != len(got):
            sys.exit(f"{what}: {len(got)} rows, expected {len(expected)}")
        for i, (e, g) in enumerate(zip(expected, got)):
            if list(e) != list(g):
                sys.exit(f"{what}: the columns are {list(g)}, expected {list(e)}")
            for name in e:
                self.values += 1
                # A record that is null as a whole is one of nulls here, where it may not be null by itself.
                if not same(e[name], g[name]):
                    sys.exit(f"{what}: row {i}, column {name}: {g[name]!r}, expected {e[name]!r}")

    def read_by_us(self, name, expected):
        self.run(f'read "{name}" | write "back.jsonl"')
        self.compare(f"{name} read by flowc", expected, rows_of(self.folder / "back.jsonl"))


def table(r, rows, foreign=False):
    kinds = [k for k in TYPES if not (foreign and k[0] in FOREIGN)]
    chosen = r.sample(kinds, r.randrange(1, len(kinds) + 1))
    columns, fields = [pa.array(range(rows), pa.int64())], [pa.field("id", pa.int64(), nullable=False)]
    for i, (kind, make) in enumerate(chosen):
        nulls = r.choice([0, 0, 0.1, 0.9, 1])
        values = [None if r.random() < nulls else make(r) for _ in range(rows)]
        columns.append(pa.array(values, kind))
        fields.append(pa.field(f"c{i}", kind))
    return pa.table(columns, schema=pa.schema(fields))


def written_by_pyarrow(check, r, seed):
    t = table(r, r.choice([0, 1, 7, 100, 3000]))
    expected = t.to_pylist()
    group = r.choice([1, 5, 100, 10_000])
    pq.write_table(
        t,
        check.folder / "p.parquet",
        row_group_size=group if len(t) < 200 else 1000,
        compression=r.choice(["none", "snappy", "zstd", "gzip", "lz4"]),
        use_dictionary=r.random() < 0.5,
        data_page_version=r.choice(["1.0", "2.0"]),
        data_page_size=r.choice([64, 4096, 1 << 20]),
        write_statistics=r.random() < 0.8,
        write_page_index=r.random() < 0.5,
        store_decimal_as_integer=r.random() < 0.5,
        use_byte_stream_split=False,
    )
    check.read_by_us("p.parquet", expected)
    compression = r.choice([None, "lz4", "zstd"])
    options = ipc.IpcWriteOptions(compression=compression)
    with pa.OSFile(str(check.folder / "p.arrow"), "wb") as f, ipc.new_file(f, t.schema, options=options) as w:
        w.write_table(t, max_chunksize=r.choice([1, 7, 100, 10_000]) if len(t) < 200 else 1000)
    check.read_by_us("p.arrow", expected)
    with pa.OSFile(str(check.folder / "p.arrows"), "wb") as f, ipc.new_stream(f, t.schema, options=options) as w:
        w.write_table(t, max_chunksize=1000)
    check.read_by_us("p.arrows", expected)
    feather.write_feather(t, check.folder / "p.feather", compression=compression or "uncompressed")
    check.read_by_us("p.feather", expected)


def written_with_deltas(check, r):
    rows = r.choice([1, 33, 1000])
    t = pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "i": pa.array([r.choice([None, r.randrange(-(2**62), 2**62)]) for _ in range(rows)], pa.int64()),
            "s": pa.array([r.choice([None, text(r)]) for _ in range(rows)], pa.string()),
            "t": pa.array([f"prefix {i // 7} {text(r)}" for i in range(rows)], pa.string()),
            "f": pa.array([number(r) for _ in range(rows)], pa.float64()),
        }
    )
    encodings = {"id": "DELTA_BINARY_PACKED", "i": "DELTA_BINARY_PACKED", "s": "DELTA_LENGTH_BYTE_ARRAY", "t": "DELTA_BYTE_ARRAY", "f": "BYTE_STREAM_SPLIT"}
    version = r.choice(["1.0", "2.0"])
    pq.write_table(t, check.folder / "e.parquet", use_dictionary=False, column_encoding=encodings, data_page_version=version, data_page_size=512)
    check.read_by_us("e.parquet", t.to_pylist())


def written_by_duckdb(check, r):
    t = table(r, r.choice([1, 100, 3000]), foreign=True)
    con = duckdb.connect()
    con.register("t", t)
    codec = r.choice(["uncompressed", "snappy", "zstd", "gzip", "lz4_raw"])
    version = r.choice(["V1", "V2"])
    con.execute(f"copy t to '{check.folder}/d.parquet' (format parquet, compression {codec}, row_group_size 2048, parquet_version {version})")
    check.read_by_us("d.parquet", pq.read_table(check.folder / "d.parquet").to_pylist())


def written_by_us(check, r):
    t = table(r, r.choice([0, 1, 100, 3000]), foreign=True)
    pq.write_table(t, check.folder / "in.parquet")
    codecs = ["none", "snappy", "zstd", "gzip", "lz4"]
    program = ['let rows = read "in.parquet"', 'from rows | write "plain.jsonl"']
    program += [f'from rows | write "{c}.parquet" as parquet(compression: "{c}")' for c in codecs]
    program += [f'from rows | write "{c}.arrow" as arrow(compression: "{c}")' for c in ["none", "lz4", "zstd"]]
    check.run("\n".join(program))
    plain = rows_of(check.folder / "plain.jsonl")
    check.compare("in.parquet read by flowc", t.to_pylist(), plain)
    for c in codecs:
        read = pq.read_table(check.folder / f"{c}.parquet")
        read.validate(full=True)
        check.compare(f"{c}.parquet read by pyarrow", read.to_pylist(), plain)
    for c in ["none", "lz4", "zstd"]:
        with pa.OSFile(str(check.folder / f"{c}.arrow"), "rb") as f:
            read = ipc.open_file(f).read_all()
        read.validate(full=True)
        check.compare(f"{c}.arrow read by pyarrow", read.to_pylist(), plain)
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    read = con.sql(f"select * from '{check.folder}/zstd.parquet'").to_arrow_table().to_pylist()
    check.compare("zstd.parquet read by DuckDB", read, plain)
    # What DuckDB leaves out by the statistics that flowc wrote.
    for limit in (0, 50, 1500):
        n = con.execute(f"select count(*) from '{check.folder}/zstd.parquet' where id < {limit}").fetchone()[0]
        if n != min(limit, len(plain)):
            sys.exit(f"DuckDB finds {n} rows below {limit}")


def folders(check, r):
    """Folders that name values: written by us and read by DuckDB, and the other way round."""
    rows = r.choice([1, 50, 1000])
    names = ["", "a", "b/c", "d=e", "100%", "x y", "é", ".", "_f"]
    t = pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "day": pa.array([dt.date(2024, 1, 1 + r.randrange(5)) for _ in range(rows)], pa.date32()),
            "name": pa.array([r.choice(names + [None]) for _ in range(rows)], pa.string()),
            "x": pa.array([r.choice([None, r.randrange(9)]) for _ in range(rows)], pa.int64()),
        }
    )
    pq.write_table(t, check.folder / "in.parquet")
    order = ["id", "x", "day", "name"]
    expected = [{k: row[k] for k in order} for row in t.to_pylist()]
    con = duckdb.connect()
    for kind in ["parquet", "csv"]:
        shutil.rmtree(check.folder / "ours", ignore_errors=True)
        check.run(f'read "in.parquet" | write "ours/" as {kind} partition by day, name')
        types = "hive_types = {'day': date, 'name': varchar}"
        read = f"read_{kind}('{check.folder}/ours/**/*.{kind}', hive_partitioning = true, {types})"
        got = con.sql(f"select id, x, day, name from {read} order by id").to_arrow_table().to_pylist()
        if got != expected:
            sys.exit(f"DuckDB reads other rows in the folders of {kind}")
        check.values += len(got) * 4
        shutil.rmtree(check.folder / "theirs", ignore_errors=True)
        # DuckDB writes null as text, and reads it as null only in columns that are not text.
        con.register("t", t.filter(pc.is_valid(t["name"])))
        con.execute(f"copy t to '{check.folder}/theirs' (format {kind}, partition_by (day, name))")
        some = [row for row in expected if row["name"] is not None]
        if some:
            schema = "schema { id: int, x: int?, day: date, name: string? }"
            check.run(f'read "theirs/" {schema} | sort id | write "back.jsonl"')
            check.compare(f"folders of {kind} read by flowc", some, rows_of(check.folder / "back.jsonl"))
        con.unregister("t")


def main():
    flowc = Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    with tempfile.TemporaryDirectory() as folder:
        check = Check(flowc, Path(folder))
        for seed in range(rounds):
            r = random.Random(seed)
            written_by_pyarrow(check, r, seed)
            written_with_deltas(check, r)
            written_by_duckdb(check, r)
            written_by_us(check, r)
            folders(check, r)
        print(f"{rounds} rounds, {check.values} values, no difference")


if __name__ == "__main__":
    main()
