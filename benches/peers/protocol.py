"""How `benches/run.py` calls a peer program, and how the program answers.

A peer is called with a workload, the path of its input and the number of threads. It
prints the rows of the result, tab-separated, on stdout, and `query_seconds S` on stderr:
the time of the query alone, without imports and without starting the engine.
"""

import sys
import time

# fmt: off
CONTRIBUTION = [
    "CMTE_ID", "AMNDT_IND", "RPT_TP", "TRANSACTION_PGI", "IMAGE_NUM", "TRANSACTION_TP",
    "ENTITY_TP", "NAME", "CITY", "STATE", "ZIP_CODE", "EMPLOYER", "OCCUPATION",
    "TRANSACTION_DT", "TRANSACTION_AMT", "OTHER_ID", "TRAN_ID", "FILE_NUM", "MEMO_CD",
    "MEMO_TEXT", "SUB_ID",
]
ACCESS = [
    "ip", "ident", "user", "day", "zone", "request", "status", "bytes", "referer", "agent",
]
# fmt: on


def averages(totals):
    """Turn (occupation, sum of ages, people) into the rows of w3, everybody first."""
    everybody = sum(age for _, age, _ in totals) / sum(n for _, _, n in totals)
    return [("*", everybody)] + [(job, age / n) for job, age, n in totals]


def serve(start_engine, queries):
    """Run the query named on the command line and print its rows."""
    workload, path, threads = sys.argv[1:4]
    engine = start_engine(int(threads))
    begin = time.perf_counter()
    rows = list(queries[workload](engine, path))
    print("query_seconds", time.perf_counter() - begin, file=sys.stderr)
    for row in rows:
        print("\t".join("" if value is None else str(value) for value in row))
