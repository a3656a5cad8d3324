#!/usr/bin/env python3
"""Run the benchmark programs beside DuckDB and Polars and print a Markdown table.

    python3 benches/run.py                          # all workloads, about 8 GB of input
    python3 benches/run.py w1 w3 --scale 0.01 --runs 5 --threads 2

The first run builds flowc and the generator (`cargo build --release`), generates the
inputs in benches/data, and installs the peers with pip in benches/venv; later runs
reuse them. Needs Python 3.9 and cargo; memory is measured on Linux only.

How it measures, and why the comparison is hard on flowc:

* flowc is timed as a whole process: start-up, parse, check, compile, run, print.
  A peer is timed by its query alone; imports and the start of its engine are not
  counted. The ratio is (query of the fastest peer) / (whole process of flowc). The
  whole processes of the peers stand in brackets.
* Programs take turns (flowc, DuckDB, Polars, flowc, ...), so that a slow minute of the
  machine hits all of them. The input is read once before each run, so it is in the page
  cache. The table shows medians.
* Every run of every program must give the rows that DuckDB gave first: text equal,
  numbers within 1e-6 of each other, relatively. A difference is a failure.
* Memory is the peak of the process's private memory (RssAnon), sampled every 5 ms:
  mapped files are not counted.
"""

import argparse
import glob
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from packages import install

BENCHES = Path(__file__).resolve().parent
ROOT = BENCHES.parent
PACKAGES = ["duckdb==2.0.0", "polars==2.1.0"]
PEERS = {"DuckDB": "with_duckdb.py", "Polars": "with_polars.py"}
PROGRAMS = ["flowc", *PEERS]
SAMPLE_SECONDS = 0.005


@dataclass
class Workload:
    """A program with its input: which generator makes it, how much, and where."""

    title: str
    generator: str
    rows: int  # at scale 1
    target: str  # what the generator writes, in the data folder
    param: str  # what the programs are given, in the data folder


WORKLOADS = {
    "w1": Workload(
        "min, mean, max by station",
        "stations",
        100_000_000,
        "stations.txt",
        "stations.txt",
    ),
    "w2": Workload(
        "20 most frequent words", "words", 14_000_000, "words.txt", "words.txt"
    ),
    "w3": Workload(
        "average ages from nested JSON", "people", 3_900_000, "people", "people/*.json"
    ),
    "w4": Workload("distinct names, ×8, join, count", "fec", 6_000_000, "fec", "fec"),
    "w4b": Workload(
        "filter, sum and max by state", "fec", 6_000_000, "fec", "fec/a.txt"
    ),
    "w5": Workload(
        "server errors by path, top 20", "logs", 4_200_000, "access.log", "access.log"
    ),
}


class BenchmarkError(Exception):
    """A program failed or gave other rows than the reference."""


@dataclass
class Run:
    """One process from start to end."""

    rows: list
    process_seconds: float
    query_seconds: float  # equals process_seconds for flowc
    private_mb: float  # nan where it cannot be measured


@dataclass
class Result:
    """All runs of one program on one workload."""

    runs: list = field(default_factory=list)

    def process_seconds(self):
        return statistics.median(run.process_seconds for run in self.runs)

    def query_seconds(self):
        return statistics.median(run.query_seconds for run in self.runs)

    def private_mb(self):
        return max(run.private_mb for run in self.runs)


# --- preparation -------------------------------------------------------------------


def note(text):
    print(text, file=sys.stderr, flush=True)


