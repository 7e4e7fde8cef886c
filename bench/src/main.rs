//! Measures the library inside one process, on one thread: `managed`, `star`, `expand`. `bench/run` calls it.
//!
//! Each measure repeats its work, takes the quickest run by CPU time of the thread, and prints one line of JSON.
//! It judges no result; `corpus.py` does.

mod clock;
mod expand;
mod managed;
mod star;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["managed", cases, rounds] => managed::run(cases, rounds.parse().unwrap_or(5)),
        ["star", unused, rounds] => star::run(unused, rounds.parse().unwrap_or(5)),
        ["expand", pattern, rounds] => expand::run(pattern, rounds.parse().unwrap_or(50)),
        _ => {
            eprintln!("usage: leastwise-bench managed CASES.ndjson ROUNDS | star UNUSED.json ROUNDS | expand PATTERN ROUNDS");
            return ExitCode::from(2);
        }
    };
    println!("{result}");
    ExitCode::SUCCESS
}
