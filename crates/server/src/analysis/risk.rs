//! What unused access could do if somebody took it over: change things, read data, grant permissions, gain more than it has.
//!
//! Sorts findings, so that the worst are looked at first; it decides nothing else. Write and permissions management are AWS's
//! own access levels. Which actions read data, and which let their holder gain more, no source says; the two lists
//! here are ours, of actions whose effect is documented, and not complete.

use leastwise::access::{ActionIndex, ActionSet};
use leastwise_policy::catalogue::AccessLevel;

use crate::store::Risk;

/// Actions that return what customers have stored.
const DATA: [&str; 30] = [
    "athena:GetQueryResults",
    "codecommit:GetFile",
    "codecommit:GitPull",
    "cognito-idp:ListUsers",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:GetRecords",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ec2:GetPasswordData",
    "ecr:BatchGetImage",
    "es:ESHttpGet",
    "kinesis:GetRecords",
    "kms:Decrypt",
    "lambda:GetFunction",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetQueryResults",
    "rds-data:ExecuteStatement",
    "rds:DownloadCompleteDBLogFile",
    "redshift-data:GetStatementResult",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "timestream:Select",
    "xray:BatchGetTraces",
];

/// Actions by which their holder can act with more permissions than it has.
const ESCALATION: [&str; 33] = [
    "cloudformation:CreateStack",
    "cloudformation:UpdateStack",
    "codebuild:StartBuild",
    "datapipeline:PutPipelineDefinition",
    "ec2-instance-connect:SendSSHPublicKey",
    "ec2:AssociateIamInstanceProfile",
    "ec2:ReplaceIamInstanceProfileAssociation",
    "glue:UpdateDevEndpoint",
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:PassRole",
    "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "lambda:AddPermission",
    "lambda:CreateFunction",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "ssm:SendCommand",
    "ssm:StartSession",
    "sts:AssumeRole",
];

/// What one action could do, by its name and the names of its access levels.
pub(crate) fn of_action(name: &str, levels: &[&str]) -> Risk {
    let level = |one: AccessLevel| levels.contains(&one.name());
    let all = [
        (level(AccessLevel::Write) || level(AccessLevel::Tagging), Risk::WRITE),
        (level(AccessLevel::PermissionsManagement), Risk::PERMISSIONS_MANAGEMENT),
        (DATA.contains(&name), Risk::DATA_ACCESS),
        (ESCALATION.contains(&name), Risk::ESCALATION),
    ];
    all.into_iter().filter(|(is, _)| *is).fold(Risk::default(), |found, (_, risk)| found.and(risk))
}

/// The actions of each risk, of one catalogue.
#[derive(Debug)]
pub(crate) struct Risks {
    sets: Vec<(Risk, ActionSet)>,
}

impl Risks {
    /// Looks the actions up.
    pub(crate) fn of(index: &ActionIndex<'_>) -> Risks {
        let named = |names: &[&str]| {
            let mut set = ActionSet::new();
            for (service, name) in names.iter().filter_map(|full| full.split_once(':')) {
                if let Some(action) = index.action(service, name) {
                    set.insert(action);
                }
            }
            set
        };
        let (mut write, mut permissions) = (ActionSet::new(), ActionSet::new());
        for id in index.all().iter() {
            let (service, name) = index.name(id);
            let action = index.catalogue().service(service).and_then(|service| service.action(name));
            let levels = action.map(|action| action.access_levels()).unwrap_or_default();
            if levels.contains(AccessLevel::Write) || levels.contains(AccessLevel::Tagging) {
                write.insert(id);
            }
            if levels.contains(AccessLevel::PermissionsManagement) {
                permissions.insert(id);
            }
        }
        let sets = vec![
            (Risk::WRITE, write),
            (Risk::PERMISSIONS_MANAGEMENT, permissions),
            (Risk::DATA_ACCESS, named(&DATA)),
            (Risk::ESCALATION, named(&ESCALATION)),
        ];
        Risks { sets }
    }

    /// What a set of actions could do.
    pub(crate) fn judge(&self, actions: &ActionSet) -> Risk {
        let mut found = Risk::default();
        for (risk, set) in &self.sets {
            if actions.iter().any(|action| set.contains(action)) {
                found = found.and(*risk);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use leastwise_policy::Catalogue;

    use super::*;

    #[test]
    fn every_action_of_the_lists_is_known_and_listed_once() {
        let index = ActionIndex::new(Catalogue::embedded());
        for list in [&DATA[..], &ESCALATION[..]] {
            for full in list {
                let (service, name) = full.split_once(':').unwrap();
                assert!(index.action(service, name).is_some(), "{full}");
            }
            assert!(list.is_sorted_by(|one, other| one < other));
        }
    }

    #[test]
    fn an_action_brings_the_risks_of_its_access_level_and_of_the_lists() {
        let index = ActionIndex::new(Catalogue::embedded());
        let risks = Risks::of(&index);
        let of = |names: &[&str]| {
            let mut set = ActionSet::new();
            for name in names {
                let (service, name) = name.split_once(':').unwrap();
                set.insert(index.action(service, name).unwrap());
            }
            risks.judge(&set).names().collect::<Vec<_>>()
        };
        assert_eq!(of(&["s3:GetObject"]), ["dataAccess"]);
        assert_eq!(of(&["s3:ListAllMyBuckets"]), Vec::<&str>::new());
        assert_eq!(of(&["s3:PutObject", "s3:ListAllMyBuckets"]), ["write"]);
        assert_eq!(of(&["iam:AttachRolePolicy"]), ["escalation", "permissionsManagement", "write"]);
    }
}
