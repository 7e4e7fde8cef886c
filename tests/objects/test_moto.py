"""`leastwise ingest s3://…` against moto's server: the same usage as from the folder. LEASTWISE names the command.

Run by scripts/test-objects. How a store that answers badly is borne is tested beside it, in crates/cli/tests/objects.rs.
"""

import logging
import os
import pathlib
import shutil
import subprocess
import tempfile
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

    def test_a_bucket_that_is_not_there_is_named(self):
        ran = self.ingest("s3://no-such-bucket/x", "nothing")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("s3://no-such-bucket/x: cannot be listed", ran.stderr)


unittest.main()
