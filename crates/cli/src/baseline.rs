//! What was found before: the findings and failing answers of an earlier run, which do not fail this one.
//!
//! A finding is known when file, policy, code, element and sentence are the same, as often as it stands in the baseline. A failing
//! answer about all requests is known only for the very same documents: it shows one request, and another one may hide behind it.

use std::collections::BTreeMap;
use std::path::Path;

use leastwise::checks::Finding;
use serde_json::Value;

use crate::failure::Failure;
use crate::input::{Inputs, name};

/// An earlier run.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    /// How often each finding stands in it.
    findings: BTreeMap<[String; 5], usize>,
    /// Check, file, policy and digest of failing answers.
    answers: std::collections::BTreeSet<[String; 4]>,
}

impl Baseline {
    /// Reads the JSON that the same check printed with `--format json`.
    pub(crate) fn read(inputs: &Inputs, path: &Path) -> Result<Baseline, Failure> {
        let help = "give the output of the same check with `--format json`";
        let text = inputs.text(path)?;
        let report: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|e| Failure::bad_input(format!("{}: not JSON: {e}", name(path)), help))?;
        if report.get("schema").and_then(Value::as_str) != Some(leastwise::report::checks::SCHEMA) {
            return Err(Failure::bad_input(format!("{}: this is no report of a check", name(path)), help));
        }
        let mut baseline = Baseline::default();
        let check = text_of(&report, "check");
        match report.get("policies").and_then(Value::as_array) {
            Some(policies) => policies.iter().for_each(|policy| baseline.add(&check, policy)),
            None => baseline.add(&check, &report),
        }
        Ok(baseline)
    }

    fn add(&mut self, check: &str, report: &Value) {
        let (file, policy) = (text_of(report, "file"), text_of(report, "policy"));
        for finding in report.get("findings").and_then(Value::as_array).into_iter().flatten() {
            let of = |key: &str| text_of(finding, key);
            *self.findings.entry([file.clone(), policy.clone(), of("code"), of("path"), of("message")]).or_default() += 1;
        }
        if report.get("reasons").is_some() && text_of(report, "result") == "FAIL" {
            self.answers.insert([check.to_owned(), file, policy, text_of(report, "digest")]);
        }
    }

    /// Says of each finding about a policy whether it was there before.
    pub(crate) fn known(&mut self, file: &str, policy: &str, findings: &[Finding]) -> Vec<bool> {
        let mut known = |finding: &Finding| {
            let key =
                [file.to_owned(), policy.to_owned(), finding.code.to_owned(), finding.path.to_string(), finding.message.clone()];
            match self.findings.get_mut(&key) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    true
                }
                _ => false,
            }
        };
        findings.iter().map(&mut known).collect()
    }

    /// Whether the answer failed before, for documents of that digest.
    pub(crate) fn knows(&self, check: &str, file: &str, policy: &str, digest: &str) -> bool {
        self.answers.contains(&[check.to_owned(), file.to_owned(), policy.to_owned(), digest.to_owned()])
    }
}

fn text_of(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
