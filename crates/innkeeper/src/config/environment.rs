//! The layer of the environment.

use std::ffi::OsString;

use super::{ConfigError, Key, Settings, Source, keys};

const PREFIX: &str = "INNKEEPER_";

/// Reads every `INNKEEPER_…` variable into `settings`; those of `others` are no keys.
pub(super) fn read(
    environment: Vec<(OsString, OsString)>,
    others: &[String],
    settings: &mut Settings,
) -> Result<(), ConfigError> {
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let Some(key) = keys().find(|key| key.variable() == name) else {
            if others.iter().any(|other| other == name)
                || is_service_link(name, &value.to_string_lossy())
            {
                continue;
            }
            return Err(ConfigError::unknown_variable(name.to_owned(), others));
        };
        let at = Source::Environment(Key::variable(key));
        let value = value
            .into_string()
            .map_err(|value| ConfigError::value(key, &value.to_string_lossy(), at.clone()))?;
        settings.give(key, value, at)?;
    }
    Ok(())
}

/// Whether this is one of the variables that Kubernetes puts into every container of a namespace
/// for each service there is, a service called `innkeeper` among them.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP"))
}
