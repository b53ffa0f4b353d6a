//! Limits of the request path, each with its reason.

use std::time::Duration;

/// Bytes of a request's line and headers. Clients send well under 1 KiB; 16 KiB is what common
/// servers take.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request.
pub const HEADERS_MAX: usize = 100;
/// Bytes of a request's body. The only body with a meaning is a password of 1,020 bytes; 1 MiB
/// leaves room for an API of another make.
pub const REQUEST_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an answer's body: user data has 48 KiB, network data of 64 ports some 100 KiB, vendor
/// data is the operator's own.
pub const RESPONSE_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long the head of a request may take, and how long a kept-alive connection may be idle.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the body of a request may take once the head is there.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may wait for the peer to take any of it.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection that we closed is still read: a close over unread bytes would reset it,
/// and the answer that explains the close would be lost.
pub const LINGER: Duration = Duration::from_secs(1);
/// How long a TLS handshake may take.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long, after the stop, a connection that has not asked yet may still begin to.
pub const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(250);
/// Bytes that all request bodies of one role take together. A request that would exceed it is
/// refused as too much at once: memory stays bounded, and requests without a body are unharmed.
pub const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long the proxy holds a request whose agent is away. cloud-init gives up after 10 s; each
/// hop gives up before the hop in front of it, so that the one that knows the reason answers.
pub const PROXY_HOLD: Duration = Duration::from_millis(8_000);
/// How long the agent holds a request whose API or network view is away.
pub const AGENT_HOLD: Duration = Duration::from_millis(7_500);
/// How long the API holds a request whose store is away.
pub const API_HOLD: Duration = Duration::from_millis(7_000);
/// How long a port that is not known yet is waited for: a machine may boot before its port is
/// everywhere.
pub const UNKNOWN_PORT_HOLD: Duration = Duration::from_secs(2);
/// The first and the longest pause between two tries.
pub const RETRY_PAUSE_MIN: Duration = Duration::from_millis(20);
/// See [`RETRY_PAUSE_MIN`].
pub const RETRY_PAUSE_MAX: Duration = Duration::from_millis(250);

/// How long a connection to the next hop may take to be made, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a host may leave what was sent to it unacknowledged before its connections count as
/// broken. A slow server acknowledges; a dead host does not.
pub const DEAD_HOST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one of several addresses of the next hop may keep a request that another could answer.
pub const TRY_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection to the next hop is kept for reuse. Less than the shortest common
/// keep-alive limit of servers (5 s), so that the server rarely closes first.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Connections kept for reuse per address of the next hop.
pub const IDLE_CONNECTIONS_MAX: usize = 256;
/// Requests under way to the next hop at once, one connection each; others wait.
pub const UPSTREAM_REQUESTS_MAX: usize = 2_048;
/// Bytes of an answer's status line and headers.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long a role that was told to stop finishes what it has begun.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Connections one role serves at once. The descriptor limit of common systems is 20,000 or more
/// for services; each connection needs one, and an answer may need a second one inward.
pub const CONNECTIONS_MAX: usize = 8_192;
/// Connections that may wait in the kernel for a listener.
pub const BACKLOG: i32 = 4_096;
