//! The resources of an event, as ARNs.
//!
//! From the record's own list where it has one; otherwise from the request's parameters, put into the ARN formats that
//! the catalogue has for the action; otherwise none. A part that the parameters do not name is never filled in.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use leastwise_policy::{ActionName, Catalogue};
use memchr::memchr;
use memchr::memmem::Finder;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::assumption::{assumes_role, told_role};
use super::event::Event;
use crate::access::AccountId;

/// At most so many values are looked at in one request, and so many ARNs made from it.
const LIMIT: usize = 256;

/// The ARNs of what the call of `action` acted on, sorted, each once.
#[must_use]
pub fn resource_arns(event: &Event<'_>, action: &ActionName, catalogue: &Catalogue) -> Vec<String> {
    ResourceRecipe::of(std::slice::from_ref(action), catalogue).arns(event)
}

/// What an ARN begins with. Made once, since making takes longer than finding.
static ARN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"arn:"));

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

/// How to find the resources of calls of some actions. Made once for a kind of call, then used for each of its events.
#[derive(Debug, Clone, Default)]
pub struct ResourceRecipe {
    actions: Vec<OfAction>,
    /// Names of parameters, in lower case and letters and digits only.
    wanted: Vec<String>,
}

#[derive(Debug, Clone)]
struct OfAction {
    formats: Vec<Format>,
    /// `:service:`, which an ARN of the action's own service has in it.
    own: String,
}

#[derive(Debug, Clone)]
struct Format {
    parts: Vec<Part>,
    rest: String,
}

/// A text and what stands behind it.
#[derive(Debug, Clone)]
struct Part {
    before: String,
    filler: Filler,
}

#[derive(Debug, Clone)]
enum Filler {
    Partition,
    Region,
    Account,
    /// A parameter, or the other name that it goes by; places in `wanted`.
    Parameter(usize, Option<usize>),
}

impl ResourceRecipe {
    /// The recipe for calls that these actions authorise.
    #[must_use]
    pub fn of(actions: &[ActionName], catalogue: &Catalogue) -> ResourceRecipe {
        let mut recipe = ResourceRecipe::default();
        for action in actions {
            let Some(known) = catalogue.service(action.service()).and_then(|service| service.action(action.name())) else {
                continue;
            };
            let kinds = known.resource_types().filter_map(|resource| resource.resource_type());
            let formats = kinds.flat_map(|kind| &kind.arn_formats).filter_map(|format| recipe.format(format)).collect();
            let own = format!(":{}:", action.service().to_ascii_lowercase());
            recipe.actions.push(OfAction { formats, own });
        }
        recipe
    }

