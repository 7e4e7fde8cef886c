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

    /// The keys that principal and resource determine, with their values, whatever the context says.
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
        if let Some(owner) = self.owner() {
            keys.push(("aws:ResourceAccount", vec![owner.into()]));
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
            expected.sort();
            assert_eq!(determined(principal), expected, "{principal}");
        }
    }
}
