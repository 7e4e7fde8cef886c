//! Makes up the organization: accounts, policies, principals, their credentials, and what each of them did.
//!
//! First step of the generator. Everything that the exports, the logs and the truth say is decided here, once; those
//! only write it down. What is used is chosen among what is granted, by the generator's own table.

use crate::Options;
use crate::policy::{Policy, Statement, made_up};
use crate::random::{HEX, ID, Random};
use crate::services::{Bits, Logged, Table};
use crate::time::{DAY, HOUR};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
    Role,
    ServiceLinked,
    PermissionSet,
}

#[derive(Debug)]
pub(crate) struct Managed {
    pub(crate) arn: String,
    /// Its account; none for a policy of AWS.
    pub(crate) account: Option<usize>,
    pub(crate) id: String,
    pub(crate) policy: Policy,
    /// A version before the default one.
    pub(crate) former: Option<Policy>,
    allowed: Bits,
    denied: Bits,
}

/// One action that a principal used, or tried to use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub(crate) action: usize,
    /// When: for an action used in the period, one of its calls; else the last call, before the logs begin.
    pub(crate) at: i64,
    pub(crate) what: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was let in, in the period.
    Used,
    /// It was let in, before the period and the logs.
    UsedBefore,
    /// It was denied, in the period; the principal has no such permission.
    Denied,
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) active: bool,
    pub(crate) made: i64,
    /// Used in the period by the principal's own calls, or at that time.
    pub(crate) used: KeyUse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    Never,
    /// Before the period.
    Before(i64),
    /// It signs the principal's calls.
    Now,
    /// It signed one call that time, of which IAM does not know yet.
    Late(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Password {
    pub(crate) changed: i64,
    pub(crate) used: Option<i64>,
    /// A sign-in of which IAM does not know yet.
    pub(crate) late: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) kind: Kind,
    pub(crate) account: usize,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) tags: Vec<(&'static str, String)>,
    pub(crate) inline: Vec<(String, Policy)>,
    pub(crate) attached: Vec<usize>,
    pub(crate) groups: Vec<usize>,
    pub(crate) boundary: Option<usize>,
    pub(crate) password: Option<Password>,
    pub(crate) keys: Vec<Key>,
    /// What its identity policies allow, whatever takes it away again.
    pub(crate) granted: Bits,
    pub(crate) blocked: Bits,
    pub(crate) denied: Bits,
    pub(crate) effective: Bits,
    pub(crate) uses: Vec<Use>,
    /// A service of which it called something that no table knows, and when.
    pub(crate) unmapped: Option<(usize, i64)>,
    /// The name under which it made its calls until then.
    pub(crate) former: Option<(String, i64)>,
    /// The unique id of a role of the same name before it, and when that made calls.
    pub(crate) predecessor: Option<(String, Vec<(usize, i64)>)>,
    /// When it was assumed, and how; its sessions call nothing.
    pub(crate) assumed: Option<(i64, AssumedBy)>,
    /// Its one use is so recent that IAM does not know of it yet.
    pub(crate) late: bool,
}

/// Who assumes a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssumedBy {
    Service,
    /// A role of another account.
    Account,
    Saml,
    WebIdentity,
    /// A person, in the console.
    SwitchRole,
}

impl Principal {
    pub(crate) fn arn(&self, organization: &Organization) -> String {
        let kind = match self.kind {
            Kind::User => "user",
            Kind::Group => "group",
            _ => "role",
        };
        format!("arn:aws:iam::{}:{kind}{}{}", organization.account(self.account), self.path, self.name)
    }

    /// Whether anything was let in within the period, be it to assume it.
    pub(crate) fn is_active(&self) -> bool {
        self.uses.iter().any(|u| u.what == Outcome::Used) || self.assumed.is_some()
    }

    /// The place of a use in the period that every trail records.
    pub(crate) fn signed(&self, organization: &Organization) -> Option<usize> {
        self.signed_by(&organization.table)
    }

