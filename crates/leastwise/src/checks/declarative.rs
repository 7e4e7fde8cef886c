//! Declarative and management policies of AWS Organizations, told from IAM policies: they have attributes and inheritance operators
//! (`@@assign`) in place of statements ("Declarative policy syntax", "Inheritance operators").
//!
//! Only the operators are looked at. What the attributes mean, and whether a child may change them, is for Organizations to say.

use leastwise_policy::json::{self, Node, Value};

use super::nearest::nearest;

/// The keys that are operators, and the words that stand for them in a list of those that child policies may use.
const OPERATORS: [&str; 4] = ["@@assign", "@@append", "@@remove", "@@operators_allowed_for_child_policies"];
const WORDS: [&str; 5] = ["@@all", "@@none", "@@assign", "@@append", "@@remove"];

/// What to say of a text that is such a policy; nothing when it is none.
pub(super) fn what_it_is(text: &str) -> Option<(String, String)> {
    if !text.contains("\"@@") {
        return None;
    }
    let root = json::parse(text).ok()?;
    let kind = root.as_object()?.first()?.key.clone();
    if root.member("Statement").is_some() {
        return None;
    }
    if let Some(wrong) = wrong_operator(&root) {
        let near = nearest(&wrong, OPERATORS.into_iter().chain(WORDS));
        let help = near.map_or_else(
            || "write one of the operators of AWS Organizations, such as `@@assign`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Some((format!("`{wrong}` is no inheritance operator, in the `{kind}` policy of an organization"), help));
    }
    let message = format!("this is a `{kind}` policy of AWS Organizations, which has no statements to check");
    Some((message, "its operators are right; `aws organizations create-policy` checks its attributes".to_owned()))
}

/// The first operator, as a key or as a word, that AWS Organizations does not have.
fn wrong_operator(node: &Node) -> Option<String> {
    match &node.value {
        Value::Object(members) => members.iter().find_map(|member| {
            let key = &*member.key;
            if key.starts_with("@@") && !OPERATORS.contains(&key) {
                return Some(key.to_owned());
            }
            wrong_operator(&member.value)
        }),
        Value::Array(items) => items.iter().find_map(wrong_operator),
        Value::String(word) if word.starts_with("@@") && !WORDS.contains(&&**word) => Some((**word).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn policies_of_organizations_without_statements_are_told_by_their_operators() {
        let told = |text: &str| what_it_is(text).map(|(message, help)| format!("{message}; {help}"));
        let good = r#"{"ec2_attributes": {"serial_console_access": {"status": {"@@assign": "disabled"}}}}"#;
        assert!(told(good).unwrap().starts_with("this is a `ec2_attributes` policy of AWS Organizations"));
        let wrong =
            r#"{"tags": {"team": {"tag_key": {"@@asign": "Team", "@@operators_allowed_for_child_policies": ["@@none"]}}}}"#;
        assert!(
            told(wrong).unwrap().contains("`@@asign` is no inheritance operator") && told(wrong).unwrap().contains("@@assign")
        );
        assert_eq!(told(r#"{"Statement": [], "x": "@@assign"}"#), None);
        assert_eq!(told(r#"{"a": 1}"#), None);
        assert_eq!(told(r#"{"@@assign""#), None);
    }
}
