//! The backtest by halves: what would have been taken away halfway, and was needed afterwards.
//!
//! Says where the window lies and is cut, and what the rhythm of a missed use is. Learning in the first half is the
//! ordinary judgement over a ledger of the first half; reports of last access take no part, as they know the end.

use std::collections::BTreeSet;

use leastwise_policy::ActionName;

use super::requests::RequestLog;
use super::{Cut, denied_by};
use crate::access::{AccessModel, PrincipalArn, Timestamp};
use crate::recommend::Proposal;
use crate::usage::{ObservationWindow, TrackingPeriod, TrailTimeline, UsageLedger};

/// Where the window of the logs is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halves {
    /// Learned from: whole days up to the middle.
    pub learning: TrackingPeriod,
    /// Replayed: from the middle on.
    pub rest: TrackingPeriod,
}

/// The rhythm of a use, as far as its days tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rhythm {
    /// About every month.
    Monthly,
    /// About every quarter.
    Quarterly,
    /// On one day only.
    Once,
    /// On several days, in no rhythm that we know.
    Irregular,
}

impl Rhythm {
    /// The rhythm in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Rhythm::Monthly => "monthly",
            Rhythm::Quarterly => "quarterly",
            Rhythm::Once => "once",
            Rhythm::Irregular => "irregular",
        }
    }

    /// The rhythm of days since 1970: neighbours within four days of a month, or within a week of a quarter.
    #[must_use]
    pub fn of(days: &BTreeSet<i64>) -> Rhythm {
        let gaps: Vec<i64> = days.iter().zip(days.iter().skip(1)).map(|(a, b)| b - a).collect();
        if gaps.is_empty() {
            Rhythm::Once
        } else if gaps.iter().all(|gap| (27..=34).contains(gap)) {
            Rhythm::Monthly
        } else if gaps.iter().all(|gap| (84..=99).contains(gap)) {
            Rhythm::Quarterly
        } else {
            Rhythm::Irregular
        }
    }
}

/// A use in the second half that the first half would have taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Who.
    pub principal: PrincipalArn,
    /// What.
    pub action: ActionName,
    /// How often in the second half.
    pub count: u64,
    /// First time in the second half or before, and last time.
    pub seen: ObservationWindow,
    /// Its rhythm over all records.
    pub rhythm: Rhythm,
}

const DAY: i64 = 86_400;

impl Halves {
    /// Cuts the time that all trails cover in the middle; none when it is shorter than two days.
    #[must_use]
    pub fn of(coverage: &[TrailTimeline]) -> Option<Halves> {
        let from = coverage.iter().map(|trail| trail.window.from).max()?;
        let to = coverage.iter().map(|trail| trail.window.to).max()?;
        let middle = from.seconds() + (to.seconds() - from.seconds()) / 2;
        let days = u32::try_from((middle - from.seconds()) / DAY).ok()?.min(365);
        let learning = TrackingPeriod::ending(Timestamp::from_seconds(middle), days)?;
        Some(Halves { learning, rest: TrackingPeriod { start: learning.end, end: to } })
    }

    /// Tells a ledger of the first half what the trails cover there.
    pub fn cover(&self, ledger: &mut UsageLedger, coverage: &[TrailTimeline]) {
        for trail in coverage {
            ledger.cover(trail.up_to(self.learning.end));
        }
    }

    /// What a proposal of the first half would have denied in the second.
    #[must_use]
    pub fn missed(&self, access: &AccessModel<'_>, proposal: &Proposal<'_>, log: &RequestLog<'_>) -> Vec<Missed> {
        let mut cuts: Vec<Cut> = denied_by(access, proposal, log);
        cuts.sort_by(|a, b| (&a.principal, &a.action).cmp(&(&b.principal, &b.action)));
        let mut missed: Vec<Missed> = Vec::new();
        for cut in cuts {
            match missed.last_mut().filter(|last| last.principal == cut.principal && last.action == cut.action) {
                Some(last) => {
                    last.count += cut.count;
                    last.seen.from = last.seen.from.min(cut.first);
                    last.seen.to = last.seen.to.max(cut.last);
                }
                None => {
                    let rhythm = Rhythm::of(&log.days_of(access, &cut.principal, &cut.action));
                    let seen = ObservationWindow { from: cut.first, to: cut.last };
                    missed.push(Missed { principal: cut.principal, action: cut.action, count: cut.count, seen, rhythm });
                }
            }
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_a_month_or_a_quarter_apart_have_a_rhythm() {
        let of = |days: &[i64]| Rhythm::of(&days.iter().copied().collect());
        assert_eq!(of(&[10, 41, 71]), Rhythm::Monthly);
        assert_eq!(of(&[10, 100, 192]), Rhythm::Quarterly);
        assert_eq!(of(&[10]), Rhythm::Once);
        assert_eq!(of(&[10, 11, 71]), Rhythm::Irregular);
    }
}
