//! Reads the answers of `get-service-last-accessed-details` into one report per principal.
//!
//! The answer does not say whose it is. It is tied to its principal by a wrapper, `{"Arn": "…", "Response": {…}}`, or
//! by the file's name, in one of two schemes:
//! `…/111122223333/role/team/worker.json` (account, kind, path and name), or the ARN itself, percent-encoded where
//! need be: `arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fteam%2Fworker.json`. Before `.json` a page number may stand
//! behind a tilde: `worker~2.json`. A text may hold one answer, a list of them or one after the other.
//! It concludes nothing: a service or action that is absent from a report is simply absent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::access::time::DAY;
use crate::access::{PrincipalArn, Timestamp};

/// How far behind a report can be when it is made (IAM user guide, last accessed information), in seconds.
pub const REPORT_DELAY: i64 = 4 * 3600;

/// What IAM reports of one principal's use of services, as one job saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAccessedReport {
    /// Whose use it is.
    pub principal: PrincipalArn,
    /// When the job was completed; none when it was not.
    pub completed: Option<Timestamp>,
    /// Whether all of it is there.
    pub status: ReportStatus,
    /// The services, sorted by prefix, each once.
    pub services: Vec<ServiceAccess>,
}

/// Whether a report can be concluded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportStatus {
    /// The job was completed and all pages are there.
    Complete,
    /// Pages are missing; what is there is right.
    Partial,
    /// The job failed, or had not ended.
    Failed(String),
}

/// One service of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccess {
    /// Its prefix, in lower case.
    pub prefix: String,
    /// The last attempt; none when none was made in the 400 days that IAM remembers.
    pub last: Option<Timestamp>,
    /// The tracked actions that are listed, by name as written, each with the last attempt. Absent ones are not tracked
    /// or not granted; their absence means nothing.
    pub tracked: Vec<(String, Option<Timestamp>)>,
    /// Whether the entry tells of a use whose date cannot be read or cannot be: what it does not show means nothing then.
    pub doubtful: bool,
}

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportProblem {
    /// The input, by the name that the caller gave it.
    pub file: Arc<str>,
    /// Which answer in it, counted from 1; none when it is about the input as a whole.
    pub record: Option<usize>,
    /// What is wrong, with the offending text in backticks.
    pub message: String,
    /// Whose report it was, where that is known: it fails for this principal.
    pub principal: Option<PrincipalArn>,
}

