"""Every class of error arrives in boto3 as its own exception, and every operation that we do not have says so."""

import json
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor

import botocore.exceptions

from server import Server


def minimal(shape, depth=0):
    """An input that keeps the model's rules."""
    kind = shape.type_name
    if kind == "structure":
        members = {key: shape.members[key] for key in shape.required_members}
        if getattr(shape, "is_tagged_union", False):
            members = dict([next(iter(shape.members.items()))])
        return {key: minimal(member, depth + 1) for key, member in members.items() if not (key == "clientToken")}
    if kind == "list":
        return [minimal(shape.member, depth + 1)] * max(1, shape.metadata.get("min", 1))
    if kind == "map":
        return {"resource": minimal(shape.value, depth + 1)}
    if kind == "string":
        if getattr(shape, "enum", None):
            return shape.enum[0]
        pattern = shape.metadata.get("pattern", "")
        for text in ("name", "arn:aws:access-analyzer:eu-west-1:111122223333:analyzer/name", "arn:aws:iam::111122223333:role/x",
                     "arn:aws:cloudtrail:eu-west-1:111122223333:trail/x", "12345678-1234-1234-1234-123456789012"):
            import re
            if not pattern or re.fullmatch(pattern, text):
                return text
        raise AssertionError(f"no text for {pattern}")
    return {"integer": 1, "boolean": True, "timestamp": 1700000000}[kind]


