//! How a trail was configured when: its description and the changes in the log, put in order.
//!
//! Forwards from each change, and backwards from the description to the last change, or to the last moment at which one could have
//! happened unseen. What a change replaced is not known before it.

use leastwise::usage::RecordKind;

use super::changes::{ANY_TRAIL, Change, TrailChange, TrailName};
use super::configuration::Described;
use super::intervals::Intervals;
use super::selectors::{Amount, Selectors};

/// The configuration of a trail at a time; none where it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) exists: Option<bool>,
    pub(crate) logging: Option<bool>,
    pub(crate) multi_region: Option<bool>,
    pub(crate) global_events: Option<bool>,
    pub(crate) organization: Option<bool>,
    pub(crate) selectors: Option<Selectors>,
}

/// A trail over all time.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) trail: TrailName,
    /// From when on each state holds; the first since ever.
    states: Vec<(i64, State)>,
    off: Intervals,
}

impl History {
    /// Of a trail that may have been described, with the changes of all trails. `unseen` is when a change would not be in the logs.
    pub(crate) fn new<'c>(
        trail: &TrailName,
        described: Option<&Described>,
        changes: impl Iterator<Item = &'c TrailChange>,
        unseen: &Intervals,
    ) -> History {
        let own = |change: &&TrailChange| {
            change.trail == *trail
                || change.trail.name == ANY_TRAIL && (&change.trail.account, &change.trail.home) == (&trail.account, &trail.home)
        };
        let unknown = Change::Unknown;
        let mut steps: Vec<(i64, &Change)> = changes.filter(own).map(|change| (change.time, &change.what)).collect();
        // Nothing is carried over a time in which a change would not be seen.
        steps.extend(unseen.iter().flat_map(|(from, to)| [(from, &unknown), (to, &unknown)]));
        steps.sort_by_key(|(time, _)| *time);
        let now = described.map_or_else(State::default, |described| State {
            exists: Some(true),
            logging: None,
            multi_region: described.settings.multi_region,
            global_events: described.settings.global_events,
            organization: described.settings.organization,
            selectors: described.selectors.clone(),
        });
        let mut backwards = vec![now];
        for (_, change) in steps.iter().rev() {
            let before = backwards.last().map(|after| after.before(change)).unwrap_or_default();
            backwards.push(before);
        }
        let mut forwards = State::default();
        let mut states = Vec::with_capacity(backwards.len());
        for (at, known) in backwards.into_iter().rev().enumerate() {
            let step = at.checked_sub(1).and_then(|at| steps.get(at));
            if let Some((_, change)) = step {
                forwards = forwards.after(change);
            }
            states.push((step.map_or(i64::MIN, |(time, _)| *time), known.and(&forwards)));
        }
        History { trail: trail.clone(), states, off: described.map(|described| described.off.clone()).unwrap_or_default() }
    }

    /// Whether the log shows a change of it, or could lack one.
    pub(crate) fn is_changed(&self) -> bool {
        self.states.len() > 1
    }

    /// Moments at which the state may change.
    pub(crate) fn cuts(&self) -> impl Iterator<Item = i64> {
        self.states.iter().map(|(from, _)| *from).chain(self.off.iter().flat_map(|(from, to)| [from, to]))
    }

    /// The state at a moment.
    pub(crate) fn at(&self, time: i64) -> Option<&State> {
        self.states.iter().rev().find(|(from, _)| *from <= time).map(|(_, state)| state)
    }

    /// Whether it is known not to have been logging then.
    pub(crate) fn is_off(&self, time: i64) -> bool {
        let stopped = self.at(time).is_some_and(|state| state.logging == Some(false));
        stopped || self.off.iter().any(|(from, to)| (from..to).contains(&time))
    }

    /// Kinds besides management events of which it recorded something at some time, and services that it left out.
    pub(crate) fn further_kinds(&self) -> impl Iterator<Item = RecordKind> {
        let selectors = || self.states.iter().filter_map(|(_, state)| state.selectors.as_ref());
        let excluded = selectors().flat_map(Selectors::excluded);
        let own = excluded.flat_map(|service| [RecordKind::ReadsOf(service.clone()), RecordKind::WritesOf(service.clone())]);
        selectors().flat_map(Selectors::further_kinds).chain(own)
    }

    /// Whether it recorded everything of the kind at some time at all.
    pub(crate) fn was_set_up(&self, kind: &RecordKind, from: i64) -> bool {
        let within = |at: usize| self.states.get(at + 1).is_none_or(|(until, _)| *until > from);
        let all = |state: &State| state.selectors.as_ref().is_some_and(|selectors| selectors.amount(kind) == Amount::All);
        self.states.iter().enumerate().any(|(at, (_, state))| within(at) && all(state))
    }
}

impl State {
    fn after(self, change: &Change) -> State {
        match change {
            Change::Created(settings) => State {
                exists: Some(true),
                logging: Some(false),
                multi_region: Some(settings.multi_region.unwrap_or(false)),
                global_events: Some(settings.global_events.unwrap_or(true)),
                organization: Some(settings.organization.unwrap_or(false)),
                selectors: Some(Selectors::standard()),
            },
            Change::Updated(settings) => State {
                exists: Some(true),
                multi_region: settings.multi_region.or(self.multi_region),
                global_events: settings.global_events.or(self.global_events),
                organization: settings.organization.or(self.organization),
                ..self
            },
            Change::Selected(selectors) => State { exists: Some(true), selectors: selectors.clone(), ..self },
            Change::Started => State { exists: Some(true), logging: Some(true), ..self },
            Change::Stopped => State { exists: Some(true), logging: Some(false), ..self },
            Change::Deleted => State { exists: Some(false), ..State::default() },
            Change::Unknown => State::default(),
        }
    }

