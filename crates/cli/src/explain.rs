//! `leastwise explain`: the state of one action of one principal, and the records behind it; roles, keys and passwords are in
//! `explain_identity.rs`.

use std::collections::VecDeque;
use std::path::PathBuf;

use clap::Args;
use leastwise::access::{ActionIndex, PrincipalArn};
use leastwise::recommend::nearest;
use leastwise::report::permissions::reason_sentence;
use leastwise::usage::{Attribution, Event, EventMapper, Mapping, ReportStatus, attribute};
use leastwise_policy::{ActionName, Catalogue};
use serde_json::{Value, json};

use crate::evidence::{Evidence, EvidenceOptions, UsageOption};
use crate::explain_identity::{Asked, answer, text};
use crate::failure::{Exit, Failure};
use crate::output::{Colours, print};
use crate::recommend::{ViewFormat, pretty, principal};

/// What `leastwise explain` takes.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The ARN of a user or role, or the id of an access key.
    arn: String,
    /// An action, such as s3:GetObject; of a user also `1` or `2` (the slot of an access key), a key's id, or `password`. Without it
    /// the role as a whole, or all credentials of the user.
    #[arg(value_name = "ACTION|SLOT|KEY|password")]
    action: Option<String>,
    /// A folder of exports, laid out in any way (docs/inputs.md).
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    #[command(flatten)]
    usage: UsageOption,
    #[command(flatten)]
    evidence: EvidenceOptions,
    /// What to print.
    #[arg(long, value_enum, default_value_t = ViewFormat::Text, help_heading = "Output")]
    format: ViewFormat,
}

/// So many of the last records are shown.
const SAMPLE: usize = 5;

