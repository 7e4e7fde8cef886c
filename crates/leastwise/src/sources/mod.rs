//! Policies in the files in which people have them: plain documents in JSON and YAML, answers of AWS's APIs, CloudFormation
//! and SAM templates, Terraform's plans and states.
//!
//! One walk over a tree finds them all: an object with a `Statement`, a text that holds one, or whatever stands under a
//! member that is known to hold a policy. Each comes with its way inside the file, and with the place of each of its bytes.
//! No file is opened here, and nothing is judged.

mod document;
mod encoding;
mod intrinsic;
mod places;
mod yaml;

use std::fmt;

use leastwise_policy::json::{self, Node, Position, Value};

pub use encoding::{EncodingError, text_of};
pub use places::Places;

use crate::checks::{ElementPath, PolicyType};
use intrinsic::Template;

/// A policy in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The way to it in the file; empty when the file is the policy.
    pub path: ElementPath,
    /// The document as JSON text.
    pub document: String,
    /// Where the document's bytes stand in the file.
    pub places: Places,
    /// What it is attached to, where the file says so.
    pub attached: Option<PolicyType>,
    /// CloudFormation's type of the resource whose policy it is, such as `AWS::S3::Bucket`, where the file says so.
    pub resource_type: Option<&'static str>,
    /// Functions of a template of which only the deployment knows the value, as written; made-up names stand for them.
    pub open: Vec<String>,
    /// Those names.
    pub made_up: Vec<String>,
}

/// A place where a policy is that cannot be read from the file alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The way to it in the file.
    pub path: ElementPath,
    /// Why, in a sentence.
    pub why: String,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The policies, in the order of the file.
    pub sources: Vec<Source>,
    /// Policies that are somewhere else.
    pub skipped: Vec<Skipped>,
    /// Whether no policy was found in a JSON text, so that the whole of it stands for one.
    pub guessed: bool,
}

impl Found {
    fn one(source: Source) -> Found {
        Found { sources: vec![source], ..Found::default() }
    }
}

/// Why a file cannot be read for policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// What is wrong, in lower case.
    pub message: String,
    /// Where in the file.
    pub position: Position,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.message)
    }
}

impl std::error::Error for SourceError {}

/// The policies of a file's text. A JSON text that holds none, or is broken, is taken for one policy document, so that
/// whoever reads it says what is wrong.
///
/// # Errors
/// When the text is neither JSON nor YAML, or YAML in which no policy is found.
///
/// ```
/// use leastwise::sources::find;
///
/// let answer = r#"{"PolicyVersion": {"Document": {"Statement": []}, "VersionId": "v1"}}"#;
/// let found = find(answer).unwrap();
/// assert_eq!(found.sources[0].path.to_string(), "PolicyVersion.Document");
/// assert_eq!(found.sources[0].document, r#"{"Statement": []}"#);
///
/// let found = find("Version: '2012-10-17'\nStatement:\n  - Effect: Allow\n    Action: s3:*\n    Resource: '*'\n").unwrap();
/// // Places lead back into the text that was read.
/// assert_eq!(found.sources[0].places.at(found.sources[0].document.find("\"s3:*\"").unwrap()), 63);
/// ```
pub fn find(text: &str) -> Result<Found, SourceError> {
    let body = text.trim_start_matches('\u{feff}').trim_start();
    if body.starts_with('%') {
        return Ok(percent_encoded(text));
    }
    if body.is_empty() || body.starts_with(['{', '[', '"']) {
        let Ok(root) = json::parse(text) else { return Ok(Found::one(whole(text))) };
        if root.member("Statement").is_some() {
            return Ok(Found::one(whole(text)));
        }
        let found = walk(&root, text, false);
        let nothing = found.sources.is_empty() && found.skipped.is_empty();
        return Ok(if nothing { Found { guessed: true, ..Found::one(whole(text)) } } else { found });
    }
    if let Some(help) = other_language(body) {
        let message = "this is a Terraform configuration, not a policy".to_owned();
        return Err(SourceError { message, position: Position { line: 1, column: 1 }, help });
    }
    let mut found = Found::default();
    for root in yaml::parse(text)? {
        let mut own = walk(&root, text, true);
        found.sources.append(&mut own.sources);
        found.skipped.append(&mut own.skipped);
    }
    if found.sources.is_empty() && found.skipped.is_empty() {
        return Err(SourceError {
            message: "no policy is found in this text".to_owned(),
            position: Position { line: 1, column: 1 },
            help: "a policy has a `Statement`; docs/inputs.md lists the files in which policies are found",
        });
    }
    Ok(found)
}

