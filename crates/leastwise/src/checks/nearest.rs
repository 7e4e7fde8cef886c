//! The name that was probably meant, for the help of findings.

pub(super) use leastwise_policy::nearest::nearest;
