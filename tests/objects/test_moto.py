"""`leastwise ingest s3://…` and `--out s3://…` against moto's server: the same usage as of folders. LEASTWISE names the command.

Run by scripts/test-objects. How a store that answers badly is borne is tested beside it, in crates/cli/tests/objects.rs and
crates/cli/tests/published.rs. moto heeds If-Match and If-None-Match of PutObject.
"""

import logging
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

import boto3
from moto.server import ThreadedMotoServer

LEASTWISE = os.environ["LEASTWISE"]
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}


def run(*arguments):
    return subprocess.run([LEASTWISE, *arguments], env={**os.environ, **KEYS}, capture_output=True, text=True)


def counted(folder):
    root = pathlib.Path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for part in ("calls", "events", "coverage") for path in (root / part).rglob("*") if path.is_file()}


class Moto(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        cls.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        cls.server.start()
        host, port = cls.server.get_host_and_port()
        cls.endpoint = f"http://{host}:{port}"
        cls.folder = tempfile.TemporaryDirectory()
        cls.org = os.path.join(cls.folder.name, "org")
        made = run("demo", "--out", cls.org)
        assert made.returncode == 0, made.stderr
        cls.s3 = boto3.client("s3", endpoint_url=cls.endpoint, region_name="eu-west-1", aws_access_key_id="key", aws_secret_access_key="secret")
        cls.s3.create_bucket(Bucket="trail", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        made = pathlib.Path(cls.org) / "cloudtrail"
        cls.logs = pathlib.Path(cls.folder.name) / "logs"
        # All of them would take minutes; pages of listings are tested with the store of ours.
        for path in sorted(path for path in made.rglob("*") if path.is_file())[::60]:
            name = path.relative_to(made)
            (cls.logs / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, cls.logs / name)
            cls.s3.upload_file(str(path), "trail", f"a prefix/{name}")
        cls.few = sorted(path for path in cls.logs.rglob("*") if path.is_file())[:5]
        for path in cls.few:
            cls.s3.upload_file(str(path), "trail", f"few/{path.name}")
        cls.s3.put_object(Bucket="trail", Key="elsewhere/x.json", Body=b"no log")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def ingest(self, path, out, *more):
        return run("ingest", path, "--out", os.path.join(self.folder.name, out), "--endpoint-url", self.endpoint, *more)

    def test_a_bucket_gives_the_same_usage_as_the_folder_and_nothing_twice(self):
        here, there = self.ingest(str(self.logs), "here"), self.ingest("s3://trail/a prefix", "there", "--threads", "2")
        self.assertEqual((here.returncode, there.returncode, there.stderr), (0, 0, ""), here.stderr)
        found = counted(os.path.join(self.folder.name, "there"))
        self.assertTrue(found)
        self.assertEqual(found, counted(os.path.join(self.folder.name, "here")))
        again = self.ingest("s3://trail/a prefix/", "there")
        self.assertIn(" 0 events", again.stdout)
        self.assertTrue(again.stdout.split(": ")[1].startswith("0 of "), again.stdout)

    def published(self, prefix):
        listed = self.s3.list_objects_v2(Bucket="trail", Prefix=f"{prefix}/").get("Contents", [])
        names = [entry["Key"].removeprefix(f"{prefix}/") for entry in listed]
        return {name: self.s3.get_object(Bucket="trail", Key=f"{prefix}/{name}")["Body"].read() for name in names if not name.startswith(".")}

    def files(self, folder):
        root = pathlib.Path(self.folder.name) / folder
        found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        return {name: content for name, content in found.items() if not name.startswith(".")}

    def arguments(self, prefix, mirror):
        mirror = os.path.join(self.folder.name, mirror)
        return ["ingest", "s3://trail/few", "--out", f"s3://trail/{prefix}", "--mirror", mirror, "--endpoint-url", self.endpoint]

    def test_usage_in_a_bucket_is_that_of_a_folder_and_nothing_is_written_without_news(self):
        here, there = self.ingest("s3://trail/few", "few-here"), run(*self.arguments("usage", "mirror"))
        self.assertEqual((here.returncode, there.returncode, there.stderr), (0, 0, ""), here.stderr)
        self.assertTrue(self.files("few-here"))
        self.assertEqual(self.published("usage"), self.files("few-here"))
        state = lambda: [(entry["Key"], entry["LastModified"]) for entry in self.s3.list_objects_v2(Bucket="trail", Prefix="usage/")["Contents"]]
        before = state()
        time.sleep(1.1)
        self.assertIn("0 of 5 files", run(*self.arguments("usage", "another mirror")).stdout)
        self.assertEqual(state(), before)
        self.assertEqual([key for key, _ in before if "/.staging/" in key], [])

    def test_a_run_that_is_killed_while_it_publishes_loses_and_doubles_nothing(self):
        self.ingest("s3://trail/few", "killed-here")
        begun = time.monotonic()
        run(*self.arguments("timed", "timed"))
        takes = time.monotonic() - begun
        seeded = random.Random(6)
        for number in range(10):
            command = [LEASTWISE, *self.arguments(f"killed-{number}", f"killed-{number}")]
            process = subprocess.Popen(command, env={**os.environ, **KEYS}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(takes * seeded.uniform(0.2, 1))
            process.kill()
            process.wait()
            ran = run(*self.arguments(f"killed-{number}", f"killed-{number}" if number % 2 else "another machine"))
            self.assertEqual((ran.returncode, ran.stderr), (0, ""), number)
            self.assertEqual(self.published(f"killed-{number}"), self.files("killed-here"), number)

    def test_a_bucket_that_is_not_there_is_named(self):
        ran = self.ingest("s3://no-such-bucket/x", "nothing")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("s3://no-such-bucket/x: cannot be listed", ran.stderr)


unittest.main()
