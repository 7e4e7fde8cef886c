//! `leastwise check`: the four checks, on files, folders and whatever wraps policies, or on lines.

use std::path::{Path, PathBuf};

use leastwise::checks::{
    Access, Answer, Finding, Outcome, PolicyType, Reason, Severity, Validation, access_not_granted, known_resource_type,
    no_new_access, no_public_access, unfit, valid,
};
use leastwise::report::check_runs::{ProblemRow, SkippedRow, digest, offset, placed};
use leastwise::report::checks::CheckReport;
use leastwise::sources::Source;
use leastwise_policy::document::PolicyError;
use leastwise_policy::json::{Node, Position, Value};
use leastwise_policy::members::Known;
use leastwise_policy::{Catalogue, Policy};

use crate::args::{CheckArguments, CheckCommand, CheckOutput, CheckedType, ComparedType, FailOn};
use crate::baseline::Baseline;
use crate::batch::{self, Answered, Line, LineError};
use crate::check_output::{self, Body, Checked};
use crate::failure::{Exit, Failure};
use crate::input::Inputs;
use crate::policies::{Policies, PolicyFile};

/// Runs the command. Programs that asked for a report get one, whatever is wrong with the input.
pub(crate) fn run(arguments: &CheckArguments) -> Result<Exit, Failure> {
    match checked_all(arguments) {
        Err(failure) => check_output::failure(arguments, failure),
        done => done,
    }
}

fn checked_all(arguments: &CheckArguments) -> Result<Exit, Failure> {
    let inputs = Inputs::default();
    let (CheckCommand::NoNewAccess { output, .. }
    | CheckCommand::AccessNotGranted { output, .. }
    | CheckCommand::NoPublicAccess { output, .. }
    | CheckCommand::Valid { output, .. }) = &arguments.command;
    let own = inputs.catalogue(output.catalogue.catalog.as_deref())?;
    let baseline = output.baseline.as_deref().map(|path| Baseline::read(&inputs, path)).transpose()?;
    let catalogue = own.as_ref().unwrap_or_else(|| Catalogue::embedded());
    let run = Run { inputs: &inputs, output, catalogue, baseline: baseline.unwrap_or_default() };
    match &arguments.command {
        CheckCommand::NoNewAccess { existing, new, kind, .. } => {
            run.no_new_access(existing.as_deref().zip(new.as_deref()), kind.map(compared))
        }
        CheckCommand::AccessNotGranted { policies, actions, resources, kind, .. } => {
            run.access_not_granted(policies, actions, resources, kind.map(compared))
        }
        CheckCommand::NoPublicAccess { policies, resource_type, .. } => run.no_public_access(policies, resource_type.as_deref()),
        CheckCommand::Valid { policies, kind, fail_on, .. } => run.valid(policies, kind.map(checked), *fail_on),
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

pub(crate) fn exit(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Pass => Exit::Clean,
        Outcome::Fail => Exit::Findings,
    }
}

const ID: Known = Known::plain("id");
const TYPE: Known = Known { name: "type", also: &["policyType"], elsewhere: &["kind"] };
const POLICY: Known = Known { name: "policy", also: &[], elsewhere: &["document", "policyDocument"] };
const ACTIONS: Known = Known { name: "actions", also: &[], elsewhere: &["action", "access"] };
const RESOURCES: Known = Known { name: "resources", also: &[], elsewhere: &["resource"] };
const RESOURCE_TYPE: Known = Known::plain("resourceType");
const EXISTING: Known = Known { name: "existing", also: &[], elsewhere: &["existingPolicyDocument", "old", "before"] };
const NEW: Known = Known { name: "new", also: &[], elsewhere: &["newPolicyDocument", "after"] };

/// What all four checks have at hand.
struct Run<'a> {
    inputs: &'a Inputs,
    output: &'a CheckOutput,
    catalogue: &'a Catalogue,
    baseline: Baseline,
}

/// What a question about one policy comes to.
enum Asked {
    /// The answer, and the digest of all documents that it is about.
    Answer(Box<Answer>, String),
    /// The policy, or what it is compared with, is at fault.
    Refused(ProblemRow),
    /// Another check is meant.
    Skipped(String),
}

