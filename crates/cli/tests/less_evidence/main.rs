//! The law of evidence: less evidence never removes more.
//!
//! For made-up organizations and every kind of damage to their files, singly and in pairs, what is called unused afterwards
//! is a part of what was called unused before. `LEASTWISE_SEEDS=10000` runs more organizations, `LEASTWISE_FIRST=1234` begins
//! at another seed, `LEASTWISE_DAMAGE=words` tries the damages of that name alone, and `LEASTWISE_KEEP=folder` keeps the files of a
//! violation. A violation names its seed and its damage.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

mod bytes;
mod damage;
mod dice;
#[path = "../harness/mod.rs"]
mod harness;
mod unused;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use damage::{Files, OPERATORS, Operator};
use dice::Dice;
use harness::{Folder, leastwise};
use leastwise_demo::{Options, Trails, generate};
use serde_json::Value;
use unused::{Facts, unused};

/// Damages of one organization that are tried alone.
const SINGLE: usize = 3;
/// And two at once.
const PAIRS: usize = 2;

fn number(variable: &str, standard: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(standard)
}

/// The organization of a seed: every form that `demo` knows comes up.
fn options(seed: u64) -> Options {
    Options {
        seed,
        accounts: 1 + (seed % 2) as usize,
        roles: 16,
        users: 10,
        events: 300,
        days: 4,
        tracking_period: 3,
        data_events: seed.is_multiple_of(3),
        unmapped_events: seed.is_multiple_of(5),
        tangles: seed % 4 != 1,
        trails: [Trails::Each, Trails::Several, Trails::Organization][(seed / 3 % 3) as usize],
        regions: 1 + usize::from(seed % 7 == 2),
        ..Options::default()
    }
}

/// An organization on the disk, as it was made up or with damage.
struct Ground {
    folder: Folder,
    files: Files,
    truth: Value,
}

impl Ground {
    fn of(options: &Options) -> Ground {
        let (folder, mut files) = (Folder::new(), Files::new());
        generate(options, &mut |name, bytes| {
            files.insert(name.to_owned(), bytes.to_vec());
            Ok(())
        })
        .unwrap();
        let truth = serde_json::from_slice(&files.remove("truth.json").unwrap()).unwrap();
        let ground = Ground { folder, files: Files::new(), truth };
        ground.write(&files);
        Ground { files, ..ground }
    }

    /// Brings the disk from the files that are there to `files`.
    fn write(&self, files: &Files) {
        let path = |name: &str| Path::new(&self.folder.path("org")).join(name);
        for name in self.files.keys().filter(|name| !files.contains_key(*name)) {
            std::fs::remove_file(path(name)).unwrap();
        }
        for (name, bytes) in files.iter().filter(|(name, bytes)| self.files.get(*name) != Some(bytes)) {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), bytes).unwrap();
        }
    }

    /// What is called unused; nothing when the input is refused.
    fn unused(&self, days: u32, other_catalog: bool) -> Facts {
        let days = days.to_string();
        let root = self.folder.path("org");
        let ran = leastwise(
            &["analyze", &root, "--as-of", "2026-11-01", "--tracking-period", &days, "--tolerance", "0", "--format", "json"],
            "",
        );
        match ran.status {
            0 | 1 => unused(&serde_json::from_str(&ran.out).unwrap(), &self.truth, other_catalog),
            2 => Facts::new(),
            status => panic!("status {status}: {}", ran.err),
        }
    }

    /// What is called unused with the damage and was not without; none when there was nothing to damage.
    fn more(&mut self, before: &Facts, damages: &[&Operator], dice: &mut Dice, days: u32) -> Option<Vec<String>> {
        let mut files = self.files.clone();
        let mut any = false;
        for damage in damages {
            any |= (damage.apply)(&mut files, dice);
        }
        if !any {
            return None;
        }
        self.write(&files);
        let whole = std::mem::replace(&mut self.files, files);
        let after = self.unused(days, damages.iter().any(|damage| damage.changes_catalog));
        if let (Ok(folder), false) = (std::env::var("LEASTWISE_KEEP"), after.is_subset(before)) {
            keep(Path::new(&folder), &whole, &self.files);
        }
        self.write(&whole);
        self.files = whole;
        let after = unused::without_late(after, &self.truth);
        Some(after.difference(before).cloned().collect())
    }
}

