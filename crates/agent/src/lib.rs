//! Origin to identity: finds the machine behind the address that a proxy saw, and asks the API in
//! its name. Takes the place of neutron-metadata-agent.
//!
//! Whose address it is, the network view says, and nobody else: where it does not know or cannot
//! tell, nobody is answered. Where it knows but the API is away, the request is held.

mod agent;
mod edge;
mod holding;

pub use agent::Agent;
pub use edge::AgentEdge;
