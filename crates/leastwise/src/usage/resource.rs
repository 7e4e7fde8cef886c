//! The resources of an event, as ARNs.
//!
//! From the record's own list where it has one; otherwise from the request's parameters, put into the ARN formats that
//! the catalogue has for the action; otherwise none. A part that the parameters do not name is never filled in.

use std::collections::BTreeMap;

use leastwise_policy::{ActionName, Catalogue};
use serde_json::Value;

use super::event::Event;

/// At most so many values are looked at in one request, and so many ARNs made from it.
const LIMIT: usize = 256;

/// The ARNs of what the call of `action` acted on, sorted, each once.
#[must_use]
pub fn resource_arns(event: &Event<'_>, action: &ActionName, catalogue: &Catalogue) -> Vec<String> {
    let mut arns: Vec<String> =
        event.resources.iter().map(|r| r.arn.as_ref()).filter(|arn| arn.starts_with("arn:")).map(str::to_owned).collect();
    if arns.is_empty() {
        arns = from_request(event, action, catalogue).unwrap_or_default();
    }
    arns.sort();
    arns.dedup();
    arns
}

fn from_request(event: &Event<'_>, action: &ActionName, catalogue: &Catalogue) -> Option<Vec<String>> {
    let request: Value = serde_json::from_str(event.request.as_deref()?).ok()?;
    let mut parameters = BTreeMap::new();
    let mut left = LIMIT;
    collect(&request, "", &mut parameters, &mut left);
    let service = catalogue.service(action.service())?;
    let known = service.action(action.name())?;
    let mut arns = Vec::new();
    for kind in known.resource_types().filter_map(|resource| resource.resource_type()) {
        for format in &kind.arn_formats {
            arns.extend(filled(format, event, &parameters));
        }
    }
    // A parameter may be an ARN already; one of the action's own service is what the call is about.
    let own = format!(":{}:", action.service().to_ascii_lowercase());
    let whole = parameters.values().flatten().filter(|value| value.starts_with("arn:") && value.contains(&own));
    arns.extend(whole.map(|arn| (*arn).to_owned()));
    arns.truncate(LIMIT);
    Some(arns)
}

/// All texts of the request by the name of their parameter, in lower case and letters only.
fn collect<'v>(value: &'v Value, name: &str, into: &mut BTreeMap<String, Vec<&'v str>>, left: &mut usize) {
    match value {
        Value::String(text) if *left > 0 && !text.is_empty() => {
            *left -= 1;
            into.entry(name.to_owned()).or_default().push(text);
        }
        Value::Array(list) => list.iter().for_each(|item| collect(item, name, into, left)),
        Value::Object(members) => members.iter().for_each(|(key, item)| collect(item, &plain(key), into, left)),
        _ => {}
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// What parameters are called where the format's name for them is another one.
const ALIASES: [(&str, &str); 7] = [
    ("objectname", "key"),
    ("keyname", "key"),
    ("rolenamewithpath", "rolename"),
    ("usernamewithpath", "username"),
    ("groupnamewithpath", "groupname"),
    ("policynamewithpath", "policyname"),
    ("instanceprofilenamewithpath", "instanceprofilename"),
];

/// A format with everything in `${…}` filled in: one ARN for each value when one part has several; none when a part is
/// not named, or when several parts have several values and nobody knows which go together.
fn filled(format: &str, event: &Event<'_>, parameters: &BTreeMap<String, Vec<&str>>) -> Vec<String> {
    let account = event.account.map(|account| account.to_string()).unwrap_or_default();
    let partition = match event.region.as_ref() {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let mut arns = vec![String::new()];
    let mut rest = format;
    let mut varies = false;
    let mut named = false;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { return Vec::new() };
        let single: [&str; 1];
        let values: &[&str] = match name {
            "Partition" => {
                single = [partition];
                &single
            }
            "Region" => {
                single = [event.region.as_ref()];
                &single
            }
            "Account" => {
                single = [account.as_str()];
                &single
            }
            _ => {
                named = true;
                let name = plain(name);
                let alias = ALIASES.iter().find(|(known, _)| *known == name).map(|(_, alias)| *alias);
                let found = parameters.get(&name).or_else(|| parameters.get(alias?));
                found.map(Vec::as_slice).unwrap_or_default()
            }
        };
        let sound = |value: &&&str| !value.is_empty() && !value.starts_with("arn:") && !value.contains(['*', '?', '$']);
        let values: Vec<&str> = values.iter().filter(sound).copied().collect();
        if values.is_empty() || (varies && values.len() > 1) {
            return Vec::new();
        }
        varies |= values.len() > 1;
        arns = arns.iter().flat_map(|arn| values.iter().map(move |value| format!("{arn}{before}{value}"))).collect();
        rest = after;
    }
    if !named || rest.contains('*') {
        return Vec::new();
    }
    arns.iter().map(|arn| format!("{arn}{rest}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::event::EventResource;
    use super::super::event::tests::event;
    use super::*;

    fn arns(action: &str, request: &'static str) -> Vec<String> {
        let mut call = event("x.amazonaws.com", "X");
        call.request = Some(request.into());
        resource_arns(&call, &ActionName::parse(action).unwrap(), Catalogue::embedded())
    }

    #[test]
    fn the_records_own_list_comes_first() {
        let mut call = event("s3.amazonaws.com", "GetObject");
        call.request = Some(r#"{"bucketName":"other","key":"k"}"#.into());
        call.resources = vec![EventResource { arn: "arn:aws:s3:::b/k".into(), kind: None }];
        assert_eq!(
            resource_arns(&call, &ActionName::parse("s3:GetObject").unwrap(), Catalogue::embedded()),
            ["arn:aws:s3:::b/k"]
        );
    }

    #[test]
    fn parameters_fill_the_catalogues_formats() {
        assert_eq!(arns("dynamodb:DescribeTable", r#"{"tableName":"t"}"#), ["arn:aws:dynamodb:eu-west-1:111122223333:table/t"]);
        assert!(arns("s3:GetObject", r#"{"bucketName":"b","key":"a/k"}"#).contains(&"arn:aws:s3:::b/a/k".to_owned()));
        assert_eq!(
            arns("ec2:StopInstances", r#"{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}"#),
            ["arn:aws:ec2:eu-west-1:111122223333:instance/i-1", "arn:aws:ec2:eu-west-1:111122223333:instance/i-2"]
        );
    }

    #[test]
    fn what_the_parameters_do_not_name_stays_out() {
        assert_eq!(arns("dynamodb:DescribeTable", r#"{"limit":3}"#), Vec::<String>::new());
        assert_eq!(arns("dynamodb:DescribeTable", "not json"), Vec::<String>::new());
    }
}
