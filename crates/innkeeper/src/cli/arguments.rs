//! Arguments that all resource commands share.

use std::{fs, path::PathBuf};

use clap::{Args, ValueEnum};
use innkeeper_control_api::{Client, ControlAddress};
use innkeeper_model::{Properties, Secret};

use super::error::CliError;

/// The variable that may carry the token itself; there is no flag for it, since command lines are
/// for all of the machine's users to see.
pub(crate) const TOKEN_VARIABLE: &str = "INNKEEPER_CONTROL_TOKEN";

/// What every resource command takes.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(crate) control: ControlArgs,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Where the control API is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct ControlArgs {
    /// Unix socket of the control API.
    #[arg(
        long,
        global = true,
        env = "INNKEEPER_CONTROL_SOCKET",
        value_name = "PATH",
        default_value = "/run/innkeeper/control.sock"
    )]
    control_socket: PathBuf,
    /// Control API on another machine, for example http://controller:9474; needs a token.
    #[arg(long, global = true, env = "INNKEEPER_CONTROL_URL", value_name = "URL")]
    control_url: Option<String>,
    /// File with the token for --control-url; or put the token into INNKEEPER_CONTROL_TOKEN.
    #[arg(long, global = true, env = "INNKEEPER_CONTROL_TOKEN_FILE", value_name = "PATH")]
    control_token_file: Option<PathBuf>,
}

impl ControlArgs {
    /// A client of it.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let Some(url) = &self.control_url else {
            return Ok(Client::new(ControlAddress::Unix(self.control_socket.clone())));
        };
        let authority = authority(url)?;
        let token = self.token(std::env::var(TOKEN_VARIABLE).ok())?;
        Ok(Client::new(ControlAddress::Tcp { authority, token }))
    }

    fn token(&self, variable: Option<String>) -> Result<Secret, CliError> {
        let text = match (&self.control_token_file, variable) {
            (Some(path), _) => fs::read_to_string(path).map_err(|error| CliError::File {
                path: path.display().to_string(),
                cause: error.to_string(),
            })?,
            (None, Some(token)) => token,
            (None, None) => {
                let message = format!(
                    "--control-url needs a token: give --control-token-file or set {TOKEN_VARIABLE}"
                );
                return Err(CliError::Usage(message));
            }
        };
        Ok(Secret::new(text.trim()))
    }
}

/// Host and port of an http URL.
fn authority(url: &str) -> Result<String, CliError> {
    let uri: http::Uri = url.parse().map_err(|error| {
        CliError::Usage(format!("--control-url: \"{url}\" is not a URL: {error}"))
    })?;
    if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") {
        let message = format!("--control-url: \"{url}\" is not of the form http://host:port");
        return Err(CliError::Usage(message));
    }
    match uri.authority() {
        Some(authority) if authority.port().is_some() => Ok(authority.to_string()),
        _ => Err(CliError::Usage(format!("--control-url: \"{url}\" names no port"))),
    }
}

/// Whose resources.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct ProjectArgs {
    /// Name or id of the project that owns the resources.
    #[arg(
        long,
        global = true,
        env = "INNKEEPER_PROJECT",
        value_name = "PROJECT",
        default_value = "default"
    )]
    pub(crate) project: String,
}

/// How results are shown.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct OutputOptions {
    /// A table for people, or the control API's JSON for programs.
    #[arg(long, short, global = true, env = "INNKEEPER_OUTPUT", default_value = "table")]
    pub(crate) output: Format,
}

/// See [`OutputOptions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Names of things to show or delete.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Name or id.
    #[arg(value_name = "NAME|ID")]
    pub(crate) name: String,
}

/// Names of things to delete.
#[derive(Debug, Args)]
pub(crate) struct WhichOnes {
    /// Names or ids.
    #[arg(value_name = "NAME|ID", required = true)]
    pub(crate) names: Vec<String>,
}

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Those of all projects.
    #[arg(long)]
    pub(crate) all_projects: bool,
    /// Only those with exactly this name.
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// Making something that may exist already.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct IfNotExists {
    /// If there is one with this name already, show it and succeed.
    #[arg(long)]
    pub(crate) if_not_exists: bool,
}

/// `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("not of the form KEY=VALUE".to_owned()),
    }
}

/// `DEST=SRC`: a path in the guest, and the file here whose contents belong there.
pub(crate) fn destination_and_source(text: &str) -> Result<(String, String), String> {
    key_value(text)
        .map_err(|_key_value| "not of the form DEST=SRC, such as /etc/motd=./motd".to_owned())
}

/// `a=x,b=y` with exactly these keys allowed.
pub(crate) fn key_values(text: &str, allowed: &[&str]) -> Result<Vec<(String, String)>, String> {
    let pairs = text.split(',').map(key_value).collect::<Result<Vec<_>, _>>()?;
    match pairs.iter().find(|(key, _)| !allowed.contains(&key.as_str())) {
        Some((key, _)) => Err(format!("\"{key}\" is not one of {}", allowed.join(", "))),
        None => Ok(pairs),
    }
}

/// Properties in the order in which they were given; the last one of a name counts.
pub(crate) fn properties(pairs: &[(String, String)]) -> Properties {
    pairs.iter().cloned().collect()
}

/// A file's bytes.
pub(crate) fn read_file(path: &std::path::Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|error| CliError::File {
        path: path.display().to_string(),
        cause: error.to_string(),
    })
}

/// A file's text.
pub(crate) fn read_text(path: &std::path::Path) -> Result<String, CliError> {
    String::from_utf8(read_file(path)?).map_err(|_not_text| CliError::File {
        path: path.display().to_string(),
        cause: "it is not UTF-8 text".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_reduced_to_host_and_port() {
        assert_eq!(authority("http://c:9474").expect("good"), "c:9474");
        assert_eq!(authority("http://[::1]:9474/").expect("good"), "[::1]:9474");
        for bad in ["c:9474", "https://c:1", "http://c", "http://c:1/v1", ""] {
            assert!(matches!(authority(bad), Err(CliError::Usage(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_token_file_comes_before_the_variable() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "from-file\n").expect("written");
        let mut args = ControlArgs {
            control_socket: PathBuf::new(),
            control_url: None,
            control_token_file: Some(file.path().to_owned()),
        };
        let token = args.token(Some("from-variable".to_owned())).expect("a token");
        assert_eq!(token.expose(), "from-file");
        args.control_token_file = None;
        let token = args.token(Some("from-variable".to_owned())).expect("a token");
        assert_eq!(token.expose(), "from-variable");
        assert!(args.token(None).expect_err("none").to_string().contains(TOKEN_VARIABLE));
    }

    #[test]
    fn pairs_are_read() {
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(key_value("=b").is_err() && key_value("ab").is_err());
        let error = key_values("subnet=a,adress=b", &["subnet", "ip-address"]);
        assert_eq!(error, Err("\"adress\" is not one of subnet, ip-address".to_owned()));
    }
}
