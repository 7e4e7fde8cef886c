//! Certificates: made by `certify`, read back, checked, and refused when anything was tampered with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::{Candidate, Certificate, CertificateError, certify};

const ORIGINAL: &str = r#"{"Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"*"}]}"#;
const REFINED: &str = r#"{"Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"*"}]}"#;
const UNUSED: &str = "s3:PutObject";

struct Texts(Vec<&'static str>);

impl Candidate for Texts {
    fn documents(&self) -> Vec<&str> {
        self.0.clone()
    }
}

fn original() -> Policy {
    Policy::parse(ORIGINAL).unwrap()
}

fn unused() -> Unused {
    Unused::parse(UNUSED).unwrap()
}

fn certificate() -> Certificate {
    let verified = certify(&original(), &unused(), Catalogue::embedded(), Texts(vec![REFINED]));
    verified.unwrap_or_else(|refuted| panic!("{}", refuted.refusal)).certificate().clone()
}

#[test]
fn a_certificate_reads_back_as_it_was_and_checks() {
    let certificate = certificate();
    let text = certificate.to_json();
    assert_eq!(Certificate::from_json(&text).unwrap(), certificate);
    assert_eq!(Certificate::from_json(&text).unwrap().to_json(), text);
    let claims = certificate.check(&original(), &[REFINED], &unused(), Catalogue::embedded()).unwrap();
    assert!(claims.hold());
    // The spelling of the unused list does not matter, what it says does.
    let rows = Unused::parse(r#"[{"serviceNamespace":"S3","actions":["putobject"]}]"#).unwrap();
    assert!(certificate.check(&original(), &[REFINED], &rows, Catalogue::embedded()).is_ok());
}

#[test]
fn the_text_has_the_digests_in_a_fixed_order() {
    let text = certificate().to_json();
    // printf %s … | sha256sum
    let sha256 = "\"original\": { \"sha256\": \"";
    let at = text.find(sha256).unwrap() + sha256.len();
    assert!(text[at..at + 64].bytes().all(|b| b.is_ascii_hexdigit()));
    let keys: Vec<usize> =
        ["\"schema\"", "\"leastwise\"", "\"original\"", "\"refined\"", "\"unused\"", "\"catalog\"", "\"claims\""]
            .iter()
            .map(|key| text.find(key).unwrap())
            .collect();
    assert!(keys.is_sorted(), "{text}");
}

#[test]
fn every_other_input_is_told_apart() {
    let certificate = certificate();
    let check = |original: &str, refined: &[&str], unused: &str, catalogue: &Catalogue| {
        certificate.check(&Policy::parse(original).unwrap(), refined, &Unused::parse(unused).unwrap(), catalogue).unwrap_err()
    };
    let input = |error: CertificateError| match error {
        CertificateError::OtherInput { input, .. } => input,
        other => panic!("{other:?}"),
    };
    let embedded = Catalogue::embedded();
    assert_eq!(input(check(&ORIGINAL.replace('{', "{ "), &[REFINED], UNUSED, embedded)), "original");
    assert_eq!(input(check(ORIGINAL, &[&REFINED.replace('{', "{ ")], UNUSED, embedded)), "refined[0]");
    assert_eq!(input(check(ORIGINAL, &[REFINED], "s3:GetObject", embedded)), "unused");
    let text = embedded.render().replacen("GetObjectAcl", "GetObjectAcm", 1);
    assert_eq!(input(check(ORIGINAL, &[REFINED], UNUSED, &Catalogue::parse(text).unwrap())), "catalogue");
    assert!(matches!(check(ORIGINAL, &[], UNUSED, embedded), CertificateError::OtherCount { recorded: 1, found: 0 }));
    assert!(matches!(check(ORIGINAL, &["{"], UNUSED, embedded), CertificateError::NotAPolicy { document: 0, .. }));
}

#[test]
fn a_forged_certificate_does_not_stand_because_the_claims_are_decided_anew() {
    // Somebody writes the digests of a refinement that loses an action.
    let bad = r#"{"Statement":[{"Effect":"Allow","Action":["s3:PutObject"],"Resource":"*"}]}"#;
    let of_bad = certify(
        &Policy::parse(bad).unwrap(),
        &Unused::default(),
        Catalogue::embedded(),
        Texts(vec![r#"{"Statement":[{"Effect":"Allow","Action":["s3:PutObject"],"Resource":"*"}]}"#]),
    )
    .unwrap_or_else(|r| panic!("{}", r.refusal))
    .certificate()
    .to_json();
    let refined = |text: &str| {
        let from = text.find("\"refined\"").unwrap();
        let to = text.find("\"unused\"").unwrap();
        text[from..to].to_owned()
    };
    let good = certificate().to_json();
    let forged = good.replace(&refined(&good), &refined(&of_bad));
    let forged = Certificate::from_json(&forged).unwrap();
    let error = forged.check(&original(), &[bad], &unused(), Catalogue::embedded()).unwrap_err();
    assert!(matches!(error, CertificateError::ClaimFails { .. }), "{error:?}");
}

#[test]
fn what_is_not_a_certificate_is_refused_with_what_it_lacks() {
    let good = certificate().to_json();
    for (bad, message) in [
        ("{".to_owned(), "line 1"),
        ("{}".to_owned(), "`schema`"),
        (good.replace("\"schema_version\": 1", "\"schema_version\": 2"), "`schema_version`"),
        (good.replace("\"adds_nothing\": \"holds\"", "\"adds_nothing\": \"refuted\""), "`refuted`"),
        (good.replace("\"keeps_structure\"", "\"keeps\""), "`claims.keeps_structure`"),
        (good.replace("\"date\"", "\"day\""), "`catalog.date`"),
    ] {
        let error = Certificate::from_json(&bad).unwrap_err();
        assert!(error.to_string().contains(message), "{error}: {bad}");
    }
}
