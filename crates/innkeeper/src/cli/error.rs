//! What can go wrong in a resource command, and its exit code.

use http::StatusCode;
use innkeeper_control_api::ControlError;
use innkeeper_host::HostError;
use innkeeper_hypervisor::{HypervisorError, vsphere::VSphereError};
use innkeeper_model::Invalid;

use super::instance_password::PasswordError;

/// Exit codes, for people and scripts: the one place that knows them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   refused or failed
  2   the command line cannot be understood
  3   something that was named does not exist
  4   in conflict with what exists, or in use
  75  the control API cannot be reached: try again later";

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The control API said no, or nothing.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A value breaks a rule that can be checked here.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nothing has that name.
    #[error("{0}")]
    NotFound(String),
    /// Several have that name.
    #[error("{0}")]
    Ambiguous(String),
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {cause}")]
    Unwritable {
        /// Which.
        path: String,
        /// What the system said, and what to do.
        cause: String,
    },
    /// An image or a block device cannot be read as a drive.
    #[error("{path} is no config drive that could be read: {cause}")]
    NoDrive {
        /// Which.
        path: String,
        /// Why.
        cause: String,
    },
    /// The guest's password cannot be shown.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A hypervisor did not do what it was asked.
    #[error(transparent)]
    Hypervisor(#[from] HypervisorError),
    /// This machine's networks could not be changed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A vSphere server did not do what it was asked.
    #[error(transparent)]
    VSphere(#[from] VSphereError),
    /// A file holds no machine.
    #[error("{0}")]
    NotAMachine(String),
    /// Some of many failed, and each was named.
    #[error("{0}")]
    Partly(String),
    /// The guest would be refused.
    #[error("the guest would be answered {status} (reason {reason})")]
    Guest {
        /// With this status.
        status: StatusCode,
        /// For this reason.
        reason: String,
    },
    /// One step failed, and what was made before it is still there.
    #[error("{cause}; {left}")]
    Halfway {
        /// The first failure.
        cause: Box<Self>,
        /// What is left, and what to do.
        left: String,
    },
    /// The result could not be written.
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
}

impl CliError {
    /// See [`EXIT_CODES`].
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Control(error) if error.is_unavailable() => 75,
            Self::Control(ControlError::Refused { status, .. }) => match *status {
                StatusCode::NOT_FOUND => 3,
                StatusCode::CONFLICT => 4,
                _ => 1,
            },
            Self::Usage(_) => 2,
            Self::NotFound(_)
            | Self::Hypervisor(HypervisorError::NoDomain { .. })
            | Self::VSphere(VSphereError::NoMachine { .. }) => 3,
            Self::Halfway { cause, .. } => cause.exit_code(),
            Self::Control(_)
            | Self::Invalid(_)
            | Self::Ambiguous(_)
            | Self::File { .. }
            | Self::Unwritable { .. }
            | Self::NoDrive { .. }
            | Self::Password(_)
            | Self::Hypervisor(_)
            | Self::Host(_)
            | Self::VSphere(_)
            | Self::NotAMachine(_)
            | Self::Partly(_)
            | Self::Guest { .. }
            | Self::Output(_) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_control_api::ErrorCode;

    use super::*;

    #[test]
    fn exit_codes_are_those_documented() {
        let refused = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            let (code, message) = (ErrorCode::Unknown, String::new());
            CliError::from(ControlError::Refused { status, code, message, field: None })
        };
        let away = ControlError::Unavailable {
            address: String::new(),
            advice: String::new(),
            cause: String::new(),
        };
        let cases = [
            (refused(400), 1),
            (refused(401), 1),
            (refused(404), 3),
            (refused(409), 4),
            (refused(503), 75),
            (away.into(), 75),
            (CliError::NotFound(String::new()), 3),
            (CliError::Usage(String::new()), 2),
            (CliError::Ambiguous(String::new()), 1),
        ];
        for (error, code) in cases {
            assert_eq!(error.exit_code(), code, "{error:?}");
            assert!(EXIT_CODES.contains(&format!("\n  {code} ")), "{code} is not documented");
        }
    }
}
