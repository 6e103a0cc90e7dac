"""A Python client that is measured: `worker.py PEER` does what worker.ts does, for clients of Python.

It reads one JSON command a line and answers each with one JSON line. CPU time is the whole process's, all threads.
Text reaches the handler as `str`, with every client.
"""

import asyncio
import json
import math
import ssl
import sys
import time


class Peer:
    """A connection. A pulling peer offers `receive`, a coroutine function that resolves with the next message."""

    async def batch(self, count, take):
        receive = self.receive
        for _ in range(count):
            take(await receive())


class CurlCffi074(Peer):
    """The loop of curl_cffi 0.7.4: its `recv` calls libcurl again at once while nothing is there."""

    async def connect(self, url, command):
        from curl_cffi.const import CurlWsFlag
        from curl_cffi.requests import Session

        self.binary = command["kind"] == "binary"
        self.flag = CurlWsFlag.BINARY if self.binary else CurlWsFlag.TEXT
        self.session = Session(verify=False)
        self.ws = self.session.ws_connect(url)

    # As its `run_forever` does: recv, then the handler.
    async def batch(self, count, take):
        ws, binary = self.ws, self.binary
        for _ in range(count):
            message, _flags = ws.recv()
            take(message if binary else message.decode())

    async def receive(self):
        message, _flags = self.ws.recv()
        return message if self.binary else message.decode()

    async def send(self, message):
        self.ws.send(message if self.binary else message.encode(), self.flag)

    async def drop(self):
        self.session.close()


class CurlCffi(Peer):
    session = None

    async def connect(self, url, command):
        from curl_cffi import AsyncSession, CurlOpt
        from curl_cffi.const import CurlWsOption

        if CurlCffi.session is None:
            deflate = {CurlOpt.WS_OPTIONS: CurlWsOption.PERMESSAGE_DEFLATE} if command.get("deflate") else None
            CurlCffi.session = AsyncSession(verify=False, max_clients=10_000, curl_options=deflate)
        self.ws = await self.session.ws_connect(url)
        self.binary = command["kind"] == "binary"
        self.receive = self.receive_bytes if self.binary else self.ws.recv_str
        self.send = self.ws.send_binary if self.binary else self.ws.send_str

    async def receive_bytes(self):
        return (await self.ws.recv())[0]

    async def drop(self):
        self.ws.terminate()
        await self.ws.close_event.wait()


class WebsocketClient(Peer):
    async def connect(self, url, command):
        import websocket

        options = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
        self.ws = websocket.create_connection(url, sslopt=options)
        self.binary = command["kind"] == "binary"

    async def batch(self, count, take):
        receive = self.ws.recv
        for _ in range(count):
            take(receive())

    async def receive(self):
        return self.ws.recv()

    async def send(self, message):
        if self.binary:
            self.ws.send_binary(message)
        else:
            self.ws.send(message)

    async def drop(self):
        self.ws.shutdown()


def unverified(url):
    if not url.startswith("wss:"):
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Websockets(Peer):
    async def connect(self, url, command):
        from websockets.asyncio.client import connect

        compression = "deflate" if command.get("deflate") else None
        self.ws = await connect(url, compression=compression, ssl=unverified(url), ping_interval=None, proxy=None)
        self.receive = self.ws.recv
        self.send = self.ws.send

    async def drop(self):
        self.ws.transport.abort()


class Aiohttp(Peer):
    async def connect(self, url, command):
        import aiohttp

        self.session = aiohttp.ClientSession()
        self.ws = await self.session.ws_connect(url, ssl=False, compress=15 if command.get("deflate") else 0)
        self.send = self.ws.send_bytes if command["kind"] == "binary" else self.ws.send_str

    async def receive(self):
        return (await self.ws.receive()).data

    async def drop(self):
        await self.session.close()


class Picows(Peer):
    """It pushes: each frame is handed to a listener."""

    async def connect(self, url, command):
        from picows import WSListener, WSMsgType, ws_connect

        peer, binary = self, command["kind"] == "binary"
        self.take = lambda message: None
        self.type = WSMsgType.BINARY if binary else WSMsgType.TEXT

        class Listener(WSListener):
            def on_ws_frame(self, transport, frame):
                peer.take(frame.get_payload_as_bytes() if binary else frame.get_payload_as_utf8_text())

        self.transport, _ = await ws_connect(Listener, url, ssl_context=unverified(url))
        self.binary = binary

    async def receive(self):
        future = asyncio.get_running_loop().create_future()
        self.take = future.set_result
        return await future

    async def send(self, message):
        self.transport.send(self.type, message if self.binary else message.encode())

    async def drop(self):
        self.take = lambda message: None
        self.transport.disconnect(False)


PEERS = {
    "curl_cffi-0.7.4": CurlCffi074,
    "curl_cffi": CurlCffi,
    "websocket-client": WebsocketClient,
    "websockets": Websockets,
    "aiohttp": Aiohttp,
    "picows": Picows,
}


async def connect(make, url, command):
    peer = make()
    await peer.connect(url, command)
    return peer