impl Run<'_> {
    fn no_new_access(self, files: Option<(&Path, &Path)>, kind: Option<PolicyType>) -> Result<Exit, Failure> {
        if let Some(path) = &self.output.batch {
            return batch::run(path, &[ID, EXISTING, NEW, TYPE], |line| {
                let (existing, new) = (line.policy("existing")?, line.policy("new")?);
                let kind = match line_kind(line)?.or(kind) {
                    Some(kind) => kind,
                    None => same_kind(&existing, &new).map_err(|message| LineError::bad("policy", message))?,
                };
                fit_for_line(&existing, kind, "existing")?;
                fit_for_line(&new, kind, "new")?;
                answered(line, &no_new_access(&existing, &new, kind, self.catalogue))
            });
        }
        let (existing_path, new_path) = files.ok_or_else(missing_argument)?;
        let existing = Policies::read(self.inputs, &[existing_path.to_owned()]);
        let mut new = Policies::read(self.inputs, &[new_path.to_owned()]);
        let alone = existing.all().count() == 1 && new.all().count() == 1;
        let below = |file: &PolicyFile, root: &Path| {
            Path::new(&file.name).strip_prefix(root).map_or_else(|_| PathBuf::new(), Path::to_owned)
        };
        let counterpart = |file: &PolicyFile, source: &Source| {
            existing.all().find(|(old_file, old)| {
                alone || old.path == source.path && below(old_file, existing_path) == below(file, new_path)
            })
        };
        let catalogue = self.catalogue;
        let checked = self.ask("no-new-access", &mut new, |file, source, policy| {
            let found = counterpart(file, source);
            let document = found.map_or(NOTHING, |(_, old)| &old.document);
            let before = match (Policy::parse(document), found) {
                (Ok(before), _) => before,
                (Err(error), Some((old_file, old))) => return Asked::Refused(not_read(old_file, old, error)),
                (Err(error), None) => return Asked::Refused(not_read(file, source, error)),
            };
            let own_kind = match (kind.or(source.attached), found) {
                (Some(kind), _) => Ok(kind),
                (None, Some(_)) => same_kind(&before, policy),
                (None, None) => Ok(PolicyType::guess(policy)),
            };
            let own_kind = match own_kind {
                Ok(kind) => kind,
                Err(message) => return Asked::Refused(problem(file, source, 0, message, "give two policies of one kind")),
            };
            let faults = found.and_then(|(old_file, old)| first_unfit(&before, own_kind, old_file, old));
            match faults.or_else(|| first_unfit(policy, own_kind, file, source)) {
                Some(row) => Asked::Refused(row),
                None => {
                    let answer = no_new_access(&before, policy, own_kind, catalogue);
                    Asked::Answer(Box::new(answer), digest(&format!("{document}\0{}\0{own_kind:?}", source.document)))
                }
            }
        });
        new.problems.splice(0..0, existing.problems.iter().cloned());
        for (file, old) in existing.all().filter(|_| !alone) {
            let kept =
                new.all().any(|(own, source)| old.path == source.path && below(file, existing_path) == below(own, new_path));
            if !kept {
                let why = "the new policies have no counterpart: what it allows is taken away".to_owned();
                new.skipped.push(SkippedRow { file: file.name.clone(), policy: old.path.to_string(), why });
            }
        }
        self.finish("no-new-access", &new, &checked)
    }

    fn access_not_granted(
        self,
        paths: &[PathBuf],
        actions: &[String],
        resources: &[String],
        kind: Option<PolicyType>,
    ) -> Result<Exit, Failure> {
        let catalogue = self.catalogue;
        let known = |access: Access| {
            let unknown = access.unknown(catalogue);
            match unknown.first() {
                None => Ok(access),
                Some((name, Some(near))) => {
                    Err((format!("`{name}` is no action of the catalog"), format!("did you mean `{near}`?")))
                }
                Some((name, None)) => Err((
                    format!("`{name}` is no action of the catalog"),
                    "`leastwise catalog list` shows its services; give a newer catalog with `--catalog`".to_owned(),
                )),
            }
        };
        if let Some(path) = &self.output.batch {
            return batch::run(path, &[ID, POLICY, ACTIONS, RESOURCES, TYPE], |line| {
                let policy = line.policy("policy")?;
                let access = Access::new(strings(line, "actions")?, strings(line, "resources")?)
                    .map_err(|e| LineError::bad("access", format!("{e}; {}", e.help)))?;
                let access = known(access).map_err(|(message, help)| LineError::bad("access", format!("{message}; {help}")))?;
                let kind = line_kind(line)?.or(kind).unwrap_or_else(|| PolicyType::guess(&policy));
                fit_for_line(&policy, kind, "policy")?;
                answered(line, &access_not_granted(&policy, &access, kind, catalogue))
            });
        }
        let trimmed = |list: &[String]| list.iter().map(|item| item.trim().to_owned()).collect::<Vec<String>>();
        let question = format!("{:?} {:?}", trimmed(actions), trimmed(resources));
        let access = Access::new(trimmed(actions), trimmed(resources)).map_err(|e| Failure::bad_input(e.to_string(), e.help))?;
        let access = known(access).map_err(|(message, help)| Failure::bad_input(message, help))?;
        let mut policies = self.policies(paths)?;
        let checked = self.ask("access-not-granted", &mut policies, |file, source, policy| {
            let kind = kind.or(source.attached).unwrap_or_else(|| PolicyType::guess(policy));
            match first_unfit(policy, kind, file, source) {
                Some(row) => Asked::Refused(row),
                None => {
                    let answer = access_not_granted(policy, &access, kind, catalogue);
                    Asked::Answer(Box::new(answer), digest(&format!("{}\0{question} {kind:?}", source.document)))
                }
            }
        });
        self.finish("access-not-granted", &policies, &checked)
    }

    fn no_public_access(self, paths: &[PathBuf], resource_type: Option<&str>) -> Result<Exit, Failure> {
        let catalogue = self.catalogue;
        let checked_type = |name: &str| {
            known_resource_type(name).map_err(|help| (format!("`{name}` is no type whose public access is checked"), help))
        };
        if let Some(path) = &self.output.batch {
            return batch::run(path, &[ID, POLICY, RESOURCE_TYPE], |line| {
                let policy = line.policy("policy")?;
                let own = line.node.member("resourceType").and_then(|m| m.value.as_str()).or(resource_type);
                let Some(resource_type) = own else {
                    return Err(LineError::bad("case", "the case has no `resourceType`"));
                };
                let resource_type = checked_type(resource_type)
                    .map_err(|(message, help)| LineError::bad("case", format!("{message}; {help}")))?;
                fit_for_line(&policy, PolicyType::Resource, "policy")?;
                answered(line, &no_public_access(&policy, resource_type, catalogue))
            });
        }
        let given = resource_type.map(checked_type).transpose().map_err(|(message, help)| Failure::bad_input(message, help))?;
        let mut policies = self.policies(paths)?;
        let checked = self.ask("no-public-access", &mut policies, |file, source, policy| {
            if source.attached.is_some_and(|attached| attached != PolicyType::Resource) {
                return Asked::Skipped("no resource policy, so that it makes nothing public by itself".to_owned());
            }
            let Some(resource_type) = given.or(source.resource_type) else {
                let help = format!("say `--resource-type`, one of {}", leastwise::checks::resource_types().join(", "));
                return Asked::Refused(problem(file, source, 0, "the type of its resource is not known".to_owned(), &help));
            };
            let known = match checked_type(resource_type) {
                Ok(known) => known,
                Err((message, help)) => return Asked::Refused(problem(file, source, 0, message, &help)),
            };
            match first_unfit(policy, PolicyType::Resource, file, source) {
                Some(row) => Asked::Refused(row),
                None => {
                    let answer = no_public_access(policy, known, catalogue);
                    Asked::Answer(Box::new(answer), digest(&format!("{}\0{resource_type}", source.document)))
                }
            }
        });
        self.finish("no-public-access", &policies, &checked)
    }

    fn valid(mut self, paths: &[PathBuf], kind: Option<PolicyType>, fail_on: FailOn) -> Result<Exit, Failure> {
        let mildest = match fail_on {
            FailOn::Error => Severity::Error,
            FailOn::SecurityWarning => Severity::SecurityWarning,
            FailOn::Warning => Severity::Warning,
            FailOn::Suggestion => Severity::Suggestion,
        };
        let judge = |findings: &[Finding], known: &[bool]| {
            let fails = |(at, finding): (usize, &Finding)| finding.severity <= mildest && known.get(at) != Some(&true);
            if findings.iter().enumerate().any(fails) { Outcome::Fail } else { Outcome::Pass }
        };
        if let Some(path) = &self.output.batch {
            return batch::run(path, &[ID, POLICY, TYPE], |line| {
                let document = line.document("policy")?;
                let Validation { kind, findings } = valid(document, line_kind(line)?.or(kind), self.catalogue);
                let outcome = judge(&findings, &[]);
                batch::written(&CheckReport::findings(outcome, kind, &findings, &[]).identified(line.id), exit(outcome))
            });
        }
        let policies = self.policies(paths)?;
        let mut checked = Vec::new();
        for (file, at, place) in policies.places() {
            let Some((name, source)) = file.sources.get(place).map(|source| (&file.name, source)) else { continue };
            let Validation { kind, mut findings } = valid(&source.document, kind.or(source.attached), self.catalogue);
            if !source.open.is_empty() {
                // What stands for a value that only the deployment knows is not the author's.
                findings.retain(|finding| !about_made_up(finding, source));
            }
            let findings: Vec<Finding> = findings.into_iter().map(|finding| placed(finding, source, &file.text)).collect();
            let known = self.baseline.known(name, &source.path.to_string(), &findings);
            let outcome = judge(&findings, &known);
            let body = Body::Findings { kind, findings, known };
            checked.push(Checked { file: at, source: place, digest: digest(&source.document), outcome, body });
        }
        self.finish("valid", &policies, &checked)
    }

    fn policies(&self, paths: &[PathBuf]) -> Result<Policies, Failure> {
        if paths.is_empty() {
            return Err(missing_argument());
        }
        Ok(Policies::read(self.inputs, paths))
    }

    /// Asks a question about each policy; what is refused becomes a problem of `policies`.
    fn ask(
        &self,
        check: &'static str,
        policies: &mut Policies,
        question: impl Fn(&PolicyFile, &Source, &Policy) -> Asked,
    ) -> Vec<Checked> {
        let (mut checked, mut problems, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
        for (at, file) in policies.files.iter().enumerate() {
            for (place, source) in file.sources.iter().enumerate() {
                let policy = match Policy::parse(&source.document) {
                    Ok(policy) => policy,
                    Err(error) => {
                        problems.push(not_read(file, source, error));
                        continue;
                    }
                };
                match question(file, source, &policy) {
                    Asked::Answer(answer, digest) => {
                        let answer = with_made_up(*answer, source);
                        let known = answer.outcome == Outcome::Fail
                            && self.baseline.knows(check, &file.name, &source.path.to_string(), &digest);
                        let outcome = if known { Outcome::Pass } else { answer.outcome };
                        let body = Body::Answer { answer: Box::new(answer), policy: Box::new(policy), known };
                        checked.push(Checked { file: at, source: place, digest, outcome, body });
                    }
                    Asked::Refused(row) => problems.push(row),
                    Asked::Skipped(why) => {
                        skipped.push(SkippedRow { file: file.name.clone(), policy: source.path.to_string(), why });
                    }
                }
            }
        }
        policies.problems.append(&mut problems);
        policies.skipped.append(&mut skipped);
        checked
    }

    fn finish(&self, check: &'static str, policies: &Policies, checked: &[Checked]) -> Result<Exit, Failure> {
        check_output::show(check, policies, checked, self.output.format, self.catalogue)
    }
}

