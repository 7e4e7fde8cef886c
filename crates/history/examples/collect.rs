//! Reads logs into a ledger and says how much it was and how long it took. For measuring.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use leastwise::usage::{Collector, EventMapper};
use leastwise_history::{ReadOptions, read};
use leastwise_policy::Catalogue;

fn main() -> std::io::Result<()> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let started = Instant::now();
    let mapper = EventMapper::new(Catalogue::embedded());
    let mut collector = Collector::new(&mapper);
    let reading = read(&paths, &ReadOptions::default(), &mut |event| collector.record(event));
    let ledger = collector.finish();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} events, {} principals, {} problems", reading.events, ledger.principals().count(), reading.problems.len())?;
    writeln!(out, "{:?}", started.elapsed())
}
