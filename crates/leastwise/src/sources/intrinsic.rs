//! What a template's functions come to (`Ref`, `Fn::Sub`, `Fn::Join`…), as far as a template alone says it.
//!
//! Parameters with a default have it; resources of the template have a name of their own, which is no wildcard; the
//! account and the region are made up. What only the deployment knows is marked as such, so that nobody takes it for known.

use leastwise_policy::json::{Node, Value};

/// The account of a template that is not deployed, and its region.
const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";

/// A template's parameters and resources.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Template<'t> {
    pub(super) root: Option<&'t Node>,
}

/// What a value comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolved {
    /// A text, and whether only the deployment knows what it really is.
    Text { text: String, open: bool },
    /// Something that is no text, or not to be had from the template.
    Nothing,
}

/// Whether the object is a function: one member, `Ref` or `Fn::…`.
pub(super) fn is_function(node: &Node) -> bool {
    matches!(node.as_object(), Some([member]) if &*member.key == "Ref" || member.key.starts_with("Fn::"))
}

/// The function as a person wrote it, for messages.
pub(super) fn name(node: &Node) -> String {
    let Some([member]) = node.as_object() else { return String::new() };
    let argument = match member.value.as_array() {
        Some(items) => items.iter().filter_map(Node::as_str).collect::<Vec<_>>().join("."),
        None => member.value.as_str().unwrap_or_default().to_owned(),
    };
    let function = member.key.strip_prefix("Fn::").unwrap_or(&member.key);
    if argument.is_empty() { format!("!{function}") } else { format!("!{function} {argument}") }
}

impl Template<'_> {
    fn section(&self, name: &str, key: &str) -> Option<&Node> {
        self.root?.member(name)?.value.member(key).map(|member| &member.value)
    }

    /// The value of a text or of a function.
    pub(super) fn resolve(&self, node: &Node) -> Resolved {
        match &node.value {
            Value::String(text) | Value::Number(text) => closed(text),
            Value::Object(_) if is_function(node) => self.function(node),
            _ => Resolved::Nothing,
        }
    }

    fn function(&self, node: &Node) -> Resolved {
        let Some([member]) = node.as_object() else { return Resolved::Nothing };
        let argument = &member.value;
        match (&*member.key, argument.as_str(), argument.as_array()) {
            ("Ref", Some(name), _) => self.reference(name),
            ("Fn::GetAtt", _, Some([resource, attribute])) => match (resource.as_str(), attribute.as_str()) {
                (Some(resource), Some(attribute)) => self.attribute(resource, attribute),
                _ => Resolved::Nothing,
            },
            ("Fn::GetAtt", Some(path), _) => {
                path.split_once('.').map_or(Resolved::Nothing, |(resource, attribute)| self.attribute(resource, attribute))
            }
            ("Fn::Sub", Some(text), _) => self.substitute(text, None),
            ("Fn::Sub", _, Some([text, names])) => {
                text.as_str().map_or(Resolved::Nothing, |text| self.substitute(text, Some(names)))
            }
            ("Fn::Join", _, Some([between, parts])) => match (between.as_str(), parts.as_array()) {
                (Some(between), Some(parts)) => self.join(between, parts),
                _ => Resolved::Nothing,
            },
            (key, ..) if key.starts_with("Fn::") => open(&word(&name(node))),
            _ => Resolved::Nothing,
        }
    }

    fn join(&self, between: &str, parts: &[Node]) -> Resolved {
        let (mut whole, mut any_open) = (String::new(), false);
        for (at, part) in parts.iter().enumerate() {
            let Resolved::Text { text, open } = self.resolve(part) else { return Resolved::Nothing };
            if at > 0 {
                whole.push_str(between);
            }
            whole.push_str(&text);
            any_open |= open;
        }
        Resolved::Text { text: whole, open: any_open }
    }

    /// Replaces `${Name}`, `${Name.Attribute}` and `${!Literal}`.
    fn substitute(&self, text: &str, names: Option<&Node>) -> Resolved {
        let (mut whole, mut any_open, mut rest) = (String::new(), false, text);
        while let Some(at) = rest.find("${") {
            let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            whole.push_str(before);
            let Some(end) = behind.find('}') else {
                rest = behind;
                break;
            };
            let inside = behind.get(2..end).unwrap_or_default();
            rest = behind.get(end + 1..).unwrap_or_default();
            let own = names.and_then(|names| names.member(inside));
            let resolved = match (inside.strip_prefix('!'), own, inside.split_once('.')) {
                (Some(literal), ..) => closed(&format!("${{{literal}}}")),
                (None, Some(member), _) => self.resolve(&member.value),
                (None, None, Some((resource, attribute))) => self.attribute(resource, attribute),
                (None, None, None) => self.reference(inside),
            };
            let Resolved::Text { text, open } = resolved else { return Resolved::Nothing };
            whole.push_str(&text);
            any_open |= open;
        }
        whole.push_str(rest);
        Resolved::Text { text: whole, open: any_open }
    }

    fn reference(&self, name: &str) -> Resolved {
        match name {
            "AWS::AccountId" => closed(ACCOUNT),
            "AWS::Region" => closed(REGION),
            "AWS::Partition" => closed("aws"),
            "AWS::URLSuffix" => closed("amazonaws.com"),
            "AWS::StackName" => closed("stack"),
            "AWS::StackId" => closed(&format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/stack/0")),
            _ => {
                if let Some(parameter) = self.section("Parameters", name) {
                    let default = parameter.member("Default").and_then(|member| match &member.value.value {
                        Value::String(text) | Value::Number(text) => Some(text),
                        _ => None,
                    });
                    return default.map_or_else(|| open(&word(name)), |text| closed(text));
                }
                match self.section("Resources", name) {
                    Some(resource) => closed(&self.named(name, resource)),
                    None => open(&word(name)),
                }
            }
        }
    }

    /// What `Ref` of a resource is: mostly its name; for some types its ARN.
    fn named(&self, name: &str, resource: &Node) -> String {
        match kind_of(resource) {
            "AWS::SNS::Topic" => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{}", word(name)),
            "AWS::IAM::ManagedPolicy" => format!("arn:aws:iam::{ACCOUNT}:policy/{}", word(name)),
            "AWS::SecretsManager::Secret" => format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{}", word(name)),
            "AWS::S3::Bucket" => word(name).to_ascii_lowercase(),
            _ => word(name),
        }
    }

    fn attribute(&self, name: &str, attribute: &str) -> Resolved {
        let Some(resource) = self.section("Resources", name) else { return open(&word(&format!("{name}-{attribute}"))) };
        let own = word(name);
        let bucket = own.to_ascii_lowercase();
        let text = match (kind_of(resource), attribute) {
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{bucket}"),
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{own}"),
            ("AWS::IAM::User", "Arn") => format!("arn:aws:iam::{ACCOUNT}:user/{own}"),
            ("AWS::IAM::Group", "Arn") => format!("arn:aws:iam::{ACCOUNT}:group/{own}"),
            ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{own}"),
            ("AWS::SNS::Topic", "TopicArn") => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{own}"),
            ("AWS::DynamoDB::Table", "Arn") => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{own}"),
            ("AWS::DynamoDB::Table", "StreamArn") => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{own}/stream/0"),
            ("AWS::KMS::Key", "Arn") => format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{own}"),
            ("AWS::Lambda::Function" | "AWS::Serverless::Function", "Arn") => {
                format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{own}")
            }
            ("AWS::Kinesis::Stream", "Arn") => format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{own}"),
            ("AWS::Logs::LogGroup", "Arn") => format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{own}:*"),
            ("AWS::SecretsManager::Secret", "Id" | "Arn") => format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{own}"),
            _ => return open(&word(&format!("{name}-{attribute}"))),
        };
        closed(&text)
    }
}

