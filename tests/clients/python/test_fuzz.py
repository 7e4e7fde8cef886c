"""Malformed requests over every operation of the model: whatever comes, the answer is one that the model knows, never a fault of ours.

The requests are random with a fixed seed; SEED and FUZZ_REQUESTS in the environment change them."""

import copy
import json
import os
import random
import unittest
from urllib.parse import quote

import test_signatures
from server import Server
from test_errors import minimal

ODD = ["", " ", "a", "\0", "\u202e", "🦀" * 50, "ü", "%", "%00", "%zz", "../..", "'", '"', "\\", "'; DROP TABLE findings; --", "${x}", "a" * 5000, "-1", "NaN",
       None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, 1e400, [], {}, [[]], [None], {"": None}, {"eq": []}, {"eq": [None]}, [{}] * 50]


class Fuzz(unittest.TestCase):
    def test_no_request_is_a_fault_of_ours(self):
        server = Server()
        try:
            self.fuzz(server, random.Random(int(os.environ.get("SEED", "5"))), int(os.environ.get("FUZZ_REQUESTS", "2000")))
        finally:
            server.stop()
        self.assertFalse([line for line in server.log if "panicked" in line], "".join(server.log)[-3000:])

    def fuzz(self, server, random, count):
        aws = server.client()
        arn = aws.create_analyzer(analyzerName="fuzz", type="ORGANIZATION_UNUSED_ACCESS")["arn"]
        findings = server.wait_for_findings(aws, arn)
        model = aws.meta.service_model
        sender = test_signatures.Signatures()
        sender.server = server
        statuses = {}
        for _ in range(count):
            operation = model.operation_model(random.choice(list(model.operation_names)))
            if operation.name in ("DeleteAnalyzer",) and random.random() < 0.9:
                continue
            shape = operation.input_shape
            value = minimal(shape)
            for key, good in (("analyzerArn", arn), ("resourceArn", arn), ("analyzerName", "fuzz"), ("id", random.choice(findings)["id"])):
                if key in value and random.random() < 0.8:
                    value[key] = good
            for _ in range(random.choice([0, 1, 1, 1, 2, 5])):
                self.spoil(random, value, shape)
            path, query, body = operation.http["requestUri"], [], {}
            for key, item in value.items():
                member = shape.members.get(key)
                location = member.serialization.get("location") if member is not None else None
                text = item if isinstance(item, str) else json.dumps(item)
                if location == "uri":
                    raw = quote(text.encode("utf-8", "replace"), safe="") if random.random() < 0.9 else "%ff%00"
                    path = path.replace("{" + key + "}", raw or "x")
                elif location == "querystring":
                    for one in item if isinstance(item, list) else [text]:
                        query.append(quote(key) + "=" + quote(str(one).encode("utf-8", "replace"), safe=""))
                else:
                    body[key] = item
            text = json.dumps(body).encode("utf-8", "replace") if body or random.random() < 0.5 else b""
            if random.random() < 0.15:
                text = self.torn(random, text)
            target = path + ("?" + "&".join(query) if query else "")
            status, name, answer = sender.send(sender.signed(operation.http["method"], target, text))
            statuses[status] = statuses.get(status, 0) + 1
            told = f"{operation.name} {target} {text[:500]!r} → {status} {name} {answer[:500]!r}"
            self.assertIn(status, (200, 400, 402, 403, 404, 409, 422), told)
            if status != 200:
                known = {error.name for error in operation.error_shapes} | {"UnknownOperationException", "InvalidSignatureException"}
                self.assertIn(name, known, told)
            json.loads(answer)
            if operation.name == "DeleteAnalyzer" and status == 200:
                aws.create_analyzer(analyzerName="fuzz", type="ORGANIZATION_UNUSED_ACCESS")
        self.assertTrue(server.is_alive())
        self.assertGreater(statuses.get(200, 0), count // 20, statuses)
        self.assertGreater(statuses.get(400, 0), count // 20, statuses)
        print(f"{sum(statuses.values())} malformed requests: {statuses}")

    def spoil(self, random, value, shape):
        """Changes something somewhere inside."""
        if isinstance(value, dict):
            key = random.choice([*value, *getattr(shape, "members", {}), "unknown"])
            if key in value and isinstance(value[key], (dict, list)) and value[key] and random.random() < 0.7:
                self.spoil(random, value[key], getattr(shape, "members", {}).get(key))
            elif random.random() < 0.15:
                value.pop(key, None)
            else:
                value[key] = copy.deepcopy(random.choice(ODD))
        elif isinstance(value, list):
            at = random.randrange(len(value))
            if isinstance(value[at], (dict, list)) and value[at] and random.random() < 0.7:
                self.spoil(random, value[at], None)
            else:
                value[at] = copy.deepcopy(random.choice(ODD))

    def torn(self, random, text):
        """Bytes that are hardly JSON."""
        text = bytearray(text or b"{}")
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(text) + 1)
            text[at:at + random.randint(0, 3)] = random.choice([b"", b"\xff", b"{", b"]", b'"', b"\0", b"\\u00", b"1e999", b"[" * 300])
        return bytes(text)


if __name__ == "__main__":
    unittest.main()
