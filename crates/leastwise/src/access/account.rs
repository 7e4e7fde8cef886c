//! Reads `aws iam get-account-authorization-details`: pages, files and accounts into one set of principals and policies.
//!
//! Entry of the access stage. Pages may come in any order and any number of files; what is cut off, missing or said
//! twice is a problem, and is recorded on every principal that it concerns. It decides nothing about use.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use leastwise_policy::json::{self, Span};

use super::arn::{AccountId, PolicyArn, PrincipalArn, PrincipalKind};
use super::details::{Document, Documents, ElementReader, ManagedPolicy, Principal, RoleLastUsed, Unread};
use super::problem::{Affects, Problem, excerpt};
use super::scan::{Page, Places, Value, pages};

/// One account, as far as the exports show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Whether every page was there and every element of every page could be read. If not, principals or
    /// attachments of the account may be missing.
    pub complete: bool,
}

/// What the exports hold: accounts, principals and managed policies, each sorted by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Users, groups and roles of all accounts, sorted by ARN.
    pub principals: Vec<Principal>,
    /// Managed policies in their default versions, those of AWS once for all accounts; sorted by ARN.
    pub policies: Vec<ManagedPolicy>,
}

/// Gathers exports, one call of [`read`](Self::read) a file, until [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct AccountsReader {
    documents: Documents,
    principals: BTreeMap<PrincipalArn, Principal>,
    policies: BTreeMap<PolicyArn, (ManagedPolicy, Arc<str>)>,
    pages: Vec<PageSeen>,
    problems: Vec<Problem>,
}

/// What a page tells about the set that it belongs to.
#[derive(Debug)]
struct PageSeen {
    file: Arc<str>,
    accounts: BTreeSet<AccountId>,
    end: PageEnd,
    /// Whether an element of it could not be read at all.
    lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PageEnd {
    /// More pages follow.
    Truncated,
    /// The last page, or the only one.
    Last,
    /// The text breaks off.
    Broken,
}

const HELP_AGAIN: &str = "export again; until then nothing is called unused that this part would have shown";
const HELP_PAGES: &str = "give all pages, or export without `--no-paginate` and `--max-items`";

impl AccountsReader {
    /// A reader that has read nothing.
    #[must_use]
    pub fn new() -> AccountsReader {
        AccountsReader::default()
    }

