//! What AWS says about trails, regions and accounts now: answers of its command line.
//!
//! `describe-trails` (or `get-trail`), `get-event-selectors`, `get-trail-status`, `account list-regions`, and `organizations
//! list-accounts`. An answer holds at its moment; how far back, the changes in the log decide (`timeline`). Two answers about the
//! same trail that contradict each other are believed as far as both agree.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::access::{AccountId, Timestamp};
use serde_json::{Map, Value};

use super::changes::{Settings, TrailName};
use super::intervals::Intervals;
use super::selectors::{Selectors, member};
use crate::Problem;

/// What AWS says about the trails of some accounts.
#[derive(Debug, Default, Clone)]
pub struct DescribedTrails {
    trails: BTreeMap<TrailName, Described>,
    /// Answers of `get-trail-status` do not name their trail: the file, and when the trail was not logging.
    statuses: Vec<(String, Intervals)>,
    /// Enabled regions. The answer does not name its account: the path of the file may.
    regions: BTreeMap<Option<AccountId>, BTreeSet<String>>,
    /// Accounts of organizations, by their management account.
    members: BTreeMap<AccountId, BTreeSet<AccountId>>,
}

/// What is said about one trail; none where nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) settings: Settings,
    pub(crate) selectors: Option<Selectors>,
    /// When it was not logging.
    pub(crate) off: Intervals,
}

impl DescribedTrails {
    /// Reads one answer; `name` is what the file is called in a problem.
    ///
    /// # Errors
    /// A text that is none of the answers.
    pub fn add(&mut self, name: &str, text: &[u8]) -> Result<(), Problem> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let problem = |message: String| Problem { file: name.to_owned(), record: None, message };
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            problem(format!("is no answer of `aws cloudtrail describe-trails` or `get-event-selectors`: {error}"))
        })?;
        let other = || {
            problem(
                "is no answer that describes trails: none of `trailList`, `EventSelectors`, `IsLogging`, `Regions` is in it"
                    .to_owned(),
            )
        };
        let answer = value.as_object().ok_or_else(other)?;
        self.take(name, answer).map_err(problem)?.then_some(()).ok_or_else(other)
    }

    /// Takes what the answer says, and tells whether it says anything that is known here.
    fn take(&mut self, name: &str, answer: &Map<String, Value>) -> Result<bool, String> {
        let mut known = false;
        let one = member(answer, "Trail");
        let list = member(answer, "trailList").and_then(Value::as_array);
        for trail in list.into_iter().flatten().chain(one) {
            let trail = trail.as_object().ok_or("has a trail that is no object")?;
            let arn = member(trail, "TrailARN").and_then(Value::as_str).ok_or("has a trail without `TrailARN`")?;
            let of = TrailName::of_arn(arn).ok_or_else(|| format!("has a `TrailARN` that is none: `{arn}`"))?;
            let mut described = Described { settings: Settings::read(trail), ..Described::default() };
            if member(trail, "HasCustomEventSelectors").and_then(Value::as_bool) == Some(false) {
                described.selectors = Some(Selectors::standard());
            }
            self.describe(of, described);
            known = true;
        }
        known |= list.is_some();
        if let Some(selectors) = Selectors::read(answer) {
            let arn = member(answer, "TrailARN").and_then(Value::as_str).ok_or("has no `TrailARN`")?;
            let of = TrailName::of_arn(arn).ok_or_else(|| format!("has a `TrailARN` that is none: `{arn}`"))?;
            self.describe(of, Described { selectors: Some(selectors), ..Described::default() });
            known = true;
        }
        if let Some(logging) = member(answer, "IsLogging") {
            let logging = logging.as_bool().ok_or("has an `IsLogging` that is no truth value")?;
            self.statuses.push((name.to_owned(), off(logging, answer)));
            known = true;
        }
        if let Some(regions) = member(answer, "Regions").and_then(Value::as_array) {
            let more = member(answer, "NextToken").is_some_and(|token| !token.is_null());
            let enabled: Option<BTreeSet<String>> =
                regions.iter().map(region).collect::<Option<Vec<_>>>().map(|all| all.into_iter().flatten().collect());
            let enabled = enabled
                .filter(|all| !all.is_empty() && !more)
                .ok_or("is no whole list of regions: fetch it again, with all pages")?;
            // Of several lists any region counts that one of them has.
            self.regions.entry(AccountId::in_path(name)).or_default().extend(enabled);
            known = true;
        }
        if let Some(accounts) = member(answer, "Accounts").and_then(Value::as_array) {
            for account in accounts.iter().filter_map(Value::as_object) {
                let text = |name| member(account, name).and_then(Value::as_str);
                let management = text("Arn").and_then(|arn| arn.split(':').nth(4)).and_then(AccountId::parse);
                if let Some((management, account)) = management.zip(text("Id").and_then(AccountId::parse)) {
                    self.members.entry(management).or_default().insert(account);
                }
            }
            known = true;
        }
        Ok(known)
    }

    fn describe(&mut self, of: TrailName, described: Described) {
        let both = |one: Option<bool>, other: Option<bool>| match (one, other) {
            (Some(one), Some(other)) => Some(one && other),
            (one, other) => one.or(other),
        };
        let known = self.trails.entry(of).or_default();
        let (own, other) = (&mut known.settings, described.settings);
        own.multi_region = both(own.multi_region, other.multi_region);
        own.organization = both(own.organization, other.organization);
        own.global_events = both(own.global_events, other.global_events);
        known.selectors = match (known.selectors.take(), described.selectors) {
            (Some(one), Some(other)) => Some(one.and(&other)),
            (one, other) => one.or(other),
        };
    }

    /// The trails, with what is said of when each was logging.
    pub(crate) fn trails(&self) -> BTreeMap<TrailName, Described> {
        let mut trails = self.trails.clone();
        for (file, off) in &self.statuses {
            let base = file.rsplit(['/', '\\']).next().unwrap_or_default();
            let named: Vec<TrailName> = trails.keys().filter(|trail| base.contains(&trail.name)).cloned().collect();
            // The longest name that the file's has; without one it may be any trail's.
            let longest = named.iter().map(|trail| trail.name.len()).max();
            for (name, trail) in &mut trails {
                if longest.is_none_or(|longest| name.name.len() == longest && named.contains(name)) {
                    trail.off = trail.off.union(off);
                }
            }
        }
        trails
    }

    /// The regions that the account has enabled, when that is known. `alone` says that logs of no other account were read, so that
    /// a list without an account is of this one.
    pub(crate) fn enabled(&self, account: AccountId, alone: bool) -> Option<&BTreeSet<String>> {
        self.regions.get(&Some(account)).or_else(|| self.regions.get(&None).filter(|_| alone))
    }

    /// Whether the account list of its organization says so.
    pub(crate) fn is_member(&self, management: &str, account: AccountId) -> bool {
        AccountId::parse(management)
            .and_then(|management| self.members.get(&management))
            .is_some_and(|all| all.contains(&account))
    }
}

