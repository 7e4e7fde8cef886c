//! The context keys that follow from who makes a request and on what: `aws:PrincipalArn`, `aws:ResourceAccount` and the like.
//!
//! AWS puts them into (nearly) every request, so a request that is read from a file has them too. Only what the names say is
//! used: no organization, no tag, no unique identifier of a user or role is made up. Which keys and whence:
//! `docs/evaluation.md`, The context.

use super::principal::{AwsKind, AwsPrincipal, Principal};
use super::request::Request;
use crate::arn::Arn;

impl Request {
    /// Adds the keys that the rest of the request determines and that the context does not mention. A key that it mentions
    /// without a value stays missing.
    ///
    /// ```
    /// use leastwise_policy::evaluate::{Context, Principal, Request};
    /// use leastwise_policy::ActionName;
    ///
    /// let mut request = Request {
    ///     principal: Principal::parse("arn:aws:sts::111122223333:assumed-role/app/s1").unwrap(),
    ///     action: ActionName::parse("s3:GetObject").unwrap(),
    ///     resource: "arn:aws:s3:::logs/a".into(),
    ///     resource_account: None,
    ///     context: Context::default(),
    /// };
    /// request.context.insert("aws:PrincipalType", Vec::<String>::new());
    /// request.complete();
    /// assert_eq!(request.context.values("aws:PrincipalArn").unwrap(), ["arn:aws:iam::111122223333:role/app".into()]);
    /// assert_eq!(request.context.values("aws:PrincipalType"), None);
    /// assert_eq!(request.context.values("aws:username"), None);
    /// ```
    pub fn complete(&mut self) {
        for (key, values) in self.determined() {
            if !self.context.mentions(key) {
                self.context.insert(key, values);
            }
        }
    }

