//! `leastwise replay`: every recorded event against the policies before and after all recommendations.

use std::path::PathBuf;

use clap::Args;
use leastwise::access::Principal;
use leastwise::backtest::{Halves, Missed, Replay, RequestLog, Scope, total};
use leastwise::recommend::{Advisor, Basis, NotJudged};
use leastwise::refine::Choices;
use leastwise::usage::{Collector, Event};
use serde_json::json;

use crate::analyze::ExclusionOptions;
use crate::everybody::{Answer, answer_all, each_once};
use crate::evidence::{Evidence, EvidenceOptions, UsageOption};
use crate::failure::{Exit, Failure};
use crate::output::{Colours, print};
use crate::recommend::{ViewFormat, pretty};

/// What `leastwise replay` takes.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// A folder of exports, laid out in any way (docs/inputs.md).
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    #[command(flatten)]
    usage: UsageOption,
    #[command(flatten)]
    evidence: EvidenceOptions,
    #[command(flatten)]
    exclusions: ExclusionOptions,
    /// Also learn on the first half of the logs and replay the second: what rare use would have been cut?
    #[arg(long)]
    split_half: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = ViewFormat::Text, help_heading = "Output")]
    format: ViewFormat,
}

/// Runs the command.
pub(crate) fn run(arguments: &ReplayArguments) -> Result<Exit, Failure> {
    let exclusions = arguments.exclusions.read()?;
    if arguments.split_half {
        arguments.usage.refuse("`--split-half` learns from events up to a moment within a day")?;
    }
    let evidence =
        Evidence::find(arguments.from.as_deref(), &arguments.evidence)?.with_usage(&arguments.usage, &arguments.evidence)?;
    let mapper = evidence.mapper();
    let mut log = RequestLog::new(&mapper, Scope::All, evidence.period());
    let analysis = evidence.analyse(&mut |event| log.record(event));
    evidence.replay_usage(&mut log)?;
    let halves = Halves::of(analysis.ledger.coverage()).filter(|_| arguments.split_half);
    let mut first = Collector::new(&analysis.mapper);
    let mut second = halves.map(|halves| RequestLog::new(&analysis.mapper, Scope::All, halves.rest));
    // Where the halves meet is known only when all logs have been read: then they are read once more.
    if let (Some(second), Some(halves)) = (&mut second, &halves) {
        let mut visit = |event: &Event<'_>| {
            second.record(event);
            if event.time < halves.learning.end {
                first.record(event);
            }
        };
        evidence.read_logs(&mut visit, &mut Vec::new());
    }
    let fault = |fault: leastwise::recommend::Fault| Failure::fault(fault.to_string());
    let basis = Basis::of(&analysis, Choices::default());
    let advisor = Advisor::new(basis).excluding(exclusions.clone());
    let (mut strongest, mut withheld, mut plans, mut recommended) = (Vec::<Replay>::new(), 0, 0, 0);
    let shape = |_: &Principal, answer: Result<Answer<'_>, NotJudged>| {
        let verdicts = answer.map(|answer| answer.verdicts).unwrap_or_default();
        let denied = verdicts.iter().filter(|verdict| verdict.applicable().is_none()).count();
        (verdicts.len(), denied, verdicts.first().map(|verdict| verdict.replay().clone()))
    };
    let principals = each_once(analysis.access.principals());
    answer_all(&advisor, &log, &principals, shape, |(ways, denied, replay)| {
        recommended += usize::from(ways > 0);
        plans += ways;
        withheld += denied;
        strongest.extend(replay);
        Ok(())
    })?;
    let sum = total(strongest.iter());
    let mut missed: Vec<Missed> = Vec::new();
    if let (Some(halves), Some(second)) = (&halves, &second) {
        halves.cover(first.ledger(), analysis.ledger.coverage());
        first.ledger().identify(analysis.access.principals());
        let ledger = first.finish();
        let advisor = Advisor::new(Basis { ledger: &ledger, period: halves.learning, ..basis }).excluding(exclusions);
        for principal in &principals {
            if let Ok(proposal) = advisor.propose(principal).map_err(fault)? {
                missed.extend(halves.missed(&analysis.access, &proposal, second));
            }
        }
        missed.sort_by(|a, b| (&a.principal, &a.action).cmp(&(&b.principal, &b.action)));
        missed.dedup_by(|a, b| (&a.principal, &a.action) == (&b.principal, &b.action));
    }
    let tally = log.tally();
    let shown = match arguments.format {
        ViewFormat::Json => pretty(&json!({
            "schema": "leastwise.replay/1",
            "events": {
                "read": tally.events, "replayed": tally.replayed, "deniedThen": tally.denied,
                "unmapped": tally.unmapped, "ofOthers": tally.of_others,
            },
            "recommendations": recommended, "alternatives": plans, "withheld": withheld,
            "replay": leastwise::report::recommendation::replay(&sum),
            "splitHalf": halves.map(|halves| json!({
                "learnedFrom": halves.learning.start.to_string(), "learnedTo": halves.learning.end.to_string(),
                "replayedTo": halves.rest.end.to_string(),
                "missed": missed.iter().map(|miss| json!({
                    "principal": miss.principal.as_str(), "action": miss.action.as_str(), "count": miss.count,
                    "first": miss.seen.from.to_string(), "last": miss.seen.to.to_string(), "rhythm": miss.rhythm.as_str(),
                })).collect::<Vec<_>>(),
            })),
        }))?,
        ViewFormat::Text => {
            let colours = Colours::of_standard_output();
            let mut out = format!(
                "{} events read: {} calls replayed, {} turned down then, {} unmapped, {} of others\n",
                tally.events, tally.replayed, tally.denied, tally.unmapped, tally.of_others
            );
            out.push_str(&format!(
                "{recommended} recommendations with {plans} alternatives; {withheld} alternatives withheld\n\
                 first alternatives: {} requests, {} still allowed, {} undecidable, {} granted elsewhere\n",
                sum.events, sum.still_allowed, sum.undecidable, sum.not_granted_before
            ));
            for open in sum.open.iter().take(50) {
                let why: Vec<String> = open.why.iter().map(ToString::to_string).collect();
                let resource = open.resource.as_deref().map(|resource| format!(" on {resource}")).unwrap_or_default();
                out.push_str(&format!(
                    "  undecidable: {} {}{resource} {} times: {}\n",
                    open.principal,
                    open.action,
                    open.count,
                    why.join("; ")
                ));
            }
            if sum.open.len() > 50 {
                out.push_str(&format!("  … and {} more distinct ones; `--format json` lists them all\n", sum.open.len() - 50));
            }
            let denied = format!("{} once-allowed requests would now be denied", sum.newly_denied);
            out.push_str(&format!("{}\n", if sum.newly_denied == 0 { colours.green(&denied) } else { colours.red(&denied) }));
            for cut in sum.cuts.iter().chain(&sum.older).take(50) {
                out.push_str(&format!("  {} {} {} times, last {}\n", cut.principal, cut.action, cut.count, cut.last));
            }
            match (&halves, arguments.split_half) {
                (Some(halves), _) => {
                    out.push_str(&format!(
                        "\nlearned {} to {}, replayed up to {}: {} uses would have been cut\n",
                        halves.learning.start,
                        halves.learning.end,
                        halves.rest.end,
                        missed.len()
                    ));
                    for miss in &missed {
                        out.push_str(&format!(
                            "  {} {} {} {} times, last {}\n",
                            colours.yellow(miss.rhythm.as_str()),
                            miss.principal,
                            miss.action,
                            miss.count,
                            miss.seen.to
                        ));
                    }
                }
                (None, true) => out.push_str("\nno halves: the logs cover less than two days in common\n"),
                (None, false) => {}
            }
            out
        }
    };
    print(&shown)?;
    Ok(if withheld == 0 && missed.is_empty() { Exit::Clean } else { Exit::Findings })
}
