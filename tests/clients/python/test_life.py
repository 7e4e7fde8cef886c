"""boto3 goes through the life of an analyzer; every answer is held against the model."""

import json
import time
import unittest
import urllib.request
import uuid

import strict
from server import REGION, Server, demo


def all_findings(client, arn, **extra):
    pages = client.get_paginator("list_findings_v2").paginate(analyzerArn=arn, **extra)
    return [finding for page in pages for finding in page["findings"]]


class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.aws = cls.server.client()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def make(self, kind="ORGANIZATION_UNUSED_ACCESS", **extra):
        name = "a" + uuid.uuid4().hex[:12]
        arn = self.aws.create_analyzer(analyzerName=name, type=kind, **extra)["arn"]
        return name, arn

    def test_an_analyzer_goes_from_its_making_to_its_end(self):
        aws = self.aws
        rule = {"ruleName": "roles", "filter": {"resourceType": {"eq": ["AWS::IAM::Role"]}}}
        exclusions = [{"accountIds": ["999988887777"]}, {"resourceTags": [{"team": "x"}]}]
        configuration = {"unusedAccess": {"unusedAccessAge": 90, "analysisRule": {"exclusions": exclusions}}}
        name, arn = self.make(tags={"team": "ünïcode", "empty": ""}, archiveRules=[rule], configuration=configuration)
        self.assertRegex(arn, rf"^arn:aws:access-analyzer:{REGION}:\d{{12}}:analyzer/{name}$")
        found = aws.get_analyzer(analyzerName=name)["analyzer"]
        self.assertEqual((found["arn"], found["type"], found["tags"]), (arn, "ORGANIZATION_UNUSED_ACCESS", {"team": "ünïcode", "empty": ""}))
        self.assertEqual(found["configuration"], configuration)
        self.server.wait_for_findings(aws, arn)
        statuses = {(f["resourceType"], f["status"]) for f in all_findings(aws, arn)}
        self.assertEqual(statuses, {("AWS::IAM::Role", "ARCHIVED"), ("AWS::IAM::User", "ACTIVE")})
        changed = {"unusedAccess": {"analysisRule": {"exclusions": [{"accountIds": ["999988887776"]}]}}}
        after = aws.update_analyzer(analyzerName=name, configuration=changed)["configuration"]
        self.assertEqual(after["unusedAccess"]["analysisRule"], changed["unusedAccess"]["analysisRule"])
        self.assertEqual(after["unusedAccess"]["unusedAccessAge"], 90)
        aws.delete_analyzer(analyzerName=name)
        with self.assertRaises(aws.exceptions.ResourceNotFoundException):
            aws.get_analyzer(analyzerName=name)

    def test_tags_are_added_replaced_listed_and_removed(self):
        name, arn = self.make()
        self.aws.tag_resource(resourceArn=arn, tags={"a": "1", "b/c d+e&f=g": "ü 🦀"})
        self.aws.tag_resource(resourceArn=arn, tags={"a": "2"})
        self.assertEqual(self.aws.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "2", "b/c d+e&f=g": "ü 🦀"})
        self.aws.untag_resource(resourceArn=arn, tagKeys=["b/c d+e&f=g", "not there"])
        self.assertEqual(self.aws.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "2"})
        self.aws.delete_analyzer(analyzerName=name)

    def test_archive_rules_are_made_changed_listed_applied_and_deleted(self):
        name, arn = self.make()
        findings = self.server.wait_for_findings(self.aws, arn)
        names = [f"rule{n:02}" for n in range(7)]
        for rule in names:
            self.aws.create_archive_rule(analyzerName=name, ruleName=rule, filter={"resource": {"contains": ["nobody-has-this"]}})
        pages = self.aws.get_paginator("list_archive_rules").paginate(analyzerName=name, PaginationConfig={"PageSize": 3})
        pages = [[rule["ruleName"] for rule in page["archiveRules"]] for page in pages]
        self.assertEqual([len(page) for page in pages], [3, 3, 1])
        self.assertEqual(sum(pages, []), names)
        account = findings[0]["resourceOwnerAccount"]
        self.aws.update_archive_rule(analyzerName=name, ruleName=names[0], filter={"resourceOwnerAccount": {"eq": [account]}})
        rule = self.aws.get_archive_rule(analyzerName=name, ruleName=names[0])["archiveRule"]
        self.assertEqual(rule["filter"], {"resourceOwnerAccount": {"eq": [account]}})
        before = all_findings(self.aws, arn)
        self.assertEqual({f["status"] for f in before}, {"ACTIVE"})
        self.aws.apply_archive_rule(analyzerArn=arn, ruleName=names[0])
        for finding in all_findings(self.aws, arn):
            self.assertEqual(finding["status"] == "ARCHIVED", finding["resourceOwnerAccount"] == account)
        self.aws.delete_archive_rule(analyzerName=name, ruleName=names[0])
        with self.assertRaises(self.aws.exceptions.ResourceNotFoundException):
            self.aws.get_archive_rule(analyzerName=name, ruleName=names[0])
        self.aws.delete_analyzer(analyzerName=name)

    def test_lists_are_filtered_sorted_and_paged_without_gap_or_repetition(self):
        name, arn = self.make()
        self.server.wait_for_findings(self.aws, arn)
        everything = all_findings(self.aws, arn)
        self.assertGreater(len(everything), 40)
        self.assertEqual(len({f["id"] for f in everything}), len(everything))
        self.aws.update_findings(analyzerArn=arn, status="ARCHIVED", ids=[f["id"] for f in everything[:9]])
        everything = all_findings(self.aws, arn)

        def by_hand(filter):
            def fits(finding, key, criterion):
                value = finding[key]
                return (("eq" not in criterion or value in criterion["eq"])
                        and ("neq" not in criterion or value not in criterion["neq"])
                        and ("contains" not in criterion or any(part in value for part in criterion["contains"]))
                        and criterion.get("exists", True))
            return {f["id"] for f in everything if all(fits(f, key, c) for key, c in filter.items())}

        one = everything[3]
        filters = [
            {key: {operator: [one[key]]}}
            for key in ("resource", "resourceType", "resourceOwnerAccount", "findingType", "status", "id")
            for operator in ("eq", "neq", "contains")
        ] + [
            {"status": {"eq": ["ACTIVE", "ARCHIVED"]}, "findingType": {"neq": ["UnusedIAMRole", "UnusedIAMUserPassword"]}},
            {"resource": {"contains": [":role/", ":user/"], "neq": [one["resource"]]}, "resourceType": {"exists": True}},
            {"resource": {"exists": False}},
            {"resource": {"contains": ["%", "_"]}},
            {"resource": {"contains": ["nobody has this"]}},
        ]
        for filter in filters:
            for size in (None, 7):
                config = {"PageSize": size} if size else {}
                ids = [f["id"] for f in all_findings(self.aws, arn, filter=filter, PaginationConfig=config)]
                self.assertEqual(len(ids), len(set(ids)), filter)
                self.assertEqual(set(ids), by_hand(filter), filter)
        for attribute in ("createdAt", "updatedAt", "resource", "status", "findingType", "resourceOwnerAccount", "resourceType", "id"):
            for order in ("ASC", "DESC"):
                found = all_findings(self.aws, arn, sort={"attributeName": attribute, "orderBy": order}, PaginationConfig={"PageSize": 11})
                self.assertEqual({f["id"] for f in found}, {f["id"] for f in everything}, (attribute, order))
                self.assertEqual(len(found), len(everything))
                values = [f[attribute] for f in found]
                if attribute in ("status", "findingType", "resourceType"):
                    runs = [value for at, value in enumerate(values) if at == 0 or values[at - 1] != value]
                    self.assertEqual(len(runs), len(set(runs)), (attribute, order))
                else:
                    self.assertEqual(values, sorted(values, reverse=order == "DESC"), (attribute, order))
        pages = [p["analyzers"] for p in self.aws.get_paginator("list_analyzers").paginate(PaginationConfig={"PageSize": 1})]
        self.assertEqual({len(page) for page in pages}, {1})
        self.assertIn(arn, [page[0]["arn"] for page in pages])
        self.assertEqual(self.aws.list_analyzers(type="ACCOUNT")["analyzers"], [])
        kinds = {a["type"] for a in self.aws.list_analyzers(type="ORGANIZATION_UNUSED_ACCESS")["analyzers"]}
        self.assertEqual(kinds, {"ORGANIZATION_UNUSED_ACCESS"})
        self.aws.delete_analyzer(analyzerName=name)

    def test_every_finding_is_shown_whole_archived_and_made_active_again(self):
        name, arn = self.make()
        self.server.wait_for_findings(self.aws, arn)
        kinds = {}
        for finding in all_findings(self.aws, arn):
            kinds.setdefault(finding["findingType"], finding)
            whole = self.aws.get_finding_v2(analyzerArn=arn, id=finding["id"])
            for key, value in finding.items():
                self.assertEqual(whole[key], value, key)
            self.assertTrue(whole["findingDetails"])
        self.assertEqual(set(kinds), {"UnusedIAMRole", "UnusedIAMUserAccessKey", "UnusedIAMUserPassword", "UnusedPermission"})
        permissions = kinds["UnusedPermission"]
        pages = self.aws.get_paginator("get_finding_v2").paginate(analyzerArn=arn, id=permissions["id"], PaginationConfig={"PageSize": 1})
        paged = [detail for page in pages for detail in page["findingDetails"]]
        self.assertEqual(paged, self.aws.get_finding_v2(analyzerArn=arn, id=permissions["id"])["findingDetails"])
        self.assertTrue(all("unusedPermissionDetails" in detail for detail in paged))
        ids = [kinds["UnusedIAMRole"]["id"], kinds["UnusedIAMUserPassword"]["id"]]
        status = lambda id: self.aws.get_finding_v2(analyzerArn=arn, id=id)["status"]
        self.aws.update_findings(analyzerArn=arn, status="ARCHIVED", ids=ids)
        self.assertEqual([status(id) for id in ids], ["ARCHIVED"] * 2)
        self.aws.update_findings(analyzerArn=arn, status="ACTIVE", ids=ids[:1])
        self.assertEqual([status(id) for id in ids], ["ACTIVE", "ARCHIVED"])
        self.aws.update_findings(analyzerArn=arn, status="ARCHIVED", resourceArn=permissions["resource"])
        self.assertEqual(status(permissions["id"]), "ARCHIVED")
        self.aws.delete_analyzer(analyzerName=name)

    def test_statistics_are_the_sums_of_the_list(self):
        name, arn = self.make()
        self.server.wait_for_findings(self.aws, arn)
        everything = all_findings(self.aws, arn)
        self.aws.update_findings(analyzerArn=arn, status="ARCHIVED", ids=[f["id"] for f in everything[:5]])
        everything = all_findings(self.aws, arn)
        answer = self.aws.get_findings_statistics(analyzerArn=arn)
        self.assertIn("lastUpdatedAt", answer)
        (union,) = answer["findingsStatistics"]
        statistics = union["unusedAccessFindingsStatistics"]
        count = lambda **wanted: sum(all(f[key] == value for key, value in wanted.items()) for f in everything)
        self.assertEqual(statistics["totalActiveFindings"], count(status="ACTIVE"))
        self.assertEqual(statistics["totalArchivedFindings"], 5)
        self.assertEqual(statistics["totalResolvedFindings"], 0)
        for of_type in statistics["unusedAccessTypeStatistics"]:
            self.assertEqual(of_type["total"], count(status="ACTIVE", findingType=of_type["unusedAccessType"]))
        for account in statistics["topAccounts"]:
            self.assertEqual(account["numberOfActiveFindings"], count(status="ACTIVE", resourceOwnerAccount=account["account"]))
            self.assertEqual(sum(account["details"].values()), account["numberOfActiveFindings"])
        self.aws.delete_analyzer(analyzerName=name)

    def test_a_recommendation_is_asked_for_and_comes_with_policies_that_parse(self):
        name, arn = self.make()
        self.server.wait_for_findings(self.aws, arn)
        succeeded, failed = 0, {}
        for finding in all_findings(self.aws, arn, filter={"findingType": {"eq": ["UnusedPermission"]}})[:12]:
            with self.assertRaises(self.aws.exceptions.ResourceNotFoundException):
                self.aws.get_finding_recommendation(analyzerArn=arn, id=finding["id"])
            self.aws.generate_finding_recommendation(analyzerArn=arn, id=finding["id"])
            for _ in range(300):
                answer = self.aws.get_finding_recommendation(analyzerArn=arn, id=finding["id"])
                if answer["status"] != "IN_PROGRESS":
                    break
                time.sleep(0.05)
            self.assertEqual(answer["resourceArn"], finding["resource"])
            if answer["status"] == "FAILED":
                failed[answer["error"]["code"]] = answer["error"]["message"]
                self.assertNotEqual(answer["error"]["code"], "INTERNAL")
                continue
            self.assertEqual(answer["status"], "SUCCEEDED")
            succeeded += 1
            self.assertTrue(answer["recommendedSteps"])
            for step in answer["recommendedSteps"]:
                step = step["unusedPermissionsRecommendedStep"]
                self.assertTrue(step["existingPolicyId"])
                if step["recommendedAction"] == "CREATE_POLICY":
                    policy = step["recommendedPolicy"]
                    self.assertEqual(policy, json.dumps(json.loads(policy), separators=(",", ":"), ensure_ascii=False))
            pages = self.aws.get_paginator("get_finding_recommendation").paginate(analyzerArn=arn, id=finding["id"], PaginationConfig={"PageSize": 1})
            self.assertEqual([step for page in pages for step in page["recommendedSteps"]], answer["recommendedSteps"])
        self.assertGreater(succeeded, 3, failed)
        role = all_findings(self.aws, arn, filter={"findingType": {"eq": ["UnusedIAMRole"]}})[0]
        with self.assertRaises(self.aws.exceptions.ValidationException):
            self.aws.generate_finding_recommendation(analyzerArn=arn, id=role["id"])
        self.aws.delete_analyzer(analyzerName=name)

    def test_the_same_client_token_changes_nothing_twice(self):
        aws, token = self.aws, str(uuid.uuid4())
        name = "t" + token[:8]
        first = aws.create_analyzer(analyzerName=name, type="ACCOUNT_UNUSED_ACCESS", clientToken=token)
        self.assertEqual(aws.create_analyzer(analyzerName=name, type="ACCOUNT_UNUSED_ACCESS", clientToken=token)["arn"], first["arn"])
        with self.assertRaises(aws.exceptions.ValidationException):
            aws.create_analyzer(analyzerName=name + "x", type="ACCOUNT_UNUSED_ACCESS", clientToken=token)
        with self.assertRaises(aws.exceptions.ConflictException):
            aws.create_analyzer(analyzerName=name, type="ACCOUNT_UNUSED_ACCESS")
        rule = {"analyzerName": name, "ruleName": "r", "filter": {"resource": {"exists": True}}, "clientToken": str(uuid.uuid4())}
        aws.create_archive_rule(**rule)
        aws.create_archive_rule(**rule)
        end = str(uuid.uuid4())
        aws.delete_analyzer(analyzerName=name, clientToken=end)
        aws.delete_analyzer(analyzerName=name, clientToken=end)

    def test_a_token_is_of_its_query_and_cannot_be_made(self):
        name, arn = self.make()
        self.server.wait_for_findings(self.aws, arn)
        aws = self.aws
        token = aws.list_findings_v2(analyzerArn=arn, maxResults=5)["nextToken"]
        self.assertEqual(len(aws.list_findings_v2(analyzerArn=arn, maxResults=3, nextToken=token)["findings"]), 3)
        flipped = ("B" if token[0] == "A" else "A") + token[1:]
        for wrong in ("", "x", token[:-4], token + "AAAA", flipped, "A" * 3000):
            with self.assertRaises(aws.exceptions.ValidationException) as caught:
                aws.list_findings_v2(analyzerArn=arn, nextToken=wrong)
            self.assertEqual(caught.exception.response["fieldList"][0]["name"], "nextToken")
        for other in ({"filter": {"status": {"eq": ["ACTIVE"]}}}, {"sort": {"attributeName": "resource"}}):
            with self.assertRaises(aws.exceptions.ValidationException):
                aws.list_findings_v2(analyzerArn=arn, nextToken=token, **other)
        with self.assertRaises(aws.exceptions.ValidationException):
            aws.list_analyzers(nextToken=token)
        other = self.server.client("reader").list_findings_v2(analyzerArn=arn, maxResults=5, nextToken=token)
        self.assertEqual(len(other["findings"]), 5, "a key that sees the same may go on")
        aws.delete_analyzer(analyzerName=name)

    def test_the_policy_checks_pass_and_fail_with_reasons(self):
        aws = self.aws
        policy = lambda action, resource="*", **extra: json.dumps({"Version": "2012-10-17", "Statement": [
            {"Sid": "One", "Effect": "Allow", "Action": action, "Resource": resource, **extra}]})
        new = lambda a, b: aws.check_no_new_access(newPolicyDocument=a, existingPolicyDocument=b, policyType="IDENTITY_POLICY")
        self.assertEqual(new(policy("s3:GetObject"), policy("s3:*"))["result"], "PASS")
        answer = new(policy("s3:*"), policy("s3:GetObject"))
        self.assertEqual(answer["result"], "FAIL")
        self.assertEqual((answer["reasons"][0]["statementId"], answer["reasons"][0]["statementIndex"]), ("One", 0))
        self.assertTrue(answer["reasons"][0]["description"])
        granted = lambda document, **access: aws.check_access_not_granted(policyDocument=document, access=[access], policyType="IDENTITY_POLICY")
        logs = policy("s3:*", "arn:aws:s3:::logs/*")
        self.assertEqual(granted(logs, actions=["s3:DeleteObject"], resources=["arn:aws:s3:::logs/a"])["result"], "FAIL")
        self.assertEqual(granted(logs, actions=["s3:DeleteObject"], resources=["arn:aws:s3:::other/a"])["result"], "PASS")
        self.assertEqual(granted(logs, actions=["iam:PassRole"])["result"], "PASS")
        public = lambda principal: aws.check_no_public_access(policyDocument=policy("s3:GetObject", "arn:aws:s3:::b/*", Principal=principal), resourceType="AWS::S3::Bucket")
        self.assertEqual(public("*")["result"], "FAIL")
        self.assertEqual(public({"AWS": "arn:aws:iam::111122223333:role/r"})["result"], "PASS")
        unsure = aws.check_no_public_access(policyDocument=policy("kinesis:*", Principal="*"), resourceType="AWS::Kinesis::Stream")
        self.assertEqual(unsure["result"], "FAIL")

    def test_a_policy_is_validated_with_places(self):
        text = '{\n  "Version": "2012-10-17",\n  "Statement": [{"Effect": "Allow",\n    "Action": ["s3:GetObjekt", "iam:PassRole"], "Resource": "*", "Ünknown": 1}]\n}'
        found = self.aws.validate_policy(policyDocument=text, policyType="IDENTITY_POLICY")["findings"]
        for finding in found:
            # Absolute, and a page that is there.
            self.assertTrue(finding["learnMoreLink"].startswith(f"{self.server.address}/docs/checks/"), finding)
            with urllib.request.urlopen(finding["learnMoreLink"], timeout=10) as page:
                self.assertEqual(page.status, 200)
        action = next(f for f in found if f["issueCode"] == "UNKNOWN_ACTION")
        self.assertEqual(action["findingType"], "ERROR")
        (location,) = action["locations"]
        self.assertEqual(location["path"], [{"value": "Statement"}, {"index": 0}, {"value": "Action"}, {"index": 0}])
        start, end = location["span"]["start"], location["span"]["end"]
        self.assertEqual(text[start["offset"]:end["offset"]], '"s3:GetObjekt"')
        self.assertEqual(text.splitlines()[start["line"] - 1][start["column"]:end["column"]], '"s3:GetObjekt"')
        self.assertIn("SECURITY_WARNING", {f["findingType"] for f in found})
        pages = self.aws.get_paginator("validate_policy").paginate(policyDocument=text, policyType="IDENTITY_POLICY", PaginationConfig={"PageSize": 1})
        self.assertEqual([f for page in pages for f in page["findings"]], found)
        self.assertEqual(self.aws.validate_policy(policyDocument="{", policyType="RESOURCE_POLICY")["findings"][0]["issueCode"], "SYNTAX_ERROR")

    def test_the_strict_validator_fails_what_is_unlike_the_model(self):
        shape = self.aws.meta.service_model.operation_model("GetFindingV2").output_shape
        good = {"analyzedAt": "2026-01-01T00:00:00Z", "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "id": "i",
                "resourceType": "AWS::IAM::Role", "resourceOwnerAccount": "1", "status": "ACTIVE", "findingDetails": []}
        strict.check(shape, good)
        for change in ({"unknown": 1}, {"id": 1}, {"id": None}, {"status": "GONE"}, {"analyzedAt": 1}, {"analyzedAt": "yesterday"},
                       {"findingDetails": [{}]}, {"findingDetails": [{"unusedIamRoleDetails": {}, "unusedIamUserPasswordDetails": {}}]},
                       {"findingDetails": [{"unusedPermissionDetails": {}}]}, {"resourceType": "role"}):
            with self.assertRaises(strict.Unlike, msg=change):
                strict.check(shape, {**good, **change})
        with self.assertRaises(strict.Unlike):
            strict.check(shape, {key: value for key, value in good.items() if key != "id"})
        heard = []
        client = self.server.client()
        client.meta.events.register("before-parse.accessanalyzer", lambda response_dict, **_: heard.append(response_dict), unique_id="x")
        client.list_analyzers()
        self.assertEqual(len(heard), 1, "the validator hears every answer")


if __name__ == "__main__":
    demo()
    unittest.main()
