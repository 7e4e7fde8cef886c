//! Inclusion against brute force: random small policies, judged by trying every request with the plain evaluator.
//!
//! Every sort of element and condition operator occurs, on both sides and with both effects. The judge is
//! `leastwise_policy::evaluate` alone; a verdict has to be what it says.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

mod dice;

use dice::Dice;
use leastwise_policy::evaluate::{Context, Decision, PolicySet, Principal, Request};
use leastwise_policy::{ActionName, ActionPattern, Catalogue, Policy};
use leastwise_proof::inclusion::{Access, Comparison, PolicyKind, access_not_granted, no_new_access};

const ACTIONS: &[&str] = &["*", "s:*", "t:*", "s:a*", "s:*b", "s:a", "s:ab", "s:?", "S:A?", "t:a", "s:a?*", "t:*a*", "s:b*a"];
const RESOURCES: &[&str] = &[
    "*",
    "arn:x:::a:*",
    "arn:x:::*:a",
    "arn:x:*",
    "arn:x:::a:b",
    "arn:x:::?:a*",
    "arn:x:::a:*b",
    "arn:x::*:*:a",
    "arn:x:*b",
    "ar*a",
    "arn:x:::b:?",
];
const ASKED_ACTIONS: &[&str] = &["s:a", "s:b", "s:ab", "s:ba", "s:abc", "s:c", "t:a", "t:b", "u:a"];
/// What `access_not_granted` is asked about: names and patterns.
const ACCESS_ACTIONS: &[&str] = &["s:a", "s:ab", "t:a", "u:a", "S:A*", "s:?", "s:*b", "t:*", "u:*", "*"];
const ACCESS_RESOURCES: &[&str] = &["*", "arn:x:::a:a", "arn:x:::b:b", "arn:x:::a:*", "arn:x:::*:b", "arn:x:::?:a"];
const ASKED_RESOURCES: &[&str] = &[
    "*",
    "arn:x:::a:a",
    "arn:x:::a:b",
    "arn:x:::a:cb",
    "arn:x:::b:a",
    "arn:x:::b:b",
    "arn:x:::b:c:a",
    "arn:x:::cc:a",
    "arn:x::r:a:a",
    "arn:x:b",
    "arn:x:c:a",
    "ara",
    "c",
];

/// A condition key: which operators and values are rolled for it, and which states are tried.
struct Sort {
    key: &'static str,
    operators: &'static [&'static str],
    values: &'static [&'static str],
    states: &'static [&'static [&'static str]],
}

