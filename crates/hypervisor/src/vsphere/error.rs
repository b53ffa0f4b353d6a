use std::path::PathBuf;

/// Why a drive is not in a VMware machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VSphereError {
    /// The server's address is of no use.
    #[error("\"{0}\" is no vSphere server: give https://HOST, or https://HOST:PORT")]
    Server(String),
    /// The file with certificate authorities is of no use.
    #[error("could not use the certificate authorities in {path}: {reason}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server did not answer.
    #[error(
        "could not {doing} at {server}: {reason}; is it a vCenter or an ESXi host, and can this \
         machine reach it? A certificate of the company's own authority needs --vsphere-ca"
    )]
    Unreachable {
        /// What was being done.
        doing: &'static str,
        /// The server.
        server: String,
        /// What the library says.
        reason: String,
    },
    /// The server answered something that is not vSphere's.
    #[error("could not {doing}: the answer is not vSphere's: {reason}")]
    Protocol {
        /// What was being done.
        doing: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The server refused.
    #[error("could not {doing}: vSphere says \"{message}\" ({fault}){remedy}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// The fault's type, such as `InvalidLogin`.
        fault: String,
        /// Its text.
        message: String,
        /// What to do about it; empty, or begins with `; `.
        remedy: &'static str,
    },
    /// The file could not be put on the datastore.
    #[error(
        "could not upload {path}: the datastore answered {status}; does the user have the \
         privilege Datastore.FileManagement (Low level file operations) there, and does no running \
         machine hold the file?"
    )]
    Upload {
        /// The file, as `[datastore] path`.
        path: String,
        /// The HTTP status.
        status: u16,
    },
    /// There is no such machine.
    #[error(
        "there is no virtual machine {what} on the server; name it by its inventory path, such as \
         /DC/vm/web1, or give its instance UUID the instance's id, as Nova does"
    )]
    NoMachine {
        /// How it was looked for.
        what: String,
    },
    /// No place for another CD-ROM.
    #[error(
        "the machine's IDE controllers have no room for another drive: take one of its CD-ROM \
         drives away"
    )]
    NoRoom,
    /// The change did not end in time.
    #[error("vSphere did not finish {doing} within {seconds} s; see its list of tasks")]
    Slow {
        /// What was being done.
        doing: &'static str,
        /// How long it had.
        seconds: u64,
    },
}
