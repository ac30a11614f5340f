"""asyncio: tasks, queues, time limits, subprocesses, streams over TCP and unix sockets, signals."""
import asyncio
import os
import signal


async def worker(n, out):
    for i in range(3):
        await asyncio.sleep(0.02 * n)
        out.append((n, i))


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def talk(reader, writer):
    got = []
    for word in (b"one\n", b"two\n", b"x" * 20000 + b"\n"):
        writer.write(word)
        got.append(len(await reader.readline()))
    writer.close()
    return got


async def main():
    out = []
    await asyncio.gather(*(worker(n, out) for n in (1, 2, 3)))
    print(sorted(out))
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.1)
    except asyncio.TimeoutError:
        print("timeout")
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    print(await asyncio.gather(*(talk(*pair) for pair in pairs)))
    server.close()
    server = await asyncio.start_unix_server(echo, "sock")
    print(await talk(*await asyncio.open_unix_connection("sock")))
    server.close()
    p = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    print(await p.communicate(b"data" * 1000) == (b"data" * 1000, None), p.returncode)
    p = await asyncio.create_subprocess_shell("exit 3")
    print(await p.wait())
    got = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, got.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(got.wait(), 5)
    print("signal")
    print(await asyncio.to_thread(sum, range(100)))
    queue = asyncio.Queue(2)
    task = asyncio.create_task(drain(queue))
    for i in range(20):
        await queue.put(i)
    await queue.put(None)
    print(await task)


async def drain(queue):
    total = 0
    while (x := await queue.get()) is not None:
        total += x
    return total

asyncio.run(main())
