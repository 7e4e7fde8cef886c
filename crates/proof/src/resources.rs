//! Resource patterns as languages on a tape of ARN segments, and the questions that claims ask about them.
//!
//! `*` and `?` stay within one of an ARN's six segments; the pattern `*` alone is every resource. A policy variable
//! (`${aws:username}`) is some text that only the request knows, the same wherever it stands in that request;
//! where it could hide a separator, and in a pattern that is no ARN, the pattern as a whole is such a text.
//! What would need more than that is answered so that no claim holds wrongly.

use std::collections::BTreeMap;

use crate::clause::Frame;
use crate::language::{FIRST_OPAQUE, Glob, SEPARATOR, Symbol, Union};
use crate::search::{Answer, Budget, RESOURCES, Side, Word, shortest};

/// The resources that one statement is about, twice: unknown texts as symbols, and as "could be anything".
#[derive(Debug)]
pub(crate) struct ResourceSet<'p> {
    /// What stands before the first wildcard of each pattern; nothing for texts that are not known.
    heads: Vec<&'p str>,
    symbolic: Union,
    /// None where it would be the same.
    widest: Option<Union>,
    negated: bool,
}

/// Compiles resources, giving every unknown text its own symbol.
#[derive(Debug, Default)]
pub(crate) struct Resources<'p> {
    opaque: BTreeMap<&'p str, Symbol>,
}

/// What a question about resources has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Escape {
    /// There is no such resource.
    None,
    /// There is, and this is a shortest one.
    Resource(String),
    /// There may be: it depends on texts that only a request knows.
    Unknown,
    /// The budget is spent.
    TooComplex,
}

impl<'p> Resources<'p> {
    /// The resources of a statement with that frame. A statement without the element is about every resource.
    pub(crate) fn compile(&mut self, frame: &Frame<'p>) -> ResourceSet<'p> {
        let Some((negated, patterns)) = &frame.resources else {
            let symbolic = Union::of([Glob::everything()]);
            return ResourceSet { heads: vec![""], symbolic, widest: None, negated: false };
        };
        let mut symbolic = Union::default();
        let mut widest = Union::default();
        let mut differ = false;
        let mut heads = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let (narrow, wide) = self.pattern(pattern);
            let head = pattern.find(['*', '?', '$']).and_then(|at| pattern.get(..at)).unwrap_or(pattern);
            heads.push(if wide.is_some() { "" } else { head });
            symbolic.push(&narrow);
            differ |= wide.is_some();
            widest.push(&wide.unwrap_or(narrow));
        }
        ResourceSet { heads, symbolic, widest: differ.then_some(widest), negated: *negated }
    }

    fn opaque(&mut self, text: &'p str) -> Symbol {
        let next = FIRST_OPAQUE + u32::try_from(self.opaque.len()).unwrap_or(u32::MAX >> 1);
        *self.opaque.entry(text).or_insert(next)
    }

    /// A pattern with its unknown texts as symbols, and, if there are any, with anything in their places.
    fn pattern(&mut self, pattern: &'p str) -> (Glob, Option<Glob>) {
        if is_everything(pattern) {
            return (Glob::everything(), None);
        }
        let arn = pattern.split(':').count() > RESOURCES.separators as usize;
        let variable_at = pattern.find("${").map(|at| pattern.get(..at).unwrap_or_default());
        let early = variable_at.is_some_and(|before| before.matches(':').count() < RESOURCES.separators as usize);
        if !arn || early {
            let mut whole = Glob::default();
            whole.push_symbol(self.opaque(pattern));
            return (whole, Some(Glob::everything()));
        }
        let (mut narrow, mut wide, mut differ) = (Glob::default(), Glob::default(), false);
        let mut separators = 0;
        let mut rest = pattern;
        while let Some(c) = rest.chars().next() {
            if let Some(variable) = variable_here(rest) {
                rest = rest.get(variable.len()..).unwrap_or_default();
                if let Some(literal) = escaped_character(variable) {
                    narrow.push_symbol(literal.into());
                    wide.push_symbol(literal.into());
                    continue;
                }
                narrow.push_symbol(self.opaque(variable));
                wide.push_star();
                differ = true;
                continue;
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            for glob in [&mut narrow, &mut wide] {
                match c {
                    '*' => glob.push_star(),
                    '?' => glob.push_any(),
                    ':' if separators < RESOURCES.separators => glob.push_symbol(SEPARATOR),
                    c => glob.push_symbol(c.into()),
                }
            }
            separators += u32::from(c == ':');
        }
        (narrow, differ.then_some(wide))
    }

    /// A resource that `left` is about and none of `right` is. Those of `perhaps` may or may not count on the right.
    pub(crate) fn outside(&self, left: &ResourceSet<'_>, right: &Right<'_>, budget: &mut Budget) -> Escape {
        let mut right = right.near(left);
        if left.widest.is_some() && !left.negated {
            // What is unknown on the left may turn out to be what a `NotResource` on the right excludes.
            let apart = |r: &&ResourceSet<'_>, budget: &mut Budget| {
                let excluded = Side { union: r.widest.as_ref().unwrap_or(&r.symbolic), negated: false };
                !r.negated || shortest(&[left.most(), excluded], &[], RESOURCES, budget) == Answer::None
            };
            let (surely, perhaps): (Vec<_>, Vec<_>) = right.surely.into_iter().partition(|r| apart(r, budget));
            right.surely = surely;
            right.perhaps.extend(perhaps);
        }
        self.find(&[left.symbolic()], left.negated && left.widest.is_some(), &right, budget)
    }

