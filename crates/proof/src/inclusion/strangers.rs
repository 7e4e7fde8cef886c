//! Public access: what a caller may whom nothing in a resource policy vouches for.
//!
//! A stranger has none of the values with which the policy fixes account, organization, network or source. Which
//! keys can do that follows "The meaning of \"public\"" (Amazon S3 User Guide) and the other services' pages on
//! blocking public access; where a value is not clearly fixed it does not count, so that the check fails in doubt.

use leastwise_policy::arn::is_account_number;
use leastwise_policy::document::Condition;
use leastwise_policy::evaluate::{AddressRange, Operator, Test};
use leastwise_policy::{Effect, Policy};

use super::callers::is_public_provider;
use super::keys;
use super::space::{Literal, Space};
use crate::texts::Unit;
use crate::variables;

/// The resource types of `CheckNoPublicAccess` (`AccessCheckResourceType` in the service's model).
pub const RESOURCE_TYPES: [&str; 26] = [
    "AWS::ApiGateway::RestApi",
    "AWS::Backup::BackupVault",
    "AWS::CloudTrail::Dashboard",
    "AWS::CloudTrail::EventDataStore",
    "AWS::CodeArtifact::Domain",
    "AWS::DynamoDB::Stream",
    "AWS::DynamoDB::Table",
    "AWS::EFS::FileSystem",
    "AWS::IAM::AssumeRolePolicyDocument",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::Kinesis::StreamConsumer",
    "AWS::Lambda::Function",
    "AWS::OpenSearchService::Domain",
    "AWS::S3::AccessPoint",
    "AWS::S3::Bucket",
    "AWS::S3::Glacier",
    "AWS::S3Express::AccessPoint",
    "AWS::S3Express::DirectoryBucket",
    "AWS::S3Outposts::AccessPoint",
    "AWS::S3Outposts::Bucket",
    "AWS::S3Tables::Table",
    "AWS::S3Tables::TableBucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
];

/// Whether public access to resources of the type is checked.
#[must_use]
pub fn has_public_access_check(resource_type: &str) -> bool {
    RESOURCE_TYPES.contains(&resource_type)
}

/// What a key has to hold for its value to vouch for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fixed {
    /// One value, or an ARN of one account.
    Value,
    /// One value up to this character.
    UpTo(char),
    /// A range of addresses, if all of them together are not too many.
    Range,
    /// The truth value `true`.
    True,
}

const KEYS: [(&str, Fixed); 24] = [
    ("aws:PrincipalAccount", Fixed::Value),
    ("aws:PrincipalArn", Fixed::Value),
    ("aws:PrincipalIsAWSService", Fixed::True),
    ("aws:PrincipalOrgID", Fixed::Value),
    ("aws:PrincipalOrgPaths", Fixed::UpTo('/')),
    ("aws:PrincipalServiceName", Fixed::Value),
    ("aws:SourceAccount", Fixed::Value),
    ("aws:SourceArn", Fixed::Value),
    ("aws:SourceIp", Fixed::Range),
    ("aws:SourceOrgID", Fixed::Value),
    ("aws:SourceOrgPaths", Fixed::UpTo('/')),
    ("aws:SourceOwner", Fixed::Value),
    ("aws:SourceVpc", Fixed::Value),
    ("aws:SourceVpcArn", Fixed::Value),
    ("aws:SourceVpce", Fixed::Value),
    ("aws:VpceAccount", Fixed::Value),
    ("aws:VpceOrgID", Fixed::Value),
    ("aws:VpceOrgPaths", Fixed::UpTo('/')),
    ("aws:userid", Fixed::UpTo(':')),
    ("elasticfilesystem:AccessPointArn", Fixed::Value),
    ("elasticfilesystem:AccessedViaMountTarget", Fixed::True),
    ("kms:CallerAccount", Fixed::Value),
    ("s3:DataAccessPointAccount", Fixed::Value),
    ("s3:DataAccessPointArn", Fixed::Value),
];

/// Web identity providers that anybody uses under one and the same audience, so that only the subject tells callers apart.
const SHARED_PROVIDERS: [&str; 6] = [
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "agent.buildkite.com",
    "api.bitbucket.org",
    "oidc.vercel.com",
];

/// How many addresses of IPv4 and of IPv6 the ranges of a policy may hold together: as many as one range that fixes 8 or 32
/// bits, which is what Amazon S3 calls not too broad.
const MAX_ADDRESSES: (u128, u128) = (1 << 24, 1 << 96);

/// Private ranges (RFC 1918), which are nobody's on the internet and do not count.
const PRIVATE: [(u128, u128); 3] = [(0x0A00_0000, 0x0AFF_FFFF), (0xAC10_0000, 0xAC1F_FFFF), (0xC0A8_0000, 0xC0A8_FFFF)];