    pub(crate) fn signed_by(&self, table: &Table) -> Option<usize> {
        let logged = |action: usize| table.actions.get(action).is_some_and(|a| a.logged == Logged::Management);
        self.uses.iter().position(|used| used.what == Outcome::Used && logged(used.action))
    }

    pub(crate) fn can_act(&self) -> bool {
        !matches!(self.kind, Kind::Group)
    }
}

#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) table: Table,
    pub(crate) accounts: Vec<String>,
    pub(crate) managed: Vec<Managed>,
    pub(crate) principals: Vec<Principal>,
    pub(crate) as_of: i64,
    pub(crate) period_start: i64,
    pub(crate) log_start: i64,
}

impl Organization {
    pub(crate) fn account(&self, account: usize) -> &str {
        self.accounts.get(account).map_or("", String::as_str)
    }

    pub(crate) fn new(options: &Options) -> Organization {
        let mut random = Random::new(options.seed, 1);
        let accounts =
            (0..options.accounts.max(1)).map(|at| format!("{:03}{}", 100 + at, random.text(b"0123456789", 9))).collect();
        let as_of = options.as_of;
        let mut organization = Organization {
            table: Table::new(),
            accounts,
            managed: Vec::new(),
            principals: Vec::new(),
            as_of,
            period_start: as_of - i64::from(options.tracking_period) * DAY,
            log_start: as_of - i64::from(options.days) * DAY,
        };
        Maker { options, organization: &mut organization, random }.everything();
        if options.tangles {
            crate::tangles::add(&mut organization, options.seed);
        }
        organization
    }
}

struct Maker<'o> {
    options: &'o Options,
    organization: &'o mut Organization,
    random: Random,
}

const TEAMS: [&str; 8] = ["billing", "search", "orders", "media", "data", "platform", "mobile", "risk"];
const JOBS: [&str; 10] = ["worker", "api", "deploy", "export", "report", "backup", "scanner", "ingest", "cron", "gateway"];
const PEOPLE: [&str; 12] = ["ann", "bob", "cleo", "dan", "eve", "finn", "gus", "hana", "ida", "jon", "kim", "lou"];
const SETS: [&str; 4] = ["ReadOnly", "Developer", "Data_Analyst", "Operations"];

