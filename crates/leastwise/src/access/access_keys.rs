//! Reads `aws iam list-access-keys` and gives the keys of a credential report their ids.
//!
//! Last reader of the access stage. The output names neither the account nor the slot: a key is joined by user name and
//! creation time, and stays unnamed where that does not settle it. A wrong name would be worse than none.

use std::fmt;
use std::sync::Arc;

use leastwise_policy::json::{self, Node, Value};

use super::arn::AccountId;
use super::credential_report::{CredentialReport, Enabled};
use super::problem::{Affects, Problem, excerpt};
use super::scan::{Places, Value as Member, pages};
use super::time::Timestamp;

/// The id of an access key, such as `AKIA…`; not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKeyId(Box<str>);

impl AccessKeyId {
    /// Reads 16 to 128 letters, digits or underscores, as the IAM API defines it.
    #[must_use]
    pub fn parse(text: &str) -> Option<AccessKeyId> {
        let fits = (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        fits.then(|| AccessKeyId(text.into()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One key of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// The user's name, without path.
    pub user: Box<str>,
    /// The key's id.
    pub id: AccessKeyId,
    /// Whether it is active.
    pub active: Enabled,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// Keys of one file, with the account when the file's name tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessKeyList {
    /// The account; none when it could be any.
    pub account: Option<AccountId>,
    /// The keys.
    pub keys: Vec<ListedKey>,
}

const HELP: &str = "list the keys again with `aws iam list-access-keys`; keys without an id are named by their slot";

impl AccessKeyList {
    /// Reads one or several outputs. `file` is the name in problems, and tells the account when an id stands in it.
    #[must_use]
    pub fn read(file: &str, bytes: &[u8]) -> (AccessKeyList, Vec<Problem>) {
        let mut list = AccessKeyList { account: AccountId::in_path(file), keys: Vec::new() };
        let mut problems = Vec::new();
        let name: Arc<str> = file.into();
        let mut problem = |position, message: String| {
            let file = Arc::clone(&name);
            problems.push(Problem { file, position, message, help: HELP, affects: Affects::Nobody });
        };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                problem(None, format!("byte {} is not UTF-8; what follows is not read", error.valid_up_to()));
                bytes.get(..error.valid_up_to()).and_then(|v| std::str::from_utf8(v).ok()).unwrap_or_default()
            }
        };
        let mut places = Places::new();
        for page in pages(text) {
            let mut found = false;
            for (key, value) in &page.members {
                match (key.of(text), value) {
                    ("AccessKeyMetadata", Member::List(elements)) => {
                        found = true;
                        for element in elements {
                            match json::parse(element.of(text)).map(|node| listed(&node)) {
                                Ok(Some(key)) => list.keys.push(key),
                                Ok(None) => {
                                    let message = format!("`{}` is no access key", excerpt(element.of(text)));
                                    problem(Some(places.of(text, element.start)), message);
                                }
                                Err(error) => problem(Some(places.of(text, element.start + error.offset)), error.message),
                            }
                        }
                    }
                    ("IsTruncated" | "NextToken", Member::Other(span)) if !matches!(span.of(text), "false" | "null") => {
                        problem(Some(places.of(text, span.start)), "the list goes on in a page that may not be here".to_owned());
                    }
                    _ => {}
                }
            }
            if let Some((at, wanted)) = page.broken {
                problem(Some(places.of(text, at)), format!("the text breaks off where {wanted} should be"));
            } else if !found {
                problem(None, "no list `AccessKeyMetadata` is in it".to_owned());
            }
        }
        (list, problems)
    }

    /// Writes the ids into the report's rows and returns how many of the keys found no slot.
    pub fn join(&self, report: &mut CredentialReport) -> usize {
        let mut unplaced = 0;
        for key in &self.keys {
            let ours = |account: AccountId| self.account.is_none_or(|own| own == account);
            let mut slots: Vec<_> = report
                .rows
                .iter_mut()
                .filter(|row| row.arn.name() == &*key.user && ours(row.arn.account()))
                .flat_map(|row| &mut row.keys)
                .filter(|slot| slot.rotated.is_some() && slot.rotated == key.created)
                .filter(|slot| slot.active == key.active || key.active == Enabled::Unknown)
                .collect();
            match slots.as_mut_slice() {
                [slot] if slot.id.as_ref().is_none_or(|id| *id == key.id) => slot.id = Some(key.id.clone()),
                _ => unplaced += 1,
            }
        }
        unplaced
    }
}

fn listed(node: &Node) -> Option<ListedKey> {
    let text = |key: &str| node.member(key).and_then(|m| m.value.as_str());
    let created = match &node.member("CreateDate")?.value.value {
        Value::String(text) => Timestamp::parse(text),
        Value::Number(text) => Timestamp::parse_epoch(text),
        _ => None,
    };
    let active = match text("Status") {
        Some("Active") => Enabled::Yes,
        Some("Inactive") => Enabled::No,
        _ => Enabled::Unknown,
    };
    Some(ListedKey { user: text("UserName")?.into(), id: AccessKeyId::parse(text("AccessKeyId")?)?, active, created })
}
