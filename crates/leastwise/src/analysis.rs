//! Everything that is known of a set of accounts, joined: what is granted, what was used, and what could not be read.
//!
//! Between the readers and whoever concludes something: findings, recommendations, explanations and replay all start
//! from an [`Analysis`]. It joins and concludes nothing, opens no file and reads no clock.

use std::fmt;
use std::sync::Arc;

use leastwise_policy::json::Position;

use crate::access::access_keys::AccessKeyList;
use crate::access::{AccessModel, AccountId, Accounts, Affects, CredentialReport, Principal, Problem, Timestamp};
use crate::usage::{EventMapper, PrincipalUse, ReportProblem, Rules, TrackingPeriod, UsageLedger};

/// By how much a source may begin late or end early and still count, when nobody says otherwise: a day, in seconds. Reports of
/// last access are up to 4 hours behind and logs are delivered some minutes late, so that no export reaches the present.
pub const DEFAULT_TOLERANCE: u32 = 86_400;

/// What was read, before it is joined.
#[derive(Debug, Default)]
pub struct Records {
    /// Principals and policies.
    pub accounts: Accounts,
    /// What logs and reports of last access show.
    pub ledger: UsageLedger,
    /// Credential reports, in the order in which they were read.
    pub credentials: Vec<CredentialReport>,
    /// Lists of access keys.
    pub keys: Vec<AccessKeyList>,
    /// What could not be read.
    pub problems: Vec<InputProblem>,
}

/// What is known of a set of accounts, over one period.
#[derive(Debug)]
pub struct Analysis<'c> {
    /// What is granted to whom, over the catalogue of the analysis.
    pub access: AccessModel<'c>,
    /// What was used by whom.
    pub ledger: UsageLedger,
    /// How calls map to actions.
    pub mapper: EventMapper<'c>,
    /// Credential reports, their keys named where a list of keys told the name.
    pub credentials: Vec<CredentialReport>,
    /// The period for which something must have gone unused; its end is the present of the analysis.
    pub period: TrackingPeriod,
    /// What counts as use, and how complete a source must be.
    pub rules: Rules,
    /// What could not be read, sorted and without doubles.
    pub problems: Vec<InputProblem>,
    /// Of which moment exports without a date of their own are.
    pub undated: UndatedExports,
}

/// Of which moment account details and bare credential reports are, which carry no date. Their silence means something only
/// up to the moment at which they were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UndatedExports {
    /// Somebody says that they are of the end of the period, and logs do not show that they are not.
    #[default]
    OfTheMoment,
    /// Nobody says so: they are no younger than their latest date, and must show one near the end of the period.
    AsTheyShow,
}

impl<'c> Analysis<'c> {
    /// Joins what was read. `mapper` is the one that the ledger was filled with, and brings the catalogue.
    #[must_use]
    pub fn new(mapper: EventMapper<'c>, records: Records, period: TrackingPeriod, rules: Rules) -> Analysis<'c> {
        let Records { accounts, mut ledger, mut credentials, keys, mut problems } = records;
        for list in &keys {
            // A list names no account of its own, so each of its keys may be in any report; a key finds one slot at most.
            let placed: usize = credentials.iter_mut().map(|report| list.keys.len() - list.join(report)).sum();
            if placed < list.keys.len() && !credentials.is_empty() {
                problems.push(InputProblem {
                    file: list.account.map_or_else(|| "access keys".into(), |account| format!("access keys of {account}").into()),
                    place: None,
                    message: format!(
                        "{} of {} keys fit no key of a credential report",
                        list.keys.len() - placed,
                        list.keys.len()
                    ),
                    help: Some("get the report and the list at the same time; a key without a name is named by its slot"),
                    affects: Affects::Nobody,
                });
            }
        }
        problems.sort();
        problems.dedup();
        ledger.identify(&accounts.principals);
        Analysis {
            access: AccessModel::new(accounts, mapper.catalogue()),
            ledger,
            mapper,
            credentials,
            period,
            rules,
            problems,
            undated: UndatedExports::default(),
        }
    }

    /// The principal's use, to ask for the states of its permissions.
    #[must_use]
    pub fn use_of<'a>(&'a self, principal: &'a Principal) -> PrincipalUse<'a> {
        self.ledger.of(&principal.arn, &self.mapper, self.period, self.rules)
    }

    /// Whether something that has been there since `created` is too young to be judged. What has no date is.
    #[must_use]
    pub fn is_young(&self, created: Option<Timestamp>) -> bool {
        created.is_none_or(|created| created >= self.period.start)
    }
}

/// One thing in the input that could not be read, whatever kind of input it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputProblem {
    /// The input, by the name that the caller gave it.
    pub file: Arc<str>,
    /// Where in the input; none when it is about the input as a whole.
    pub place: Option<Place>,
    /// What is wrong, in lower case, with the offending text in backticks.
    pub message: String,
    /// What to do about it.
    pub help: Option<&'static str>,
    /// Whose access or use is not fully known because of it.
    pub affects: Affects,
}

/// A place in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Line and column.
    Position(Position),
    /// A record, counted from 1.
    Record(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Position(position) => position.fmt(f),
            Place::Record(record) => write!(f, "record {record}"),
        }
    }
}

impl fmt::Display for InputProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl InputProblem {
    /// A problem of an input as a whole, of which nobody knows whom it concerns.
    #[must_use]
    pub fn of_file(file: &str, message: impl Into<String>, help: Option<&'static str>) -> InputProblem {
        InputProblem { file: file.into(), place: None, message: message.into(), help, affects: Affects::Untold }
    }

    /// The account that it concerns, when that is known and only one.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match &self.affects {
            Affects::Principal(principal) => Some(principal.account()),
            Affects::Policy(policy) => policy.owner(),
            Affects::Account(account) => Some(*account),
            Affects::Nobody | Affects::Untold => None,
        }
    }
}

impl From<Problem> for InputProblem {
    fn from(problem: Problem) -> InputProblem {
        let Problem { file, position, message, help, affects } = problem;
        InputProblem { file, place: position.map(Place::Position), message, help: Some(help), affects }
    }
}

impl From<ReportProblem> for InputProblem {
    fn from(problem: ReportProblem) -> InputProblem {
        InputProblem {
            file: problem.file,
            place: problem.record.map(|record| Place::Record(record as u64)),
            message: problem.message,
            help: Some("get the report again with `aws iam get-service-last-accessed-details`"),
            affects: problem.principal.map_or(Affects::Untold, Affects::Principal),
        }
    }
}
