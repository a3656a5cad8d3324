"""What examples/word_count.flow must write, with a Counter. Run in the root of the repository."""

import collections
import glob
import re

words = collections.Counter()
for path in sorted(glob.glob("examples/data/books/*.txt")):
    for line in open(path, encoding="utf-8"):
        words.update(word for word in re.split(r"\W+", line.rstrip("\n").lower()) if word)
print("--- out/wordcount.csv\nword,n")
for word, n in sorted(words.items(), key=lambda item: (-item[1], item[0].encode())):
    print(f"{word},{n}")
