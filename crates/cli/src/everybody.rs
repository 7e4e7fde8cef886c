//! Recommendations for one principal or for all: proposed, proved, replayed, on all cores and in the order of the accounts.
//!
//! Shared by `recommend`, `analyze` and `replay`. The order of what it gives is that of the principals, whatever the number
//! of cores; it prints nothing and keeps no plan longer than its caller wants it.

use std::collections::BTreeSet;
use std::sync::Arc;

use leastwise::access::{ActionSet, Principal};
use leastwise::backtest::{RequestLog, Verdict, judge};
use leastwise::recommend::{Advisor, Judged, NotJudged};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::failure::Failure;

/// What is recommended for one principal.
pub(crate) struct Answer<'a> {
    /// Its permissions by state.
    pub(crate) judged: Arc<Judged<'a>>,
    /// The permission set, when the answer is for all its roles.
    pub(crate) set: Option<&'a str>,
    /// What may go.
    pub(crate) unused: ActionSet,
    /// The ways to do it, replayed.
    pub(crate) verdicts: Vec<Verdict<'a>>,
}

/// The answer about one principal, or why there is none.
pub(crate) fn answer<'a>(
    advisor: &Advisor<'a>,
    log: &RequestLog<'_>,
    principal: &'a Principal,
) -> Result<Result<Answer<'a>, NotJudged>, Failure> {
    let proposal = match advisor.propose(principal).map_err(|fault| Failure::fault(fault.to_string()))? {
        Ok(proposal) => proposal,
        Err(why) => return Ok(Err(why)),
    };
    let (judged, set, unused) = (Arc::clone(&proposal.judged), proposal.permission_set, proposal.unused.clone());
    let verdicts = judge(advisor.basis().access, proposal, log);
    Ok(Ok(Answer { judged, set, unused, verdicts }))
}

/// So many principals are answered before the first of them is handed on: enough for all cores, little in memory.
const TOGETHER: usize = 256;

/// Answers for all of `principals`: `shape` turns an answer into what the caller keeps, on any core; `take` gets that in
/// the order of the principals.
pub(crate) fn answer_all<'a, T: Send>(
    advisor: &Advisor<'a>,
    log: &RequestLog<'_>,
    principals: &[&'a Principal],
    shape: impl Fn(&'a Principal, Result<Answer<'a>, NotJudged>) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for some in principals.chunks(TOGETHER) {
        let one = |principal: &&'a Principal| answer(advisor, log, principal).map(|answer| shape(principal, answer));
        let shaped: Vec<Result<T, Failure>> = some.par_iter().map(one).collect();
        for one in shaped {
            take(one?)?;
        }
    }
    Ok(())
}

/// Of the roles of a permission set only the first: what is proposed is for all.
pub(crate) fn each_once(principals: &[Principal]) -> Vec<&Principal> {
    let mut sets = BTreeSet::new();
    principals.iter().filter(|principal| principal.permission_set().is_none_or(|set| sets.insert(set.to_owned()))).collect()
}
