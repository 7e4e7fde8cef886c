//! `leastwise refine`: one case to a proved result, in one of three views.

use leastwise::refine::{
    Choices, Generalization, Kept, NotActionForm, Quota, Recommendation, Split, SplitError, StatementChange, refine, split,
};
use leastwise::report::diff::{DiffLine, diff};
use leastwise::report::refinement::{Refined, RefinementReport};
use leastwise_policy::document::{minified, quota_size};
use leastwise_policy::members::Known;
use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::{Claim, Refuted, Verified, certify};

use crate::args::{Generalize, QuotaKind, RefineArguments, RefineFormat};
use crate::batch::{self, Answered, Line, LineError};
use crate::certificate;
use crate::failure::{Exit, Failure};
use crate::input::{Inputs, name};
use crate::output::{Colours, print, print_exactly, remark, write_file};

/// What the arguments ask of every case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    choices: Choices,
    pub(crate) quota: Option<Quota>,
    split: bool,
}

impl Settings {
    pub(crate) fn of(arguments: &RefineArguments) -> Settings {
        let quota = arguments.quota.map(|kind| match kind {
            QuotaKind::Managed => Quota::Managed,
            QuotaKind::User => Quota::User,
            QuotaKind::Role => Quota::Role,
            QuotaKind::Group => Quota::Group,
        });
        let choices = Choices {
            generalization: match arguments.generalize {
                Generalize::Open => Generalization::Open,
                Generalize::Closed => Generalization::Closed,
            },
            not_action: if arguments.rewrite_not_action { NotActionForm::RewriteWhenShorter } else { NotActionForm::Keep },
            compact: arguments.compact,
        };
        Settings { choices, quota: quota.or(arguments.split.then_some(Quota::Managed)), split: arguments.split }
    }
}

/// A proved result, with its parts when it was split.
pub(crate) struct Outcome {
    pub(crate) recommendation: Verified<Recommendation>,
    pub(crate) split: Option<Verified<Split>>,
}

/// Why a case has no proved result.
pub(crate) enum Trouble {
    /// Our own fault: the proof refutes what the refiner made.
    Refuted(String),
    /// The result cannot be split as asked.
    Unsplittable(SplitError),
}

/// Refines and certifies one case.
pub(crate) fn outcome(policy: &Policy, unused: &Unused, catalogue: &Catalogue, settings: Settings) -> Result<Outcome, Trouble> {
    let refuted = |refusal: &dyn std::fmt::Display| Trouble::Refuted(format!("the proof refutes the refinement: {refusal}"));
    let candidate = refine(policy, unused, catalogue, settings.choices);
    let recommendation = certify(policy, unused, catalogue, candidate).map_err(|r: Refuted<Recommendation>| refuted(&r))?;
    let limit = settings.quota.map_or(usize::MAX, Quota::limit);
    let too_long = recommendation.text.as_deref().filter(|text| settings.split && quota_size(text) > limit);
    let split = match too_long {
        None => None,
        Some(text) => {
            // The text was certified, so it is a policy.
            let refined = Policy::parse(text).map_err(|e| refuted(&e))?;
            let parts = split(&refined, limit).map_err(Trouble::Unsplittable)?;
            Some(certify(policy, unused, catalogue, parts).map_err(|r: Refuted<Split>| refuted(&r))?)
        }
    };
    Ok(Outcome { recommendation, split })
}

