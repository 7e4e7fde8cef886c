// The provider's JavaScript client goes through the life of an analyzer, and every class of error arrives as its own exception.
// Needs ADDRESS, ACCESS_KEY, SECRET_KEY, REGION in the environment; run by scripts/test-clients.
import assert from "node:assert/strict";
import test from "node:test";
import * as sdk from "@aws-sdk/client-accessanalyzer";

const { ADDRESS, ACCESS_KEY, SECRET_KEY, READER_KEY, READER_SECRET, REGION } = process.env;
const client = (accessKeyId, secretAccessKey) =>
  new sdk.AccessAnalyzerClient({ endpoint: ADDRESS, region: REGION, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
const aws = client(ACCESS_KEY, SECRET_KEY);
const ask = (name, input = {}) => aws.send(new sdk[name + "Command"](input));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const all = async (paginate, key, input, pageSize = 9) => {
  const out = [];
  for await (const page of paginate({ client: aws, pageSize }, input)) out.push(...page[key]);
  return out;
};

test("an analyzer goes from its making to its end", async () => {
  const analyzerName = "javascript";
  const { arn } = await ask("CreateAnalyzer", { analyzerName, type: "ORGANIZATION_UNUSED_ACCESS", tags: { "a b/ü": "1" } });
  let analyzer;
  for (let n = 0; n < 300 && !analyzer?.lastResourceAnalyzedAt; n += 1) {
    ({ analyzer } = await ask("GetAnalyzer", { analyzerName }));
    await sleep(100);
  }
  assert.ok(analyzer.createdAt instanceof Date);
  assert.equal(analyzer.configuration.unusedAccess.unusedAccessAge, 90);
  await ask("TagResource", { resourceArn: arn, tags: { c: "d" } });
  await ask("UntagResource", { resourceArn: arn, tagKeys: ["a b/ü"] });
  assert.deepEqual((await ask("ListTagsForResource", { resourceArn: arn })).tags, { c: "d" });
  for (const ruleName of ["one", "two", "three"])
    await ask("CreateArchiveRule", { analyzerName, ruleName, filter: { resourceType: { eq: ["AWS::IAM::User"] } } });
  assert.deepEqual((await all(sdk.paginateListArchiveRules, "archiveRules", { analyzerName }, 2)).map((r) => r.ruleName), ["one", "three", "two"]);
  await ask("UpdateArchiveRule", { analyzerName, ruleName: "one", filter: { resource: { contains: [":user/"] } } });
  assert.deepEqual((await ask("GetArchiveRule", { analyzerName, ruleName: "one" })).archiveRule.filter, { resource: { contains: [":user/"] } });
  await ask("ApplyArchiveRule", { analyzerArn: arn, ruleName: "one" });
  await ask("DeleteArchiveRule", { analyzerName, ruleName: "one" });
  const findings = await all(sdk.paginateListFindingsV2, "findings", { analyzerArn: arn });
  assert.ok(findings.length > 20);
  assert.equal(new Set(findings.map((f) => f.id)).size, findings.length);
  for (const finding of findings) assert.equal(finding.status === "ARCHIVED", finding.resourceType === "AWS::IAM::User");
  const filtered = await all(sdk.paginateListFindingsV2, "findings", {
    analyzerArn: arn, filter: { status: { eq: ["ACTIVE"] }, findingType: { neq: ["UnusedIAMRole"] } }, sort: { attributeName: "resource", orderBy: "DESC" },
  });
  const wanted = findings.filter((f) => f.status === "ACTIVE" && f.findingType !== "UnusedIAMRole").map((f) => f.resource).sort().reverse();
  assert.deepEqual(filtered.map((f) => f.resource), wanted);
  const { id } = filtered[0];
  const whole = await ask("GetFindingV2", { analyzerArn: arn, id });
  assert.ok(whole.findingDetails[0].unusedPermissionDetails.serviceNamespace);
  await ask("GenerateFindingRecommendation", { analyzerArn: arn, id });
  let answer;
  for (let n = 0; n < 200 && (!answer || answer.status === "IN_PROGRESS"); n += 1) {
    answer = await ask("GetFindingRecommendation", { analyzerArn: arn, id });
    await sleep(50);
  }
  assert.ok(["SUCCEEDED", "FAILED"].includes(answer.status));
  await ask("UpdateFindings", { analyzerArn: arn, status: "ARCHIVED", ids: [id] });
  assert.equal((await ask("GetFindingV2", { analyzerArn: arn, id })).status, "ARCHIVED");
  const { findingsStatistics } = await ask("GetFindingsStatistics", { analyzerArn: arn });
  assert.equal(findingsStatistics[0].unusedAccessFindingsStatistics.totalActiveFindings, findings.filter((f) => f.status === "ACTIVE").length - 1);
  const policy = (action) => JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: action, Resource: "*" }] });
  const policyType = "IDENTITY_POLICY";
  assert.equal((await ask("CheckNoNewAccess", { newPolicyDocument: policy("s3:*"), existingPolicyDocument: policy("s3:Get*"), policyType })).result, "FAIL");
  assert.equal((await ask("CheckAccessNotGranted", { policyDocument: policy("s3:*"), access: [{ actions: ["iam:PassRole"] }], policyType })).result, "PASS");
  assert.equal((await ask("CheckNoPublicAccess", { policyDocument: policy("s3:*"), resourceType: "AWS::S3::Bucket" })).result.length, 4);
  const valid = await all(sdk.paginateValidatePolicy, "findings", { policyDocument: policy("s3:GetObjekt"), policyType }, 1);
  assert.equal(valid[0].issueCode, "UNKNOWN_ACTION");
  await ask("UpdateAnalyzer", { analyzerName, configuration: { unusedAccess: { analysisRule: { exclusions: [{ accountIds: ["111122223333"] }] } } } });
  assert.ok((await all(sdk.paginateListAnalyzers, "analyzers", {}, 1)).some((a) => a.arn === arn));
  await ask("DeleteAnalyzer", { analyzerName });
  await assert.rejects(ask("GetAnalyzer", { analyzerName }), sdk.ResourceNotFoundException);
});

