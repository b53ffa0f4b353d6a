//! Origin to identity: finds the machine behind the address that a proxy saw, and asks the API in
//! its name. Takes the place of neutron-metadata-agent.
//!
//! Whose address it is, the network view says, and nobody else: where it does not know or cannot
//! tell, nobody is answered. Where it knows but the API is away, the request is held.
//!
//! It also keeps what no API behind it need know of: which methods a path has, and the session
//! tokens of EC2's version 2.

mod agent;
mod away;
mod edge;
mod holding;
mod methods;
mod session_tokens;

pub use agent::Agent;
pub use edge::AgentEdge;
pub use session_tokens::SessionTokens;
