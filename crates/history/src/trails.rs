//! What the configuration says about trails: the answers of `describe-trails` and `get-event-selectors`.
//!
//! Beside the logs, which cannot show in which regions nothing happened nor which data events were not recorded. A
//! configuration states what holds now, and logs may come from any of an account's trails: so it only adds what all
//! of them have in common, and never makes up for what the logs themselves lack.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::access::AccountId;
use leastwise::usage::{RegionScope, TrailCoverage};
use serde::Deserialize;

use crate::Problem;

/// What is stated about one trail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatedTrail {
    /// Whether it looks in all regions.
    pub multi_region: bool,
    /// Whether it records for all accounts of its organization.
    pub organization: bool,
    /// Resource types whose data events it records without exception; `*` for all.
    pub data_types: BTreeSet<String>,
    /// Prefixes of services whose management events it leaves out.
    pub excluded_services: BTreeSet<String>,
}

/// The trails that somebody described, by ARN.
#[derive(Debug, Default)]
pub struct DescribedTrails {
    trails: BTreeMap<String, StatedTrail>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "trailList")]
    trails: Option<Vec<Trail>>,
    #[serde(rename = "TrailARN")]
    arn: Option<String>,
    #[serde(rename = "EventSelectors")]
    selectors: Option<Vec<Selector>>,
    #[serde(rename = "AdvancedEventSelectors")]
    advanced: Option<Vec<Advanced>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Trail {
    #[serde(rename = "TrailARN")]
    arn: Option<String>,
    is_multi_region_trail: bool,
    is_organization_trail: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Selector {
    read_write_type: Option<String>,
    data_resources: Vec<DataResource>,
    exclude_management_event_sources: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct DataResource {
    r#type: String,
    values: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Advanced {
    field_selectors: Vec<Field>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Field {
    field: String,
    equals: Vec<String>,
    not_equals: Vec<String>,
}

impl DescribedTrails {
    /// Reads one answer; `name` is what the file is called in a problem.
    ///
    /// # Errors
    /// A text that is neither of the two answers.
    pub fn add(&mut self, name: &str, text: &[u8]) -> Result<(), Problem> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let problem = |message: String| Problem { file: name.to_owned(), record: None, message };
        let answer: Answer = serde_json::from_slice(text)
            .map_err(|error| problem(format!("is no answer of `describe-trails` or `get-event-selectors`: {error}")))?;
        for trail in answer.trails.iter().flatten() {
            let Some(arn) = trail.arn.clone() else { return Err(problem("has a trail without `TrailARN`".to_owned())) };
            let stated = self.trails.entry(arn).or_default();
            stated.multi_region = trail.is_multi_region_trail;
            stated.organization = trail.is_organization_trail;
        }
        if answer.selectors.is_none() && answer.advanced.is_none() {
            let known = answer.trails.is_some();
            return if known { Ok(()) } else { Err(problem("has neither `trailList` nor `EventSelectors`".to_owned())) };
        }
        let Some(arn) = answer.arn else { return Err(problem("has no `TrailARN`".to_owned())) };
        let stated = self.trails.entry(arn).or_default();
        answer.selectors.iter().flatten().for_each(|selector| selector.add_to(stated));
        answer.advanced.iter().flatten().for_each(|selector| selector.add_to(stated));
        Ok(())
    }

    /// Adds to what an account's logs show what is stated about all of its trails. Nothing when none is described.
    pub fn apply(&self, coverage: &mut TrailCoverage) {
        let of_account = |(arn, trail): &(&String, &StatedTrail)| trail.organization || account_of(arn) == Some(coverage.account);
        let Some(stated) = self.trails.iter().filter(of_account).map(|(_, trail)| trail.clone()).reduce(StatedTrail::and) else {
            return;
        };
        if stated.multi_region {
            coverage.regions = RegionScope::All;
        }
        coverage.data_types.extend(stated.data_types);
        coverage.excluded_services.extend(stated.excluded_services);
    }
}

fn account_of(arn: &str) -> Option<AccountId> {
    AccountId::parse(arn.split(':').nth(4)?)
}

impl StatedTrail {
    /// What both trails record.
    fn and(self, other: StatedTrail) -> StatedTrail {
        let all = |types: &BTreeSet<String>| types.contains("*");
        let data_types = match (all(&self.data_types), all(&other.data_types)) {
            (true, _) => other.data_types,
            (_, true) => self.data_types,
            _ => self.data_types.intersection(&other.data_types).cloned().collect(),
        };
        StatedTrail {
            multi_region: self.multi_region && other.multi_region,
            organization: self.organization && other.organization,
            data_types,
            excluded_services: self.excluded_services.union(&other.excluded_services).cloned().collect(),
        }
    }
}

impl Selector {
    fn add_to(&self, stated: &mut StatedTrail) {
        // What is not stated is `All` (CloudTrail API reference, EventSelector).
        let all_calls = self.read_write_type.as_deref().is_none_or(|kind| kind == "All");
        for resource in self.data_resources.iter().filter(|_| all_calls) {
            // A bare `arn:aws:s3` selects every object, every function, every table.
            let everything = |value: &String| {
                let mut parts = value.split(':').skip(2);
                parts.next().is_some_and(|service| ["s3", "lambda", "dynamodb"].contains(&service)) && parts.all(str::is_empty)
            };
            if resource.values.iter().any(everything) {
                stated.data_types.insert(resource.r#type.clone());
            }
        }
        stated.excluded_services.extend(self.exclude_management_event_sources.iter().map(|source| service_of(source)));
    }
}

impl Advanced {
    fn add_to(&self, stated: &mut StatedTrail) {
        let field = |name: &str| self.field_selectors.iter().find(|field| field.field == name);
        let is = |wanted: &str| field("eventCategory").is_some_and(|category| category.equals.iter().any(|own| own == wanted));
        if is("Management") {
            let left_out = self.field_selectors.iter().filter(|f| f.field == "eventSource").flat_map(|f| &f.not_equals);
            stated.excluded_services.extend(left_out.map(|source| service_of(source)));
        }
        // Any further field leaves some of the type's events out.
        let plain = self
            .field_selectors
            .iter()
            .all(|field| ["eventCategory", "resources.type"].contains(&field.field.as_str()) && field.not_equals.is_empty());
        if is("Data") && plain && self.field_selectors.len() == 2 {
            stated.data_types.extend(field("resources.type").into_iter().flat_map(|field| field.equals.iter().cloned()));
        }
    }
}

/// The prefix behind an event source that a trail can leave out: `kms.amazonaws.com`, `rdsdata.amazonaws.com`.
fn service_of(source: &str) -> String {
    match source.split('.').next().unwrap_or_default() {
        "rdsdata" => "rds-data".to_owned(),
        label => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leastwise::access::Timestamp;
    use leastwise::usage::ObservationWindow;

    fn coverage(texts: &[&str]) -> TrailCoverage {
        let mut trails = DescribedTrails::default();
        texts.iter().for_each(|text| trails.add("x", text.as_bytes()).unwrap());
        let at = Timestamp::parse("2026-03-01").unwrap();
        let mut coverage = TrailCoverage {
            account: AccountId::parse("111122223333").unwrap(),
            regions: RegionScope::Only(BTreeSet::new()),
            window: ObservationWindow { from: at, to: at },
            gaps: Vec::new(),
            management_reads: true,
            management_writes: true,
            excluded_services: BTreeSet::new(),
            data_types: BTreeSet::new(),
        };
        trails.apply(&mut coverage);
        coverage
    }

    const ARN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/all";

    fn described(arn: &str, multi: bool) -> String {
        format!(r#"{{"trailList":[{{"Name":"x","TrailARN":"{arn}","IsMultiRegionTrail":{multi},"IsOrganizationTrail":false}}]}}"#)
    }

    #[test]
    fn a_trail_of_all_regions_looks_in_all_regions_and_only_in_its_own_account() {
        assert_eq!(coverage(&[&described(ARN, true)]).regions, RegionScope::All);
        assert!(matches!(coverage(&[&described(ARN, false)]).regions, RegionScope::Only(_)));
        let other = ARN.replace("111122223333", "444455556666");
        assert!(matches!(coverage(&[&described(&other, true)]).regions, RegionScope::Only(_)));
    }

    #[test]
    fn data_events_count_when_nothing_of_their_type_is_left_out() {
        let selected = |selectors: &str| coverage(&[&format!(r#"{{"TrailARN":"{ARN}",{selectors}}}"#)]);
        let whole = r#""EventSelectors":[{"ReadWriteType":"All","DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}],"ExcludeManagementEventSources":["kms.amazonaws.com"]}]"#;
        assert!(selected(whole).shows_data_of("AWS::S3::Object"));
        assert!(selected(whole).excluded_services.contains("kms"));
        assert!(!selected(&whole.replace("\"All\"", "\"WriteOnly\"")).shows_data_of("AWS::S3::Object"));
        assert!(!selected(&whole.replace("arn:aws:s3", "arn:aws:s3:::one-bucket/")).shows_data_of("AWS::S3::Object"));
        let advanced = r#""AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::SNS::Topic"]}]}]"#;
        assert!(selected(advanced).shows_data_of("AWS::SNS::Topic"));
        let partly = advanced.replace("[\"Data\"]},", "[\"Data\"]},{\"Field\":\"readOnly\",\"Equals\":[\"false\"]},");
        assert!(!selected(&partly).shows_data_of("AWS::SNS::Topic"));
    }

    #[test]
    fn of_several_trails_only_what_all_of_them_record_counts() {
        let second = ARN.replace("trail/all", "trail/second");
        assert!(matches!(coverage(&[&described(ARN, true), &described(&second, false)]).regions, RegionScope::Only(_)));
        assert_eq!(coverage(&[&described(ARN, true), &described(&second, true)]).regions, RegionScope::All);
    }

    #[test]
    fn another_text_is_a_problem() {
        let mut trails = DescribedTrails::default();
        for text in ["{", "{}", "[]", r#"{"EventSelectors":[]}"#] {
            assert!(trails.add("x", text.as_bytes()).is_err(), "{text}");
        }
    }
}