/// Runs the command.
pub(crate) fn run(arguments: &ExplainArguments) -> Result<Exit, Failure> {
    let evidence =
        Evidence::find(arguments.from.as_deref(), &arguments.evidence)?.with_usage(&arguments.usage, &arguments.evidence)?;
    if let Some(asked) = Asked::of(&arguments.arn, arguments.action.as_deref()) {
        let answer = answer(&evidence.analyse(&mut |_| ()), &arguments.arn, &asked)?;
        print(&match arguments.format {
            ViewFormat::Json => pretty(&answer)?,
            ViewFormat::Text => text(&answer, Colours::of_standard_output()),
        })?;
        return Ok(Exit::Clean);
    }
    let action = known_action(evidence.catalogue(), arguments.action.as_deref().unwrap_or_default())?;
    // The records behind the answer are gathered while the logs are read for the ledger.
    let mapper = evidence.mapper();
    let mut records = Records::of(&arguments.arn, &action);
    let analysis = evidence.analyse(&mut |event| records.take(event, &mapper));
    let sample = records.sample;
    let asked = principal(&analysis.access, &arguments.arn)?;
    let index = analysis.access.actions();
    let Some(id) = index.action(action.service(), action.name()) else {
        return Err(Failure::fault(format!("`{action}` is in the catalogue and not in its index")));
    };
    let granted = analysis.access.granted(asked);
    let grant = if granted.effective.contains(id) {
        "granted"
    } else if granted.blocked_by_boundary.contains(id) {
        "blocked by the permissions boundary"
    } else if granted.denied.contains(id) {
        "taken away by a Deny statement"
    } else {
        "not granted"
    };
    let statements: Vec<String> = granted
        .granting(id)
        .map(|grant| {
            let policy = match grant.source.policy {
                leastwise::access::model::PolicyRef::Managed(arn) => arn.to_string(),
                leastwise::access::model::PolicyRef::Inline(name) => format!("{name} of {}", grant.source.holder.arn.name()),
            };
            format!("{policy}, statement {}", grant.statement)
        })
        .collect();
    let (state, found) = analysis.use_of(asked).state(&action);
    let time = |time: Option<leastwise::access::Timestamp>| time.map(|time| time.to_string());
    let reasons: Vec<String> = found.reasons.iter().map(reason_sentence).collect();
    let trails: Vec<Value> = analysis
        .ledger
        .coverage()
        .iter()
        .filter(|trail| trail.account == asked.arn.account())
        .map(|trail| {
            json!({
                "from": trail.window.from.to_string(), "to": trail.window.to.to_string(),
                "gaps": trail.gaps.iter().map(|gap| format!("{} to {}", gap.from, gap.to)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let report = analysis.ledger.report(&asked.arn);
    let value = json!({
        "schema": "leastwise.explain/1",
        "resource": asked.arn.as_str(),
        "action": action.as_str(),
        "grant": grant,
        "statements": statements,
        "state": state.name(),
        "reasons": reasons,
        "trackingPeriod": {"from": analysis.period.start.to_string(), "to": analysis.period.end.to_string()},
        "events": {
            "count": found.events.count, "first": time(found.events.first), "last": time(found.events.last),
            "denied": found.events.denied, "lastDenied": time(found.events.last_denied),
            "lastPossible": time(found.events.last_possible), "sample": sample,
        },
        "lastReported": time(found.last_reported),
        "trails": trails,
        "report": report.as_ref().map(|report| json!({"completed": time(report.completed), "status": status(&report.status)})),
        "problems": analysis.problems.len(),
    });
    let shown = match arguments.format {
        ViewFormat::Json => pretty(&value)?,
        ViewFormat::Text => {
            let colours = Colours::of_standard_output();
            let mut out = format!("{} {}\n", colours.bold(asked.arn.as_str()), colours.bold(action.as_str()));
            out.push_str(&format!("  {grant}\n"));
            statements.iter().for_each(|statement| out.push_str(&format!("    by {statement}\n")));
            out.push_str(&format!(
                "  {} from {} to {}\n",
                colours.bold(state.name()),
                analysis.period.start,
                analysis.period.end
            ));
            reasons.iter().for_each(|reason| out.push_str(&format!("    {reason}\n")));
            let of = |text: Option<String>| text.unwrap_or_else(|| "never".to_owned());
            out.push_str(&format!(
                "  events: {} from {} to {}, {} turned down\n",
                found.events.count,
                of(time(found.events.first)),
                of(time(found.events.last)),
                found.events.denied
            ));
            for event in &sample {
                let member = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or("-");
                out.push_str(&format!("    {} {} {} {}\n", member("time"), member("eventID"), member("source"), member("name")));
            }
            out.push_str(&format!("  last-accessed report: last attempt {}\n", of(time(found.last_reported))));
            for trail in &trails {
                let text = |key: &str| trail.get(key).and_then(Value::as_str).unwrap_or("-");
                let gaps = trail.get("gaps").and_then(Value::as_array).map_or(0, Vec::len);
                out.push_str(&format!("  trail of the account: {} to {}, {gaps} gaps\n", text("from"), text("to")));
            }
            out
        }
    };
    print(&shown)?;
    Ok(Exit::Clean)
}

/// The action as the catalogue spells it, or what names are near.
fn known_action(catalogue: &Catalogue, text: &str) -> Result<ActionName, Failure> {
    let index = ActionIndex::new(catalogue);
    let parsed = ActionName::parse(text);
    let known = parsed.as_ref().and_then(|action| index.action(action.service(), action.name()));
    if let Some((service, name)) = known.map(|id| index.name(id)) {
        return ActionName::of(service, name).ok_or_else(|| Failure::fault("a name of the catalogue is none"));
    }
    let names: Vec<String> = index.all().iter().map(|id| index.name(id)).map(|(s, n)| format!("{s}:{n}")).collect();
    let near = nearest(text, names.iter().map(String::as_str));
    let help = if near.is_empty() {
        "write service:Action, such as s3:GetObject".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Err(Failure::bad_input(format!("`{text}` is no action of the catalogue"), help))
}

/// The last records of one action of one principal.
struct Records<'a> {
    of: Option<PrincipalArn>,
    action: &'a ActionName,
    sample: VecDeque<Value>,
}

impl<'a> Records<'a> {
    fn of(arn: &str, action: &'a ActionName) -> Records<'a> {
        Records { of: PrincipalArn::parse(arn), action, sample: VecDeque::new() }
    }

    fn take(&mut self, event: &Event<'_>, mapper: &EventMapper<'_>) {
        let Some(asked) = &self.of else { return };
        let same = |arn: &PrincipalArn| {
            (arn.account(), arn.kind()) == (asked.account(), asked.kind()) && arn.name().eq_ignore_ascii_case(asked.name())
        };
        if !matches!(attribute(event), Attribution::Principal(arn) if same(&arn)) {
            return;
        }
        let Mapping::Actions { used, possibly_used } = mapper.map(event) else { return };
        let certain = used.contains(self.action);
        if !certain && !possibly_used.contains(self.action) {
            return;
        }
        self.sample.push_back(json!({
            "eventID": event.id, "time": event.time.to_string(), "source": event.source, "name": event.name,
            "region": event.region, "denied": event.is_denied(), "certain": certain,
        }));
        if self.sample.len() > SAMPLE {
            self.sample.pop_front();
        }
    }
}

fn status(status: &ReportStatus) -> &'static str {
    match status {
        ReportStatus::Complete => "complete",
        ReportStatus::Partial => "partial",
        ReportStatus::Failed(_) => "failed",
    }
}
