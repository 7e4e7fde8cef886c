//! Prints what every (source, name) pair of some logs maps to, as tab-separated lines: count, source, name, kind, used
//! actions, possibly used actions, and how CloudTrail shows the used ones. For measuring the mapping; `scripts/compare-event-mapping` reads it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use leastwise::usage::{EventMapper, Mapping};
use leastwise_history::{ReadOptions, read};
use leastwise_policy::{ActionName, Catalogue};

fn main() -> std::io::Result<()> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mapper = EventMapper::new(Catalogue::embedded());
    let mut pairs: BTreeMap<(String, String, String), (u64, Mapping)> = BTreeMap::new();
    let reading = read(&paths, &ReadOptions::default(), &mut |event| {
        let key = (event.source.to_string(), event.name.to_string(), format!("{:?}", event.kind));
        pairs.entry(key).or_insert_with(|| (0, mapper.map(event))).0 += 1;
    });
    let mut out = std::io::stdout().lock();
    let names = |actions: &[ActionName]| actions.iter().map(ActionName::as_str).collect::<Vec<_>>().join(",");
    for ((source, name, kind), (count, mapping)) in &pairs {
        let (what, used, possibly) = match mapping {
            Mapping::Actions { used, possibly_used } => ("actions".to_owned(), names(used), names(possibly_used)),
            Mapping::NotAnApiCall(reason) => (format!("no-call {reason:?}"), String::new(), String::new()),
            Mapping::Unmapped { services } => ("unmapped".to_owned(), services.join(","), String::new()),
        };
        let shown = match mapping {
            Mapping::Actions { used, .. } => {
                used.iter().map(|action| format!("{:?}", mapper.observability(action))).collect::<Vec<_>>().join(",")
            }
            _ => String::new(),
        };
        writeln!(out, "{count}\t{source}\t{name}\t{kind}\t{what}\t{used}\t{possibly}\t{shown}")?;
    }
    let mut err = std::io::stderr().lock();
    for problem in &reading.problems {
        writeln!(err, "{problem}")?;
    }
    writeln!(
        err,
        "{} events, {} doubles, {} files, {} problems",
        reading.events,
        reading.duplicates,
        reading.files,
        reading.problems.len()
    )
}
