"""Requests that botocore signs, sent as they are and changed: what was tampered with, is old, comes again, is not signed or is for somebody else is refused."""

import datetime
import http.client
import json
import unittest
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from server import REGION, Server, run


class Signatures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.aws = cls.server.client()
        cls.arn = cls.aws.create_analyzer(analyzerName="signatures", type="ACCOUNT_UNUSED_ACCESS")["arn"]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def signed(self, method="GET", path="/analyzer", body=b"", key="admin", service="access-analyzer", region=REGION, presigned=None, shift=0, headers=()):
        pair = self.server.keys[key] if isinstance(key, str) else key
        request = AWSRequest(method=method, url=self.server.address + path, data=body)
        for name, value in headers:
            request.headers.add_header(name, value)
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(seconds=shift)
        with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: now):
            if presigned is None:
                botocore.auth.SigV4Auth(Credentials(*pair), service, region).add_auth(request)
            else:
                botocore.auth.SigV4QueryAuth(Credentials(*pair), service, region, expires=presigned).add_auth(request)
        url = urlsplit(request.url)
        return {"method": method, "target": url.path + ("?" + url.query if url.query else ""), "headers": list(request.headers.items()), "body": body}

    def send(self, request):
        url = urlsplit(self.server.address)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        connection.putrequest(request["method"], request["target"], skip_accept_encoding=True)
        for name, value in request["headers"]:
            connection.putheader(name, value)
        if request["body"] and not any(name.lower() == "content-length" for name, _ in request["headers"]):
            connection.putheader("Content-Length", str(len(request["body"])))
        connection.endheaders(request["body"] or None)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.getheader("x-amzn-errortype"), text

    def assertRefused(self, request, error):
        status, name, text = self.send(request)
        self.assertEqual((status, name), (403, error), text)
        self.assertTrue(json.loads(text)["message"])
        for _, secret in self.server.keys.values():
            self.assertNotIn(secret.encode(), text)

    def test_what_is_signed_in_header_or_query_is_answered(self):
        self.assertEqual(self.send(self.signed())[0], 200)
        self.assertEqual(self.send(self.signed(presigned=60))[0], 200)
        self.assertEqual(self.send(self.signed(region="ap-southeast-2"))[0], 200)
        again = self.signed()
        self.assertEqual([self.send(again)[0] for _ in range(2)], [200, 200], "reading twice is no harm")

    def test_what_is_not_signed_is_refused(self):
        request = self.signed()
        request["headers"] = []
        self.assertRefused(request, "MissingAuthenticationTokenException")
        request["headers"] = [("Authorization", "Basic dXNlcjpwYXNz")]
        self.assertRefused(request, "IncompleteSignatureException")
        request["target"] = "/nowhere-at-all"

    def test_what_was_tampered_with_is_refused(self):
        body = json.dumps({"analyzerArn": self.arn}).encode()
        for change in (
            {"method": "PUT"},
            {"target": "/finding"},
            {"target": "/findingv2?x=1"},
            {"body": body + b" "},
            {"body": body.replace(b"signatures", b"signaturez")},
            {"headers": lambda all: [(n, v.replace("Signature=", "Signature=0")[:-1] if n == "Authorization" else v) for n, v in all]},
            {"headers": lambda all: [(n, v if n != "X-Amz-Date" else v[:-2] + ("0Z" if v[-2] != "0" else "1Z")) for n, v in all]},
            {"headers": lambda all: all + [("X-Amz-Security-Token", "x")]},
        ):
            request = self.signed("POST", "/findingv2", body, headers=[("Content-Type", "application/json")])
            self.assertEqual(self.send(request)[0], 200)
            for key, value in change.items():
                request[key] = value(request[key]) if callable(value) else value
            self.assertRefused(request, "InvalidSignatureException")

    def test_what_is_old_or_of_the_future_is_refused(self):
        self.assertEqual(self.send(self.signed(shift=-600))[0], 200)
        self.assertRefused(self.signed(shift=-1000), "InvalidSignatureException")
        self.assertRefused(self.signed(shift=1000), "InvalidSignatureException")
        self.assertEqual(self.send(self.signed(presigned=3600, shift=-3000))[0], 200)
        self.assertRefused(self.signed(presigned=3600, shift=-3700), "RequestExpired")

    def test_a_change_that_comes_again_is_refused_unless_it_failed(self):
        body = json.dumps({"tags": {"a": "b"}}).encode()
        request = self.signed("POST", "/tags/" + self.arn.replace(":", "%3A").replace("/", "%2F"), body)
        self.assertEqual(self.send(request)[0], 200)
        self.assertRefused(request, "InvalidSignatureException")

    def test_somebody_else_is_refused(self):
        id, secret = self.server.keys["admin"]
        self.assertRefused(self.signed(key=(id, "another secret")), "InvalidSignatureException")
        self.assertRefused(self.signed(key=("LWAKNOBODY0000000000", secret)), "UnrecognizedClientException")
        self.assertRefused(self.signed(service="iam"), "InvalidSignatureException")
        body = json.dumps({"analyzerName": "x", "type": "ACCOUNT_UNUSED_ACCESS"}).encode()
        self.assertRefused(self.signed("PUT", "/analyzer", body, key="reader"), "AccessDeniedException")

    def test_a_key_that_ended_or_was_removed_counts_no_longer(self):
        past = self.server.add_key("past", "read", "--expires", "2020-01-01")
        self.assertRefused(self.signed(key=past), "ExpiredTokenException")
        key = self.server.add_key("for a while", "read")
        self.assertEqual(self.send(self.signed(key=key))[0], 200)
        store = ["--data", str(self.server.data), "--database", self.server.database_url]
        listed = json.loads(run("key", "list", *store, "--format", "json"))["keys"]
        self.assertIn(key[0], [k["id"] for k in listed])
        self.assertNotIn(key[1], json.dumps(listed) + run("key", "list", *store))
        run("key", "remove", *store, key[0])
        self.assertRefused(self.signed(key=key), "UnrecognizedClientException")

    def test_paths_and_queries_of_every_kind_are_verified(self):
        self.aws.tag_resource(resourceArn=self.arn, tags={"a b+c/d=e&f?g%h ü🦀": "x"})
        self.aws.untag_resource(resourceArn=self.arn, tagKeys=["a b+c/d=e&f?g%h ü🦀", "", "~-._", "%41"])
        for odd in ("a b", "ü🦀", "a+b", "a%20b", "a/../b", "..", ".", "a//b", "~'()*!", "a?b#c", "x" * 2000):
            with self.assertRaises(self.aws.exceptions.ResourceNotFoundException, msg=odd) as caught:
                self.aws.list_tags_for_resource(resourceArn="arn:" + odd)
            self.assertEqual(caught.exception.response["resourceId"], "arn:" + odd)
            with self.assertRaises(self.aws.exceptions.ResourceNotFoundException, msg=odd):
                self.aws.get_finding_v2(analyzerArn=self.arn, id="f" + odd)

    def test_a_path_that_nobody_has_is_an_unknown_operation(self):
        for method, path in [("GET", "/analyzer/a/b/c"), ("PATCH", "/analyzer"), ("POST", "/analyzer"), ("GET", "/findingv2")]:
            status, name, _ = self.send(self.signed(method, path))
            self.assertEqual((status, name), (404, "UnknownOperationException"), path)

    def test_a_body_that_is_too_long_is_refused(self):
        status, name, _ = self.send(self.signed("POST", "/findingv2", b" " * (3 << 20)))
        self.assertEqual((status, name), (413, "RequestEntityTooLargeException"))


if __name__ == "__main__":
    unittest.main()