/// Runs the command.
pub(crate) fn run(arguments: &RefineArguments) -> Result<Exit, Failure> {
    let inputs = Inputs::default();
    let settings = Settings::of(arguments);
    let own = inputs.catalogue(arguments.catalogue.catalog.as_deref())?;
    let catalogue = own.as_ref().unwrap_or_else(|| Catalogue::embedded());
    if let Some(path) = &arguments.batch {
        let members = [Known::plain("id"), Known::plain("policy"), Known::plain("unused")];
        return batch::run(path, &members, |line| case(line, catalogue, settings));
    }
    let (Some(policy_path), Some(unused_path)) = (&arguments.policy, &arguments.unused) else {
        return Err(Failure::bad_input("a policy and an unused list are needed", "see `leastwise refine --help`"));
    };
    let policy = inputs.policy(policy_path)?;
    let unused = inputs.unused(unused_path)?;
    let outcome = outcome(&policy, &unused, catalogue, settings).map_err(|trouble| match trouble {
        Trouble::Refuted(message) => Failure::fault(message),
        Trouble::Unsplittable(e) => Failure::bad_input(e.message, "shorten that statement, or try --compact"),
    })?;
    let result = &outcome.recommendation;
    let shown = match arguments.format {
        RefineFormat::Text => {
            text(&name(policy_path), &policy, &unused, catalogue, &outcome, settings, Colours::of_standard_output())
        }
        RefineFormat::Policy => documents(&outcome),
        RefineFormat::Json => {
            let report = Refined {
                id: None,
                original: &policy,
                unused: &unused,
                catalogue,
                recommendation: result,
                quota: settings.quota,
                split: outcome.split.as_ref(),
            };
            let json = serde_json::to_string_pretty(&RefinementReport::new(&report))
                .map_err(|e| Failure::fault(format!("the result cannot be written as JSON: {e}")))?;
            json + "\n"
        }
    };
    if let Some(path) = &arguments.certificate {
        let proved = outcome.split.as_ref().map_or_else(|| result.certificate(), |parts| parts.certificate());
        write_file(path, &certificate::text(proved))?;
    }
    if arguments.format == RefineFormat::Policy {
        print_exactly(&shown)?
    } else {
        print(&shown)?
    }
    if result.text.is_none() {
        remark("nothing is left to grant: detach the policy instead of replacing it");
    } else if arguments.format == RefineFormat::Policy {
        result.warnings.iter().for_each(|w| remark(&format!("warning: {}", w.message)));
    }
    let size = result.text.as_deref().map_or(0, quota_size);
    let exceeded = settings.quota.filter(|quota| outcome.split.is_none() && size > quota.limit());
    if let Some(quota) = exceeded {
        remark(&format!(
            "{} policy quota exceeded: {size} of {} characters; try --compact, or --split for managed policies",
            quota.as_str(),
            quota.limit()
        ));
        return Ok(Exit::Findings);
    }
    Ok(Exit::Clean)
}

/// One case of a batch.
fn case(line: &Line<'_>, catalogue: &Catalogue, settings: Settings) -> Answered {
    let document = line.document("policy")?;
    let policy = Policy::parse(document).map_err(|e| LineError::bad("policy", format!("{e}; {}", e.help)))?;
    let unused = Unused::from_node(line.text, line.member("unused")?).map_err(|e| LineError::bad("unused", e.to_string()))?;
    let Outcome { recommendation, split } = outcome(&policy, &unused, catalogue, settings).map_err(|trouble| match trouble {
        Trouble::Refuted(message) => LineError { kind: "refuted", message, exit: Exit::Fault },
        Trouble::Unsplittable(e) => LineError::bad("split", e.message),
    })?;
    let refined = Refined {
        id: line.id,
        original: &policy,
        unused: &unused,
        catalogue,
        recommendation: &recommendation,
        quota: settings.quota,
        split: split.as_ref(),
    };
    let report = RefinementReport::new(&refined);
    batch::written(&report, if report.exceeds_quota() { Exit::Findings } else { Exit::Clean })
}

/// The new document as it is, or the list of the parts.
fn documents(outcome: &Outcome) -> String {
    match &outcome.split {
        Some(split) => {
            let parts: Vec<String> = split.parts.iter().map(|p| format!("  {}", minified(p))).collect();
            format!("[\n{}\n]\n", parts.join(",\n"))
        }
        None => outcome.recommendation.text.clone().unwrap_or_default(),
    }
}

/// What each claim says, for people.
fn meaning(claim: Claim) -> &'static str {
    match claim {
        Claim::AddsNothing => "every request that it allows, the original allowed",
        Claim::DropsEverythingUnused => "no reported action is granted any more",
        Claim::KeepsEverythingNotReported => "every other action is granted as before",
        Claim::KeepsStructure => "order, Sids, resources, conditions, Deny and layout are untouched",
    }
}

