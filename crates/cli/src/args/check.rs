//! The arguments of `leastwise check` and its four checks.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::CatalogOption;

pub(super) const HELP: &str = "Examples:
  leastwise check no-new-access existing.json new.json
  leastwise check access-not-granted policies/ --actions s3:DeleteBucket,iam:* --resources 'arn:aws:s3:::logs*'
  leastwise check no-public-access bucket-policy.json --resource-type AWS::S3::Bucket
  leastwise check valid template.yaml 'modules/**/*.json' --format sarif > findings.sarif
  leastwise check valid policies/ --format json > baseline.json && leastwise check valid policies/ --baseline baseline.json
  leastwise check no-new-access --batch pairs.ndjson > results.ndjson

A path is a file, a folder (its .json, .yaml, .yml, .template and .policy files), a glob, or `-`. Policies are found in plain
documents (JSON, YAML), answers of the AWS CLI (get-policy-version, get-role-policy, get-bucket-policy, get-key-policy,
get-account-authorization-details and the like), CloudFormation and SAM templates, and `terraform show -json`.

Exit status: 0 pass, 1 fail, 2 bad input. What cannot be decided is a fail that says so.";

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(subcommand)]
    pub(crate) command: CheckCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckCommand {
    /// Does NEW allow only what EXISTING allows?
    NoNewAccess {
        /// The policy as it is, or a folder of policies; `-` is standard input.
        #[arg(required_unless_present = "batch", conflicts_with = "batch")]
        existing: Option<PathBuf>,
        /// The policy as it shall be, or a folder with files of the same names; `-` is standard input.
        #[arg(required_unless_present = "batch", conflicts_with = "batch")]
        new: Option<PathBuf>,
        /// What the policies are attached to; without it, a `Principal` decides. A line of a batch says it as "type".
        #[arg(long = "type", value_enum)]
        kind: Option<ComparedType>,
        #[command(flatten)]
        output: CheckOutput,
    },
    /// Does the policy allow none of these actions on any of these resources?
    AccessNotGranted {
        /// The policies: files, folders or globs; `-` is standard input.
        #[arg(value_name = "PATH", required_unless_present = "batch", conflicts_with = "batch")]
        policies: Vec<PathBuf>,
        /// Actions or patterns, with commas between; all of them when only resources are given.
        #[arg(long, value_name = "ACTION", value_delimiter = ',', conflicts_with = "batch")]
        actions: Vec<String>,
        /// ARNs, in which wildcards may stand, with commas between; all of them when only actions are given.
        #[arg(long, value_name = "ARN", value_delimiter = ',', conflicts_with = "batch")]
        resources: Vec<String>,
        /// What the policies are attached to; without it, a `Principal` decides. A line of a batch says it as "type".
        #[arg(long = "type", value_enum)]
        kind: Option<ComparedType>,
        #[command(flatten)]
        output: CheckOutput,
    },
    /// Does the policy of a resource keep it from everybody unknown?
    #[command(after_help = resource_type_help())]
    NoPublicAccess {
        /// The policies: files, folders or globs; `-` is standard input.
        #[arg(value_name = "PATH", required_unless_present = "batch", conflicts_with = "batch")]
        policies: Vec<PathBuf>,
        /// The resource's type, one of those below; templates and plans say it themselves, and a line of a batch says it as
        /// "resourceType".
        #[arg(long, value_name = "TYPE")]
        resource_type: Option<String>,
        #[command(flatten)]
        output: CheckOutput,
    },
    /// Is the policy well written? Findings with code, severity, path, line and column.
    #[command(after_help = VALID_HELP)]
    Valid {
        /// The policies: files, folders or globs; `-` is standard input.
        #[arg(value_name = "PATH", required_unless_present = "batch", conflicts_with = "batch")]
        policies: Vec<PathBuf>,
        /// What the policies are attached to; without it, their files or a `Principal` decide.
        #[arg(long = "type", value_enum)]
        kind: Option<CheckedType>,
        /// The mildest severity that fails.
        #[arg(long, value_enum, default_value_t = FailOn::Warning)]
        fail_on: FailOn,
        #[command(flatten)]
        output: CheckOutput,
    },
}

/// The types whose public access is checked, as CloudFormation names them.
fn resource_type_help() -> String {
    let types = leastwise::checks::resource_types();
    let lines: Vec<String> = types.chunks(3).map(|row| format!("  {}", row.join(", "))).collect();
    format!("Resource types:\n{}", lines.join(",\n"))
}

const VALID_HELP: &str = "Every code has a page in docs/checks. A text that is no policy gives the finding syntax-error.";

#[derive(Debug, Args)]
pub(crate) struct CheckOutput {
    /// Check many cases, one JSON object a line; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    pub(crate) batch: Option<PathBuf>,
    /// Fail only on what is new since an earlier run of the same check, whose `--format json` is in this file.
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    pub(crate) baseline: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    #[command(flatten)]
    pub(crate) catalogue: CatalogOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Lines for people.
    Text,
    /// The whole result (schema leastwise.check/1).
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ComparedType {
    /// A policy of a user, group or role.
    Identity,
    /// A policy of a resource, or a trust policy.
    Resource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckedType {
    /// A policy of a user, group or role.
    Identity,
    /// A policy of a resource, or a trust policy.
    Resource,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Only errors.
    Error,
    /// Errors and security warnings.
    SecurityWarning,
    /// All but suggestions.
    Warning,
    /// Any finding.
    Suggestion,
}