    /// Reads one file. `file` is its name in problems.
    pub fn read(&mut self, file: &str, bytes: &[u8]) {
        let file: Arc<str> = file.into();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (message, help) = if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
                    ("the file is UTF-16, not UTF-8".to_owned(), "in PowerShell, write it with `Out-File -Encoding utf8`")
                } else {
                    (format!("byte {} is not UTF-8; what follows is not read", error.valid_up_to()), HELP_AGAIN)
                };
                self.problem(&file, message, help, Affects::Untold);
                bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
            }
        };
        for page in pages(text) {
            self.page(&file, text, &page);
        }
    }

    fn problem(&mut self, file: &Arc<str>, message: String, help: &'static str, affects: Affects) {
        self.problems.push(Problem { file: Arc::clone(file), position: None, message, help, affects });
    }

    fn page(&mut self, file: &Arc<str>, text: &str, page: &Page) {
        let mut seen = PageSeen { file: Arc::clone(file), accounts: BTreeSet::new(), end: PageEnd::Last, lost: false };
        let (mut principals, mut policies, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        let documents = &mut self.documents;
        let mut reader = ElementReader { file, text, documents, problems: &mut problems, places: Places::new() };
        let mut sections = 0;
        for (key, value) in &page.members {
            let kind = match key.of(text) {
                "UserDetailList" => Some(PrincipalKind::User),
                "GroupDetailList" => Some(PrincipalKind::Group),
                "RoleDetailList" => Some(PrincipalKind::Role),
                "Policies" => None,
                "IsTruncated" | "NextToken" => {
                    if !matches!(value, Value::Other(span) if matches!(span.of(text), "false" | "null")) {
                        seen.end = PageEnd::Truncated;
                    }
                    continue;
                }
                _ => continue,
            };
            sections += 1;
            let elements = match value {
                Value::List(elements) => elements.as_slice(),
                Value::Other(span) if span.of(text) == "null" => &[],
                Value::Other(span) => {
                    let message = format!("`{}` is not a list", key.of(text));
                    reader.report(span.start, message, HELP_AGAIN, Affects::Untold);
                    seen.lost = true;
                    continue;
                }
            };
            for element in elements {
                let node = match json::parse(element.of(text)) {
                    Ok(node) => node,
                    Err(error) => {
                        seen.lost = true;
                        let arn = stated_arn(element.of(text));
                        let principal = arn.and_then(PrincipalArn::parse);
                        let policy = arn.and_then(PolicyArn::parse);
                        let affects = match (&principal, &policy) {
                            (Some(arn), _) => Affects::Principal(arn.clone()),
                            (None, Some(arn)) => Affects::Policy(arn.clone()),
                            (None, None) => Affects::Untold,
                        };
                        reader.report(element.start + error.offset, error.message, error.help, affects);
                        principals.extend(principal.filter(|arn| Some(arn.kind()) == kind).map(Principal::without_details));
                        continue;
                    }
                };
                match kind {
                    Some(kind) => match reader.principal(kind, element.start, &node) {
                        Some(principal) => principals.push(principal),
                        None => seen.lost = true,
                    },
                    None => match reader.managed_policy(element.start, &node) {
                        Some(policy) => policies.push(policy),
                        None => seen.lost = true,
                    },
                }
            }
        }
        if let Some((at, wanted)) = page.broken {
            seen.end = PageEnd::Broken;
            let found = text.get(at..).and_then(|rest| rest.chars().next());
            let message = match found {
                Some(c) => format!("the page breaks off: {wanted} expected at `{}`", c.escape_debug()),
                None => format!("the page breaks off: {wanted} expected where the file ends"),
            };
            reader.report(at, message, HELP_AGAIN, Affects::Untold);
        } else if sections == 0 {
            let Span { start, .. } = page.members.first().map(|(key, _)| *key).unwrap_or_default();
            let message = "no part of an account's authorization details is in this object".to_owned();
            reader.report(start, message, "is this the output of `aws iam get-account-authorization-details`?", Affects::Untold);
            seen.lost = true;
        }
        self.problems.append(&mut problems);
        seen.accounts.extend(principals.iter().map(|p| p.arn.account()));
        seen.accounts.extend(policies.iter().filter_map(|p| p.arn.owner()));
        for principal in principals {
            self.take_principal(file, principal);
        }
        for policy in policies {
            self.take_policy(file, policy);
        }
        self.pages.push(seen);
    }

    fn take_principal(&mut self, file: &Arc<str>, new: Principal) {
        let Some(old) = self.principals.get_mut(&new.arn) else {
            self.principals.insert(new.arn.clone(), new);
            return;
        };
        // A later export of the same principal may know of a later use; that is no contradiction.
        if let (Some(old), Some(new)) = (old.role.as_mut(), new.role.as_ref()) {
            if let (RoleLastUsed::At(at), RoleLastUsed::At(then)) = (&old.last_used, &new.last_used) {
                old.last_used = RoleLastUsed::At(*at.max(then));
            } else if old.last_used == RoleLastUsed::Never || new.last_used == RoleLastUsed::Unknown {
                old.last_used = new.last_used.clone();
            }
        }
        let mut alike = new;
        if let (Some(old), Some(new)) = (old.role.as_ref(), alike.role.as_mut()) {
            new.last_used = old.last_used.clone();
        }
        if *old != alike {
            old.unread.push(Unread::TwoRecords);
            let message = format!("`{}` stands in the exports twice, with different contents", old.arn);
            let affects = Affects::Principal(old.arn.clone());
            self.problem(file, message, "give exports of one day only", affects);
        }
    }

    fn take_policy(&mut self, file: &Arc<str>, new: ManagedPolicy) {
        let Some((old, _)) = self.policies.get_mut(&new.arn) else {
            self.policies.insert(new.arn.clone(), (new, Arc::clone(file)));
            return;
        };
        if old.document == new.document && old.version == new.version {
            old.attachment_count = old.attachment_count.max(new.attachment_count);
        } else if new.arn.is_aws_managed() && new.updated.is_some() && old.updated.is_some() && new.updated != old.updated {
            // AWS changes its policies for everybody at once: the later export shows what holds now.
            if new.updated > old.updated {
                *old = new;
            }
        } else {
            old.document = Document::Unread;
            let message = format!("policy `{}` stands in the exports twice, with different contents", old.arn);
            let affects = Affects::Policy(old.arn.clone());
            self.problem(file, message, "give exports of one day only", affects);
        }
    }

    /// What was read, and everything that could not be.
    #[must_use]
    pub fn finish(mut self) -> (Accounts, Vec<Problem>) {
        let incomplete = self.incomplete_accounts();
        let mut ids: BTreeSet<AccountId> = self.principals.keys().map(PrincipalArn::account).collect();
        ids.extend(self.policies.keys().filter_map(PolicyArn::owner));
        let accounts = ids.into_iter().map(|id| Account { id, complete: !incomplete.contains(&id) }).collect();
        self.join_sources();
        self.count_attachments();
        self.problems.sort();
        self.problems.dedup();
        let principals = self.principals.into_values().collect();
        let policies = self.policies.into_values().map(|(policy, _)| policy).collect();
        (Accounts { accounts, principals, policies }, self.problems)
    }

    /// The accounts of which a page or an element is missing. A set of pages is whole when one of them is the last.
    fn incomplete_accounts(&mut self) -> BTreeSet<AccountId> {
        let all: BTreeSet<AccountId> = self.pages.iter().flat_map(|page| page.accounts.iter().copied()).collect();
        let in_file = |file: &Arc<str>| -> BTreeSet<AccountId> {
            self.pages.iter().filter(|p| p.file == *file).flat_map(|p| p.accounts.iter().copied()).collect()
        };
        // A page may name no account: it holds AWS's own policies only, or nothing was read of it.
        let of_page = |page: &PageSeen| match page.accounts.is_empty() {
            false => page.accounts.clone(),
            true => Some(in_file(&page.file)).filter(|found| !found.is_empty()).unwrap_or_else(|| all.clone()),
        };
        let mut state: BTreeMap<AccountId, (bool, bool, Arc<str>)> = BTreeMap::new();
        let mut incomplete = BTreeSet::new();
        for page in &self.pages {
            let accounts = of_page(page);
            if page.lost || page.end == PageEnd::Broken {
                incomplete.extend(accounts.iter().copied());
            }
            // Which account an end without a name belongs to is only told when there is one that it can belong to.
            let told = !page.accounts.is_empty() || accounts.len() == 1;
            for account in accounts {
                let (truncated, ended, _) = state.entry(account).or_insert_with(|| (false, false, Arc::clone(&page.file)));
                *truncated |= page.end == PageEnd::Truncated && (told || page.accounts.contains(&account));
                *ended |= page.end == PageEnd::Last && told;
            }
        }
        for (account, (truncated, ended, file)) in state {
            if truncated && !ended {
                incomplete.insert(account);
                let message = format!("the export of account {account} goes on in a page that is not here");
                self.problem(&file, message, HELP_PAGES, Affects::Account(account));
            }
        }
        incomplete
    }

    /// Records on every principal which of the sources of its grants could not be read.
    fn join_sources(&mut self) {
        let readable = |arn: &PolicyArn, policies: &BTreeMap<_, (ManagedPolicy, _)>| {
            policies.get(arn).is_some_and(|(p, _)| p.document != Document::Unread)
        };
        let mut absent: BTreeSet<PolicyArn> = BTreeSet::new();
        for principal in self.principals.values_mut() {
            let boundary = principal.boundary.iter().map(|arn| (arn, Unread::Boundary(arn.clone())));
            let attached = principal.attached.iter().map(|arn| (arn, Unread::ManagedPolicy(arn.clone())));
            for (arn, unread) in attached.chain(boundary).collect::<Vec<_>>() {
                if !readable(arn, &self.policies) {
                    if !self.policies.contains_key(arn) {
                        absent.insert(arn.clone());
                    }
                    principal.unread.push(unread);
                }
            }
        }
        let mut groups: HashMap<(AccountId, Box<str>), bool> = HashMap::new();
        for principal in self.principals.values().filter(|p| p.arn.kind() == PrincipalKind::Group) {
            groups.insert((principal.arn.account(), principal.arn.name().into()), principal.unread.is_empty());
        }
        let mut missing = Vec::new();
        for principal in self.principals.values_mut() {
            for name in &principal.groups {
                let known = groups.get(&(principal.arn.account(), name.clone()));
                if known != Some(&true) {
                    principal.unread.push(Unread::Group(name.clone()));
                }
                if known.is_none() {
                    missing.push((principal.arn.clone(), name.clone()));
                }
            }
            principal.unread.sort();
            principal.unread.dedup();
        }
        let whole: Arc<str> = self.pages.first().map_or_else(|| "".into(), |page| Arc::clone(&page.file));
        for arn in absent {
            let message = format!("policy `{arn}` is attached, but its document is not in the exports");
            self.problem(&whole, message, "export without `--filter`, or with all of its five values", Affects::Policy(arn));
        }
        for (user, name) in missing {
            let message = format!("`{user}` is in group `{}`, which is not in the exports", excerpt(&name));
            self.problem(&whole, message, "export without `--filter`, or with all of its five values", Affects::Principal(user));
        }
    }

    /// Compares how often IAM says that a policy is attached with the attachments that the exports show.
    fn count_attachments(&mut self) {
        let mut seen: BTreeMap<&PolicyArn, u64> = BTreeMap::new();
        for arn in self.principals.values().flat_map(|p| &p.attached) {
            *seen.entry(arn).or_default() += 1;
        }
        let mut short = Vec::new();
        for (policy, file) in self.policies.values().filter(|(policy, _)| !policy.arn.is_aws_managed()) {
            let seen = seen.get(&policy.arn).copied().unwrap_or_default();
            if let Some(said) = policy.attachment_count.filter(|said| *said > seen) {
                short.push((Arc::clone(file), policy.arn.clone(), said, seen));
            }
        }
        for (file, arn, said, seen) in short {
            let message = format!("policy `{arn}` is attached {said} times, of which the exports show {seen}");
            self.problem(&file, message, HELP_PAGES, Affects::Policy(arn));
        }
    }
}

/// The value of the first `"Arn"` in a text that is not JSON.
fn stated_arn(text: &str) -> Option<&str> {
    let behind = text.split_once("\"Arn\"")?.1.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    behind.split_once('"').map(|(arn, _)| arn)
}
