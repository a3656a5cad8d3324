"""Writes what every program in examples must print to examples/expected, from the scripts beside this one.

Run in the root of the repository, with the Python that has the packages: python examples/oracles/regenerate.py
"""

import importlib.metadata
import pathlib
import platform
import subprocess
import sys

here = pathlib.Path("examples/oracles")
expected = pathlib.Path("examples/expected")
for script in sorted(here.glob("*.py")):
    if script.stem == "regenerate":
        continue
    found = subprocess.run([sys.executable, script], capture_output=True, check=True, text=True)
    (expected / f"{script.stem}.txt").write_text(found.stdout, encoding="utf-8")
versions = [f"Python {platform.python_version()}", f"duckdb {importlib.metadata.version('duckdb')} (star_join, partition_pruning)"]
(expected / "versions.txt").write_text("\n".join(["Made by examples/oracles/regenerate.py with", *versions, ""]))
