"""What examples/visitors.flow must print and write, by plain loops. Run in the root of the repository.

With a folder as its argument it also checks the files in it: the sample must be rows of the input, in
input order, about half of them; which ones is the business of flowc's hash.
"""

import csv
import sys

def read(path):
    return [tuple(row) for row in csv.reader(open(path, newline=""))][1:]


monday, tuesday = (read(f"examples/data/visitors/{day}.csv") for day in ("mon", "tue"))
users = [list(dict.fromkeys(user for user, _ in day)) for day in (monday, tuesday)]
print(f"count\n{sum(user not in users[1] for user in users[0])}")
if len(sys.argv) > 1:
    out = sys.argv[1]
    assert read(f"{out}/all_visits.csv") == list(dict.fromkeys(monday + tuesday))
    assert read(f"{out}/returning.csv") == [(user,) for user in users[0] if user in users[1]]
    lines = open(f"{out}/checkout.txt").read().splitlines()
    assert lines == [f"{user} {page}" for user, page in tuesday if page.startswith("/checkout")]
    sample, rest = read(f"{out}/sample.csv"), iter(monday + tuesday)
    assert all(row in rest for row in sample)
    assert 14 <= len(sample) <= 34, len(sample)
