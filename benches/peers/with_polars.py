"""The benchmark workloads in lazy Polars, run by its streaming engine."""

import polars as pl
from protocol import ACCESS, CONTRIBUTION, averages, serve


def start_engine(threads):
    # The pool is sized on import, from POLARS_MAX_THREADS.
    if pl.thread_pool_size() != threads:
        raise SystemExit(f"Polars runs {pl.thread_pool_size()} threads, not {threads}")


def table(path, separator, quote, names, nulls=None, **types):
    """A lazy scan of a file without a header; columns are text unless typed."""
    return pl.scan_csv(
        path,
        separator=separator,
        quote_char=quote,
        has_header=False,
        null_values=nulls,
        schema={name: types.get(name, pl.String) for name in names},
    )


def rows(frame):
    return frame.collect(engine="streaming").rows()


def w1(_, path):
    t = pl.col("t")
    readings = table(path, ";", None, ["station", "t"], t=pl.Float64)
    by_station = readings.group_by("station")
    return rows(by_station.agg(lo=t.min(), avg=t.mean(), hi=t.max()).sort("station"))


def w2(_, path):
    words = pl.scan_lines(path, name="word").select(
        pl.col("word").str.split(" ").explode()
    )
    counts = words.filter(pl.col("word") != "").group_by("word").agg(n=pl.len())
    return rows(counts.sort("n", "word", descending=[True, False]).head(20))


def w3(_, path):
    people = pl.scan_ndjson(path, schema={"age": pl.Int64, "occupation": pl.String})
    totals = people.group_by("occupation").agg(age=pl.col("age").sum(), n=pl.len())
    return averages(rows(totals.sort("occupation")))


def w4(_, path):
    def eight_copies(side):
        names = table(f"{path}/{side}.txt", "|", None, CONTRIBUTION).select("NAME")
        # Without the cache the file would be scanned once for each copy.
        once = names.filter(pl.col("NAME") != "").unique().cache()
        return pl.concat([once] * 8)

    return rows(eight_copies("a").join(eight_copies("b"), on="NAME").select(pl.len()))


def w4b(_, path):
    amount = pl.col("TRANSACTION_AMT")
    gifts = table(path, "|", None, CONTRIBUTION, TRANSACTION_AMT=pl.Int64)
    by_state = gifts.filter(amount > 200).group_by("STATE")
    return rows(by_state.agg(total=amount.sum(), largest=amount.max()).sort("STATE"))


def w5(_, path):
    types = {"status": pl.Int32, "bytes": pl.Int64}
    log = table(path, " ", '"', ACCESS, nulls={"bytes": "-"}, **types)
    page = pl.col("request").str.split_exact(" ", 2).struct.field("field_1")
    errors = log.filter(pl.col("status") >= 500).group_by(path=page)
    totals = errors.agg(n=pl.len(), bytes=pl.col("bytes").sum())
    return rows(totals.sort("n", "path", descending=[True, False]).head(20))


if __name__ == "__main__":
    serve(start_engine, {"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w4b": w4b, "w5": w5})
