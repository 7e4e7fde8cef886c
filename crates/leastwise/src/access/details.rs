//! One user, group, role or managed policy of an account's authorization details.
//!
//! Second step of the account reader: from the JSON of one element to one record. A field that cannot be read is
//! a problem and is recorded on the principal; nothing is guessed, and what a policy grants is not asked here.

use std::collections::HashMap;
use std::sync::Arc;

use leastwise_policy::Policy;
use leastwise_policy::json::{self, Node, Position, Value};

use super::arn::{PolicyArn, PrincipalArn, PrincipalKind};
use super::problem::{Affects, Problem, excerpt};
use super::scan::Places;
use super::time::Timestamp;

/// A policy document, when it could be read. Equal texts are held once; two documents are equal when they say the same
/// as JSON, in whatever layout and order of keys, as exports differ in these.
#[derive(Debug, Clone)]
pub enum Document {
    /// The document.
    Read(Arc<Policy>),
    /// It is missing, or no valid policy; the reader reported it.
    Unread,
}

impl Document {
    /// The policy, when it could be read.
    #[must_use]
    pub fn policy(&self) -> Option<&Arc<Policy>> {
        match self {
            Document::Read(policy) => Some(policy),
            Document::Unread => None,
        }
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Document) -> bool {
        match (self.policy(), other.policy()) {
            (Some(one), Some(other)) => {
                let (text, other_text) = (one.text(), other.text());
                text == other_text
                    || json::parse(text).ok().zip(json::parse(other_text).ok()).is_some_and(|(a, b)| says_the_same(&a, &b))
            }
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for Document {}

/// Whether two JSON values are the same, wherever they stand and whatever the order of their keys.
fn says_the_same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| says_the_same(a, b))
        }
        (Value::Object(one), Value::Object(members)) => {
            one.len() == members.len()
                && one.iter().all(|m| other.member(&m.key).is_some_and(|own| says_the_same(&m.value, &own.value)))
        }
        (one, other) => one == other,
    }
}

/// What is not known about a principal. While there is any, nothing may be called unused for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unread {
    /// A field of its record, or for the empty name the record as a whole.
    Field(&'static str),
    /// The document of its inline policy of that name.
    InlinePolicy(Box<str>),
    /// The document of a managed policy attached to it.
    ManagedPolicy(PolicyArn),
    /// The document of its permissions boundary.
    Boundary(PolicyArn),
    /// A group that it is in, or something of that group.
    Group(Box<str>),
    /// There are two records of it that say different things.
    TwoRecords,
}

/// An inline policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlinePolicy {
    /// Its name within the principal.
    pub name: Box<str>,
    /// Its document.
    pub document: Document,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// The key, whose case counts.
    pub key: Box<str>,
    /// The value; may be empty.
    pub value: Box<str>,
}

/// When a role was last used, as IAM reports it (within the last 400 days).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleLastUsed {
    /// Used at that time.
    At(Timestamp),
    /// Reported, and never used in the time that IAM looks back.
    Never,
    /// Not reported, or not readable.
    Unknown,
}

/// Who a role is for, as its path and name tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleKind {
    /// Made by the customer.
    Own,
    /// Made by an AWS service for itself (path `/aws-service-role/`); its permissions cannot be changed.
    ServiceLinked,
    /// Made by Identity Center for a permission set (`AWSReservedSSO_<permission set>_<hash>`).
    PermissionSet(Box<str>),
}

/// What only a role has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Who it is for.
    pub kind: RoleKind,
    /// Who may assume it.
    pub trust: Document,
    /// When it was last used.
    pub last_used: RoleLastUsed,
    /// Names of the instance profiles that hold it.
    pub instance_profiles: Vec<Box<str>>,
}

