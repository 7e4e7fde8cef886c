//! Reads IAM's credential report: passwords and access keys of an account's users, and when they were last used.
//!
//! Part of the access stage. It takes the CSV itself or the answer of `aws iam get-credential-report` around it. A
//! cell that cannot be read becomes `unknown`, never `not used`; whether something is unused is not decided here.

use std::sync::Arc;

use leastwise_policy::json::{self, Position};

use super::access_keys::AccessKeyId;
use super::arn::{AccountId, PrincipalArn};
use super::problem::{Affects, Problem, excerpt};
use super::time::Timestamp;

/// The columns of a report, in the order in which IAM writes them (IAM User Guide, "Credential reports"). Others are ignored.
pub const COLUMNS: [&str; 22] = [
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
];

/// What a report says of a last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LastUse {
    /// Used then.
    At(Timestamp),
    /// No use is on record (`N/A`, `no_information`). IAM has kept these records since October 2014 for passwords and
    /// since April 2015 for keys, so for anything younger it means never.
    Never,
    /// The cell is missing or not readable.
    Unknown,
}

/// Whether something is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enabled {
    /// It is.
    Yes,
    /// It is not, or there is none.
    No,
    /// The cell is missing, not readable, or `not_supported` as in the row of the root user.
    Unknown,
}

/// A console password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// Whether the user can sign in with it.
    pub enabled: Enabled,
    /// When it was last used to sign in.
    pub last_used: LastUse,
    /// When it was set or last changed.
    pub changed: Option<Timestamp>,
}

/// An access key, by its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// 1 or 2.
    pub slot: u8,
    /// Whether it is active.
    pub active: Enabled,
    /// When it was made or last changed state.
    pub rotated: Option<Timestamp>,
    /// When it last signed a request.
    pub last_used: LastUse,
    /// The service that the last request went to, as spelled.
    pub last_used_service: Option<Box<str>>,
    /// Its id, once a list of keys was joined.
    pub id: Option<AccessKeyId>,
}

/// One row: a user, or the account's root user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Whose credentials these are.
    pub arn: PrincipalArn,
    /// When the user was created.
    pub created: Option<Timestamp>,
    /// The password.
    pub password: Password,
    /// Whether a second factor is set up.
    pub mfa_active: Enabled,
    /// The two key slots.
    pub keys: [AccessKey; 2],
}

impl CredentialRow {
    /// Since when the password has been there to be used: its last change, or the user's creation, whichever is later. None when one
    /// of them is not known: it may be younger then.
    #[must_use]
    pub fn password_since(&self) -> Option<Timestamp> {
        self.password.changed.zip(self.created).map(|(changed, created)| changed.max(created))
    }

    /// Since when the key has been there to be used: its rotation, or the user's creation, whichever is later. None when one of them
    /// is not known: it may be younger then.
    #[must_use]
    pub fn key_since(&self, key: &AccessKey) -> Option<Timestamp> {
        key.rotated.zip(self.created).map(|(rotated, created)| rotated.max(created))
    }
}

/// A credential report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialReport {
    /// When IAM made it; only the answer around the CSV tells.
    pub generated: Option<Timestamp>,
    /// Its rows, in the report's order.
    pub rows: Vec<CredentialRow>,
}

const HELP: &str = "get the report again with `aws iam get-credential-report`; until then these credentials are not judged";

impl CredentialReport {
    /// Reads one report: CSV, its base64 text, or the JSON answer that holds it. `file` is its name in problems.
    #[must_use]
    pub fn read(file: &str, bytes: &[u8]) -> (CredentialReport, Vec<Problem>) {
        let mut reader = Reader { file: file.into(), problems: Vec::new(), account: None };
        let report = reader.report(bytes);
        (report, reader.problems)
    }

    /// The accounts in the report.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<AccountId> = self.rows.iter().map(|row| row.arn.account()).collect();
        accounts.sort();
        accounts.dedup();
        accounts
    }
}

