//! The provider's Rust client goes through the life of an analyzer, and every class of error arrives as its own exception.
//!
//! Needs ADDRESS, ACCESS_KEY, SECRET_KEY, REGION and the like in the environment; run by `scripts/test-clients`. It stands outside
//! the workspace and is a test as a whole: whatever is not as it should be ends it with a panic.

use std::collections::HashMap;
use std::env::var;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_accessanalyzer::config::retry::RetryConfig;
use aws_sdk_accessanalyzer::config::{Config, Region};
use aws_sdk_accessanalyzer::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_accessanalyzer::types::{
    Access, AccessCheckPolicyType, AccessCheckResourceType, AnalysisRule, AnalysisRuleCriteria, AnalyzerConfiguration,
    CheckAccessNotGrantedResult, CheckNoNewAccessResult, CheckNoPublicAccessResult, Criterion, FindingDetails, FindingStatus,
    FindingStatusUpdate, FindingType, FindingsStatistics, InlineArchiveRule, OrderBy, PolicyType, RecommendedStep, SortCriteria,
    Status, Type, UnusedAccessConfiguration, ValidationExceptionReason,
};
use aws_sdk_accessanalyzer::{Client, Error};

fn client(address: &str, id: &str, secret: &str) -> Client {
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new(var("REGION").unwrap()))
        .endpoint_url(address)
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn of(name: &str) -> Client {
    let get = |part: &str| var(format!("{name}{part}")).unwrap();
    match name {
        "" => client(&get("ADDRESS"), &get("ACCESS_KEY"), &get("SECRET_KEY")),
        name => client(&var(name).unwrap(), &get("_KEY"), &get("_SECRET")),
    }
}

fn criterion(eq: &[&str]) -> Criterion {
    eq.iter().fold(Criterion::builder(), |builder, value| builder.eq(*value)).build()
}

fn policy(action: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}]}}"#)
}

