"""What examples/sessions.flow must write, by plain loops. Run in the root of the repository."""

import csv
import datetime
import glob
import json
import sys

clicks = []
for path in sorted(glob.glob("examples/data/clicks/*.jsonl")):
    clicks += [json.loads(line) for line in open(path, encoding="utf-8")]
for click in clicks:
    click["at"] = datetime.datetime.fromisoformat(click["at"].replace("Z", "+00:00"))

sessions = []
for user in sorted({c["user"] for c in clicks}, key=str.encode):
    last = None
    for click in sorted((c for c in clicks if c["user"] == user), key=lambda c: c["at"]):
        if last is None or click["at"] - last > datetime.timedelta(minutes=30):
            sessions.append([user, 1 if last is None else sessions[-1][1] + 1, []])
        sessions[-1][2].append(click)
        last = click["at"]


def text(length):
    days, seconds = length.days, length.seconds
    parts = [(days, "d"), (seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    return "".join(f"{n}{unit}" for n, unit in parts if n) or "0s"


rows, met = [], {}
for user, number, inside in sorted(sessions, key=lambda s: s[2][0]["at"] - s[2][-1]["at"]):
    met[user] = met.get(user, 0) + 1
    if met[user] <= 3:
        start, end = inside[0]["at"], inside[-1]["at"]
        stamp = "%Y-%m-%dT%H:%M:%SZ"
        rows.append(
            [user, number, start.strftime(stamp), end.strftime(stamp), len(inside), inside[0]["url"], text(end - start)]
        )
print("--- out/longest_sessions.csv")
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow("user session started ended clicks landing length".split())
out.writerows(rows)
