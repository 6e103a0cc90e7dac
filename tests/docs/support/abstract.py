"""Relays a Unix socket of an abstract name to a port of loopback; ends with its standard input. By Python, since neither
Node nor Deno nor Bun gives such a socket its exact name."""
import socket, sys, threading

name, port = sys.argv[1:]


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(listener):
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", int(port)))
        for pair in ((client, server), (server, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


listener = socket.socket(socket.AF_UNIX)
listener.bind("\0" + name)
listener.listen()
print("ready", flush=True)
threading.Thread(target=serve, args=(listener,), daemon=True).start()
sys.stdin.read()