    /// None for a format that can never be filled: with wildcards of its own, or without a parameter.
    fn format(&mut self, format: &str) -> Option<Format> {
        let mut parts = Vec::new();
        let mut rest = format;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}')?;
            let filler = match name {
                "Partition" => Filler::Partition,
                "Region" => Filler::Region,
                "Account" => Filler::Account,
                _ => {
                    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
                    let alias = ALIASES.iter().find(|(known, _)| *known == name).map(|(_, alias)| self.want(alias));
                    Filler::Parameter(self.want(&name), alias)
                }
            };
            parts.push(Part { before: before.to_owned(), filler });
            rest = after;
        }
        let named = parts.iter().any(|part| matches!(part.filler, Filler::Parameter(..)));
        (named && !rest.contains('*')).then(|| Format { parts, rest: rest.to_owned() })
    }

    fn want(&mut self, name: &str) -> usize {
        self.wanted.iter().position(|known| known == name).unwrap_or_else(|| {
            self.wanted.push(name.to_owned());
            self.wanted.len() - 1
        })
    }

    /// The ARNs of what the call acted on, sorted, each once.
    #[must_use]
    pub fn arns(&self, event: &Event<'_>) -> Vec<String> {
        let mut arns = Vec::new();
        self.each_arn(event, &mut |arn| arns.push(arn.to_owned()));
        arns
    }

    /// Gives the same ARNs one by one.
    pub fn each_arn(&self, event: &Event<'_>, give: &mut dyn FnMut(&str)) {
        let listed = || event.resources.iter().map(|resource| resource.arn.as_ref()).filter(|arn| arn.starts_with("arn:"));
        // Most events have one or two.
        let (mut some, mut others) = ([None; 2], listed());
        some.fill_with(|| others.next());
        match (some, others.next()) {
            ([Some(one), None], _) => give(one),
            ([Some(a), Some(b)], None) => {
                give(a.min(b));
                if a != b {
                    give(a.max(b));
                }
            }
            ([Some(_), Some(_)], Some(_)) => each_once(&mut listed().collect(), give),
            _ => {
                let mut arns = Vec::new();
                self.take_request(event, &mut arns);
                if arns.is_empty() && assumes_role(&event.source, &event.name) {
                    arns.extend(told_role(event));
                }
                each_once(&mut arns, give);
            }
        }
    }

    /// Whether a request may tell a resource: a parameter that is wanted, or an ARN, which may be spelled with escapes.
    fn may_tell(&self, request: &str) -> bool {
        let may_be_arn = || ARN.find(request.as_bytes()).is_some() || memchr(b'\\', request.as_bytes()).is_some();
        !self.actions.is_empty() && (!self.wanted.is_empty() || may_be_arn())
    }

    fn take_request(&self, event: &Event<'_>, arns: &mut Vec<String>) {
        let Some(request) = event.request.as_deref().filter(|request| self.may_tell(request)) else { return };
        let mut found = Found { wanted: &self.wanted, values: Vec::new() };
        let mut deserializer = serde_json::Deserializer::from_str(request);
        if (Value { name: None, found: &mut found }).deserialize(&mut deserializer).is_err() || deserializer.end().is_err() {
            return;
        }
        let values = found.values;
        if values.is_empty() {
            return;
        }
        for action in &self.actions {
            let before = arns.len();
            for format in &action.formats {
                format.fill(event, &values, arns);
            }
            // A parameter may be an ARN already; one of the action's own service is what the call is about.
            let whole = values.iter().filter(|(_, value)| value.starts_with("arn:") && value.contains(&action.own));
            arns.extend(whole.map(|(_, arn)| arn.clone().into_owned()));
            arns.truncate(before + LIMIT);
        }
    }
}

/// Gives all that are there in order, equal ones once.
fn each_once<T: Ord + AsRef<str>>(all: &mut Vec<T>, give: &mut dyn FnMut(&str)) {
    all.sort_unstable();
    all.dedup();
    all.iter().for_each(|one| give(one.as_ref()));
}

type Values<'v> = [(Option<usize>, Cow<'v, str>)];

impl Format {
    /// Everything filled in: one ARN for each value when one part has several; none when a part is not named, or when
    /// several parts have several values and nobody knows which go together.
    fn fill(&self, event: &Event<'_>, values: &Values<'_>, out: &mut Vec<String>) {
        let mut several: Option<(usize, usize)> = None;
        let mut count = 1;
        for (at, part) in self.parts.iter().enumerate() {
            let found = part.values(event, values).count();
            if found == 0 || (found > 1 && several.is_some()) {
                return;
            }
            if found > 1 {
                several = Some((at, found));
                count = found;
            }
        }
        for turn in 0..count {
            let mut arn = String::with_capacity(96);
            for (at, part) in self.parts.iter().enumerate() {
                arn.push_str(&part.before);
                let nth = if several.is_some_and(|(of, _)| of == at) { turn } else { 0 };
                arn.push_str(part.values(event, values).nth(nth).unwrap_or_default());
            }
            arn.push_str(&self.rest);
            out.push(arn);
        }
    }
}

impl Part {
    /// What it can be filled with.
    fn values<'v>(&self, event: &'v Event<'_>, values: &'v Values<'_>) -> impl Iterator<Item = &'v str> {
        let (fixed, name) = match self.filler {
            Filler::Partition => (
                Some(match event.region.as_ref() {
                    region if region.starts_with("cn-") => "aws-cn",
                    region if region.starts_with("us-gov-") => "aws-us-gov",
                    _ => "aws",
                }),
                None,
            ),
            Filler::Region => (Some(event.region.as_ref()), None),
            Filler::Account => (event.account.as_ref().map(AccountId::as_str), None),
            Filler::Parameter(name, alias) => {
                let named = values.iter().any(|(of, _)| *of == Some(name));
                (None, if named { Some(name) } else { alias })
            }
        };
        let fixed = fixed.filter(|value| !value.is_empty());
        let sound = |value: &&str| !value.is_empty() && !value.starts_with("arn:") && !value.contains(['*', '?', '$']);
        let given = values.iter().filter(move |(of, _)| name.is_some() && *of == name).map(|(_, value)| value.as_ref());
        fixed.into_iter().chain(given.filter(sound))
    }
}

