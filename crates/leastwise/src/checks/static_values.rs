//! Condition keys whose values are a few fixed words, with those words.
//!
//! As of 2026-11, by the guides of the services: "AWS global condition context keys" (`aws:PrincipalType`), Amazon S3 (`x-amz-acl`,
//! encryption, storage classes, ownership, signature versions), Amazon EC2 (instance metadata, tenancy), DynamoDB (`Select`), AWS KMS
//! (key usage, origin, grant constraints), Lambda (function URLs), Elastic Load Balancing (scheme). The catalog's sources list types
//! only. A word that is missing here would be a false alarm, so that keys whose words grow (instance types, engines) are left out.

use leastwise_policy::evaluate::Test;
use leastwise_policy::glob::{Case, matches};

const VALUES: [(&str, &[&str]); 18] = [
    ("aws:principaltype", &["Account", "User", "FederatedUser", "AssumedRole", "Anonymous", "AWSService"]),
    ("dynamodb:select", &["ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT"]),
    ("dynamodb:returnvalues", &["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"]),
    ("dynamodb:returnconsumedcapacity", &["TOTAL", "NONE", "INDEXES"]),
    ("ec2:metadatahttpendpoint", &["enabled", "disabled"]),
    ("ec2:metadatahttptokens", &["optional", "required"]),
    ("ec2:tenancy", &["default", "dedicated", "host"]),
    ("elasticloadbalancing:scheme", &["internal", "internet-facing"]),
    ("kms:grantconstrainttype", &["EncryptionContextEquals", "EncryptionContextSubset", "SourceArn"]),
    ("kms:keyusage", &["ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"]),
    ("kms:keyorigin", &["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]),
    ("lambda:functionurlauthtype", &["NONE", "AWS_IAM"]),
    ("s3:authtype", &["REST-HEADER", "REST-QUERY-STRING", "POST"]),
    ("s3:object-lock-legal-hold", &["ON", "OFF"]),
    ("s3:object-lock-mode", &["GOVERNANCE", "COMPLIANCE"]),
    ("s3:signatureversion", &["AWS", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"]),
    (
        "s3:x-amz-acl",
        &[
            "private",
            "public-read",
            "public-read-write",
            "aws-exec-read",
            "authenticated-read",
            "bucket-owner-read",
            "bucket-owner-full-control",
            "log-delivery-write",
        ],
    ),
    ("s3:x-amz-server-side-encryption", &["AES256", "aws:kms", "aws:kms:dsse", "aws:fsx", "aws:backup"]),
];

/// The words of the key, given in lower case, when it has fixed ones and the value is none, or matches none.
pub(super) fn possible(key: &str, value: &str, test: Test) -> Option<String> {
    let (_, words) = VALUES.iter().find(|(own, _)| *own == key)?;
    let found = words.iter().any(|word| match test {
        Test::StringLike => matches(value, word, Case::Kept),
        Test::StringEqualsIgnoreCase => word.eq_ignore_ascii_case(value),
        _ => *word == value,
    });
    (!found).then(|| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
}
