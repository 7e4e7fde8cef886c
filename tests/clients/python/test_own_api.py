"""The own API under `/api/v1/` against its document, by schemathesis: no answer is a fault of ours, and every one is as the document says.

Half of its requests are about what is there: the ids of a finding with a plan stand as examples in a copy of the document. The
stream of changes is left out, since it has no end. OWN_API_SECONDS bounds the run."""

import base64
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import server as serving

DOCUMENT = pathlib.Path(__file__).resolve().parents[3] / "docs" / "openapi.json"
NAME, PASSWORD = "ana", "correct horse battery staple"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"


def with_examples(document, values):
    """The document with examples of path parameters, each path with what is there."""
    document = copy.deepcopy(document)
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()) if isinstance(operation, dict) else ():
                if parameter["name"] in values:
                    parameter["example"] = values[parameter["name"]]
    return document


class OwnApi(unittest.TestCase):
    def setUp(self):
        self.server = serving.Server()
        self.addCleanup(self.server.stop)
        subprocess.run([serving.LEASTWISE, "user", "add", NAME, "--scope", "administer", "--data", str(self.server.data),
                        "--database", self.server.database_url], input=PASSWORD + "\n", text=True, check=True, capture_output=True)

    def ask(self, method, path):
        credentials = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(self.server.address + path, method=method, headers={"Authorization": f"Basic {credentials}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def values(self):
        """What is there: an analyzer, a finding about permissions with a plan, and its principal."""
        client = self.server.client()
        for _ in range(600):
            analyzers = self.ask("GET", "/api/v1/analyzers")["analyzers"]
            if analyzers and analyzers[0].get("analysedAt"):
                break
            time.sleep(0.1)
        arn = client.list_analyzers()["analyzers"][0]["arn"]
        pages = client.get_paginator("list_findings_v2").paginate(
            analyzerArn=arn, filter={"findingType": {"eq": ["UnusedPermission"]}, "status": {"eq": ["ACTIVE"]}})
        for finding in (one for page in pages for one in page["findings"]):
            self.ask("POST", f"/api/v1/findings/{finding['id']}/plan")
            for _ in range(100):
                plan = self.ask("GET", f"/api/v1/findings/{finding['id']}/plan")
                if plan["status"] != "IN_PROGRESS":
                    break
                time.sleep(0.05)
            if plan["status"] == "SUCCEEDED":
                return {"analyzer": analyzers[0]["name"], "id": finding["id"], "arn": finding["resource"], "alternative": 1, "step": 1}
        self.fail("no finding has a plan")

    def test_no_answer_is_a_fault_or_other_than_the_document_says(self):
        values = self.values()
        evidence = self.ask("GET", "/api/v1/findings/" + urllib.parse.quote(values["id"]) + "/evidence")
        self.assertTrue(evidence)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "openapi.json"
            path.write_text(json.dumps(with_examples(json.loads(DOCUMENT.read_text()), values)))
            # One worker: `ast.parse` on two threads of Python 3.11 ends in a SystemError (python/cpython#106905).
            command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", str(path), "--url", self.server.address, "--auth", f"{NAME}:{PASSWORD}",
                       "--checks", CHECKS, "--exclude-path", "/api/v1/events", "--phases", "examples,coverage,fuzzing", "--seed", os.environ.get("SEED", "5"),
                       "--max-time", os.environ.get("OWN_API_SECONDS", "60"), "--max-failures", "5", "--suppress-health-check", "all", "--workers", "1"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        print("\n" + "\n".join(done.stdout.splitlines()[-12:]), file=sys.stderr)
        self.assertTrue(self.server.is_alive())
        self.assertFalse([line for line in self.server.log if "panicked" in line], "".join(self.server.log)[-3000:])


if __name__ == "__main__":
    unittest.main()
