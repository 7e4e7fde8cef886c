//! The fourth claim, byte by byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::{Claim, Witness, prove};

fn witness(original: &str, refined: &str) -> Option<Witness> {
    let policy = |text: &str| Policy::parse(text).unwrap();
    let claims = prove(&policy(original), &[policy(refined)], &Unused::default(), Catalogue::embedded());
    claims.verdict(Claim::KeepsStructure).witness().cloned()
}

fn keeps(original: &str, refined: &str) -> bool {
    witness(original, refined).is_none()
}

const TEXT: &str = "\u{feff}{
  \"Version\": \"2012-10-17\",
  \"Statement\": [
    {\"Sid\": \"One\", \"Effect\": \"Allow\", \"Action\": [\"s3:Get*\", \"s3:List*\"], \"Resource\": \"*\"},
    {\"Sid\": \"Two\", \"Effect\": \"Deny\", \"Action\": \"ec2:*\", \"Resource\": \"*\"} ,
    {\"Sid\": \"Three\", \"Effect\": \"Allow\", \"NotAction\": \"sqs:*\", \"Resource\": \"arn:aws:s3:::x\", \"Condition\": {\"Bool\": {\"a:b\": \"true\"}}}
  ]
}
";

#[test]
fn actions_of_an_allow_may_change_in_any_way() {
    for (from, to) in [
        ("[\"s3:Get*\", \"s3:List*\"]", "\"s3:Get*\""),
        ("[\"s3:Get*\", \"s3:List*\"]", "[\n  \"s3:A\"\n]"),
        ("\"NotAction\": \"sqs:*\"", "\"Action\": [\"ec2:*\", \"s3:*\"]"),
    ] {
        let refined = TEXT.replace(from, to);
        assert_ne!(refined, TEXT);
        assert!(keeps(TEXT, &refined), "{refined}");
    }
}

#[test]
fn anything_else_that_changes_is_refuted_where_it_stands() {
    for (from, to, line, column) in [
        ("\u{feff}", "", 1, 1),
        ("2012-10-17", "2008-10-17", 2, 17),
        ("\"One\"", "\"Ons\"", 4, 16),
        ("\"s3:List*\"], \"Resource\": \"*\"", "\"s3:List*\"], \"Resource\": \"arn:*\"", 4, 87),
        ("\"s3:List*\"], ", "\"s3:List*\"],  ", 4, 74),
        ("\"Two\", \"Effect\": \"Deny\", \"Action\": \"ec2:*\"", "\"Two\", \"Effect\": \"Deny\", \"Action\": \"ec2:R*\"", 5, 53),
        ("\"true\"", "\"false\"", 6, 124),
        ("} ,", "},", 5, 73),
        ("\n  ]", "\n ]", 7, 2),
        ("}\n", "}", 8, 2),
    ] {
        let refined = TEXT.replacen(from, to, 1);
        let refined = if from == "}\n" { TEXT.trim_end().to_owned() } else { refined };
        assert_ne!(refined, TEXT, "{from}");
        let witness = witness(TEXT, &refined).unwrap_or_else(|| panic!("{from}"));
        let place = witness.place.unwrap();
        assert_eq!((place.line, place.column), (line, column), "{from}: {witness}");
    }
}

fn s(sid: &str, action: &str) -> String {
    format!("{{\"Sid\":\"{sid}\",\"Effect\":\"Allow\",\"Action\":\"{action}\",\"Resource\":\"*\"}}")
}

fn list(parts: &[&str]) -> String {
    format!("{{\"Statement\":[ {}]}}", parts.concat())
}

#[test]
fn statements_may_go_with_one_separator_and_may_not_come_or_move() {
    let (a, b, c) = (s("a", "s3:*"), s("b", "s3:*"), s("c", "s3:*"));
    let original = list(&[&a, ",\n", &b, " , ", &c]);
    for refined in [list(&[&a, ",\n", &b]), list(&[&b, " , ", &c]), list(&[&a, ",\n", &c]), list(&[&a, " , ", &c]), list(&[&c])] {
        assert!(keeps(&original, &refined), "{refined}");
    }
    for refined in [
        list(&[&a, ",", &c]),
        list(&[&a, " , ", &b]),
        list(&[&b, ",\n", &a]),
        list(&[&a, ",\n", &a]),
        list(&[&a, ",\n", &b, " , ", &c, ",\n", &c]),
        list(&[&a, ",\n", &s("d", "s3:*")]),
    ] {
        assert!(!keeps(&original, &refined), "{refined}");
    }
}

#[test]
fn alike_statements_are_aligned_as_the_separators_and_denies_demand() {
    let (x, y) = (s("a", "s3:*"), s("a", "ec2:*"));
    let deny = s("d", "s3:*").replace("Allow", "Deny");
    let original = list(&[&x, ",", &x, ", ", &y, ",  ", &deny, ",   ", &y]);
    // Leftmost would take the first two and refuse the separator.
    assert!(keeps(&original, &list(&[&x, ", ", &y, ",  ", &deny])));
    assert!(keeps(&original, &list(&[&x, ",", &y, ",  ", &deny])));
    assert!(keeps(&original, &list(&[&deny, ",   ", &y])));
    assert!(keeps(&original, &list(&[&x, ",  ", &deny, ",   ", &x])));
    // The Deny may not go, nor may a second statement stand behind it.
    assert!(!keeps(&original, &list(&[&x, ",", &x])));
    assert!(!keeps(&original, &list(&[&x, ",   ", &y])));
    assert!(!keeps(&original, &list(&[&deny, ",   ", &y, ",", &x])));
    let witness = witness(&original, &list(&[&x, ",   ", &y])).unwrap();
    assert_eq!(witness.original, Some(3));
}

#[test]
fn a_lone_statement_stays_alone_and_a_list_a_list() {
    let lone = format!("{{\"Statement\": {}}}", s("a", "s3:*"));
    let listed = format!("{{\"Statement\": [{}]}}", s("a", "s3:*"));
    assert!(keeps(&lone, &lone.replace("\"s3:*\"", "[\"s3:A\"]")));
    assert!(!keeps(&lone, &listed));
    assert!(!keeps(&listed, &lone));
}

#[test]
fn thousands_of_alike_statements_are_aligned_soon() {
    let one = "{\"Effect\":\"Allow\",\"Action\":\"a:A\",\"Resource\":\"*\"}";
    let many = |n: usize| format!("{{\"Statement\":[{}]}}", vec![one; n].join(","));
    assert!(keeps(&many(2600), &many(1300)));
    assert!(!keeps(&many(1300), &many(2600)));
}
