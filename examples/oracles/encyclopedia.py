"""What examples/encyclopedia.flow must print. Run in the root of the repository."""

import glob

lines = [line for path in glob.glob("examples/data/encyclopedia/*.txt") for line in open(path, encoding="utf-8")]
print(f"count\n{sum('EPFL' in line for line in lines)}")
