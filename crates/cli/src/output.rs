//! Prints, colours, and writes files as a whole or not at all.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::failure::Failure;

/// Writes to standard output. A reader that has left is no failure, but ends the run.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| print_failure(&e))
}

/// What becomes of an error while printing.
pub(crate) fn print_failure(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::reader_left(),
        _ => Failure::bad_input(format!("standard output: {error}"), "is the disk full?"),
    }
}

/// Says something on standard error.
pub(crate) fn remark(text: &str) {
    // A remark that nobody can read is not worth failing for.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes a file beside its place and renames it, so that no half of it is ever seen there.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display();
    let fail =
        |e: std::io::Error| Failure::bad_input(format!("{shown}: {e}"), "check the folder, its permissions and the space left");
    let Some(file_name) = path.file_name() else {
        return Err(Failure::bad_input(format!("{shown}: not the name of a file"), "name a file to write"));
    };
    let mut beside = std::ffi::OsString::from(".");
    beside.push(file_name);
    beside.push(format!(".{}.part", std::process::id()));
    let beside = path.with_file_name(beside);
    let written =
        std::fs::File::create(&beside).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.and_then(|()| std::fs::rename(&beside, path)).map_err(|e| {
        // Whatever was begun is of no use; that it may not exist is fine.
        let _ = std::fs::remove_file(&beside);
        fail(e)
    })
}

/// Makes a folder as a whole or not at all: `fill` writes into a folder beside it, which then takes its name.
pub(crate) fn write_folder(path: &Path, fill: &mut dyn FnMut(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let shown = path.display();
    let fail =
        |e: std::io::Error| Failure::bad_input(format!("{shown}: {e}"), "check the folder, its permissions and the space left");
    if path.exists() {
        return Err(Failure::bad_input(format!("{shown}: is there already"), "name a folder that does not exist yet"));
    }
    let Some(name) = path.file_name() else {
        return Err(Failure::bad_input(format!("{shown}: not the name of a folder"), "name a folder to make"));
    };
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.part", std::process::id()));
    let beside = path.with_file_name(beside);
    let made = std::fs::create_dir_all(&beside).map_err(fail).and_then(|()| fill(&beside));
    made.and_then(|()| std::fs::rename(&beside, path).map_err(fail)).inspect_err(|_| {
        // Whatever was begun is of no use; that it may not exist is fine.
        let _ = std::fs::remove_dir_all(&beside);
    })
}

/// Colours for a terminal, or none.
#[derive(Clone, Copy)]
pub(crate) struct Colours {
    on: bool,
}

impl Colours {
    /// Colours when standard output is a terminal and `NO_COLOR` is not set (no-color.org).
    pub(crate) fn of_standard_output() -> Colours {
        let refused =
            std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        Colours { on: !refused && std::io::stdout().is_terminal() }
    }

    /// None, for a file.
    pub(crate) fn none() -> Colours {
        Colours { on: false }
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default(), text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }
}