/// Writes an organization without and with damage, for whoever looks for the reason of a violation.
fn keep(folder: &Path, whole: &Files, damaged: &Files) {
    for (part, files) in [("before", whole), ("after", damaged)] {
        for (name, bytes) in files {
            let path = folder.join(part).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}

/// What a run over organizations found out.
#[derive(Default)]
struct Tally {
    /// How often each damage was done, alone and with another.
    done: BTreeMap<&'static str, usize>,
    pairs: usize,
    /// Facts that are unused, before any damage.
    facts: usize,
    violations: Vec<String>,
}

fn try_seed(seed: u64, tally: &Mutex<Tally>) {
    let options = options(seed);
    let mut ground = Ground::of(&options);
    let days = options.tracking_period;
    let before = ground.unused(days, false);
    let has_digests = ground.files.keys().any(|name| name.contains("/CloudTrail-Digest/"));
    let only = std::env::var("LEASTWISE_DAMAGE").unwrap_or_default();
    let usable: Vec<&Operator> =
        OPERATORS.iter().filter(|damage| (has_digests || !damage.needs_digests) && damage.name.contains(&only)).collect();
    let mut dice = Dice::new(seed);
    let mut trials: Vec<Vec<&Operator>> = Vec::new();
    for nth in 0..SINGLE {
        // In turn, so that every damage comes up as often as the others.
        trials.push(vec![usable[(seed as usize * SINGLE + nth) % usable.len()]]);
    }
    for _ in 0..PAIRS {
        let (one, other) = (usable[dice.below(usable.len())], usable[dice.below(usable.len())]);
        // What only digests tell, they tell no more when they are damaged too.
        if !(one.needs_digests && other.name.contains("digest") || other.needs_digests && one.name.contains("digest")) {
            trials.push(vec![one, other]);
        }
    }
    for damages in trials {
        let Some(more) = ground.more(&before, &damages, &mut dice, days) else { continue };
        let mut tally = tally.lock().unwrap();
        damages.iter().for_each(|damage| *tally.done.entry(damage.name).or_default() += 1);
        tally.pairs += usize::from(damages.len() > 1);
        if !more.is_empty() {
            let names: Vec<&str> = damages.iter().map(|damage| damage.name).collect();
            let shown: Vec<&str> = more.iter().take(3).map(String::as_str).collect();
            tally.violations.push(format!("seed {seed}, {}: {} more: {}", names.join(" and "), more.len(), shown.join("; ")));
        }
    }
    tally.lock().unwrap().facts += before.len();
}

#[test]
fn less_evidence_never_removes_more() {
    let first = number("LEASTWISE_FIRST", 0);
    let last = first + number("LEASTWISE_SEEDS", 200);
    let (next, tally) = (AtomicU64::new(first), Mutex::new(Tally::default()));
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        break;
                    }
                    try_seed(seed, &tally);
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap();
    tally.violations.sort();
    let told = format!(
        "{} organizations, {} kinds of damage done {} times, {} pairs, {} facts unused before",
        last - first,
        tally.done.len(),
        tally.done.values().sum::<usize>(),
        tally.pairs,
        tally.facts
    );
    assert!(tally.violations.is_empty(), "{told}; {} violations:\n{}", tally.violations.len(), tally.violations.join("\n"));
    assert!(tally.facts > 0 && (last - first < 100 || tally.done.len() >= 30), "{told}");
    if let Ok(path) = std::env::var("LEASTWISE_LAW_FIGURES") {
        std::fs::write(path, told).unwrap();
    }
}

#[test]
fn every_kind_of_damage_does_some() {
    let mut missing: BTreeSet<&str> =
        OPERATORS.iter().map(|damage| damage.name).filter(|name| !name.contains("digest")).collect();
    for seed in 0..6 {
        let ground = Ground::of(&options(seed));
        for damage in OPERATORS {
            let mut files = ground.files.clone();
            if (damage.apply)(&mut files, &mut Dice::new(seed)) && files != ground.files {
                missing.remove(damage.name);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