fn other_language(body: &str) -> Option<&'static str> {
    let first = body.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', '/']))?;
    let block = ["resource \"", "data \"", "module \"", "variable \"", "locals {", "terraform {", "provider \""];
    block
        .iter()
        .any(|start| first.starts_with(start))
        .then_some("give the plan as JSON: `terraform plan -out plan.out && terraform show -json plan.out > plan.json`")
}

fn whole(text: &str) -> Source {
    Source {
        path: ElementPath::default(),
        document: text.to_owned(),
        places: Places::same(),
        attached: None,
        resource_type: None,
        open: Vec::new(),
        made_up: Vec::new(),
    }
}

fn percent_encoded(text: &str) -> Found {
    let start = text.len() - text.trim_start_matches('\u{feff}').trim_start().len();
    let decoded = document::decoded(text.get(start..).unwrap_or_default().trim_end());
    let source = match decoded {
        Some((document, places)) => Source { document, places: Places::shifted(start).through(&places), ..whole("") },
        None => whole(text),
    };
    Found::one(source)
}

fn walk(root: &Node, text: &str, yaml: bool) -> Found {
    let is_template = root.member("Resources").is_some_and(|resources| resources.value.as_object().is_some());
    let mut walk = Walk { text, yaml, template: Template { root: is_template.then_some(root) }, found: Found::default() };
    // A plan says everything twice; what it comes to is under `planned_values`.
    let planned = root.member("planned_values").filter(|_| root.member("format_version").is_some());
    match planned {
        Some(planned) => {
            walk.not_yet_known(root);
            walk.value(&planned.value, &ElementPath::default().key("planned_values"), &Context::default());
        }
        None => walk.value(root, &ElementPath::default(), &Context::default()),
    }
    walk.found
}

/// What the surroundings say of a value.
#[derive(Debug, Clone, Default)]
struct Context<'n> {
    /// The type of the CloudFormation or Terraform resource, or of an organization's policy.
    kind: &'n str,
    /// The member under which the value stands.
    key: &'n str,
}

struct Walk<'t> {
    text: &'t str,
    yaml: bool,
    template: Template<'t>,
    found: Found,
}

/// Members that hold a policy, in lower case and without underscores.
const POLICY_MEMBERS: [&str; 16] = [
    "accesspolicies",
    "accesspolicy",
    "assumerolepolicy",
    "assumerolepolicydocument",
    "bucketpolicy",
    "filesystempolicy",
    "inlinepolicy",
    "keypolicy",
    "policy",
    "policydocument",
    "policytext",
    "registrypolicytext",
    "repositorypolicytext",
    "resourcepolicy",
    "resourcepolicydocument",
    "trustpolicy",
];

fn bare(key: &str) -> String {
    key.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase()
}

impl<'t> Walk<'t> {
    /// A function of a template in the place of a policy is named; elsewhere it is of no interest.
    fn function(&mut self, node: &Node, path: &ElementPath, context: &Context<'_>) {
        if POLICY_MEMBERS.contains(&&*bare(context.key)) && context.kind.contains("::") {
            let why = format!("the policy is `{}`, which only the deployment knows", intrinsic::name(node));
            self.found.skipped.push(Skipped { path: path.clone(), why });
        }
    }