fn text(
    title: &str,
    policy: &Policy,
    unused: &Unused,
    catalogue: &Catalogue,
    outcome: &Outcome,
    settings: Settings,
    colours: Colours,
) -> String {
    let result = &outcome.recommendation;
    let mut out = format!("{}\n", colours.bold(title));
    let documents: Vec<&str> = match &outcome.split {
        Some(split) => split.parts.iter().map(String::as_str).collect(),
        None => result.text.as_deref().into_iter().collect(),
    };
    if result.is_unchanged() {
        out.push_str("  stays as it is: none of the reported permissions is granted by it\n");
    } else if documents.is_empty() {
        out.push_str("  nothing is left to grant: detach the policy\n");
    }
    for (number, document) in documents.iter().enumerate().filter(|_| !result.is_unchanged()) {
        if documents.len() > 1 {
            out.push_str(&format!(
                "{}\n",
                colours.bold(&format!("part {} of {}, {} characters", number + 1, documents.len(), quota_size(document)))
            ));
        }
        for line in diff(policy.text(), document, 3) {
            out.push_str(&match line {
                DiffLine::Same(line) => format!("    {line}\n"),
                DiffLine::Removed(line) => format!("{}\n", colours.red(&format!("  - {line}"))),
                DiffLine::Added(line) => format!("{}\n", colours.green(&format!("  + {line}"))),
                DiffLine::Omitted(count) => format!(
                    "{}\n",
                    colours.dim(&format!("    … {count} unchanged {}", if count == 1 { "line" } else { "lines" }))
                ),
            });
        }
    }
    out.push_str(&format!("\n{}\n", colours.bold("Proved")));
    for (claim, _) in result.claims().iter() {
        out.push_str(&format!("  {} {:<30} {}\n", colours.green("✓"), claim.as_str(), meaning(claim)));
    }
    out.push_str(&kept(&result.changes, colours));
    if !result.warnings.is_empty() {
        out.push_str(&format!("\n{}\n", colours.bold("Warnings")));
        for warning in &result.warnings {
            let place = warning.statement.map_or(String::new(), |s| format!("statement {s}: "));
            out.push_str(&format!("  {} {place}{}\n", colours.yellow("!"), warning.message));
        }
    }
    out.push('\n');
    let (before, after) = (policy.quota_size(), result.text.as_deref().map_or(0, quota_size));
    let quota = settings.quota.map_or(String::new(), |q| format!(" (quota of a {} policy: {})", q.as_str(), q.limit()));
    out.push_str(&format!("Size       {before} → {after} characters without white space{quota}\n"));
    if after > Quota::Managed.limit() && outcome.split.is_none() {
        out.push_str(
            "           more than a managed policy may have (6144): --compact makes it shorter, --split makes several of it\n",
        );
    } else if after > before {
        out.push_str("           longer than before: --compact chooses shorter patterns\n");
    }
    if let Some(compactness) = result.compactness {
        let exact = compactness.cost == compactness.lower_bound;
        let how_near = if exact {
            "the least possible of this form".to_owned()
        } else {
            format!("at least {} are needed", compactness.lower_bound)
        };
        out.push_str(&format!("Compact    {} characters of patterns; {how_near}\n", compactness.cost));
    }
    let steps: Vec<&str> = result.steps().iter().map(|s| s.as_str()).collect();
    out.push_str(&format!("Steps      {}\n", if steps.is_empty() { "none".to_owned() } else { steps.join(", then ") }));
    let reported = unused.actions().filter(|a| !unused.names_service(a.service())).count();
    out.push_str(&format!(
        "Reported   {reported} actions and {} whole services unused; the list does not say in which period\n",
        unused.services().count()
    ));
    let provenance = catalogue.provenance();
    out.push_str(&format!(
        "Catalogue  {} {} of {}, sha256 {}\n",
        provenance.source, provenance.version, provenance.date, provenance.sha256
    ));
    out.push_str(&match result.generalization {
        Generalization::Open => {
            "Wildcards  open: actions that AWS adds later under a remaining wildcard will be granted\n".to_owned()
        }
        Generalization::Closed => "Wildcards  closed: those that were narrowed became exact names\n".to_owned(),
    });
    out
}

/// What stayed as written in the statements that are refined, and why.
fn kept(changes: &[StatementChange], colours: Colours) -> String {
    let mut out = String::new();
    for change in changes.iter().filter(|c| !c.kept.is_empty()) {
        let sid = change.sid.as_deref().map_or(String::new(), |sid| format!(" {sid}"));
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for Kept { pattern, reason } in &change.kept {
            match groups.iter_mut().find(|(why, _)| *why == reason.sentence()) {
                Some((_, patterns)) => patterns.push(pattern),
                None => groups.push((reason.sentence(), vec![pattern])),
            }
        }
        for (why, patterns) in groups {
            let shown: Vec<&str> = patterns.iter().take(4).copied().collect();
            let more = patterns.len().saturating_sub(shown.len());
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            out.push_str(&format!("  statement {}{sid}: {}{more}: {}\n", change.index, shown.join(", "), colours.dim(why)));
        }
    }
    if out.is_empty() { out } else { format!("\n{}\n{out}", colours.bold("Kept as written")) }
}
