//! `leastwise usage`: the rows of a folder of usage, for people and programs.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use leastwise::usage::EventMapper;
use leastwise_history::printable;
use leastwise_history::rollup::{Usage, UsageRow, by_call};
use serde_json::json;

use crate::args::CatalogOption;
use crate::failure::{Exit, Failure};
use crate::ingest::failed;
use crate::input::Inputs;
use crate::output::{Colours, print_failure};
use crate::stores::StoreArguments;

pub(crate) const HELP: &str = "Examples:
  leastwise usage usage/ --principal arn:aws:iam::111122223333:role/worker
  leastwise usage usage/ --format ndjson --resources > rows.ndjson

A row counts the calls of one principal, event source, event name and outcome. With --resources come rows that count those of
them that name a resource; a call may name several, so only rows without a resource add up to the events.";

/// What `leastwise usage` takes.
#[derive(Debug, Args)]
pub(crate) struct UsageArguments {
    /// A folder that `leastwise ingest` made, or `s3://bucket/prefix`.
    #[arg(value_name = "DIR|URL")]
    folder: PathBuf,
    /// Only the rows of this principal.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// Also the rows by resource.
    #[arg(long)]
    resources: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t = UsageFormat::Table)]
    format: UsageFormat,
    #[command(flatten)]
    catalogue: CatalogOption,
    #[command(flatten)]
    stores: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UsageFormat {
    /// Lines for a terminal.
    Table,
    /// A JSON object a line.
    Ndjson,
    /// With a line of column names; lists are joined by spaces.
    Csv,
}

const COLUMNS: &str =
    "account,principal,principalType,eventSource,eventName,actions,resource,summarised,outcome,count,firstSeen,lastSeen,regions";

/// Runs the command.
pub(crate) fn run(arguments: &UsageArguments) -> Result<Exit, Failure> {
    let usage = Usage::open(&arguments.folder, &arguments.stores.options()).map_err(failed)?;
    let catalogue = Inputs::default().catalogue(arguments.catalogue.catalog.as_deref())?;
    let mapper = EventMapper::new(catalogue.as_ref().unwrap_or_else(|| leastwise_policy::Catalogue::embedded()));
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut printed = match arguments.format {
        UsageFormat::Csv => writeln!(out, "{COLUMNS}"),
        _ => Ok(()),
    };
    let colours = Colours::of_standard_output();
    let mut last = None;
    let read = usage.rows(&mut |account, rows| {
        for row in by_call(account, rows, &mapper, arguments.resources) {
            if printed.is_err() || arguments.principal.as_ref().is_some_and(|wanted| *wanted != row.principal) {
                continue;
            }
            printed = match arguments.format {
                UsageFormat::Ndjson => writeln!(out, "{}", as_json(&row)),
                UsageFormat::Csv => writeln!(out, "{}", as_csv(&row)),
                UsageFormat::Table => {
                    let whose = (row.account, row.principal_type, row.principal.clone());
                    let heading = if last.as_ref() == Some(&whose) { String::new() } else { heading(&row, colours) };
                    last = Some(whose);
                    writeln!(out, "{heading}{}", as_line(&row, colours))
                }
            };
        }
    });
    printed.and_then(|()| out.flush()).map_err(|error| print_failure(&error))?;
    read.map_err(failed)?;
    Ok(Exit::Clean)
}

fn as_json(row: &UsageRow) -> String {
    let mut value = json!({
        "account": row.account.map(|account| account.to_string()),
        "principal": row.principal,
        "principalType": row.principal_type.as_str(),
        "eventSource": row.source,
        "eventName": row.name,
        "actions": row.actions,
        "outcome": row.outcome.as_str(),
        "count": row.count,
        "firstSeen": row.first.to_string(),
        "lastSeen": row.last.to_string(),
        "regions": row.regions,
    });
    if let (Some(resource), Some(members)) = (&row.resource, value.as_object_mut()) {
        members.insert("resource".to_owned(), json!(resource));
        members.insert("summarised".to_owned(), json!(row.summarised));
    }
    value.to_string()
}

fn as_csv(row: &UsageRow) -> String {
    let field = |text: &str| match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let joined = |set: &std::collections::BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let summarised = if row.resource.is_some() { row.summarised.to_string() } else { String::new() };
    let fields = [
        row.account.map(|account| account.to_string()).unwrap_or_default(),
        row.principal.clone(),
        row.principal_type.as_str().to_owned(),
        row.source.clone(),
        row.name.clone(),
        joined(&row.actions),
        row.resource.clone().unwrap_or_default(),
        summarised,
        row.outcome.as_str().to_owned(),
        row.count.to_string(),
        row.first.to_string(),
        row.last.to_string(),
        joined(&row.regions),
    ];
    fields.map(|text| field(&text)).join(",")
}

fn heading(row: &UsageRow, colours: Colours) -> String {
    let name = if row.principal.is_empty() { row.principal_type.as_str() } else { &row.principal };
    let account = row.account.map_or_else(|| "unknown account".to_owned(), |account| account.to_string());
    format!("{} in {account}\n", colours.bold(&printable(name)))
}

fn as_line(row: &UsageRow, colours: Colours) -> String {
    let service = row.source.strip_suffix(".amazonaws.com").unwrap_or(&row.source);
    let call = match &row.resource {
        Some(resource) => format!("    {}", printable(resource)),
        None => format!("  {} {}", printable(service), printable(&row.name)),
    };
    let outcome = match row.outcome.as_str() {
        "ok" => colours.green("ok    "),
        "denied" => colours.red("denied"),
        _ => colours.yellow("error "),
    };
    format!("{call:<60} {outcome} {:>9}  last {}", row.count, row.last)
}