    fn value(&mut self, node: &Node, path: &ElementPath, context: &Context<'_>) {
        match &node.value {
            Value::Object(_) if intrinsic::is_function(node) => self.function(node, path, context),
            Value::Object(members) => {
                let named = POLICY_MEMBERS.contains(&&*bare(context.key)) || context.key == "Document";
                let has_statement =
                    node.member("Statement").is_some_and(|m| m.value.as_array().is_some() || m.value.as_object().is_some());
                // An object under such a member that has neither is a wrapper, or a policy that AWS would refuse.
                if has_statement || named && !context.key.eq_ignore_ascii_case("policy") && node.member("Version").is_some() {
                    return self.object(node, path, context);
                }
                if let Some(name) = sam_policy_template(node, context) {
                    let why = format!(
                        "`{name}` is a policy template of SAM, which `aws cloudformation` expands; \
                         check the processed template (`aws cloudformation get-template --template-stage Processed`)"
                    );
                    self.found.skipped.push(Skipped { path: path.clone(), why });
                    return;
                }
                let kind = kind_of(node).unwrap_or(context.kind);
                for member in members {
                    self.value(&member.value, &path.clone().key(&member.key), &Context { kind, key: &member.key });
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    // A resource of a plan is known by its address.
                    let address = item.member("address").and_then(|member| member.value.as_str());
                    let step = path.clone();
                    let step = if let Some(address) = address { step.key(address) } else { step.index(at) };
                    self.value(item, &step, &Context { kind: context.kind, key: context.key });
                }
            }
            Value::String(written) => self.string(node, written, path, context),
            _ => {}
        }
    }

    fn object(&mut self, node: &Node, path: &ElementPath, context: &Context<'_>) {
        let (document, places, open, made_up) = if self.yaml || document::has_functions(node) {
            let written = document::write(node, self.template);
            (written.text, written.places, written.open, written.made_up)
        } else {
            (node.span.of(self.text).to_owned(), Places::shifted(node.span.start), Vec::new(), Vec::new())
        };
        self.add(path, document, places, context);
        if let Some(last) = self.found.sources.last_mut() {
            (last.open, last.made_up) = (open, made_up);
        }
    }

    fn string(&mut self, node: &Node, written: &str, path: &ElementPath, context: &Context<'_>) {
        let trimmed = written.trim_start();
        let named = POLICY_MEMBERS.contains(&&*bare(context.key)) || matches!(context.key, "Document" | "Content" | "Policy");
        let encoded = trimmed.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%7B"));
        let outer = || document::of_string(node, written, self.text);
        if encoded && let Some((document, inner)) = document::decoded(written) {
            if named || document.contains("Statement") {
                let places = outer().through(&inner);
                self.add(path, document, places, context);
            }
            return;
        }
        let is_policy = trimmed.starts_with('{') && (named || trimmed.contains("\"Statement\""));
        if is_policy {
            let places = outer();
            self.add(path, written.to_owned(), places, context);
        }
    }

    fn add(&mut self, path: &ElementPath, document: String, places: Places, context: &Context<'_>) {
        let (attached, resource_type) = attachment(context.kind, context.key);
        // A bare document says nothing of what it is for.
        let attached = if path.0.is_empty() { None } else { attached };
        self.found.sources.push(Source { path: path.clone(), places, attached, resource_type, ..whole(&document) });
    }

    /// Names the policies of a plan that are known only when it is applied.
    fn not_yet_known(&mut self, root: &Node) {
        let changes = root.member("resource_changes").and_then(|member| member.value.as_array()).unwrap_or_default();
        for change in changes {
            let address = change.member("address").and_then(|member| member.value.as_str()).unwrap_or_default();
            let unknown = change.member("change").and_then(|c| c.value.member("after_unknown")).map(|member| &member.value);
            for member in unknown.and_then(Node::as_object).unwrap_or_default() {
                if member.value.value == Value::Bool(true) && POLICY_MEMBERS.contains(&&*bare(&member.key)) {
                    let path = ElementPath::default().key(address).key(&member.key);
                    let why = "the policy is known only after the plan is applied".to_owned();
                    self.found.skipped.push(Skipped { path, why });
                }
            }
        }
    }
}

/// The name of a SAM policy template in the place of a policy ("AWS SAM policy templates", AWS SAM Developer Guide): an
/// object with one member, named as the template, that holds the template's parameters.
fn sam_policy_template<'n>(node: &'n Node, context: &Context<'_>) -> Option<&'n str> {
    let [member] = node.as_object()? else { return None };
    let of_sam = context.kind.starts_with("AWS::Serverless::") && context.key == "Policies";
    (of_sam && member.value.as_object().is_some() && member.key.starts_with(char::is_uppercase)).then_some(&*member.key)
}