impl fmt::Display for ReportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.record {
            Some(record) => write!(f, "{}: answer {record}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    job_status: Option<String>,
    job_creation_date: Option<Value>,
    job_completion_date: Option<Value>,
    services_last_accessed: Option<Vec<Service>>,
    #[serde(default)]
    is_truncated: bool,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    service_namespace: String,
    last_authenticated: Option<Value>,
    last_authenticated_entity: Option<Value>,
    last_authenticated_region: Option<Value>,
    total_authenticated_entities: Option<Value>,
    tracked_actions_last_accessed: Option<Vec<Tracked>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tracked {
    action_name: String,
    last_accessed_time: Option<Value>,
    last_accessed_entity: Option<Value>,
    last_accessed_region: Option<Value>,
}

/// Whether a member tells of a use: a text that is not empty, or a number other than zero.
fn tells_of_use(member: &Option<Value>) -> bool {
    match member {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Number(number)) => number.as_i64() != Some(0),
        Some(_) => true,
    }
}

/// Collects answers from any number of texts, then joins the pages of each job.
#[derive(Debug, Default)]
pub struct LastAccessedReader {
    /// By principal and completion: a job's pages share both.
    jobs: BTreeMap<(PrincipalArn, Option<Timestamp>), Job>,
    problems: Vec<ReportProblem>,
}

#[derive(Debug, Default)]
struct Job {
    services: BTreeMap<String, ServiceAccess>,
    last_page: bool,
    failed: Option<String>,
    file: Arc<str>,
}

impl LastAccessedReader {
    /// Reads one text; `name` is what it is called, a file's path as a rule. What is not UTF-8 fails as what is not JSON does.
    pub fn add(&mut self, name: &str, text: &[u8]) {
        let file: Arc<str> = name.into();
        let by_name = principal_of_path(name);
        let mut problem = |record, message, principal: Option<PrincipalArn>| {
            self.problems.push(ReportProblem { file: file.clone(), record, message, principal });
        };
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut answers = Vec::new();
        for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
            match value {
                Ok(Value::Array(list)) => answers.extend(list),
                Ok(value) => answers.push(value),
                Err(error) => {
                    if let Some(principal) = by_name.clone() {
                        self.jobs.entry((principal, None)).or_default().failed = Some("unreadable".to_owned());
                    }
                    problem(
                        None,
                        format!("not JSON at line {}, column {}: {error}", error.line(), error.column()),
                        by_name.clone(),
                    );
                    break;
                }
            }
        }
        if answers.is_empty() && text.trim_ascii().is_empty() {
            if let Some(principal) = by_name.clone() {
                self.jobs.entry((principal, None)).or_default().failed = Some("empty".to_owned());
            }
            problem(None, "an empty text".to_owned(), by_name.clone());
        }
        for (index, mut answer) in answers.into_iter().enumerate() {
            let record = Some(index + 1);
            let arn = answer.get("Arn").and_then(Value::as_str).map(str::to_owned);
            let response = answer.get_mut("Response").map(Value::take).unwrap_or(answer);
            let principal = match &arn {
                Some(arn) => PrincipalArn::parse(arn),
                None => by_name.clone(),
            };
            let Some(principal) = principal else {
                let why = arn.map_or_else(
                    || "nothing says whose report it is".to_owned(),
                    |arn| format!("`{arn}` is no user, group or role"),
                );
                problem(record, why, None);
                continue;
            };
            match serde_json::from_value::<Answer>(response) {
                Ok(answer) => {
                    let job =
                        self.jobs.entry((principal.clone(), answer.job_completion_date.as_ref().and_then(date))).or_default();
                    job.file = file.clone();
                    if let Some(message) = job.take(answer) {
                        problem(record, message, Some(principal));
                    }
                }
                Err(error) => {
                    problem(record, format!("no answer of get-service-last-accessed-details: {error}"), Some(principal.clone()));
                    self.jobs.entry((principal, None)).or_default().failed = Some("unreadable".to_owned());
                }
            }
        }
    }

    /// The reports, sorted by principal and age, and all problems.
    #[must_use]
    pub fn finish(mut self) -> (Vec<LastAccessedReport>, Vec<ReportProblem>) {
        let mut reports = Vec::new();
        for ((principal, completed), job) in self.jobs {
            let status = match (job.failed, completed, job.last_page) {
                (Some(why), _, _) => ReportStatus::Failed(why),
                (None, None, _) => ReportStatus::Failed("no completion date".to_owned()),
                (None, Some(_), false) => {
                    let message = "`IsTruncated` is true and the pages that follow are missing".to_owned();
                    self.problems.push(ReportProblem {
                        file: job.file,
                        record: None,
                        message,
                        principal: Some(principal.clone()),
                    });
                    ReportStatus::Partial
                }
                (None, Some(_), true) => ReportStatus::Complete,
            };
            reports.push(LastAccessedReport { principal, completed, status, services: job.services.into_values().collect() });
        }
        self.problems.sort();
        (reports, self.problems)
    }
}

