//! The machine's users, as far as files say: nothing here asks a name service, which a static
//! program cannot.

mod passwd;
mod sha512_crypt;
mod shadow;

pub(crate) use passwd::{Account, AccountError, find};
pub(crate) use sha512_crypt::{SALT_BYTES, salt_from, sha512_crypt};
pub(crate) use shadow::with_password;
