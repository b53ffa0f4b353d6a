use innkeeper_model::LookupRefusal;

/// Why a lookup named nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is nobody to name. Asking again helps only if the networks change meanwhile.
    #[error(transparent)]
    Refused(#[from] LookupRefusal),
    /// Nobody could be asked. Asking again may help.
    #[error(transparent)]
    Unavailable(#[from] ViewUnavailable),
}

/// The source of the view cannot be asked just now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the network view is unavailable: {0}")]
pub struct ViewUnavailable(pub String);
