//! Policies as the generator makes them up, what they grant by its own table, and their JSON.
//!
//! Part of the generator. Statements are made of a few simple forms whose meaning is plain; nothing here reads JSON.

use crate::random::Random;
use crate::services::{Bits, Table};
use crate::text::quote;

#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sid: Option<String>,
    pub(crate) allow: bool,
    pub(crate) not_action: bool,
    pub(crate) patterns: Vec<String>,
    pub(crate) resources: Vec<String>,
    /// As JSON text.
    pub(crate) condition: Option<&'static str>,
}

/// Conditions that a request may or may not meet: a statement with one neither grants nor denies for certain.
const CONDITIONS: [&str; 6] = [
    r#"{"StringEquals":{"aws:RequestedRegion":["us-east-1","eu-west-1"]}}"#,
    r#"{"Bool":{"aws:SecureTransport":"true"}}"#,
    r#"{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}"#,
    r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
    r#"{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}"#,
    r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/deploy/*"}}"#,
];

/// Conditions on keys of one service, as they are written for it.
const OWN_CONDITIONS: [(&str, &str); 4] = [
    ("s3", r#"{"StringLike":{"s3:prefix":["in/*","out/*"]}}"#),
    ("iam", r#"{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}"#),
    ("kms", r#"{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}"#),
    ("ec2", r#"{"StringEquals":{"ec2:ResourceTag/env":"sandbox"}}"#),
];

/// ARNs of things of a service, as people write them: S3 buckets have neither region nor account. `*` where the service's
/// things have no ARN that anybody would write out.
fn resources(prefix: &str, account: &str, nth: usize) -> Vec<String> {
    let own = |rest: String| vec![format!("arn:aws:{prefix}:us-east-1:{account}:{rest}")];
    match prefix {
        "s3" => vec![format!("arn:aws:s3:::team-{nth}"), format!("arn:aws:s3:::team-{nth}/*")],
        "dynamodb" => {
            let table = format!("arn:aws:dynamodb:us-east-1:{account}:table/table-{nth}");
            vec![format!("{table}/index/*"), table]
        }
        "iam" => vec![format!("arn:aws:iam::{account}:role/team-{nth}-*")],
        "lambda" => own(format!("function:function-{nth}")),
        "sqs" => own(format!("queue-{nth}")),
        "sns" => own(format!("topic-{nth}*")),
        "kms" => own("key/*".to_owned()),
        "ec2" => own("instance/*".to_owned()),
        "logs" => own(format!("log-group:/team/{nth}:*")),
        "secretsmanager" => own(format!("secret:team-{nth}/*")),
        "ssm" => own(format!("parameter/team/{nth}/*")),
        "ecr" => own(format!("repository/team-{nth}/*")),
        "cloudformation" => own(format!("stack/team-{nth}-*/*")),
        "rds" => own(format!("db:team-{nth}-*")),
        "rds-db" => own(format!("dbuser:*/team{nth}")),
        "states" => own(format!("stateMachine:team-{nth}-*")),
        "events" => own(format!("rule/team-{nth}-*")),
        "apigateway" => vec!["arn:aws:apigateway:us-east-1::/restapis/*".to_owned()],
        _ => vec!["*".to_owned()],
    }
}

impl Policy {
    pub(crate) fn of(statement: Statement) -> Policy {
        Policy { statements: vec![statement] }
    }

    /// The actions that some Allow statement grants.
    pub(crate) fn allowed(&self, table: &Table) -> Bits {
        self.statements.iter().filter(|s| s.allow).fold(Bits::default(), |sum, s| sum.or(s.actions(table)))
    }

    /// The actions that a Deny without condition takes away on every resource.
    pub(crate) fn denied(&self, table: &Table) -> Bits {
        let always = |s: &&Statement| !s.allow && s.condition.is_none() && s.resources.iter().any(|r| r == "*");
        self.statements.iter().filter(always).fold(Bits::default(), |sum, s| sum.or(s.actions(table)))
    }