    /// What is known of the time before the change, from what is known of the time after it.
    fn before(&self, change: &Change) -> State {
        match change {
            Change::Created(_) => State { exists: Some(false), ..State::default() },
            Change::Updated(settings) => {
                let mut state = self.clone();
                state.multi_region = state.multi_region.filter(|_| settings.multi_region.is_none());
                state.global_events = state.global_events.filter(|_| settings.global_events.is_none());
                state.organization = state.organization.filter(|_| settings.organization.is_none());
                state
            }
            Change::Selected(_) => State { selectors: None, ..self.clone() },
            // Whoever starts a trail found it stopped.
            Change::Started => State { logging: Some(false), ..self.clone() },
            Change::Stopped => State { logging: None, ..self.clone() },
            Change::Deleted => State { exists: Some(true), ..State::default() },
            Change::Unknown => State::default(),
        }
    }

    /// What two sources say together. Where they contradict each other that counts which shows less.
    fn and(&self, other: &State) -> State {
        let both = |one: Option<bool>, other: Option<bool>| match (one, other) {
            (Some(one), Some(other)) => Some(one && other),
            (one, other) => one.or(other),
        };
        State {
            exists: self.exists.or(other.exists),
            logging: both(self.logging, other.logging),
            multi_region: both(self.multi_region, other.multi_region),
            global_events: both(self.global_events, other.global_events),
            organization: both(self.organization, other.organization),
            selectors: match (&self.selectors, &other.selectors) {
                (Some(one), Some(other)) => Some(one.and(other)),
                (one, other) => one.clone().or_else(|| other.clone()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::Settings;
    use super::*;

    fn trail() -> TrailName {
        TrailName::of_arn("arn:aws:cloudtrail:eu-west-1:111122223333:trail/all").unwrap()
    }

    fn described() -> Described {
        let settings = Settings { multi_region: Some(true), ..Settings::default() };
        Described { settings, selectors: Some(Selectors::standard()), ..Described::default() }
    }

    fn history(described: Option<Described>, changes: &[(i64, Change)], unseen: &[(i64, i64)]) -> History {
        let changes: Vec<TrailChange> =
            changes.iter().map(|(time, what)| TrailChange { time: *time, trail: trail(), what: what.clone() }).collect();
        History::new(&trail(), described.as_ref(), changes.iter(), &Intervals::of(unseen.iter().copied()))
    }

    fn multi(state: Option<&State>) -> Option<bool> {
        state.and_then(|state| state.multi_region)
    }

    #[test]
    fn a_description_holds_back_to_the_change_that_replaced_what_was_before() {
        let made_multi = Change::Updated(Settings { multi_region: Some(true), ..Settings::default() });
        let history = history(Some(described()), &[(100, made_multi)], &[]);
        assert_eq!((multi(history.at(99)), multi(history.at(100))), (None, Some(true)));
        assert_eq!(history.at(99).unwrap().selectors, Some(Selectors::standard()), "the change did not touch the selectors");
    }

    #[test]
    fn a_change_says_what_holds_afterwards_also_against_the_description() {
        let none = Change::Selected(Some(Selectors::default()));
        let of = history(Some(described()), &[(100, none.clone())], &[]);
        assert_eq!(of.at(100).unwrap().selectors, Some(Selectors::default()));
        assert_eq!(of.at(99).unwrap().selectors, None);
        let undescribed = history(None, &[(100, none)], &[]);
        assert_eq!(undescribed.at(200).unwrap().selectors, Some(Selectors::default()));
        assert_eq!(history(None, &[(100, Change::Selected(None))], &[]).at(200).unwrap().selectors, None);
    }

    #[test]
    fn nothing_is_carried_over_a_time_in_which_a_change_would_not_be_seen() {
        let single = Change::Updated(Settings { multi_region: Some(false), ..Settings::default() });
        let of = history(Some(described()), &[(10, single)], &[(50, 60)]);
        assert_eq!([9, 10, 49, 50, 59, 60].map(|at| multi(of.at(at))), [None, Some(false), Some(false), None, None, Some(true)]);
    }

    #[test]
    fn a_trail_records_nothing_before_it_was_created_and_while_it_was_stopped() {
        let created = Change::Created(Settings { multi_region: Some(true), ..Settings::default() });
        let of = history(
            Some(described()),
            &[(10, created), (11, Change::Started), (50, Change::Stopped), (60, Change::Started)],
            &[],
        );
        assert_eq!(of.at(9).unwrap().exists, Some(false));
        assert_eq!([10, 11, 49, 50, 59, 60].map(|at| of.is_off(at)), [true, false, false, true, true, false]);
        assert!(of.at(12).unwrap().selectors.is_some());
        let deleted = history(None, &[(20, Change::Deleted)], &[]);
        assert_eq!((deleted.at(19).unwrap().exists, deleted.at(20).unwrap().exists), (Some(true), Some(false)));
    }
}
