//! The partitions of AWS and their regions, as botocore 1.44.8 lists them (`partitions.json` and `endpoints.json`, 2026-11).
//!
//! A region's name says its partition, also when the region is newer than the list.

/// Partitions and their regions.
const REGIONS: [(&str, &[&str]); 8] = [
    (
        "aws",
        &[
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "me-west-1",
            "mx-central-1",
            "sa-east-1",
            "sa-west-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ],
    ),
    ("aws-cn", &["cn-north-1", "cn-northwest-1"]),
    ("aws-us-gov", &["us-gov-east-1", "us-gov-west-1"]),
    ("aws-iso", &["us-iso-east-1", "us-iso-west-1"]),
    ("aws-iso-b", &["us-isob-east-1", "us-isob-west-1"]),
    ("aws-iso-e", &["eu-isoe-west-1"]),
    ("aws-iso-f", &["us-isof-east-1", "us-isof-south-1"]),
    ("aws-eusc", &["eusc-de-east-1"]),
];

/// Whether AWS has a partition of that name.
pub(super) fn is_partition(text: &str) -> bool {
    REGIONS.iter().any(|(partition, _)| *partition == text)
}

/// Whether the list has the region.
pub(super) fn is_listed(region: &str) -> bool {
    all().any(|own| own == region)
}

/// Every region of the list.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    REGIONS.iter().flat_map(|(_, regions)| regions.iter().copied())
}

/// Whether the text is shaped as a region: `eu-west-1`, `us-gov-east-1`, `us-isob-east-1`.
pub(super) fn is_shaped(text: &str) -> bool {
    let mut parts = text.split('-').rev();
    let number = parts.next().is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let mut words = 0;
    let lower = parts.all(|word| {
        words += 1;
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
    });
    number && lower && (2..=3).contains(&words)
}

/// The partition that a text shaped as a region is in.
pub(super) fn partition_of(region: &str) -> &'static str {
    let prefixes = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    prefixes.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn each_region_of_the_list_is_shaped_as_one_and_says_its_partition() {
        for (partition, regions) in REGIONS {
            assert!(is_partition(partition));
            for region in regions {
                assert!(is_shaped(region) && is_listed(region), "{region}");
                assert_eq!(partition_of(region), partition, "{region}");
            }
        }
        for text in ["europe", "eu-west", "EU-WEST-1", "us-east-1a", "", "1"] {
            assert!(!is_shaped(text), "{text}");
        }
        assert!(!is_listed("us-east-9") && !is_partition("amazon"));
    }
}
