"""The benchmark workloads in DuckDB's SQL."""

import duckdb
from protocol import ACCESS, CONTRIBUTION, averages, serve


def start_engine(threads):
    options = {"threads": threads, "preserve_insertion_order": False}
    return duckdb.connect(config=options)


def table(path, separator, quote, names, **types):
    """A `read_csv` of a file without a header; columns are text unless typed."""
    columns = {name: types.get(name, "VARCHAR") for name in names}
    return (
        f"read_csv('{path}', delim='{separator}', quote='{quote}', escape='{quote}', "
        f"header=false, auto_detect=false, columns={columns})"
    )


def w1(engine, path):
    source = table(path, ";", "", ["station", "t"], t="DOUBLE")
    return engine.sql(
        f"SELECT station, min(t), avg(t), max(t) FROM {source} GROUP BY ALL ORDER BY station"
    ).fetchall()


def w2(engine, path):
    # A separator that never occurs makes each line one field.
    lines = table(path, "\x01", "", ["line"])
    return engine.sql(
        f"""WITH words AS (SELECT unnest(string_split(line, ' ')) AS word FROM {lines})
        SELECT word, count(*) AS n FROM words WHERE word <> ''
        GROUP BY word ORDER BY n DESC, word LIMIT 20"""
    ).fetchall()


def w3(engine, path):
    columns = {"age": "BIGINT", "occupation": "VARCHAR"}
    totals = engine.sql(
        f"""SELECT occupation, sum(age)::BIGINT, count(*)
        FROM read_json('{path}', format='newline_delimited', columns={columns})
        GROUP BY occupation ORDER BY occupation"""
    ).fetchall()
    return averages(totals)


def w4(engine, path):
    steps = []
    for side in "ab":
        source = table(f"{path}/{side}.txt", "|", "", CONTRIBUTION)
        steps += [
            f"{side} AS MATERIALIZED (SELECT DISTINCT NAME FROM {source} WHERE NAME <> '')",
            f"{side}8 AS ({' UNION ALL '.join([f'FROM {side}'] * 8)})",
        ]
    return engine.sql(
        f"WITH {', '.join(steps)} SELECT count(*) FROM a8 JOIN b8 USING (NAME)"
    ).fetchall()


def w4b(engine, path):
    source = table(path, "|", "", CONTRIBUTION, TRANSACTION_AMT="BIGINT")
    return engine.sql(
        f"""SELECT STATE, sum(TRANSACTION_AMT)::BIGINT, max(TRANSACTION_AMT)
        FROM {source} WHERE TRANSACTION_AMT > 200 GROUP BY STATE ORDER BY STATE"""
    ).fetchall()


def w5(engine, path):
    source = table(path, " ", '"', ACCESS, status="SMALLINT")
    return engine.sql(
        f"""SELECT split_part(request, ' ', 2) AS path, count(*) AS n,
            sum(try_cast(bytes AS BIGINT))::BIGINT
        FROM {source} WHERE status >= 500 GROUP BY path ORDER BY n DESC, path LIMIT 20"""
    ).fetchall()


if __name__ == "__main__":
    serve(start_engine, {"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w4b": w4b, "w5": w5})
