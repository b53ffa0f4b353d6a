//! How the API tells who asks.

use std::{
    fmt::{self, Display},
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use http::HeaderMap;
use innkeeper_model::LookupRefusal;
use innkeeper_store::{ProviderLookup, Store};
use innkeeper_wire::{
    Reason,
    headers::{ProviderClaim, decode_forwarded_for, decode_identity, decode_provider},
    signature::SharedSecret,
};
use tokio::time::Instant;

use crate::{
    answer::Refusal,
    asker::{Asker, ShownAddress},
    holding,
};

/// How the API tells who asks: Nova's `service_metadata_proxy`, true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identification {
    /// By signed headers: an agent names the machine, or a load balancer names itself and the
    /// address it was asked from.
    InstanceId,
    /// By the address of whoever connects, over all networks, which must not overlap.
    Address {
        /// Takes the address from X-Forwarded-For where there is one. Whoever can connect can then
        /// pass for every machine.
        trust_forwarded_for: bool,
    },
}

impl Identification {
    /// Who asks, or Nova's refusal.
    pub(crate) async fn identify(
        self,
        headers: &HeaderMap,
        peer: SocketAddr,
        secret: &SharedSecret,
        store: &Store,
        deadline: Instant,
    ) -> Result<Asker, Refusal> {
        match self {
            Self::InstanceId => match decode_provider(headers, secret)? {
                Some(claim) => behind_provider(&claim, store, deadline).await,
                None => {
                    let mut asker = Asker::from(decode_identity(headers, secret)?);
                    // An agent that vouches for nothing may send a list; Nova shows it as it is.
                    if asker.vouched_port.is_none() {
                        asker.shown_address = decode_forwarded_for(headers).map(ShownAddress::Text);
                    }
                    Ok(asker)
                }
            },
            Self::Address { trust_forwarded_for } => {
                let forwarded = decode_forwarded_for(headers).filter(|_| trust_forwarded_for);
                // What is no address is nobody's.
                let address = forwarded.map_or_else(|| Ok(peer.ip()), |text| text.parse());
                let address = address.ok().ok_or(Reason::NoPort)?;
                at_address(address, store, deadline).await
            }
        }
    }
}

/// No tenant is claimed here, so none is checked.
async fn at_address(address: IpAddr, store: &Store, deadline: Instant) -> Result<Asker, Refusal> {
    let address = address.to_canonical();
    let found = holding::read(deadline, &address, || store.address_owner(address)).await?;
    let owner = found.map_err(|refusal| match refusal {
        LookupRefusal::UnknownScope => Reason::UnknownScope,
        LookupRefusal::NoPort => Reason::NoPort,
        LookupRefusal::SeveralPorts => Reason::SeveralPorts,
        LookupRefusal::NoInstance => Reason::NoInstance,
    })?;
    Ok(Asker { project: None, ..Asker::found(owner, address) })
}

async fn behind_provider(
    claim: &ProviderClaim,
    store: &Store,
    deadline: Instant,
) -> Result<Asker, Refusal> {
    let ProviderClaim { provider, address: text } = claim;
    let address = text.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    // The unspecified address is on no port, as is what is no address; but whether the provider has
    // networks is asked before.
    let asked = address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let lookup = || store.metadata_provider_owner(provider, asked);
    let count = match (holding::read(deadline, &Claimed(claim), lookup).await?, address) {
        (ProviderLookup::NoNetworks, _) => {
            let explanation = format!("Could not find any subnets for provider {provider}");
            return Err(Refusal::explained(Reason::NoProviderNetworks, explanation));
        }
        (ProviderLookup::Owner(owner), Some(address)) => return Ok(Asker::found(owner, address)),
        (ProviderLookup::Ports(count), Some(_)) => count,
        (_, None) => 0,
    };
    let explanation = format!(
        "Expected a single port matching provider {provider} and IP {text}. Found {count}."
    );
    Err(Refusal::explained(Reason::NotOnePort, explanation))
}

/// A claim as operators read it.
struct Claimed<'a>(&'a ProviderClaim);

impl Display for Claimed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} behind provider {}", self.0.address, self.0.provider)
    }
}