impl Maker<'_> {
    fn everything(&mut self) {
        self.managed_policies();
        let accounts = self.organization.accounts.len();
        let roles = self.options.roles;
        let first_groups: Vec<Vec<usize>> = (0..accounts).map(|account| self.groups(account)).collect();
        let sets: Vec<Policy> = SETS.iter().map(|_| made_up(&mut self.random, &self.organization.table, "*")).collect();
        for at in 0..roles {
            let account = at % accounts;
            // Of an account's roles, one in twelve is a permission set's, one in twenty a service's own.
            let nth = at / accounts;
            let kind = match nth {
                n if n % 12 == 3 => Kind::PermissionSet,
                n if n % 20 == 7 => Kind::ServiceLinked,
                _ => Kind::Role,
            };
            self.role(account, nth, kind, &sets);
        }
        for at in 0..self.options.users {
            let account = at % accounts;
            let groups = first_groups.get(account).cloned().unwrap_or_default();
            self.user(account, at / accounts, &groups);
        }
        for at in 0..self.organization.principals.len() {
            self.grants(at);
            self.history(at);
            self.credentials(at);
        }
    }

    fn managed_policies(&mut self) {
        let patterns = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let reading: Vec<String> = (self.organization.table.services.iter())
            .flat_map(|s| ["Get*", "List*", "Describe*"].map(|rest| format!("{}:{rest}", s.prefix)))
            .filter(|p| !self.organization.table.matching(p).is_empty())
            .collect();
        let power = Statement { not_action: true, ..Statement::allow(patterns(&["iam:*", "sts:AssumeRole"])) };
        let aws = [
            ("ReadOnlyAccess", Statement::allow(reading)),
            ("AmazonS3ReadOnlyAccess", Statement::allow(patterns(&["s3:Get*", "s3:List*"]))),
            ("AdministratorAccess", Statement::allow(patterns(&["*"]))),
            ("PowerUserAccess", power),
            ("CloudWatchLogsFullAccess", Statement::allow(patterns(&["logs:*"]))),
        ];
        for (name, statement) in aws {
            self.managed(format!("arn:aws:iam::aws:policy/{name}"), None, Policy::of(statement));
        }
        let shared = 2 + self.options.roles / self.organization.accounts.len() / 8;
        for account in 0..self.organization.accounts.len() {
            let id = self.organization.account(account).to_owned();
            let bound = patterns(&[
                "s3:*",
                "dynamodb:*",
                "lambda:*",
                "sqs:*",
                "logs:*",
                "kms:Describe*",
                "kms:List*",
                "iam:Get*",
                "ec2:*",
            ]);
            let mut boundary = Policy::of(Statement::allow(bound));
            boundary.statements.push(Statement { allow: false, ..Statement::allow(patterns(&["ec2:TerminateInstances"])) });
            self.managed(format!("arn:aws:iam::{id}:policy/boundaries/team-boundary"), Some(account), boundary);
            for nth in 0..shared {
                let policy = made_up(&mut self.random, &self.organization.table, &id);
                let team = self.random.one(&TEAMS).copied().unwrap_or_default();
                self.managed(format!("arn:aws:iam::{id}:policy/{team}-shared-{nth}"), Some(account), policy);
            }
        }
    }

    fn managed(&mut self, arn: String, account: Option<usize>, policy: Policy) {
        let table = &self.organization.table;
        let former = (self.random.percent(30)).then(|| made_up(&mut self.random, table, "*"));
        let (allowed, denied) = (policy.allowed(table), policy.denied(table));
        let id = format!("ANPA{}", self.random.text(ID, 17));
        self.organization.managed.push(Managed { arn, account, id, policy, former, allowed, denied });
    }

    /// The places of the account's shared policies; its boundary comes before them.
    fn shared(&self, account: usize) -> Vec<usize> {
        let of = |at: &usize| self.organization.managed.get(*at).is_some_and(|m| m.account == Some(account));
        (0..self.organization.managed.len()).filter(of).collect()
    }

    fn principal(&mut self, kind: Kind, account: usize, path: &str, name: String) -> Principal {
        let prefix = match kind {
            Kind::User => "AIDA",
            Kind::Group => "AGPA",
            _ => "AROA",
        };
        let period = i64::from(self.options.tracking_period);
        let young = self.random.percent(8) && period > 20;
        let age = if young { self.random.between(5, period - 5) } else { self.random.between(period + 30, period + 1500) };
        let second = self.random.between(0, DAY);
        let mut tags = Vec::new();
        if self.random.percent(60) {
            tags.push(("team", self.random.one(&TEAMS).copied().unwrap_or_default().to_owned()));
        }
        if self.random.percent(10) {
            tags.push(("env", "sandbox".to_owned()));
        }
        Principal {
            kind,
            account,
            name,
            path: path.to_owned(),
            id: format!("{prefix}{}", self.random.text(ID, 17)),
            created: self.organization.as_of - age * DAY - second,
            tags,
            inline: Vec::new(),
            attached: Vec::new(),
            groups: Vec::new(),
            boundary: None,
            password: None,
            keys: Vec::new(),
            granted: Bits::default(),
            blocked: Bits::default(),
            denied: Bits::default(),
            effective: Bits::default(),
            uses: Vec::new(),
            unmapped: None,
            former: None,
            predecessor: None,
            assumed: None,
            late: false,
        }
    }

    fn own_policy(&mut self, account: usize) -> Policy {
        let id = self.organization.account(account).to_owned();
        made_up(&mut self.random, &self.organization.table, &id)
    }

    /// Policies of its own and shared ones.
    fn fill(&mut self, principal: &mut Principal) {
        if self.random.percent(70) {
            let policy = self.own_policy(principal.account);
            principal.inline.push((format!("{}-policy", principal.name), policy));
        }
        if self.random.percent(65) || principal.inline.is_empty() {
            let shared = self.shared(principal.account);
            let count = 1 + self.random.below(2);
            principal.attached = self.random.some(shared.get(1..).unwrap_or_default(), count);
        }
        if self.random.percent(20) {
            principal.attached.push(self.random.below(5));
        }
    }

    fn groups(&mut self, account: usize) -> Vec<usize> {
        let mut places = Vec::new();
        for team in ["developers", "analysts", "admins"] {
            let mut group = self.principal(Kind::Group, account, "/", format!("{team}-{account}"));
            self.fill(&mut group);
            places.push(self.organization.principals.len());
            self.organization.principals.push(group);
        }
        places
    }

    fn role(&mut self, account: usize, nth: usize, kind: Kind, sets: &[Policy]) {
        let team = self.random.one(&TEAMS).copied().unwrap_or_default();
        let job = self.random.one(&JOBS).copied().unwrap_or_default();
        let mut role = match kind {
            Kind::PermissionSet => {
                let set = nth / 12 % SETS.len();
                let name = format!("AWSReservedSSO_{}_{}", SETS.get(set).unwrap_or(&""), self.random.text(HEX, 16));
                let path = "/aws-reserved/sso.amazonaws.com/us-east-1/";
                let mut role = self.principal(kind, account, path, name);
                role.inline.extend(sets.get(set).map(|policy| ("AwsSSOInlinePolicy".to_owned(), policy.clone())));
                if set == 0 {
                    role.attached.push(0);
                }
                role
            }
            Kind::ServiceLinked => {
                let mut role = self.principal(
                    kind,
                    account,
                    "/aws-service-role/autoscaling.amazonaws.com/",
                    format!("AWSServiceRoleForAutoScaling_{nth}"),
                );
                role.attached.push(0);
                role
            }
            _ => {
                let path = if self.random.percent(25) { "/service-role/" } else { "/" };
                let mut role = self.principal(kind, account, path, format!("{team}-{job}-{nth}"));
                self.fill(&mut role);
                if self.random.percent(12) {
                    role.boundary = self.shared(account).first().copied();
                }
                role
            }
        };
        role.tags.truncate(if kind == Kind::Role { 2 } else { 0 });
        self.organization.principals.push(role);
    }

    fn user(&mut self, account: usize, nth: usize, groups: &[usize]) {
        let person = self.random.one(&PEOPLE).copied().unwrap_or_default();
        let mut user = self.principal(Kind::User, account, "/", format!("{person}-{nth}"));
        if self.random.percent(60) {
            let count = 1 + self.random.below(2);
            user.groups = self.random.some(groups, count);
        }
        if user.groups.is_empty() || self.random.percent(30) {
            self.fill(&mut user);
        }
        self.organization.principals.push(user);
    }

    fn grants(&mut self, at: usize) {
        let Organization { table, managed, principals, .. } = &mut *self.organization;
        let (mut allowed, mut denied) = (Bits::default(), Bits::default());
        let Some(principal) = principals.get(at) else { return };
        for holder in std::iter::once(principal).chain(principal.groups.iter().filter_map(|g| principals.get(*g))) {
            for (_, policy) in &holder.inline {
                allowed = allowed.or(policy.allowed(table));
                denied = denied.or(policy.denied(table));
            }
            for policy in holder.attached.iter().filter_map(|at| managed.get(*at)) {
                allowed = allowed.or(policy.allowed);
                denied = denied.or(policy.denied);
            }
        }
        let boundary = principal.boundary.and_then(|at| managed.get(at));
        let blocked = boundary.map_or(Bits::default(), |b| allowed.without(b.allowed.without(b.denied)));
        let Some(principal) = principals.get_mut(at) else { return };
        principal.granted = allowed;
        principal.blocked = blocked;
        principal.denied = allowed.without(blocked).and(denied);
        principal.effective = allowed.without(blocked).without(denied);
    }

    /// Decides what the principal did.
    fn history(&mut self, at: usize) {
        let (as_of, log_start) = (self.organization.as_of, self.organization.log_start);
        let period_start = self.organization.period_start;
        let table = &self.organization.table;
        let Some(principal) = self.organization.principals.get_mut(at) else { return };
        if !principal.can_act() {
            return;
        }
        let random = &mut self.random;
        let usable = |action: usize| table.actions.get(action).is_some_and(|a| a.usable);
        let candidates: Vec<usize> = principal.effective.iter().filter(|a| usable(*a)).collect();
        let first = period_start.max(log_start).max(principal.created) + 2 * DAY;
        let last = as_of - 2 * HOUR;
        if random.percent(75) && first < last {
            let count = 1 + random.below(candidates.len().clamp(1, 12));
            for action in random.some(&candidates, count) {
                principal.uses.push(Use { action, at: random.between(first, last), what: Outcome::Used });
            }
        }
        let active = principal.is_active();
        let earliest = (as_of - 380 * DAY).max(principal.created + DAY);
        let latest = period_start.min(log_start) - 10 * DAY;
        if random.percent(40) && earliest < latest {
            let rest: Vec<usize> = candidates.iter().copied().filter(|a| principal.uses.iter().all(|u| u.action != *a)).collect();
            let count = 1 + random.below(3);
            for action in random.some(&rest, count) {
                principal.uses.push(Use { action, at: random.between(earliest, latest), what: Outcome::UsedBefore });
            }
        }
        if active && random.percent(15) {
            let logged = |a: &usize| table.actions.get(*a).is_some_and(|a| a.logged == Logged::Management && a.usable);
            let lacking: Vec<usize> = (0..table.actions.len()).filter(|a| !principal.effective.has(*a)).filter(logged).collect();
            for action in random.some(&lacking, 2) {
                principal.uses.push(Use { action, at: random.between(first, last), what: Outcome::Denied });
            }
        }
        if active && self.options.unmapped_events && random.percent(5) {
            // Of services that share an event source, such an event can only be of the first.
            let source = |at: usize| table.services.get(at).map(|service| service.source);
            let services: Vec<usize> =
                (0..table.services.len()).filter(|at| (0..*at).all(|before| source(before) != source(*at))).collect();
            principal.unmapped = random.one(&services).map(|service| (*service, random.between(first, last)));
        }
    }

    /// Gives a user a password and keys that agree with what it did.
    fn credentials(&mut self, at: usize) {
        let (as_of, period_start) = (self.organization.as_of, self.organization.period_start);
        let Some(user) = self.organization.principals.get_mut(at).filter(|p| p.kind == Kind::User) else { return };
        let random = &mut self.random;
        let active = user.is_active();
        let key = |random: &mut Random, used: KeyUse, active: bool, made: i64| Key {
            id: format!("AKIA{}", random.text(ID, 16)),
            active,
            made,
            used,
        };
        if active {
            let made = user.created + 60;
            user.keys.push(key(random, KeyUse::Now, true, made));
        }
        let old = user.created < period_start;
        if random.percent(35) {
            // A key that lies about: never used, used long ago, switched off, or made lately.
            let made = user.created + 3600;
            let before = (period_start - 20 * DAY).max(made + HOUR);
            let second = match random.below(4) {
                0 => key(random, KeyUse::Never, true, made),
                1 if old && before < period_start => key(random, KeyUse::Before(before), true, made),
                2 => key(random, KeyUse::Never, false, made),
                _ => {
                    let made = (as_of - 10 * DAY).max(user.created + 3600);
                    key(random, KeyUse::Never, true, made)
                }
            };
            user.keys.push(second);
        }
        if random.percent(50) {
            let changed = user.created + 120;
            let before = (period_start - 30 * DAY).max(changed + HOUR);
            user.password = Some(match random.below(4) {
                0 => Password { changed, used: None, late: None },
                1 if old && before < period_start => Password { changed, used: Some(before), late: None },
                2 => Password { changed: (as_of - 5 * DAY).max(user.created), used: None, late: None },
                _ if active => Password { changed, used: Some(random.between(as_of - 4 * DAY, as_of - 2 * HOUR)), late: None },
                _ => Password { changed, used: None, late: None },
            });
        }
    }
}
