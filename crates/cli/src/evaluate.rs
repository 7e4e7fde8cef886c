//! `leastwise evaluate`: one request and its policies from files, or many from lines, to decisions.

use std::path::{Path, PathBuf};

use leastwise::report::evaluation::EvaluationReport;
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
        return batch::run(path, "{\"id\", \"request\", \"identity\", …}", case);
    }
    let inputs = Inputs::default();
    let Some(path) = &arguments.request else {
        return Err(Failure::bad_input("a request is needed", "see `leastwise evaluate --help`"));
    };
    let request = request(&inputs, path)?;
    let all = |paths: &[PathBuf]| paths.iter().map(|path| policies(&inputs, path)).collect::<Result<Vec<_>, Failure>>();
    let (identity, boundaries, session) = (all(&arguments.identity)?, all(&arguments.boundary)?, all(&arguments.session)?);
    let (service_control, resource_control) = (all(&arguments.scp)?, all(&arguments.rcp)?);
    let resource = arguments.resource_policy.as_deref().map(|path| inputs.policy(path)).transpose()?;
    let set = PolicySet {
        identity: identity.iter().flatten().collect(),
        resource: resource.as_ref(),
        boundaries: boundaries.iter().flatten().collect(),
        session: session.iter().flatten().collect(),
        service_control: service_control.iter().map(|level| level.iter().collect()).collect(),
        resource_control: resource_control.iter().map(|level| level.iter().collect()).collect(),
    };
    let evaluation = set.evaluate(&request);
    let explanation = arguments.explain.then(|| set.explain(&request).iter().map(ToString::to_string).collect::<Vec<String>>());
    let result = CaseResult::of(None, &evaluation);
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
            } + "\n";
            evaluation.deciding.iter().for_each(|place| out.push_str(&format!("  by {place}\n")));
            result.lacking.iter().for_each(|lacking| out.push_str(&format!("  {lacking}\n")));
            if let Some(explanation) = explanation {
                out.push_str(&format!("\n{}\n", colours.bold("Statements")));
                explanation.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
            }
            print(&out)?;
        }
    }
    Ok(if result.decision == Decision::Allowed { Exit::Clean } else { Exit::Findings })
}

/// One case of a batch.
fn case(line: &Line<'_>) -> Answered {
    let case = Case::from_node(line.node, line.text).map_err(|e| {
        let kind = if line.node.member("request").is_none() { "case" } else { "input" };
        LineError::bad(kind, format!("{}: {e}; {}", Position::of(line.text, e.span.start), e.help))
    })?;
    batch::written(&EvaluationReport::line(line.id, &case.result()), Exit::Clean)
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
        let policy = Policy::parse(&text).map_err(|e| Failure::bad_input(format!("{}: {e}", name(path)), e.help))?;
        return Ok(vec![policy]);
    }
    let node = json::parse(&text).map_err(|e| Failure::bad_input(format!("{}: {e}", name(path)), e.help))?;
    let items = node.as_array().unwrap_or_default();
    let policy = |(at, item): (usize, &json::Node)| {
        Policy::parse(item.span.of(&text))
            .map_err(|e| Failure::bad_input(format!("{}: policy {at} of the list: {e}", name(path)), e.help))
    };
    items.iter().enumerate().map(policy).collect()
}