/// When a trail was not logging, by its status. Before it was started last it was stopped, as far as is known.
fn off(logging: bool, answer: &Map<String, Value>) -> Intervals {
    let at = |name| member(answer, name).and_then(moment);
    let (started, stopped) = (at("StartLoggingTime"), at("StopLoggingTime"));
    let fails = member(answer, "LatestDeliveryError").and_then(Value::as_str).is_some_and(|error| !error.is_empty());
    let failed = if fails { Some((at("LatestDeliveryTime").unwrap_or(i64::MIN), i64::MAX)) } else { None };
    let rest = match (logging, started, stopped) {
        (false, _, stopped) => Some((stopped.unwrap_or(i64::MIN), i64::MAX)),
        (true, Some(started), Some(stopped)) if stopped < started => Some((stopped, started)),
        (true, Some(started), _) => Some((i64::MIN, started)),
        (true, None, _) => None,
    };
    Intervals::of(failed.into_iter().chain(rest))
}

/// A time as the command line writes it: text, or seconds since 1970.
fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => Timestamp::parse(text).map(Timestamp::seconds),
        #[allow(clippy::cast_possible_truncation)] // Seconds; what is out of bounds is at their end.
        Value::Number(number) => number.as_f64().map(|seconds| seconds as i64),
        _ => None,
    }
}