/// A user, group or role with the sources of its grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its ARN, which also says what it is.
    pub arn: PrincipalArn,
    /// Its unique id (`AIDA…`, `AROA…`, `AGPA…`); empty when not reported.
    pub id: Box<str>,
    /// When it was created; none when not readable, which is a problem.
    pub created: Option<Timestamp>,
    /// Its tags, in the order of the export.
    pub tags: Vec<Tag>,
    /// Its inline policies, in the order of the export.
    pub inline: Vec<InlinePolicy>,
    /// The managed policies attached to it, in the order of the export.
    pub attached: Vec<PolicyArn>,
    /// Names of the groups that a user is in.
    pub groups: Vec<Box<str>>,
    /// Its permissions boundary.
    pub boundary: Option<PolicyArn>,
    /// What only a role has; none for users and groups.
    pub role: Option<Role>,
    /// What is not known about it; sorted, without doubles.
    pub unread: Vec<Unread>,
}

impl Principal {
    /// Whether a service made the role for itself.
    #[must_use]
    pub fn is_service_linked(&self) -> bool {
        self.role.as_ref().is_some_and(|role| role.kind == RoleKind::ServiceLinked)
    }

    /// The permission set that the role was made for, if any.
    #[must_use]
    pub fn permission_set(&self) -> Option<&str> {
        match self.role.as_ref().map(|role| &role.kind) {
            Some(RoleKind::PermissionSet(name)) => Some(name),
            _ => None,
        }
    }

    pub(super) fn without_details(arn: PrincipalArn) -> Principal {
        let role = (arn.kind() == PrincipalKind::Role).then(|| Role {
            kind: role_kind(&arn),
            trust: Document::Unread,
            last_used: RoleLastUsed::Unknown,
            instance_profiles: Vec::new(),
        });
        Principal {
            arn,
            id: "".into(),
            created: None,
            tags: Vec::new(),
            inline: Vec::new(),
            attached: Vec::new(),
            groups: Vec::new(),
            boundary: None,
            role,
            unread: vec![Unread::Field("")],
        }
    }
}

/// A managed policy, in its default version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Its ARN.
    pub arn: PolicyArn,
    /// The default version's id, such as `v3`; empty when not reported.
    pub version: Box<str>,
    /// The default version's document.
    pub document: Document,
    /// When the policy last changed.
    pub updated: Option<Timestamp>,
    /// To how many users, groups and roles IAM says that it is attached.
    pub attachment_count: Option<u64>,
    /// Of how many users and roles IAM says that it is the permissions boundary.
    pub boundary_count: Option<u64>,
    /// When it has as many versions as IAM allows: the oldest that is not the default, which makes room for another.
    pub surplus_version: Option<Box<str>>,
}

/// The most versions of a managed policy ("IAM and AWS STS quotas", IAM User Guide).
const MAX_VERSIONS: usize = 5;

/// The permission set's name in a role name that Identity Center made.
fn role_kind(arn: &PrincipalArn) -> RoleKind {
    if arn.path().starts_with("/aws-service-role/") {
        return RoleKind::ServiceLinked;
    }
    let reserved = arn.path().starts_with("/aws-reserved/sso.amazonaws.com/");
    let name = arn.name().strip_prefix("AWSReservedSSO_").and_then(|rest| rest.rsplit_once('_'));
    match name {
        Some((set, hash)) if reserved && !set.is_empty() && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            RoleKind::PermissionSet(set.into())
        }
        _ => RoleKind::Own,
    }
}

/// The documents read so far, each held once.
#[derive(Debug, Default)]
pub(super) struct Documents {
    read: HashMap<Arc<str>, Arc<Policy>>,
}

impl Documents {
    fn read(&mut self, text: &str) -> Result<Arc<Policy>, leastwise_policy::document::PolicyError> {
        if let Some(policy) = self.read.get(text) {
            return Ok(Arc::clone(policy));
        }
        let policy = Arc::new(Policy::parse(text)?);
        self.read.insert(text.into(), Arc::clone(&policy));
        Ok(policy)
    }
}

