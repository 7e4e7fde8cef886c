//! Writes account authorization details: pages as the API returns them, in the forms in which people keep them.
//!
//! Third step of the generator. Accounts differ in form on purpose: documents inline or percent-encoded, one page or
//! many, lines or one line.

use std::io;

use crate::organization::{Kind, Managed, Organization, Outcome, Principal};
use crate::policy::Policy;
use crate::text::{percent_encode, quote};
use crate::time::{HOUR, offset};
use crate::trail::Seen;
use crate::{FileKind, Sink};

/// What happened within this time before the present moment IAM does not know yet.
pub(crate) const KNOWN: i64 = 2 * HOUR;

/// Elements of one page where an account's export has pages.
const PAGE: usize = 100;

/// How an account's export is written.
#[derive(Clone, Copy)]
struct Form {
    /// Documents as percent-encoded strings, as the API itself returns them; otherwise inline, as the CLI decodes them.
    encoded: bool,
    /// Several pages, each in a file.
    paged: bool,
}

pub(crate) fn write(organization: &Organization, seen: &Seen, sink: &mut Sink<'_>) -> io::Result<()> {
    for account in 0..organization.accounts.len() {
        let form = Form { encoded: account % 3 == 1, paged: account % 2 == 1 };
        one_account(organization, seen, account, form, sink)?;
    }
    Ok(())
}

fn one_account(organization: &Organization, seen: &Seen, account: usize, form: Form, sink: &mut Sink<'_>) -> io::Result<()> {
    let writer = Writer { organization, form };
    let mut attached = vec![0_usize; organization.managed.len()];
    let mut bounding = vec![false; organization.managed.len()];
    let mut elements: Vec<(&str, String)> = Vec::new();
    for (at, principal) in organization.principals.iter().enumerate().filter(|(_, p)| p.account == account) {
        for policy in &principal.attached {
            attached.get_mut(*policy).into_iter().for_each(|count| *count += 1);
        }
        if let Some(mark) = principal.boundary.and_then(|at| bounding.get_mut(at)) {
            *mark = true;
        }
        let section = match principal.kind {
            Kind::User => "UserDetailList",
            Kind::Group => "GroupDetailList",
            _ => "RoleDetailList",
        };
        elements.push((section, writer.principal(principal, last_call(organization, seen, at))));
    }
    for (at, policy) in organization.managed.iter().enumerate() {
        let count = attached.get(at).copied().unwrap_or_default();
        let bounds = bounding.get(at).copied().unwrap_or_default();
        // Of AWS's own policies only those in use are listed; of the account's all are.
        if policy.account == Some(account) || (policy.account.is_none() && (count > 0 || bounds)) {
            elements.push(("Policies", writer.managed(policy, count)));
        }
    }
    let size = if form.paged { PAGE } else { elements.len().max(1) };
    let pages = elements.len().div_ceil(size).max(1);
    for (nth, page) in elements.chunks(size).enumerate() {
        let last = nth + 1 == pages;
        let mut members = Vec::new();
        for section in ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"] {
            let own: Vec<&str> = page.iter().filter(|(s, _)| *s == section).map(|(_, e)| e.as_str()).collect();
            members.push(format!("\"{section}\": [{}]", own.join(",\n")));
        }
        members.push(format!("\"IsTruncated\": {}", !last));
        if !last {
            members.push(format!("\"Marker\": \"page-{}\"", nth + 2));
        }
        let text = format!("{{\n{}\n}}\n", members.join(",\n"));
        let name = format!("{}-{:03}.json", organization.account(account), nth + 1);
        sink.put(FileKind::AccountDetails, &name, text.as_bytes(), account == 0 && last)?;
    }
    Ok(())
}

/// When the principal last made any call that was let in.
fn last_call(organization: &Organization, seen: &Seen, at: usize) -> Option<i64> {
    let uses = organization.principals.get(at).map(|p| p.uses.as_slice()).unwrap_or_default();
    let shown = seen.uses.get(at).map(Vec::as_slice).unwrap_or_default();
    let known = |last: &i64| *last <= organization.as_of - KNOWN;
    uses.iter().zip(shown).filter(|(used, _)| used.what != Outcome::Denied).map(|(_, shown)| shown.last).filter(known).max()
}

struct Writer<'w> {
    organization: &'w Organization,
    form: Form,
}