/// A region of a list: its name when it is enabled, an empty option when it is not; none when the entry does not tell.
fn region(entry: &Value) -> Option<Option<String>> {
    let entry = entry.as_object()?;
    let name = member(entry, "RegionName")?.as_str()?;
    let status = member(entry, "RegionOptStatus").or_else(|| member(entry, "OptInStatus"))?.as_str()?;
    Some((!["DISABLED", "not-opted-in"].contains(&status)).then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use leastwise::usage::RecordKind;

    use super::super::selectors::Amount;
    use super::*;

    const ARN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/all";

    fn described(texts: &[&str]) -> Described {
        let mut trails = DescribedTrails::default();
        texts.iter().for_each(|text| trails.add("x/all-1.json", text.as_bytes()).unwrap());
        trails.trails().remove(&TrailName::of_arn(ARN).unwrap()).unwrap_or_default()
    }

    fn trail(members: &str) -> String {
        format!(r#"{{"trailList":[{{"Name":"all","TrailARN":"{ARN}",{members}}}]}}"#)
    }

    #[test]
    fn answers_about_a_trail_add_up_in_any_order_and_contradictions_are_believed_where_both_agree() {
        let (multi, single) = (trail(r#""IsMultiRegionTrail":true"#), trail(r#""IsMultiRegionTrail":false"#));
        assert_eq!(described(&[&multi]).settings.multi_region, Some(true));
        assert_eq!(described(&[&multi, &single]), described(&[&single, &multi]));
        assert_eq!(described(&[&multi, &single]).settings.multi_region, Some(false));
        let of = |kind: &str| format!(r#"{{"TrailARN":"{ARN}","EventSelectors":[{{"ReadWriteType":"{kind}"}}]}}"#);
        let both = described(&[&of("All"), &of("WriteOnly"), &multi]);
        assert_eq!(both.selectors.map(|both| both.amount(&RecordKind::Reads)), Some(Amount::Nothing));
    }

    #[test]
    fn a_trail_without_custom_selectors_has_the_standard_ones_and_otherwise_they_are_not_known() {
        assert_eq!(described(&[&trail(r#""HasCustomEventSelectors":false"#)]).selectors, Some(Selectors::standard()));
        for unknown in [r#""HasCustomEventSelectors":true"#, r#""HomeRegion":"eu-west-1""#] {
            assert_eq!(described(&[&trail(unknown)]).selectors, None);
        }
        let one = format!(r#"{{"Trail":{{"TrailARN":"{ARN}","IsMultiRegionTrail":true}}}}"#);
        assert_eq!(described(&[&one]).settings.multi_region, Some(true));
    }

    #[test]
    fn a_status_says_when_its_trail_was_not_logging() {
        let known = trail(r#""IsMultiRegionTrail":true"#);
        let off = |status: &str| described(&[&known, status]).off.iter().collect::<Vec<_>>();
        let at = |text: &str| Timestamp::parse(text).unwrap().seconds();
        assert_eq!(off(r#"{"IsLogging":true}"#), []);
        assert_eq!(off(r#"{"IsLogging":false,"StopLoggingTime":"2026-10-02"}"#), [(at("2026-10-02"), i64::MAX)]);
        assert_eq!(off(r#"{"IsLogging":true,"StartLoggingTime":"2026-10-02"}"#), [(i64::MIN, at("2026-10-02"))]);
        let resumed = r#"{"IsLogging":true,"StartLoggingTime":1790899200.5,"StopLoggingTime":"2026-10-01T00:00:00+00:00"}"#;
        assert_eq!(off(resumed), [(at("2026-10-01"), 1_790_899_200)]);
        assert_eq!(off(r#"{"IsLogging":true,"LatestDeliveryError":"NoSuchBucket"}"#), [(i64::MIN, i64::MAX)]);
    }

    #[test]
    fn lists_of_regions_and_accounts_are_read_whole_or_not_at_all() {
        let mut trails = DescribedTrails::default();
        let account = AccountId::parse("111122223333").unwrap();
        let list = r#"{"Regions":[{"RegionName":"us-east-1","RegionOptStatus":"ENABLED_BY_DEFAULT"},{"RegionName":"me-south-1","RegionOptStatus":"DISABLED"}]}"#;
        trails.add("111122223333-regions.json", list.as_bytes()).unwrap();
        assert_eq!(trails.enabled(account, false), Some(&["us-east-1".to_owned()].into()));
        let page = list.replacen('{', r#"{"NextToken":"t","#, 1);
        for broken in [page.as_str(), r#"{"Regions":[]}"#, r#"{"Regions":[{"RegionName":"us-east-1"}]}"#] {
            assert!(trails.add("x", broken.as_bytes()).is_err(), "{broken}");
        }
        let accounts =
            r#"{"Accounts":[{"Id":"444455556666","Arn":"arn:aws:organizations::111122223333:account/o-1/444455556666"}]}"#;
        trails.add("x", accounts.as_bytes()).unwrap();
        assert!(
            trails.is_member("111122223333", AccountId::parse("444455556666").unwrap())
                && !trails.is_member("111122223333", account)
        );
    }

    #[test]
    fn another_text_is_a_problem() {
        let mut trails = DescribedTrails::default();
        for text in ["{", "{}", "[]", r#"{"EventSelectors":[]}"#, r#"{"trailList":[{"Name":"x"}]}"#, r#"{"IsLogging":"no"}"#] {
            assert!(trails.add("x", text.as_bytes()).is_err(), "{text}");
        }
    }
}
