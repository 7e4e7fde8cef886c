//! The access levels that AWS assigns to actions: List, Read, Write, Tagging, Permissions management.
//!
//! Read by the catalogue's text format and by its imports. Judges nothing: a level is a fact of the source.

/// How AWS classifies what an action does (Service Authorization Reference, column "Access level").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Finds out which resources exist.
    List,
    /// Reads contents or attributes.
    Read,
    /// Creates, changes or deletes.
    Write,
    /// Changes tags and nothing else.
    Tagging,
    /// Grants or changes permissions.
    PermissionsManagement,
}

impl AccessLevel {
    /// All levels, in the order in which they are written.
    pub const ALL: [AccessLevel; 5] =
        [AccessLevel::List, AccessLevel::Read, AccessLevel::Write, AccessLevel::Tagging, AccessLevel::PermissionsManagement];

    /// The level's name as AWS writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AccessLevel::List => "List",
            AccessLevel::Read => "Read",
            AccessLevel::Write => "Write",
            AccessLevel::Tagging => "Tagging",
            AccessLevel::PermissionsManagement => "Permissions management",
        }
    }

    /// The level of that name, ignoring ASCII case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<AccessLevel> {
        AccessLevel::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    fn letter(self) -> char {
        match self {
            AccessLevel::List => 'L',
            AccessLevel::Read => 'R',
            AccessLevel::Write => 'W',
            AccessLevel::Tagging => 'T',
            AccessLevel::PermissionsManagement => 'P',
        }
    }
}

/// A set of access levels. Newer sources give an action several; empty means that the source states none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AccessLevels(u8);

impl AccessLevels {
    /// The levels of the set, in the order of [`AccessLevel::ALL`].
    pub fn iter(self) -> impl Iterator<Item = AccessLevel> {
        AccessLevel::ALL.into_iter().filter(move |level| self.contains(*level))
    }

    /// Whether the set holds `level`.
    #[must_use]
    pub fn contains(self, level: AccessLevel) -> bool {
        self.0 & (1 << level as u8) != 0
    }

    /// Whether the source states no level.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with `level` added.
    #[must_use]
    pub fn with(self, level: AccessLevel) -> AccessLevels {
        AccessLevels(self.0 | (1 << level as u8))
    }

    /// The levels of both sets.
    #[must_use]
    pub fn union(self, other: AccessLevels) -> AccessLevels {
        AccessLevels(self.0 | other.0)
    }

    /// One letter a level, as in the catalogue text; `-` for none.
    pub(super) fn letters(self) -> String {
        if self.is_empty() { "-".to_owned() } else { self.iter().map(AccessLevel::letter).collect() }
    }

    /// Reads what [`AccessLevels::letters`] writes, and nothing else.
    pub(super) fn of_letters(letters: &str) -> Option<AccessLevels> {
        let mut levels = AccessLevels::default();
        if letters != "-" {
            for letter in letters.chars() {
                levels = levels.with(AccessLevel::ALL.into_iter().find(|level| level.letter() == letter)?);
            }
        }
        (levels.letters() == letters).then_some(levels)
    }
}

impl std::fmt::Display for AccessLevels {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, level) in self.iter().enumerate() {
            if index > 0 {
                out.write_str(", ")?;
            }
            out.write_str(level.name())?;
        }
        if self.is_empty() { out.write_str("none stated") } else { Ok(()) }
    }
}
