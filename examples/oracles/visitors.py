"""What examples/visitors.flow must print and write, by plain loops. Run in the root of the repository.

The sample follows docs/language.md: SplitMix64, the number of a row being its position.
"""

import csv


def read(path):
    return [tuple(row) for row in csv.reader(open(path, newline=""))][1:]


def show(name, header, rows):
    print(f"--- out/{name}")
    print("\n".join([header] + [",".join(row) for row in rows]))


def number(seed, i):
    mask = (1 << 64) - 1
    z = (seed + (i + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


monday, tuesday = (read(f"examples/data/visitors/{day}.csv") for day in ("mon", "tue"))
users = [list(dict.fromkeys(user for user, _ in day)) for day in (monday, tuesday)]
print(f"count\n{sum(user not in users[1] for user in users[0])}")
show("all_visits.csv", "user,page", dict.fromkeys(monday + tuesday))
print("--- out/checkout.txt")
print("\n".join(f"{user} {page}" for user, page in tuesday if page.startswith("/checkout")))
show("returning.csv", "user", [(user,) for user in users[0] if user in users[1]])
chosen = [row for i, row in enumerate(monday) if (number(42, i) >> 11) / 2**53 < 0.1]
show("sample/part-0000.csv", "user,page", chosen)
