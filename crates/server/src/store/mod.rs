//! What is kept: analyzers, archive rules, findings and their life, history, recommendations, who may come in, and a log of
//! every change; in SQLite or PostgreSQL.
//!
//! Under everything else of this crate: the API, the dashboard and the cycle of analyses ask and change the [`Store`] and
//! nothing else does. It judges no permission, speaks no wire format and knows no HTTP.
//!
//! # How to use it
//! A [`Store`] is cheap to clone and is part of the state of every handler. All its functions are asynchronous methods, sorted
//! by file:
//!
//! | file | what |
//! |---|---|
//! | `analyzers.rs` | [`Analyzer`]s: `create_analyzer`, `analyzer` (by name), `analyzer_of_arn`, `analyzers`, `update_analyzer`, `delete_analyzer`; `tags`, `tag`, `untag` |
//! | `rules.rs` | [`ArchiveRule`]s: `create_rule`, `rule`, `rules`, `update_rule`, `delete_rule`, `apply_rule` |
//! | `filter.rs` | [`Filter`]: key → eq, neq, contains, exists; as JSON in the provider's own form |
//! | `findings.rs` | [`Finding`]s: `finding` (whole), `findings_status` (archive, reopen) |
//! | `listing.rs` | `list`: a [`Query`] to a [`Page`], with a [`Cursor`] to the next one |
//! | `ranges.rs` | which ranges of the indices a list is put together from |
//! | `statistics.rs` | `statistics`, `facets` (by service, risk, day of creation) |
//! | `history.rs` | `trend`, `account_trend`: numbers day by day |
//! | `analysis.rs` | writing an analysis: only differences |
//! | `publication.rs` | making it visible all at once, or taking it back; clearing away what is old |
//! | `recommendations.rs` | `start_recommendation`, `finish_recommendation`, `recommendation` |
//! | `credentials.rs` | users, sessions, API keys: rows only; who may what is decided in `auth/` |
//! | `audit.rs` | `audit`: the log of changes |
//! | `backup.rs` | copies of a store in SQLite |
//! | `settings.rs` | `setting`, `secret`: small values that every server of one store shares |
//!
//! Whatever changes something takes a [`Change`]: who, when, and perhaps a client token. What it returns has been written to
//! disk. A change with a token that was used before changes nothing and returns what the first one did; with a token
//! that was used for something else it is [`StoreError::TokenReused`].
//!
//! A finding that is visible belongs to a complete analysis. Statuses, life cycle and retention are in `findings.rs` and
//! `analysis.rs`; every number in `statistics.rs` is read from counters that change in the same transaction as the findings.

mod acceptances;
mod analysis;
mod analyzers;
mod audit;
mod backup;
mod change;
mod counters;
mod credentials;
mod database;
mod failure;
mod filter;
mod findings;
mod history;
mod listing;
mod publication;
mod ranges;
mod recommendations;
mod rules;
mod settings;
mod statistics;
mod webhooks;

pub use acceptances::Acceptance;
pub use analysis::{FoundFinding, KEPT_DAYS, Run, RunRow, RunSummary};
pub use analyzers::{AnalysisRule, Analyzer, NewAnalyzer, Scope};
pub use audit::AuditRow;
pub use backup::{backup, restore};
pub use change::{Change, ClientToken, TOKENS_KEPT};
pub(crate) use credentials::OF_PROVIDER;
pub use credentials::{ApiKey, Session, User};
pub use database::{Dialect, Location, Store};
pub use failure::StoreError;
pub use filter::{Criterion, Filter, FilterKey, FilterProblem};
pub use findings::{Archiving, Finding, FindingStatus, FindingSummary, ResourceType, Risk};
pub use history::{AccountDay, TrendPoint};
pub use listing::{Cursor, LOOK, Page, Query, Sort, SortKey};
pub use recommendations::{Recommendation, RecommendationError, RecommendationStatus};
pub use rules::{ArchiveRule, MOST_RULES};
pub use statistics::{AccountTotals, Facet, Statistics};
pub(crate) use webhooks::TEST;
pub use webhooks::{Delivery, DeliveryRow, Waiting, Webhook};