const SORTS: &[Sort] = &[
    Sort {
        key: "many:K",
        operators: &[
            "StringEquals",
            "StringNotEquals",
            "StringLike",
            "StringNotLike",
            "StringEqualsIfExists",
            "StringNotLikeIfExists",
            "ForAnyValue:StringLike",
            "ForAllValues:StringLike",
            "ForAnyValue:StringNotEquals",
            "ForAllValues:StringNotLike",
            "ForAnyValue:StringEqualsIfExists",
            "StringEqualsIgnoreCase",
            "ForAllValues:StringNotEqualsIgnoreCase",
            "Null",
        ],
        values: &["a", "b", "a*", "*b", "?", "A", "", "true", "false"],
        states: &[
            &[],
            &[""],
            &["a"],
            &["b"],
            &["A"],
            &["c"],
            &["ab"],
            &["cc"],
            &["ac"],
            &["cb"],
            &["true"],
            &["a", "b"],
            &["a", "c"],
            &["a", ""],
            &["c", ""],
            &["a", "b", "cc"],
            &["ab", "cc"],
            &["a", "A"],
            &["cb", "ac"],
        ],
    },
    Sort {
        key: "aws:one",
        operators: &["StringEquals", "StringNotEquals", "StringLike", "StringNotLikeIfExists", "Null"],
        values: &["a", "b", "a*", "*b", "true", "false"],
        states: &[&[], &["a"], &["b"], &["c"], &["ab"], &["ac"], &["cb"], &["true"]],
    },
    Sort {
        key: "aws:number",
        operators: &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEqualsIfExists",
        ],
        values: &["5", "6", "5.0", "7", "x"],
        states: &[&[], &["4"], &["5"], &["5.5"], &["6"], &["6.5"], &["7"], &["8"], &["none"]],
    },
    Sort {
        key: "list:Number",
        operators: &[
            "ForAnyValue:NumericLessThan",
            "ForAllValues:NumericGreaterThan",
            "NumericEquals",
            "NumericNotEquals",
            "Null",
        ],
        values: &["5", "6", "true"],
        states: &[
            &[],
            &["4"],
            &["5"],
            &["5.5"],
            &["6"],
            &["7"],
            &["none"],
            &["4", "7"],
            &["5", "6"],
            &["5.5", "none"],
            &["", "7"],
            &[""],
        ],
    },
    Sort {
        key: "aws:time",
        operators: &["DateEquals", "DateLessThan", "DateGreaterThanEquals", "DateNotEquals", "DateLessThanEqualsIfExists"],
        values: &["2020-01-01", "1577836800", "2021-01-01T00:00:00Z"],
        states: &[&[], &["2019-01-01"], &["2020-01-01"], &["2020-06-01"], &["2021"], &["2022-01-01"], &["none"]],
    },
    Sort {
        key: "aws:truth",
        operators: &["Bool", "BoolIfExists", "StringEquals", "Null"],
        values: &["true", "false"],
        states: &[&[], &["true"], &["TRUE"], &["false"], &["False"], &["none"]],
    },
    Sort {
        key: "aws:SourceIp",
        operators: &["IpAddress", "NotIpAddress", "IpAddressIfExists"],
        values: &["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32", "::/0"],
        states: &[&[], &["10.0.0.0"], &["10.1.0.0"], &["10.1.2.3"], &["11.0.0.0"], &["2001:db8::1"], &["::1"], &["none"]],
    },
    Sort {
        key: "aws:SourceArn",
        operators: &["ArnLike", "ArnNotEquals", "ArnEqualsIfExists", "StringLike", "StringNotEquals"],
        values: &["arn:x:::a:*", "arn:x:::*:a", "arn:x:*", "*", "arn:x:::a:b"],
        states: &[
            &[],
            &["arn:x:::a:a"],
            &["arn:x:::a:b"],
            &["arn:x:::b:a"],
            &["arn:x:::c:c"],
            &["arn:x:c"],
            &["c"],
            &["arn:x:::a:c:d"],
        ],
    },
    // Values with policy variables, for the other key of the same name's sake rolled only together with `aws:one`.
    Sort {
        key: "many:V",
        operators: &[
            "StringEquals",
            "StringLike",
            "StringLike",
            "StringNotLike",
            "StringNotEquals",
            "StringEqualsIfExists",
            "StringNotLikeIfExists",
            "ForAnyValue:StringLike",
            "ForAllValues:StringLike",
            "ForAnyValue:StringNotEquals",
            "StringEqualsIgnoreCase",
            "ArnLike",
            "Null",
        ],
        values: &[
            "${aws:one}",
            "${aws:one}*",
            "${AWS:ONE}b",
            "${aws:one, 'a'}",
            "*${aws:one}",
            "a",
            "*",
            "a*",
            "?",
            "true",
            "arn:x:::a:${aws:one}",
        ],
        states: &[
            &[],
            &[""],
            &["a"],
            &["b"],
            &["ab"],
            &["abb"],
            &["c"],
            &["cb"],
            &["A"],
            &["a", "b"],
            &["ab", "c"],
            &["arn:x:::a:a"],
        ],
    },
];

/// The sorts that are rolled by themselves.
const ALONE: usize = SORTS.len() - 1;

struct Pair {
    existing: String,
    new: String,
    sorts: Vec<usize>,
    variables: bool,
}

fn statement(dice: &mut Dice, sorts: &[usize], principals: &[&str], variables: bool) -> String {
    let effect = if dice.roll(4) == 0 { "Deny" } else { "Allow" };
    let action = if dice.roll(5) == 0 { "NotAction" } else { "Action" };
    let resource = if dice.roll(6) == 0 { "NotResource" } else { "Resource" };
    let actions = dice.some(ACTIONS, 2);
    let resources = match variables && dice.roll(2) == 0 {
        true => {
            dice.some(&["arn:x:::a:${aws:one}", "arn:x:::a:${aws:one}*", "arn:x:::b:?", "*", "arn:x:::a:*", "arn:x:::a:a"], 1)
        }
        false => dice.some(RESOURCES, 1),
    };
    let mut blocks: Vec<String> = Vec::new();
    for sort in sorts.iter().map(|at| &SORTS[*at]) {
        if dice.roll(2) == 0 {
            let operator = dice.one(sort.operators);
            if blocks.iter().all(|block| !block.contains(&format!("\"{operator}\""))) {
                blocks.push(format!("\"{operator}\":{{\"{}\":{}}}", sort.key, dice.some(sort.values, 1)));
            }
        }
    }
    let condition = if blocks.is_empty() { String::new() } else { format!(",\"Condition\":{{{}}}", blocks.join(",")) };
    let principal = match principals {
        [] => String::new(),
        _ => {
            let element = if dice.roll(5) == 0 { "NotPrincipal" } else { "Principal" };
            format!("\"{element}\":{},", dice.one(principals))
        }
    };
    format!("{{\"Effect\":\"{effect}\",{principal}\"{action}\":{actions},\"{resource}\":{resources}{condition}}}")
}

