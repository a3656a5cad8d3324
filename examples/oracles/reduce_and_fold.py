"""What examples/reduce_and_fold.flow must print, by plain loops. Run in the root of the repository."""

import csv
import json
import sys

teams = {}
for row in csv.DictReader(open("examples/data/scores/scores.csv", encoding="utf-8")):
    teams.setdefault(row["team"], []).append((row["player"], int(row["points"]), row["at"]))

out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow("team total latest.at latest.player span.lo span.hi players".split())
rows = []
for team, scores in sorted(teams.items()):
    points = [points for _, points, _ in scores]
    # Of equally late rows the first: ISO times of one form sort as texts.
    latest = max(scores, key=lambda score: score[2])
    players = json.dumps([player for player, _, _ in scores], separators=(",", ":"))
    rows.append([team, sum(points), latest[2], latest[0], min(points), max(points), players])
out.writerows(sorted(rows, key=lambda row: -row[1]))

print("\nteam,rises")
for team, scores in sorted(teams.items()):
    points = [0] + [points for _, points, _ in scores]
    print(f"{team},{sum(b > a for a, b in zip(points, points[1:]))}")
print("\nteam,n,best")
for team, scores in sorted(teams.items()):
    print(f"{team},{len(scores)},{max(points for _, points, _ in scores)}")
