//! The arguments of `leastwise evaluate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(super) const HELP: &str = "Examples:
  leastwise evaluate --request request.json --identity user.json --identity group.json
      Allowed, ImplicitlyDenied or ExplicitlyDenied, and the statements that decided
  leastwise evaluate --request request.json --identity role.json --boundaries boundary.json --explain
      for every statement, whether it applies, and if not, which clause fails
  leastwise evaluate --request request.json --identity role.json --scps root.json --scps unit.json
      the policies of an organization, a level for each --scps, from the root down
  leastwise evaluate --batch cases.ndjson > results.ndjson
      a case {\"id\", \"request\", \"identity\": […], …} a line in, a decision a line out, in the same order

A request is {\"principal\": arn or {\"Service\": …} or \"*\", \"action\", \"resource\", \"resourceAccount\"?, \"context\"?: {key: value or list}}.
A case has the members id, request, identity, resourcePolicy, boundaries, sessionPolicy, scps, rcps, vpcEndpointPolicy and
objectOwner: the names of the options, in one word. Any other member is refused.
A file holds a policy, or a list of them. Exit status: 0 allowed, 1 denied, 2 bad input or undecided; for a batch 0, or 2
when a line was bad or undecided.";

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// The request; `-` is standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "batch", conflicts_with = "batch")]
    pub(crate) request: Option<PathBuf>,
    /// A policy of the user, their groups, or the role.
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    pub(crate) identity: Vec<PathBuf>,
    /// The policy of the resource; for assuming a role, its trust policy.
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    pub(crate) resource_policy: Option<PathBuf>,
    /// A permissions boundary.
    #[arg(long = "boundaries", visible_alias = "boundary", value_name = "FILE", conflicts_with = "batch")]
    pub(crate) boundary: Vec<PathBuf>,
    /// A service control policy: a level of the organization each, from the root down; several of one level as a list in one file.
    #[arg(long = "scps", visible_alias = "scp", value_name = "FILE", conflicts_with = "batch")]
    pub(crate) scp: Vec<PathBuf>,
    /// A resource control policy, by level as --scps.
    #[arg(long = "rcps", visible_alias = "rcp", value_name = "FILE", conflicts_with = "batch")]
    pub(crate) rcp: Vec<PathBuf>,
    /// A session policy.
    #[arg(long = "session-policy", visible_alias = "session", value_name = "FILE", conflicts_with = "batch")]
    pub(crate) session: Vec<PathBuf>,
    /// The policy of the VPC endpoint through which the request comes.
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    pub(crate) vpc_endpoint_policy: Option<PathBuf>,
    /// The account that owns the S3 object, where that is another than the bucket's.
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "batch")]
    pub(crate) object_owner: Option<String>,
    /// Say of every statement whether it applies, and why not.
    #[arg(long, conflicts_with = "batch")]
    pub(crate) explain: bool,
    /// Evaluate many cases, one JSON object a line; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    pub(crate) batch: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = EvaluateFormat::Text)]
    pub(crate) format: EvaluateFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EvaluateFormat {
    /// The decision, and the statements that made it.
    Text,
    /// The same as JSON (schema leastwise.evaluate/1).
    Json,
}
