#!/usr/bin/env python3
"""Attacks a server of our own on loopback, and says what became of it.

Usage: attack.py BINARY [--full]

Starts `BINARY serve` on a made-up organization, attacks it as a stranger would, and fails when a promise of docs/threat-model.md does not
hold. The short form takes about a minute; --full repeats the attacks in the numbers of the first audit. Python's standard library alone; it
opens no connection but to the servers that it has started, and ends those.
"""
import argparse
import base64
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

FIGURES = {}
FAILURES = []


def check(name, holds, figure):
    FIGURES[name] = figure
    print(f"{'ok  ' if holds else 'FAIL'} {name}: {figure}", flush=True)
    if not holds:
        FAILURES.append(name)


class Server:
    def __init__(self, binary, data, *options):
        self.log = tempfile.NamedTemporaryFile(prefix="leastwise-attack-", suffix=".log", delete=False)
        command = [binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--as-of", "2026-11-01", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        found = re.match(r"listening on http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise SystemExit(f"the server does not start: {line}{open(self.log.name).read()}")
        self.port = int(found.group(1))
        # Read on, so that the server never waits for us.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def memory(self):
        """Resident memory in MiB (Linux)."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) // 1024

    def log_size(self):
        return os.path.getsize(self.log.name)

    def connect(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def ask(self, method, path, headers=None, body=b"", timeout=20):
        """Status, headers and body of one request."""
        lines = {"host": f"127.0.0.1:{self.port}", "connection": "close", "content-length": str(len(body)), **(headers or {})}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        said = b""
        with self.connect(timeout) as stream:
            try:
                stream.sendall(head.encode("latin-1") + body)
            except OSError:
                pass  # It has refused before all was sent.
            try:
                while part := stream.recv(65536):
                    said += part
            except OSError:
                pass
        first, _, rest = said.partition(b"\r\n")
        status = int(first.split(b" ")[1]) if first.startswith(b"HTTP/1.1 ") else 0
        head, _, text = rest.partition(b"\r\n\r\n")
        return status, head.decode("latin-1"), text.decode("utf-8", "replace")

    def stop(self):
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.unlink(self.log.name)
        return time.monotonic() - begun


def form_of(server):
    """A form's token and its cookie."""
    _, head, text = server.ask("GET", "/sign-in")
    cookie = re.search(r"set-cookie: ([^;]+)", head, re.I).group(1)
    return cookie, re.search(r'name="csrf" value="([0-9a-f]+)"', text).group(1)


def sign_in(server, name, password, form=None):
    cookie, csrf = form or form_of(server)
    body = urllib.parse.urlencode({"csrf": csrf, "name": name, "password": password}).encode()
    headers = {"cookie": cookie, "content-type": "application/x-www-form-urlencoded", "origin": f"http://127.0.0.1:{server.port}"}
    return server.ask("POST", "/sign-in", headers, body)


def session_of(answer):
    found = re.search(r"set-cookie: (leastwise-session=[0-9a-f]+)", answer[1], re.I)
    return found.group(1) if found else None


def long_names(server, count):
    memory, log = server.memory(), server.log_size()
    form = form_of(server)
    statuses = [sign_in(server, "n" * 2_000_000, "guess", form)[0] for _ in range(count)]
    grown, logged = server.memory() - memory, server.log_size() - log
    check("long names", grown < 64 and logged < 1_000_000, f"{count} names of 2 MB: {grown} MiB of memory, {logged} bytes of log, statuses {sorted(set(statuses))}")


def made_up_names(server, count, name, password):
    form = form_of(server)
    begun = time.monotonic()
    statuses = {}
    for at in range(count):
        status = sign_in(server, f"nobody-{at}", "guess guess guess", form)[0]
        statuses[status] = statuses.get(status, 0) + 1
    answer = sign_in(server, name, password)
    check("made-up names", session_of(answer) is not None, f"{count} names in {time.monotonic() - begun:.1f} s {statuses}; the user signs in: {answer[0]}")


def forged_signatures(server, count):
    refused = 0
    for at in range(count):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + random.randint(-2000, 2000)))
        key = random.choice(["LWAK" + "A" * 16, "", "x" * 300, "LWAK" + "".join(random.choices("ABCDEFGH234567", k=16))])
        scope = f"{key}/{stamp[:8]}/us-east-1/access-analyzer/aws4_request"
        signature = "".join(random.choices("0123456789abcdef", k=random.choice([64, 64, 63, 0])))
        value = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
        status, _, _ = server.ask("GET", "/analyzer", {"x-amz-date": stamp, "authorization": value})
        refused += status == 403
    check("forged signatures", refused == count, f"{refused} of {count} refused")


