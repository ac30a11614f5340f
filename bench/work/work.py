"""Work for python3: dictionaries, strings, regular expressions, json, sorting, big numbers."""
import json
import re
import sys

n = int(sys.argv[1])
total = 0
for _ in range(n):
    words = [f"w{i * 7919 % 4001}" for i in range(8000)]
    count = {}
    for w in words:
        count[w] = count.get(w, 0) + 1
    top = sorted(count.items(), key=lambda kv: (-kv[1], kv[0]))[:10]
    text = json.dumps({"top": top, "all": count})
    total += len(json.loads(text)["all"]) + len(re.findall(r"w(\d)\1", text))
    total += sum(int(c) for c in str(3 ** 3000))

    class Point:
        def __init__(self, x, y):
            self.x, self.y = x, y

        def add(self, other):
            return Point(self.x + other.x, self.y + other.y)

    p = Point(0, 0)
    for i in range(10000):
        p = p.add(Point(i, i * 0.5))
    total += int(p.x + p.y)
    grid = [[(x * y) % 7 for x in range(100)] for y in range(100)]
    total += sum(map(max, zip(*grid)))
print(total)