/// The policy of nothing, with which a new one without counterpart is compared.
const NOTHING: &str = "{\"Statement\": []}";

fn missing_argument() -> Failure {
    Failure::bad_input("a policy is needed", "see `leastwise check --help`")
}

/// Whether a finding is about a value that only the deployment knows, for which a made-up name stands.
fn about_made_up(finding: &Finding, source: &Source) -> bool {
    let text = finding.span.of(&source.document);
    source.made_up.iter().any(|name| text.contains(name.as_str()))
}

/// A pass of a policy with values that only the deployment knows is none: such a value could be a wildcard.
fn with_made_up(answer: Answer, source: &Source) -> Answer {
    if answer.outcome == Outcome::Fail || source.open.is_empty() {
        return answer;
    }
    let description = format!(
        "cannot decide: only the deployment knows `{}`; give parameters a `Default`, or check the policy of the deployed stack",
        source.open.join("`, `")
    );
    Answer {
        outcome: Outcome::Fail,
        message: "it cannot be decided, so it does not pass".to_owned(),
        reasons: vec![Reason { statement_id: None, statement_index: None, description }],
        witness: None,
        undecided: true,
    }
}

/// The kind of two policies that are compared.
fn same_kind(existing: &Policy, new: &Policy) -> Result<PolicyType, String> {
    match (PolicyType::guess(existing), PolicyType::guess(new)) {
        (one, other) if one == other => Ok(one),
        // A policy without statements is of any kind.
        (_, other) if existing.statements().is_empty() => Ok(other),
        (one, _) if new.statements().is_empty() => Ok(one),
        (one, other) => Err(format!("the existing policy is {}, and the new one is {}", in_words(one), in_words(other))),
    }
}

