//! One small account, its findings worked out by hand.
//!
//! Period: 2026-08-03 to 2026-11-01. The role `reader` may read objects and everything of SQS; its report, made on the day of the
//! analysis, tracks `s3:GetObjectAcl`-like management actions only in part. The role `idle` was last used in May. The user `ann` has
//! one key that was used in October and one that was never used; her password was changed in October.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

mod harness;

use std::collections::BTreeSet;

use harness::{Folder, leastwise};
use serde_json::{Value, json};

const DETAILS: &str = r#"{"UserDetailList":[{"Path":"/","UserName":"ann","UserId":"AIDAEXAMPLE","Arn":"arn:aws:iam::111122223333:user/ann",
  "CreateDate":"2020-01-01T00:00:00+00:00","GroupList":["ops"],"AttachedManagedPolicies":[],"Tags":[]}],
 "GroupDetailList":[{"Path":"/","GroupName":"ops","GroupId":"AGPAEXAMPLE","Arn":"arn:aws:iam::111122223333:group/ops",
  "CreateDate":"2020-01-01T00:00:00+00:00","GroupPolicyList":[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17","Statement":
  {"Effect":"Allow","Action":"sns:CreateTopic","Resource":"*"}}}],"AttachedManagedPolicies":[]}],
 "RoleDetailList":[
  {"Path":"/team/","RoleName":"reader","RoleId":"AROAEXAMPLE1","Arn":"arn:aws:iam::111122223333:role/team/reader","CreateDate":"2021-01-01T00:00:00+00:00",
   "AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}},
   "RolePolicyList":[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow",
   "Action":["s3:CreateBucket","s3:DeleteBucket","s3:GetObject","iam:PassRole","sqs:*"],"Resource":"*"}}}],
   "AttachedManagedPolicies":[],"InstanceProfileList":[],"RoleLastUsed":{"LastUsedDate":"2026-10-20T00:00:00+00:00","Region":"eu-west-1"}},
  {"Path":"/","RoleName":"idle","RoleId":"AROAEXAMPLE2","Arn":"arn:aws:iam::111122223333:role/idle","CreateDate":"2021-01-01T00:00:00+00:00",
   "AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}},
   "RolePolicyList":[],"AttachedManagedPolicies":[],"InstanceProfileList":[],"RoleLastUsed":{"LastUsedDate":"2026-05-05T00:00:00+00:00","Region":"eu-west-1"}},
  {"Path":"/","RoleName":"new","RoleId":"AROAEXAMPLE3","Arn":"arn:aws:iam::111122223333:role/new","CreateDate":"2026-10-01T00:00:00+00:00",
   "AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}},
   "RolePolicyList":[],"AttachedManagedPolicies":[],"InstanceProfileList":[],"RoleLastUsed":{}}],
 "Policies":[],"IsTruncated":false}"#;

/// S3 was used on 20 October, by `CreateBucket`; `DeleteBucket` is tracked and was not; SQS was never used.
const REPORT: &str = r#"{"Arn":"arn:aws:iam::111122223333:role/team/reader","Response":{"JobStatus":"COMPLETED","JobType":"ACTION_LEVEL",
 "JobCompletionDate":"2026-11-01T05:00:00+00:00","IsTruncated":false,"ServicesLastAccessed":[
 {"ServiceName":"S3","ServiceNamespace":"s3","LastAuthenticated":"2026-10-20T00:00:00+00:00","TrackedActionsLastAccessed":[
  {"ActionName":"CreateBucket","LastAccessedTime":"2026-10-20T00:00:00+00:00"},{"ActionName":"DeleteBucket","LastAccessedTime":"2026-02-02T00:00:00+00:00"}]},
 {"ServiceName":"IAM","ServiceNamespace":"iam"},{"ServiceName":"SQS","ServiceNamespace":"sqs"}]}}"#;