fn kind_of(resource: &Node) -> &str {
    resource.member("Type").and_then(|member| member.value.as_str()).unwrap_or_default()
}

fn closed(text: &str) -> Resolved {
    Resolved::Text { text: text.to_owned(), open: false }
}

fn open(text: &str) -> Resolved {
    Resolved::Text { text: text.to_owned(), open: true }
}

/// A name that stands nowhere for something else: letters, digits and hyphens.
fn word(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::yaml;

    #[test]
    fn functions_come_to_texts_and_what_only_a_deployment_knows_is_open() {
        let text = "Parameters:\n  Free: {Type: String}\n  Fixed: {Type: String, Default: web}\n\
            Resources:\n  Logs: {Type: AWS::S3::Bucket}\n  Job: {Type: AWS::IAM::Role}\n\
            T:\n  - !Ref Fixed\n  - !Sub 'arn:${AWS::Partition}:s3:::${Logs}/${!aws:username}/*'\n  - !GetAtt Logs.Arn\n\
            \x20 - !Join ['', [!GetAtt Logs.Arn, '/*']]\n  - !Sub ['${A}-x', {A: !Ref Fixed}]\n  - !Ref Free\n  - !ImportValue other\n  - !GetAtt Job.Arn\n";
        let root = yaml::parse(text).unwrap().remove(0);
        let template = Template { root: Some(&root) };
        let items = root.member("T").unwrap().value.as_array().unwrap();
        let resolved: Vec<(String, bool)> = items
            .iter()
            .map(|item| match template.resolve(item) {
                Resolved::Text { text, open } => (text, open),
                Resolved::Nothing => ("nothing".to_owned(), true),
            })
            .collect();
        let expected = [
            ("web", false),
            ("arn:aws:s3:::logs/${aws:username}/*", false),
            ("arn:aws:s3:::logs", false),
            ("arn:aws:s3:::logs/*", false),
            ("web-x", false),
            ("Free", true),
            ("ImportValue-other", true),
            ("arn:aws:iam::111122223333:role/Job", false),
        ];
        let expected: Vec<(String, bool)> = expected.iter().map(|(text, open)| ((*text).to_owned(), *open)).collect();
        assert_eq!(resolved, expected);
    }
}
