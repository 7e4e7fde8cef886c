//! `leastwise check`: the four checks, on files or lines, as text, JSON or SARIF.

use std::path::Path;

use leastwise::checks::{
    Access, Answer, Finding, Outcome, PolicyType, Severity, Validation, access_not_granted, no_new_access, no_public_access,
    valid,
};
use leastwise::report::View;
use leastwise::report::checks::CheckReport;
use leastwise::report::evaluation::request_object;
use leastwise::report::sarif;
use leastwise_policy::json::{Node, Value};
use leastwise_policy::{Catalogue, Policy};

use crate::args::{CheckArguments, CheckCommand, CheckFormat, CheckOutput, CheckedType, ComparedType, FailOn};
use crate::batch::{self, Answered, Line, LineError};
use crate::failure::{Exit, Failure};
use crate::input::{Inputs, name};
use crate::output::{Colours, print};

/// Runs the command.
pub(crate) fn run(arguments: &CheckArguments) -> Result<Exit, Failure> {
    let inputs = Inputs::default();
    let output = match &arguments.command {
        CheckCommand::NoNewAccess { output, .. }
        | CheckCommand::AccessNotGranted { output, .. }
        | CheckCommand::NoPublicAccess { output, .. }
        | CheckCommand::Valid { output, .. } => output,
    };
    let own = inputs.catalogue(output.catalogue.catalog.as_deref())?;
    let run = Run { inputs: &inputs, output, catalogue: own.as_ref().unwrap_or_else(|| Catalogue::embedded()) };
    match &arguments.command {
        CheckCommand::NoNewAccess { existing, new, kind, .. } => {
            run.no_new_access(existing.as_deref().zip(new.as_deref()), compared(*kind))
        }
        CheckCommand::AccessNotGranted { policy, actions, resources, kind, .. } => {
            run.access_not_granted(policy.as_deref(), actions, resources, compared(*kind))
        }
        CheckCommand::NoPublicAccess { policy, resource_type, .. } => {
            run.no_public_access(policy.as_deref(), resource_type.as_deref())
        }
        CheckCommand::Valid { policy, kind, fail_on, .. } => run.valid(policy.as_deref(), kind.map(checked), *fail_on),
    }
}

fn compared(kind: ComparedType) -> PolicyType {
    match kind {
        ComparedType::Identity => PolicyType::Identity,
        ComparedType::Resource => PolicyType::Resource,
    }
}

fn checked(kind: CheckedType) -> PolicyType {
    match kind {
        CheckedType::Identity => PolicyType::Identity,
        CheckedType::Resource => PolicyType::Resource,
        CheckedType::Scp => PolicyType::ServiceControl,
        CheckedType::Rcp => PolicyType::ResourceControl,
    }
}

fn missing_argument() -> Failure {
    Failure::bad_input("a policy is needed", "see `leastwise check --help`")
}

fn exit(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Pass => Exit::Clean,
        Outcome::Fail => Exit::Findings,
    }
}

/// What all four checks have at hand.
struct Run<'a> {
    inputs: &'a Inputs,
    output: &'a CheckOutput,
    catalogue: &'a Catalogue,
}

