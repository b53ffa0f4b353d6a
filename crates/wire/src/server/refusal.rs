//! Refusals of requests that never became whole, which no handler gets to see.

use std::fmt::Display;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::{GuestResponse, Reason, metrics::HopMetrics};

/// The refusal as every role of the guest path words it.
pub(super) fn refusal(reason: Reason) -> GuestResponse {
    let text = match reason {
        Reason::BodyTooLarge => "The request body is larger than 1 MiB.\n",
        Reason::SlowRequest => "The request body did not arrive in time.\n",
        Reason::BadRequest => "The request is malformed.\n",
        Reason::Overloaded => "Too many requests at once. Try again.\n",
        _ => "The request could not be answered because of an internal error.\n",
    };
    GuestResponse::refusal(reason, text)
}

/// The same, counted and logged like any other answer: who only sends nonsense is to be seen.
pub fn refuse_visibly(
    metrics: &HopMetrics,
    source: impl Display,
    reason: Reason,
) -> Response<Full<Bytes>> {
    metrics.begin().finish(reason);
    let response = refusal(reason);
    tracing::info!(
        target: "guest",
        %source,
        status = response.status.as_u16(),
        reason = reason.as_str(),
        "a request was refused before it was whole"
    );
    response.into_http(false)
}
