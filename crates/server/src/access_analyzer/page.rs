//! Pages of what is small enough to be at hand, and the size of pages.
//!
//! Lists of findings have places of their own in the store; their sizes are decided here too.

use super::error::WireError;
use super::request::Call;
use super::token::canonical;

/// So many on a page, unless asked.
pub(super) const USUAL: u32 = 100;
/// At most so many on a page, whatever is asked.
pub(super) const MOST: u32 = 1000;

impl Call<'_> {
    /// How many are asked for on a page.
    pub(super) fn page_size(&self, usual: u32) -> Result<u32, WireError> {
        match self.input.get("maxResults").and_then(serde_json::Value::as_i64) {
            None => Ok(usual),
            Some(n) if n < 1 => Err(WireError::field("maxResults", "is not 1 or more")),
            Some(n) => Ok(u32::try_from(n).unwrap_or(MOST).min(MOST)),
        }
    }

    /// What the tokens of this query are sealed for: the operation, everything that is asked but the page, and for whom.
    fn query(&self) -> String {
        let mut rest = self.input.clone();
        if let Some(members) = rest.as_object_mut() {
            members.remove("nextToken");
            members.remove("maxResults");
        }
        format!("{} {:?} {}", self.operation.name, self.who.visible.accounts(), canonical(&rest))
    }

    /// Where the page begins: behind this place, or at the beginning.
    pub(super) fn after(&self) -> Result<Option<String>, WireError> {
        let token = self.input.get("nextToken").and_then(serde_json::Value::as_str);
        let foreign = || WireError::field("nextToken", "is not one that this query returned");
        token.map(|token| self.api.tokens.open(&self.query(), token).ok_or_else(foreign)).transpose()
    }

    /// The token for the page behind a place.
    pub(super) fn token(&self, place: &str) -> Result<String, WireError> {
        self.api.tokens.seal(&self.query(), place).ok_or_else(|| WireError::Internal("no randomness for a token".to_owned()))
    }

    /// A page of a list that is wholly at hand and does not change between two pages, and the token for the next one.
    /// `version` is what the list is of, so that a token is of this list alone.
    pub(super) fn page<T>(&self, all: Vec<T>, version: &str, usual: u32) -> Result<(Vec<T>, Option<String>), WireError> {
        let size = self.page_size(usual)? as usize;
        let from: usize = match self.after()? {
            None => 0,
            Some(place) => {
                let from = place.split_once(' ').filter(|(_, of)| *of == version).and_then(|(from, _)| from.parse().ok());
                from.ok_or_else(|| WireError::field("nextToken", "is of a list that has changed since; begin anew"))?
            }
        };
        let more = all.len() > from.saturating_add(size);
        let token = more.then(|| self.token(&format!("{} {version}", from.saturating_add(size)))).transpose()?;
        Ok((all.into_iter().skip(from).take(size).collect(), token))
    }
}