    /// The keys that principal, action and resource determine, with their values, whatever the context says of them. Each
    /// is in every such request, by the page that `docs/evaluation.md` names.
    #[must_use]
    pub fn determined(&self) -> Vec<(&'static str, Vec<Box<str>>)> {
        let mut keys: Vec<(&'static str, Vec<Box<str>>)> = Vec::new();
        let mut add = |key, value: &str| keys.push((key, vec![value.into()]));
        match &self.principal {
            Principal::Aws(aws) => of_account(aws, &mut add),
            Principal::Anonymous => {
                add("aws:PrincipalAccount", "anonymous");
                add("aws:PrincipalType", "Anonymous");
                add("aws:userid", "anonymous");
            }
            Principal::Service(names) => {
                add("aws:PrincipalIsAWSService", "true");
                if let [name] = names.as_slice() {
                    add("aws:PrincipalServiceName", name);
                }
                keys.push(("aws:PrincipalServiceNamesList", names.clone()));
            }
            Principal::Federated(_) | Principal::CanonicalUser(_) => {}
        }
        let mut add = |key, value: &str| keys.push((key, vec![value.into()]));
        let through_service = ["aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"];
        let via = through_service.iter().any(|key| self.context.values(key).is_some());
        add("aws:ViaAWSService", if via { "true" } else { "false" });
        let is = |service: &str| self.action.service().eq_ignore_ascii_case(service);
        if let Some(owner) = self.owner() {
            add("aws:ResourceAccount", owner);
            if is("s3") {
                add("s3:ResourceAccount", owner);
            }
        }
        if let (true, Some(account)) = (is("kms"), self.principal.account()) {
            add("kms:CallerAccount", account);
        }
        if let Some(arn) = Arn::parse(&self.resource) {
            if !arn.region.is_empty() && !arn.region.contains(['*', '?']) {
                add("aws:RequestedRegion", arn.region);
                if is("ec2") {
                    add("ec2:Region", arn.region);
                }
            }
            if let (true, Some(rest)) = (is("s3") && arn.service == "s3", arn.resource.strip_prefix("accesspoint/")) {
                let name = rest.split('/').next().unwrap_or_default();
                let point = format!("arn:{}:s3:{}:{}:accesspoint/{name}", arn.partition, arn.region, arn.account);
                add("s3:DataAccessPointArn", &point);
                add("s3:DataAccessPointAccount", arn.account);
            }
        }
        keys
    }
}

/// The keys of a principal of an account.
fn of_account(aws: &AwsPrincipal, add: &mut impl FnMut(&'static str, &str)) {
    let Some(arn) = Arn::parse(aws.arn()) else { return };
    let sort = match aws.kind() {
        AwsKind::Root => Some("Account"),
        AwsKind::User => Some("User"),
        AwsKind::Role | AwsKind::RoleSession => Some("AssumedRole"),
        AwsKind::FederatedUser => Some("FederatedUser"),
        AwsKind::Other => None,
    };
    match aws.kind() {
        AwsKind::RoleSession => {
            add("aws:PrincipalArn", &format!("arn:{}:iam::{}:role/{}", arn.partition, arn.account, aws.name()))
        }
        _ => add("aws:PrincipalArn", aws.arn()),
    }
    add("aws:PrincipalAccount", arn.account);
    add("aws:PrincipalIsAWSService", "false");
    if let Some(sort) = sort {
        add("aws:PrincipalType", sort);
    }
    match aws.kind() {
        AwsKind::User => add("aws:username", aws.name()),
        AwsKind::Root => add("aws:userid", arn.account),
        AwsKind::FederatedUser => add("aws:userid", &format!("{}:{}", arn.account, aws.name())),
        AwsKind::Role | AwsKind::RoleSession | AwsKind::Other => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn determined(principal: &str) -> Vec<String> {
        let text = format!(r#"{{"principal": {principal}, "action": "a:B"}}"#);
        let request = Request::from_node(&json::parse(&text).unwrap()).unwrap();
        request.context.iter().map(|(key, values)| format!("{key}={}", values.join(","))).collect()
    }

    #[test]
    fn each_sort_of_principal_has_its_own_keys() {
        for (principal, keys) in [
            (
                r#""arn:aws:iam::111122223333:user/team/ana""#,
                "PrincipalArn=arn:aws:iam::111122223333:user/team/ana PrincipalAccount=111122223333 PrincipalIsAWSService=false \
                 PrincipalType=User username=ana",
            ),
            (
                r#""111122223333""#,
                "PrincipalArn=arn:aws:iam::111122223333:root PrincipalAccount=111122223333 PrincipalIsAWSService=false \
                 PrincipalType=Account userid=111122223333",
            ),
            (
                r#""arn:aws-cn:sts::111122223333:assumed-role/app/s1""#,
                "PrincipalArn=arn:aws-cn:iam::111122223333:role/app PrincipalAccount=111122223333 PrincipalIsAWSService=false \
                 PrincipalType=AssumedRole",
            ),
            (
                r#""arn:aws:sts::111122223333:federated-user/bob""#,
                "PrincipalArn=arn:aws:sts::111122223333:federated-user/bob PrincipalAccount=111122223333 \
                 PrincipalIsAWSService=false PrincipalType=FederatedUser userid=111122223333:bob",
            ),
            (
                r#"{"Service": "sns.amazonaws.com"}"#,
                "PrincipalIsAWSService=true PrincipalServiceName=sns.amazonaws.com PrincipalServiceNamesList=sns.amazonaws.com",
            ),
            (r#""*""#, "PrincipalAccount=anonymous PrincipalType=Anonymous userid=anonymous"),
            (r#"{"CanonicalUser": "abc"}"#, ""),
        ] {
            let mut expected: Vec<String> = keys.split_whitespace().map(|key| format!("aws:{key}")).collect();
            expected.push("aws:ViaAWSService=false".to_owned());
            expected.sort_by_key(|key| key.to_ascii_lowercase());
            assert_eq!(determined(principal), expected, "{principal}");
        }
    }
}
