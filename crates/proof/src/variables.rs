//! Policy variables in texts: where they stand, and texts with them filled in, or left unknown.
//!
//! Reads `${…}` as the evaluator does ("IAM policy elements: Variables and tags") and turns texts into pattern units.
//! It knows nothing of requests: what a variable stands for is given, or it is a symbol of its own.

use std::collections::BTreeMap;

use crate::language::{FIRST_OPAQUE, Symbol};
use crate::texts::{Unit, unit_of};

/// What the variables of a comparison stand for, by key in lower case.
#[derive(Debug, Clone)]
pub(crate) enum Filling {
    /// Not known.
    Unknown,
    /// These values; a key with none is missing from the request.
    Known(BTreeMap<String, Option<String>>),
}

/// The symbols of unknown texts.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    known: BTreeMap<String, Symbol>,
}

impl Symbols {
    /// What a key stands for. A default makes it another text.
    fn of_key(&mut self, key: &str, default: Option<&str>) -> Symbol {
        self.of(format!("{}\n{}", key.to_ascii_lowercase(), default.map_or(String::new(), |d| format!("'{d}"))))
    }

    fn of(&mut self, text: String) -> Symbol {
        let next = FIRST_OPAQUE + u32::try_from(self.known.len()).unwrap_or(u32::MAX >> 1);
        *self.known.entry(text).or_insert(next)
    }
}

/// How many characters a variable has at most, braces not counted; so the evaluator has it.
const LONGEST: usize = 1_024;

/// A piece of a policy's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Own(&'a str),
    /// `${*}`, `${?}` or `${$}`, as written, and the character.
    Escaped(&'a str, &'a str),
    /// A variable as written, its key, and its default.
    Key(&'a str, &'a str, Option<&'a str>),
}

/// Whether a text is read for variables at all.
pub(crate) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

/// The keys whose values the text needs, in lower case.
pub(crate) fn keys(text: &str) -> impl Iterator<Item = String> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Key(_, key, _) => Some(key.to_ascii_lowercase()),
        _ => None,
    })
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut own, mut at) = (0, 0);
    while let Some(offset) = text.get(at..).and_then(|rest| rest.find("${")) {
        let start = at + offset;
        let Some(length) = text.get(start..).and_then(length) else {
            at = start + 2;
            continue;
        };
        if let Some(before) = text.get(own..start).filter(|before| !before.is_empty()) {
            found.push(Piece::Own(before));
        }
        if let Some(written) = text.get(start..start + length) {
            found.push(read(written));
        }
        (own, at) = (start + length, start + length);
    }
    if let Some(rest) = text.get(own..).filter(|rest| !rest.is_empty()) {
        found.push(Piece::Own(rest));
    }
    found
}

/// The length of the variable that `text` begins with. A quoted brace does not end it; `${}` is none.
fn length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("${")?;
    // Most texts without an end are told quickly; a character has four bytes at most.
    let near = inside.as_bytes().get(..LONGEST * 4).unwrap_or(inside.as_bytes());
    if !near.contains(&b'}') {
        return None;
    }
    let mut quoted = false;
    for (at, c) in inside.char_indices().take(LONGEST) {
        match c {
            '\'' => quoted = !quoted,
            '}' if !quoted => return (at > 0).then_some(at + 3),
            _ => {}
        }
    }
    None
}

fn read(written: &str) -> Piece<'_> {
    let inside = written.get(2..written.len() - 1).unwrap_or_default();
    if matches!(inside, "*" | "?" | "$") {
        return Piece::Escaped(written, inside);
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, rest)) => (key, rest.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))),
        None => (inside, None),
    };
    Piece::Key(written, key.trim(), default)
}

/// A condition value with its variables filled in; none when one has no value. Whether `*` and `?` are wildcards is
/// the caller's to say.
pub(crate) fn filled(text: &str, wildcards: bool, values: &BTreeMap<String, Option<String>>) -> Option<Vec<Unit>> {
    let mut units = Vec::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Own(own) => units.extend(own.chars().map(|c| if wildcards { unit_of(c) } else { Unit::Char(c) })),
            Piece::Escaped(_, text) => units.extend(text.chars().map(Unit::Char)),
            Piece::Key(_, key, default) => units.extend(value(key, default, values)?.chars().map(Unit::Char)),
        }
    }
    Some(units)
}