/// Reads the elements of one file.
pub(super) struct ElementReader<'r> {
    pub(super) file: &'r Arc<str>,
    pub(super) text: &'r str,
    pub(super) documents: &'r mut Documents,
    pub(super) problems: &'r mut Vec<Problem>,
    pub(super) places: Places,
}

const HELP_EXPORT: &str = "export again with `aws iam get-account-authorization-details`";
const HELP_DOCUMENT: &str = "nothing that this policy grants is called unused; export again, or mend the document";

impl ElementReader<'_> {
    pub(super) fn report(&mut self, offset: usize, message: String, help: &'static str, affects: Affects) {
        let position = Some(self.places.of(self.text, offset));
        self.problems.push(Problem { file: Arc::clone(self.file), position, message, help, affects });
    }

    /// A user, group or role of `kind`; none when not even its ARN can be read, which is then reported.
    /// `offset` is where `node`'s own text begins in the file.
    pub(super) fn principal(&mut self, kind: PrincipalKind, offset: usize, node: &Node) -> Option<Principal> {
        let Some(written) = node.member("Arn").and_then(|m| m.value.as_str()) else {
            self.report(offset, format!("a {} without `Arn`", kind.name()), HELP_EXPORT, Affects::Untold);
            return None;
        };
        let Some(arn) = PrincipalArn::parse(written).filter(|arn| arn.kind() == kind) else {
            let message = format!("`{}` is not the ARN of a {}", excerpt(written), kind.name());
            self.report(offset, message, HELP_EXPORT, Affects::Untold);
            return None;
        };
        let affects = Affects::Principal(arn.clone());
        let mut principal = Principal { unread: Vec::new(), ..Principal::without_details(arn) };
        let mut fields = Fields { reader: self, offset, affects, unread: Vec::new() };
        let (id, inline) = match kind {
            PrincipalKind::User => ("UserId", "UserPolicyList"),
            PrincipalKind::Group => ("GroupId", "GroupPolicyList"),
            PrincipalKind::Role | PrincipalKind::Root => ("RoleId", "RolePolicyList"),
        };
        principal.id = fields.string(node, id).unwrap_or_default();
        principal.created = fields.date(node, "CreateDate", true);
        for tag in fields.list(node, "Tags") {
            match (fields.string(tag, "Key"), fields.string(tag, "Value")) {
                (Some(key), Some(value)) => principal.tags.push(Tag { key, value }),
                _ => fields.bad(tag, "Tags", "a tag without `Key` or `Value`".to_owned()),
            }
        }
        for policy in fields.list(node, inline) {
            match fields.string(policy, "PolicyName").filter(|name| !name.contains(char::is_control)) {
                Some(name) => {
                    let what = format!("inline policy `{}`", excerpt(&name));
                    let document = fields.document(policy, "PolicyDocument", &what);
                    if document == Document::Unread {
                        fields.unread.push(Unread::InlinePolicy(name.clone()));
                    }
                    principal.inline.push(InlinePolicy { name, document });
                }
                None => fields.bad(policy, inline, "an inline policy without a valid `PolicyName`".to_owned()),
            }
        }
        for policy in fields.list(node, "AttachedManagedPolicies") {
            match fields.policy_arn(policy, "PolicyArn") {
                Some(arn) if principal.attached.contains(&arn) => {}
                Some(arn) => principal.attached.push(arn),
                None => {
                    fields.bad(policy, "AttachedManagedPolicies", "an attached policy without a valid `PolicyArn`".to_owned())
                }
            }
        }
        for group in fields.list(node, "GroupList") {
            match group.as_str() {
                Some(name) => principal.groups.push(name.into()),
                None => fields.bad(group, "GroupList", format!("`GroupList` holds {}", group.kind())),
            }
        }
        if let Some(boundary) = present(node, "PermissionsBoundary") {
            principal.boundary = fields.policy_arn(boundary, "PermissionsBoundaryArn");
            if principal.boundary.is_none() {
                let message = "`PermissionsBoundary` without a valid `PermissionsBoundaryArn`".to_owned();
                fields.bad(boundary, "PermissionsBoundary", message);
            }
        }
        if let Some(role) = principal.role.as_mut() {
            fields.role(node, role);
        }
        principal.unread = fields.unread;
        Some(principal)
    }

    /// A managed policy in its default version; none when its ARN cannot be read, which is then reported.
    pub(super) fn managed_policy(&mut self, offset: usize, node: &Node) -> Option<ManagedPolicy> {
        let Some(arn) = node.member("Arn").and_then(|m| m.value.as_str()).and_then(PolicyArn::parse) else {
            self.report(offset, "a managed policy without a valid `Arn`".to_owned(), HELP_EXPORT, Affects::Untold);
            return None;
        };
        let affects = Affects::Policy(arn.clone());
        let mut fields = Fields { reader: self, offset, affects, unread: Vec::new() };
        let said = fields.string(node, "DefaultVersionId");
        let updated = fields.date(node, "UpdateDate", false);
        let count = |member: &str| match present(node, member).map(|n| &n.value) {
            Some(Value::Number(digits)) => digits.parse().ok(),
            _ => None,
        };
        let (attachment_count, boundary_count) = (count("AttachmentCount"), count("PermissionsBoundaryUsageCount"));
        let is_default = |version: &Node| {
            let marked = matches!(version.member("IsDefaultVersion").map(|m| &m.value.value), Some(Value::Bool(true)));
            let named = version.member("VersionId").and_then(|m| m.value.as_str());
            match &said {
                Some(id) => named == Some(id),
                None => marked,
            }
        };
        let versions = fields.list(node, "PolicyVersionList");
        let mut defaults = versions.iter().filter(|version| is_default(version));
        let document = match (defaults.next(), defaults.next()) {
            (Some(version), None) => fields.document(version, "Document", &format!("policy `{arn}`")),
            (None, _) => {
                fields.bad(node, "", format!("the default version of `{arn}` is not in `PolicyVersionList`"));
                Document::Unread
            }
            (Some(_), Some(_)) => {
                fields.bad(node, "", format!("`{arn}` has two default versions"));
                Document::Unread
            }
        };
        let text = |version: &Node, member: &str| version.member(member).and_then(|m| m.value.as_str()).map(Box::<str>::from);
        let oldest = versions.iter().filter(|version| !is_default(version)).min_by_key(|version| {
            let number = text(version, "VersionId").and_then(|id| id.trim_start_matches('v').parse::<u64>().ok());
            number.unwrap_or(u64::MAX)
        });
        let surplus_version = oldest.filter(|_| versions.len() >= MAX_VERSIONS).and_then(|version| text(version, "VersionId"));
        let version = said.unwrap_or_default();
        Some(ManagedPolicy { arn, version, document, updated, attachment_count, boundary_count, surplus_version })
    }
}

