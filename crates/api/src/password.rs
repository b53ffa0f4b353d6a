//! The password that a guest posts, once.

use bytes::Bytes;
use http::StatusCode;
use innkeeper_model::GuestRecord;
use innkeeper_store::{Store, StoreError};
use innkeeper_wire::Reason;
use tokio::time::Instant;

use crate::{answer::Refusal, holding};

/// What Nova keeps: four columns of 255.
const BYTES_MAX: usize = 1020;

/// Keeps `body` as the password of the machine of `record`, with Nova's checks in Nova's order.
/// Whether there is one already, the database says in the transaction that writes.
pub(crate) async fn post(
    store: &Store,
    record: &GuestRecord,
    body: &Bytes,
    deadline: Instant,
) -> Result<(), Refusal> {
    if !record.password.is_empty() {
        return Err(Reason::PasswordSet.into());
    }
    if body.len() > BYTES_MAX {
        return Err(Refusal::explained(Reason::PasswordTooLarge, "Request is too large."));
    }
    let Ok(password) = str::from_utf8(body) else {
        return Err(Refusal::explained(Reason::BadRequest, "The password is not UTF-8 text."));
    };
    let id = record.instance.id;
    let set = || store.guest_password_set(id, password.to_owned());
    holding::held(deadline, &id, set).await?.map_err(|error| match error {
        StoreError::Conflict { .. } => Reason::PasswordSet.into(),
        StoreError::NotFound { .. } => {
            let explanation = format!("Instance {id} could not be found.");
            Refusal::explained(Reason::UnknownInstance, explanation)
                .with_status(StatusCode::BAD_REQUEST)
        }
        error => {
            tracing::error!(instance = %id, %error, "a password could not be kept");
            Reason::Internal.into()
        }
    })
}
