//! AWS's global condition keys and those that services put into other services' requests, with their types.
//!
//! As of 2026-11: IAM User Guide, "AWS global condition context keys", where each key's data type is stated; compared with
//! PyPI `parliament` 1.6.4, whose types for 37 of them are the same but for the lists, which it does not tell apart. The
//! catalogue's sources have only three of them, so that this list is kept by hand. Which keys a request holds is not said here. Types are written as the catalogue writes them.

/// Key and type; what follows `${` in a key stands for any text. Sorted as the guide groups them.
const KEYS: [(&str, &str); 64] = [
    // of the principal
    ("aws:PrincipalArn", "ARN"),
    ("aws:PrincipalAccount", "String"),
    ("aws:PrincipalOrgPaths", "ArrayOfString"),
    ("aws:PrincipalOrgID", "String"),
    ("aws:PrincipalTag/${TagKey}", "String"),
    ("aws:PrincipalIsAWSService", "Bool"),
    ("aws:PrincipalServiceName", "String"),
    ("aws:PrincipalServiceNamesList", "ArrayOfString"),
    ("aws:PrincipalType", "String"),
    ("aws:userid", "String"),
    ("aws:username", "String"),
    // of the role's session
    ("aws:AssumedRoot", "Bool"),
    ("aws:FederatedProvider", "String"),
    ("aws:TokenIssueTime", "Date"),
    ("aws:MultiFactorAuthAge", "Numeric"),
    ("aws:MultiFactorAuthPresent", "Bool"),
    ("aws:ChatbotSourceArn", "ARN"),
    ("aws:Ec2InstanceSourceVpc", "String"),
    ("aws:Ec2InstanceSourcePrivateIPv4", "IPAddress"),
    ("aws:SourceIdentity", "String"),
    ("aws:SignInSessionArn", "ARN"),
    ("ec2:RoleDelivery", "Numeric"),
    ("ec2:SourceInstanceArn", "ARN"),
    ("ec2:SourceInstanceARN", "ARN"),
    ("glue:RoleAssumedBy", "String"),
    ("glue:CredentialIssuingService", "String"),
    ("codebuild:BuildArn", "ARN"),
    ("codebuild:ProjectArn", "ARN"),
    ("lambda:SourceFunctionArn", "ARN"),
    ("ssm:SourceInstanceArn", "ARN"),
    ("identitystore:UserId", "String"),
    // of the network
    ("aws:SourceIp", "IPAddress"),
    ("aws:SourceVpc", "String"),
    ("aws:SourceVpcArn", "ARN"),
    ("aws:SourceVpce", "String"),
    ("aws:VpceAccount", "String"),
    ("aws:VpceOrgID", "String"),
    ("aws:VpceOrgPaths", "ArrayOfString"),
    ("aws:VpcSourceIp", "IPAddress"),
    // of the resource
    ("aws:ResourceAccount", "String"),
    ("aws:ResourceOrgID", "String"),
    ("aws:ResourceOrgPaths", "ArrayOfString"),
    ("aws:ResourceTag/${TagKey}", "String"),
    // of the request
    ("aws:CalledVia", "ArrayOfString"),
    ("aws:CalledViaFirst", "String"),
    ("aws:CalledViaLast", "String"),
    ("aws:CalledViaAWSMCP", "String"),
    ("aws:IsMcpServiceAction", "Bool"),
    ("aws:ViaAWSMCPService", "Bool"),
    ("aws:ViaAWSService", "Bool"),
    ("aws:CurrentTime", "Date"),
    ("aws:EpochTime", "Date"),
    ("aws:referer", "String"),
    ("aws:RequestedRegion", "String"),
    ("aws:RequestTag/${TagKey}", "String"),
    ("aws:TagKeys", "ArrayOfString"),
    ("aws:SecureTransport", "Bool"),
    ("aws:SourceAccount", "String"),
    ("aws:SourceArn", "ARN"),
    ("aws:SourceOrgID", "String"),
    ("aws:SourceOrgPaths", "ArrayOfString"),
    ("aws:UserAgent", "String"),
    ("aws:MultiFactorAuthType", "String"),
    // in the policy that Amazon SNS gives each new topic (SNS developer guide, "aws:SourceAccount versus aws:SourceOwner")
    ("aws:SourceOwner", "String"),
];

/// The type of a global key, ignoring ASCII case; `ArrayOf…` when a request may have several values of it.
///
/// ```
/// use leastwise_policy::global_keys::value_type;
/// assert_eq!(value_type("aws:requesttag/team"), Some("String"));
/// assert_eq!(value_type("aws:TagKeys"), Some("ArrayOfString"));
/// assert_eq!(value_type("s3:prefix"), None);
/// ```
#[must_use]
pub fn value_type(key: &str) -> Option<&'static str> {
    KEYS.iter().find(|(own, _)| names(own, key)).map(|(_, kind)| *kind)
}

/// The keys that begin with `aws:`, without their variable parts.
pub fn plain() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(key, _)| key.split_once("${").map_or(*key, |(before, _)| before))
}

/// Whether the catalogue's or the table's `template` names `key`: the same but for case, where `${…}` and `<…>` are any text.
#[must_use]
pub fn names(template: &str, key: &str) -> bool {
    let Some(open) = template.find("${").or_else(|| template.find('<')) else { return template.eq_ignore_ascii_case(key) };
    let close = template.rfind(['}', '>']).map_or(template.len(), |at| at + 1);
    let (front, back) = (template.get(..open).unwrap_or_default(), template.get(close..).unwrap_or_default());
    key.len() > front.len() + back.len()
        && key.get(..front.len()).is_some_and(|own| own.eq_ignore_ascii_case(front))
        && key.get(key.len() - back.len()..).is_some_and(|own| own.eq_ignore_ascii_case(back))
}

/// Whether the template has a part that varies.
#[must_use]
pub fn varies(template: &str) -> bool {
    template.contains("${") || template.contains('<')
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_template_stands_for_any_text_in_its_place() {
        for (template, key, expected) in [
            ("aws:RequestTag/${TagKey}", "aws:requesttag/team", true),
            ("aws:RequestTag/${TagKey}", "aws:RequestTag/", false),
            ("aws:RequestTag/${TagKey}", "aws:RequestTag", false),
            ("kms:EncryptionContext:${Key}", "kms:EncryptionContext:a:b", true),
            ("aws:username", "aws:UserName", true),
            ("s3:ExistingObjectTag/<key>", "s3:existingobjecttag/team", true),
            ("x:${A}/y", "x:q/y", true),
            ("x:${A}/y", "x:q/z", false),
        ] {
            assert_eq!(names(template, key), expected, "{template} {key}");
        }
        assert_eq!(value_type("AWS:sourceip"), Some("IPAddress"));
        assert_eq!(value_type("aws:SourceIpp"), None);
    }
}
