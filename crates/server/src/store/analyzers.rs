//! Analyzers: whose findings are kept, how old a use must be, and what is left alone; and the tags of anything that has an ARN.
//!
//! An analyzer is analysed again when its revision is newer than the one that was analysed last. It analyses nothing itself.

use leastwise::access::Timestamp;
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

use super::change::{Begun, Writing};
use super::{Change, Store, StoreError};

/// Whether an analyzer looks at one account or at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `ACCOUNT_UNUSED_ACCESS`.
    Account,
    /// `ORGANIZATION_UNUSED_ACCESS`.
    Organization,
}

impl Scope {
    /// The provider's name of the type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Account => "ACCOUNT_UNUSED_ACCESS",
            Scope::Organization => "ORGANIZATION_UNUSED_ACCESS",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Scope> {
        [Scope::Account, Scope::Organization].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// One exclusion of an `analysisRule`: a principal is left alone when each of the two lists that is not empty fits it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnalysisRule {
    /// Accounts.
    pub account_ids: Vec<String>,
    /// Sets of tags: a resource that has all tags of one of them fits. An empty value fits any.
    pub resource_tags: Vec<Vec<(String, String)>>,
}

/// An analyzer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analyzer {
    /// Its number in the store.
    pub id: i64,
    /// Its name, unique in the store.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it looks at.
    pub scope: Scope,
    /// `ACTIVE`, `CREATING`, `DISABLED` or `FAILED`.
    pub status: String,
    /// For how many days something must have gone unused: 1 to 365.
    pub unused_access_age: u32,
    /// What it leaves alone.
    pub exclusions: Vec<AnalysisRule>,
    /// When it was made.
    pub created: Timestamp,
    /// When its last complete analysis ended.
    pub analysed: Option<Timestamp>,
    /// The last resource of that analysis.
    pub last_resource: Option<String>,
    /// Whether it was changed since.
    pub is_pending: bool,
    /// Counts its changes.
    pub(super) revision: i64,
}

impl Analyzer {
    /// The account in its ARN.
    #[must_use]
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }
}

/// What is needed to make an analyzer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnalyzer {
    /// Its name.
    pub name: String,
    /// Its ARN, which the caller makes.
    pub arn: String,
    /// What it looks at.
    pub scope: Scope,
    /// For how many days something must have gone unused.
    pub unused_access_age: u32,
    /// What it leaves alone.
    pub exclusions: Vec<AnalysisRule>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Archive rules to begin with.
    pub rules: Vec<(String, super::Filter)>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, arn, scope, status, unused_access_age, analysis_rule, created, analysed, last_resource, revision, \
             analysed_revision FROM analyzers ",
            $rest
        )
    };
}

fn read(row: &AnyRow) -> Result<Analyzer, StoreError> {
    let scope: String = row.try_get(3)?;
    let age: i64 = row.try_get(5)?;
    let exclusions: String = row.try_get(6)?;
    let (revision, analysed_revision): (i64, i64) = (row.try_get(10)?, row.try_get(11)?);
    Ok(Analyzer {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        arn: row.try_get(2)?,
        scope: Scope::parse(&scope).unwrap_or(Scope::Account),
        status: row.try_get(4)?,
        unused_access_age: u32::try_from(age).unwrap_or(90),
        exclusions: exclusions_of(&exclusions),
        created: Timestamp::from_seconds(row.try_get(7)?),
        analysed: row.try_get::<Option<i64>, _>(8)?.map(Timestamp::from_seconds),
        last_resource: row.try_get(9)?,
        is_pending: revision > analysed_revision,
        revision,
    })
}

impl Store {
    /// Makes an analyzer with its tags and rules; it is pending until it has been analysed.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is one of that name; [`StoreError::TokenReused`].
    pub async fn create_analyzer(&self, new: &NewAnalyzer, change: &Change) -> Result<Analyzer, StoreError> {
        let mut writing = match self.begin(change).await? {
            Begun::Fresh(writing) => writing,
            Begun::Again(arn) => return self.analyzer_of_arn(&arn).await,
        };
        if query("SELECT id FROM analyzers WHERE name = $1").bind(&new.name).fetch_optional(&mut *writing).await?.is_some() {
            return Err(StoreError::Exists { what: "analyzer", id: new.name.clone() });
        }
        let row = query("UPDATE numbers SET next = next + 1 WHERE name = 'analyzer' RETURNING next - 1")
            .fetch_one(&mut *writing)
            .await?;
        let id: i64 = row.try_get(0)?;
        query(
            "INSERT INTO analyzers (id, name, arn, scope, status, unused_access_age, analysis_rule, created, revision, analysed_revision) \
             VALUES ($1, $2, $3, $4, 'ACTIVE', $5, $6, $7, 1, 0)",
        )
        .bind(id)
        .bind(&new.name)
        .bind(&new.arn)
        .bind(new.scope.as_str())
        .bind(i64::from(new.unused_access_age))
        .bind(exclusions_text(&new.exclusions))
        .bind(change.at.seconds())
        .execute(&mut *writing)
        .await?;
        put_tags(&mut writing, &new.arn, &new.tags).await?;
        for (name, filter) in &new.rules {
            super::rules::insert(&mut writing, id, name, filter, change.at).await?;
        }
        self.finish(writing, change, "CreateAnalyzer", &new.arn, None, &new.arn).await?;
        self.analyzer_of_arn(&new.arn).await
    }

