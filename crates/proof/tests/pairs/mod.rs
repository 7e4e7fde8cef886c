//! Pairs of policies that are nearly included in one another, and requests that tell them apart.
//!
//! A pair is one document and the same with small changes: a value dropped, a pattern widened in the middle, another
//! operator, a bit of a range, a second of a date, another version, an element left out. Requests are made from what both
//! documents say: every pattern filled in, every value and its neighbours, several values, none.

use leastwise_policy::evaluate::{Context, Principal, Request};
use leastwise_policy::{ActionName, Policy};

use crate::dice::Dice;

/// What the choices are made of: a seed, or the bytes of a fuzzer.
pub const CATALOGUE: &str = "leastwise-catalogue 1
source test
version 1
date 2026-01-01
licence MIT

service s\tS
actions
 a\tR
 ab\tR
 abc\tR
 b\tR
 ba\tR
 c\tR

service t\tT
actions
 a\tR
 b\tR
";

const ACTIONS: &[&str] = &["*", "s:*", "s:a*", "s:*b", "s:a", "s:ab", "s:?", "S:A?", "t:a", "s:a?*", "t:*", "s:a*c"];
const RESOURCES: &[&str] = &[
    "*",
    "arn:x:s:*:*:o",
    "arn:x:s:r:1:o",
    "arn:x:s:r:1:a:o",
    "arn:x:s:*",
    "arn:x:*:b/*.l",
    "arn:x:s:::b/*",
    "arn:x:s:::b/${k:v}",
    "arn:x:s:::b/${k:v}.l",
    "arn:x:s:::b/${k:v, '}'}",
    "arn:x:s:::b/*'}",
    "arn:x:s:::b/${*}",
    "arn:x:s:::b/${?}",
    "arn:x:s:::b/?",
    "arn:x:s:::b/${$}*",
    "arn:x:s:::b/\\u0024{k:v}",
    "arn:x:s:::b/${K:V}/*",
    "arn:x:s:${k:v}:1:o",
    "arn:x:s:*:1:o:*",
    "arn:x:s:r*:1:o",
    "${k:v}",
    "b*",
    "*:o",
    "arn:*:o",
    "arn:x:s:::b/${k",
    "arn:x:s:::b/${}",
];

/// A condition key, its operators and values, written as constants near one another.
struct Sort {
    key: &'static str,
    operators: &'static [&'static str],
    values: &'static [&'static str],
    /// Values that no policy has.
    besides: &'static [&'static str],
}

