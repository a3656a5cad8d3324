"""What examples/persist_and_reuse.flow must print, by every pair. Run in the root of the repository."""

from decimal import Decimal


def rows(path):
    for line in open(path, encoding="utf-8"):
        cells = line.rstrip("\n").split("|")
        yield cells[1], cells[4]


early, late = (list(rows(f"examples/data/fec/{period}.txt")) for period in ("early", "late"))
pairs = [amount for name, _ in early for other, amount in late if name == other and name != ""]
print(f"count\n{len(pairs)}\n\nmost\n{max(Decimal(amount) for amount in pairs if amount != '')}")