/// What holds for every stranger: no value of theirs is one that the policy fixes.
pub(super) fn literals<'p>(policies: &[&'p Policy], space: &mut Space<'p>) -> Vec<Literal> {
    let mut literals = Vec::new();
    let mut providers: Vec<&str> = Vec::new();
    for statement in policies.iter().flat_map(|p| p.statements()).filter(|s| s.effect == Effect::Allow) {
        for (kind, name) in statement.principal.iter().flat_map(|element| &element.principals) {
            if is_public_provider(kind, &name.what) {
                providers.push(name.what.split_once(":oidc-provider/").map_or(&*name.what, |(_, host)| host));
            }
        }
    }
    let (narrow_v4, narrow_v6) = narrow(policies);
    for condition in policies.iter().flat_map(|p| p.statements()).flat_map(|s| &s.conditions) {
        let Some(operator) = Operator::parse(&condition.operator.what) else { continue };
        let Some(kind) = kind_of(&condition.key.what, &providers) else { continue };
        if condition.key.what.eq_ignore_ascii_case("aws:PrincipalIsAWSService") {
            // True only for a service that calls as itself, which no stranger is: theirs is `false`, or missing. It holds whether
            // or not the policy asks for it.
            let test = match operator.test {
                Test::StringEquals | Test::StringEqualsIgnoreCase => operator.test,
                _ => Test::Bool,
            };
            let is_none = Operator { quantifier: None, test, negated: false, if_exists: true };
            literals.extend(space.add_line(&condition.key.what, is_none, vec![keys::plain(test, "false")]));
            continue;
        }
        let few = |value: &&str| {
            kind != Fixed::Range
                || AddressRange::parse(value).is_some_and(|range| if range.is_v6 { narrow_v6 } else { narrow_v4 })
        };
        let values: Vec<Vec<Unit>> =
            fixed(condition, operator.test, kind).filter(few).map(|v| keys::plain(operator.test, v)).collect();
        if !values.is_empty() {
            let plain = Operator { quantifier: None, negated: false, if_exists: false, ..operator };
            literals.extend(space.add_line(&condition.key.what, plain, values).map(|literal| !literal));
        }
    }
    literals
}

/// Whether the ranges of addresses that the policies write down, taken together, are few enough to vouch for a caller: those
/// of IPv4, and those of IPv6. Together, as many ranges may cover what one of them may not.
fn narrow(policies: &[&Policy]) -> (bool, bool) {
    let conditions = policies.iter().flat_map(|p| p.statements()).flat_map(|s| &s.conditions);
    let mut ranges: Vec<AddressRange> = conditions
        .filter(|condition| matches!(kind_of(&condition.key.what, &[]), Some(Fixed::Range)))
        .filter(|condition| Operator::parse(&condition.operator.what).is_some_and(|operator| operator.test == Test::IpAddress))
        .flat_map(|condition| condition.values.iter().filter_map(|value| AddressRange::parse(&value.what)))
        .collect();
    ranges.sort_unstable();
    let count = |is_v6: bool| {
        let (mut count, mut next) = (0_u128, 0_u128);
        for range in ranges.iter().filter(|range| range.is_v6 == is_v6) {
            let from = range.first.max(next);
            if range.last >= from {
                count = count.saturating_add((range.last - from).saturating_add(1));
                next = range.last.saturating_add(1);
            }
        }
        count
    };
    let covered = |from: u128, to: u128| {
        let (mut count, mut next) = (0, from);
        for range in ranges.iter().filter(|range| !range.is_v6) {
            let (first, last) = (range.first.max(next), range.last.min(to));
            if last >= first {
                count += last - first + 1;
                next = last + 1;
            }
        }
        count
    };
    let private: u128 = PRIVATE.iter().map(|(from, to)| covered(*from, *to)).sum();
    (count(false) - private <= MAX_ADDRESSES.0, count(true) <= MAX_ADDRESSES.1)
}

/// How values of a key vouch for a caller, if they can.
fn kind_of(key: &str, providers: &[&str]) -> Option<Fixed> {
    if let Some((_, kind)) = KEYS.iter().find(|(own, _)| own.eq_ignore_ascii_case(key)) {
        return Some(*kind);
    }
    let (host, claim) = key.rsplit_once(':')?;
    providers.iter().find(|provider| provider.eq_ignore_ascii_case(host))?;
    let shared = SHARED_PROVIDERS.iter().any(|own| own.eq_ignore_ascii_case(host));
    match claim.to_ascii_lowercase().as_str() {
        "sub" if shared => Some(Fixed::UpTo('/')),
        "sub" | "aud" | "app_id" if !shared => Some(Fixed::Value),
        _ => None,
    }
}

/// The values of a condition that vouch for a caller who has them.
fn fixed(condition: &Condition, test: Test, kind: Fixed) -> impl Iterator<Item = &str> {
    condition.values.iter().map(|value| &*value.what).filter(move |value| match (kind, test) {
        _ if variables::has_variable(value) => false,
        (Fixed::True, Test::Bool | Test::StringEquals | Test::StringEqualsIgnoreCase) => value.eq_ignore_ascii_case("true"),
        (Fixed::Range, Test::IpAddress) => AddressRange::parse(value).is_some(),
        (Fixed::Value | Fixed::UpTo(_), Test::StringEquals | Test::StringEqualsIgnoreCase) => true,
        (Fixed::Value | Fixed::UpTo(_), Test::StringLike | Test::Arn) => match value.find(['*', '?']) {
            None => true,
            Some(at) => {
                let before = value.get(..at).unwrap_or_default();
                let upto = matches!(kind, Fixed::UpTo(end) if before.split_once(end).is_some_and(|(head, _)| !head.is_empty()));
                upto || of_one_account(value, before, test)
            }
        },
        _ => false,
    })
}

/// Whether an ARN's pattern is about one account. A `*` of `StringLike` before the account could take the account's place.
fn of_one_account(value: &str, before: &str, test: Test) -> bool {
    let mut parts = value.splitn(6, ':');
    let account = parts.nth(4);
    account.is_some_and(is_account_number) && parts.next().is_some() && (test == Test::Arn || before.matches(':').count() >= 5)
}