impl Run<'_> {
    fn no_new_access(&self, files: Option<(&Path, &Path)>, kind: PolicyType) -> Result<Exit, Failure> {
        if let Some(path) = &self.output.batch {
            return batch::run(path, "{\"id\", \"existing\", \"new\"}", |line| {
                let (existing, new) = (line.policy("existing")?, line.policy("new")?);
                answered(line, &no_new_access(&existing, &new, line_type(line, kind)?, self.catalogue))
            });
        }
        let (existing, new) = files.ok_or_else(missing_argument)?;
        let (existing, policy) = (self.inputs.policy(existing)?, self.inputs.policy(new)?);
        self.show("no-new-access", new, &policy, &no_new_access(&existing, &policy, kind, self.catalogue))
    }

    fn access_not_granted(
        &self,
        file: Option<&Path>,
        actions: &[String],
        resources: &[String],
        kind: PolicyType,
    ) -> Result<Exit, Failure> {
        if let Some(path) = &self.output.batch {
            return batch::run(path, "{\"id\", \"policy\", \"actions\", \"resources\"}", |line| {
                let policy = line.policy("policy")?;
                let access = Access::new(strings(line, "actions")?, strings(line, "resources")?)
                    .map_err(|e| LineError::bad("access", format!("{e}; {}", e.help)))?;
                answered(line, &access_not_granted(&policy, &access, line_type(line, kind)?, self.catalogue))
            });
        }
        let path = file.ok_or_else(missing_argument)?;
        let access = Access::new(actions.to_vec(), resources.to_vec()).map_err(|e| Failure::bad_input(e.to_string(), e.help))?;
        let policy = self.inputs.policy(path)?;
        self.show("access-not-granted", path, &policy, &access_not_granted(&policy, &access, kind, self.catalogue))
    }

    fn no_public_access(&self, file: Option<&Path>, resource_type: Option<&str>) -> Result<Exit, Failure> {
        if let Some(path) = &self.output.batch {
            return batch::run(path, "{\"id\", \"policy\", \"resourceType\"}", |line| {
                let policy = line.policy("policy")?;
                let own = line.node.member("resourceType").and_then(|m| m.value.as_str()).or(resource_type);
                let Some(resource_type) = own else {
                    return Err(LineError::bad("case", "the case has no `resourceType`"));
                };
                answered(line, &no_public_access(&policy, resource_type, self.catalogue))
            });
        }
        let (Some(path), Some(resource_type)) = (file, resource_type) else { return Err(missing_argument()) };
        let policy = self.inputs.policy(path)?;
        self.show("no-public-access", path, &policy, &no_public_access(&policy, resource_type, self.catalogue))
    }

    fn valid(&self, file: Option<&Path>, kind: Option<PolicyType>, fail_on: FailOn) -> Result<Exit, Failure> {
        let mildest = match fail_on {
            FailOn::Error => Severity::Error,
            FailOn::SecurityWarning => Severity::SecurityWarning,
            FailOn::Warning => Severity::Warning,
            FailOn::Suggestion => Severity::Suggestion,
        };
        let judge = |findings: &[Finding]| {
            if findings.iter().any(|f| f.severity <= mildest) { Outcome::Fail } else { Outcome::Pass }
        };
        if let Some(path) = &self.output.batch {
            return batch::run(path, "{\"id\", \"policy\"}", |line| {
                let document = line.document("policy")?;
                let Validation { kind, findings } = valid(document, line_kind(line)?.or(kind), self.catalogue);
                let outcome = judge(&findings);
                batch::written(&CheckReport::findings(outcome, kind, &findings).identified(line.id), exit(outcome))
            });
        }
        let path = file.ok_or_else(missing_argument)?;
        let text = self.inputs.text(path)?;
        let Validation { kind, findings } = valid(&text, kind, self.catalogue);
        let outcome = judge(&findings);
        print(&match self.output.format {
            CheckFormat::Text => findings_text(&name(path), outcome, &findings, Colours::of_standard_output()),
            CheckFormat::Json => json(&CheckReport::findings(outcome, kind, &findings).headed("valid", self.catalogue))?,
            CheckFormat::Sarif => json(&sarif::findings(&file_name(path), &findings))?,
        })?;
        Ok(exit(outcome))
    }

    fn show(&self, check: &'static str, path: &Path, policy: &Policy, answer: &Answer) -> Result<Exit, Failure> {
        print(&match self.output.format {
            CheckFormat::Text => answer_text(answer, Colours::of_standard_output()),
            CheckFormat::Json => json(&CheckReport::answer(answer).headed(check, self.catalogue))?,
            CheckFormat::Sarif => json(&sarif::answer(check, &file_name(path), policy, answer))?,
        })?;
        Ok(exit(answer.outcome))
    }
}