/// The type that an object says of itself: a CloudFormation or Terraform resource, or an organization's policy.
fn kind_of(node: &Node) -> Option<&str> {
    let of = |key: &str| node.member(key).and_then(|member| member.value.as_str());
    let summary = node.member("PolicySummary").and_then(|member| member.value.member("Type")).and_then(|m| m.value.as_str());
    of("Type").filter(|kind| kind.contains("::")).or_else(|| of("type").filter(|kind| kind.starts_with("aws_"))).or(summary)
}

/// What a policy of a resource of that type, under that member, is attached to. Trust policies first: they stand beside
/// others.
fn attachment(kind: &str, key: &str) -> (Option<PolicyType>, Option<&'static str>) {
    let (kind_word, key) = (kind.trim_start_matches("aws_"), bare(key));
    if ["assumerolepolicydocument", "assumerolepolicy", "trustpolicy"].contains(&&*key) {
        return (Some(PolicyType::Resource), Some("AWS::IAM::AssumeRolePolicyDocument"));
    }
    match kind {
        "SERVICE_CONTROL_POLICY" => return (Some(PolicyType::ServiceControl), None),
        "RESOURCE_CONTROL_POLICY" => return (Some(PolicyType::ResourceControl), None),
        _ => {}
    }
    let identity = ["AWS::IAM::", "AWS::SSO::PermissionSet", "AWS::Serverless::Function"];
    let identity_terraform = ["iam_policy", "iam_role_policy", "iam_user_policy", "iam_group_policy", "iam_role", "ssoadmin_"];
    if identity.iter().any(|start| kind.starts_with(start))
        || kind.starts_with("aws_") && identity_terraform.iter().any(|start| kind_word.starts_with(start))
    {
        return (Some(PolicyType::Identity), None);
    }
    let resources = [
        ("AWS::S3::BucketPolicy", "s3_bucket_policy", "AWS::S3::Bucket"),
        ("AWS::S3::Bucket", "s3_bucket", "AWS::S3::Bucket"),
        ("AWS::S3::AccessPoint", "s3_access_point", "AWS::S3::AccessPoint"),
        ("AWS::SQS::QueuePolicy", "sqs_queue", "AWS::SQS::Queue"),
        ("AWS::SQS::QueueInlinePolicy", "sqs_queue_policy", "AWS::SQS::Queue"),
        ("AWS::SNS::TopicPolicy", "sns_topic", "AWS::SNS::Topic"),
        ("AWS::SNS::TopicInlinePolicy", "sns_topic_policy", "AWS::SNS::Topic"),
        ("AWS::KMS::Key", "kms_key", "AWS::KMS::Key"),
        ("AWS::KMS::ReplicaKey", "kms_key_policy", "AWS::KMS::Key"),
        ("AWS::SecretsManager::ResourcePolicy", "secretsmanager_secret_policy", "AWS::SecretsManager::Secret"),
        ("AWS::DynamoDB::Table", "dynamodb_resource_policy", "AWS::DynamoDB::Table"),
        ("AWS::EFS::FileSystem", "efs_file_system_policy", "AWS::EFS::FileSystem"),
        ("AWS::OpenSearchService::Domain", "opensearch_domain", "AWS::OpenSearchService::Domain"),
        ("AWS::ApiGateway::RestApi", "api_gateway_rest_api", "AWS::ApiGateway::RestApi"),
        ("AWS::Backup::BackupVault", "backup_vault_policy", "AWS::Backup::BackupVault"),
        ("AWS::CodeArtifact::Domain", "codeartifact_domain_permissions_policy", "AWS::CodeArtifact::Domain"),
        ("AWS::Kinesis::ResourcePolicy", "kinesis_resource_policy", "AWS::Kinesis::Stream"),
        ("AWS::Lambda::Permission", "lambda_permission", "AWS::Lambda::Function"),
    ];
    let of_type = resources
        .iter()
        .find(|(cloudformation, terraform, _)| kind == *cloudformation || kind.starts_with("aws_") && kind_word == *terraform);
    match of_type {
        Some((.., resource_type)) => (Some(PolicyType::Resource), Some(resource_type)),
        None => (None, None),
    }
}

#[cfg(test)]
mod tests;