def forged_tokens(server, count, bearer):
    refused = 0
    for at in range(count):
        token = base64.urlsafe_b64encode(random.randbytes(random.randint(0, 90))).decode().rstrip("=")
        status, _, _ = server.ask("GET", f"/api/v1/findings?after={token or 'x'}", {"authorization": f"Bearer {bearer}"})
        refused += status == 400
    for wrong in [bearer[:-1], bearer + "x", bearer.replace(".", ":"), "." + bearer, bearer.split(".")[0] + ".", "x" * 5000]:
        status, _, _ = server.ask("GET", "/api/v1/findings", {"authorization": f"Bearer {wrong}"})
        refused += status in (401, 403)
    check("forged tokens", refused == count + 6, f"{refused} of {count + 6} refused")


def webhooks(server, session):
    _, _, text = server.ask("GET", "/settings", {"cookie": session})
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', text).group(1)
    addresses = [
        "http://127.0.0.1:1/", "https://127.0.0.1/", "https://localhost:1/", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://2130706433/", "https://0x7f000001/", "https://user:secret@192.0.2.1/",
        "file:///etc/passwd", "gopher://127.0.0.1/",
    ]
    refused = 0
    for address in addresses:
        # A name is refused when it was resolved: at the delivery.
        body = urllib.parse.urlencode({"csrf": csrf, "url": address, "form": "generic"}).encode()
        headers = {"cookie": session, "content-type": "application/x-www-form-urlencoded", "origin": f"http://127.0.0.1:{server.port}"}
        status, _, _ = server.ask("POST", "/settings/webhooks", headers, body)
        refused += status == 400 or address == "https://localhost:1/"
    check("webhooks that lead inside", refused == len(addresses), f"{refused} of {len(addresses)} refused")


def many_connections(server, count):
    held = []
    for at in range(count):
        try:
            stream = server.connect(5)
            stream.sendall(random.choice([b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"]))
            held.append(stream)
        except OSError:
            break
    begun = time.monotonic()
    status = server.ask("GET", "/healthz")[0]
    check("many connections", status == 200, f"{len(held)} half-open connections, health says {status} after {time.monotonic() - begun:.2f} s")
    for stream in held:
        stream.close()


def slow_head(server):
    begun = time.monotonic()
    with server.connect(60) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
        try:
            while time.monotonic() - begun < 40:
                stream.sendall(b"x-a: b\r\n")
                time.sleep(0.5)
        except OSError:
            pass
    took = time.monotonic() - begun
    check("a head that never ends", took < 20, f"closed after {took:.1f} s")


def ending(server, count):
    held = [server.connect() for _ in range(count)]
    for at, stream in enumerate(held):
        stream.sendall([b"", b"GET / HTTP/1.1\r\n", b"PUT /analyzer HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"][at % 3])
    took = server.stop()
    check("ending", took < 30, f"with {count} half-open connections in {took:.1f} s")


def without_sign_in(binary, data):
    server = Server(binary, data, "--insecure-no-auth")
    own = f"127.0.0.1:{server.port}"
    wrong = [{"host": "evil.example"}, {"host": own, "origin": "http://evil.example"}, {"host": own, "origin": "null"}]
    routes = [("GET", "/"), ("GET", "/analyzer"), ("PUT", "/analyzer"), ("GET", "/api/v1/analyzers"), ("GET", "/metrics"), ("POST", "/findingv2"), ("GET", "/nowhere")]
    refused = sum(server.ask(method, path, headers)[0] == 403 for method, path in routes for headers in wrong)
    good = server.ask("GET", "/analyzer")[0]
    check("other sites", refused == len(routes) * len(wrong) and good == 200, f"{refused} of {len(routes) * len(wrong)} refused; by its own name {good}")
    server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--full", action="store_true", help="the numbers of the first audit")
    asked = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="leastwise-attack-")
    data = os.path.join(folder, "demo")
    name, password = "ada", "correct horse battery"
    try:
        subprocess.run([asked.binary, "demo", "--out", data], check=True, capture_output=True)
        subprocess.run([asked.binary, "user", "add", name, "--scope", "administer", "--data", data], input=password + "\n", text=True, check=True, capture_output=True)
        made = subprocess.run([asked.binary, "key", "add", "--name", "attack", "--data", data, "--format", "json"], text=True, check=True, capture_output=True)
        key = json.loads(made.stdout)
        without_sign_in(asked.binary, data)
        server = Server(asked.binary, data)
        session = session_of(sign_in(server, name, password))
        check("signing in", session is not None, "a user signs in")
        long_names(server, 150 if asked.full else 20)
        made_up_names(server, 10_050 if asked.full else 200, name, password)
        forged_signatures(server, 332 if asked.full else 60)
        forged_tokens(server, 56, f"{key['id']}.{key['secret']}")
        webhooks(server, session)
        slow_head(server)
        many_connections(server, 1_500 if asked.full else 600)
        ending(server, 200)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(FIGURES, indent=2))
    if FAILURES:
        sys.exit(f"{len(FAILURES)} promises do not hold: {', '.join(FAILURES)}")


if __name__ == "__main__":
    main()