def build():
    """Compile flowc and the generator; returns the folder of the binaries."""
    command = ["cargo", "build", "--release", "--bin", "flowc", "--example", "generate"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return ROOT / target / "release"


def generate(workload, generator, folder, scale):
    """Make the input unless it is there. It gets its name only when it is complete."""
    target = folder / workload.target
    if target.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rows = max(1000, round(workload.rows * scale))
    note(f"generating {target}: {rows} rows")
    partial = folder / f"partial-{workload.target}"
    subprocess.run([generator, workload.generator, str(rows), partial], check=True)
    partial.rename(target)


def input_files(param):
    """The files behind a path, a glob or a folder."""
    path = Path(param)
    found = path.iterdir() if path.is_dir() else map(Path, glob.glob(param))
    return sorted(file for file in found if file.is_file())


def warm_page_cache(files):
    for file in files:
        with open(file, "rb", buffering=0) as source:
            while source.read(1 << 22):
                pass


# --- one run -----------------------------------------------------------------------


def command_and_environment(program, name, param, tools):
    threads = str(tools.threads)
    if program == "flowc":
        options = ["--quiet", "--threads", threads, "--format", "tsv", "--no-header"]
        source = BENCHES / f"{name}.flow"
        return [tools.flowc, "run", source, *options, "--param", f"data={param}"], None
    environment = {**os.environ, "POLARS_MAX_THREADS": threads}
    return [
        tools.python,
        BENCHES / "peers" / PEERS[program],
        name,
        param,
        threads,
    ], environment


def private_memory_kb(pid):
    """Private memory of a process now; nan where the system does not tell."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return float(line.split()[1])
    except OSError:
        pass
    return math.nan


def watch_memory(pid, finished, peaks):
    """Collect samples until the process has ended; none of our programs forks."""
    while not finished.wait(SAMPLE_SECONDS):
        peaks.append(private_memory_kb(pid))


def run_once(program, name, param, tools):
    """Run one whole process; raises BenchmarkError when it fails."""
    command, environment = command_and_environment(program, name, param, tools)
    finished, samples = threading.Event(), []
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=err, env=environment, cwd=ROOT
        )
        watcher = threading.Thread(
            target=watch_memory, args=(process.pid, finished, samples)
        )
        watcher.start()
        try:
            status = process.wait()
            seconds = time.perf_counter() - begin
        finally:
            process.kill()  # of use only when the wait was interrupted
            finished.set()
            watcher.join()
        out.seek(0)
        err.seek(0)
        messages = err.read()
        if status != 0:
            raise BenchmarkError(
                f"{name}: {program} failed with status {status}\n{messages}"
            )
        rows = [line.split("\t") for line in out.read().splitlines()]
    query = seconds
    for line in messages.splitlines():
        if program in PEERS and line.startswith("query_seconds "):
            query = float(line.split()[1])
    peaks = [sample for sample in samples if not math.isnan(sample)]
    return Run(rows, seconds, query, max(peaks, default=math.nan) / 1024)


def same_value(left, right):
    if left == right:
        return True
    try:
        return math.isclose(float(left), float(right), rel_tol=1e-6, abs_tol=1e-12)
    except ValueError:
        return False


def check_rows(name, program, rows, reference):
    """Raise BenchmarkError at the first row that differs from the reference."""
    if len(rows) != len(reference):
        raise BenchmarkError(
            f"{name}: {program} gave {len(rows)} rows, not {len(reference)}"
        )
    for number, (row, wanted) in enumerate(zip(rows, reference), start=1):
        if len(row) != len(wanted) or not all(map(same_value, row, wanted)):
            raise BenchmarkError(
                f"{name}: {program} gave {row} in row {number}, not {wanted}"
            )


# --- a workload, and the table --------------------------------------------------------


def measure(name, param, tools, runs):
    """Let the programs take turns; returns a Result for each."""
    files = input_files(param)
    warm_page_cache(files)
    reference = run_once("DuckDB", name, param, tools).rows
    if not reference:
        raise BenchmarkError(f"{name}: the reference has no rows")
    results = {program: Result() for program in PROGRAMS}
    for turn in range(1, runs + 1):
        for program in PROGRAMS:
            warm_page_cache(files)
            run = run_once(program, name, param, tools)
            check_rows(name, program, run.rows, reference)
            results[program].runs.append(run)
            note(f"{name} turn {turn}: {program} {run.process_seconds:.3f} s")
    return results


def table_row(name, results):
    """One Markdown row; see the module's docstring for what the ratio compares."""
    flowc = results["flowc"].process_seconds()
    peers = [results[peer] for peer in PEERS]
    cells = [f"{name}: {WORKLOADS[name].title}", f"{flowc:.3f} s"]
    cells += [
        f"{peer.query_seconds():.2f} s ({peer.process_seconds():.2f})" for peer in peers
    ]
    cells.append(f"**{min(peer.query_seconds() for peer in peers) / flowc:.1f} ×**")
    cells.append(
        " / ".join(f"{results[program].private_mb():.0f}" for program in PROGRAMS)
    )
    return f"| {' | '.join(cells)} |"


def print_table(measured, tools, runs, scale):
    titles = ["workload", "flowc, whole process"]
    titles += [f"{peer}, query (process)" for peer in PEERS]
    titles += ["faster", f"peak private MB: {' / '.join(PROGRAMS)}"]
    print(f"| {' | '.join(titles)} |")
    print("|---" + "|---:" * (len(titles) - 1) + "|")
    for name, results in measured.items():
        print(table_row(name, results))
    print(
        f"\nMedian of {runs} runs at scale {scale:g}, {tools.threads} threads, "
        f"{platform.machine()}, {', '.join(PACKAGES)}. All programs gave the same rows."
    )


def positive(kind):
    """An argparse type: a number above zero."""

    def parse(text):
        value = kind(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError("must be above zero")
        return value

    return parse


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workload", nargs="*", help="w1 w2 w3 w4 w4b w5; default all")
    parser.add_argument("--runs", type=positive(int), default=3)
    parser.add_argument(
        "--scale", type=positive(float), default=1.0, help="1 is about 1 GB each"
    )
    parser.add_argument("--threads", type=positive(int), default=os.cpu_count() or 1)
    parser.add_argument("--data", type=Path, default=BENCHES / "data")
    options = parser.parse_args()
    unknown = [name for name in options.workload if name not in WORKLOADS]
    if unknown:
        parser.error(
            f"no workload is called {unknown[0]}; there are {', '.join(WORKLOADS)}"
        )
    return options


@dataclass
class Tools:
    """The programs to call, and the threads each of them gets."""

    flowc: Path
    python: Path
    threads: int


def main():
    options = arguments()
    binaries = build()
    tools = Tools(binaries / "flowc", install(PACKAGES), options.threads)
    folder = options.data.resolve()
    if options.scale != 1:
        folder = folder / f"scale-{options.scale:g}"
    measured, failures = {}, []
    for name in dict.fromkeys(options.workload or WORKLOADS):
        generate(
            WORKLOADS[name], binaries / "examples" / "generate", folder, options.scale
        )
        try:
            param = str(folder / WORKLOADS[name].param)
            measured[name] = measure(name, param, tools, options.runs)
        except BenchmarkError as failure:
            failures.append(name)
            note(str(failure))
    if measured:
        print_table(measured, tools, options.runs, options.scale)
    if failures:
        sys.exit(f"failed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