    /// The document, in one line or spread over many.
    pub(crate) fn json(&self, spread: bool) -> String {
        let (line, deep) = if spread { ("\n    ", "\n            ") } else { ("", "") };
        let space = if spread { " " } else { "" };
        let list = |items: &[String]| match items {
            [one] => quote(one),
            many => format!("[{}]", many.iter().map(|i| quote(i)).collect::<Vec<_>>().join(if spread { ", " } else { "," })),
        };
        let mut statements = Vec::new();
        for s in &self.statements {
            let mut members = Vec::new();
            members.extend(s.sid.as_ref().map(|sid| format!("\"Sid\":{space}{}", quote(sid))));
            members.push(format!("\"Effect\":{space}\"{}\"", if s.allow { "Allow" } else { "Deny" }));
            members.push(format!("\"{}\":{space}{}", if s.not_action { "NotAction" } else { "Action" }, list(&s.patterns)));
            members.push(format!("\"Resource\":{space}{}", list(&s.resources)));
            members.extend(s.condition.map(|c| format!("\"Condition\":{space}{c}")));
            statements.push(format!("{{{deep}{}{line}}}", members.join(&format!(",{deep}"))));
        }
        let version = format!("\"Version\":{space}\"2012-10-17\"");
        let body = statements.join(&format!(",{line}"));
        format!("{{{line}{version},{line}\"Statement\":{space}[{body}]{}}}", if spread { "\n" } else { "" })
    }
}

impl Statement {
    pub(crate) fn allow(patterns: Vec<String>) -> Statement {
        let resources = vec!["*".to_owned()];
        Statement { sid: None, allow: true, not_action: false, patterns, resources, condition: None }
    }

    fn actions(&self, table: &Table) -> Bits {
        let listed = self.patterns.iter().fold(Bits::default(), |sum, p| sum.or(table.matching(p)));
        if self.not_action { table.matching("*").without(listed) } else { listed }
    }
}

/// A policy over one to four services.
pub(crate) fn made_up(random: &mut Random, table: &Table, account: &str) -> Policy {
    if random.percent(2) {
        return Policy::of(Statement::allow(vec!["*".to_owned()]));
    }
    if random.percent(3) {
        let patterns = vec!["iam:*".to_owned(), "sts:AssumeRole".to_owned(), "cloudtrail:*".to_owned()];
        return Policy::of(Statement { not_action: true, ..Statement::allow(patterns) });
    }
    let services: Vec<usize> = (0..table.services.len()).collect();
    let count = 1 + random.below(4);
    let mut policy = Policy { statements: Vec::new() };
    for service in random.some(&services, count) {
        let actions: Vec<usize> = table.of_service(service).collect();
        let mut statement = Statement::allow(patterns(random, table, service, &actions));
        if random.percent(40) {
            statement.sid = Some(format!("S{}", policy.statements.len() + 1));
        }
        if random.percent(30) {
            let prefix = table.services.get(service).map_or("", |s| s.prefix);
            statement.resources = resources(prefix, account, random.below(50));
        }
        if random.percent(12) {
            let prefix = table.services.get(service).map_or("", |s| s.prefix);
            let own = OWN_CONDITIONS.iter().find(|(of, _)| *of == prefix).map(|(_, condition)| *condition);
            statement.condition = own.filter(|_| random.percent(50)).or(random.one(&CONDITIONS).copied());
        }
        policy.statements.push(statement);
        if random.percent(8) {
            policy.statements.push(deny(random, table, &actions));
        }
    }
    policy
}

fn patterns(random: &mut Random, table: &Table, service: usize, actions: &[usize]) -> Vec<String> {
    let prefix = table.services.get(service).map_or("", |s| s.prefix);
    if random.percent(20) {
        return vec![format!("{prefix}:*")];
    }
    let count = 2 + random.below(7);
    let mut patterns: Vec<String> = random.some(actions, count).into_iter().map(|a| table.full_name(a)).collect();
    if random.percent(45) {
        let starts = ["Get", "List", "Describe", "Put", "Create", "Delete", "Update"];
        let matching: Vec<String> =
            starts.iter().map(|s| format!("{prefix}:{s}*")).filter(|p| !table.matching(p).is_empty()).collect();
        let count = 1 + random.below(2);
        let indexes: Vec<usize> = (0..matching.len()).collect();
        patterns.extend(random.some(&indexes, count).into_iter().filter_map(|at| matching.get(at).cloned()));
    }
    if random.percent(10)
        && let Some(first) = patterns.first_mut()
    {
        // People write names in their own case, and IAM does not mind.
        *first = first.to_ascii_lowercase();
    }
    patterns
}

fn deny(random: &mut Random, table: &Table, actions: &[usize]) -> Statement {
    let count = 1 + random.below(2);
    let patterns = random.some(actions, count).into_iter().map(|a| table.full_name(a)).collect();
    let mut statement = Statement { allow: false, ..Statement::allow(patterns) };
    match random.below(3) {
        0 => statement.condition = random.one(&CONDITIONS).copied(),
        1 => statement.resources = vec!["arn:aws:s3:::precious".to_owned(), "arn:aws:s3:::precious/*".to_owned()],
        _ => {}
    }
    statement
}
