//! Tests of timelines; they stand beside `timeline.rs` and are compiled for tests only.

use super::super::window::tests::{at, quarter};
use super::*;

pub(crate) fn trail() -> TrailTimeline {
    let account = AccountId::parse("111122223333").unwrap();
    let window = ObservationWindow { from: at("2025-12-01"), to: at("2026-04-01") };
    TrailTimeline::complete(account, window, &["eu-west-1", "us-east-1"], [RecordKind::Reads, RecordKind::Writes])
}

fn lacks(trail: &TrailTimeline, place: RecordedIn) -> Option<Shortfall> {
    trail.observed(place, &RecordKind::Reads, &quarter(), 0).err()
}

const ALL: RecordedIn = RecordedIn::EveryRegion;
const GLOBAL: RecordedIn = RecordedIn::Region("us-east-1");

/// Cuts a hole into the reads of a region.
fn cut(trail: &mut TrailTimeline, region: Option<&str>, from: &str, to: &str) {
    let spans = trail.spans.get_mut(&(region.map(str::to_owned), RecordKind::Reads)).unwrap();
    let whole = spans[0];
    *spans = vec![Span { to: at(from), ..whole }, Span { from: at(to), ..whole }];
}

#[test]
fn a_window_that_begins_late_or_ends_early_does_not_cover_the_period() {
    let mut short = trail();
    assert_eq!(short.shortfall(&quarter(), 0), None);
    short.window.to = at("2026-03-31T23:00:00Z");
    assert!(matches!(short.shortfall(&quarter(), 0), Some(Shortfall::Window(_))));
    assert_eq!(short.shortfall(&quarter(), 3600), None);
    short.window = ObservationWindow { from: at("2026-01-02"), to: at("2026-04-01") };
    assert!(matches!(short.shortfall(&quarter(), 3600), Some(Shortfall::Window(_))));
}

#[test]
fn a_hole_counts_inside_the_period_in_its_region_and_for_its_kind() {
    let mut early = trail();
    cut(&mut early, Some("eu-west-1"), "2025-12-20", "2026-01-01");
    assert_eq!(lacks(&early, ALL), None);
    for region in [Some("eu-west-1"), None] {
        let mut holed = trail();
        cut(&mut holed, region, "2026-02-01T03:00:00Z", "2026-02-01T04:00:00Z");
        assert!(matches!(lacks(&holed, ALL), Some(Shortfall::Gap(gap)) if gap.from == at("2026-02-01T03:00:00Z")), "{region:?}");
        assert_eq!(lacks(&holed, GLOBAL), None);
        assert_eq!(holed.observed(ALL, &RecordKind::Writes, &quarter(), 0).map(|seen| seen.ground), Ok(Ground::Described));
    }
}

#[test]
fn the_gap_of_a_hole_is_the_one_that_concerns_its_region_and_kind() {
    let mut holed = trail();
    cut(&mut holed, Some("eu-west-1"), "2026-02-01", "2026-02-03");
    let gap = |region: Option<&str>, cause| Gap {
        from: at("2026-02-01"),
        to: at("2026-02-02"),
        region: region.map(str::to_owned),
        cause,
    };
    holed.gaps = vec![
        gap(Some("us-east-1"), GapCause::NoDelivery),
        gap(None, GapCause::KindMissing(RecordKind::Writes)),
        gap(Some("eu-west-1"), GapCause::KindMissing(RecordKind::Reads)),
    ];
    assert_eq!(lacks(&holed, ALL), Some(Shortfall::Gap(holed.gaps[2].clone())));
}

#[test]
fn what_no_trail_was_set_up_for_is_not_recorded_where_selectors_are_known() {
    let mut narrow = trail();
    narrow.set_up.remove(&RecordKind::Reads);
    assert_eq!(lacks(&narrow, ALL), Some(Shortfall::NotRecorded(RecordKind::Reads)));
    narrow.selectors_known = false;
    assert_eq!(lacks(&narrow, ALL), None);
    let data = RecordKind::Data("AWS::S3::Object".to_owned());
    assert_eq!(narrow.observed(ALL, &data, &quarter(), 0).err(), Some(Shortfall::NotRecorded(data)));
}

#[test]
fn regions_without_deliveries_count_unless_all_enabled_ones_deliver() {
    let mut two = trail();
    two.spans.retain(|(region, _), _| region.is_some());
    assert!(matches!(lacks(&two, ALL), Some(Shortfall::Regions(_))));
    assert_eq!(lacks(&two, GLOBAL), None);
    two.enabled = Some(["eu-west-1".to_owned()].into());
    assert_eq!(lacks(&two, ALL), None);
    two.enabled = Some(["eu-west-1".to_owned(), "eu-north-1".to_owned()].into());
    assert!(matches!(lacks(&two, ALL), Some(Shortfall::Regions(_))));
    two.regions.remove("us-east-1");
    assert!(matches!(lacks(&two, GLOBAL), Some(Shortfall::Regions(_))));
}

#[test]
fn what_only_deliveries_show_concludes_nothing_and_the_weakest_ground_holds() {
    let mut mixed = trail();
    let key = (Some("eu-west-1".to_owned()), RecordKind::Reads);
    mixed.spans.get_mut(&key).unwrap()[0].ground = Ground::Asserted;
    assert_eq!(mixed.observed(ALL, &RecordKind::Reads, &quarter(), 0).map(|seen| seen.ground), Ok(Ground::Asserted));
    mixed.spans.get_mut(&key).unwrap()[0].ground = Ground::Delivered;
    assert!(matches!(lacks(&mixed, ALL), Some(Shortfall::Gap(_))));
}

#[test]
fn events_of_a_service_that_was_left_out_are_of_a_kind_of_their_own() {
    let mut trail = trail();
    assert_eq!(trail.management_of("kms", true), RecordKind::Writes);
    trail.excluded.insert("kms".to_owned());
    assert_eq!(trail.management_of("kms", false), RecordKind::ReadsOf("kms".to_owned()));
    assert_eq!(trail.management_of("s3", false), RecordKind::Reads);
}

#[test]
fn global_services_record_in_one_region_of_their_partition() {
    assert_eq!(recording_region("IAM", "aws"), GLOBAL);
    assert_eq!(recording_region("iam", "aws-cn"), RecordedIn::Region("cn-northwest-1"));
    for (service, partition) in [("sts", "aws"), ("ec2", "aws"), ("cloudfront", "aws-iso")] {
        assert_eq!(recording_region(service, partition), ALL, "{service}");
    }
}

#[test]
fn a_timeline_that_is_cut_knows_nothing_behind_the_cut() {
    let cut = trail().up_to(at("2026-02-01"));
    assert_eq!(cut.window.to, at("2026-02-01"));
    assert!(matches!(lacks(&cut, ALL), Some(Shortfall::Window(_))));
    let early = TrackingPeriod::ending(at("2026-02-01"), 30).unwrap();
    assert_eq!(cut.shortfall(&early, 0), None);
}
