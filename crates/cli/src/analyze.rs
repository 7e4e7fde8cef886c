//! `leastwise analyze`: what is unused in the accounts whose exports are given, in one of six views.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use leastwise::access::AccountId;
use leastwise::analysis::Analysis;
use leastwise::findings::{Exclusions, Found, find};
use leastwise::report::findings::{FindingRow, FindingsReport};

use crate::evidence::{Evidence, EvidenceOptions};
use crate::failure::{Exit, Failure};
use crate::output::{print, write_folder};

/// What `leastwise analyze` takes.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArguments {
    /// A folder of exports, laid out in any way (docs/inputs.md).
    folder: Option<PathBuf>,
    #[command(flatten)]
    evidence: EvidenceOptions,
    #[command(flatten)]
    exclusions: ExclusionOptions,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    format: Format,
    /// Write the report in every format into this folder, which must not exist yet, and print nothing but the totals.
    #[arg(long, value_name = "DIR", help_heading = "Output", conflicts_with = "format")]
    out: Option<PathBuf>,
}

/// What is to be left alone.
#[derive(Debug, Args)]
pub(crate) struct ExclusionOptions {
    /// Leave out this account.
    #[arg(long, value_name = "ID")]
    exclude_account: Vec<String>,
    /// Leave out what has this tag: KEY, or KEY=VALUE.
    #[arg(long, value_name = "TAG")]
    exclude_tag: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for a terminal, with totals.
    Table,
    /// The whole result (schema leastwise.findings/1).
    Json,
    /// One finding a line.
    Ndjson,
    /// For code scanning (SARIF 2.1.0).
    Sarif,
    /// For a pull request.
    Markdown,
    /// One page for a browser, which loads nothing.
    Html,
}

impl ExclusionOptions {
    /// As the library has them.
    pub(crate) fn read(&self) -> Result<Exclusions, Failure> {
        let account = |text: &String| {
            AccountId::parse(text)
                .ok_or_else(|| Failure::bad_input(format!("`{text}` is no account"), "an account has twelve digits"))
        };
        let accounts = self.exclude_account.iter().map(account).collect::<Result<_, _>>()?;
        let tag = |text: &String| match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (text.clone(), None),
        };
        Ok(Exclusions { accounts, tags: self.exclude_tag.iter().map(tag).collect() })
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &AnalyzeArguments) -> Result<Exit, Failure> {
    let exclusions = arguments.exclusions.read()?;
    let evidence = Evidence::find(arguments.folder.as_deref(), &arguments.evidence)?;
    let analysis = evidence.analyse();
    let found = find(&analysis, &exclusions);
    match &arguments.out {
        None => print(&shown(arguments.format, &analysis, &found)?)?,
        Some(out) => {
            write_folder(out, &mut |folder| {
                for (format, name) in FILES {
                    let text =
                        shown(format, &analysis, &found).map_err(|_| std::io::Error::other("a report cannot be written"))?;
                    std::fs::write(folder.join(name), text)?;
                }
                Ok(())
            })?;
        }
    }
    Ok(if found.findings.is_empty() { Exit::Clean } else { Exit::Findings })
}

const FILES: [(Format, &str); 6] = [
    (Format::Table, "findings.txt"),
    (Format::Json, "findings.json"),
    (Format::Ndjson, "findings.ndjson"),
    (Format::Sarif, "findings.sarif"),
    (Format::Markdown, "findings.md"),
    (Format::Html, "findings.html"),
];

fn shown(format: Format, analysis: &Analysis<'_>, found: &Found<'_>) -> Result<String, Failure> {
    let unwritable = |e: serde_json::Error| Failure::fault(format!("the findings cannot be written as JSON: {e}"));
    Ok(match format {
        Format::Json => serde_json::to_string_pretty(&FindingsReport::new(analysis, found)).map_err(unwritable)? + "\n",
        Format::Ndjson => {
            let mut lines = String::new();
            for finding in &found.findings {
                lines.push_str(&serde_json::to_string(&FindingRow::new(finding)).map_err(unwritable)?);
                lines.push('\n');
            }
            lines
        }
        _ => String::new(),
    })
}
