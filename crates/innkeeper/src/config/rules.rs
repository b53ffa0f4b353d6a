//! Rules between keys.

use std::net::SocketAddr;

use super::{Config, ConfigError, ControlAddress, IdentificationMode, ServiceUrl, Settings};

/// Finds the first contradiction between keys.
pub(super) fn check(config: &Config, settings: &Settings) -> Result<(), ConfigError> {
    let rules = Rules { config, settings };
    rules.certificates()?;
    rules.identification()?;
    rules.api_of_the_agent()?;
    rules.control_of("agent", &config.agent.control, config.agent.control_token_file.is_some())?;
    rules.control_of("host", &config.host.control, config.host.control_token_file.is_some())?;
    rules.config_drive()?;
    rules.sockets()?;
    rules.listeners()
}

struct Rules<'a> {
    config: &'a Config,
    settings: &'a Settings,
}

impl Rules<'_> {
    fn certificates(&self) -> Result<(), ConfigError> {
        let (api, agent) = (&self.config.api, &self.config.agent);
        self.pair(
            "api",
            ("tls_certificate", api.tls_certificate.is_some()),
            ("tls_private_key", api.tls_private_key.is_some()),
        )?;
        self.pair(
            "agent",
            ("client_certificate", agent.client_certificate.is_some()),
            ("client_private_key", agent.client_private_key.is_some()),
        )?;
        if api.tls_client_ca.is_some() && api.tls_certificate.is_none() {
            return self.broken(
                "api",
                "tls_client_ca",
                "api.tls_client_ca asks for certificates of clients, which needs TLS: set \
                 api.tls_certificate and api.tls_private_key too",
            );
        }
        Ok(())
    }

    fn identification(&self) -> Result<(), ConfigError> {
        let api = &self.config.api;
        if api.trust_forwarded_for && api.identification != IdentificationMode::Address {
            return self.broken(
                "api",
                "trust_forwarded_for",
                "api.trust_forwarded_for is set, but X-Forwarded-For tells who asks only where \
                 api.identification is \"address\": unset one or set the other",
            );
        }
        Ok(())
    }

    fn pair(
        &self,
        section: &str,
        (certificate, has_certificate): (&str, bool),
        (private_key, has_private_key): (&str, bool),
    ) -> Result<(), ConfigError> {
        let (set, unset) = match (has_certificate, has_private_key) {
            (true, false) => (certificate, private_key),
            (false, true) => (private_key, certificate),
            _ => return Ok(()),
        };
        let problem = format!("{section}.{set} is set without {section}.{unset}: set both");
        self.broken(section, set, problem)
    }

    fn api_of_the_agent(&self) -> Result<(), ConfigError> {
        let agent = &self.config.agent;
        let tls_keys = [
            ("ca", agent.ca.is_some()),
            ("insecure", agent.insecure),
            ("client_certificate", agent.client_certificate.is_some()),
        ];
        for (name, is_set) in tls_keys {
            if is_set && !agent.api.iter().any(ServiceUrl::is_https) {
                let problem = format!(
                    "agent.{name} is set, but agent.api has no https:// URL: make it https:// or \
                     unset agent.{name}"
                );
                return self.broken("agent", name, problem);
            }
        }
        if agent.ca.is_some() && agent.insecure {
            return self.broken(
                "agent",
                "insecure",
                "agent.insecure takes any certificate, agent.ca checks it: unset one of the two",
            );
        }
        Ok(())
    }

    fn control_of(
        &self,
        section: &str,
        control: &ControlAddress,
        has_token: bool,
    ) -> Result<(), ConfigError> {
        match (control, has_token) {
            (ControlAddress::Url(url), false) => {
                let problem = format!(
                    "{section}.control is {}, which asks for a token: set \
                     {section}.control_token_file to a copy of the agent.token that innkeeper \
                     init made beside the API",
                    url.uri()
                );
                self.broken(section, "control", problem)
            }
            (ControlAddress::Socket(_), true) => {
                let problem = format!(
                    "{section}.control_token_file is set, but {section}.control is a Unix socket, \
                     which asks for no token: unset it or make {section}.control a URL"
                );
                self.broken(section, "control_token_file", problem)
            }
            _ => Ok(()),
        }
    }

    fn config_drive(&self) -> Result<(), ConfigError> {
        let path = &self.config.config_drive.instances_path;
        if path.is_relative() {
            let problem = format!(
                "config_drive.instances_path is {}, which the hypervisor would look for \
                 elsewhere: give an absolute path",
                path.display()
            );
            return self.broken("config_drive", "instances_path", problem);
        }
        Ok(())
    }

    fn sockets(&self) -> Result<(), ConfigError> {
        if self.config.agent.socket == self.config.control.socket {
            return self.broken(
                "agent",
                "socket",
                "agent.socket and control.socket are the same path: give each its own",
            );
        }
        Ok(())
    }

    fn listeners(&self) -> Result<(), ConfigError> {
        let config = self.config;
        let one_process: [&[(&str, &str, Option<SocketAddr>)]; 2] = [
            &[
                ("api", "listen", Some(config.api.listen)),
                ("api", "metrics_listen", config.api.metrics_listen),
                ("control", "listen", config.control.listen),
            ],
            &[
                ("serve", "api_listen", config.serve.api_listen),
                ("serve", "metrics_listen", config.serve.metrics_listen),
                ("control", "listen", config.control.listen),
            ],
        ];
        for listeners in one_process {
            for (index, (section, name, address)) in listeners.iter().enumerate() {
                let twin = listeners.iter().take(index).find(|(_, _, other)| {
                    other.is_some() && other == address && address.is_some_and(|a| a.port() != 0)
                });
                if let Some((other_section, other_name, Some(address))) = twin {
                    let problem = format!(
                        "{section}.{name} and {other_section}.{other_name} are both {address}: \
                         give each its own"
                    );
                    return self.broken(section, name, problem);
                }
            }
        }
        Ok(())
    }

    fn broken(
        &self,
        section: &str,
        name: &str,
        problem: impl Into<String>,
    ) -> Result<(), ConfigError> {
        let at = self.settings.source(section, name);
        Err(ConfigError::Rule { at, problem: problem.into() })
    }
}
