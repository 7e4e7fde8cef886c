//! What an evaluation answers: the decision, the statements that made it, or what was lacking.
//!
//! Plain data with the provider's names. Nothing is decided here.

use std::fmt;

/// The decision on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// The request is allowed.
    Allowed,
    /// Nothing denies the request, but something that has to allow it does not.
    ImplicitlyDenied,
    /// A Deny statement applies to the request.
    ExplicitlyDenied,
    /// A statement that could change the answer has a part that AWS's grammar does not know; see
    /// [`Evaluation::unclear`].
    Undecided,
}

impl Decision {
    /// The decision's name: `Allowed`, `ImplicitlyDenied`, `ExplicitlyDenied` or `Undecided`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Allowed => "Allowed",
            Decision::ImplicitlyDenied => "ImplicitlyDenied",
            Decision::ExplicitlyDenied => "ExplicitlyDenied",
            Decision::Undecided => "Undecided",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The part that a policy plays in an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// Attached to the user (or a group of theirs) or role.
    Identity,
    /// Attached to the resource: bucket policies, key policies, trust policies…
    Resource,
    /// The permissions boundary of the user or role.
    Boundary,
    /// Passed when the session began.
    Session,
    /// A service control policy (SCP), on the caller's account or above.
    ServiceControl,
    /// A resource control policy (RCP), on the resource's account or above.
    ResourceControl,
    /// The policy of the VPC endpoint through which the request comes.
    Endpoint,
}

impl PolicyKind {
    /// The kind in words, as they stand in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyKind::Identity => "identity policy",
            PolicyKind::Resource => "resource policy",
            PolicyKind::Boundary => "permissions boundary",
            PolicyKind::Session => "session policy",
            PolicyKind::ServiceControl => "service control policy",
            PolicyKind::ResourceControl => "resource control policy",
            PolicyKind::Endpoint => "VPC endpoint policy",
        }
    }

    /// The member of a batch case under which policies of this kind stand, and whether they stand in levels.
    #[must_use]
    pub fn member(self) -> (&'static str, bool) {
        match self {
            PolicyKind::Identity => ("identity", false),
            PolicyKind::Resource => ("resourcePolicy", false),
            PolicyKind::Boundary => ("boundaries", false),
            PolicyKind::Session => ("sessionPolicy", false),
            PolicyKind::ServiceControl => ("scps", true),
            PolicyKind::ResourceControl => ("rcps", true),
            PolicyKind::Endpoint => ("vpcEndpointPolicy", false),
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a statement stands among the policies of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The kind of its policy.
    pub kind: PolicyKind,
    /// The level of the organization, from 0 as given; 0 for kinds without levels.
    pub level: usize,
    /// The policy's place within its kind and level, from 0.
    pub policy: usize,
    /// The statement's place within its policy, from 0.
    pub statement: usize,
    /// The statement's `Sid`, if it has one.
    pub sid: Option<&'a str>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.policy)?;
        if matches!(self.kind, PolicyKind::ServiceControl | PolicyKind::ResourceControl) {
            write!(f, " of level {}", self.level)?;
        }
        write!(f, ", statement {}", self.statement)?;
        self.sid.map_or(Ok(()), |sid| write!(f, " `{sid}`"))
    }
}

/// Who had to allow the request and did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacking {
    /// The kind of policy.
    pub kind: PolicyKind,
    /// The level, for service control policies.
    pub level: usize,
    /// Why no policy can allow the request, or which policy it needs that was not given.
    pub because: Option<&'static str>,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.because, self.kind) {
            (Some(because), _) => f.write_str(because),
            (None, PolicyKind::ServiceControl) => write!(f, "no {} of level {} allows it", self.kind, self.level),
            (None, kind) => write!(f, "no {kind} allows it"),
        }
    }
}

/// A statement, or a whole document, of which AWS's grammar does not say what it means, and which could be about the
/// request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear<'a> {
    /// The kind of its policy.
    pub kind: PolicyKind,
    /// The level of the organization, from 0.
    pub level: usize,
    /// The policy's place within its kind and level, from 0.
    pub policy: usize,
    /// The statement's place, from 0; none for the document.
    pub statement: Option<usize>,
    /// The statement's `Sid`.
    pub sid: Option<&'a str>,
    /// What is not known, in a sentence.
    pub why: String,
}

impl fmt::Display for Unclear<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.policy)?;
        if self.kind.member().1 {
            write!(f, " of level {}", self.level)?;
        }
        if let Some(statement) = self.statement {
            write!(f, ", statement {statement}")?;
        }
        if let Some(sid) = self.sid {
            write!(f, " `{sid}`")?;
        }
        write!(f, ": {}", self.why)
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation<'a> {
    /// The decision.
    pub decision: Decision,
    /// The statements that made it: when explicitly denied, every Deny that applies; when allowed, every
    /// Allow that grants (identity and resource policies; limits do not grant). Empty when implicitly denied, and for an account's root
    /// user, who needs no grant.
    pub deciding: Vec<Place<'a>>,
    /// When implicitly denied: the first kind of policy that had to allow the request and did not.
    pub lacking: Option<Lacking>,
    /// When allowed whatever the policies say: the rule of AWS by which it is.
    pub rule: Option<&'static str>,
    /// The statements that could be about the request but cannot be read; they are what an undecided answer waits for.
    pub unclear: Vec<Unclear<'a>>,
}
