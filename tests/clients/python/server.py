"""Starts `leastwise serve` over a made-up organization, with keys, and gives clients of it."""

import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.request

import boto3
import botocore.config

import strict

LEASTWISE = os.environ["LEASTWISE"]
REGION = "eu-west-1"
AS_OF = "2026-11-01"


def run(*arguments):
    return subprocess.run([LEASTWISE, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


_demo = None


def demo():
    """The folder of a small organization, made once."""
    global _demo
    if _demo is None:
        base = pathlib.Path(tempfile.mkdtemp(prefix="leastwise-clients-"))
        atexit.register(shutil.rmtree, base, ignore_errors=True)
        run("demo", "--out", base / "demo", "--accounts", 4, "--roles", 60, "--users", 24, "--events", 8000)
        _demo = base / "demo"
    return _demo


class Server:
    """A server with its own store, and keys of every scope."""

    def __init__(self, *options, data=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="leastwise-server-"))
        atexit.register(self.stop)
        self.database = self.folder / "store.sqlite"
        source = demo() if data else self.folder / "empty"
        if not data:
            source.mkdir()
        self.database_url = f"sqlite:{self.database}"
        self.data = source
        self.keys = {}
        for name, scope, extra in [("admin", "administer", ()), ("reader", "read", ()), ("archiver", "archive", ())]:
            self.keys[name] = self.add_key(name, scope, *extra)
        self.process = subprocess.Popen(
            [LEASTWISE, "serve", "--data", str(source), "--database", self.database_url, "--listen", "127.0.0.1:0",
             "--region", REGION, *(["--as-of", AS_OF] if data else []), *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log = []
        self.address = None
        found = threading.Event()

        def listen(stream):
            for line in stream:
                self.log.append(line)
                match = re.search(r"http://(127\.0\.0\.1:\d+)", line)
                if match and self.address is None:
                    self.address = "http://" + match.group(1)
                    found.set()

        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=listen, args=(stream,), daemon=True).start()
        if not found.wait(60):
            raise AssertionError("the server does not say where it listens: " + "".join(self.log))

    def add_key(self, name, scope, *extra):
        out = run("key", "add", "--data", self.data, "--database", self.database_url, "--name", name, "--scope", scope, *extra, "--format", "json")
        made = json.loads(out)
        return made["id"], made["secret"]

    def client(self, key="admin", **config):
        """A boto3 client whose every answer is held against the model."""
        pair = self.keys[key] if isinstance(key, str) else key
        settings = {"retries": {"max_attempts": 0, "mode": "standard"}, **config}
        session = boto3.session.Session(aws_access_key_id=pair[0], aws_secret_access_key=pair[1], region_name=REGION)
        client = session.client("accessanalyzer", endpoint_url=self.address, config=botocore.config.Config(**settings))

        def hold(operation_model=None, model=None, response_dict=None, **_):
            model = operation_model or model
            strict.answer(client.meta.service_model, model, response_dict["status_code"], response_dict["headers"], response_dict["body"])

        client.meta.events.register("before-parse.accessanalyzer", hold)
        client.held = hold
        return client

    def wait_for_findings(self, client, arn, at_least=1):
        for _ in range(600):
            if client.get_analyzer(analyzerName=arn.rsplit("/", 1)[1])["analyzer"].get("lastResourceAnalyzedAt"):
                findings = client.list_findings_v2(analyzerArn=arn)["findings"]
                assert len(findings) >= at_least, findings
                return findings
            time.sleep(0.1)
        raise AssertionError("no analysis within a minute: " + "".join(self.log))

    def sql(self, text):
        with sqlite3.connect(self.database) as connection:
            connection.execute(text)

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