test("every class of error arrives as its own exception", async () => {
  const analyzerName = "jserrors";
  await ask("CreateAnalyzer", { analyzerName, type: "ACCOUNT_UNUSED_ACCESS", archiveRules: Array.from({ length: 100 }, (_, n) => ({ ruleName: `r${n}`, filter: { resource: { eq: ["x"] } } })) });
  await assert.rejects(ask("CreateAnalyzer", { analyzerName, type: "ACCOUNT_UNUSED_ACCESS" }), sdk.ConflictException);
  await assert.rejects(ask("CreateArchiveRule", { analyzerName, ruleName: "more", filter: { resource: { exists: true } } }), sdk.ServiceQuotaExceededException);
  await assert.rejects(ask("CreateAnalyzer", { analyzerName: "1", type: "ACCOUNT_UNUSED_ACCESS" }), (error) => {
    assert.ok(error instanceof sdk.ValidationException);
    assert.deepEqual([error.reason, error.fieldList[0].name, error.$metadata.httpStatusCode], ["fieldValidationFailed", "analyzerName", 400]);
    assert.ok(error.$metadata.requestId);
    return true;
  });
  await assert.rejects(ask("CreateAnalyzer", { analyzerName: "x", type: "ACCOUNT" }), { name: "ValidationException", reason: "notSupported" });
  const existingPolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const check = (newPolicyDocument) => ask("CheckNoNewAccess", { newPolicyDocument, existingPolicyDocument, policyType: "IDENTITY_POLICY" });
  await assert.rejects(check("{"), sdk.InvalidParameterException);
  await assert.rejects(check(" ".repeat(300 << 10)), sdk.UnprocessableEntityException);
  await assert.rejects(client(READER_KEY, READER_SECRET).send(new sdk.DeleteAnalyzerCommand({ analyzerName })), sdk.AccessDeniedException);
  await assert.rejects(client(ACCESS_KEY, "wrong").send(new sdk.ListAnalyzersCommand({})), { name: "InvalidSignatureException" });
  await assert.rejects(client("LWAKNOBODY0000000000", "wrong").send(new sdk.ListAnalyzersCommand({})), { name: "UnrecognizedClientException" });
  await assert.rejects(ask("ListFindingsV2", { analyzerArn: "arn:aws:access-analyzer:x:1:analyzer/nobody" }), sdk.ResourceNotFoundException);
  await ask("DeleteAnalyzer", { analyzerName });
});

test("what only happens to other servers arrives as its own exception too", async () => {
  const { THROTTLED, THROTTLED_KEY, THROTTLED_SECRET, BROKEN, BROKEN_KEY, BROKEN_SECRET } = process.env;
  const other = (endpoint, accessKeyId, secretAccessKey) =>
    new sdk.AccessAnalyzerClient({ endpoint, region: REGION, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
  const busy = other(THROTTLED, THROTTLED_KEY, THROTTLED_SECRET);
  const answers = await Promise.allSettled(Array.from({ length: 12 }, () => busy.send(new sdk.ListAnalyzersCommand({}))));
  assert.ok(answers.some((a) => a.reason instanceof sdk.ThrottlingException));
  const broken = other(BROKEN, BROKEN_KEY, BROKEN_SECRET);
  await assert.rejects(broken.send(new sdk.ListArchiveRulesCommand({ analyzerName: "broken" })), sdk.InternalServerException);
});