    /// The analyzer of that name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn analyzer(&self, name: &str) -> Result<Analyzer, StoreError> {
        let row = query(select!("WHERE name = $1")).bind(name).fetch_optional(self.reads()).await?;
        read(&row.ok_or_else(|| StoreError::missing("analyzer", name))?)
    }

    /// The analyzer of that ARN.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn analyzer_of_arn(&self, arn: &str) -> Result<Analyzer, StoreError> {
        let row = query(select!("WHERE arn = $1")).bind(arn).fetch_optional(self.reads()).await?;
        read(&row.ok_or_else(|| StoreError::missing("analyzer", arn))?)
    }

    /// Analyzers by name: those after `after`, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn analyzers(&self, after: Option<&str>, limit: u32) -> Result<Vec<Analyzer>, StoreError> {
        let rows = query(select!("WHERE name > $1 ORDER BY name LIMIT $2"))
            .bind(after.unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(self.reads())
            .await?;
        rows.iter().map(read).collect()
    }

    /// Changes what an analyzer leaves alone; it is pending until it has been analysed again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_analyzer(
        &self,
        name: &str,
        exclusions: &[AnalysisRule],
        change: &Change,
    ) -> Result<Analyzer, StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return self.analyzer(name).await };
        let row = query("UPDATE analyzers SET analysis_rule = $1, revision = revision + 1 WHERE name = $2 RETURNING arn")
            .bind(exclusions_text(exclusions))
            .bind(name)
            .fetch_optional(&mut *writing)
            .await?;
        let arn: String = row.ok_or_else(|| StoreError::missing("analyzer", name))?.try_get(0)?;
        self.finish(writing, change, "UpdateAnalyzer", &arn, None, &arn).await?;
        self.analyzer(name).await
    }

    /// Deletes an analyzer with everything that it has found: nobody sees that from then on, and [`Store::clear_away`] makes room of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_analyzer(&self, name: &str, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        let row =
            query("DELETE FROM analyzers WHERE name = $1 RETURNING id, arn").bind(name).fetch_optional(&mut *writing).await?;
        let row = row.ok_or_else(|| StoreError::missing("analyzer", name))?;
        let (id, arn): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        for table in [
            "DELETE FROM archive_rules WHERE analyzer = $1",
            "DELETE FROM staged WHERE analyzer = $1",
            "DELETE FROM runs WHERE analyzer = $1",
            "DELETE FROM counts WHERE analyzer = $1",
            "DELETE FROM facets WHERE analyzer = $1",
            "DELETE FROM history WHERE analyzer = $1",
            "DELETE FROM recommendations WHERE analyzer = $1",
        ] {
            query(table).bind(id).execute(&mut *writing).await?;
        }
        query("DELETE FROM tags WHERE resource = $1").bind(&arn).execute(&mut *writing).await?;
        self.finish(writing, change, "DeleteAnalyzer", &arn, None, "").await
    }

    /// The tags of an ARN, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tags(&self, arn: &str) -> Result<Vec<(String, String)>, StoreError> {
        let rows =
            query("SELECT name, value FROM tags WHERE resource = $1 ORDER BY name").bind(arn).fetch_all(self.reads()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Adds tags, or gives them new values.
    ///
    /// # Errors
    /// When the store fails. Whether the ARN is that of something is for the caller to ask.
    pub async fn tag(&self, arn: &str, tags: &[(String, String)], change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        put_tags(&mut writing, arn, tags).await?;
        self.finish(writing, change, "TagResource", arn, None, "").await
    }

    /// Takes tags away; those that are not there are no fault.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn untag(&self, arn: &str, names: &[String], change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        for name in names {
            query("DELETE FROM tags WHERE resource = $1 AND name = $2").bind(arn).bind(name).execute(&mut *writing).await?;
        }
        self.finish(writing, change, "UntagResource", arn, None, "").await
    }
}

async fn put_tags(writing: &mut Writing, arn: &str, tags: &[(String, String)]) -> Result<(), StoreError> {
    for (name, value) in tags {
        query("INSERT INTO tags (resource, name, value) VALUES ($1, $2, $3) ON CONFLICT (resource, name) DO UPDATE SET value = excluded.value")
            .bind(arn)
            .bind(name)
            .bind(value)
            .execute(&mut **writing)
            .await?;
    }
    Ok(())
}

fn exclusions_text(exclusions: &[AnalysisRule]) -> String {
    let tags = |set: &Vec<(String, String)>| Value::Array(set.iter().map(|(name, value)| json!([name, value])).collect());
    let one = |rule: &AnalysisRule| json!({"accounts": rule.account_ids, "tags": rule.resource_tags.iter().map(tags).collect::<Vec<_>>()});
    Value::Array(exclusions.iter().map(one).collect()).to_string()
}

fn exclusions_of(text: &str) -> Vec<AnalysisRule> {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let pair = |value: &Value| match texts(value).as_slice() {
        [name, value] => Some((name.clone(), value.clone())),
        _ => None,
    };
    let set = |value: &Value| value.as_array().into_iter().flatten().filter_map(pair).collect();
    let rule = |value: &Value| AnalysisRule {
        account_ids: texts(value.get("accounts").unwrap_or(&Value::Null)),
        resource_tags: value.get("tags").and_then(Value::as_array).into_iter().flatten().map(set).collect(),
    };
    value.as_array().into_iter().flatten().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_are_read_back_as_they_were_written() {
        let rules = vec![
            AnalysisRule { account_ids: vec!["111122223333".to_owned()], resource_tags: Vec::new() },
            AnalysisRule { account_ids: Vec::new(), resource_tags: vec![vec![("team".to_owned(), "".to_owned())], Vec::new()] },
        ];
        assert_eq!(exclusions_of(&exclusions_text(&rules)), rules);
        assert_eq!(exclusions_of("[]"), Vec::new());
    }
}