fn file_name(path: &Path) -> String {
    if path == Path::new("-") { "stdin.json".to_owned() } else { path.display().to_string() }
}

fn json(report: &impl View) -> Result<String, Failure> {
    report.pretty().map_err(|e| Failure::fault(format!("the result cannot be written as JSON: {e}")))
}

fn answered(line: &Line<'_>, answer: &Answer) -> Answered {
    batch::written(&CheckReport::answer(answer).identified(line.id), exit(answer.outcome))
}

/// The kind that a line's `type` (or the API's `policyType`) names.
fn line_kind(line: &Line<'_>) -> Result<Option<PolicyType>, LineError> {
    let Some(member) = line.node.member("type").or_else(|| line.node.member("policyType")) else { return Ok(None) };
    let kind = match member.value.as_str() {
        Some("identity" | "IDENTITY_POLICY") => PolicyType::Identity,
        Some("resource" | "RESOURCE_POLICY") => PolicyType::Resource,
        Some("scp" | "SERVICE_CONTROL_POLICY") => PolicyType::ServiceControl,
        Some("rcp" | "RESOURCE_CONTROL_POLICY") => PolicyType::ResourceControl,
        _ => return Err(LineError::bad("case", format!("`{}` is none of identity, resource, scp, rcp", member.key))),
    };
    Ok(Some(kind))
}

fn line_type(line: &Line<'_>, usual: PolicyType) -> Result<PolicyType, LineError> {
    Ok(line_kind(line)?.unwrap_or(usual))
}

/// A list of strings, or one; nothing when it is missing.
fn strings(line: &Line<'_>, key: &str) -> Result<Vec<String>, LineError> {
    let one = |node: &Node| match node.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(LineError::bad("access", format!("`{key}` holds {}", node.kind()))),
    };
    match line.node.member(key).map(|m| &m.value) {
        None | Some(Node { value: Value::Null, .. }) => Ok(Vec::new()),
        Some(node) => match node.as_array() {
            Some(items) => items.iter().map(one).collect(),
            None => Ok(vec![one(node)?]),
        },
    }
}

fn mark(outcome: Outcome, colours: Colours) -> String {
    match outcome {
        Outcome::Pass => colours.green("PASS"),
        Outcome::Fail => colours.red("FAIL"),
    }
}

fn answer_text(answer: &Answer, colours: Colours) -> String {
    let mut out = format!("{}  {}\n", mark(answer.outcome, colours), answer.message);
    for reason in &answer.reasons {
        let unnamed = reason.statement_id.as_deref().filter(|sid| !reason.description.contains(*sid));
        let sid = unnamed.map_or(String::new(), |sid| format!(" ({sid})"));
        out.push_str(&format!("  {}{sid}\n", reason.description));
    }
    if let Some(request) = &answer.witness {
        out.push_str(&format!("  {} {}\n", colours.bold("for instance"), request_object(request)));
    }
    out
}

fn findings_text(file: &str, outcome: Outcome, findings: &[Finding], colours: Colours) -> String {
    let mut out = String::new();
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => colours.red(finding.severity.as_str()),
            Severity::SecurityWarning | Severity::Warning => colours.yellow(finding.severity.as_str()),
            Severity::Suggestion => colours.dim(finding.severity.as_str()),
        };
        let path = finding.path.to_string();
        let at = if path.is_empty() { String::new() } else { format!(" at {path}") };
        out.push_str(&format!(
            "{file}:{}:{}: {severity} {}{at}: {}\n  help: {}\n",
            finding.line,
            finding.column,
            colours.bold(finding.code),
            finding.message,
            finding.help
        ));
    }
    let count = match findings.len() {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    out + &format!("{}  {count}\n", mark(outcome, colours))
}