struct Reader {
    file: Arc<str>,
    problems: Vec<Problem>,
    /// The account of the last row that could be read: a report is of one account.
    account: Option<AccountId>,
}

impl Reader {
    fn problem(&mut self, line: usize, column: usize, message: String, affects: Affects) {
        let position = (line > 0).then_some(Position { line, column });
        self.problems.push(Problem { file: Arc::clone(&self.file), position, message, help: HELP, affects });
    }

    fn untold(&self) -> Affects {
        self.account.map_or(Affects::Untold, Affects::Account)
    }

    fn report(&mut self, bytes: &[u8]) -> CredentialReport {
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let line = bytes.get(..error.valid_up_to()).unwrap_or_default().iter().filter(|b| **b == b'\n').count() + 1;
                self.problem(line, 1, "the line is not UTF-8; it and what follows are not read".to_owned(), Affects::Untold);
                let valid = bytes.get(..error.valid_up_to()).and_then(|v| std::str::from_utf8(v).ok()).unwrap_or_default();
                valid.rfind('\n').and_then(|end| valid.get(..=end)).unwrap_or_default()
            }
        };
        let text = valid.trim_start_matches('\u{feff}');
        if !text.trim_start().starts_with('{') {
            return self.content(text, None);
        }
        let node = match json::parse(text) {
            Ok(node) => node,
            Err(error) => {
                self.problem(error.position.line, error.position.column, error.message, Affects::Untold);
                return CredentialReport::default();
            }
        };
        let generated = node.member("GeneratedTime").and_then(|m| m.value.as_str()).and_then(Timestamp::parse);
        match node.member("Content").and_then(|m| m.value.as_str()) {
            Some(content) => self.content(content, generated),
            None => {
                self.problem(0, 0, "the answer has no `Content`".to_owned(), Affects::Untold);
                CredentialReport::default()
            }
        }
    }

    /// CSV or its base64 text.
    fn content(&mut self, content: &str, generated: Option<Timestamp>) -> CredentialReport {
        let mut report = CredentialReport { generated, rows: Vec::new() };
        let first = content.lines().next().unwrap_or_default();
        if first.contains(',') || content.trim().is_empty() {
            report.rows = self.rows(content);
            return report;
        }
        match base64(content).map(String::from_utf8) {
            Some(Ok(text)) => report.rows = self.rows(&text),
            _ => self.problem(1, 1, format!("`{}` is no header of a credential report", excerpt(first)), Affects::Untold),
        }
        report
    }

    fn rows(&mut self, text: &str) -> Vec<CredentialRow> {
        let mut records = records(text);
        let Some((_, header, _)) = records.next() else {
            self.problem(1, 1, "the report is empty".to_owned(), Affects::Untold);
            return Vec::new();
        };
        let Some(places) = self.places(&header) else { return Vec::new() };
        let mut rows = Vec::new();
        for (line, cells, closed) in records {
            if cells.len() == 1 && cells.first().is_some_and(|cell| cell.is_empty()) {
                continue;
            }
            if cells.len() != header.len() || !closed {
                let message = format!("the row has {} cells of {}", cells.len(), header.len());
                let named = self.arn_of(&places, &cells);
                let affects = named.map_or_else(|| self.untold(), Affects::Principal);
                self.problem(line, 1, message, affects);
                continue;
            }
            let row = self.row(line, &Cells { places: &places, cells: &cells });
            rows.extend(row);
        }
        rows
    }

    /// Where each column stands. One that is missing, or there twice, or beside one of its kind that is not known, has no place, so
    /// that the credential is not judged; none when nothing can be relied on.
    fn places(&mut self, header: &[String]) -> Option<[Option<usize>; 22]> {
        let names: Vec<&str> = header.iter().map(|name| name.trim()).collect();
        let mut places = COLUMNS.map(|column| names.iter().position(|name| *name == column));
        let of = |is: &dyn Fn(&str, Option<usize>) -> bool| -> Vec<&str> {
            COLUMNS.iter().zip(&places).filter(|(column, at)| is(column, **at)).map(|(column, _)| *column).collect()
        };
        let missing = of(&|_, at| at.is_none());
        let doubled = of(&|column, _| names.iter().filter(|name| **name == column).count() > 1);
        let strange: Vec<&str> = names.iter().copied().filter(|name| !COLUMNS.contains(name) && family(name).is_some()).collect();
        for (what, which) in [("are missing", &missing), ("stand there twice", &doubled), ("are not known", &strange)] {
            if !which.is_empty() {
                let which: Vec<String> = which.iter().map(|name| excerpt(name)).collect();
                self.problem(1, 1, format!("columns {what}: `{}`", which.join("`, `")), Affects::Untold);
            }
        }
        let broken: Vec<&str> = doubled.iter().chain(&strange).filter_map(|name| family(name)).collect();
        for (column, at) in COLUMNS.iter().zip(&mut places) {
            if family(column).is_some_and(|family| broken.contains(&family)) {
                *at = None;
            }
        }
        if !places.iter().flatten().is_sorted() {
            self.problem(
                1,
                1,
                "the columns are not in the order in which IAM writes them; no row is read".to_owned(),
                Affects::Untold,
            );
            return None;
        }
        Some(places)
    }

    fn arn_of(&self, places: &[Option<usize>; 22], cells: &[String]) -> Option<PrincipalArn> {
        // The last cell of a cut row may be half an ARN.
        let at = places.get(1).copied().flatten().filter(|at| at + 1 < cells.len())?;
        PrincipalArn::parse(cells.get(at)?)
    }

    fn row(&mut self, line: usize, cells: &Cells<'_>) -> Option<CredentialRow> {
        let written = cells.of("arn").unwrap_or_default();
        let Some(arn) = PrincipalArn::parse(written) else {
            let message = format!("`{}` is not the ARN of a user", excerpt(written));
            let affects = self.untold();
            self.problem(line, 1, message, affects);
            return None;
        };
        self.account = Some(arn.account());
        let mut row = RowReader { reader: self, line, cells, arn: &arn };
        let created = row.date("user_creation_time");
        let password = Password {
            enabled: row.enabled("password_enabled"),
            last_used: row.last_use("password_last_used", created),
            changed: row.date_since("password_last_changed", created),
        };
        let mfa_active = row.enabled("mfa_active");
        let keys = [
            row.key(
                1,
                created,
                [
                    "access_key_1_active",
                    "access_key_1_last_rotated",
                    "access_key_1_last_used_date",
                    "access_key_1_last_used_region",
                    "access_key_1_last_used_service",
                ],
            ),
            row.key(
                2,
                created,
                [
                    "access_key_2_active",
                    "access_key_2_last_rotated",
                    "access_key_2_last_used_date",
                    "access_key_2_last_used_region",
                    "access_key_2_last_used_service",
                ],
            ),
        ];
        Some(CredentialRow { arn, created, password, mfa_active, keys })
    }
}

