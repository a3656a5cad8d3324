"""What examples/average_age.flow must print, by plain loops, and which rows it must set aside.

Run in the root of the repository.
"""

import glob
import json
from fractions import Fraction

people, bad = [], []
for path in sorted(glob.glob("examples/data/people/*.jsonl")):
    for number, line in enumerate(open(path, encoding="utf-8"), start=1):
        try:
            person = json.loads(line)
        except ValueError:
            person = {}
        if isinstance(person.get("age"), int):
            people.append(person)
        else:
            bad.append((path, number))


def mean(ages):
    return float(Fraction(sum(ages), len(ages)))


print(f"people,average_age\n{len(people)},{mean([p['age'] for p in people])}\n--- out/age_by_city.csv\ncity,n,youngest,average_age")
cities = {}
for person in people:
    cities.setdefault(person["address"]["city"], []).append(person["age"])
for city, ages in sorted(cities.items(), key=lambda item: item[0].encode()):
    if len(ages) >= 2:
        print(f"{city},{len(ages)},{min(ages)},{mean(ages)}")
print("--- bad rows in out/bad_people.jsonl")
for path, number in bad:
    print(f"{path}:{number}")
