//! A published account, brought into the forms that the provider prints, and its findings worked out by hand.
//!
//! The account is not part of the project: name the folder of shared data in `LEASTWISE_SHARED_DATA`. A small account of
//! our own in the same shape goes through the same steps in every run.

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

use std::path::Path;

use harness::{Folder, leastwise};
use serde_json::{Value, json};

const COLUMNS: [&str; 22] = [
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
];

/// Writes the joined account as details, a credential report, and reports of last access that were completed at `completed`.
fn forms(joined: &Value, completed: &str, folder: &Folder) -> String {
    let root = folder.path("exports");
    std::fs::create_dir_all(Path::new(&root).join("last-accessed")).unwrap();
    let write = |name: &str, text: String| std::fs::write(Path::new(&root).join(name), text).unwrap();
    let details = json!({
        "UserDetailList": joined["AccountUsers"], "GroupDetailList": joined["AccountGroups"],
        "RoleDetailList": joined["AccountRoles"], "Policies": joined["AccountPolicies"], "IsTruncated": false,
    });
    write("details.json", details.to_string());
    let row = |row: &Value| COLUMNS.map(|column| row[column].as_str().unwrap_or("N/A").to_owned()).join(",");
    let rows: Vec<String> = joined["CredentialReport"].as_array().unwrap().iter().map(row).collect();
    write("credentials.csv", format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n")));
    let principals = ["AccountUsers", "AccountRoles"].into_iter().flat_map(|kind| joined[kind].as_array().unwrap());
    for (nth, principal) in principals.enumerate() {
        let services: Vec<Value> = principal["LastAccessed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|service| {
                let (name, last) = (&service["ServiceNamespace"], service["LastAccessed"].as_str().unwrap().replace(' ', "T"));
                json!({"ServiceName": name, "ServiceNamespace": name, "LastAuthenticated": last, "TotalAuthenticatedEntities": 1})
            })
            .collect();
        let report = json!({"Arn": principal["Arn"], "Response": {
            "JobStatus": "COMPLETED", "JobType": "SERVICE_LEVEL", "JobCreationDate": completed, "JobCompletionDate": completed,
            "ServicesLastAccessed": services, "IsTruncated": false,
        }});
        write(&format!("last-accessed/{nth}.json"), report.to_string());
    }
    root
}

/// Findings as `type name: details`, where an unused service is told by its prefix, with `…` if some of its actions are
/// checked where no report looks (such as `elasticache:Connect`) and therefore stay.
fn found(root: &str, as_of: &str, days: &str) -> (Vec<String>, Value) {
    let ran = leastwise(&["analyze", root, "--as-of", as_of, "--tracking-period", days, "--format", "json"], "");
    assert!(ran.status <= 1, "{}", ran.err);
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let line = |finding: &Value| {
        let details = match finding["details"].as_array() {
            Some(services) => {
                let name = |service: &Value| {
                    let actions = if service["actions"].is_null() { "" } else { "…" };
                    format!("{}{actions}", service["serviceNamespace"].as_str().unwrap())
                };
                services.iter().map(name).collect::<Vec<_>>().join(" ")
            }
            None => finding["details"]["lastAccessed"].as_str().unwrap_or("never").chars().take(10).collect(),
        };
        let name = finding["resource"].as_str().unwrap().rsplit('/').next().unwrap().split('@').next().unwrap().to_owned();
        format!("{} {name}: {details}", finding["findingType"].as_str().unwrap())
    };
    (result["findings"].as_array().unwrap().iter().map(line).collect(), result["problems"].clone())
}

/// Every recommendation is applicable: what goes was never called in the records, of which there are none.
fn all_applicable(root: &str, as_of: &str) -> usize {
    let ran = leastwise(&["recommend", "--all", "--from", root, "--as-of", as_of, "--format", "json"], "");
    assert!(ran.status <= 1, "{}", ran.err);
    for line in ran.out.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert!(answer["alternatives"].as_array().unwrap().iter().all(|plan| plan["status"] == "applicable"), "{line}");
    }
    ran.out.lines().count()
}