impl Writer<'_> {
    fn document(&self, json: &str) -> String {
        if self.form.encoded { quote(&percent_encode(json)) } else { json.to_owned() }
    }

    fn policy(&self, policy: &Policy) -> String {
        self.document(&policy.json(!self.form.encoded))
    }

    fn principal(&self, principal: &Principal, last: Option<i64>) -> String {
        let (noun, list) = match principal.kind {
            Kind::User => ("User", "UserPolicyList"),
            Kind::Group => ("Group", "GroupPolicyList"),
            _ => ("Role", "RolePolicyList"),
        };
        let mut members = vec![
            format!("\"Path\": {}", quote(&principal.path)),
            format!("\"{noun}Name\": {}", quote(&principal.name)),
            format!("\"{noun}Id\": \"{}\"", principal.id),
            format!("\"Arn\": \"{}\"", principal.arn(self.organization)),
            format!("\"CreateDate\": \"{}\"", offset(principal.created)),
        ];
        let inline = principal.inline.iter();
        let inline: Vec<String> = inline
            .map(|(name, policy)| format!("{{\"PolicyName\": {}, \"PolicyDocument\": {}}}", quote(name), self.policy(policy)))
            .collect();
        if !inline.is_empty() || principal.kind != Kind::User {
            members.push(format!("\"{list}\": [{}]", inline.join(", ")));
        }
        let managed = |at: &usize| self.organization.managed.get(*at);
        let attached = |policy: &Managed| {
            let name = policy.arn.rsplit('/').next().unwrap_or_default();
            format!("{{\"PolicyName\": {}, \"PolicyArn\": \"{}\"}}", quote(name), policy.arn)
        };
        let attached: Vec<String> = principal.attached.iter().filter_map(managed).map(attached).collect();
        members.push(format!("\"AttachedManagedPolicies\": [{}]", attached.join(", ")));
        if let Some(boundary) = principal.boundary.as_ref().and_then(managed) {
            let text = format!(
                "\"PermissionsBoundary\": {{\"PermissionsBoundaryType\": \"Policy\", \"PermissionsBoundaryArn\": \"{}\"}}",
                boundary.arn
            );
            members.push(text);
        }
        match principal.kind {
            Kind::Group => {}
            Kind::User => {
                let names =
                    principal.groups.iter().filter_map(|at| self.organization.principals.get(*at)).map(|g| quote(&g.name));
                members.push(format!("\"GroupList\": [{}]", names.collect::<Vec<_>>().join(", ")));
            }
            _ => {
                members.push(format!("\"AssumeRolePolicyDocument\": {}", self.document(&self.trust(principal))));
                members.push("\"InstanceProfileList\": []".to_owned());
                let used = last.map(|at| format!("\"LastUsedDate\": \"{}\", \"Region\": \"us-east-1\"", offset(at)));
                members.push(format!("\"RoleLastUsed\": {{{}}}", used.unwrap_or_default()));
            }
        }
        if principal.kind != Kind::Group {
            let tags =
                principal.tags.iter().map(|(key, value)| format!("{{\"Key\": {}, \"Value\": {}}}", quote(key), quote(value)));
            members.push(format!("\"Tags\": [{}]", tags.collect::<Vec<_>>().join(", ")));
        }
        format!("  {{{}}}", members.join(", "))
    }

    fn trust(&self, principal: &Principal) -> String {
        let id = self.organization.account(principal.account);
        let (who, action) = match principal.kind {
            Kind::ServiceLinked => ("\"Service\":\"autoscaling.amazonaws.com\"".to_owned(), "sts:AssumeRole"),
            Kind::PermissionSet => (
                format!("\"Federated\":\"arn:aws:iam::{id}:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE\""),
                "sts:AssumeRoleWithSAML",
            ),
            _ if principal.path == "/" => ("\"Service\":\"ec2.amazonaws.com\"".to_owned(), "sts:AssumeRole"),
            _ => ("\"Service\":[\"lambda.amazonaws.com\",\"ecs-tasks.amazonaws.com\"]".to_owned(), "sts:AssumeRole"),
        };
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{{{who}}},\"Action\":\"{action}\"}}]}}"
        )
    }

    fn managed(&self, policy: &Managed, attached: usize) -> String {
        let name = policy.arn.rsplit('/').next().unwrap_or_default();
        let path = if policy.arn.contains("/boundaries/") { "/boundaries/" } else { "/" };
        let created = offset(self.organization.period_start - 100 * 86_400);
        let default = if policy.former.is_some() { "v2" } else { "v1" };
        let version = |id: &str, policy: &Policy| {
            let is_default = id == default;
            format!(
                "{{\"Document\": {}, \"VersionId\": \"{id}\", \"IsDefaultVersion\": {is_default}, \"CreateDate\": \"{created}\"}}",
                self.policy(policy)
            )
        };
        let mut versions = vec![version(default, &policy.policy)];
        versions.extend(policy.former.as_ref().map(|former| version("v1", former)));
        format!(
            "  {{\"PolicyName\": {}, \"PolicyId\": \"{}\", \"Arn\": \"{}\", \"Path\": \"{path}\", \"DefaultVersionId\": \"{default}\", \
             \"AttachmentCount\": {attached}, \"PermissionsBoundaryUsageCount\": 0, \"IsAttachable\": true, \"CreateDate\": \"{created}\", \
             \"UpdateDate\": \"{created}\", \"PolicyVersionList\": [{}]}}",
            quote(name),
            policy.id,
            policy.arn,
            versions.join(", ")
        )
    }
}