const SORTS: &[Sort] = &[
    Sort {
        key: "k:s",
        operators: &["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "Null"],
        values: &[
            "a",
            "b",
            "a*",
            "*b",
            "?",
            "A",
            "",
            "true",
            "false",
            "a?b",
            "${k:v}",
            "${k:v}*",
            "${k:v, 'a'}",
            "${*}",
            "${a",
            "é",
        ],
        besides: &["ab", "axb", "c", "*", "${k:v}", "v", "vx", "É"],
    },
    Sort {
        key: "aws:userid",
        operators: &["StringEquals", "StringLike", "StringNotLike", "ArnLike", "ArnNotEquals", "Null"],
        values: &["a:b", "a:*", "*:b", "arn:x:s:*:1:o", "arn:x:s:r:1:*", "arn:*", "${k:v}", "arn:x:s:r:1:${k:v}", "true"],
        besides: &["a:x:b", "arn:x:s:r:1:o", "arn:x:s:r:1:o:p", "arn:x:s::1:o", "v"],
    },
    Sort {
        key: "k:n",
        operators: &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        values: &["5", "5.0", "5e0", "6", "-1", "x", "0.1", "1e-1", "9007199254740993", "9007199254740992", "1e400"],
        besides: &["5.5", "4", "7", "0", "-2", "0.10000001", "9007199254740992.5"],
    },
    Sort {
        key: "aws:CurrentTime",
        operators: &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        values: &[
            "2020-01-01",
            "1577836800",
            "2020-01-01T00:00:01Z",
            "2020-01-01T00:00:00Z00:00",
            "2020-01-01T01:00+01:00",
            "2020",
            "x",
            "1577836799.5",
            "2019-12-31T24:00Z",
        ],
        besides: &["2019", "2021", "1577836800.5", "1577836799", "-1"],
    },
    Sort {
        key: "aws:SourceIp",
        operators: &["IpAddress", "NotIpAddress"],
        values: &[
            "10.0.0.0/8",
            "10.0.0.0/9",
            "10.128.0.0/9",
            "10.0.0.1",
            "10.0.0.0/33",
            "::/0",
            "::1",
            "0.0.0.0/0",
            "10.0.0.0/08",
        ],
        besides: &["10.0.0.0", "10.127.255.255", "10.255.0.0", "11.0.0.0", "::2", "9.9.9.9"],
    },
    Sort {
        key: "aws:MultiFactorAuthPresent",
        operators: &["Bool", "StringEquals", "Null"],
        values: &["true", "TRUE", "false", "no", ""],
        besides: &["True", "x"],
    },
    Sort { key: "k:b", operators: &["BinaryEquals", "Null"], values: &["QQ==", "QUI=", "x", "true"], besides: &["A", "AB"] },
];

/// One statement, taken apart so that it can be changed.
#[derive(Clone)]
struct Draft {
    deny: bool,
    not_action: bool,
    actions: Vec<String>,
    not_resource: bool,
    resources: Vec<String>,
    conditions: Vec<(String, usize, Vec<String>)>,
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
    format!("[{}]", items.join(","))
}

impl Draft {
    fn roll(dice: &mut Dice, conditions: usize) -> Draft {
        let some = |dice: &mut Dice, of: &[&str]| (0..=dice.roll(2)).map(|_| dice.one(of).to_owned()).collect();
        let mut draft = Draft {
            deny: dice.roll(4) == 0,
            not_action: dice.roll(8) == 0,
            actions: some(dice, ACTIONS),
            not_resource: dice.roll(5) == 0,
            resources: some(dice, RESOURCES),
            conditions: Vec::new(),
        };
        for _ in 0..dice.roll(conditions + 1) {
            draft.add_condition(dice);
        }
        draft
    }

    fn add_condition(&mut self, dice: &mut Dice) {
        let sort = dice.roll(SORTS.len());
        let values = (0..=dice.roll(3)).map(|_| dice.one(SORTS[sort].values).to_owned()).collect();
        self.conditions.push((operator(dice, sort), sort, values));
    }

    fn text(&self) -> String {
        let mut block: Vec<String> = Vec::new();
        let mut operators: Vec<&String> = self.conditions.iter().map(|(operator, ..)| operator).collect();
        operators.sort();
        operators.dedup();
        for own in operators {
            let mut seen: Vec<usize> = Vec::new();
            let mut lines = Vec::new();
            for (operator, sort, values) in &self.conditions {
                if operator == own && !seen.contains(sort) {
                    seen.push(*sort);
                    lines.push(format!("\"{}\":{}", SORTS[*sort].key, list(values)));
                }
            }
            block.push(format!("\"{own}\":{{{}}}", lines.join(",")));
        }
        format!(
            "{{\"Effect\":\"{}\",\"{}\":{},\"{}\":{},\"Condition\":{{{}}}}}",
            if self.deny { "Deny" } else { "Allow" },
            if self.not_action { "NotAction" } else { "Action" },
            list(&self.actions),
            if self.not_resource { "NotResource" } else { "Resource" },
            list(&self.resources),
            block.join(",")
        )
    }

    /// One small change.
    fn change(&mut self, dice: &mut Dice) {
        let line = dice.roll(self.conditions.len().max(1));
        match dice.roll(12) {
            0 => self.resources.push(dice.one(RESOURCES).to_owned()),
            1 if self.resources.len() > 1 => {
                let at = dice.roll(self.resources.len());
                self.resources.remove(at);
            }
            2 | 3 => {
                let at = dice.roll(self.resources.len());
                self.resources[at] = changed(dice, &self.resources[at]);
            }
            4 => {
                let at = dice.roll(self.actions.len());
                self.actions[at] = dice.one(ACTIONS).to_owned();
            }
            5 => self.not_resource = !self.not_resource,
            6 => self.add_condition(dice),
            7 | 8 => match self.conditions.get_mut(line) {
                Some((_, _, values)) if values.len() > 1 => {
                    let at = dice.roll(values.len());
                    values.remove(at);
                }
                Some((_, sort, values)) => values.push(dice.one(SORTS[*sort].values).to_owned()),
                None => self.add_condition(dice),
            },
            9 | 10 => match self.conditions.get_mut(line) {
                Some((own, sort, _)) => *own = operator(dice, *sort),
                None => self.add_condition(dice),
            },
            _ => {
                if line < self.conditions.len() {
                    self.conditions.remove(line);
                }
            }
        }
    }
}

fn operator(dice: &mut Dice, sort: usize) -> String {
    let base = dice.one(SORTS[sort].operators);
    let prefix = if dice.roll(4) == 0 { dice.one(&["ForAnyValue:", "ForAllValues:"]) } else { "" };
    let suffix = if dice.roll(4) == 0 && base != "Null" { "IfExists" } else { "" };
    format!("{prefix}{base}{suffix}")
}

/// A pattern with one character more, fewer, or another; escapes stay whole.
fn changed(dice: &mut Dice, pattern: &str) -> String {
    if pattern.contains('\\') {
        return pattern.replace("\\u0024", "$");
    }
    let mut letters: Vec<char> = pattern.chars().collect();
    let at = dice.roll(letters.len());
    let new = ['*', '?', ':', 'a', '/', '$', '}'][dice.roll(7)];
    match dice.roll(3) {
        0 => letters.insert(at, new),
        1 if letters.len() > 1 => {
            letters.remove(at);
        }
        _ => letters[at] = new,
    }
    letters.into_iter().collect()
}

/// A document and the same with small changes, as texts.
pub fn pair(dice: &mut Dice, conditions: usize) -> (String, String) {
    let old: Vec<Draft> = (0..=dice.roll(3)).map(|_| Draft::roll(dice, conditions)).collect();
    let mut new = old.clone();
    for _ in 0..=dice.roll(2) {
        let at = dice.roll(new.len());
        match dice.roll(8) {
            0 if new.len() > 1 => {
                new.remove(at);
            }
            1 => new.push(Draft::roll(dice, conditions)),
            _ => new[at].change(dice),
        }
    }
    let versions = ["\"Version\":\"2012-10-17\",", "\"Version\":\"2008-10-17\",", ""];
    let version = versions[if dice.roll(5) == 0 { dice.roll(3) } else { 0 }];
    let other = if dice.roll(12) == 0 { versions[dice.roll(3)] } else { version };
    let document = |version: &str, list: &[Draft]| {
        format!("{{{version}\"Statement\":[{}]}}", list.iter().map(Draft::text).collect::<Vec<_>>().join(","))
    };
    (document(version, &old), document(other, &new))
}

/// A text that the pattern matches, or nearly.
fn filled(dice: &mut Dice, pattern: &str, variable: &str) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let end = rest.strip_prefix("${").and_then(|inside| inside.rfind('}').filter(|_| dice.roll(8) > 0));
        if let Some(end) = end {
            text.push_str(match &rest[2..end + 2] {
                special @ ("*" | "?" | "$") => special,
                _ => variable,
            });
            rest = &rest[end + 3..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => text.push_str(dice.one(&["", "x", "a", "a:b", "r:1:a", ":", "o"])),
            '?' => text.push_str(dice.one(&["x", "a", ":", "*", "$"])),
            c => text.push(c),
        }
    }
    text
}