fn pair(dice: &mut Dice, principals: &[&str], most_sorts: usize) -> Pair {
    let sorts: Vec<usize> = match dice.roll(most_sorts + 1) {
        0 => Vec::new(),
        1 => vec![dice.roll(ALONE)],
        _ => {
            let one = dice.roll(ALONE);
            vec![one, (one + 1 + dice.roll(ALONE - 1)) % ALONE]
        }
    };
    let variables = most_sorts > 0 && dice.roll(8) == 0;
    let one = |dice: &mut Dice| statement(dice, &sorts, principals, variables);
    let old: Vec<String> = (0..=dice.roll(3)).map(|_| one(dice)).collect();
    let mut new = old.clone();
    for _ in 0..=dice.roll(2) {
        let at = dice.roll(new.len());
        match dice.roll(6) {
            0 if new.len() > 1 => {
                new.remove(at);
            }
            1 => new.push(one(dice)),
            2 => new[at] = one(dice),
            3 => new[at] = new[at].replace("s:*", "s:a*"),
            4 => new = (0..=dice.roll(2)).map(|_| one(dice)).collect(),
            _ => new[at] = new[at].replacen("Action\":[\"*\"", "Action\":[\"s:a*\",\"s:b\"", 1),
        }
    }
    let document = |list: Vec<String>| format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", list.join(","));
    let mut sorts = sorts;
    if variables && !sorts.contains(&1) {
        sorts.push(1);
    }
    Pair { existing: document(old), new: document(new), sorts, variables }
}

fn contexts(sorts: &[usize]) -> Vec<Context> {
    let mut all = vec![Context::default()];
    for sort in sorts.iter().map(|at| &SORTS[*at]) {
        let with = |context: &Context, state: &[&str]| {
            let mut context = context.clone();
            if !state.is_empty() {
                context.insert(sort.key, state.iter().copied());
            }
            context
        };
        all = all.iter().flat_map(|context| sort.states.iter().map(|state| with(context, state)).collect::<Vec<_>>()).collect();
    }
    all
}

const CATALOGUE: &str = "leastwise-catalogue 1
source test
version 1
date 2026-01-01
licence MIT

service s\tS
actions
 a\tR
 ab\tR
 b\tR

service t\tT
actions
 a\tR
";

fn identity_allows(policy: &Policy, request: &Request) -> bool {
    PolicySet { identity: vec![policy], ..PolicySet::default() }.evaluate(request).decision == Decision::Allowed
}