const CREDENTIALS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated
<root_account>,arn:aws:iam::111122223333:root,2019-01-01T00:00:00+00:00,not_supported,no_information,not_supported,not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
ann,arn:aws:iam::111122223333:user/ann,2020-01-01T00:00:00+00:00,true,no_information,2026-10-05T00:00:00+00:00,N/A,true,true,2020-01-01T00:00:00+00:00,2026-10-30T00:00:00+00:00,eu-west-1,sns,true,2024-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,false,N/A
";

/// The types of findings in a result.
fn found_kinds(result: &str) -> BTreeSet<String> {
    let result: Value = serde_json::from_str(result).unwrap();
    let findings = result["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["findingType"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_findings_of_a_small_account_are_those_worked_out_by_hand() {
    let folder = Folder::new();
    let files =
        [folder.file("details.json", DETAILS), folder.file("report.json", REPORT), folder.file("credentials.csv", CREDENTIALS)];
    let ran = leastwise(&["analyze", &folder.path(""), "--as-of", "2026-11-01", "--format", "json"], "");
    assert_eq!(ran.status, 1, "{}{files:?}", ran.err);
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let found: Vec<Value> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| json!([finding["findingType"], finding["resource"], finding["details"]]))
        .collect();
    let expected = json!([
        ["UnusedIAMRole", "arn:aws:iam::111122223333:role/idle", {"lastAccessed": "2026-05-05T00:00:00Z"}],
        ["UnusedPermission", "arn:aws:iam::111122223333:role/team/reader", [
            // `GetObject` is not tracked here and `PassRole` is seen by nobody: both are kept. SQS is unused as a whole.
            {"serviceNamespace": "s3", "actions": [{"action": "DeleteBucket", "lastAccessed": "2026-02-02T00:00:00Z"}], "lastAccessed": "2026-10-20T00:00:00Z"},
            {"serviceNamespace": "sqs"},
        ]],
        // The first key was used and the password is young. Without a report or a log nothing of her group's is judged unused.
        ["UnusedIAMUserAccessKey", "arn:aws:iam::111122223333:user/ann", {"slot": 2}],
    ]);
    assert_eq!(Value::Array(found), expected);
    assert_eq!(result["problems"], json!([]));
    let total = &result["coverage"]["total"];
    assert_eq!((&total["used"], &total["unobservable"]), (&json!(1), &json!(3)));
    assert_eq!(result["window"]["seenUntil"], "2026-11-01T00:00:00Z");
    let stale = leastwise(&["analyze", &folder.path(""), "--as-of", "2026-11-03", "--format", "json"], "");
    let found = found_kinds(&stale.out);
    assert!(!found.contains("UnusedPermission"), "a report of two days before the end of the period says nothing: {found:?}");
}

#[test]
fn a_password_that_is_older_than_the_period_and_was_never_used_is_found() {
    let folder = Folder::new();
    folder.file("details.json", DETAILS);
    folder.file("credentials.csv", CREDENTIALS.replace("true,no_information,2026-10-05", "true,no_information,2026-01-05"));
    let ran = leastwise(&["analyze", &folder.path(""), "--as-of", "2026-11-01", "--format", "json"], "");
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let of_ann: Vec<&Value> =
        result["findings"].as_array().unwrap().iter().filter(|f| f["resource"].as_str().unwrap().ends_with("/ann")).collect();
    let kinds: Vec<&Value> = of_ann.iter().map(|f| &f["findingType"]).collect();
    assert!(kinds.contains(&&json!("UnusedIAMUserPassword")), "{kinds:?}");
    folder.file(
        "credentials.csv",
        CREDENTIALS.replace("true,no_information,2026-10-05", "true,2026-10-29T00:00:00+00:00,2026-01-05"),
    );
    let used = leastwise(&["analyze", &folder.path(""), "--as-of", "2026-11-01", "--format", "json"], "");
    assert!(!found_kinds(&used.out).contains("UnusedIAMUserPassword"), "{}", used.out);
}
