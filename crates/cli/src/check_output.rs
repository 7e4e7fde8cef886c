//! What `leastwise check` prints: text, JSON and SARIF, for one policy or many, and for input that cannot be read.

use leastwise::checks::{Answer, Finding, Outcome, PolicyType, Severity};
use leastwise::report::check_runs::{ProblemRow, RunReport, SarifRun};
use leastwise::report::checks::CheckReport;
use leastwise::report::evaluation::request_object;
use leastwise::report::{View, counted, visible};
use leastwise::sources::Source;
use leastwise_policy::{Catalogue, Policy};

use crate::args::{CheckArguments, CheckCommand, CheckFormat};
use crate::failure::{Exit, Failure};
use crate::output::{Colours, print, remark};
use crate::policies::{Policies, PolicyFile};

/// A policy that was checked.
pub(crate) struct Checked {
    /// The place of its file.
    pub(crate) file: usize,
    /// Its place in the file.
    pub(crate) source: usize,
    /// The digest of the documents that the answer is about.
    pub(crate) digest: String,
    /// Whether it fails, what the baseline knows left out.
    pub(crate) outcome: Outcome,
    pub(crate) body: Body,
}

/// What a check says.
pub(crate) enum Body {
    Answer { answer: Box<Answer>, policy: Box<Policy>, known: bool },
    Findings { kind: PolicyType, findings: Vec<Finding>, known: Vec<bool> },
}

/// Prints the run and gives its status.
pub(crate) fn show(
    check: &'static str,
    policies: &Policies,
    checked: &[Checked],
    format: CheckFormat,
    catalogue: &Catalogue,
) -> Result<Exit, Failure> {
    let run = Shown { check, policies, checked };
    // A question about policies is not answered while one of them is not known.
    let is_open = check != "valid" && policies.unknown > 0;
    let passes = checked.iter().all(|one| one.outcome == Outcome::Pass) && !is_open;
    match format {
        CheckFormat::Text => print(&run.text(passes, Colours::of_standard_output()))?,
        CheckFormat::Json => print(&run.json(passes, catalogue)?)?,
        CheckFormat::Sarif => print(&run.sarif()?)?,
    }
    // Programs read the reports; people want to know at once.
    for problem in &policies.problems {
        remark(&format!("error: {}", problem_text(problem)));
    }
    if policies.problems.is_empty() && checked.is_empty() {
        let why =
            policies.skipped.first().map_or_else(|| "no policy is found".to_owned(), |row| format!("{}: {}", row.file, row.why));
        return Err(Failure::reported(
            format!("nothing to check: {}", visible(&why)),
            "docs/inputs.md lists the files in which policies are found",
        ));
    }
    Ok(match passes {
        _ if !policies.problems.is_empty() => Exit::BadInput,
        true => Exit::Clean,
        false => Exit::Findings,
    })
}

/// A report of input that is at fault as a whole, in the form that was asked for; the failure itself says it to people.
pub(crate) fn failure(arguments: &CheckArguments, failure: Failure) -> Result<Exit, Failure> {
    let (check, output) = match &arguments.command {
        CheckCommand::NoNewAccess { output, .. } => ("no-new-access", output),
        CheckCommand::AccessNotGranted { output, .. } => ("access-not-granted", output),
        CheckCommand::NoPublicAccess { output, .. } => ("no-public-access", output),
        CheckCommand::Valid { output, .. } => ("valid", output),
    };
    if failure.exit != Exit::BadInput || output.batch.is_some() || output.format == CheckFormat::Text || failure.is_reported() {
        return Err(failure);
    }
    let problem = ProblemRow {
        file: String::new(),
        policy: String::new(),
        line: 1,
        column: 1,
        message: failure.message().to_owned(),
        help: failure.help().to_owned(),
    };
    let policies = Policies { problems: vec![problem], ..Policies::default() };
    let run = Shown { check, policies: &policies, checked: &[] };
    print(&if output.format == CheckFormat::Json { run.json(false, Catalogue::embedded())? } else { run.sarif()? })?;
    Err(failure)
}

fn problem_text(problem: &ProblemRow) -> String {
    let within = if problem.policy.is_empty() { String::new() } else { format!(" at {}", visible(&problem.policy)) };
    let place = if (problem.line, problem.column) == (1, 1) {
        String::new()
    } else {
        format!(": line {}, column {}", problem.line, problem.column)
    };
    format!("{}{place}{within}: {}\n  help: {}", visible(&problem.file), visible(&problem.message), visible(&problem.help))
}

struct Shown<'a> {
    check: &'static str,
    policies: &'a Policies,
    checked: &'a [Checked],
}

