"""A walk through the standard library: text, data formats, compression, hashes, dates, classes."""
import base64
import bisect
import bz2
import collections
import csv
import datetime
import difflib
import functools
import gzip
import hashlib
import heapq
import io
import itertools
import json
import lzma
import pickle
import re
import string
import textwrap
import unicodedata
import urllib.parse
import uuid
import xml.etree.ElementTree as ET
import zipfile
import zlib

text = " ".join(f"word{i * 7919 % 1000}" for i in range(5000))
data = text.encode()
for m in (zlib, bz2, lzma, gzip):
    packed = m.compress(data)
    print(m.__name__, m.decompress(packed) == data, len(packed) < len(data) / 2)
print(zlib.compress(data, 9)[:20].hex(), zlib.crc32(data), zlib.adler32(data))
for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"):
    print(name, hashlib.new(name, data).hexdigest()[:40])
print(hashlib.pbkdf2_hmac("sha256", b"pw", b"salt", 1000).hex())
print(re.findall(r"\b(\w)(\w+?)(\d{2})\b", text)[:5], len(re.sub(r"word(?=\d)", "", text)))
print(json.dumps(json.loads('{"a": [1, 2.5, null, "\\u00e9\\ud83d\\ude00"], "b": {"c": 1e-7}}'), sort_keys=True))
print(pickle.loads(pickle.dumps({"x": (1, 2), "y": {3}, "z": 1 << 100}, 5)))
print(collections.Counter(text).most_common(4), bisect.bisect([1, 3, 5], 4))
print(heapq.nsmallest(5, ((i * 7919) % 10007 for i in range(2000))))
print(list(itertools.islice(itertools.permutations("abcd"), 3)), functools.reduce(lambda a, b: a * b, range(1, 20)))
print(datetime.datetime(2024, 2, 29, 12, 30, 1, 5) + datetime.timedelta(days=366, microseconds=999999))
print(datetime.date.fromisoformat("2026-11-21").isocalendar(), datetime.datetime.utcfromtimestamp(2 ** 30))
print(base64.b85encode(bytes(range(20))), urllib.parse.quote("ä b/c?"), uuid.uuid5(uuid.NAMESPACE_DNS, "x.org"))
out = io.StringIO()
csv.writer(out).writerows([[1, "a,b", 'q"q'], [2.5, None, "x\ny"]])
print(repr(out.getvalue()))
root = ET.fromstring("<a x='1'><b>t</b><b/><c><b>u</b></c></a>")
print([e.text for e in root.iter("b")], ET.tostring(root))
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("f.txt", text)
print(zipfile.ZipFile(buffer).read("f.txt") == data, zipfile.ZipFile(buffer).testzip())
print("\n".join(difflib.unified_diff(["a", "b", "c"], ["a", "x", "c"], lineterm="")))
print(textwrap.fill(text[:200], 40), unicodedata.normalize("NFD", "é").encode(), "ß".upper(), "ǅ".title())
print(string.Template("$a-${b}").substitute(a=1, b=2), "%-10s|%+05d|%.3g" % ("s", 42, 2 / 3))


class V:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x

    def __add__(self, o):
        return V(self.x + o.x)

    def __repr__(self):
        return f"V({self.x})"


print(functools.reduce(V.__add__, map(V, range(100))))


def gen():
    try:
        got = yield 1
        yield got * 2
    finally:
        print("closed")


g = gen()
print(next(g), g.send(21))
g.close()
try:
    raise ValueError("a") from KeyError("b")
except ValueError as e:
    print(repr(e), repr(e.__cause__))


def deep(n):
    return deep(n + 1)


try:
    deep(0)
except RecursionError as e:
    print(e)
primes = [p for p in range(2, 8000) if all(p % d for d in range(2, int(p ** 0.5) + 1))]
print(len(primes), primes[-3:])
