"""The AWS command line goes through the life of an analyzer."""

import json
import os
import subprocess
import sys
import time
import unittest

from server import REGION, Server


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def aws(self, *arguments, fails=None):
        id, secret = self.server.keys["admin"]
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": REGION, "AWS_MAX_ATTEMPTS": "1",
                       "AWS_PAGER": "", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        command = [os.path.join(os.path.dirname(sys.executable), "aws"), "accessanalyzer", *arguments, "--endpoint-url", self.server.address, "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        if fails:
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(fails, done.stderr)
            return None
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def test_an_analyzer_goes_from_its_making_to_its_end(self):
        arn = self.aws("create-analyzer", "--analyzer-name", "cli", "--type", "ORGANIZATION_UNUSED_ACCESS", "--tags", "team=x",
                       "--configuration", '{"unusedAccess": {"unusedAccessAge": 90}}')["arn"]
        for _ in range(100):
            found = self.aws("get-analyzer", "--analyzer-name", "cli")["analyzer"]
            if "lastResourceAnalyzedAt" in found:
                break
            time.sleep(0.3)
        self.aws("tag-resource", "--resource-arn", arn, "--tags", "a=b")
        self.assertEqual(self.aws("list-tags-for-resource", "--resource-arn", arn)["tags"], {"team": "x", "a": "b"})
        self.aws("create-archive-rule", "--analyzer-name", "cli", "--rule-name", "users", "--filter", '{"resourceType": {"eq": ["AWS::IAM::User"]}}')
        self.aws("apply-archive-rule", "--analyzer-arn", arn, "--rule-name", "users")
        self.assertEqual(len(self.aws("list-archive-rules", "--analyzer-name", "cli")["archiveRules"]), 1)
        everything = self.aws("list-findings-v2", "--analyzer-arn", arn, "--page-size", "7")["findings"]
        archived = self.aws("list-findings-v2", "--analyzer-arn", arn, "--filter", '{"status": {"eq": ["ARCHIVED"]}}')["findings"]
        self.assertEqual({f["resourceType"] for f in archived}, {"AWS::IAM::User"})
        self.assertEqual(len(archived), sum(f["status"] == "ARCHIVED" for f in everything))
        first = self.aws("list-findings-v2", "--analyzer-arn", arn, "--max-items", "5")
        self.assertEqual((len(first["findings"]), "NextToken" in first), (5, True))
        unused = next(f for f in everything if f["findingType"] == "UnusedPermission")
        self.assertTrue(self.aws("get-finding-v2", "--analyzer-arn", arn, "--id", unused["id"])["findingDetails"])
        self.aws("update-findings", "--analyzer-arn", arn, "--ids", unused["id"], "--status", "ARCHIVED")
        self.aws("generate-finding-recommendation", "--analyzer-arn", arn, "--id", unused["id"])
        for _ in range(50):
            answer = self.aws("get-finding-recommendation", "--analyzer-arn", arn, "--id", unused["id"])
            if answer["status"] != "IN_PROGRESS":
                break
            time.sleep(0.3)
        self.assertIn(answer["status"], ("SUCCEEDED", "FAILED"))
        self.assertTrue(self.aws("get-findings-statistics", "--analyzer-arn", arn)["findingsStatistics"])
        policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
        checked = self.aws("check-access-not-granted", "--policy-document", policy, "--access", "actions=s3:GetObject", "--policy-type", "IDENTITY_POLICY")
        self.assertEqual(checked["result"], "FAIL")
        self.aws("validate-policy", "--policy-document", policy, "--policy-type", "IDENTITY_POLICY")
        self.aws("update-analyzer", "--analyzer-name", "cli", "--configuration", '{"unusedAccess": {"analysisRule": {"exclusions": [{"accountIds": ["111122223333"]}]}}}')
        self.aws("delete-archive-rule", "--analyzer-name", "cli", "--rule-name", "users")
        self.aws("untag-resource", "--resource-arn", arn, "--tag-keys", "a")
        self.aws("delete-analyzer", "--analyzer-name", "cli")
        self.aws("get-analyzer", "--analyzer-name", "cli", fails="ResourceNotFoundException")
        self.aws("create-analyzer", "--analyzer-name", "x", "--type", "ACCOUNT", fails="ValidationException")


if __name__ == "__main__":
    unittest.main()