impl Job {
    /// Adds a page; says what is wrong with it, if anything.
    fn take(&mut self, answer: Answer) -> Option<String> {
        let status = answer.job_status.unwrap_or_default();
        let [created, completed] =
            [&answer.job_creation_date, &answer.job_completion_date].map(|told| told.as_ref().and_then(date));
        let ended = |created: Timestamp, completed: Timestamp| (0..=DAY).contains(&(completed.seconds() - created.seconds()));
        if completed
            .is_some_and(|completed| !completed.is_plausible() || created.is_some_and(|created| !ended(created, completed)))
        {
            self.failed = Some("its completion date cannot be".to_owned());
            return self.failed.clone();
        }
        if status != "COMPLETED" {
            let error = answer.error.map(|error| format!(" ({error})")).unwrap_or_default();
            let why = if status.is_empty() { "no `JobStatus`".to_owned() } else { format!("`JobStatus` is `{status}`{error}") };
            self.failed = Some(why.clone());
            return Some(why);
        }
        let Some(services) = answer.services_last_accessed else {
            self.failed = Some("no `ServicesLastAccessed`".to_owned());
            return self.failed.clone();
        };
        self.last_page |= !answer.is_truncated;
        let completed = answer.job_completion_date.as_ref().and_then(date);
        let mut doubts = Vec::new();
        for service in services {
            let prefix = service.service_namespace.to_ascii_lowercase();
            let mut read = |what: &str, value: &Option<Value>, others: &[&Option<Value>]| {
                let found = value.as_ref().filter(|value| !value.is_null());
                let last = found.and_then(date).filter(|last| can_be(*last, completed));
                match found {
                    Some(value) if last.is_none() => doubts.push(format!("{what}: `{value}` is no date that can be")),
                    None if others.iter().any(|other| tells_of_use(other)) => {
                        doubts.push(format!("{what}: a use is told of, and no date"));
                    }
                    _ => return (last, false),
                }
                (None, true)
            };
            let others =
                [&service.last_authenticated_entity, &service.last_authenticated_region, &service.total_authenticated_entities];
            let (mut last, mut doubtful) = read(&prefix, &service.last_authenticated, &others);
            let mut tracked = Vec::new();
            for action in service.tracked_actions_last_accessed.into_iter().flatten() {
                let what = format!("{prefix}:{}", action.action_name);
                let others = [&action.last_accessed_entity, &action.last_accessed_region];
                let (time, is_doubtful) = read(&what, &action.last_accessed_time, &others);
                doubtful |= is_doubtful;
                // A use of an action is one of its service.
                last = last.max(time);
                tracked.push((action.action_name, time));
            }
            let fresh = || ServiceAccess { prefix: prefix.clone(), last: None, tracked: Vec::new(), doubtful: false };
            let entry = self.services.entry(prefix.clone()).or_insert_with(fresh);
            entry.last = entry.last.max(last);
            entry.tracked.extend(tracked);
            entry.doubtful |= doubtful;
        }
        let more = doubts.len().saturating_sub(1);
        let first = doubts.into_iter().next()?;
        Some(if more == 0 { first } else { format!("{first} (and {more} more like this)") })
    }
}

/// Whether a use can be of that moment: IAM looks back to October 2015 (IAM user guide, last accessed information), and a report
/// knows of nothing that came after it.
fn can_be(last: Timestamp, completed: Option<Timestamp>) -> bool {
    last.is_plausible() && completed.is_none_or(|completed| last.seconds() <= completed.seconds() + DAY)
}

/// A date as the command line prints it: text in version 2, seconds in version 1.
fn date(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse(text),
        Value::Number(number) => Timestamp::parse_epoch(&number.to_string()),
        _ => None,
    }
}