async def connect_all(make, command):
    left, peers = command.get("connections", 1), []
    while left > 0:
        lot = [connect(make, command["url"], command) for _ in range(min(left, 50))]
        peers += await asyncio.gather(*lot)
        left -= len(lot)
    return peers


async def drop_all(peers):
    """A group's feed goes to its members alone: no connection may outlive its measurement."""
    await asyncio.wait([asyncio.create_task(peer.drop()) for peer in peers], timeout=10)
    await asyncio.sleep(0.05)


async def measure(command, task, start=lambda: None, counted=None):
    """Runs `task`, which handles `batch` messages, again and again; the figures are a message's.

    `start` is called between the warm-up and the measuring, `counted` after it: how many messages there really were.
    """
    batch, seconds, rate = command["batch"], command["seconds"], command["rate"]
    # What came while many connections were being opened has to be caught up with.
    end = time.perf_counter() + (command["warmUp"] + command.get("connections", 1)) / 1000
    while time.perf_counter() < end:
        await task()
    runs = 0
    needed = max(1, math.ceil(rate * seconds / batch)) if rate > 0 else 4
    start()
    cpu, wall = time.process_time(), time.perf_counter()
    end = wall if rate > 0 else wall + seconds
    while runs < needed or time.perf_counter() < end:
        await task()
        runs += 1
    cpu_ms = (time.process_time() - cpu) * 1000
    wall_ms = (time.perf_counter() - wall) * 1000
    messages = counted() if counted else runs * batch
    return {
        "messages": messages,
        "wallMs": wall_ms,
        "cpuMs": cpu_ms,
        "cpuUs": cpu_ms * 1000 / messages,
        "perSecond": messages / wall_ms * 1000,
    }


def quantiles(times):
    times.sort()
    at = lambda q: times[min(len(times) - 1, int(len(times) * q))] if times else None
    return {"p50": at(0.5), "p99": at(0.99)}


async def receive(make, command):
    batch, connections = command["batch"], command.get("connections", 1)
    stamped = command.get("stamped", 0)
    size = count = left = 0
    latencies = []

    def take(message):
        nonlocal size, count
        size += len(message)
        count += 1
        if stamped and count % stamped == 0:
            latencies.append(time.time() * 1000 - float(message[:17]))

    def take_of_many(message):
        nonlocal left
        take(message)
        left -= 1
        if left == 0:
            done.set_result(None)

    async def pump(peer):
        nonlocal failure
        try:
            while True:
                take_of_many(await peer.receive())
        except Exception as error:
            failure = error
            if not done.done():
                done.set_exception(error)

    def start():
        nonlocal size, count, left
        size = count = left = 0
        latencies.clear()

    async def one_batch():
        await peers[0].batch(batch, take)

    async def batch_of_many():
        nonlocal left, done
        left += batch  # what came since the last batch was full counts
        if failure is not None:
            raise failure
        if left > 0:
            done = loop.create_future()
            await done

    loop = asyncio.get_running_loop()
    done, failure = loop.create_future(), None
    pumps = []
    peers = await connect_all(make, command)
    for peer in peers:
        if make is Picows:
            peer.take = take_of_many
        elif connections > 1:
            pumps.append(asyncio.create_task(pump(peer)))
    task = batch_of_many if pumps or make is Picows else one_batch
    result = await measure(command, task, start, lambda: count)
    result["bytes"] = size
    for each in pumps:
        each.cancel()
    await drop_all(peers)
    return {**result, **quantiles(latencies)} if stamped else result


async def round_trip(make, command):
    peer = await connect(make, command["url"], command)
    text, times = "x" * command["size"], []

    async def task():
        send, receive = peer.send, peer.receive
        for _ in range(command["batch"]):
            at = time.perf_counter()
            await send(text)
            await receive()
            times.append((time.perf_counter() - at) * 1000)

    result = await measure(command, task, times.clear)
    await drop_all([peer])
    return {**result, **quantiles(times)}


async def send(make, command):
    """Messages sent; a batch is over when the server has them all."""
    batch, size = command["batch"], command["size"]
    frame = size + (6 if size < 126 else 8 if size < 65536 else 14)
    peer = await connect(make, f"{command['url']}?bytes={frame * batch}", command)
    payload = bytes(size) if command["kind"] == "binary" else "x" * size

    async def task():
        send = peer.send
        for _ in range(batch):
            await send(payload)
        await peer.receive()

    result = await measure(command, task)
    await drop_all([peer])
    return result


async def idle(make, command):
    peers = await connect_all(make, command)
    await asyncio.sleep(command["warmUp"] / 1000)
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(command["seconds"])
    cpu_ms = (time.process_time() - cpu) * 1000
    wall_ms = (time.perf_counter() - wall) * 1000
    await drop_all(peers)
    return {"messages": 0, "wallMs": wall_ms, "cpuMs": cpu_ms, "cpuUs": 0, "perSecond": 0}


ACTIONS = {"receive": receive, "roundTrip": round_trip, "send": send, "idle": idle}


def allow_many_sockets():
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def main():
    allow_many_sockets()
    make = PEERS[sys.argv[1]]
    print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        try:
            answer = await ACTIONS[command["action"]](make, command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