/// The exports were made on 2020-03-21, the latest date in them. Worked out by hand from the dates, for 90 days (from
/// 2019-12-23) and for 30 (from 2020-02-21).
#[test]
fn the_findings_of_a_published_account_are_those_worked_out_by_hand() {
    let Some(shared) = std::env::var_os("LEASTWISE_SHARED_DATA") else {
        println!("skipped: LEASTWISE_SHARED_DATA does not name the folder of shared data");
        return;
    };
    let text = std::fs::read_to_string(Path::new(&shared).join("accounts/airiam/iam_data.json")).unwrap();
    let joined: Value = serde_json::from_str(&text).unwrap();
    let folder = Folder::new();
    let root = forms(&joined, "2020-03-21T09:00:00+00:00", &folder);
    let (findings, problems) = found(&root, "2020-03-21T10:00:00Z", "90");
    // Nine policies of the snapshot are attached to somebody whom it lacks; each is told, and nothing else.
    let told = problems.as_array().unwrap();
    assert!(told.iter().all(|problem| problem["message"].as_str().unwrap().contains("of which the exports show")), "{problems}");
    assert_eq!(told.len(), 9);
    // Every role was used in 2020, the newest is too young. Every key was used in 2020. Three passwords were last used in
    // 2019. Of each user the services whose last access lies before 2019-12-22; `test` used all of its in 2020.
    let gandalf = "apigateway application-autoscaling applicationinsights athena autoscaling cloudformation cloudfront cloudsearch \
                   cloudwatch config directconnect dynamodb ecr ecs elasticache… elasticbeanstalk elasticfilesystem… \
                   elasticloadbalancing es events firehose glacier glue guardduty health kafka kms lambda lightsail logs \
                   organizations rds redshift resource-groups route53 route53domains s3 sagemaker sns sqs tag";
    let shati = "acm apigateway application-autoscaling applicationinsights autoscaling cloudformation cloudfront cloudtrail \
                 cloudwatch codedeploy cognito-identity dynamodb ec2 ecs es events firehose health iam… kinesis kinesisanalytics \
                 kinesisvideo kms lambda logs mobiletargeting organizations resource-groups s3 servicediscovery sns sqs ssm \
                 states sts… tag";
    let expected = [
        "UnusedIAMUserPassword gandalf: 2019-08-15".to_owned(),
        format!("UnusedPermission gandalf: {gandalf}"),
        "UnusedIAMUserPassword hatulik: 2019-08-15".to_owned(),
        "UnusedPermission hatulik: es".to_owned(),
        "UnusedIAMUserPassword shati: 2019-09-25".to_owned(),
        format!("UnusedPermission shati: {shati}"),
        "UnusedPermission wifi: es kinesis ses".to_owned(),
    ];
    assert_eq!(findings, expected);
    assert!(all_applicable(&root, "2020-03-21T10:00:00Z") > 0);

    // The second role is named by its ARN, which the snapshot spells otherwise than its name.
    let (findings, _) = found(&root, "2020-03-21T10:00:00Z", "30");
    let roles: Vec<&String> = findings.iter().filter(|line| line.starts_with("UnusedIAMRole")).collect();
    assert_eq!(
        roles,
        ["UnusedIAMRole AmazonESCognitoAccessRole: 2020-01-05", "UnusedIAMRole app_users_authenticated: 2020-01-17"]
    );
    assert!(!findings.iter().any(|line| line.starts_with("UnusedIAMUserAccessKey")), "every key was used since 21 February");
}

