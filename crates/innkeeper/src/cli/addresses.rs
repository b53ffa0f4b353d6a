//! Where instances are plugged in, as people read it: `blue=10.0.0.3, 2001:db8::3`.

use std::collections::HashMap;

use innkeeper_control_api::ListFilter;
use innkeeper_model::{Instance, InstanceId, Network, Port, PortAttachment, ProjectId};

use super::{error::CliError, session::Session};

/// The addresses of instances by their networks' names.
pub(crate) struct Addresses(HashMap<InstanceId, Vec<String>>);

impl Addresses {
    /// Those of the instances of a project, or of all.
    pub(crate) async fn fetch(
        session: &Session<'_>,
        project_id: Option<ProjectId>,
    ) -> Result<Self, CliError> {
        let filter = ListFilter { project_id, name: None };
        let networks = session.client.list::<Network>(&filter).await?;
        Ok(Self::of(&session.client.list::<Port>(&filter).await?, &networks))
    }

    fn of(ports: &[Port], networks: &[Network]) -> Self {
        let mut addresses = HashMap::<_, Vec<_>>::new();
        for port in ports {
            if let PortAttachment::Instance(id) = port.attachment {
                addresses.entry(id).or_default().push(of_port(port, networks));
            }
        }
        Self(addresses)
    }

    /// In one line, a network after the other.
    pub(crate) fn of_instance(&self, instance: &Instance) -> String {
        self.0.get(&instance.id).map(|parts| parts.join("; ")).unwrap_or_default()
    }
}

fn of_port(port: &Port, networks: &[Network]) -> String {
    let network = networks.iter().find(|network| network.id == port.network_id);
    let name = network.map_or_else(|| port.network_id.to_string(), |network| network.name.clone());
    let addresses = port.fixed_ips.iter().map(|fixed| fixed.ip_address.to_string());
    format!("{name}={}", addresses.collect::<Vec<_>>().join(", "))
}
