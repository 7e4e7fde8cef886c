//! How a run ends: the four exit statuses, and the errors of the rim with their advice.

use std::io::Write;
use std::process::ExitCode;

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
}

impl Failure {
    /// The input is at fault; `help` says what to do.
    pub(crate) fn bad_input(message: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure { exit: Exit::BadInput, message: message.into(), help: Some(help.into()) }
    }

    /// We are at fault.
    pub(crate) fn fault(message: impl Into<String>) -> Failure {
        let help = "this is a mistake in leastwise, not in your input; nothing was written. Please report it with the policy and the unused list";
        Failure { exit: Exit::Fault, message: message.into(), help: Some(help.to_owned()) }
    }

    /// What went wrong, for whoever shows it elsewhere.
    #[cfg(feature = "serve")]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    #[cfg(feature = "serve")]
    pub(crate) fn help(&self) -> &str {
        self.help.as_deref().unwrap_or_default()
    }

    /// Whoever read our output has stopped reading: that is no failure.
    pub(crate) fn reader_left() -> Failure {
        Failure { exit: Exit::Clean, message: String::new(), help: None }
    }

    /// Says it on standard error and gives the status.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            let mut text = format!("error: {}\n", self.message);
            if let Some(help) = &self.help {
                text.push_str(&format!("  help: {}\n", help.replace('\n', "\n  ")));
            }
            // Nothing is left to do when standard error is closed as well.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        self.exit.into()
    }
}
