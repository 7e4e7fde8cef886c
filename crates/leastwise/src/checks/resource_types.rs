//! The resource types of the check for public access, and the one that was probably meant.
//!
//! The list is the service's own; types beside it are named with what to ask instead.

use leastwise_policy::nearest::nearest;
use leastwise_proof::inclusion::RESOURCE_TYPES;

/// The types, as CloudFormation names them (`AccessCheckResourceType` in the service's model).
#[must_use]
pub fn resource_types() -> &'static [&'static str] {
    &RESOURCE_TYPES
}

/// Types whose public access is not a matter of their policy alone, and what to do about them.
const ELSEWHERE: [(&str, &str); 8] = [
    ("AWS::S3::BucketPolicy", "write AWS::S3::Bucket, whose policy it is"),
    ("AWS::SQS::QueuePolicy", "write AWS::SQS::Queue, whose policy it is"),
    ("AWS::SNS::TopicPolicy", "write AWS::SNS::Topic, whose policy it is"),
    ("AWS::IAM::Role", "write AWS::IAM::AssumeRolePolicyDocument, the role's trust policy"),
    ("AWS::SecretsManager::ResourcePolicy", "write AWS::SecretsManager::Secret, whose policy it is"),
    ("AWS::Elasticsearch::Domain", "write AWS::OpenSearchService::Domain"),
    (
        "AWS::ECR::Repository",
        "no check knows it: a repository is private unless its policy says `*`; look at AWS::ECR::PublicRepository apart",
    ),
    ("AWS::RDS::DBSnapshot", "it has no policy: a snapshot is public when it is restored by `all`"),
];

/// The type of that name, exactly spelled.
///
/// # Errors
/// When there is none: what to do, with the type that was probably meant.
///
/// ```
/// use leastwise::checks::known_resource_type;
/// assert_eq!(known_resource_type("AWS::S3::Bucket"), Ok("AWS::S3::Bucket"));
/// assert_eq!(known_resource_type("aws::s3::bucket").unwrap_err(), "did you mean `AWS::S3::Bucket`?");
/// assert!(known_resource_type("AWS::S3::BucketPolicy").unwrap_err().contains("AWS::S3::Bucket"));
/// ```
pub fn known_resource_type(name: &str) -> Result<&'static str, String> {
    if let Some(own) = RESOURCE_TYPES.iter().find(|own| **own == name) {
        return Ok(own);
    }
    if let Some((_, help)) = ELSEWHERE.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
        return Err((*help).to_owned());
    }
    let bare = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = bare(name);
    let same = RESOURCE_TYPES.iter().find(|own| bare(own) == wanted || bare(own).strip_prefix("aws") == Some(&*wanted));
    // `s3-bucket`, `Bucket` or `topic` is a part of one.
    let part = || {
        let mut ends = RESOURCE_TYPES.iter().filter(|own| !wanted.is_empty() && bare(own).ends_with(&wanted));
        ends.next().filter(|_| ends.next().is_none())
    };
    match same.copied().or_else(|| nearest(name, RESOURCE_TYPES.into_iter())).or_else(|| part().copied()) {
        Some(near) => Err(format!("did you mean `{near}`?")),
        None => Err(format!("the types are {}", RESOURCE_TYPES.join(", "))),
    }
}
