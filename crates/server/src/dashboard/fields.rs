//! The fields of a query or of a form, as they were sent: names may repeat, order stays.
//!
//! Between a request and the page that reads it. It checks nothing but that it is text.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};

use super::site::PageError;

/// Names and values as a form or a query is sent.
pub(super) fn written<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let text = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    fields.map(|(name, value)| format!("{}={}", text(name), text(value))).collect::<Vec<_>>().join("&")
}

/// Names and values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `a=1&b=2`.
    pub(crate) fn parse(text: &str) -> Fields {
        Fields(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The names, as often as they are there.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The first value of that name, without blanks around it; empty when there is none.
    pub(crate) fn of(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.trim())
    }

    /// The first value of that name as it was sent.
    pub(super) fn exact(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// All values of that name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone()).collect()
    }

    /// These fields with one set, or left out where the value is empty, as a query.
    pub(crate) fn with(&self, name: &str, value: &str) -> Fields {
        let mut fields: Vec<(String, String)> = self.0.iter().filter(|(own, _)| own != name).cloned().collect();
        if !value.is_empty() {
            fields.push((name.to_owned(), value.to_owned()));
        }
        Fields(fields)
    }

    /// As an address below `path`; empty fields are left out.
    pub(crate) fn address(&self, path: &str) -> String {
        let query =
            written(self.0.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.as_str(), value.as_str())));
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// The fields of a form that was sent.
pub(crate) struct Sent(pub(crate) Fields);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Sent, PageError> {
        let body = Bytes::from_request(request, state).await.map_err(|error| PageError::Bad(error.to_string()))?;
        let text = std::str::from_utf8(&body).map_err(|_| PageError::Bad("the form is no text".to_owned()))?;
        Ok(Sent(Fields::parse(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_changed_field_keeps_the_others() {
        let fields = Fields::parse("q=a+b&risk=write&after=3&id=1&id=2");
        assert_eq!(
            fields.with("after", "").with("risk", "escalation").address("/findings"),
            "/findings?q=a+b&id=1&id=2&risk=escalation"
        );
        assert_eq!((fields.of("q"), fields.all("id"), fields.of("none")), ("a b", vec!["1".to_owned(), "2".to_owned()], ""));
    }
}
