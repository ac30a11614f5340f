"""multiprocessing: fork and spawn, pools, queues, pipes, shared memory, locks, managers."""
import multiprocessing as mp
from multiprocessing import shared_memory


def square(x):
    return x * x


def produce(q, n):
    for i in range(n):
        q.put(i)
    q.put(None)


def bump(value, lock):
    for _ in range(200):
        with lock:
            value.value += 1


def fill(name):
    m = shared_memory.SharedMemory(name=name)
    m.buf[:5] = b"hello"
    m.close()


if __name__ == "__main__":
    with mp.Pool(3) as pool:
        print(pool.map(square, range(20)))
        print(sum(pool.imap_unordered(square, range(100), chunksize=7)))
        print(pool.apply_async(square, (12,)).get(20))
    q = mp.Queue()
    p = mp.Process(target=produce, args=(q, 50))
    p.start()
    print(sum(iter(q.get, None)))
    p.join()
    value, lock = mp.Value("i", 0, lock=False), mp.Lock()
    ps = [mp.Process(target=bump, args=(value, lock)) for _ in range(4)]
    for p in ps:
        p.start()
    for p in ps:
        p.join()
    print(value.value, [p.exitcode for p in ps])
    m = shared_memory.SharedMemory(create=True, size=4096)
    p = mp.Process(target=fill, args=(m.name,))
    p.start()
    p.join()
    print(bytes(m.buf[:5]))
    m.close()
    m.unlink()
    spawn = mp.get_context("spawn")
    with spawn.Pool(1) as pool:
        print(pool.map(square, [3, 4]))
    a, b = mp.Pipe()
    a.send({"k": [1, 2]})
    print(b.recv(), b.poll(0.05))
    p = mp.Process(target=print, args=("from the child",))
    p.start()
    p.join()
    p = mp.Process(target=exit, args=(3,))
    p.start()
    p.join()
    print(p.exitcode)
