//! Makes up organizations, their logs and reports, and knows the truth about them.
//!
//! Stands beside the flow: its files go in at the start, and its truth is compared with what comes out. Nothing of
//! the analysis is used by it, so that the two can't share a mistake. It opens no file, reads no clock and asks
//! nobody: the caller gives the seed and the present moment, and writes what it is handed.
//!
//! ```
//! use leastwise_demo::{Options, generate};
//!
//! let options = Options { accounts: 1, roles: 2, users: 1, events: 10, days: 2, ..Options::default() };
//! let mut files = Vec::new();
//! generate(&options, &mut |name, _| {
//!     files.push(name.to_string());
//!     Ok(())
//! })
//! .unwrap();
//! assert!(files.iter().any(|file| file.starts_with("account/")));
//! ```

mod details;
mod organization;
mod past;
mod policy;
mod random;
mod reports;
mod services;
mod tangles;
mod text;
mod time;
mod trail;
mod truth;

#[cfg(test)]
mod tests;

use std::io;

/// What to make up. Equal options give equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the random choices begin.
    pub seed: u64,
    /// The present moment, in seconds since 1970 (UTC); the logs end and the reports are taken here. A full hour.
    pub as_of: i64,
    /// The tracking period that the truth is about, in days.
    pub tracking_period: u32,
    /// How many days of logs there are. No more than the period leave the logs incomplete.
    pub days: u32,
    /// Number of accounts, at least 1.
    pub accounts: usize,
    /// Number of roles, over all accounts.
    pub roles: usize,
    /// Number of users, over all accounts.
    pub users: usize,
    /// Number of events of principals that the logs have, at least; every use has one in any case. The hourly calls
    /// of AWS itself come on top.
    pub events: usize,
    /// Whether the trails record data events of S3 objects, Lambda functions and DynamoDB tables.
    pub data_events: bool,
    /// Whether some principals make calls of names that nobody knows.
    pub unmapped_events: bool,
    /// Hours in the middle of the period for which the first account's trail delivered nothing.
    pub gap_hours: u32,
    /// Whether some principals have a past that names alone do not tell: renamed users, roles made anew under an old name,
    /// roles that are only assumed, and what is used in the last hours before the present, which only the logs know yet.
    pub tangles: bool,
    /// How the trails are set up.
    pub trails: Trails,
    /// In how many regions the accounts work, at least 1; global services record in the first.
    pub regions: usize,
    /// What is left out or damaged.
    pub damage: Vec<(FileKind, Damage)>,
    /// Whether to write `truth.json`, which grows with the number of principals and their permissions.
    pub truth: bool,
}

impl Default for Options {
    /// Three accounts with 60 roles and 15 users, 95 days of logs up to 2026-11-01, everything complete.
    fn default() -> Options {
        Options {
            seed: 1,
            as_of: 1_793_491_200,
            tracking_period: 90,
            days: 95,
            accounts: 3,
            roles: 60,
            users: 15,
            events: 20_000,
            data_events: false,
            unmapped_events: false,
            gap_hours: 0,
            tangles: false,
            trails: Trails::Each,
            regions: 1,
            damage: Vec::new(),
            truth: true,
        }
    }
}

/// How the trails of an organization are set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trails {
    /// One in each account, for all of its events.
    #[default]
    Each,
    /// In each account one for management events, and one for data events whose selectors were set in the middle of the
    /// period, which the log shows. Its data events are also delivered in sum, as aggregated events.
    Several,
    /// One of the first account for the whole organization.
    Organization,
}

/// A kind of file that the analysis reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// `account/`: account authorization details.
    AccountDetails,
    /// `credential-report/`
    CredentialReport,
    /// `access-keys/`
    AccessKeys,
    /// `last-accessed/`
    LastAccessed,
    /// `cloudtrail/`
    CloudTrail,
    /// `service-reference/`
    ServiceReference,
}

impl FileKind {
    /// All kinds.
    pub const ALL: [FileKind; 6] = [
        FileKind::AccountDetails,
        FileKind::CredentialReport,
        FileKind::AccessKeys,
        FileKind::LastAccessed,
        FileKind::CloudTrail,
        FileKind::ServiceReference,
    ];

    /// The kind's folder.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            FileKind::AccountDetails => "account",
            FileKind::CredentialReport => "credential-report",
            FileKind::AccessKeys => "access-keys",
            FileKind::LastAccessed => "last-accessed",
            FileKind::CloudTrail => "cloudtrail",
            FileKind::ServiceReference => "service-reference",
        }
    }
}

/// What is wrong with the files of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// There are none.
    LeaveOut,
    /// One of them ends in its middle (of last-accessed reports, every third).
    Truncate,
    /// One of them has a stretch of other bytes in its middle (of last-accessed reports, every third).
    Corrupt,
}

impl Options {
    fn damage_of(&self, source: FileKind) -> Option<Damage> {
        self.damage.iter().find(|(own, _)| *own == source).map(|(_, damage)| *damage)
    }
}

/// What was made up, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Files written.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Records in the logs, doubles and those of AWS included.
    pub events: usize,
    /// Users, groups and roles.
    pub principals: usize,
}

/// Makes up an organization and hands each file to `write`: its name below the demo's folder, with `/`, and its bytes.
///
/// # Errors
/// Those of `write`; the rest of the files are then not made.
pub fn generate(options: &Options, write: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>) -> io::Result<Summary> {
    let organization = organization::Organization::new(options);
    let mut summary = Summary { principals: organization.principals.len(), ..Summary::default() };
    let mut sink = Sink { options, write, summary: &mut summary };
    reports::service_reference(&organization, &mut sink)?;
    let seen = trail::write(&organization, options, &mut sink)?;
    details::write(&organization, &seen, &mut sink)?;
    reports::credentials(&organization, &seen, &mut sink)?;
    reports::last_accessed(&organization, &seen, &mut sink)?;
    if options.truth {
        truth::write(&organization, options, &seen, &mut sink)?;
    }
    Ok(summary)
}

/// Hands files on, damaged as the options say.
struct Sink<'s> {
    options: &'s Options,
    write: &'s mut dyn FnMut(&str, &[u8]) -> io::Result<()>,
    summary: &'s mut Summary,
}

impl Sink<'_> {
    /// A file of `source`; `chosen` says whether it is one of those that a damage hits.
    fn put(&mut self, source: FileKind, name: &str, bytes: &[u8], chosen: bool) -> io::Result<()> {
        let name = format!("{}/{name}", source.folder());
        let middle = bytes.len() / 2;
        match self.options.damage_of(source) {
            Some(Damage::LeaveOut) => Ok(()),
            Some(Damage::Truncate) if chosen => self.plain(&name, bytes.get(..middle).unwrap_or_default()),
            Some(Damage::Corrupt) if chosen => {
                let mut bytes = bytes.to_vec();
                for byte in bytes.iter_mut().skip(middle).take(24) {
                    *byte ^= 0xA5;
                }
                self.plain(&name, &bytes)
            }
            _ => self.plain(&name, bytes),
        }
    }

    fn plain(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.summary.files += 1;
        self.summary.bytes += bytes.len() as u64;
        (self.write)(name, bytes)
    }
}