/// A condition value with a symbol in the place of each variable.
pub(crate) fn with_symbols(text: &str, wildcards: bool, symbols: &mut Symbols) -> Vec<Unit> {
    let mut units = Vec::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Own(own) => units.extend(own.chars().map(|c| if wildcards { unit_of(c) } else { Unit::Char(c) })),
            Piece::Escaped(_, text) => units.extend(text.chars().map(Unit::Char)),
            Piece::Key(_, key, default) => units.push(Unit::Opaque(symbols.of_key(key, default))),
        }
    }
    units
}

fn value<'a>(key: &str, default: Option<&'a str>, values: &'a BTreeMap<String, Option<String>>) -> Option<&'a str> {
    values.get(&key.to_ascii_lowercase()).and_then(Option::as_deref).or(default)
}

/// The key and the value with which a pattern with one variable is `exact`, or begins it up to the next `/`.
pub(crate) fn value_in(text: &str, exact: &str) -> Option<(String, String)> {
    let (start, length) = text.match_indices("${").find_map(|(at, _)| Some((at, length(text.get(at..)?)?)))?;
    let Piece::Key(_, key, _) = read(text.get(start..start + length)?) else { return None };
    let value = exact.strip_prefix(text.get(..start)?)?;
    let behind = text.get(start + length..)?;
    let value = value.strip_suffix(behind).or_else(|| value.split('/').next())?;
    (!value.is_empty()).then(|| (key.to_ascii_lowercase(), value.to_owned()))
}

/// A resource pattern with variables.
pub(crate) enum Resource {
    /// What it is, with nothing unknown in it.
    Plain(Vec<Unit>),
    /// A variable in it has no value: it matches nothing.
    Nothing,
    /// With symbols for what is unknown, and with anything in their place.
    Unknown { narrow: Vec<Unit>, wide: Vec<Unit> },
}

/// A resource pattern, in which variables count only behind the fifth colon if it is an ARN.
pub(crate) fn resource(text: &str, filling: &Filling, symbols: &mut Symbols) -> Resource {
    let is_arn = text.starts_with("arn:");
    let (mut narrow, mut wide, mut unknown) = (Vec::new(), Vec::new(), false);
    let mut colons = 0;
    for piece in pieces(text) {
        let known: String = match piece {
            Piece::Own(own) => {
                colons += own.bytes().filter(|b| *b == b':').count();
                narrow.extend(own.chars().map(unit_of));
                wide.extend(own.chars().map(unit_of));
                continue;
            }
            Piece::Escaped(written, _) | Piece::Key(written, ..) if is_arn && colons < 5 => written.to_owned(),
            Piece::Escaped(_, text) => text.to_owned(),
            Piece::Key(_, key, default) => match filling {
                Filling::Unknown => {
                    narrow.push(Unit::Opaque(symbols.of_key(key, default)));
                    wide.push(Unit::Any);
                    unknown = true;
                    continue;
                }
                Filling::Known(values) => match value(key, default, values) {
                    Some(value) => value.to_owned(),
                    None => return Resource::Nothing,
                },
            },
        };
        narrow.extend(known.chars().map(Unit::Char));
        wide.extend(known.chars().map(Unit::Char));
    }
    match unknown {
        false => Resource::Plain(narrow),
        true if is_arn => Resource::Unknown { narrow, wide },
        // Unknown texts decide where its parts end, so that nothing is known of it at all.
        true => Resource::Unknown { narrow: vec![Unit::Opaque(symbols.of(format!("\n{text}")))], wide: vec![Unit::Any] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_where_the_evaluator_finds_them() {
        for (text, expected) in [
            ("home/${aws:username}/x", vec!["aws:username"]),
            ("${AWS:UserName}${k, 'a}b'}", vec!["aws:username", "k"]),
            ("${}${*}${?}$ {x} ${ open", vec![]),
            ("${ ${x}", vec!["${x"]),
        ] {
            assert_eq!(keys(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_value_takes_its_default_or_makes_the_text_match_nothing() {
        let values = BTreeMap::from([("k".to_owned(), Some("v*".to_owned())), ("absent".to_owned(), None)]);
        let text = |text: &str| {
            let units = filled(text, true, &values)?;
            Some(units.iter().map(|u| if let Unit::Char(c) = u { *c } else { '#' }).collect::<String>())
        };
        assert_eq!(text("a${K}*").as_deref(), Some("av*#"));
        assert_eq!(text("${absent, 'd'}").as_deref(), Some("d"));
        assert_eq!(text("a${absent}"), None);
    }
}
