//! `docs/cli.md` is the help of every command, as the built command prints it.
//!
//! Refresh it with `LEASTWISE_REFRESH=1 cargo test --profile ci --workspace --features leastwise-cli/cluster --test cli_reference`.
#![cfg(feature = "cluster")]
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{leastwise, root};

const REFRESH: &str =
    "LEASTWISE_REFRESH=1 cargo test --profile ci --workspace --features leastwise-cli/cluster --test cli_reference";

const HEAD: &str = "# Command line

The help of every command, of a build with all features. A build without the feature `cluster` lacks
`leastwise cluster` and the options of `ingest` that name a cluster.
";

/// The names under `Commands:` in a help text.
fn subcommands(help: &str) -> Vec<&str> {
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default().lines().take_while(|line| !line.trim().is_empty());
    // A name stands two columns in; the lines that continue a description stand further in.
    let names = listed.filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' '))?.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}

/// Appends the help of the command `words` and of everything below it.
fn append(words: &[&str], out: &mut String) {
    let mut arguments = words.to_vec();
    arguments.push("--help");
    let help = leastwise(&arguments, "");
    assert_eq!(help.status, 0, "{arguments:?}: {}", help.err);
    let trimmed: Vec<&str> = help.out.lines().map(str::trim_end).collect();
    let name = [&["leastwise"], words].concat().join(" ");
    let depth = "#".repeat(words.len().min(1) + 2);
    out.push_str(&format!("\n{depth} {name}\n\n```text\n{}\n```\n", trimmed.join("\n").trim_end()));
    for below in subcommands(&help.out) {
        append(&[words, &[below]].concat(), out);
    }
}

#[test]
fn the_reference_of_the_command_line_is_up_to_date() {
    let help = "About\n\nCommands:\n  add   Adds\n          more\n  help  Print\n\nOptions:\n  -h\n";
    assert_eq!(subcommands(help), ["add"]);
    let mut made = HEAD.to_owned();
    append(&[], &mut made);
    let path = root().join("docs/cli.md");
    if std::env::var_os("LEASTWISE_REFRESH").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept != made {
        let differs = kept.lines().zip(made.lines()).position(|(a, b)| a != b).unwrap_or_else(|| kept.lines().count());
        panic!("docs/cli.md is out of date from line {}; refresh it with\n{REFRESH}", differs + 1);
    }
}
