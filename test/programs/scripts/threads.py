"""Threads, locks, queues, conditions, timers and thread-local data."""
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

lock = threading.Lock()
total = 0


def add(n):
    global total
    for _ in range(n):
        with lock:
            total += 1


threads = [threading.Thread(target=add, args=(2000,)) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(total)

q = queue.Queue(maxsize=3)
seen = []


def consume():
    while (item := q.get()) is not None:
        seen.append(item)


c = threading.Thread(target=consume)
c.start()
for i in range(500):
    q.put(i)
q.put(None)
c.join()
print(sum(seen), len(seen))

cond = threading.Condition()
turn = 0
order = []


def player(me):
    global turn
    for _ in range(50):
        with cond:
            cond.wait_for(lambda: turn == me)
            order.append(me)
            turn = (turn + 1) % 3
            cond.notify_all()


ps = [threading.Thread(target=player, args=(i,)) for i in range(3)]
for p in ps:
    p.start()
for p in ps:
    p.join()
print("".join(map(str, order[:12])), len(order))

event = threading.Event()
threading.Timer(0.05, event.set).start()
print(event.wait(10))
print(threading.Event().wait(0.05))
print(lock.acquire(timeout=0.1), lock.acquire(timeout=0.1))
lock.release()
local = threading.local()


def use(i):
    local.x = i
    time.sleep(0.001)
    return local.x == i


with ThreadPoolExecutor(10) as pool:
    print(all(pool.map(use, range(100))))
    print(sum(pool.map(lambda x: x * x, range(1000))))
barrier = threading.Barrier(4)
with ThreadPoolExecutor(4) as pool:
    print(sorted(pool.map(lambda _: barrier.wait(), range(4))))
sem = threading.BoundedSemaphore(2)
with sem, sem:
    print(sem.acquire(blocking=False))
threading.stack_size(1 << 20)
deep = []


def recurse(n):
    return 0 if n == 0 else 1 + recurse(n - 1)


t = threading.Thread(target=lambda: deep.append(recurse(800)))
t.start()
t.join()
print(deep)
