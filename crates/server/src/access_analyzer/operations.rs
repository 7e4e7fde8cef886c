//! Every operation that is answered, in one table: its name in the model, the scope that a key needs, whose accounts, and the
//! function that answers. Path and input rules are the model's (`model.rs`).

use std::pin::Pin;

use super::error::WireError;
use super::request::Call;
use super::{Reply, analyzers, archive_rules, checks, findings, recommendations, statistics, tags, validation};
use crate::auth::Scope;

/// What answers an operation.
type Handler = for<'c> fn(&'c Call<'c>) -> Pin<Box<dyn Future<Output = Result<Reply, WireError>> + Send + 'c>>;

/// What an operation does to the store, and so whose key may call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Changes nothing. A key that sees some accounts is shown those.
    Reads,
    /// Changes findings one by one, so that a key that sees some accounts may change those.
    ChangesFindings,
    /// Changes what holds for all accounts.
    ChangesSettings,
}

/// An operation that is answered.
pub(super) struct Supported {
    name: &'static str,
    /// The least scope of a key that may call it.
    pub(super) scope: Scope,
    pub(super) effect: Effect,
    pub(super) handler: Handler,
}

/// A row of the table.
macro_rules! operation {
    ($name:literal, $scope:ident, $effect:ident, $handler:path) => {
        Supported { name: $name, scope: Scope::$scope, effect: Effect::$effect, handler: |call| Box::pin($handler(call)) }
    };
}

static OPERATIONS: [Supported; 24] = [
    operation!("CreateAnalyzer", Administer, ChangesSettings, analyzers::create),
    operation!("GetAnalyzer", Read, Reads, analyzers::one),
    operation!("ListAnalyzers", Read, Reads, analyzers::list),
    operation!("UpdateAnalyzer", Administer, ChangesSettings, analyzers::update),
    operation!("DeleteAnalyzer", Administer, ChangesSettings, analyzers::delete),
    operation!("CreateArchiveRule", Administer, ChangesSettings, archive_rules::create),
    operation!("GetArchiveRule", Read, Reads, archive_rules::one),
    operation!("ListArchiveRules", Read, Reads, archive_rules::list),
    operation!("UpdateArchiveRule", Administer, ChangesSettings, archive_rules::update),
    operation!("DeleteArchiveRule", Administer, ChangesSettings, archive_rules::delete),
    operation!("ApplyArchiveRule", Archive, ChangesSettings, archive_rules::apply),
    operation!("ListFindingsV2", Read, Reads, findings::list),
    operation!("GetFindingV2", Read, Reads, findings::one),
    operation!("UpdateFindings", Archive, ChangesFindings, findings::update),
    operation!("GetFindingsStatistics", Read, Reads, statistics::of_findings),
    operation!("GenerateFindingRecommendation", Read, ChangesFindings, recommendations::generate),
    operation!("GetFindingRecommendation", Read, Reads, recommendations::one),
    operation!("CheckNoNewAccess", Read, Reads, checks::no_new_access),
    operation!("CheckAccessNotGranted", Read, Reads, checks::access_not_granted),
    operation!("CheckNoPublicAccess", Read, Reads, checks::no_public_access),
    operation!("ValidatePolicy", Read, Reads, validation::validate),
    operation!("TagResource", Administer, ChangesSettings, tags::tag),
    operation!("UntagResource", Administer, ChangesSettings, tags::untag),
    operation!("ListTagsForResource", Read, Reads, tags::list),
];

/// The operation of that name, unless leastwise has none such.
pub(super) fn supported(name: &str) -> Result<&'static Supported, WireError> {
    let unsupported = || WireError::unsupported(format!("{name} is not supported here; leastwise looks for unused access"));
    OPERATIONS.iter().find(|operation| operation.name == name).ok_or_else(unsupported)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::model::Model;
    use super::*;

    #[test]
    fn every_operation_is_of_the_model_and_stands_once() {
        let of_model: BTreeSet<&str> = Model::of_provider().operations().map(|operation| operation.name.as_str()).collect();
        let ours: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!(ours.len(), OPERATIONS.len());
        assert!(ours.is_subset(&of_model), "{:?}", ours.difference(&of_model));
    }

    #[test]
    fn what_a_verb_of_change_begins_is_no_reading() {
        let verbs = ["Create", "Update", "Delete", "Apply", "Generate", "Tag", "Untag", "Start", "Cancel"];
        for operation in &OPERATIONS {
            let changes = verbs.iter().any(|verb| operation.name.starts_with(verb));
            assert_eq!(operation.effect != Effect::Reads, changes, "{}", operation.name);
        }
    }
}
