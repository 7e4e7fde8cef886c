//! The ARN formats of a service, by the catalog, held against an ARN of a policy: part by part.
//!
//! Shared by the checks of ARNs. What the catalog does not know is taken to be possible.

use leastwise_policy::Catalogue;
use leastwise_policy::catalogue::Service;

use super::managed_names;
use super::pattern::may_meet;

/// How an ARN stands to the formats of its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fit {
    /// Some format may be of it, or nothing is known.
    Fits,
    /// Its resource part is of no format; one format of the service is given.
    NoType(String),
    /// The types that the resource part may be of have another region.
    Region(Wanted, String),
    /// The types that the resource part may be of have another account.
    Account(Wanted, String),
}

/// What the formats have in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing.
    Empty,
    /// Something.
    Filled,
    /// Another fixed word.
    Other,
}

/// Formats of ARNs in the catalog's form, cut into six parts.
type Format<'c> = [&'c str; 6];

fn six(text: &str) -> Option<Format<'_>> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    Some([next()?, next()?, next()?, next()?, next()?, next()?])
}

/// The formats with that service in them: of the service of that prefix and, when there is none, of all services.
fn formats<'c>(catalogue: &'c Catalogue, service: &str) -> Vec<Format<'c>> {
    let of = |service: &'c Service| service.resource_types().iter().flat_map(|kind| &kind.arn_formats).filter_map(|f| six(f));
    let own: Vec<Format<'c>> = catalogue
        .service(service)
        .filter(|s| s.prefix() == service)
        .into_iter()
        .flat_map(of)
        .filter(|f| f[2] == service)
        .collect();
    if own.is_empty() { catalogue.services().flat_map(of).filter(|f| f[2] == service).collect() } else { own }
}

/// Holds the ARN against the formats. The parts are the policy's: service, region, account, resource.
pub(super) fn fit(catalogue: &Catalogue, [service, region, account, resource]: [&str; 4]) -> Fit {
    // A variable's own colon cuts it in two, so that the parts are not what they seem.
    if resource == "*" || wild(service) || [service, region, account].iter().any(|part| part.contains("${")) {
        return Fit::Fits;
    }
    let formats = formats(catalogue, service);
    let Some(first) = formats.first() else { return Fit::Fits };
    let pattern = as_glob(resource);
    let of_type: Vec<&Format<'_>> =
        formats.iter().filter(|f| !literals_differ(f[5], &pattern) && may_meet(&as_glob(f[5]), &pattern)).collect();
    let Some(sample) = of_type.first() else { return Fit::NoType(first.join(":")) };
    if of_type.iter().any(|f| part_fits(f[3], region) && part_fits(f[4], account)) {
        return Fit::Fits;
    }
    let format = sample.join(":");
    if !of_type.iter().any(|f| part_fits(f[3], region)) {
        return Fit::Region(wanted(of_type.iter().map(|f| f[3])), format);
    }
    if account.is_empty() && managed_names::has_resources_without_account(service) {
        return Fit::Fits;
    }
    let fitting = of_type.iter().filter(|f| part_fits(f[3], region));
    Fit::Account(wanted(fitting.clone().map(|f| f[4])), fitting.clone().next().map_or(format, |f| f.join(":")))
}

fn wanted<'f>(parts: impl Iterator<Item = &'f str>) -> Wanted {
    let (mut empty, mut filled) = (true, true);
    for part in parts {
        empty &= part.is_empty();
        filled &= part.starts_with("${");
    }
    match (empty, filled) {
        (true, _) => Wanted::Empty,
        (_, true) => Wanted::Filled,
        _ => Wanted::Other,
    }
}

/// Whether the format's part and the policy's may be the same text.
fn part_fits(format: &str, written: &str) -> bool {
    if written.contains("${") || written.bytes().any(|b| b == b'*') && written.bytes().all(|b| b == b'*') {
        return true;
    }
    if format.starts_with("${") || format == "*" { !written.is_empty() } else { may_meet(format, written) }
}

fn wild(text: &str) -> bool {
    leastwise_policy::glob::has_wildcard(text)
}

/// Whether the texts differ before either has something that varies, which is quick to see.
fn literals_differ(format: &str, pattern: &str) -> bool {
    let varies = |b: u8| matches!(b, b'$' | b'*' | b'?');
    format.bytes().zip(pattern.bytes()).take_while(|(a, b)| !varies(*a) && !varies(*b)).any(|(a, b)| a != b)
}

/// The text with each `${…}` turned into a star.
pub(super) fn as_glob(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, variable)) = rest.split_once("${") {
        out.push_str(before);
        out.push('*');
        rest = variable.split_once('}').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod unit {
    use super::*;

    fn fit_of(arn: &str) -> Fit {
        let [_, _, service, region, account, resource] = six(arn).unwrap();
        fit(Catalogue::embedded(), [service, region, account, resource])
    }

    #[test]
    fn an_arn_is_held_against_the_formats_of_its_service() {
        for arn in [
            "arn:aws:s3:::logs/*",
            "arn:aws:s3:*:*:logs",
            "arn:aws:s3:eu-west-1:111122223333:accesspoint/a/object/*",
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:aws:sqs:eu-west-1:111122223333:jobs",
            "arn:aws:ec2:eu-west-1::image/ami-1",
            "arn:aws:nothing:eu-west-1:111122223333:x",
            "arn:aws:lambda:eu-west-1:111122223333:*",
        ] {
            assert_eq!(fit_of(arn), Fit::Fits, "{arn}");
        }
        for (arn, wanted) in
            [("arn:aws:s3:eu-west-1::logs/*", Wanted::Empty), ("arn:aws:lambda::111122223333:function:f", Wanted::Filled)]
        {
            assert!(matches!(fit_of(arn), Fit::Region(w, _) if w == wanted), "{arn} {:?}", fit_of(arn));
        }
        for (arn, wanted) in [("arn:aws:s3::111122223333:logs", Wanted::Empty), ("arn:aws:iam:::role/app", Wanted::Filled)] {
            assert!(matches!(fit_of(arn), Fit::Account(w, _) if w == wanted), "{arn} {:?}", fit_of(arn));
        }
        assert!(matches!(fit_of("arn:aws:iam::111122223333:rolle/app"), Fit::NoType(_)));
    }
}