/// The texts of a request that may tell resources.
struct Found<'w, 'v> {
    wanted: &'w [String],
    /// Each with the name of its parameter, where it is wanted; the others are ARNs.
    values: Vec<(Option<usize>, Cow<'v, str>)>,
}

impl<'v> Found<'_, 'v> {
    fn place(&self, key: &str) -> Option<usize> {
        // Who changes a name needs the permission for both of them (IAM API reference, UpdateUser and UpdateGroup).
        let key = key.strip_prefix("newUserName").map_or(key, |_| "userName");
        let key = key.strip_prefix("newGroupName").map_or(key, |_| "groupName");
        let plain = || key.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        self.wanted.iter().position(|name| name.len() <= key.len() && plain().eq(name.bytes()))
    }

    fn take(&mut self, name: Option<usize>, text: Cow<'v, str>) {
        if !text.is_empty() && self.values.len() < LIMIT && (name.is_some() || text.starts_with("arn:")) {
            self.values.push((name, text));
        }
    }
}

/// A value somewhere in the request, under a name.
struct Value<'f, 'w, 'v> {
    name: Option<usize>,
    found: &'f mut Found<'w, 'v>,
}

impl<'v> DeserializeSeed<'v> for Value<'_, '_, 'v> {
    type Value = ();

    fn deserialize<D: Deserializer<'v>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'v> Visitor<'v> for Value<'_, '_, 'v> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'v str) -> Result<(), E> {
        self.found.take(self.name, Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.found.take(self.name, Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'v>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Value { name: self.name, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'v>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key_seed(Name(&*self.found))? {
            members.next_value_seed(Value { name, found: &mut *self.found })?;
        }
        Ok(())
    }
}

/// The name of a parameter, as its place among the wanted ones.
struct Name<'f, 'w, 'v>(&'f Found<'w, 'v>);

impl<'v> DeserializeSeed<'v> for Name<'_, '_, 'v> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'v>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<usize>, E> {
        Ok(self.0.place(text))
    }
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
    fn an_arn_among_the_parameters_counts_when_it_is_of_the_actions_service() {
        let request =
            r#"{"a":{"x":["arn:aws:kms:eu-west-1:111122223333:key/k","arn:aws:s3:::b"]},"n":1.5,"t":true,"z":null,"i":-1}"#;
        assert_eq!(arns("kms:Decrypt", request), ["arn:aws:kms:eu-west-1:111122223333:key/k"]);
        assert_eq!(
            arns("kms:Decrypt", &*request.replace("key/k", "key\\u002fk").leak()),
            ["arn:aws:kms:eu-west-1:111122223333:key/k"]
        );
    }

    #[test]
    fn an_arn_with_escapes_counts_where_no_parameter_is_wanted() {
        let recipe = ResourceRecipe::of(&[ActionName::parse("ec2:DescribeInstances").unwrap()], Catalogue::embedded());
        assert_eq!((recipe.wanted.len(), recipe.actions.len()), (0, 1));
        assert!(!recipe.may_tell(r#"{"instanceId":"i-1"}"#));
        let arn = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1";
        assert_eq!(arns("ec2:DescribeInstances", r#"{"x":"\u0061rn:aws:ec2:eu-west-1:111122223333:instance/i-1"}"#), [arn]);
        assert_eq!(arns("ec2:DescribeInstances", r#"{"x":"arn:aws:ec2:eu-west-1:111122223333:instance/i-1"}"#), [arn]);
    }

    #[test]
    fn what_the_parameters_do_not_name_stays_out() {
        assert_eq!(arns("dynamodb:DescribeTable", r#"{"limit":3}"#), Vec::<String>::new());
        assert_eq!(arns("dynamodb:DescribeTable", "not json"), Vec::<String>::new());
    }
}
