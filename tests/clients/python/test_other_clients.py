"""Starts servers for the clients of other languages and runs these: the JavaScript SDK and the Rust SDK, each as a test of its own."""

import os
import pathlib
import subprocess
import unittest

from server import REGION, Server

HERE = pathlib.Path(__file__).resolve().parent.parent


class OtherClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, cls.throttled, cls.broken = Server(), Server("--requests-per-second", "2"), Server()
        cls.broken.client().create_analyzer(analyzerName="broken", type="ACCOUNT_UNUSED_ACCESS")
        cls.broken.sql("ALTER TABLE archive_rules RENAME TO hidden")
        keys = cls.server.keys
        cls.environment = {
            **os.environ, "REGION": REGION, "ADDRESS": cls.server.address, "ACCESS_KEY": keys["admin"][0], "SECRET_KEY": keys["admin"][1],
            "READER": cls.server.address, "READER_KEY": keys["reader"][0], "READER_SECRET": keys["reader"][1],
        }
        for name, server in (("THROTTLED", cls.throttled), ("BROKEN", cls.broken)):
            cls.environment |= {name: server.address, name + "_KEY": server.keys["admin"][0], name + "_SECRET": server.keys["admin"][1]}

    @classmethod
    def tearDownClass(cls):
        for server in (cls.server, cls.throttled, cls.broken):
            server.stop()

    def run_client(self, *command, folder):
        done = subprocess.run(command, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=1500)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-4000:])
        return done.stdout

    def test_javascript(self):
        if "LEASTWISE_NODE_FOLDER" not in os.environ:
            self.skipTest("no folder with the JavaScript client")
        out = self.run_client("node", "--test", "life.mjs", folder=os.environ["LEASTWISE_NODE_FOLDER"])
        self.assertRegex(out, r"# pass 3\b|ℹ pass 3\b")

    def test_rust(self):
        if "LEASTWISE_RUST_CLIENT" not in os.environ:
            self.skipTest("the Rust client is not built")
        self.assertIn("as they should be", self.run_client(os.environ["LEASTWISE_RUST_CLIENT"], folder=HERE))


if __name__ == "__main__":
    unittest.main()
