//! `leastwise recommend`: what to do about one principal's unused permissions, proved and replayed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use leastwise::access::{AccessModel, Principal, PrincipalArn};
use leastwise::analysis::Analysis;
use leastwise::backtest::{Applicable, RequestLog, Scope, Verdict, judge};
use leastwise::findings::{Exclusions, find};
use leastwise::recommend::{Advisor, Basis, PolicyStep, Remedy, nearest};
use leastwise::refine::Choices;
use leastwise::report::diff::{DiffLine, diff};
use leastwise::report::recommendation::{ground, names, recommendation, title};

use crate::evidence::{Evidence, EvidenceOptions};
use crate::failure::{Exit, Failure};
use crate::output::{Colours, print};

/// What `leastwise recommend` takes.
#[derive(Debug, Args)]
pub(crate) struct RecommendArguments {
    /// The ARN of a user or role, or the id of a finding about one.
    subject: String,
    /// A folder of exports, laid out in any way (docs/inputs.md).
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    #[command(flatten)]
    evidence: EvidenceOptions,
    /// What to print.
    #[arg(long, value_enum, default_value_t = ViewFormat::Text, help_heading = "Output")]
    format: ViewFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ViewFormat {
    /// For people.
    Text,
    /// The whole result.
    Json,
}

/// The principal of that ARN, or one whose ARN differs in its path only; else what names are near.
pub(crate) fn principal<'a>(access: &'a AccessModel<'_>, text: &str) -> Result<&'a Principal, Failure> {
    if let Some(principal) = PrincipalArn::parse(text).and_then(|arn| access.principal(&arn)) {
        return Ok(principal);
    }
    let near = nearest(text, access.principals().iter().map(|principal| principal.arn.as_str()));
    let by_name = nearest(text.rsplit('/').next().unwrap_or_default(), access.principals().iter().map(|p| p.arn.name()));
    let help = match (near.is_empty(), by_name.is_empty()) {
        (false, _) => format!("did you mean {}?", list(&near)),
        (true, false) => format!("there are principals named {}; give the whole ARN", list(&by_name)),
        (true, true) => "give the ARN of a user or role of the exports".to_owned(),
    };
    Err(Failure::bad_input(format!("`{text}` is no principal of the exports"), help))
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn subject<'a>(analysis: &'a Analysis<'a>, text: &str) -> Result<&'a Principal, Failure> {
    if !text.contains(':') {
        let found = find(analysis, &Exclusions::default());
        if let Some(finding) = found.findings.iter().find(|finding| finding.id.as_str() == text) {
            return principal(&analysis.access, finding.resource.as_str());
        }
    }
    principal(&analysis.access, text)
}

/// Runs the command.
pub(crate) fn run(arguments: &RecommendArguments) -> Result<Exit, Failure> {
    let evidence = Evidence::find(arguments.from.as_deref(), &arguments.evidence)?;
    let analysis = evidence.analyse();
    let asked = subject(&analysis, &arguments.subject)?;
    let basis = Basis::of(&analysis, Choices::default());
    let advisor = Advisor::new(basis);
    let proposal = match advisor.propose(asked).map_err(|fault| Failure::fault(fault.to_string()))? {
        Ok(proposal) => proposal,
        Err(why) => {
            let shown = match arguments.format {
                ViewFormat::Text => format!("{}\n  nothing is recommended: {why}\n", asked.arn),
                ViewFormat::Json => pretty(&serde_json::json!({
                    "schema": leastwise::report::recommendation::SCHEMA, "resource": asked.arn.as_str(),
                    "notJudged": why.to_string(), "alternatives": [],
                }))?,
            };
            print(&shown)?;
            return Ok(Exit::Clean);
        }
    };
    let mut log = RequestLog::new(&analysis.mapper, Scope::only(&proposal.affected()), analysis.period);
    evidence.read_logs(&mut |event| log.record(event), &mut Vec::new());
    let (judged, set, unused) = (proposal.judged.clone(), proposal.permission_set, proposal.unused.clone());
    let verdicts = judge(&analysis.access, proposal, &log);
    let shown = match arguments.format {
        ViewFormat::Json => pretty(&recommendation(&basis, &judged, set, &unused, &verdicts))?,
        ViewFormat::Text => {
            let colours = Colours::of_standard_output();
            let mut out = format!("{}\n", colours.bold(asked.arn.as_str()));
            if let Some(set) = set {
                out.push_str(&format!(
                    "  a role of permission set `{set}`: this is for all its roles in all accounts of the input\n"
                ));
            }
            out.push_str(&format!(
                "  {} of its effective actions are unused from {} to {}\n",
                unused.len(),
                basis.period.start,
                basis.period.end
            ));
            for (of, count) in &judged.grounds {
                out.push_str(&format!("    {count} because {}\n", ground(*of)));
            }
            let kept = [
                ("used", &judged.used),
                ("unobservable: no source could have shown a use", &judged.unobservable),
                ("unknown: a source that should know does not", &judged.unknown),
                ("blocked by the permissions boundary, not unused", &judged.granted.blocked_by_boundary),
                ("taken away by a Deny, not unused", &judged.granted.denied),
            ];
            for (why, actions) in kept.into_iter().filter(|(_, actions)| !actions.is_empty()) {
                out.push_str(&format!("  {} kept, {why}: {}\n", actions.len(), some(&names(&analysis.access, actions))));
            }
            if verdicts.is_empty() {
                out.push_str("  nothing to do\n");
            }
            for (number, verdict) in verdicts.iter().enumerate() {
                out.push_str(&format!("\n{}\n", colours.bold(&format!("Alternative {} of {}", number + 1, verdicts.len()))));
                match verdict {
                    Verdict::Applicable(plan) => out.push_str(&text(&analysis.access, plan, colours)),
                    Verdict::Withheld(withheld) => {
                        out.push_str(&format!(
                            "  {}: {} recorded requests would have been denied\n",
                            colours.red("withheld"),
                            withheld.replay.newly_denied
                        ));
                        for cut in withheld.replay.cuts.iter().take(10) {
                            out.push_str(&format!(
                                "    {} {} times by {}, last {}\n",
                                cut.action, cut.count, cut.principal, cut.last
                            ));
                        }
                    }
                }
            }
            out
        }
    };
    print(&shown)?;
    Ok(if verdicts.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// JSON as it is printed.
pub(crate) fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(value);
    json.map(|text| text + "\n").map_err(|e| Failure::fault(format!("the result cannot be written as JSON: {e}")))
}

fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    let more = names.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn text(access: &AccessModel<'_>, plan: &Applicable<'_>, colours: Colours) -> String {
    let price = &plan.price;
    let mut out = format!("  {}\n", title(plan));
    out.push_str(&format!(
        "  price: {} principals, statements {} → {}, characters {} → {}, managed policies {} → {}{}\n",
        price.principals,
        price.statements.0,
        price.statements.1,
        price.characters.0,
        price.characters.1,
        price.managed_policies.0,
        price.managed_policies.1,
        if price.within_policy_count() { "" } else { ", more than the 10 that IAM allows by default" }
    ));
    for retained in &plan.retained {
        out.push_str(&format!(
            "  {} {} unused actions stay because of `{}`: {}\n",
            colours.yellow("!"),
            retained.actions.len(),
            retained.policy,
            retained.why
        ));
        out.push_str(&format!("      {}\n", some(&names(access, &retained.actions))));
    }
    for group in &plan.leaves {
        out.push_str(&format!("  remove the user from group `{}` once the steps below are done\n", group.arn.name()));
    }
    for step in &plan.steps {
        out.push_str(&one(step, colours));
    }
    let replay = plan.replay();
    out.push_str(&format!(
        "\n  {} replayed {} recorded requests: {} still allowed, {} undecidable, {} granted elsewhere, {} newly denied\n",
        colours.green("✓"),
        replay.events,
        replay.still_allowed,
        replay.undecidable,
        replay.not_granted_before,
        replay.newly_denied
    ));
    for cut in replay.older.iter().take(10) {
        out.push_str(&format!(
            "  {} {} was used before the period, last {}: is it needed now and then?\n",
            colours.yellow("!"),
            cut.action,
            cut.last
        ));
    }
    out
}

fn one(step: &PolicyStep<'_>, colours: Colours) -> String {
    let actions = step.actions();
    let actions = if actions.is_empty() { "no step".to_owned() } else { actions.join(", then ") };
    let mut out = format!("\n  {}: {}\n", colours.bold(&actions), step.instruction());
    if let Some(after) = step.refined.text.as_deref().filter(|_| !step.refined.is_unchanged()) {
        for line in diff(step.original.text(), after, 3) {
            out.push_str(&match line {
                DiffLine::Same(line) => format!("      {line}\n"),
                DiffLine::Removed(line) => format!("{}\n", colours.red(&format!("    - {line}"))),
                DiffLine::Added(line) => format!("{}\n", colours.green(&format!("    + {line}"))),
                DiffLine::Omitted(count) => format!("{}\n", colours.dim(&format!("      … {count} unchanged lines"))),
            });
        }
    }
    let claims: Vec<&str> = step.refined.claims().iter().map(|(claim, _)| claim.as_str()).collect();
    out.push_str(&format!("    {} proved: {}\n", colours.green("✓"), claims.join(", ")));
    let last = step.removed.iter().filter_map(|removed| removed.last_seen).max();
    out.push_str(&format!(
        "    {} actions go; last seen {}\n",
        step.removed.len(),
        last.map_or("never".to_owned(), |time| time.to_string())
    ));
    let mark = if step.fit.fits() { colours.green("✓") } else { colours.red("✗") };
    out.push_str(&format!(
        "    {mark} {} of {} characters ({} quota)\n",
        step.fit.size,
        step.fit.quota.limit(),
        step.fit.quota.as_str()
    ));
    for remedy in &step.fit.remedies {
        out.push_str(&match remedy {
            Remedy::Split(split) => format!("      it fits as {} policies (--format json has them)\n", split.parts.len()),
            Remedy::Compact(_) => "      it fits in compact form (--format json has it)\n".to_owned(),
        });
    }
    out
}
