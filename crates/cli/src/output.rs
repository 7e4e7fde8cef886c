//! Prints, colours, and writes files as a whole or not at all.
//!
//! Whatever is printed for people is made safe for a terminal here: control characters from files are shown, not obeyed.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use leastwise::report::visible_lines;

use crate::failure::Failure;

/// Writes to standard output. A reader that has left is no failure, but ends the run.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_exactly(&styled(text))
}

/// Writes to standard output byte by byte, for programs to read.
pub(crate) fn print_exactly(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| print_failure(&e))
}

/// Stands where a style begins or ends, with the style's place behind it, until the text has been made safe.
const STYLE_MARK: char = '\u{fdd0}';
/// Every style of the program; [`STYLE_MARK`] and a letter from `a` on stand for one of them, and `z` for their end.
const STYLES: [Style; 5] = [
    AnsiColor::Red.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Yellow.on_default(),
    Style::new().bold(),
    Style::new().dimmed(),
];

/// The text made safe, with its styles.
fn styled(text: &str) -> String {
    let mut pieces = text.split(STYLE_MARK);
    let mut out = visible_lines(pieces.next().unwrap_or_default()).into_owned();
    for piece in pieces {
        let letter = piece.bytes().next().unwrap_or_default();
        let style = STYLES.get(usize::from(letter.wrapping_sub(b'a')));
        match style {
            Some(style) => out.push_str(&style.render().to_string()),
            None if letter == b'z' => out.push_str(&Style::new().bold().render_reset().to_string()),
            None => {
                out.push_str("\\ufdd0");
                out.push_str(&visible_lines(piece));
                continue;
            }
        }
        out.push_str(&visible_lines(piece.get(1..).unwrap_or_default()));
    }
    out
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
    let _ = writeln!(std::io::stderr(), "{}", visible_lines(text));
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

    /// The text between marks of the style with that letter; [`print()`] puts the style there.
    fn paint(self, letter: char, text: &str) -> String {
        if self.on { format!("{STYLE_MARK}{letter}{text}{STYLE_MARK}z") } else { text.to_owned() }
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint('a', text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint('b', text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint('c', text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint('d', text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint('e', text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_styles_are_kept() {
        let colours = Colours { on: true };
        let text = format!("{} x\u{1b}[31m\u{9b}2J\r\n", colours.red("FAIL"));
        let shown = styled(&text);
        assert!(shown.starts_with("\u{1b}[31mFAIL\u{1b}[0m x"), "{shown:?}");
        assert!(shown.ends_with("x\\u001b[31m\\u009b2J\\u000d\n"), "{shown:?}");
        assert_eq!(styled("\u{fdd0}é"), "\\ufdd0é");
    }
}