class Errors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.aws = cls.server.client()
        cls.arn = cls.aws.create_analyzer(analyzerName="errors", type="ORGANIZATION_UNUSED_ACCESS")["arn"]
        cls.findings = cls.server.wait_for_findings(cls.aws, cls.arn)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_what_is_not_valid_is_a_validation_exception_with_its_fields(self):
        aws = self.server.client(parameter_validation=False)
        for operation, arguments, field in [
            (aws.create_analyzer, {"analyzerName": "1", "type": "ACCOUNT_UNUSED_ACCESS"}, "analyzerName"),
            (aws.create_analyzer, {"analyzerName": "a", "type": "X"}, "type"),
            (aws.create_analyzer, {"type": "ACCOUNT_UNUSED_ACCESS"}, "analyzerName"),
            (aws.create_analyzer, {"analyzerName": "a", "type": "ACCOUNT_UNUSED_ACCESS", "configuration": {"unusedAccess": {"unusedAccessAge": 0}}}, "configuration.unusedAccess.unusedAccessAge"),
            (aws.create_analyzer, {"analyzerName": "a", "type": "ACCOUNT_UNUSED_ACCESS", "configuration": {"unusedAccess": {"unusedAccessAge": 366}}}, "configuration.unusedAccess.unusedAccessAge"),
            (aws.create_analyzer, {"analyzerName": "a", "type": "ACCOUNT_UNUSED_ACCESS", "tags": {"aws:x": "y"}}, "tags.aws:x"),
            (aws.create_analyzer, {"analyzerName": "a", "type": "ACCOUNT_UNUSED_ACCESS", "tags": {"k" * 129: "y"}}, "tags." + "k" * 129),
            (aws.tag_resource, {"resourceArn": self.arn, "tags": {str(n): "" for n in range(51)}}, "tags"),
            (aws.create_archive_rule, {"analyzerName": "errors", "ruleName": "r", "filter": {}}, "filter"),
            (aws.create_archive_rule, {"analyzerName": "errors", "ruleName": "r", "filter": {"status": {"eq": ["ACTIVE"]}}}, "filter.status"),
            (aws.create_archive_rule, {"analyzerName": "errors", "ruleName": "r", "filter": {"resource": {"eq": []}}}, "filter.resource.eq"),
            (aws.create_archive_rule, {"analyzerName": "errors", "ruleName": "r", "filter": {"resource": {"eq": ["x"] * 21}}}, "filter.resource.eq"),
            (aws.create_archive_rule, {"analyzerName": "errors", "ruleName": "-", "filter": {"resource": {"exists": True}}}, "ruleName"),
            (aws.list_findings_v2, {"analyzerArn": self.arn, "filter": {"colour": {"eq": ["red"]}}}, "filter.colour"),
            (aws.list_findings_v2, {"analyzerArn": self.arn, "maxResults": 0}, "maxResults"),
            (aws.list_findings_v2, {"analyzerArn": self.arn, "sort": {"attributeName": "colour"}}, "sort.attributeName"),
            (aws.list_findings_v2, {"analyzerArn": self.arn, "sort": {"orderBy": "UP"}}, "sort.orderBy"),
            (aws.list_findings_v2, {"analyzerArn": "not an arn"}, "analyzerArn"),
            (aws.get_finding_recommendation, {"analyzerArn": self.arn, "id": "x", "maxResults": 1001}, "maxResults"),
            (aws.update_findings, {"analyzerArn": self.arn, "status": "RESOLVED", "ids": ["x"]}, "status"),
            (aws.update_findings, {"analyzerArn": self.arn, "status": "ACTIVE"}, "ids"),
            (aws.update_analyzer, {"analyzerName": "errors", "configuration": {"unusedAccess": {"unusedAccessAge": 91}}}, "configuration.unusedAccess.unusedAccessAge"),
            (aws.check_access_not_granted, {"policyDocument": "{}", "access": [], "policyType": "IDENTITY_POLICY"}, "policyDocument"),
            (aws.check_access_not_granted, {"policyDocument": "{}", "access": [{"actions": ["s3:a"] * 101}], "policyType": "IDENTITY_POLICY"}, "access.0.actions"),
        ]:
            with self.subTest(operation=operation.__name__, arguments=str(arguments)[:150]):
                try:
                    operation(**arguments)
                    self.fail("it was taken")
                except aws.exceptions.ValidationException as error:
                    body = error.response
                    self.assertEqual(body["ResponseMetadata"]["HTTPStatusCode"], 400)
                    self.assertEqual(body["reason"], "fieldValidationFailed")
                    self.assertEqual(body["fieldList"][0]["name"], field)
                except aws.exceptions.InvalidParameterException:
                    self.assertEqual(field, "policyDocument")

    def test_what_is_not_there_is_not_found(self):
        aws, nobody = self.aws, self.arn + "x"
        for operation, arguments in [
            (aws.get_analyzer, {"analyzerName": "nobody"}),
            (aws.update_analyzer, {"analyzerName": "nobody", "configuration": {"unusedAccess": {}}}),
            (aws.delete_analyzer, {"analyzerName": "nobody"}),
            (aws.create_archive_rule, {"analyzerName": "nobody", "ruleName": "r", "filter": {"resource": {"exists": True}}}),
            (aws.get_archive_rule, {"analyzerName": "errors", "ruleName": "nobody"}),
            (aws.update_archive_rule, {"analyzerName": "errors", "ruleName": "nobody", "filter": {"resource": {"exists": True}}}),
            (aws.delete_archive_rule, {"analyzerName": "errors", "ruleName": "nobody"}),
            (aws.apply_archive_rule, {"analyzerArn": self.arn, "ruleName": "nobody"}),
            (aws.apply_archive_rule, {"analyzerArn": nobody, "ruleName": "nobody"}),
            (aws.list_findings_v2, {"analyzerArn": nobody}),
            (aws.get_finding_v2, {"analyzerArn": self.arn, "id": "nobody"}),
            (aws.get_finding_v2, {"analyzerArn": nobody, "id": self.findings[0]["id"]}),
            (aws.update_findings, {"analyzerArn": self.arn, "status": "ACTIVE", "ids": ["nobody"]}),
            (aws.get_findings_statistics, {"analyzerArn": nobody}),
            (aws.get_finding_recommendation, {"analyzerArn": self.arn, "id": "nobody"}),
            (aws.tag_resource, {"resourceArn": nobody, "tags": {"a": "b"}}),
            (aws.untag_resource, {"resourceArn": nobody, "tagKeys": ["a"]}),
            (aws.list_tags_for_resource, {"resourceArn": "anything at all"}),
        ]:
            with self.subTest(operation=operation.__name__), self.assertRaises(aws.exceptions.ResourceNotFoundException) as caught:
                operation(**arguments)
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 404)
            self.assertTrue(caught.exception.response["resourceId"])
        # These two operations know no such error in the model.
        with self.assertRaises(aws.exceptions.ValidationException):
            aws.list_archive_rules(analyzerName="nobody")
        with self.assertRaises(aws.exceptions.ValidationException):
            aws.generate_finding_recommendation(analyzerArn=self.arn, id="nobody")

    def test_what_is_there_is_a_conflict_and_what_is_too_much_a_quota(self):
        aws = self.aws
        with self.assertRaises(aws.exceptions.ConflictException) as caught:
            aws.create_analyzer(analyzerName="errors", type="ACCOUNT_UNUSED_ACCESS")
        self.assertEqual((caught.exception.response["resourceId"], caught.exception.response["resourceType"]), ("errors", "Analyzer"))
        filter = {"resource": {"exists": True}}
        aws.create_analyzer(analyzerName="full", type="ACCOUNT_UNUSED_ACCESS",
                            archiveRules=[{"ruleName": f"r{n}", "filter": {"resource": {"eq": ["x"]}}} for n in range(100)])
        with self.assertRaises(aws.exceptions.ConflictException):
            aws.create_archive_rule(analyzerName="full", ruleName="r1", filter=filter)
        with self.assertRaises(aws.exceptions.ServiceQuotaExceededException) as caught:
            aws.create_archive_rule(analyzerName="full", ruleName="more", filter=filter)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 402)
        aws.delete_analyzer(analyzerName="full")

    def test_checks_tell_what_is_no_policy_and_what_is_too_much(self):
        aws = self.aws
        good = '{"Version": "2012-10-17", "Statement": []}'
        check = lambda text: aws.check_no_new_access(newPolicyDocument=text, existingPolicyDocument=good, policyType="IDENTITY_POLICY")
        for text in ("", "{", "[]", '{"Statement": 1}'):
            with self.subTest(text=text), self.assertRaises(aws.exceptions.InvalidParameterException):
                check(text)
        for text in (good + " " * (300 << 10), '{"Statement":' + "[" * 100 + "]" * 100 + "}"):
            with self.subTest(text=text[:20]), self.assertRaises(aws.exceptions.UnprocessableEntityException) as caught:
                check(text)
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 422)
        with self.assertRaises(aws.exceptions.InvalidParameterException):
            aws.check_access_not_granted(policyDocument=good, access=[{"actions": ["no action"]}], policyType="IDENTITY_POLICY")

    def test_operations_that_are_not_here_say_that_they_are_not_supported(self):
        ours = {"CreateAnalyzer", "GetAnalyzer", "ListAnalyzers", "UpdateAnalyzer", "DeleteAnalyzer", "CreateArchiveRule", "GetArchiveRule",
                "ListArchiveRules", "UpdateArchiveRule", "DeleteArchiveRule", "ApplyArchiveRule", "ListFindingsV2", "GetFindingV2", "UpdateFindings",
                "GetFindingsStatistics", "GenerateFindingRecommendation", "GetFindingRecommendation", "CheckNoNewAccess", "CheckAccessNotGranted",
                "CheckNoPublicAccess", "ValidatePolicy", "TagResource", "UntagResource", "ListTagsForResource"}
        model = self.aws.meta.service_model
        self.assertLess(ours, set(model.operation_names))
        method = {operation: name for name, operation in self.aws.meta.method_to_api_mapping.items()}
        for name in set(model.operation_names) - ours:
            arguments = minimal(model.operation_model(name).input_shape)
            with self.subTest(operation=name), self.assertRaises(self.aws.exceptions.ValidationException) as caught:
                getattr(self.aws, method[name])(**arguments)
            self.assertEqual(caught.exception.response["reason"], "notSupported")
        for kind in ("ACCOUNT", "ORGANIZATION", "ACCOUNT_INTERNAL_ACCESS", "ORGANIZATION_INTERNAL_ACCESS"):
            with self.assertRaises(self.aws.exceptions.ValidationException) as caught:
                self.aws.create_analyzer(analyzerName="x", type=kind)
            self.assertEqual(caught.exception.response["reason"], "notSupported")

    def test_scopes_and_accounts_limit_what_a_key_may_do(self):
        everything = []
        for page in self.aws.get_paginator("list_findings_v2").paginate(analyzerArn=self.arn):
            everything += page["findings"]
        accounts = sorted({f["resourceOwnerAccount"] for f in everything})
        self.assertGreater(len(accounts), 1)
        own = self.server.add_key("one account", "archive", "--account", accounts[0])
        reader, archiver, limited = self.server.client("reader"), self.server.client("archiver"), self.server.client(own)
        id = everything[0]["id"]
        for client, operation, arguments in [
            (reader, "update_findings", {"analyzerArn": self.arn, "status": "ARCHIVED", "ids": [id]}),
            (reader, "create_analyzer", {"analyzerName": "x", "type": "ACCOUNT_UNUSED_ACCESS"}),
            (reader, "tag_resource", {"resourceArn": self.arn, "tags": {"a": "b"}}),
            (archiver, "delete_analyzer", {"analyzerName": "errors"}),
            (archiver, "create_archive_rule", {"analyzerName": "errors", "ruleName": "r", "filter": {"resource": {"exists": True}}}),
            (limited, "apply_archive_rule", {"analyzerArn": self.arn, "ruleName": "r"}),
            (limited, "untag_resource", {"resourceArn": self.arn, "tagKeys": ["b"]}),
        ]:
            with self.subTest(operation=operation), self.assertRaises(client.exceptions.AccessDeniedException) as caught:
                getattr(client, operation)(**arguments)
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 403)
        archiver.update_findings(analyzerArn=self.arn, status="ARCHIVED", ids=[id])
        archiver.update_findings(analyzerArn=self.arn, status="ACTIVE", ids=[id])
        self.assertEqual(reader.get_finding_v2(analyzerArn=self.arn, id=id)["status"], "ACTIVE")
        # The account in the ARN of an analyzer may be one that the key does not see.
        arn = next(a["arn"] for a in limited.list_analyzers()["analyzers"] if a["name"] == "errors")
        seen = [f for page in limited.get_paginator("list_findings_v2").paginate(analyzerArn=arn) for f in page["findings"]]
        self.assertEqual({f["id"] for f in seen}, {f["id"] for f in everything if f["resourceOwnerAccount"] == accounts[0]})
        filtered = {"resourceOwnerAccount": {"eq": [accounts[1]]}}
        self.assertEqual(limited.list_findings_v2(analyzerArn=arn, filter=filtered)["findings"], [])
        filtered = {"resourceOwnerAccount": {"neq": [accounts[1]]}}
        self.assertEqual({f["resourceOwnerAccount"] for f in limited.list_findings_v2(analyzerArn=arn, filter=filtered)["findings"]}, {accounts[0]})
        other = next(f for f in everything if f["resourceOwnerAccount"] != accounts[0])
        for operation, arguments in [("get_finding_v2", {}), ("get_finding_recommendation", {}), ("update_findings", {"status": "ARCHIVED"})]:
            arguments = {"analyzerArn": arn, **({"ids": [other["id"]]} if "status" in arguments else {"id": other["id"]}), **arguments}
            with self.subTest(operation=operation), self.assertRaises(limited.exceptions.ResourceNotFoundException):
                getattr(limited, operation)(**arguments)
        (union,) = limited.get_findings_statistics(analyzerArn=arn)["findingsStatistics"]
        statistics = union["unusedAccessFindingsStatistics"]
        self.assertEqual(statistics["totalActiveFindings"], len(seen))
        self.assertEqual([a["account"] for a in statistics["topAccounts"]], [accounts[0]])
        token = self.aws.list_findings_v2(analyzerArn=self.arn, maxResults=1)["nextToken"]
        with self.assertRaises(limited.exceptions.ValidationException):
            limited.list_findings_v2(analyzerArn=arn, maxResults=1, nextToken=token)