fn in_words(kind: PolicyType) -> &'static str {
    match kind {
        PolicyType::Resource | PolicyType::ResourceControl => "a resource policy (it has a `Principal`)",
        PolicyType::Identity | PolicyType::ServiceControl => "an identity policy (it has no `Principal`)",
    }
}

/// A problem of a policy, at an offset of its document.
fn problem(file: &PolicyFile, source: &Source, offset: usize, message: String, help: &str) -> ProblemRow {
    let place = Position::of(&file.text, source.places.at(offset));
    ProblemRow {
        file: file.name.clone(),
        policy: source.path.to_string(),
        line: place.line,
        column: place.column,
        message,
        help: help.to_owned(),
    }
}

fn not_read(file: &PolicyFile, source: &Source, error: PolicyError) -> ProblemRow {
    problem(file, source, offset(&source.document, error.position), error.message, error.help)
}

/// The first thing for which the policy cannot be compared.
fn first_unfit(policy: &Policy, kind: PolicyType, file: &PolicyFile, source: &Source) -> Option<ProblemRow> {
    let found = unfit(policy, kind).into_iter().next()?;
    Some(problem(file, source, found.span.start, found.message, &found.help))
}

fn fit_for_line(policy: &Policy, kind: PolicyType, member: &str) -> Result<(), LineError> {
    match unfit(policy, kind).first() {
        Some(found) => Err(LineError::bad("policy", format!("`{member}`: {}; {}", found.message, found.help))),
        None => Ok(()),
    }
}

fn answered(line: &Line<'_>, answer: &Answer) -> Answered {
    batch::written(&CheckReport::answer(answer).identified(line.id), exit(answer.outcome))
}

/// The kind that a line's `type` (or the API's `policyType`) names.
fn line_kind(line: &Line<'_>) -> Result<Option<PolicyType>, LineError> {
    let Some(member) = TYPE.of(line.node) else { return Ok(None) };
    let kind = match member.value.as_str() {
        Some("identity" | "IDENTITY_POLICY") => PolicyType::Identity,
        Some("resource" | "RESOURCE_POLICY") => PolicyType::Resource,
        Some("scp" | "SERVICE_CONTROL_POLICY") => PolicyType::ServiceControl,
        Some("rcp" | "RESOURCE_CONTROL_POLICY") => PolicyType::ResourceControl,
        _ => return Err(LineError::bad("case", format!("`{}` is none of identity, resource, scp, rcp", member.key))),
    };
    Ok(Some(kind))
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
