"""What examples/fec_join.flow must print, by every pair. Run in the root of the repository."""


def names(path):
    rows = [line.rstrip("\n").split("|") for line in open(path, encoding="utf-8")]
    return list(dict.fromkeys(row[1] for row in rows if row[1] != "")) * 8


early, late = (names(f"examples/data/fec/{period}.txt") for period in ("early", "late"))
print(f"count\n{sum(a == b for a in early for b in late)}")
