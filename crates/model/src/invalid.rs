/// A value that was refused, naming the field and the rule it breaks.
///
/// The message is one sentence an operator can act on, for example
/// `cidr: "10.0.0.0/33" is not an address range such as 10.0.0.0/24`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// The field as the operator wrote it, for example `cidr` or `metadata[role]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Invalid {
    /// Refuses `field` for `reason`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}