/// An account of our own in the same shape: dates with a space, members left out, services only where they were used.
#[test]
fn a_joined_account_of_our_own_gives_the_findings_worked_out_by_hand() {
    let user = |name: &str, services: Value| {
        json!({"Path": "/", "UserName": name, "UserId": format!("AIDAEXAMPLE{name}"), "Arn": format!("arn:aws:iam::444455556666:user/{name}"),
               "CreateDate": "2024-02-01 08:00:00+00:00", "GroupList": ["staff"], "AttachedManagedPolicies": [],
               "LoginProfileExists": true, "Tags": [], "LastAccessed": services})
    };
    let role = |name: &str, last: &str, services: Value| {
        json!({"Path": "/", "RoleName": name, "RoleId": format!("AROAEXAMPLE{name}"), "Arn": format!("arn:aws:iam::444455556666:role/{name}"),
               "CreateDate": "2024-02-01 08:00:00+00:00", "Description": "", "InstanceProfileList": [], "Tags": [],
               "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
                   {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
               "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                   {"Effect": "Allow", "Action": ["sqs:*", "sns:Publish"], "Resource": "*"}]}}],
               "AttachedManagedPolicies": [], "RoleLastUsed": {"LastUsedDate": last, "Region": "eu-central-1"}, "LastAccessed": services})
    };
    let joined = json!({
        "AccountUsers": [
            user("ida", json!([{"ServiceNamespace": "s3", "LastAccessed": "2025-06-10 10:00:00+00:00"},
                               {"ServiceNamespace": "sqs", "LastAccessed": "2025-01-05 10:00:00+00:00"}])),
            user("joe", json!([{"ServiceNamespace": "s3", "LastAccessed": "2025-06-11 10:00:00+00:00"}])),
        ],
        "AccountGroups": [{"Path": "/", "GroupName": "staff", "GroupId": "AGPAEXAMPLE", "Arn": "arn:aws:iam::444455556666:group/staff",
            "CreateDate": "2024-01-01 08:00:00+00:00", "GroupPolicyList": [],
            "AttachedManagedPolicies": [{"PolicyName": "staff", "PolicyArn": "arn:aws:iam::444455556666:policy/staff"}]}],
        "AccountRoles": [
            role("worker", "2025-06-12 03:00:00+00:00", json!([{"ServiceNamespace": "sqs", "LastAccessed": "2025-06-12 03:00:00+00:00"},
                               {"ServiceNamespace": "sns", "LastAccessed": "2025-02-02 03:00:00+00:00"}])),
            role("past", "2025-02-20 03:00:00+00:00", json!([{"ServiceNamespace": "sqs", "LastAccessed": "2025-02-20 03:00:00+00:00"}])),
        ],
        "AccountPolicies": [{"PolicyName": "staff", "PolicyId": "ANPAEXAMPLE", "Arn": "arn:aws:iam::444455556666:policy/staff", "Path": "/",
            "DefaultVersionId": "v2", "AttachmentCount": 1, "PermissionsBoundaryUsageCount": 0, "IsAttachable": true,
            "CreateDate": "2024-01-01 08:00:00+00:00", "UpdateDate": "2024-05-01 08:00:00+00:00", "PolicyVersionList": [
                {"VersionId": "v2", "IsDefaultVersion": true, "CreateDate": "2024-05-01 08:00:00+00:00", "Document":
                    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*", "sqs:*"], "Resource": "*"}]}},
                {"VersionId": "v1", "IsDefaultVersion": false, "CreateDate": "2024-01-01 08:00:00+00:00", "Document":
                    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}]}],
        "CredentialReport": [
            {"user": "ida", "arn": "arn:aws:iam::444455556666:user/ida", "user_creation_time": "2024-02-01T08:00:00+00:00", "mfa_active": "true",
             "password_enabled": "true", "password_last_used": "2025-01-05T10:00:00+00:00", "password_last_changed": "2024-02-01T08:00:00+00:00",
             "access_key_1_active": "true", "access_key_1_last_rotated": "2024-02-01T08:00:00+00:00",
             "access_key_1_last_used_date": "2025-06-10T10:00:00+00:00", "access_key_2_active": "false", "cert_1_active": "false", "cert_2_active": "false"},
            {"user": "joe", "arn": "arn:aws:iam::444455556666:user/joe", "user_creation_time": "2024-02-01T08:00:00+00:00", "mfa_active": "false",
             "password_enabled": "true", "password_last_used": "2025-06-11T10:00:00+00:00", "password_last_changed": "2024-02-01T08:00:00+00:00",
             "access_key_1_active": "true", "access_key_1_last_rotated": "2024-02-01T08:00:00+00:00",
             "access_key_2_active": "false", "cert_1_active": "false", "cert_2_active": "false"},
        ],
    });
    let folder = Folder::new();
    let root = forms(&joined, "2025-06-12T09:00:00+00:00", &folder);
    let (findings, problems) = found(&root, "2025-06-12T12:00:00Z", "90");
    assert_eq!(problems, json!([]));
    // Since 14 March: `past` was not used; `worker` used SQS and not SNS; Ida used S3 by her key, neither SQS nor her
    // password; Joe used S3 and his password, his key never, and of SQS his report says nothing.
    let expected = [
        "UnusedIAMRole past: 2025-02-20",
        "UnusedPermission worker: sns",
        "UnusedIAMUserPassword ida: 2025-01-05",
        "UnusedPermission ida: sqs",
        "UnusedIAMUserAccessKey joe: never",
    ];
    assert_eq!(findings, expected);
    assert!(all_applicable(&root, "2025-06-12T12:00:00Z") >= 2);
}
