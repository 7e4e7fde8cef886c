//! Names of accounts, principals and policies: parsed once, where a record enters.
//!
//! Vocabulary of the access and usage stages. It reads the ARNs that IAM itself issues; ARNs of resources and ARN
//! patterns are the policy crate's business. It never completes or repairs a name.

use std::fmt;

/// An AWS account: twelve digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 12]);

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({self})")
    }
}

impl AccountId {
    /// Reads twelve digits, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<AccountId> {
        let digits: [u8; 12] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(AccountId(digits))
    }

    /// The only account id that stands in `path` as a word of its own, as in `keys/111122223333.json`.
    /// None when there is no such word, or when there are several.
    #[must_use]
    pub fn in_path(path: &str) -> Option<AccountId> {
        let mut words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(AccountId::parse);
        let first = words.next()?;
        words.all(|other| other == first).then_some(first)
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What sort of principal an ARN names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// `user/…`
    User,
    /// `group/…`; a group is no principal of a request, but it holds grants as one does.
    Group,
    /// `role/…`
    Role,
    /// `root`, the account itself.
    Root,
}

impl PrincipalKind {
    /// The kind in words, for a message.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PrincipalKind::User => "user",
            PrincipalKind::Group => "group",
            PrincipalKind::Role => "role",
            PrincipalKind::Root => "root",
        }
    }
}

/// The ARN of a user, group, role or account root: `arn:aws:iam::111122223333:role/path/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalArn {
    written: Box<str>,
    account: AccountId,
    kind: PrincipalKind,
    /// Offset of the slash before the path, or the end for a root.
    path: usize,
}

impl PrincipalArn {
    /// Reads the ARN of an IAM identity. An `sts` ARN (assumed role, federated user) is none: it lacks the role's path.
    #[must_use]
    pub fn parse(text: &str) -> Option<PrincipalArn> {
        let (account, resource, offset) = iam_parts(text)?;
        let account = AccountId::parse(account)?;
        let (kind, path) = if resource == "root" {
            (PrincipalKind::Root, text.len())
        } else {
            let (kind, name) = resource.split_once('/')?;
            if name.is_empty() || name.ends_with('/') {
                return None;
            }
            let kind = match kind {
                "user" => PrincipalKind::User,
                "group" => PrincipalKind::Group,
                "role" => PrincipalKind::Role,
                _ => return None,
            };
            (kind, offset + kind.name().len())
        };
        Some(PrincipalArn { written: text.into(), account, kind, path })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The account that the principal belongs to.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// What sort of principal it is.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The name without its path; empty for a root.
    #[must_use]
    pub fn name(&self) -> &str {
        let tail = self.written.get(self.path..).unwrap_or_default();
        tail.rsplit('/').next().unwrap_or_default()
    }

    /// The path, with a slash at both ends (`/` when there is none); empty for a root.
    #[must_use]
    pub fn path(&self) -> &str {
        let tail = self.written.get(self.path..).unwrap_or_default();
        tail.rfind('/').and_then(|last| tail.get(..=last)).unwrap_or_default()
    }
}

impl fmt::Display for PrincipalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The ARN of a managed policy: `arn:aws:iam::aws:policy/ReadOnlyAccess`, `arn:aws:iam::111122223333:policy/path/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyArn {
    written: Box<str>,
    owner: Option<AccountId>,
}

impl PolicyArn {
    /// Reads the ARN of a managed policy, of a customer or of AWS.
    #[must_use]
    pub fn parse(text: &str) -> Option<PolicyArn> {
        let (account, resource, _) = iam_parts(text)?;
        let owner = if account == "aws" { None } else { Some(AccountId::parse(account)?) };
        let name = resource.strip_prefix("policy/")?;
        (!name.is_empty() && !name.ends_with('/')).then(|| PolicyArn { written: text.into(), owner })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The account that owns the policy; none when it is AWS's own.
    #[must_use]
    pub fn owner(&self) -> Option<AccountId> {
        self.owner
    }

    /// Whether AWS owns the policy, so that no customer can edit it.
    #[must_use]
    pub fn is_aws_managed(&self) -> bool {
        self.owner.is_none()
    }

    /// The name without its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.written.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for PolicyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Account and resource of an `iam` ARN, and the offset of the resource. No name in IAM has control characters ("IAM and AWS STS
/// quotas: IAM name requirements"), which would also break the lines of a report.
fn iam_parts(text: &str) -> Option<(&str, &str, usize)> {
    let mut parts = text.splitn(6, ':');
    let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let known = arn == "arn" && (partition == "aws" || partition.starts_with("aws-"));
    let is_plain = !text.contains(char::is_control);
    (known && service == "iam" && region.is_empty() && is_plain).then(|| (account, resource, text.len() - resource.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_arn_tells_account_path_and_name() {
        let arn = PrincipalArn::parse("arn:aws-us-gov:iam::111122223333:role/a/b/worker").unwrap();
        assert_eq!(arn.account().as_str(), "111122223333");
        assert_eq!((arn.kind(), arn.path(), arn.name()), (PrincipalKind::Role, "/a/b/", "worker"));
        let plain = PrincipalArn::parse("arn:aws:iam::111122223333:user/ann").unwrap();
        assert_eq!((plain.kind(), plain.path(), plain.name()), (PrincipalKind::User, "/", "ann"));
        let root = PrincipalArn::parse("arn:aws:iam::111122223333:root").unwrap();
        assert_eq!((root.kind(), root.path(), root.name()), (PrincipalKind::Root, "", ""));
    }

    #[test]
    fn what_is_no_identity_of_iam_is_no_principal() {
        for text in [
            "arn:aws:sts::111122223333:assumed-role/worker/session",
            "arn:aws:iam::11112222333:role/worker",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:instance-profile/worker",
            "role/worker",
            "",
        ] {
            assert!(PrincipalArn::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_policy_is_of_aws_or_of_an_account() {
        let aws = PolicyArn::parse("arn:aws:iam::aws:policy/job-function/Billing").unwrap();
        assert!(aws.is_aws_managed());
        assert_eq!(aws.name(), "Billing");
        let own = PolicyArn::parse("arn:aws:iam::111122223333:policy/team").unwrap();
        assert_eq!(own.owner(), AccountId::parse("111122223333"));
        assert!(PolicyArn::parse("arn:aws:iam::111122223333:role/team").is_none());
    }

    #[test]
    fn an_account_in_a_path_is_taken_only_when_it_is_the_only_one() {
        assert_eq!(AccountId::in_path("keys/111122223333/ann.json"), AccountId::parse("111122223333"));
        assert_eq!(AccountId::in_path("111122223333_111122223333.csv"), AccountId::parse("111122223333"));
        assert_eq!(AccountId::in_path("111122223333/444455556666.csv"), None);
        assert_eq!(AccountId::in_path("20260101T0000.json"), None);
    }

    #[test]
    fn no_name_has_control_characters() {
        for name in ["a\nFAKE: PASS", "a\u{1b}[31m", "a\u{9b}31m"] {
            assert_eq!(PrincipalArn::parse(&format!("arn:aws:iam::111122223333:user/{name}")), None);
            assert_eq!(PolicyArn::parse(&format!("arn:aws:iam::111122223333:policy/{name}")), None);
        }
    }
}
