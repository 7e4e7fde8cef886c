//! `leastwise evaluate`: one request and its policies from files, or many from lines, to decisions.

use std::path::{Path, PathBuf};

use leastwise::report::evaluation::EvaluationReport;
use leastwise::report::visible;
use leastwise_policy::Policy;
use leastwise_policy::evaluate::{Case, CaseResult, Decision, PolicySet, Request};
use leastwise_policy::json::{self, Position};

use crate::args::{EvaluateArguments, EvaluateFormat};
use crate::batch::{self, Answered, Line, LineError};
use crate::failure::{Exit, Failure};
use crate::input::{Inputs, name};
use crate::output::{Colours, print};

/// Runs the command.
pub(crate) fn run(arguments: &EvaluateArguments) -> Result<Exit, Failure> {
    if let Some(path) = &arguments.batch {
        return batch::run(path, &Case::MEMBERS, case);
    }
    let inputs = Inputs::default();
    let Some(path) = &arguments.request else {
        return Err(Failure::bad_input("a request is needed", "see `leastwise evaluate --help`"));
    };
    if let Some(owner) = arguments.object_owner.as_deref().filter(|owner| !leastwise_policy::arn::is_account_number(owner)) {
        return Err(Failure::bad_input(format!("`{owner}` is not the number of an account"), "write its twelve digits"));
    }
    let request = request(&inputs, path)?;
    let all = |paths: &[PathBuf]| paths.iter().map(|path| policies(&inputs, path)).collect::<Result<Vec<_>, Failure>>();
    let (identity, boundaries, session) = (all(&arguments.identity)?, all(&arguments.boundary)?, all(&arguments.session)?);
    let (service_control, resource_control) = (all(&arguments.scp)?, all(&arguments.rcp)?);
    let one = |path: &Option<PathBuf>, what: &str| match path {
        None => Ok(None),
        Some(path) => {
            let mut own = policies(&inputs, path)?;
            if own.len() > 1 {
                let message = format!("{}: {} policies; {what} has one", name(path), own.len());
                return Err(Failure::bad_input(message, "join their statements in one policy"));
            }
            Ok(own.pop())
        }
    };
    let resource = one(&arguments.resource_policy, "a resource")?;
    let endpoint = one(&arguments.vpc_endpoint_policy, "an endpoint")?;
    let set = PolicySet {
        identity: identity.iter().flatten().collect(),
        resource: resource.as_ref(),
        boundaries: boundaries.iter().flatten().collect(),
        session: session.iter().flatten().collect(),
        service_control: service_control.iter().map(|level| level.iter().collect()).collect(),
        resource_control: resource_control.iter().map(|level| level.iter().collect()).collect(),
        endpoint: endpoint.as_ref(),
        object_owner: arguments.object_owner.as_deref(),
    };
    let evaluation = set.evaluate(&request);
    let explanation = arguments.explain.then(|| set.explain(&request).iter().map(ToString::to_string).collect::<Vec<String>>());
    let result = CaseResult::of(None, &set, &request);
    match arguments.format {
        EvaluateFormat::Json => {
            let json = serde_json::to_string_pretty(&EvaluationReport::single(&result, explanation))
                .map_err(|e| Failure::fault(format!("the decision cannot be written as JSON: {e}")))?;
            print(&(json + "\n"))?;
        }
        EvaluateFormat::Text => {
            let colours = Colours::of_standard_output();
            let word = result.decision.as_str();
            let mut out = match result.decision {
                Decision::Allowed => colours.green(word),
                Decision::ImplicitlyDenied | Decision::ExplicitlyDenied => colours.red(word),
                Decision::Undecided => colours.yellow(word),
            } + "\n";
            evaluation.deciding.iter().for_each(|place| out.push_str(&format!("  by {}\n", visible(&place.to_string()))));
            result.lacking.iter().for_each(|lacking| out.push_str(&format!("  {lacking}\n")));
            result.rule.iter().for_each(|rule| out.push_str(&format!("  {rule}\n")));
            result.unclear.iter().for_each(|unclear| out.push_str(&format!("  cannot decide: {}\n", visible(unclear))));
            result.notes.iter().for_each(|note| out.push_str(&format!("  note: {}\n", visible(note))));
            if let Some(explanation) = explanation {
                out.push_str(&format!("\n{}\n", colours.bold("Statements")));
                explanation.iter().for_each(|line| out.push_str(&format!("  {}\n", visible(line))));
            }
            print(&out)?;
        }
    }
    Ok(exit(result.decision))
}

fn exit(decision: Decision) -> Exit {
    match decision {
        Decision::Allowed => Exit::Clean,
        Decision::ImplicitlyDenied | Decision::ExplicitlyDenied => Exit::Findings,
        Decision::Undecided => Exit::BadInput,
    }
}

/// One case of a batch.
fn case(line: &Line<'_>) -> Answered {
    let case = Case::from_node(line.node, line.text).map_err(|e| {
        let kind = if line.node.member("request").is_none() { "case" } else { "input" };
        LineError::bad(kind, format!("{}: {e}; {}", Position::of(line.text, e.span.start), e.help))
    })?;
    let result = case.result();
    let exit = if result.decision == Decision::Undecided { Exit::BadInput } else { Exit::Clean };
    batch::written(&EvaluationReport::line(line.id, &result), exit)
}

fn request(inputs: &Inputs, path: &Path) -> Result<Request, Failure> {
    let text = inputs.text(path)?;
    let node = json::parse(&text).map_err(|e| Failure::bad_input(format!("{}: {e}", name(path)), e.help))?;
    Request::from_node(&node)
        .map_err(|e| Failure::bad_input(format!("{}: {}: {e}", name(path), Position::of(&text, e.span.start)), e.help))
}

/// The policies of a file: one, or a list of them.
fn policies(inputs: &Inputs, path: &Path) -> Result<Vec<Policy>, Failure> {
    let text = inputs.text(path)?;
    if !text.trim_start_matches('\u{feff}').trim_start().starts_with('[') {
        return Ok(vec![inputs.policy_in(path, &text)?]);
    }
    let node = json::parse(&text).map_err(|e| Failure::bad_input(format!("{}: {e}", name(path)), e.help))?;
    let items = node.as_array().unwrap_or_default();
    let policy = |(at, item): (usize, &json::Node)| {
        Policy::parse(item.span.of(&text))
            .map_err(|e| Failure::bad_input(format!("{}: policy {at} of the list: {e}", name(path)), e.help))
    };
    items.iter().enumerate().map(policy).collect()
}