/// A request about what the two documents say.
pub fn request(dice: &mut Dice, policies: &[&Policy]) -> Request {
    let variable = dice.one(&["v", "v:w", "}", "a", "", "a/b", "*"]);
    let statements: Vec<_> = policies.iter().flat_map(|policy| policy.statements()).collect();
    let statement = statements[dice.roll(statements.len())];
    let elements: Vec<&str> = statement.resources.iter().flat_map(|e| &e.patterns).map(|p| &*p.what).collect();
    let resource = match elements.len() {
        0 => "*".to_owned(),
        count => {
            let at = dice.roll(count);
            filled(dice, elements[at], variable)
        }
    };
    let mut context = Context::default();
    if dice.roll(6) > 0 && !variable.is_empty() {
        context.insert("k:v", [variable]);
    }
    for sort in SORTS {
        let most = if sort.key.starts_with("aws:") { 1 } else { 2 };
        let written: Vec<String> = policies
            .iter()
            .flat_map(|policy| policy.statements())
            .flat_map(|s| &s.conditions)
            .filter(|line| *line.key.what == *sort.key)
            .flat_map(|line| line.values.iter().map(|value| value.what.to_string()))
            .collect();
        let values: Vec<String> = (0..dice.roll(most + 1))
            .map(|_| match dice.roll(3) {
                0 if !written.is_empty() => written[dice.roll(written.len())].clone(),
                1 if !written.is_empty() => {
                    let at = dice.roll(written.len());
                    filled(dice, &written[at], variable)
                }
                _ => dice.one(sort.besides).to_owned(),
            })
            .collect();
        context.insert(sort.key, values);
    }
    let action = dice.one(&["s:a", "s:ab", "s:abc", "s:b", "s:ba", "s:c", "t:a", "t:b", "u:x", "s:axc"]);
    Request {
        principal: Principal::parse("arn:aws:iam::111122223333:user/ana").unwrap(),
        action: ActionName::parse(action).unwrap(),
        resource: if resource.is_empty() { "*".into() } else { resource.into() },
        resource_account: Some("111122223333".into()),
        context,
    }
}
