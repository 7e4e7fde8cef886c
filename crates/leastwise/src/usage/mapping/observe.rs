//! Which actions CloudTrail can show, and in which kind of event.
//!
//! Asked by the ledger when a source is silent. An action counts as shown only when it is known to be a logged
//! operation: whatever the tables do not know to be logged is answered so, and nobody may conclude anything from its
//! absence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, PoisonError};

use leastwise_policy::ActionName;

use super::EventMapper;
use super::table::{BY_HAND, GENERATED, Logging};

/// How CloudTrail shows the use of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observability {
    /// In management events.
    Management,
    /// In data events of these resource types (`AWS::S3::Object`), when the trail selects all of them.
    Data(Vec<String>),
    /// Never. Reports of the service's last access may still show it.
    NotLogged,
    /// Never, and no other source shows it either: the permission is checked in calls of other services, or at an endpoint
    /// that reports to nobody.
    Unseen,
    /// No logged operation is known that would use it.
    NotKnown,
}

impl Observability {
    /// What remains observable when both must be: the weaker of the two.
    fn and(self, other: Observability) -> Observability {
        use Observability::{Data, Management, NotKnown, NotLogged, Unseen};
        match (self, other) {
            (Unseen, _) | (_, Unseen) => Unseen,
            (NotLogged, _) | (_, NotLogged) => NotLogged,
            (NotKnown, _) | (_, NotKnown) => NotKnown,
            (Data(mut one), Data(other)) => {
                one.extend(other);
                one.sort();
                one.dedup();
                Data(one)
            }
            (Data(types), Management) | (Management, Data(types)) => Data(types),
            (Management, Management) => Management,
        }
    }
}

/// Actions, in lower case, that operations of another name use.
static RENAMED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut renamed = BTreeSet::new();
    let generated = GENERATED.sections.values().flat_map(|section| section.needs.values());
    for needs in generated.chain(BY_HAND.needs.values().flat_map(|needs| needs.values())) {
        for action in &needs.used {
            renamed.insert(action.to_ascii_lowercase());
        }
    }
    renamed
});

impl EventMapper<'_> {
    /// How CloudTrail shows the action's use. An action that others of its service need besides is no better
    /// observable than those: where they go unseen, its use within them does too.
    #[must_use]
    pub fn observability(&self, action: &ActionName) -> Arc<Observability> {
        let mut known = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(action) {
            return Arc::clone(found);
        }
        let found = Arc::new(self.work_out(action));
        known.insert(action.clone(), Arc::clone(&found));
        found
    }

    fn work_out(&self, action: &ActionName) -> Observability {
        let own = own_observability(action.service(), action.name());
        let needed_by = self.needed_by.get_or_init(|| self.read_needed_by());
        let Some(others) = needed_by.get(&action.as_str().to_ascii_lowercase()) else { return own };
        others.iter().filter_map(|other| other.split_once(':')).fold(own, |sum, (service, name)| {
            match own_observability(service, name) {
                // No call is known that would check it, so none is known to go unseen.
                Observability::NotKnown | Observability::Unseen => sum,
                other => sum.and(other),
            }
        })
    }

    fn read_needed_by(&self) -> BTreeMap<String, Vec<String>> {
        let mut needed_by: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for service in self.catalogue().services() {
            for action in service.actions() {
                // In another service it is a call on the caller's behalf, with a record of its own.
                let own_service = |needed: &&str| {
                    needed.split_once(':').is_some_and(|(prefix, _)| prefix.eq_ignore_ascii_case(service.prefix()))
                };
                for needed in action.dependent_actions().filter(own_service) {
                    let by = format!("{}:{}", service.prefix(), action.name());
                    needed_by.entry(needed.to_ascii_lowercase()).or_default().push(by);
                }
            }
        }
        needed_by
    }
}

fn own_observability(service: &str, name: &str) -> Observability {
    let prefix = service.to_ascii_lowercase();
    match BY_HAND.logging_of(&prefix, name) {
        Some(Logging::Management) => return Observability::Management,
        Some(Logging::Data(kinds)) => return Observability::Data(kinds.split('+').map(str::to_owned).collect()),
        Some(Logging::Unlogged) => return Observability::NotLogged,
        Some(Logging::Unseen) => return Observability::Unseen,
        None => {}
    }
    let lower = name.to_ascii_lowercase();
    let section = GENERATED.sections.get(prefix.as_str());
    if section.is_some_and(|section| section.runtime.contains_key(&lower)) {
        return Observability::NotLogged;
    }
    let own_call = section.is_some_and(|section| section.operations.contains_key(&lower));
    if !own_call && !RENAMED.contains(&format!("{prefix}:{lower}")) {
        return Observability::NotKnown;
    }
    if BY_HAND.acts_on_data(name) { Observability::NotLogged } else { Observability::Management }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leastwise_policy::Catalogue;

    fn of(action: &str) -> Observability {
        EventMapper::new(Catalogue::embedded()).observability(&ActionName::parse(action).unwrap()).as_ref().clone()
    }

    #[test]
    fn management_of_resources_is_shown() {
        for action in [
            "ec2:RunInstances",
            "s3:CreateBucket",
            "iam:CreateRole",
            "s3:ListAllMyBuckets",
            "kms:ReEncryptTo",
            "apigateway:GET",
            "cloudwatch:PutMetricAlarm",
            "logs:PutMetricFilter",
        ] {
            assert_eq!(of(action), Observability::Management, "{action}");
        }
    }

    #[test]
    fn data_is_shown_only_by_a_trail_that_selects_it() {
        for (action, kind) in [
            ("s3:GetObject", "AWS::S3::Object"),
            ("s3:ListBucket", "AWS::S3::Object"),
            ("lambda:InvokeFunction", "AWS::Lambda::Function"),
            ("dynamodb:GetItem", "AWS::DynamoDB::Table"),
            ("sns:Publish", "AWS::SNS::Topic"),
            ("sqs:SendMessage", "AWS::SQS::Queue"),
            ("kendra-ranking:Rescore", "AWS::KendraRanking::ExecutionPlan"),
            ("bedrock-agentcore:CreateEvent", "AWS::BedrockAgentCore::Memory"),
            ("bedrock-agentcore:DeleteMemoryRecord", "AWS::BedrockAgentCore::Memory"),
            ("greengrass:ResolveComponentCandidates", "AWS::GreengrassV2::ComponentVersion"),
        ] {
            assert_eq!(of(action), Observability::Data(vec![kind.to_owned()]), "{action}");
        }
    }

    #[test]
    fn of_several_types_that_may_be_the_one_all_must_be_recorded() {
        let kinds = ["AWS::QApps::QApp", "AWS::QApps::QAppSession"].map(str::to_owned);
        assert_eq!(of("qapps:StartQAppSession"), Observability::Data(kinds.to_vec()));
        assert_eq!(of("bedrock-agentcore:CreateMemory"), Observability::Management);
    }

    #[test]
    fn what_is_never_logged_and_what_is_not_known_to_be_is_not_shown() {
        assert_eq!(of("iam:PassRole"), Observability::Unseen);
        assert_eq!(of("rds-db:connect"), Observability::Unseen);
        assert_eq!(of("logs:PutLogEvents"), Observability::NotLogged);
        assert_eq!(of("bedrock:InvokeGuardrailChecks"), Observability::NotLogged);
        assert_eq!(of("no-such:Thing"), Observability::NotKnown);
        assert_eq!(of("ssm:GetManifest"), Observability::NotKnown);
    }
}
