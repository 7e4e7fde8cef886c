//! The `leastwise` command: reads arguments, runs one command, ends with the documented status.
//!
//! The outer rim of the flow. Only this crate opens a user's files, prints, and picks exit codes.

mod analyze;
mod args;
#[cfg(feature = "serve")]
mod backup;
mod baseline;
mod batch;
mod catalog;
mod certificate;
mod check;
mod check_output;
#[cfg(feature = "cluster")]
mod cluster;
mod demo;
mod evaluate;
mod everybody;
mod evidence;
mod explain;
mod explain_identity;
mod failure;
#[cfg(feature = "ingest")]
mod ingest;
mod input;
#[cfg(feature = "serve")]
mod key;
#[cfg(feature = "serve")]
mod oidc;
mod output;
mod plan_text;
mod policies;
mod prove;
mod recommend;
mod refine;
mod replay;
#[cfg(feature = "serve")]
mod serve;
mod shape;
#[cfg(feature = "ingest")]
mod stores;
mod table;
#[cfg(feature = "ingest")]
mod usage;
#[cfg(feature = "serve")]
mod user;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Arguments, Command};
use crate::failure::{Exit, Failure};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            let shown = usage.print().is_ok();
            let asked_for = !usage.use_stderr();
            return if asked_for && shown { Exit::Clean.into() } else { Exit::BadInput.into() };
        }
    };
    match run(&arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Refine(options) => refine::run(options),
        Command::Prove(options) => prove::run(options),
        Command::Evaluate(options) => evaluate::run(options),
        Command::Check(options) => check::run(options),
        Command::Catalog(options) => catalog::run(options),
        Command::Analyze(options) => analyze::run(options),
        Command::Demo(options) => demo::run(options),
        Command::Recommend(options) => recommend::run(options),
        Command::Explain(options) => explain::run(options),
        Command::Replay(options) => replay::run(options),
        #[cfg(feature = "serve")]
        Command::Serve(options) => serve::run(options),
        #[cfg(feature = "serve")]
        Command::Key(options) => key::run(options),
        #[cfg(feature = "serve")]
        Command::Backup(options) => backup::backup(options),
        #[cfg(feature = "serve")]
        Command::Restore(options) => backup::restore(options),
        #[cfg(feature = "ingest")]
        Command::Ingest(options) => ingest::run(options),
        #[cfg(feature = "ingest")]
        Command::Usage(options) => usage::run(options),
        #[cfg(feature = "cluster")]
        Command::Cluster(options) => cluster::run(options),
        #[cfg(feature = "serve")]
        Command::User(options) => user::run(options),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "leastwise", &mut script);
            output::print_exactly(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Clean)
        }
    }
}