async fn life(aws: &Client) {
    let made = aws
        .create_analyzer()
        .analyzer_name("rust")
        .r#type(Type::OrganizationUnusedAccess)
        .tags("a b/ü", "1")
        .send()
        .await
        .unwrap();
    let arn = made.arn().unwrap();
    for _ in 0..300 {
        let analyzer = aws.get_analyzer().analyzer_name("rust").send().await.unwrap().analyzer.unwrap();
        if analyzer.last_resource_analyzed_at().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    aws.tag_resource().resource_arn(arn).tags("c", "d").send().await.unwrap();
    aws.untag_resource().resource_arn(arn).tag_keys("a b/ü").send().await.unwrap();
    let tags = aws.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(tags.tags().unwrap(), &HashMap::from([("c".to_owned(), "d".to_owned())]));
    for rule in ["one", "three", "two"] {
        let filter = criterion(&["AWS::IAM::User"]);
        aws.create_archive_rule().analyzer_name("rust").rule_name(rule).filter("resourceType", filter).send().await.unwrap();
    }
    let mut rules = aws.list_archive_rules().analyzer_name("rust").into_paginator().page_size(2).items().send();
    let mut names = Vec::new();
    while let Some(rule) = rules.next().await {
        names.push(rule.unwrap().rule_name);
    }
    assert_eq!(names, ["one", "three", "two"]);
    let users = Criterion::builder().contains(":user/").build();
    aws.update_archive_rule().analyzer_name("rust").rule_name("one").filter("resource", users.clone()).send().await.unwrap();
    let rule = aws.get_archive_rule().analyzer_name("rust").rule_name("one").send().await.unwrap().archive_rule.unwrap();
    assert_eq!(rule.filter()["resource"], users);
    aws.apply_archive_rule().analyzer_arn(arn).rule_name("one").send().await.unwrap();
    aws.delete_archive_rule().analyzer_name("rust").rule_name("one").send().await.unwrap();

    let mut pages = aws.list_findings_v2().analyzer_arn(arn).into_paginator().page_size(9).items().send();
    let mut findings = Vec::new();
    while let Some(finding) = pages.next().await {
        findings.push(finding.unwrap());
    }
    assert!(findings.len() > 20);
    for finding in &findings {
        assert_eq!(*finding.status() == FindingStatus::Archived, finding.resource().unwrap().contains(":user/"));
    }
    let mut filtered = aws
        .list_findings_v2()
        .analyzer_arn(arn)
        .filter("status", criterion(&["ACTIVE"]))
        .filter("findingType", criterion(&["UnusedPermission"]))
        .sort(SortCriteria::builder().attribute_name("resource").order_by(OrderBy::Desc).build())
        .into_paginator()
        .page_size(5)
        .items()
        .send();
    let mut resources = Vec::new();
    let mut id = String::new();
    while let Some(finding) = filtered.next().await {
        let finding = finding.unwrap();
        assert_eq!(finding.finding_type(), Some(&FindingType::UnusedPermission));
        resources.push(finding.resource.unwrap());
        id = finding.id;
    }
    assert!(resources.len() > 5 && resources.is_sorted_by(|a, b| a >= b));
    let whole = aws.get_finding_v2().analyzer_arn(arn).id(&id).send().await.unwrap();
    assert!(matches!(whole.finding_details().first(), Some(FindingDetails::UnusedPermissionDetails(d)) if !d.service_namespace().is_empty()));

    aws.generate_finding_recommendation().analyzer_arn(arn).id(&id).send().await.unwrap();
    let mut status = Status::InProgress;
    for _ in 0..200 {
        let answer = aws.get_finding_recommendation().analyzer_arn(arn).id(&id).send().await.unwrap();
        status = answer.status().clone();
        if status == Status::Succeeded {
            assert!(matches!(answer.recommended_steps(), [RecommendedStep::UnusedPermissionsRecommendedStep(_), ..]));
        }
        if status != Status::InProgress {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(matches!(status, Status::Succeeded | Status::Failed), "{status:?}");
    aws.update_findings().analyzer_arn(arn).status(FindingStatusUpdate::Archived).ids(&id).send().await.unwrap();
    assert_eq!(*aws.get_finding_v2().analyzer_arn(arn).id(&id).send().await.unwrap().status(), FindingStatus::Archived);
    let statistics = aws.get_findings_statistics().analyzer_arn(arn).send().await.unwrap();
    let active = i32::try_from(findings.iter().filter(|f| *f.status() == FindingStatus::Active).count()).unwrap();
    match statistics.findings_statistics() {
        [FindingsStatistics::UnusedAccessFindingsStatistics(own)] => assert_eq!(own.total_active_findings(), Some(active - 1)),
        other => panic!("{other:?}"),
    }

    let kind = AccessCheckPolicyType::IdentityPolicy;
    let (wide, narrow) = (policy("s3:*"), policy("s3:Get*"));
    let check = aws.check_no_new_access().policy_type(kind.clone());
    let answer = check.new_policy_document(&wide).existing_policy_document(&narrow).send().await.unwrap();
    assert_eq!(answer.result(), Some(&CheckNoNewAccessResult::Fail));
    assert_eq!(answer.reasons()[0].statement_index(), Some(0));
    let access = Access::builder().actions("iam:PassRole").build();
    let check = aws.check_access_not_granted().policy_type(kind).policy_document(&wide).access(access);
    assert_eq!(check.send().await.unwrap().result(), Some(&CheckAccessNotGrantedResult::Pass));
    let public = wide.replace("\"Action\"", "\"Principal\": \"*\", \"Action\"");
    let check = aws.check_no_public_access().policy_document(public).resource_type(AccessCheckResourceType::S3Bucket);
    assert_eq!(check.send().await.unwrap().result(), Some(&CheckNoPublicAccessResult::Fail));
    let check = aws.validate_policy().policy_document(policy("s3:GetObjekt")).policy_type(PolicyType::IdentityPolicy);
    let mut found = check.into_paginator().page_size(1).items().send();
    assert_eq!(found.next().await.unwrap().unwrap().issue_code(), "UNKNOWN_ACTION");

    let rule = AnalysisRule::builder().exclusions(AnalysisRuleCriteria::builder().account_ids("111122223333").build()).build();
    let configuration = UnusedAccessConfiguration::builder().analysis_rule(rule).build();
    let update = aws.update_analyzer().analyzer_name("rust").configuration(AnalyzerConfiguration::UnusedAccess(configuration.clone()));
    let updated = update.send().await.unwrap().configuration.unwrap();
    assert_eq!(updated.as_unused_access().unwrap().analysis_rule(), configuration.analysis_rule());
    let mut analyzers = aws.list_analyzers().into_paginator().page_size(1).items().send();
    let mut there = false;
    while let Some(analyzer) = analyzers.next().await {
        there |= analyzer.unwrap().arn() == arn;
    }
    assert!(there);
    aws.delete_analyzer().analyzer_name("rust").send().await.unwrap();
    let gone = aws.get_analyzer().analyzer_name("rust").send().await;
    assert!(matches!(gone.map_err(Error::from), Err(Error::ResourceNotFoundException(_))));
}

/// That a result is this variant of the client's own error.
macro_rules! assert_error {
    ($call:expr, $variant:ident) => {
        match $call.send().await.map_err(Error::from) {
            Err(Error::$variant(_)) => {}
            other => panic!("{} is {other:?}", stringify!($variant)),
        }
    };
}

async fn errors(aws: &Client) {
    let rules = (0..100).map(|n| {
        let rule = InlineArchiveRule::builder().rule_name(format!("r{n}")).filter("resource", criterion(&["x"]));
        rule.build().unwrap()
    });
    let create = || aws.create_analyzer().analyzer_name("rusterrors").r#type(Type::AccountUnusedAccess);
    create().set_archive_rules(Some(rules.collect())).send().await.unwrap();
    assert_error!(create(), ConflictException);
    let exists = Criterion::builder().exists(true).build();
    let more = aws.create_archive_rule().analyzer_name("rusterrors").rule_name("more").filter("resource", exists);
    assert_error!(more, ServiceQuotaExceededException);
    match aws.create_analyzer().analyzer_name("1").r#type(Type::AccountUnusedAccess).send().await.map_err(Error::from) {
        Err(Error::ValidationException(error)) => {
            assert_eq!(*error.reason(), ValidationExceptionReason::FieldValidationFailed);
            assert_eq!(error.field_list()[0].name(), "analyzerName");
        }
        other => panic!("{other:?}"),
    }
    match aws.create_analyzer().analyzer_name("x").r#type(Type::Account).send().await.map_err(Error::from) {
        Err(Error::ValidationException(error)) => assert_eq!(*error.reason(), ValidationExceptionReason::NotSupported),
        other => panic!("{other:?}"),
    }
    let check = |text: String| {
        let check = aws.check_no_new_access().policy_type(AccessCheckPolicyType::IdentityPolicy);
        check.new_policy_document(text).existing_policy_document(policy("s3:*"))
    };
    assert_error!(check("{".to_owned()), InvalidParameterException);
    assert_error!(check(" ".repeat(300 << 10)), UnprocessableEntityException);
    assert_error!(aws.list_findings_v2().analyzer_arn("arn:aws:access-analyzer:x:1:analyzer/nobody"), ResourceNotFoundException);
    assert_error!(of("READER").delete_analyzer().analyzer_name("rusterrors"), AccessDeniedException);
    aws.delete_analyzer().analyzer_name("rusterrors").send().await.unwrap();

    let refused = |error: Option<&str>, expected: &str| assert_eq!(error, Some(expected));
    let address = var("ADDRESS").unwrap();
    let wrong = client(&address, &var("ACCESS_KEY").unwrap(), "wrong").list_analyzers().send().await;
    refused(wrong.as_ref().map_err(SdkError::code).unwrap_err(), "InvalidSignatureException");
    let nobody = client(&address, "LWAKNOBODY0000000000", "wrong").list_analyzers().send().await;
    refused(nobody.as_ref().map_err(SdkError::code).unwrap_err(), "UnrecognizedClientException");

    let throttled = of("THROTTLED");
    let mut seen = false;
    for _ in 0..40 {
        seen |= matches!(throttled.list_analyzers().send().await.map_err(Error::from), Err(Error::ThrottlingException(_)));
    }
    assert!(seen, "nothing was throttled");
    assert_error!(of("BROKEN").list_archive_rules().analyzer_name("broken"), InternalServerException);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let aws = of("");
    life(&aws).await;
    errors(&aws).await;
    println!("the Rust client: life and errors as they should be");
}
