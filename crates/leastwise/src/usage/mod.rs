//! What was used: events and reports in, a ledger of use per principal and action out, and the state of each permission.
//!
//! Second stage of the flow, between what is granted (`access`) and what is found (`findings`). The rules of evidence:
//! only a source that would have shown a use, was complete for the whole tracking period and shows nothing makes a
//! permission unused. It opens no file and reads no clock, and it never guesses which action a record means.

pub mod assumption;
pub mod collector;
pub mod event;
pub mod identity;
pub mod ledger;
pub mod mapping;
pub mod principal;
pub mod resource;
mod shelf;
pub mod sources;
pub mod state;
pub mod timeline;
pub mod window;

pub use assumption::{assumes_role, renames_user};
pub use collector::{Collector, Recurrence};
pub use event::{Event, EventCategory, EventKind, EventResource, Identity};
pub use identity::{SOME_KEY, access_key_of, unique_id};
pub use ledger::{Assumed, Bar, KeyUses, Recorded, ReportSummary, UsageLedger, Use};
pub use mapping::{EventMapper, Mapping, NotAnApiCall, Observability};
pub use principal::{Attribution, Unattributable, attribute};
pub use resource::{ResourceRecipe, resource_arns};
pub use sources::last_accessed::{LastAccessedReader, LastAccessedReport, ReportProblem, ReportStatus, ServiceAccess};
pub use state::{DeniedAttempts, Evidence, PrincipalUse, Reason, RoleActivity, Rules, ServiceUse, Source, State};
pub use timeline::{Ground, RecordKind, RecordedIn, Span, TrailTimeline, recording_region};
pub use window::{Gap, GapCause, ObservationWindow, Shortfall, TrackingPeriod};