/// The member of that key, unless it is absent or null.
fn present<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.member(key).map(|m| &m.value).filter(|value| value.value != Value::Null)
}

/// The fields of one element, with what could not be read of them.
struct Fields<'f, 'r> {
    reader: &'f mut ElementReader<'r>,
    offset: usize,
    affects: Affects,
    unread: Vec<Unread>,
}

impl Fields<'_, '_> {
    fn bad(&mut self, node: &Node, field: &'static str, message: String) {
        self.reader.report(self.offset + node.span.start, message, HELP_EXPORT, self.affects.clone());
        self.unread.push(Unread::Field(field));
    }

    /// A string; absent or null is none, anything else a problem and none.
    fn string(&mut self, node: &Node, key: &'static str) -> Option<Box<str>> {
        let value = present(node, key)?;
        if value.as_str().is_none() {
            self.bad(value, key, format!("`{key}` is {}, not a string", value.kind()));
        }
        value.as_str().map(Into::into)
    }

    /// The elements of a list; absent or null is an empty list, anything else a problem.
    fn list<'n>(&mut self, node: &'n Node, key: &'static str) -> &'n [Node] {
        match present(node, key) {
            None => &[],
            Some(value) => value.as_array().unwrap_or_else(|| {
                self.bad(value, key, format!("`{key}` is {}, not a list", value.kind()));
                &[]
            }),
        }
    }

