//! Archive rules: list, make, delete, apply.
//!
//! A form of the store's filters; what it cannot say is shown as the provider writes it, and made through the API.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use leastwise::findings::FindingKind;

use super::fields::Fields;
use super::frame::{Frame, frame};
use super::site::{PageError, Site, page};
use super::text::{day, encoded, kind};
use super::visitor::{AuthorizedForm, Level, ToAdminister, Visitor};
use crate::store::{Analyzer, Criterion, Filter, FilterKey, ResourceType};

#[derive(Debug, Clone)]
struct RuleView {
    name: String,
    href: String,
    says: Vec<String>,
    created: String,
}

#[derive(Debug, Clone)]
struct KindChoice {
    value: &'static str,
    name: &'static str,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    frame: Frame,
    rules: Vec<RuleView>,
    kinds: Vec<KindChoice>,
    may: bool,
}

fn words(key: FilterKey) -> &'static str {
    match key {
        FilterKey::Resource => "ARN",
        FilterKey::ResourceType => "principal",
        FilterKey::ResourceOwnerAccount => "account",
        FilterKey::FindingType => "type",
        FilterKey::Status => "status",
        FilterKey::Id => "id",
    }
}

fn value_words(value: &str) -> &str {
    match value {
        "AWS::IAM::Role" => "role",
        "AWS::IAM::User" => "user",
        other => kind(other),
    }
}

/// A filter as lines that people read.
fn says(filter: &Filter) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, criterion) in &filter.criteria {
        let of = |values: &[String]| values.iter().map(|value| value_words(value)).collect::<Vec<_>>().join(" or ");
        let key = words(*key);
        if !criterion.eq.is_empty() {
            lines.push(format!("{key} is {}", of(&criterion.eq)));
        }
        if !criterion.neq.is_empty() {
            lines.push(format!("{key} is not {}", of(&criterion.neq)));
        }
        if !criterion.contains.is_empty() {
            lines.push(format!("{key} contains {}", of(&criterion.contains)));
        }
        match criterion.exists {
            Some(true) => lines.push(format!("{key} is there")),
            Some(false) => lines.push(format!("{key} is not there")),
            None => {}
        }
    }
    lines
}

async fn chosen(site: &Site, visitor: &Visitor) -> Result<Analyzer, PageError> {
    visitor.analyzer(site).await?.ok_or_else(|| PageError::Bad("There is no analyzer yet.".to_owned()))
}

/// `GET /rules`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?;
    let frame = frame(&site, &visitor, analyzer.as_ref(), "/rules").await?;
    let rules = match &analyzer {
        Some(analyzer) => site.store().rules(&analyzer.name, None, 1000).await?,
        None => Vec::new(),
    };
    let view = |rule: crate::store::ArchiveRule| RuleView {
        href: format!("/rules/{}", encoded(&rule.name)),
        says: says(&rule.filter),
        created: day(rule.created),
        name: rule.name,
    };
    let kinds = FindingKind::ALL.map(|one| KindChoice { value: one.as_str(), name: kind(one.as_str()) });
    page(&RulesPage {
        frame,
        rules: rules.into_iter().filter(|rule| visitor.visible.sees_rule(&rule.filter)).map(view).collect(),
        kinds: kinds.into(),
        may: visitor.may(Level::Administer) && analyzer.is_some(),
    })
}

/// The filter that a form describes.
fn filter(form: &Fields) -> Result<Filter, PageError> {
    let mut filter = Filter::default();
    let list = |name: &str| {
        form.of(name).split([',', ' ', '\n', '\r']).filter(|one| !one.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let types: Vec<String> =
        form.all("type").into_iter().filter(|one| FindingKind::ALL.iter().any(|kind| kind.as_str() == one)).collect();
    let resources: Vec<String> =
        form.all("resourceType").into_iter().filter(|one| ResourceType::ALL.iter().any(|own| own.as_str() == one)).collect();
    let mut put = |key, eq: Vec<String>, contains: Vec<String>| {
        if !eq.is_empty() || !contains.is_empty() {
            filter.criteria.insert(key, Criterion { eq, contains, ..Criterion::default() });
        }
    };
    put(FilterKey::FindingType, types, Vec::new());
    put(FilterKey::ResourceType, resources, Vec::new());
    put(FilterKey::ResourceOwnerAccount, list("account"), Vec::new());
    put(FilterKey::Resource, Vec::new(), list("contains"));
    if filter.criteria.is_empty() {
        return Err(PageError::Bad("A rule without any condition would archive everything. Say at least one.".to_owned()));
    }
    Filter::of_json(&filter.to_json()).map_err(|problem| PageError::Bad(problem.to_string()))
}

fn is_rule_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    first && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// `POST /rules`.
pub(super) async fn create(
    State(site): State<Site>,
    AuthorizedForm { visitor, form, change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    let analyzer = chosen(&site, &visitor).await?;
    let name = form.of("name");
    if !is_rule_name(name) {
        return Err(PageError::Bad("A rule's name begins with a letter and has letters, digits, and . _ - signs.".to_owned()));
    }
    site.store().create_rule(&analyzer.name, name, &filter(&form)?, &change).await?;
    Ok(Redirect::to("/rules?done=saved").into_response())
}

/// `POST /rules/{name}/delete`.
pub(super) async fn delete(
    State(site): State<Site>,
    Path(name): Path<String>,
    AuthorizedForm { visitor, change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    let analyzer = chosen(&site, &visitor).await?;
    site.store().delete_rule(&analyzer.name, &name, &change).await?;
    Ok(Redirect::to("/rules?done=deleted").into_response())
}

/// `POST /rules/{name}/apply`.
pub(super) async fn apply(
    State(site): State<Site>,
    Path(name): Path<String>,
    AuthorizedForm { visitor, change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    let analyzer = chosen(&site, &visitor).await?;
    site.store().apply_rule(&analyzer.name, &name, &change).await?;
    Ok(Redirect::to("/rules?done=applied").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_the_filter_that_it_says_and_never_an_empty_one() {
        let form = Fields::parse("type=UnusedIAMRole&type=nonsense&account=111122223333,+444455556666&contains=ci-");
        let expected = r#"{"findingType":{"eq":["UnusedIAMRole"]},"resource":{"contains":["ci-"]},"resourceOwnerAccount":{"eq":["111122223333","444455556666"]}}"#;
        let made = filter(&form).unwrap();
        assert_eq!(serde_json::to_value(serde_json::from_str::<serde_json::Value>(expected).unwrap()).unwrap(), made.to_json());
        assert_eq!(says(&made), ["ARN contains ci-", "account is 111122223333 or 444455556666", "type is Unused role"]);
        assert!(filter(&Fields::parse("name=x&type=nonsense")).is_err());
    }
}
