//! How a run ends: the four exit statuses, and the errors of the rim with their advice.

use std::io::Write;
use std::process::ExitCode;

use leastwise::report::{visible, visible_lines};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Nothing to complain of.
    Clean = 0,
    /// Findings, or a refuted claim.
    Findings = 1,
    /// Bad input or usage.
    BadInput = 2,
    /// Our own fault.
    Fault = 3,
    /// Somebody stopped it, as shells say it of SIGINT.
    #[cfg(feature = "ingest")]
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a run came to an early end.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    help: Option<String>,
    /// Whether a report of it is out already.
    reported: bool,
}

impl Failure {
    /// The input is at fault; `help` says what to do.
    pub(crate) fn bad_input(message: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure { exit: Exit::BadInput, message: message.into(), help: Some(help.into()), reported: false }
    }

    /// The input is at fault, and a report that says so has been printed.
    pub(crate) fn reported(message: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure { reported: true, ..Failure::bad_input(message, help) }
    }

    /// Whether a report of it has been printed.
    pub(crate) fn is_reported(&self) -> bool {
        self.reported
    }

    /// We are at fault.
    pub(crate) fn fault(message: impl Into<String>) -> Failure {
        let help = "this is a mistake in leastwise, not in your input; nothing was written. Please report it with the policy and the unused list";
        Failure { exit: Exit::Fault, message: message.into(), help: Some(help.to_owned()), reported: false }
    }

    /// What went wrong, for whoever shows it elsewhere.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub(crate) fn help(&self) -> &str {
        self.help.as_deref().unwrap_or_default()
    }

    /// Whoever read our output has stopped reading: that is no failure.
    pub(crate) fn reader_left() -> Failure {
        Failure { exit: Exit::Clean, message: String::new(), help: None, reported: true }
    }

    /// Says it on standard error and gives the status.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            let mut text = format!("error: {}\n", visible(&self.message));
            if let Some(help) = &self.help {
                text.push_str(&format!("  help: {}\n", visible_lines(help).replace('\n', "\n  ")));
            }
            // Nothing is left to do when standard error is closed as well.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        self.exit.into()
    }
}
