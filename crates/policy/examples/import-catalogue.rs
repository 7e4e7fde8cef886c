//! Makes a catalogue text from a data set on disk: what `scripts/refresh-catalogue` runs to make the embedded one.
//!
//! Stands outside the flow, as a tool of the repository; users have `leastwise catalog import`. It reads the folder or
//! file given, passes the texts to `catalogue::import` and writes the result; it fetches nothing.
//!
//! `import-catalogue OUT SOURCE [--dependent-actions FOLDER] [--date DAY] [--version VERSION] [--service PREFIX]…`

use leastwise_policy::catalogue::import::{ImportHints, SourceFile, import};
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = run();
    let mut out = std::io::stderr();
    match outcome {
        Ok(summary) => {
            // Nothing is left to do about a closed standard error.
            let _ = writeln!(out, "{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(out, "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<String, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut positional = Vec::new();
    let (mut dependent, mut date, mut version, mut services) = (None, None, None, Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--dependent-actions" => dependent = Some(value()?),
            "--date" => date = Some(value()?),
            "--version" => version = Some(value()?),
            "--service" => services.push(value()?),
            _ => positional.push(argument),
        }
    }
    let [out, sources @ ..] = positional.as_slice() else { return Err("no OUT and no SOURCE given".into()) };
    let mut files = Vec::new();
    for source in sources {
        read_below(Path::new(source), &mut files)?;
    }
    let mut older = Vec::new();
    if let Some(folder) = &dependent {
        read_below(Path::new(folder), &mut older)?;
    }
    let files: Vec<SourceFile<'_>> = files.iter().map(|(path, text)| SourceFile { path, text }).collect();
    let older: Vec<SourceFile<'_>> = older.iter().map(|(path, text)| SourceFile { path, text }).collect();
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let hints = ImportHints {
        source: None,
        version: version.as_deref(),
        date: date.as_deref(),
        services: &services,
        dependent_actions: &older,
    };
    let imported = import(&files, &hints).map_err(|error| format!("{error}\n  help: {}", error.help))?;
    let text = imported.catalogue.render();
    std::fs::write(out, &text)?;
    let mut summary: String = imported.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    let (count, provenance) = (imported.catalogue.services().len(), imported.catalogue.provenance());
    summary += &format!(
        "{} {} of {}: {count} services, {} actions, {} bytes\nsha256 {}",
        provenance.source,
        provenance.version,
        provenance.date,
        imported.catalogue.action_count(),
        text.len(),
        provenance.sha256
    );
    Ok(summary)
}

/// Reads the JSON and METADATA files at `path` or below it, except those of other packages' caches.
fn read_below(path: &Path, files: &mut Vec<(String, String)>) -> Result<(), Box<dyn Error>> {
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        return entries.iter().try_for_each(|entry| read_below(&entry.path(), files));
    }
    let name = path.to_string_lossy().replace('\\', "/");
    if name.ends_with(".json") || name.ends_with(".dist-info/METADATA") {
        files.push((name, std::fs::read_to_string(path)?));
    }
    Ok(())
}
