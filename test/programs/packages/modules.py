"""Modules of Python beside the default root's cases: compression, processes, foreign calls."""

import asyncio
import bz2
import cmath
import concurrent.futures
import ctypes
import decimal
import hashlib
import lzma
import math
import mmap
import multiprocessing
import random
import select
import signal
import socket
import statistics
import zlib


async def square(number: int) -> int:
    """A number's square, a little later."""
    await asyncio.sleep(0.001 * (number % 5))
    return number * number


async def squares() -> int:
    """The sum of two hundred."""
    return sum(await asyncio.gather(*(square(i) for i in range(200))))


def library() -> None:
    """The C library, called and calling back."""
    lib = ctypes.CDLL(None)
    numbers = (ctypes.c_int * 1000)(*(random.randrange(10000) for _ in range(1000)))
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int),
                               ctypes.POINTER(ctypes.c_int))
    lib.qsort(numbers, 1000, 4, compare(lambda x, y: x[0] - y[0]))
    print(list(numbers) == sorted(numbers))
    lib.strtold.restype = ctypes.c_longdouble
    print(lib.strtold(b"2.5", None), lib.abs(-3), ctypes.string_at(b"abc", 2))


def main() -> None:
    """Everything."""
    random.seed(5)
    data = bytes(random.randrange(256) for _ in range(50000))
    for name in sorted(hashlib.algorithms_guaranteed):
        sum_ = hashlib.new(name, data)
        print(name, sum_.hexdigest(9) if name.startswith("shake") else sum_.hexdigest())
    print(zlib.crc32(zlib.decompress(zlib.compress(data, 9))), len(lzma.compress(data)),
          len(bz2.compress(data)))
    decimal.getcontext().prec = 200
    print(decimal.Decimal(2).sqrt(), math.factorial(300) % (10**9 + 7), pow(3, 10**50, 10**40 + 1))
    print(asyncio.run(squares()))
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        print(sum(threads.map(lambda x: x * x, range(1000))))
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, sum(pool.map(abs, range(-500, 500))))
    library()
    print([f"{f(0.7):.17g}" for f in (math.sin, math.gamma, math.erf, math.tanh, math.exp)])
    print(statistics.stdev(range(1000)), cmath.sqrt(-3 + 4j))
    one, other = socket.socketpair()
    one.sendall(b"y")
    print(other.recv(10), select.select([other], [], [], 0)[0])
    signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    signal.pause()
    with mmap.mmap(-1, 1 << 20) as memory:
        memory[5000:5005] = b"hello"
        print(memory.find(b"llo"))


if __name__ == "__main__":
    main()