/// The principal that a path names, in one of the two schemes.
fn principal_of_path(path: &str) -> Option<PrincipalArn> {
    let stem = path.strip_suffix(".json").unwrap_or(path);
    let stem = match stem.rsplit_once('~') {
        Some((before, page)) if !page.is_empty() && page.bytes().all(|c| c.is_ascii_digit()) => before,
        _ => stem,
    };
    let last = stem.rsplit(['/', '\\']).next().unwrap_or(stem);
    if let Some(arn) = decoded(last).as_deref().and_then(PrincipalArn::parse) {
        return Some(arn);
    }
    if let Some(arn) = stem.find("arn:aws").and_then(|at| stem.get(at..)).and_then(PrincipalArn::parse) {
        return Some(arn);
    }
    let parts: Vec<&str> = stem.split(['/', '\\']).collect();
    let kind = parts.iter().rposition(|part| ["role", "user", "group"].contains(part))?;
    let (account, rest) = (parts.get(kind.checked_sub(1)?)?, parts.get(kind..)?.join("/"));
    PrincipalArn::parse(&format!("arn:aws:iam::{account}:{rest}"))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|c| char::from(c).to_digit(16));
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = r#"{"JobStatus":"COMPLETED","JobType":"ACTION_LEVEL","JobCompletionDate":"2026-04-01T04:00:00+00:00","IsTruncated":false,
        "ServicesLastAccessed":[
         {"ServiceName":"Amazon S3","ServiceNamespace":"s3","LastAuthenticated":"2026-03-01T00:00:00+00:00","TotalAuthenticatedEntities":1,
          "TrackedActionsLastAccessed":[{"ActionName":"CreateBucket"},{"ActionName":"ListAllMyBuckets","LastAccessedTime":"2026-03-01T00:00:00+00:00"}]},
         {"ServiceName":"AWS Lambda","ServiceNamespace":"lambda","TotalAuthenticatedEntities":0}]}"#;

    fn read(name: &str, text: &str) -> (Vec<LastAccessedReport>, Vec<ReportProblem>) {
        let mut reader = LastAccessedReader::default();
        reader.add(name, text.as_bytes());
        reader.finish()
    }

    #[test]
    fn what_is_not_utf8_fails_the_report_of_the_principal_that_the_path_names() {
        let mut reader = LastAccessedReader::default();
        let mut bytes = COMPLETE.as_bytes().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] = 0xff;
        reader.add("111122223333/role/team/worker.json", &bytes);
        let (reports, problems) = reader.finish();
        assert!(matches!(reports[0].status, ReportStatus::Failed(_)));
        assert_eq!(problems[0].principal.as_ref().map(PrincipalArn::name), Some("worker"));
    }

    #[test]
    fn a_wrapper_or_the_files_name_says_whose_report_it_is() {
        let wrapped = format!(r#"{{"Arn":"arn:aws:iam::111122223333:role/team/worker","Response":{COMPLETE}}}"#);
        for (name, text) in [
            ("x.json", wrapped.as_str()),
            ("reports/111122223333/role/team/worker.json", COMPLETE),
            ("reports/111122223333/role/team/worker~2.json", COMPLETE),
            ("reports/arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fteam%2Fworker.json", COMPLETE),
            ("reports/arn:aws:iam::111122223333:role/team/worker.json", COMPLETE),
        ] {
            let (reports, problems) = read(name, text);
            assert_eq!(problems, [], "{name}");
            assert_eq!(reports[0].principal.as_str(), "arn:aws:iam::111122223333:role/team/worker", "{name}");
            assert_eq!(reports[0].status, ReportStatus::Complete);
        }
        let (reports, problems) = read("x.json", COMPLETE);
        assert!(reports.is_empty());
        assert_eq!(problems[0].to_string(), "x.json: answer 1: nothing says whose report it is");
    }

    #[test]
    fn services_and_tracked_actions_keep_what_is_and_what_is_not_dated() {
        let (reports, _) = read("111122223333/user/ann.json", COMPLETE);
        let services = &reports[0].services;
        assert_eq!((services[0].prefix.as_str(), services[0].last), ("lambda", None));
        assert_eq!(services[1].tracked[0], ("CreateBucket".to_owned(), None));
        assert_eq!(services[1].tracked[1].1, Timestamp::parse("2026-03-01T00:00:00Z"));
    }

    #[test]
    fn a_truncated_answer_is_partial_until_its_last_page_is_there() {
        let first = COMPLETE.replace("\"IsTruncated\":false", "\"IsTruncated\":true,\"Marker\":\"m\"");
        let (reports, problems) = read("111122223333/role/worker.json", &first);
        assert_eq!(reports[0].status, ReportStatus::Partial);
        assert_eq!(problems.len(), 1);
        let (reports, problems) =
            read("111122223333/role/worker.json", &format!("{first}\n{}", COMPLETE.replace("lambda", "sqs")));
        assert_eq!(reports[0].status, ReportStatus::Complete);
        assert_eq!(reports[0].services.len(), 3);
        assert_eq!(problems, []);
    }

    #[test]
    fn a_job_that_was_not_completed_is_a_failed_source() {
        let (reports, problems) =
            read("111122223333/role/worker.json", r#"{"JobStatus":"IN_PROGRESS","JobCreationDate":"2026-04-01T00:00:00Z"}"#);
        assert!(matches!(reports[0].status, ReportStatus::Failed(_)));
        assert_eq!(problems[0].message, "`JobStatus` is `IN_PROGRESS`");
        let (reports, _) = read("111122223333/role/worker.json", &COMPLETE.replace("COMPLETED", "FAILED"));
        assert!(matches!(reports[0].status, ReportStatus::Failed(_)));
    }

    #[test]
    fn half_a_file_keeps_what_was_whole_and_says_what_was_not() {
        let (_, problems) = read("111122223333/role/worker.json", &COMPLETE[..200]);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].principal.as_ref().map(PrincipalArn::name), Some("worker"));
    }

    #[test]
    fn a_use_without_a_date_that_can_be_makes_its_service_doubtful_instead_of_never_used() {
        let doubtful = |text: &str| {
            let (reports, problems) = read("111122223333/role/worker.json", text);
            assert_eq!((reports[0].status.clone(), problems.len()), (ReportStatus::Complete, 1), "{text}");
            reports[0]
                .services
                .iter()
                .filter(|service| service.doubtful)
                .map(|service| service.prefix.clone())
                .collect::<Vec<_>>()
        };
        for date in ["\"yesterday\"", "-1", "\"8026-03-01T00:00:00Z\"", "\"1926-03-01T00:00:00Z\"", "\"2026-05-01T00:00:00Z\""] {
            assert_eq!(doubtful(&COMPLETE.replace("\"2026-03-01T00:00:00+00:00\"", date)), ["s3"], "{date}");
        }
        for told in [
            r#""TotalAuthenticatedEntities":1"#,
            r#""LastAuthenticatedRegion":"us-east-1""#,
            r#""LastAuthenticatedEntity":"arn:x""#,
        ] {
            assert_eq!(doubtful(&COMPLETE.replace(r#""TotalAuthenticatedEntities":0"#, told)), ["lambda"], "{told}");
        }
        let action = r#"{"ActionName":"CreateBucket","LastAccessedRegion":"us-east-1"}"#;
        assert_eq!(doubtful(&COMPLETE.replace(r#"{"ActionName":"CreateBucket"}"#, action)), ["s3"]);
        let (reports, _) = read("111122223333/role/worker.json", &COMPLETE.replace("2026-04-01T04", "8026-04-01T04"));
        assert!(matches!(reports[0].status, ReportStatus::Failed(_)));
    }

    #[test]
    fn a_use_of_a_tracked_action_is_one_of_its_service() {
        let (reports, _) = read(
            "111122223333/role/worker.json",
            &COMPLETE.replace(
                r#""LastAuthenticated":"2026-03-01T00:00:00+00:00","TotalAuthenticatedEntities":1"#,
                r#""TotalAuthenticatedEntities":0"#,
            ),
        );
        assert_eq!(reports[0].services[1].last, Timestamp::parse("2026-03-01"));
    }
}