/// Which credential a column is about, by the beginning of its name; none for one that decides nothing.
fn family(column: &str) -> Option<&'static str> {
    ["password_", "access_key_1_", "access_key_2_", "user_creation_"].into_iter().find(|family| column.starts_with(family))
}

struct Cells<'c> {
    places: &'c [Option<usize>; 22],
    cells: &'c [String],
}

impl Cells<'_> {
    /// The cell of that column; none when the report lacks the column.
    fn of(&self, column: &str) -> Option<&str> {
        let at = COLUMNS.iter().position(|own| *own == column)?;
        self.cells.get(self.places.get(at).copied().flatten()?).map(|cell| cell.trim())
    }
}

/// Words that stand where a date could, for want of one.
const NO_DATE: [&str; 3] = ["N/A", "no_information", "not_supported"];

struct RowReader<'r> {
    reader: &'r mut Reader,
    line: usize,
    cells: &'r Cells<'r>,
    arn: &'r PrincipalArn,
}

impl RowReader<'_> {
    fn bad(&mut self, column: &str, cell: &str) {
        let message = format!("`{}` in column `{column}` is not understood", excerpt(cell));
        self.reader.problem(self.line, 1, message, Affects::Principal(self.arn.clone()));
    }

    fn enabled(&mut self, column: &'static str) -> Enabled {
        match self.cells.of(column) {
            Some(cell) if cell.eq_ignore_ascii_case("true") => Enabled::Yes,
            Some(cell) if cell.eq_ignore_ascii_case("false") || cell == "N/A" => Enabled::No,
            None | Some("not_supported") => Enabled::Unknown,
            Some(cell) => {
                self.bad(column, cell);
                Enabled::Unknown
            }
        }
    }

    fn date(&mut self, column: &'static str) -> Option<Timestamp> {
        let cell = self.cells.of(column).filter(|cell| !NO_DATE.contains(cell))?;
        let date = Timestamp::parse(cell).filter(|date| date.is_plausible());
        if date.is_none() {
            self.bad(column, cell);
        }
        date
    }

    /// The same, unless it is before the user was created: then one of the two dates is wrong.
    fn date_since(&mut self, column: &'static str, created: Option<Timestamp>) -> Option<Timestamp> {
        let date = self.date(column)?;
        if created.is_some_and(|created| date < created) {
            let message = format!("`{date}` in column `{column}` is before the user was created");
            self.reader.problem(self.line, 1, message, Affects::Principal(self.arn.clone()));
            return None;
        }
        Some(date)
    }

    fn last_use(&mut self, column: &'static str, created: Option<Timestamp>) -> LastUse {
        match self.cells.of(column) {
            None => LastUse::Unknown,
            Some("N/A" | "no_information") => LastUse::Never,
            Some("not_supported") => LastUse::Unknown,
            Some(_) => self.date_since(column, created).map_or(LastUse::Unknown, LastUse::At),
        }
    }

    fn key(
        &mut self,
        slot: u8,
        created: Option<Timestamp>,
        [active, rotated, last_used, region, service]: [&'static str; 5],
    ) -> AccessKey {
        let names_use = [region, service]
            .into_iter()
            .any(|column| self.cells.of(column).is_some_and(|cell| !cell.is_empty() && !NO_DATE.contains(&cell)));
        let service = self.cells.of(service).filter(|cell| !NO_DATE.contains(cell) && !cell.is_empty());
        let last_used = match self.last_use(last_used, created) {
            // A region or a service of a last use, and no date.
            LastUse::Never if names_use => LastUse::Unknown,
            known => known,
        };
        AccessKey {
            slot,
            active: self.enabled(active),
            rotated: self.date_since(rotated, created),
            last_used,
            last_used_service: service.map(Into::into),
            id: None,
        }
    }
}

/// The records of a CSV text (RFC 4180): line of the first character, cells, and whether every quote was closed.
fn records(text: &str) -> impl Iterator<Item = (usize, Vec<String>, bool)> + '_ {
    let mut rest = text.chars().peekable();
    let mut line = 1;
    std::iter::from_fn(move || {
        rest.peek()?;
        let start = line;
        let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        while let Some(c) = rest.next() {
            line += usize::from(c == '\n');
            match c {
                '"' if quoted && rest.peek() == Some(&'"') => {
                    rest.next();
                    cell.push('"');
                }
                '"' if quoted => quoted = false,
                '"' if cell.is_empty() => quoted = true,
                ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                '\r' if !quoted && rest.peek() == Some(&'\n') => {}
                '\n' if !quoted => break,
                c => cell.push(c),
            }
        }
        cells.push(cell);
        Some((start, cells, !quoted))
    })
}

/// Undoes base64 (RFC 4648); none when `text` is not base64. White space is skipped.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held, mut padded) = (0_u32, 0, false);
    for c in text.bytes().filter(|c| !c.is_ascii_whitespace()) {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padded = true;
                continue;
            }
            _ => return None,
        };
        if padded {
            return None;
        }
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xFF).ok()?);
        }
    }
    Some(bytes)
}
