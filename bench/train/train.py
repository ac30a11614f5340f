"""Work for the profile: what Python programs spend their time on."""
import collections
import json
import re
import sqlite3
import string
import struct


class Node:
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None

    def insert(self, key):
        side = "left" if key < self.key else "right"
        child = getattr(self, side)
        if child is None:
            setattr(self, side, Node(key))
        else:
            child.insert(key)

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.key
        if self.right:
            yield from self.right


def tree():
    root, x = Node(50000), 1
    for _ in range(6000):
        x = (x * 75 + 74) % 65537
        root.insert(x)
    return sum(root) % 997


def words():
    text = " ".join(string.ascii_letters[i % 40:i % 40 + 5] for i in range(20000))
    count = collections.Counter(re.findall(r"[a-z]+", text.lower()))
    return sorted(count.items(), key=lambda item: (-item[1], item[0]))[:3]


def primes(n):
    return len([p for p in range(2, n) if all(p % q for q in range(2, int(p ** 0.5) + 1))])


def floats():
    total = 0.0
    for i in range(1, 60000):
        total += 1.0 / (i * i) - i * 0.5e-9
    return round(total, 9)


def table():
    db = sqlite3.connect(":memory:")
    db.execute("create table t(a integer primary key, b text)")
    db.executemany("insert into t values(?, ?)", ((i, str(i * 7)) for i in range(5000)))
    return db.execute("select count(*), max(b) from t where b like '%3%'").fetchone()


def packed():
    data = json.loads(json.dumps([{"n": i, "s": "x" * (i % 9)} for i in range(8000)]))
    return sum(struct.unpack("<I", struct.pack("<I", row["n"]))[0] for row in data)


def matrix(n):
    a = [[i * j % 7 for j in range(n)] for i in range(n)]
    return sum(sum(x * y for x, y in zip(row, col)) for row in a for col in zip(*a))


def big():
    n = 1
    for i in range(1, 900):
        n *= i
    return len(str(n))


print(tree(), words(), primes(9000), floats(), table(), packed(), matrix(50), big())
