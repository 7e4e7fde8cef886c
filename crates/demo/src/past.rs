//! Writes what only the logs tell of principals with a tangled past: who signed, under which name, and who came in.
//!
//! Part of the second step. Which records there are follows from the organization; the rest of them is the trail's.

use std::borrow::Cow;

use crate::organization::{AssumedBy, KeyUse, Organization, Principal};
use crate::text::quote;
use crate::time::zulu;
use crate::trail::{Account, Call, What};

/// The records of one principal that are no uses of its own.
pub(crate) fn calls(organization: &Organization, at: usize, principal: &Principal) -> Vec<Call> {
    let call = |time: i64, what: What| Call { at: time, principal: at, region: 0, what };
    let mut calls = Vec::new();
    calls.extend(
        principal.predecessor.iter().flat_map(|(_, own)| own).map(|(action, time)| call(*time, What::Predecessor(*action))),
    );
    calls.extend(principal.assumed.map(|(time, _)| call(time, What::Assumed)));
    for (place, key) in principal.keys.iter().enumerate() {
        if let KeyUse::Late(time) = key.used
            && let Some(of) = principal.signed(organization)
        {
            calls.push(call(time, What::Key(of, place)));
        }
    }
    if let Some(password) = principal.password {
        let used = password.used.into_iter().chain(password.late).filter(|time| *time >= organization.log_start);
        calls.extend(used.map(|time| call(time, What::SignIn)));
    }
    calls
}

/// `userIdentity` of a call, made of the one that the principal's calls carry now.
pub(crate) fn identity<'i>(organization: &Organization, principal: &Principal, now: &'i str, call: &Call) -> Cow<'i, str> {
    let mut identity = Cow::Borrowed(now);
    if let Some((former, until)) = &principal.former
        && call.at < *until
    {
        let arn = principal.arn(organization);
        let before = arn.strip_suffix(&principal.name).unwrap_or_default();
        identity = identity.replace(&format!("\"{arn}\""), &format!("\"{before}{former}\"")).into();
        let (name, former) = (quote(&principal.name), quote(former));
        identity = identity.replace(&format!("\"userName\":{name}"), &format!("\"userName\":{former}")).into();
    }
    match call.what {
        What::Predecessor(_) => {
            let id = principal.predecessor.as_ref().map_or("", |(id, _)| id.as_str());
            identity.replace(&principal.id, id).into()
        }
        What::Key(_, place) => {
            let own = principal.keys.iter().find(|key| key.used == KeyUse::Now).map_or("", |key| key.id.as_str());
            let key = principal.keys.get(place).map_or("", |key| key.id.as_str());
            identity.replace(&format!("\"accessKeyId\":\"{own}\""), &format!("\"accessKeyId\":\"{key}\"")).into()
        }
        _ => identity,
    }
}

impl Account<'_> {
    /// The record of somebody who comes in: a user signs in, or a role is assumed.
    pub(crate) fn entry(&mut self, id: &str, principal: &Principal, call: &Call, region: &str) -> String {
        let arn = principal.arn(self.organization);
        let (name, unique) = (&principal.name, &principal.id);
        let session = format!(
            "\"assumedRoleUser\":{{\"assumedRoleId\":\"{unique}:caller\",\"arn\":\"arn:aws:sts::{id}:assumed-role/{name}/caller\"}}"
        );
        let parameters = format!("{{\"roleArn\":\"{arn}\",\"roleSessionName\":\"caller\"}}");
        let by = match call.what {
            What::Assumed => principal.assumed.map(|(_, by)| by),
            _ => None,
        };
        let (identity, source, event, parameters, response) = match by {
            None => {
                let former = principal.former.as_ref().filter(|(_, until)| call.at < *until);
                let name = former.map_or(name, |(former, _)| former);
                let path = &principal.path;
                let identity = format!(
                    "{{\"type\":\"IAMUser\",\"principalId\":\"{unique}\",\"arn\":\"arn:aws:iam::{id}:user{path}{name}\",\"accountId\":\"{id}\",\
                     \"userName\":{}}}",
                    quote(name)
                );
                (identity, "signin", "ConsoleLogin", "null".to_owned(), "{\"ConsoleLogin\":\"Success\"}".to_owned())
            }
            Some(AssumedBy::Service) => {
                let identity = "{\"type\":\"AWSService\",\"invokedBy\":\"lambda.amazonaws.com\"}".to_owned();
                (identity, "sts", "AssumeRole", parameters, format!("{{{session}}}"))
            }
            Some(AssumedBy::Account) => {
                let identity =
                    "{\"type\":\"AWSAccount\",\"principalId\":\"AROAEXAMPLEOTHER00000:deployer\",\"accountId\":\"999999999999\"}";
                (identity.to_owned(), "sts", "AssumeRole", parameters, format!("{{{session}}}"))
            }
            Some(AssumedBy::Saml) => {
                let identity = "{\"type\":\"SAMLUser\",\"principalId\":\"k8jfExampleNameQualifier=:ann@example.com\",\
                                \"userName\":\"ann@example.com\",\"identityProvider\":\"k8jfExampleNameQualifier=\"}";
                (identity.to_owned(), "sts", "AssumeRoleWithSAML", parameters, format!("{{{session}}}"))
            }
            Some(AssumedBy::WebIdentity) => {
                let identity = "{\"type\":\"WebIdentityUser\",\"principalId\":\"token.actions.example.com:sts:repo\",\
                                \"userName\":\"repo\",\"identityProvider\":\"token.actions.example.com\"}";
                (identity.to_owned(), "sts", "AssumeRoleWithWebIdentity", parameters, format!("{{{session}}}"))
            }
            Some(AssumedBy::SwitchRole) => {
                let identity = format!(
                    "{{\"type\":\"AssumedRole\",\"principalId\":\"{unique}:ann\",\"arn\":\"arn:aws:sts::{id}:assumed-role/{name}/ann\",\
                     \"accountId\":\"{id}\"}}"
                );
                (identity, "signin", "SwitchRole", "null".to_owned(), "{\"SwitchRole\":\"Success\"}".to_owned())
            }
        };
        let kind = if source == "signin" { "AwsConsoleSignIn" } else { "AwsApiCall" };
        let resources = match source {
            "sts" => format!(",\"resources\":[{{\"accountId\":\"{id}\",\"type\":\"AWS::IAM::Role\",\"ARN\":\"{arn}\"}}]"),
            _ => String::new(),
        };
        format!(
            "{{\"eventVersion\":\"1.09\",\"userIdentity\":{identity},\"eventTime\":\"{}\",\"eventSource\":\"{source}.amazonaws.com\",\
             \"eventName\":\"{event}\",\"awsRegion\":\"{region}\",\"sourceIPAddress\":\"198.51.100.7\",\"userAgent\":\"Mozilla/5.0\",\
             \"requestParameters\":{parameters},\"responseElements\":{response},\"eventID\":\"{}\",\"readOnly\":{}{resources},\
             \"eventType\":\"{kind}\",\"managementEvent\":true,\"recipientAccountId\":\"{id}\",\"eventCategory\":\"Management\"}}",
            zulu(call.at),
            self.uuid(),
            source == "sts"
        )
    }
}