class OtherServers(unittest.TestCase):
    def test_too_many_requests_are_throttled_and_a_client_that_retries_succeeds(self):
        server = Server("--requests-per-second", "2")
        try:
            aws = server.client()
            def ask(_):
                try:
                    aws.list_analyzers()
                except aws.exceptions.ThrottlingException as error:
                    return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(ask, range(16)))
            self.assertIn((429, "1"), answers)
            patient = server.client(retries={"max_attempts": 10, "mode": "standard"})
            for _ in range(4):
                patient.list_analyzers()
        finally:
            server.stop()

    def test_a_fault_of_the_store_is_an_internal_error_that_tells_nothing(self):
        server = Server()
        try:
            aws = server.client()
            name = "a" + uuid.uuid4().hex[:8]
            aws.create_analyzer(analyzerName=name, type="ACCOUNT_UNUSED_ACCESS")
            server.sql("ALTER TABLE archive_rules RENAME TO hidden")
            with self.assertRaises(aws.exceptions.InternalServerException) as caught:
                aws.list_archive_rules(analyzerName=name)
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 500)
            self.assertNotIn("archive_rules", json.dumps(caught.exception.response, default=str))
            server.sql("ALTER TABLE hidden RENAME TO archive_rules")
            self.assertEqual(aws.list_archive_rules(analyzerName=name)["archiveRules"], [])
        finally:
            server.stop()
        secrets = [secret for _, secret in server.keys.values()]
        self.assertFalse([line for line in server.log if any(secret in line for secret in secrets)], "a secret is in the log")

    def test_without_authentication_everybody_is_let_in_with_a_warning_and_only_on_loopback(self):
        server = Server("--insecure-no-auth")
        try:
            stranger = server.client(("AKIASTRANGER00000000", "whatever"))
            stranger.list_analyzers()
            self.assertTrue(any("warning" in line and "insecure" in line for line in server.log), server.log)
        finally:
            server.stop()
        import subprocess
        from server import LEASTWISE, demo
        refused = subprocess.run([LEASTWISE, "serve", "--data", str(demo()), "--listen", "0.0.0.0:0", "--insecure-no-auth",
                                  "--database", f"sqlite:{server.folder}-x.sqlite"], capture_output=True, text=True, timeout=60)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("loopback", refused.stderr)


if __name__ == "__main__":
    unittest.main()
