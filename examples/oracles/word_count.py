"""What examples/word_count.flow must print, with a Counter. Run in the root of the repository."""

import collections
import glob
import re

words = collections.Counter()
for path in sorted(glob.glob("examples/data/books/*.txt")):
    for line in open(path, encoding="utf-8"):
        words.update(word for word in re.split(r"[^a-z']+", line.rstrip("\n").lower()) if word)
print("word,n")
for word, n in sorted(words.items(), key=lambda item: (-item[1], item[0].encode()))[:10]:
    print(f"{word},{n}")
