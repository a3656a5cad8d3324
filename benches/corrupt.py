#!/usr/bin/env python3
"""Corrupts JSON lines and checks that every row is accounted for, on every configuration.

    corrupt.py FLOWC PEOPLE_FILE [--flips 1000] [--seed 7]

Flips random bytes of a copy of the file, runs the average-age program with a quarantine on threads
1, 2, 7 x small and default chunks x optimizer on and off, compares outputs and quarantine files byte
for byte, and computes the answer over the rows that were kept with Python.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

PROGRAM = """
let people = read "people.jsonl" schema { age: int, occupation: string } on_error quarantine("bad.jsonl")
from people | reduce { n: count(), total: sum(age) }
from people | reduce_by_key occupation { n: count(), total: sum(age) }
"""


def corrupted(path: Path, flips: int, seed: int) -> bytes:
    data = bytearray(path.read_bytes())
    chosen = random.Random(seed)
    for _ in range(flips):
        data[chosen.randrange(len(data))] = chosen.randrange(256)
    return bytes(data)


def run(flowc: str, folder: Path, arguments: list[str]) -> tuple[bytes, bytes, str]:
    done = subprocess.run(
        [flowc, "run", "p.flow", "--format", "jsonl", *arguments], cwd=folder, capture_output=True, check=True
    )
    return done.stdout, (folder / "bad.jsonl").read_bytes(), done.stderr.decode()


def expected(data: bytes, bad: set[int]) -> list[dict]:
    groups: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip(b" \t\r") or number in bad:
            continue
        row = json.loads(line.decode())
        group = groups[row["occupation"]]
        group[0] += 1
        group[1] += row["age"]
    rows = [{"occupation": job, "n": n, "total": t} for job, (n, t) in groups.items()]
    rows.sort(key=lambda row: row["occupation"].encode())
    return [{"n": sum(r["n"] for r in rows), "total": sum(r["total"] for r in rows)}, *rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flowc")
    parser.add_argument("people", type=Path)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    flowc = str(Path(options.flowc).resolve())
    data = corrupted(options.people, options.flips, options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "people.jsonl").write_bytes(data)
        (folder / "p.flow").write_text(PROGRAM)
        first = None
        for threads in ("1", "2", "7"):
            for sizes in ([], ["--chunk-kib", "64", "--morsel-rows", "100"]):
                for level in ("1", "0"):
                    outcome = run(flowc, folder, ["--threads", threads, "-O", level, *sizes])
                    first = first or outcome
                    if outcome != first:
                        sys.exit(f"threads {threads}, sizes {sizes}, optimizer {level} differ")
    output, quarantine, summary = first
    bad = {json.loads(line)["line"] for line in quarantine.splitlines()}
    rows = sum(1 for line in data.split(b"\n") if line.strip(b" \t\r"))
    found = [json.loads(line) for line in output.splitlines()]
    if found != expected(data, bad):
        sys.exit("the answer differs from Python's over the kept rows")
    if found[0]["n"] + len(bad) != rows:
        sys.exit(f"{rows} rows, but {found[0]['n']} kept and {len(bad)} quarantined")
    print(f"{rows} rows = {found[0]['n']} kept + {len(bad)} quarantined, the same on 12 configurations")
    print(summary.strip())


main()