    /// A resource that `left` and `other` are both about and none of `right` is.
    pub(crate) fn shared(
        &self,
        left: &ResourceSet<'_>,
        other: &ResourceSet<'_>,
        right: &Right<'_>,
        budget: &mut Budget,
    ) -> Escape {
        let unsure = left.widest.is_some() || other.widest.is_some();
        self.find(&[left.most(), other.most()], unsure, &right.near(left), budget)
    }

    /// First with as little on the right as there may be: when nothing escapes that, nothing escapes. What escapes
    /// even the most that may stand there is shown; anything between is unknown.
    fn find(&self, inside: &[Side<'_>], unsure: bool, right: &Right<'_>, budget: &mut Budget) -> Escape {
        let least = Merged::of(right.surely.iter().map(|r| r.least()));
        let answer = shortest(inside, &least.sides(), RESOURCES, budget);
        let exact = right.perhaps.is_empty() && right.surely.iter().all(|r| r.widest.is_none());
        match answer {
            Answer::None => return Escape::None,
            Answer::TooComplex => return Escape::TooComplex,
            Answer::Word(_) if unsure => return Escape::Unknown,
            Answer::Word(word) if exact => return spelled(&word),
            Answer::Word(_) => {}
        }
        let most = Merged::of(right.surely.iter().chain(&right.perhaps).map(|r| r.most()));
        match shortest(inside, &most.sides(), RESOURCES, budget) {
            Answer::None => Escape::Unknown,
            Answer::TooComplex => Escape::TooComplex,
            Answer::Word(word) => spelled(&word),
        }
    }
}

/// The right-hand side of a question: what is covered.
#[derive(Debug, Default)]
pub(crate) struct Right<'r> {
    /// Covers in every case.
    pub(crate) surely: Vec<&'r ResourceSet<'r>>,
    /// Covers under conditions that are not reasoned about.
    pub(crate) perhaps: Vec<&'r ResourceSet<'r>>,
}

impl<'r> Right<'r> {
    /// Only what may be about a resource that `left` is about.
    fn near(&self, left: &ResourceSet<'_>) -> Right<'r> {
        let near = |list: &[&'r ResourceSet<'r>]| list.iter().copied().filter(|r| r.may_meet(left)).collect();
        Right { surely: near(&self.surely), perhaps: near(&self.perhaps) }
    }
}

/// The languages of a right-hand side, with those that are lists of globs made one.
struct Merged<'u> {
    globs: Union,
    complements: Vec<Side<'u>>,
}

impl<'u> Merged<'u> {
    fn of(sides: impl Iterator<Item = Side<'u>>) -> Merged<'u> {
        let mut merged = Merged { globs: Union::default(), complements: Vec::new() };
        for side in sides {
            if side.negated { merged.complements.push(side) } else { merged.globs.join(side.union) }
        }
        merged
    }

    fn sides(&self) -> Vec<Side<'_>> {
        std::iter::once(Side { union: &self.globs, negated: false }).chain(self.complements.iter().copied()).collect()
    }
}

fn spelled(word: &Word) -> Escape {
    match text(word) {
        // No resource at all and `*` are alike to every pattern, and `*` is what such requests have.
        Some(text) if text.is_empty() => Escape::Resource("*".to_owned()),
        Some(text) => Escape::Resource(text),
        None => Escape::Unknown,
    }
}

impl ResourceSet<'_> {
    /// Whether both may be about one resource, as far as what stands before their wildcards tells.
    fn may_meet(&self, other: &ResourceSet<'_>) -> bool {
        let meet = |a: &&str| other.heads.iter().any(|b| a.starts_with(b) || b.starts_with(*a));
        self.negated || other.negated || self.heads.iter().any(meet)
    }

    fn symbolic(&self) -> Side<'_> {
        Side { union: &self.symbolic, negated: self.negated }
    }

    /// No more than it is about.
    fn least(&self) -> Side<'_> {
        let union = if self.negated { self.widest.as_ref().unwrap_or(&self.symbolic) } else { &self.symbolic };
        Side { union, negated: self.negated }
    }

    /// No less than it is about.
    fn most(&self) -> Side<'_> {
        let union = if self.negated { &self.symbolic } else { self.widest.as_ref().unwrap_or(&self.symbolic) };
        Side { union, negated: self.negated }
    }
}

/// The policy variable that `text` begins with, if any.
fn variable_here(text: &str) -> Option<&str> {
    let body = text.strip_prefix("${")?;
    let end = body.find('}')?;
    text.get(..end + 3)
}

/// `${*}`, `${?}` and `${$}` are the characters themselves.
fn escaped_character(variable: &str) -> Option<char> {
    match variable {
        "${*}" => Some('*'),
        "${?}" => Some('?'),
        "${$}" => Some('$'),
        _ => None,
    }
}

/// The text that a word on the tape is; none when it holds what only a request knows.
fn text(word: &Word) -> Option<String> {
    word.iter().map(|symbol| if *symbol == SEPARATOR { Some(':') } else { char::from_u32(*symbol) }).collect()
}

/// Whether the pattern is every resource.
fn is_everything(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|b| b == b'*')
}

/// Whether one pattern matches one resource, by the policy crate's plain matcher, segment by segment. Variables may
/// have any value, and so may a pattern that is no ARN.
pub(crate) fn replay(pattern: &str, resource: &str) -> bool {
    use leastwise_policy::glob::{Case, matches};
    let mut plain = String::new();
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once("${") {
        plain.push_str(before);
        plain.push('*');
        rest = behind.split_once('}').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    let parts = RESOURCES.separators as usize + 1;
    let (pattern, resource): (Vec<&str>, Vec<&str>) = (plain.splitn(parts, ':').collect(), resource.splitn(parts, ':').collect());
    let same = || pattern.len() == resource.len() && pattern.iter().zip(&resource).all(|(p, r)| matches(p, r, Case::Kept));
    pattern.len() < parts || same()
}
