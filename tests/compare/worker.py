"""Tries one row of the comparison with curl_cffi, and prints what came of it as JSON: worker.py ROW WORLD."""
import json, os, sys, threading, time

from curl_cffi import CurlOpt, requests

row, path = sys.argv[1:]
w = json.load(open(path))
T = {
    "httpProxy": lambda _: (w["plain"], {"proxy": w["httpProxy"]}, "proxy"),
    "proxyPassword": lambda _: (w["plain"], {"proxy": w["passwordProxy"], "proxy_auth": ("me", "secret")}, "proxy_auth"),
    "httpsProxy": lambda _: (w["plain"], {"proxy": w["httpsProxy"], "verify": w["caFile"]}, "proxy, verify"),
    "socksProxy": lambda _: (w["plain"], {"proxy": "socks5h://" + w["socks"]}, "proxy"),
    "envProxy": lambda _: (w["plain"], {}, "by default"),
    "ownCa": lambda _: (w["tls"], {"verify": w["caFile"]}, "verify"),
    "clientCert": lambda _: (w["mtls"], {"verify": w["caFile"], "cert": (w["certFile"], w["keyFile"])}, "cert"),
    "verifyOff": lambda _: (w["tls"], {"verify": False}, "verify"),
    "serverName": lambda _: (
        w["sni"].replace("localhost", "other.example"),
        {
            "verify": False,
            "curl_options": {CurlOpt.RESOLVE: [w["sniHost"].replace("localhost", "other.example") + ":127.0.0.1"]},
        },
        "curl_options: RESOLVE, another URL",
    ),
    "pinnedKey": lambda wrong: (
        w["tls"],
        {"verify": w["caFile"], "curl_options": {CurlOpt.PINNEDPUBLICKEY: w["wrongPin" if wrong else "pin"].encode()}},
        "curl_options: PINNEDPUBLICKEY",
    ),
    "impersonate": lambda _: (w["hello"], {"impersonate": "chrome", "verify": False}, "impersonate"),
    "browserHeaders": lambda _: (w["hello"], {"impersonate": "chrome", "verify": False}, "impersonate"),
    "headers": lambda _: (w["raw"], {"headers": {"x-b": "1", "X-A": "2"}}, "headers"),
    "basicUrl": lambda _: (w["account"].replace("//", "//joe:secret@"), {}, "by default"),
    "digest": lambda _: (
        w["account"],
        {"curl_options": {CurlOpt.HTTPAUTH: 2, CurlOpt.USERPWD: b"joe:secret"}},
        "curl_options: HTTPAUTH",
    ),
    "redirects": lambda _: (w["old"], {}, "allow_redirects"),
    "unixSocket": lambda _: (
        "ws://localhost/feed",
        {"curl_options": {CurlOpt.UNIX_SOCKET_PATH: w["unix"].encode()}},
        "curl_options: UNIX_SOCKET_PATH",
    ),
    "localAddress": lambda _: (w["peer"], {"interface": "127.0.0.3"}, "interface"),
    "resolve": lambda _: (
        w["named"],
        {"curl_options": {CurlOpt.RESOLVE: ["name.invalid:" + w["plainPort"] + ":127.0.0.1"]}},
        "curl_options: RESOLVE",
    ),
    "ipVersion": lambda wrong: (w["local"], {"curl_options": {CurlOpt.IPRESOLVE: 2 if wrong else 1}}, "curl_options: IPRESOLVE"),
    "keepAlive": lambda _: (w["peer"], {"curl_options": {CurlOpt.TCP_KEEPALIVE: 1}}, "curl_options: TCP_KEEPALIVE"),
    "doh": lambda _: (
        w["named"],
        {"doh_url": w["doh"], "curl_options": {CurlOpt.DOH_SSL_VERIFYPEER: 0, CurlOpt.DOH_SSL_VERIFYHOST: 0}},
        "doh_url",
    ),
    "deflate": lambda _: (w["extensions"], {"curl_options": {CurlOpt.WS_OPTIONS: 4}}, "curl_options: WS_OPTIONS"),
    "maxMessageSize": lambda _: (w["large"], {}, "max_message_size"),
    "backpressure": lambda _: (w["flood"], {}, "no recv()"),
    "ping": lambda _: (w["ping"], {}, "ping()"),
    "reconnect": lambda _: ("%s?%d" % (w["restarts"], os.getpid()), {}, "by default"),
    "deadPeer": lambda _: (w["silent"], {}, "by default"),
}


def text(data):
    return data.decode() if isinstance(data, bytes) and len(data) < 100000 else "binary %d" % len(data)


def attempt(wrong=False):
    if row == "cookieJar":
        session = requests.Session()
        session.ws_connect(w["plain"], timeout=4).recv()
        return {"how": "Session", "message": text(session.ws_connect(w["headers"], timeout=4).recv()[0])}
    if row == "httpSession":
        session = requests.Session()
        session.get(w["login"], timeout=4)
        return {"how": "Session: get(), ws_connect()", "message": text(session.ws_connect(w["session"], timeout=4).recv()[0])}
    if row not in T:
        return {"none": True}
    url, options, how = T[row](wrong)
    try:
        more = {"max_message_size": 1000000} if row == "maxMessageSize" else {}
        socket = requests.WebSocket(**more)
        socket.connect(url, timeout=4, **options)
        if row == "ping":
            socket.ping(b"hello")
        if row == "backpressure":
            time.sleep(2)
        message = text(socket.recv(timeout=4)[0])
        if row == "reconnect":
            message = text(socket.recv(timeout=3)[0])
        if row == "keepAlive":
            time.sleep(0.9)
        if row == "deadPeer":
            try:
                socket.recv(timeout=3)
            except Exception as error:
                code = socket.close_code
                return {"how": how, "message": "closed %s" % code if code else None, "error": "not found dead: %s" % type(error).__name__}
        return {"how": how, "message": message}
    except Exception as error:
        return {"how": how, "error": str(error)}


# A call that hangs must not hold the others up.
result = {"error": "nothing came"}


def main():
    global result
    made = attempt()
    if row in ("pinnedKey", "ipVersion") and made.get("message") and attempt(True).get("message"):
        made = {"how": made["how"], "error": "the wrong one was taken too"}
    result = made


thread = threading.Thread(target=main, daemon=True)
thread.start()
thread.join(12)
print("\n" + json.dumps(result), flush=True)
os._exit(0)