    fn date(&mut self, node: &Node, key: &'static str, needed: bool) -> Option<Timestamp> {
        let value = present(node, key);
        let date = value.and_then(|value| match &value.value {
            Value::String(text) => Timestamp::parse(text),
            Value::Number(text) => Timestamp::parse_epoch(text),
            _ => None,
        });
        let date = date.filter(|date| date.is_plausible());
        if date.is_none() {
            match value {
                Some(value) => {
                    let message = format!("`{key}` is no date: `{}`", excerpt(value.as_str().unwrap_or(value.kind())));
                    self.bad(value, key, message);
                }
                None if needed => self.bad(node, key, format!("`{key}` is missing")),
                None => {}
            }
        }
        date
    }

    fn policy_arn(&mut self, node: &Node, key: &'static str) -> Option<PolicyArn> {
        PolicyArn::parse(&self.string(node, key)?)
    }

    /// A policy document: a JSON or percent-encoded string, or an object, whose own bytes are then the document.
    fn document(&mut self, node: &Node, key: &'static str, what: &str) -> Document {
        let Some(value) = present(node, key) else {
            let message = format!("{what} has no `{key}`");
            self.reader.report(self.offset + node.span.start, message, HELP_DOCUMENT, self.affects.clone());
            return Document::Unread;
        };
        let start = self.offset + value.span.start;
        let text = value.as_str().or_else(|| self.reader.text.get(start..self.offset + value.span.end)).unwrap_or_default();
        match self.reader.documents.read(text) {
            Ok(policy) => Document::Read(policy),
            Err(error) => {
                let (message, inside) = (error.message, error.position);
                if value.as_str().is_some() {
                    let message = format!("{what} is no valid policy: {inside} of its document: {message}");
                    self.reader.report(start, message, HELP_DOCUMENT, self.affects.clone());
                } else {
                    let at = self.reader.places.of(self.reader.text, start);
                    let column = if inside.line == 1 { at.column + inside.column - 1 } else { inside.column };
                    let position = Some(Position { line: at.line + inside.line - 1, column });
                    let message = format!("{what} is no valid policy: {message}");
                    let (file, affects) = (Arc::clone(self.reader.file), self.affects.clone());
                    self.reader.problems.push(Problem { file, position, message, help: HELP_DOCUMENT, affects });
                }
                Document::Unread
            }
        }
    }

    fn role(&mut self, node: &Node, role: &mut Role) {
        role.trust = self.document(node, "AssumeRolePolicyDocument", "the trust policy");
        role.last_used = match present(node, "RoleLastUsed") {
            None => RoleLastUsed::Unknown,
            Some(used) if used.as_object().is_none() => {
                self.bad(used, "RoleLastUsed", format!("`RoleLastUsed` is {}, not an object", used.kind()));
                RoleLastUsed::Unknown
            }
            Some(used) if present(used, "LastUsedDate").is_none() => match used.as_object().is_some_and(<[_]>::is_empty) {
                true => RoleLastUsed::Never,
                // A region of a last use, or a name that is not known, and no date.
                false => {
                    self.bad(used, "RoleLastUsed", "`RoleLastUsed` tells of a use and has no `LastUsedDate`".to_owned());
                    RoleLastUsed::Unknown
                }
            },
            Some(used) => self.date(used, "LastUsedDate", false).map_or(RoleLastUsed::Unknown, RoleLastUsed::At),
        };
        for profile in self.list(node, "InstanceProfileList") {
            if let Some(name) = self.string(profile, "InstanceProfileName") {
                role.instance_profiles.push(name);
            }
        }
    }
}