impl Shown<'_> {
    fn all(&self) -> impl Iterator<Item = (&Checked, &PolicyFile, &Source)> {
        self.checked.iter().filter_map(|one| {
            let file = self.policies.files.get(one.file)?;
            Some((one, file, file.sources.get(one.source)?))
        })
    }

    /// Whether one plain file is all there is.
    fn plain(&self) -> bool {
        self.policies.plain && self.checked.len() == 1 && self.policies.problems.is_empty()
    }

    fn text(&self, passes: bool, colours: Colours) -> String {
        let mut out = String::new();
        for (one, file, source) in self.all() {
            match &one.body {
                Body::Findings { findings, known, .. } => out.push_str(&findings_text(&file.name, findings, known, colours)),
                Body::Answer { answer, known, .. } => {
                    if !self.plain() {
                        let within = if source.path.0.is_empty() {
                            String::new()
                        } else {
                            format!(" at {}", visible(&source.path.to_string()))
                        };
                        out.push_str(&format!("{}{within}: ", visible(&file.name)));
                    }
                    out.push_str(&answer_text(answer, *known, colours));
                }
            }
        }
        for row in &self.policies.skipped {
            let within = if row.policy.is_empty() { String::new() } else { format!(" at {}", visible(&row.policy)) };
            out.push_str(&format!("{}{within}: {}: {}\n", visible(&row.file), colours.dim("not checked"), visible(&row.why)));
        }
        if self.checked.is_empty() {
            return out;
        }
        let (mut new, mut known) = (0, 0);
        for one in self.checked {
            if let Body::Findings { known: states, .. } = &one.body {
                known += states.iter().filter(|known| **known).count();
                new += states.iter().filter(|known| !**known).count();
            }
        }
        let outcome = if passes && self.policies.problems.is_empty() { Outcome::Pass } else { Outcome::Fail };
        if self.check == "valid" {
            let count = if new == 0 { "no findings".to_owned() } else { counted(new, "finding") };
            let count = if known == 0 { count } else { format!("{count}, and {known} of the baseline") };
            let of = if self.plain() { String::new() } else { format!(" in {}", policies(self.checked.len())) };
            out.push_str(&format!("{}  {count}{of}\n", mark(outcome, colours)));
        } else if self.checked.len() > 1 {
            let failing = self.checked.iter().filter(|one| one.outcome == Outcome::Fail).count();
            out.push_str(&format!("{}  {failing} of {} fail\n", mark(outcome, colours), policies(self.checked.len())));
        }
        if self.check != "valid" && self.policies.unknown > 0 {
            let unknown = policies(self.policies.unknown);
            out.push_str(&format!("{}  {unknown} not checked, so that the input does not pass\n", mark(Outcome::Fail, colours)));
        }
        out
    }

    fn json(&self, passes: bool, catalogue: &Catalogue) -> Result<String, Failure> {
        let mut rows = Vec::new();
        for (one, file, source) in self.all() {
            let report = match &one.body {
                Body::Answer { answer, known, .. } => CheckReport::answer(answer).known(*known),
                Body::Findings { kind, findings, known } => CheckReport::findings(one.outcome, *kind, findings, known),
            };
            rows.push(report.of_file(&file.name, &source.path, &one.digest));
        }
        if self.plain()
            && let Some(row) = rows.pop()
        {
            return json(&row.headed(self.check, catalogue));
        }
        let Policies { problems, skipped, .. } = self.policies;
        json(&RunReport::new(self.check, passes, rows, problems, skipped, catalogue))
    }

    fn sarif(&self) -> Result<String, Failure> {
        let mut log = SarifRun::new(self.check);
        for (one, file, source) in self.all() {
            let name = if file.name == "standard input" { "stdin.json" } else { &file.name };
            match &one.body {
                Body::Findings { findings, known, .. } => log.findings(name, findings, known),
                Body::Answer { answer, policy, known } => log.answer(name, &file.text, source, policy, answer, *known),
            }
        }
        self.policies.problems.iter().for_each(|problem| log.problem(problem));
        json(&log.log())
    }
}

fn policies(count: usize) -> String {
    if count == 1 { "1 policy".to_owned() } else { format!("{count} policies") }
}

fn json(report: &impl View) -> Result<String, Failure> {
    report.pretty().map_err(|e| Failure::fault(format!("the result cannot be written as JSON: {e}")))
}

fn mark(outcome: Outcome, colours: Colours) -> String {
    match outcome {
        Outcome::Pass => colours.green("PASS"),
        Outcome::Fail => colours.red("FAIL"),
    }
}

fn answer_text(answer: &Answer, known: bool, colours: Colours) -> String {
    let state = if known { " (known to the baseline)" } else { "" };
    let mut out = format!("{}  {}{state}\n", mark(answer.outcome, colours), visible(&answer.message));
    for reason in &answer.reasons {
        let unnamed = reason.statement_id.as_deref().filter(|sid| !reason.description.contains(*sid));
        let sid = unnamed.map_or(String::new(), |sid| format!(" ({})", visible(sid)));
        out.push_str(&format!("  {}{sid}\n", visible(&reason.description)));
    }
    if let Some(request) = &answer.witness {
        out.push_str(&format!("  {} {}\n", colours.bold("for instance"), request_object(request)));
    }
    out
}

fn findings_text(file: &str, findings: &[Finding], known: &[bool], colours: Colours) -> String {
    let mut out = String::new();
    for (finding, _) in findings.iter().zip(known).filter(|(_, known)| !**known) {
        let severity = match finding.severity {
            Severity::Error => colours.red(finding.severity.as_str()),
            Severity::SecurityWarning | Severity::Warning => colours.yellow(finding.severity.as_str()),
            Severity::Suggestion => colours.dim(finding.severity.as_str()),
        };
        let path = finding.path.to_string();
        let at = if path.is_empty() { String::new() } else { format!(" at {}", visible(&path)) };
        out.push_str(&format!(
            "{}:{}:{}: {severity} {}{at}: {}\n  help: {}\n",
            visible(file),
            finding.line,
            finding.column,
            colours.bold(finding.code),
            visible(&finding.message),
            visible(&finding.help)
        ));
    }
    out
}
