"""sqlite3: tables, indexes, transactions, functions, threads, a file and a WAL."""
import os
import sqlite3

db = sqlite3.connect("t.db")
print(db.execute("pragma journal_mode=wal").fetchone())
db.execute("create table t (id integer primary key, name text, x real, b blob)")
with db:
    db.executemany("insert into t (name, x, b) values (?, ?, ?)",
                   ((f"n{i % 97}", i / 7, bytes([i % 256]) * 3) for i in range(3000)))
db.execute("create index i on t (name)")
print(db.execute("select count(*), sum(id), round(avg(x), 9), max(length(b)) from t").fetchone())
for row in db.execute("select name, count(*), total(x) from t group by name order by 2 desc, 1 limit 5"):
    print(row)
try:
    with db:
        db.execute("delete from t")
        raise RuntimeError
except RuntimeError:
    pass
print(db.execute("select count(*) from t").fetchone())
db.create_function("twice", 1, lambda v: v * 2)
print(db.execute("select twice(21), upper('abc'), printf('%08.3f', 3.14159), 1e300*1e10").fetchone())
other = sqlite3.connect("t.db", timeout=0.1)
db.execute("begin immediate")
try:
    other.execute("insert into t (name) values ('x')")
except sqlite3.OperationalError as e:
    print(e)
db.rollback()
print(db.execute("with recursive c(x) as (select 1 union all select x+1 from c where x<1000) "
                 "select sum(x*x) from c").fetchone())
print(db.execute("pragma integrity_check").fetchone())
other.close()
db.close()
print(sorted(os.listdir()))
mem = sqlite3.connect(":memory:")
mem.execute("create virtual table f using fts5(t)")
mem.executemany("insert into f values (?)", [("the quick brown fox",), ("lazy dog",)])
print(mem.execute("select * from f where f match 'quick'").fetchall())