fn everything() -> Policy {
    Policy::parse(r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#).unwrap()
}

/// What a resource policy grants across accounts to somebody who may do everything on their own side.
fn resource_allows(policy: &Policy, request: &Request) -> bool {
    let all = everything();
    let mut request = request.clone();
    if request.principal.account().is_some() {
        request.resource_account = Some("000000000000".into());
    }
    let set = PolicySet { identity: vec![&all], session: vec![&all], resource: Some(policy), ..PolicySet::default() };
    set.evaluate(&request).decision == Decision::Allowed
}

fn requests(callers: &[Principal], contexts: &[Context]) -> Vec<Request> {
    let mut all = Vec::new();
    for principal in callers {
        for action in ASKED_ACTIONS {
            for resource in ASKED_RESOURCES {
                for context in contexts {
                    all.push(Request {
                        principal: principal.clone(),
                        action: ActionName::parse(action).unwrap(),
                        resource: (*resource).into(),
                        resource_account: principal.account().map(Into::into),
                        context: context.clone(),
                    });
                }
            }
        }
    }
    all
}

/// How often each answer was given: included, not included, undecided.
fn judge(
    cases: usize,
    seed: u64,
    principals: &[&str],
    callers: &[&str],
    most_sorts: usize,
    kind: PolicyKind,
    allows: fn(&Policy, &Request) -> bool,
) -> [usize; 3] {
    let catalogue = Catalogue::parse(CATALOGUE.to_owned()).unwrap();
    let callers: Vec<Principal> = callers.iter().map(|text| Principal::parse(text).unwrap()).collect();
    let mut dice = Dice(seed);
    let mut outcomes = [0; 3];
    for _ in 0..cases {
        let pair = pair(&mut dice, principals, most_sorts);
        let (old, new) = (Policy::parse(&pair.existing).unwrap(), Policy::parse(&pair.new).unwrap());
        let added = |request: &Request| allows(&new, request) && !allows(&old, request);
        match no_new_access(&[&old], &[&new], kind, &catalogue) {
            Comparison::Included => {
                outcomes[0] += 1;
                let contexts = contexts(&pair.sorts);
                if let Some(request) = requests(&callers, &contexts).iter().find(|request| added(request)) {
                    panic!("included, but {request:?}\n{}\n{}", pair.existing, pair.new);
                }
            }
            Comparison::NotIncluded(found) => {
                outcomes[1] += 1;
                assert!(added(&found.request), "{found:?}\n{}\n{}", pair.existing, pair.new);
                assert!(found.explanation.contains(found.request.action.as_str()), "{found:?}");
            }
            Comparison::Undecided(reason) => {
                outcomes[2] += 1;
                let mixed = pair.existing.contains("StringEquals") || pair.new.contains("StringEquals");
                assert!(pair.variables || mixed, "{reason}\n{}\n{}", pair.existing, pair.new);
                assert!(!reason.contains("internal"), "{reason}\n{}\n{}", pair.existing, pair.new);
            }
        }
    }
    outcomes
}

#[test]
fn identity_policies_without_conditions_are_decided_as_trying_every_request_says() {
    let outcomes = judge(4000, 3, &[], &["arn:aws:iam::111122223333:user/ana"], 0, PolicyKind::Identity, identity_allows);
    assert!(outcomes[0] > 800 && outcomes[1] > 800 && outcomes[2] == 0, "{outcomes:?}");
}

#[test]
fn conditions_of_every_sort_are_decided_as_trying_every_request_says() {
    let outcomes = judge(3000, 5, &[], &["arn:aws:iam::111122223333:user/ana"], 2, PolicyKind::Identity, identity_allows);
    assert!(outcomes[0] > 600 && outcomes[1] > 600, "{outcomes:?}");
    assert!(outcomes[2] * 50 < outcomes[0] + outcomes[1], "{outcomes:?}");
}

#[test]
fn values_with_variables_are_never_wrongly_included() {
    let catalogue = Catalogue::parse(CATALOGUE.to_owned()).unwrap();
    let callers = [Principal::parse("arn:aws:iam::111122223333:user/ana").unwrap()];
    let sorts = [ALONE, 1];
    let all = requests(&callers, &contexts(&sorts));
    let mut dice = Dice(17);
    let mut outcomes = [0; 3];
    for _ in 0..3000 {
        let one = |dice: &mut Dice| statement(dice, &sorts, &[], false);
        let old: Vec<String> = (0..=dice.roll(2)).map(|_| one(&mut dice)).collect();
        let mut new = old.clone();
        for _ in 0..=dice.roll(2) {
            let at = dice.roll(new.len());
            match dice.roll(5) {
                0 if new.len() > 1 => {
                    new.remove(at);
                }
                1 => new.push(one(&mut dice)),
                2 => new[at] = one(&mut dice),
                3 => new[at] = new[at].replace("${aws:one}*", "${aws:one}b"),
                _ => new[at] = new[at].replacen("many:V\":[", "many:V\":[\"${aws:one}\",", 1),
            }
        }
        let document = |list: Vec<String>| format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", list.join(","));
        let (old, new) = (document(old), document(new));
        let [old_policy, new_policy] = [&old, &new].map(|text| Policy::parse(text).unwrap());
        let added = |request: &Request| identity_allows(&new_policy, request) && !identity_allows(&old_policy, request);
        match no_new_access(&[&old_policy], &[&new_policy], PolicyKind::Identity, &catalogue) {
            Comparison::Included => {
                outcomes[0] += 1;
                assert_eq!(all.iter().find(|request| added(request)), None, "{old}\n{new}");
            }
            Comparison::NotIncluded(found) => {
                outcomes[1] += 1;
                assert!(added(&found.request), "{found:?}\n{old}\n{new}");
            }
            Comparison::Undecided(reason) => {
                outcomes[2] += 1;
                assert!(!reason.contains("internal"), "{reason}\n{old}\n{new}");
            }
        }
    }
    println!("{outcomes:?}");
    assert!(outcomes[0] > 500 && outcomes[1] > 500 && outcomes[2] * 4 < outcomes[0] + outcomes[1], "{outcomes:?}");
}

#[test]
fn principals_are_decided_as_trying_every_caller_says() {
    let principals = [
        r#""*""#,
        r#"{"AWS":"111122223333"}"#,
        r#"{"AWS":["arn:aws:iam::111122223333:user/ana"]}"#,
        r#"{"AWS":["arn:aws:iam::111122223333:role/team/app","444455556666"]}"#,
        r#"{"AWS":["arn:aws:sts::111122223333:assumed-role/app/s1"]}"#,
        r#"{"Service":["a.amazonaws.com"]}"#,
        r#"{"Service":["a.amazonaws.com","b.amazonaws.com"]}"#,
        r#"{"AWS":"*"}"#,
        r#"{"Federated":"accounts.google.com"}"#,
        r#"{"AWS":["arn:aws:iam::111122223333:user/ana","arn:aws:iam::111122223333:root"]}"#,
    ];
    let callers = [
        "*",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:user/ana",
        "arn:aws:iam::111122223333:user/bob",
        "arn:aws:iam::111122223333:role/team/app",
        "arn:aws:sts::111122223333:assumed-role/app/s1",
        "arn:aws:sts::111122223333:assumed-role/app/s2",
        "arn:aws:sts::111122223333:federated-user/ana",
        "arn:aws:iam::444455556666:user/cy",
        "arn:aws:iam::777788889999:user/dee",
        "a.amazonaws.com",
        "b.amazonaws.com",
        "c.amazonaws.com",
        "arn:aws:iam::111122223333:saml-provider/x",
    ];
    let outcomes = judge(3000, 7, &principals, &callers, 0, PolicyKind::Resource, resource_allows);
    assert!(outcomes[0] > 500 && outcomes[1] > 500 && outcomes[2] == 0, "{outcomes:?}");
}

#[test]
fn access_is_granted_where_trying_every_request_says_so() {
    let catalogue = Catalogue::parse(CATALOGUE.to_owned()).unwrap();
    let callers = [Principal::parse("arn:aws:iam::111122223333:user/ana").unwrap()];
    let mut dice = Dice(11);
    let mut outcomes = [0; 2];
    for _ in 0..1500 {
        let pair = pair(&mut dice, &[], 0);
        let policy = Policy::parse(&pair.new).unwrap();
        let actions: Vec<ActionPattern> =
            (0..dice.roll(3)).map(|_| ActionPattern::parse(dice.one(ACCESS_ACTIONS)).unwrap()).collect();
        let resources: Vec<String> = (0..dice.roll(3)).map(|_| dice.one(ACCESS_RESOURCES).to_owned()).collect();
        let counts = |request: &Request| {
            (actions.is_empty() || actions.iter().any(|own| own.matches(request.action.service(), request.action.name())))
                && (resources.is_empty()
                    || resources.iter().any(|own| leastwise_policy::arn::resource_matches(own, &request.resource)))
        };
        let access = Access { actions: actions.clone(), resources: resources.clone() };
        let granted = |request: &Request| counts(request) && identity_allows(&policy, request);
        match access_not_granted(&policy, &access, PolicyKind::Identity, &catalogue) {
            Comparison::Included => {
                outcomes[0] += 1;
                let found = requests(&callers, &[Context::default()]).into_iter().find(granted);
                assert_eq!(found, None, "{access:?}\n{}", pair.new);
            }
            Comparison::NotIncluded(found) => {
                outcomes[1] += 1;
                assert!(granted(&found.request), "{found:?}\n{access:?}\n{}", pair.new);
            }
            Comparison::Undecided(reason) => panic!("{reason}\n{}", pair.new),
        }
    }
    assert!(outcomes.iter().all(|n| *n > 150), "{outcomes:?}");
}
