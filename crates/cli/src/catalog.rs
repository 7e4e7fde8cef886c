//! `leastwise catalog`: what the catalogue holds, where it is from, and how it is made and compared.

use std::path::{Path, PathBuf};

use leastwise_policy::catalogue::diff;
use leastwise_policy::catalogue::import::{ImportHints, SourceFile, import};
use leastwise_policy::{ActionPattern, Catalogue};

use crate::args::{CatalogArguments, CatalogCommand, ExportFormat};
use crate::failure::{Exit, Failure};
use crate::input::{Inputs, name};
use crate::output::{print, remark, write_file};

/// Runs the command.
pub(crate) fn run(arguments: &CatalogArguments) -> Result<Exit, Failure> {
    let inputs = Inputs::default();
    let own = inputs.catalogue(arguments.catalog.as_deref())?;
    let catalogue = own.as_ref().unwrap_or_else(|| Catalogue::embedded());
    match &arguments.command {
        CatalogCommand::Info => print(&info(catalogue))?,
        CatalogCommand::List { service: None } => print(&services(catalogue))?,
        CatalogCommand::List { service: Some(prefix) } => print(&actions(catalogue, prefix)?)?,
        CatalogCommand::Expand { pattern } => expand(catalogue, pattern)?,
        CatalogCommand::Export { format: ExportFormat::Text } => print(&catalogue.render())?,
        CatalogCommand::Export { format: ExportFormat::NamesJson } => print(&names_json(catalogue)?)?,
        CatalogCommand::Import { paths, out, date, data_version, source, services } => {
            let services: Vec<&str> = services.iter().map(String::as_str).collect();
            let hints = ImportHints {
                source: source.as_deref(),
                version: data_version.as_deref(),
                date: date.as_deref(),
                services: &services,
                dependent_actions: &[],
            };
            import_files(&inputs, paths, out, &hints)?;
        }
        CatalogCommand::Diff { old, new } => return compare(&inputs, old, new),
    }
    Ok(Exit::Clean)
}

fn info(catalogue: &Catalogue) -> String {
    let p = catalogue.provenance();
    let mut out = format!("source    {}\nversion   {}\ndate      {}\nsha256    {}\n", p.source, p.version, p.date, p.sha256);
    let more = [("licence", &p.licence), ("depends", &p.dependent_actions), ("only", &p.only_services)];
    for (label, value) in more {
        if let Some(value) = value {
            out.push_str(&format!("{label:<9} {value}\n"));
        }
    }
    out + &format!("services  {}\nactions   {}\n", catalogue.services().count(), catalogue.action_count())
}

fn services(catalogue: &Catalogue) -> String {
    catalogue.services().map(|s| format!("{:<36} {:>5}  {}\n", s.prefix(), s.action_names().len(), s.name())).collect()
}

fn actions(catalogue: &Catalogue, prefix: &str) -> Result<String, Failure> {
    let Some(service) = catalogue.service(prefix) else {
        return Err(Failure::bad_input(
            format!("the catalogue has no service `{prefix}`"),
            "`leastwise catalog list` shows the services",
        ));
    };
    Ok(service.actions().map(|a| format!("{}:{:<50} {}\n", service.prefix(), a.name(), a.access_levels())).collect())
}

fn expand(catalogue: &Catalogue, pattern: &str) -> Result<(), Failure> {
    let parsed =
        ActionPattern::parse(pattern).map_err(|e| Failure::bad_input(format!("`{pattern}` {}", e.message()), e.help()))?;
    let out = catalogue.expand(&parsed);
    if out.is_empty() {
        remark(&format!("`{pattern}` matches no action of the catalogue"));
    }
    print(&out)
}

fn names_json(catalogue: &Catalogue) -> Result<String, Failure> {
    let names: serde_json::Map<String, serde_json::Value> =
        catalogue.services().map(|s| (s.prefix().to_owned(), s.action_names().collect::<Vec<_>>().into())).collect();
    serde_json::to_string_pretty(&names)
        .map(|json| json + "\n")
        .map_err(|e| Failure::fault(format!("the names cannot be written as JSON: {e}")))
}

fn import_files(inputs: &Inputs, paths: &[PathBuf], out: &Path, hints: &ImportHints<'_>) -> Result<(), Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        collect(path, true, &mut files)?;
    }
    files.sort();
    files.dedup();
    let read: Vec<(String, String)> = files
        .iter()
        .map(|path| Ok((path.display().to_string().replace('\\', "/"), inputs.text(path)?)))
        .collect::<Result<_, Failure>>()?;
    let sources: Vec<SourceFile<'_>> = read.iter().map(|(path, text)| SourceFile { path, text }).collect();
    let imported = import(&sources, hints).map_err(|e| Failure::bad_input(e.to_string(), e.help))?;
    imported.warnings.iter().for_each(|w| remark(&format!("warning: {w}")));
    write_file(out, &imported.catalogue.render())?;
    let catalogue = &imported.catalogue;
    remark(&format!(
        "{}: {} services, {} actions, from {}",
        out.display(),
        catalogue.services().count(),
        catalogue.action_count(),
        catalogue.provenance().source
    ));
    Ok(())
}

/// The files below `path` that an import may want: JSON, and the metadata of Python packages.
fn collect(path: &Path, named: bool, out: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let fail = |e: std::io::Error| Failure::bad_input(format!("{}: {e}", name(path)), "check the path and its permissions");
    // A link is followed when the user names it, not when it is met on the way.
    let kind = if named { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) }.map_err(fail)?;
    if kind.is_dir() {
        for entry in std::fs::read_dir(path).map_err(fail)? {
            collect(&entry.map_err(fail)?.path(), false, out)?;
        }
    } else if named || path.extension().is_some_and(|e| e == "json") || path.file_name().is_some_and(|n| n == "METADATA") {
        out.push(path.to_owned());
    }
    Ok(())
}

fn compare(inputs: &Inputs, old: &Path, new: &Path) -> Result<Exit, Failure> {
    let read = |path: &Path| inputs.catalogue((path != Path::new("embedded")).then_some(path));
    let (old, new) = (read(old)?, read(new)?);
    let found =
        diff(old.as_ref().unwrap_or_else(|| Catalogue::embedded()), new.as_ref().unwrap_or_else(|| Catalogue::embedded()));
    let mut out = String::new();
    found.services_removed.iter().for_each(|s| out.push_str(&format!("- {s}\n")));
    found.services_added.iter().for_each(|s| out.push_str(&format!("+ {s}\n")));
    for service in &found.services_changed {
        service.removed.iter().for_each(|a| out.push_str(&format!("- {}:{a}\n", service.prefix)));
        service.added.iter().for_each(|a| out.push_str(&format!("+ {}:{a}\n", service.prefix)));
        for change in &service.access_levels {
            out.push_str(&format!("~ {}:{}  {} → {}\n", service.prefix, change.action, change.old, change.new));
        }
    }
    print(&out)?;
    Ok(if found.is_empty() { Exit::Clean } else { Exit::Findings })
}
