//! The checks that pipelines call: is a policy well written, and does it allow more than it should?
//!
//! `valid` runs one file per code over a document and gives findings; `access` asks the proof about all requests at
//! once. Both stand beside the flow and change nothing. The rules that are facts of AWS are written where they are used.

mod access;
mod compare;
mod duplicate_sid;
mod empty_list;
mod finding;
mod for_all_values_with_allow;
mod invalid_arn;
mod invalid_condition_value;
mod invalid_principal;
mod invalid_sid;
mod invalid_version;
mod managed_names;
mod missing_principal;
mod missing_resource;
mod missing_version;
mod nearest;
mod not_action_with_allow;
mod not_principal_with_allow;
mod not_resource_with_allow;
mod pass_role_on_star;
mod pattern;
mod redundant_action;
mod redundant_resource;
mod redundant_statement;
mod resource_type_not_taken;
mod shadowed_statement;
mod size_quota;
mod statement_cover;
mod subject;
mod syntax_error;
mod type_mismatch;
mod unexpected_principal;
mod unknown_action;
mod unknown_condition_key;
mod unknown_element;
mod unknown_operator;
mod unknown_service;
mod valid;
mod variables_need_version;
mod wildcard_matches_nothing;
mod wildcard_without_like;

pub use access::{Access, AccessError, Answer, Outcome, Reason, access_not_granted, no_new_access, no_public_access};
pub use finding::{ElementPath, Finding, PathElement, Severity};
pub use subject::PolicyType;
pub use valid::{CHECKS, Check, Validation, valid};
