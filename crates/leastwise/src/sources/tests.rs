//! Every wrapper that is read: which policies come out, of what kind, and where they stand.

use super::*;
use leastwise_policy::Policy;

/// The way, the kind, and the resource's type of every policy; each has to be a policy.
fn ways(text: &str) -> Vec<(String, Option<PolicyType>, Option<&'static str>)> {
    let found = find(text).unwrap();
    for source in &found.sources {
        Policy::parse(&source.document).unwrap_or_else(|e| panic!("{}: {e}\n{}", source.path, source.document));
    }
    found.sources.iter().map(|source| (source.path.to_string(), source.attached, source.resource_type)).collect()
}

const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;

fn quoted() -> String {
    json::quote(POLICY)
}

fn encoded() -> String {
    POLICY.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[test]
fn answers_of_the_command_line_are_unwrapped() {
    for (text, expected) in [
        (POLICY.to_owned(), vec![""]),
        (quoted(), vec![""]),
        (encoded(), vec![""]),
        (format!(r#"{{"PolicyVersion": {{"Document": {POLICY}, "VersionId": "v1"}}}}"#), vec!["PolicyVersion.Document"]),
        (format!(r#"{{"PolicyVersion": {{"Document": "{}"}}}}"#, encoded()), vec!["PolicyVersion.Document"]),
        (format!(r#"{{"RoleName": "r", "PolicyName": "p", "PolicyDocument": {POLICY}}}"#), vec!["PolicyDocument"]),
        (format!(r#"{{"Policy": {}}}"#, quoted()), vec!["Policy"]),
        (format!(r#"{{"Attributes": {{"Policy": {}}}}}"#, quoted()), vec!["Attributes.Policy"]),
        (
            format!(r#"{{"Policy": {{"PolicySummary": {{"Type": "SERVICE_CONTROL_POLICY"}}, "Content": {}}}}}"#, quoted()),
            vec!["Policy.Content"],
        ),
        (format!(r#"{{"Role": {{"AssumeRolePolicyDocument": {POLICY}}}}}"#), vec!["Role.AssumeRolePolicyDocument"]),
        (
            format!(
                r#"{{"RoleDetailList": [{{"AssumeRolePolicyDocument": "{0}", "RolePolicyList": [{{"PolicyName": "p", "PolicyDocument": "{0}"}}]}}],
                    "Policies": [{{"PolicyVersionList": [{{"Document": "{0}"}}]}}]}}"#,
                encoded()
            ),
            vec![
                "RoleDetailList[0].AssumeRolePolicyDocument",
                "RoleDetailList[0].RolePolicyList[0].PolicyDocument",
                "Policies[0].PolicyVersionList[0].Document",
            ],
        ),
    ] {
        let found: Vec<String> = ways(&text).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(found, expected, "{text}");
    }
    let organization =
        format!(r#"{{"Policy": {{"PolicySummary": {{"Type": "RESOURCE_CONTROL_POLICY"}}, "Content": {}}}}}"#, quoted());
    assert_eq!(ways(&organization)[0].1, Some(PolicyType::ResourceControl));
}

#[test]
fn templates_give_their_policies_with_kind_and_resource() {
    let text = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  B:\n    Type: AWS::S3::Bucket\n  P:\n    Type: AWS::S3::BucketPolicy\n    Properties:\n      Bucket: !Ref B\n      PolicyDocument:\n        Version: 2012-10-17\n        Statement:\n          - Effect: Allow\n            Principal: '*'\n            Action: s3:GetObject\n            Resource: !Sub '${B.Arn}/*'\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Statement:\n          Effect: Allow\n          Principal: {Service: lambda.amazonaws.com}\n          Action: sts:AssumeRole\n      Policies:\n        - PolicyName: p\n          PolicyDocument:\n            Statement: [{Effect: Allow, Action: 'sqs:*', Resource: !ImportValue q}]\n  M:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument: !Ref Given\n";
    assert_eq!(
        ways(text),
        [
            ("Resources.P.Properties.PolicyDocument".to_owned(), Some(PolicyType::Resource), Some("AWS::S3::Bucket")),
            (
                "Resources.R.Properties.AssumeRolePolicyDocument".to_owned(),
                Some(PolicyType::Resource),
                Some("AWS::IAM::AssumeRolePolicyDocument")
            ),
            ("Resources.R.Properties.Policies[0].PolicyDocument".to_owned(), Some(PolicyType::Identity), None),
        ]
    );
    let found = find(text).unwrap();
    assert!(found.sources[0].document.contains("arn:aws:s3:::b/*") && found.sources[0].open.is_empty());
    assert_eq!(found.sources[2].open, ["!ImportValue q"]);
    assert_eq!(found.skipped.len(), 1);
    let at = found.sources[0].document.find("\"s3:GetObject\"").unwrap();
    assert!(text[found.sources[0].places.at(at)..].starts_with("s3:GetObject"));
}

#[test]
fn a_sam_function_gives_the_statements_of_its_policies() {
    let text = "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Policies:\n        - AmazonS3ReadOnlyAccess\n        - Statement:\n            - Effect: Allow\n              Action: s3:*\n              Resource: '*'\n";
    assert_eq!(ways(text), [("Resources.F.Properties.Policies[1]".to_owned(), Some(PolicyType::Identity), None)]);
}

#[test]
fn a_policy_template_of_sam_is_named_and_not_passed_over() {
    let text = "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Policies:\n        - S3ReadPolicy:\n            BucketName: b\n        - Statement:\n            - Effect: Allow\n              Action: s3:*\n              Resource: '*'\n";
    let found = find(text).unwrap();
    assert_eq!(found.sources.len(), 1);
    let [skipped] = &found.skipped[..] else { panic!("{:?}", found.skipped) };
    assert_eq!(skipped.path.to_string(), "Resources.F.Properties.Policies[0]");
    assert!(skipped.why.contains("`S3ReadPolicy`"), "{}", skipped.why);
}

#[test]
fn a_plan_gives_the_policies_that_it_comes_to_and_names_those_that_are_not_known_yet() {
    let plan = format!(
        r#"{{"format_version": "1.2", "planned_values": {{"root_module": {{"resources": [
            {{"address": "aws_iam_policy.p", "type": "aws_iam_policy", "values": {{"policy": {0}}}}},
            {{"address": "aws_s3_bucket_policy.b", "type": "aws_s3_bucket_policy", "values": {{"bucket": "b"}}}},
            {{"address": "aws_iam_role.r", "type": "aws_iam_role", "values": {{"assume_role_policy": {0}}}}}]}}}},
            "resource_changes": [{{"address": "aws_s3_bucket_policy.b", "change": {{"after": {{}}, "after_unknown": {{"policy": true}}}}}},
            {{"address": "aws_iam_policy.p", "change": {{"after": {{"policy": {0}}}, "after_unknown": {{}}}}}}]}}"#,
        quoted()
    );
    let found: Vec<(String, Option<PolicyType>)> = ways(&plan).into_iter().map(|(path, kind, _)| (path, kind)).collect();
    assert_eq!(
        found,
        [
            ("planned_values.root_module.resources.aws_iam_policy.p.values.policy".to_owned(), Some(PolicyType::Identity)),
            (
                "planned_values.root_module.resources.aws_iam_role.r.values.assume_role_policy".to_owned(),
                Some(PolicyType::Resource)
            ),
        ]
    );
    let skipped = find(&plan).unwrap().skipped;
    assert_eq!(skipped[0].path.to_string(), "aws_s3_bucket_policy.b.policy");
}

#[test]
fn what_holds_no_policy_is_left_to_the_reader_of_policies_or_named() {
    assert_eq!(ways_of_broken("{\"a\": 1}"), 1);
    assert_eq!(ways_of_broken("{"), 1);
    assert!(find("a: 1\n").unwrap_err().message.contains("no policy is found"));
    assert!(find("resource \"aws_iam_policy\" \"p\" {\n}\n").unwrap_err().help.contains("terraform show -json"));
    assert!(find("\thello: [").is_err());
}

fn ways_of_broken(text: &str) -> usize {
    let found = find(text).unwrap();
    assert_eq!(found.sources[0].document, text);
    found.sources.len()
}
