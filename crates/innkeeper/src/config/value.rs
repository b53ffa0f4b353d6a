//! The types a key may have: what they take as text and how they are written.
//!
//! Every value has one text form, the one that environment variables and flags give. A file gives
//! the same text through the TOML type that [`Form`] names.

use std::{fmt, net::SocketAddr, path::PathBuf};

use http::uri::{PathAndQuery, Scheme, Uri};
use innkeeper_documents::OpenStackVersion;
use innkeeper_model::MetadataPath;
use innkeeper_store::StoreLocation;
use tracing_subscriber::EnvFilter;

/// How a value is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string.
    Text,
    /// An integer.
    Number,
    /// `true` or `false`.
    Switch,
    /// An array of strings; its text form separates them by commas.
    List,
}

/// A type that a key may have.
pub(crate) trait Value: Sized {
    /// How it is written in TOML.
    const FORM: Form;
    /// Completes "expected …" in an error.
    const EXPECTED: &'static str;
    /// What stands for the value in the help of a flag.
    const NAME: &'static str;
    /// Whether it names a file with a secret, or may hold one: then it is never repeated in an
    /// error.
    const SECRET: bool = false;

    /// Reads the text form.
    fn parse(text: &str) -> Option<Self>;
}

/// The empty text means "not set".
impl<T: Value> Value for Option<T> {
    const FORM: Form = T::FORM;
    const EXPECTED: &'static str = T::EXPECTED;
    const NAME: &'static str = T::NAME;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }
}

impl Value for bool {
    const FORM: Form = Form::Switch;
    const EXPECTED: &'static str = "true or false";
    const NAME: &'static str = "true|false";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for PathBuf {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str = "the path of a file, a socket or a directory";
    const NAME: &'static str = "PATH";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| Self::from(text))
    }
}

impl Value for SocketAddr {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str = "an IP address and a port, like 127.0.0.1:8775 or [::1]:8775";
    const NAME: &'static str = "ADDRESS:PORT";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A port that can be listened on.
impl Value for std::num::NonZeroU16 {
    const FORM: Form = Form::Number;
    const EXPECTED: &'static str = "a TCP port from 1 to 65535";
    const NAME: &'static str = "PORT";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A number of threads; 0 is "as many as there are cores".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Threads(usize);

impl Threads {
    /// More than any machine that could use them has; a typing error should not start a million.
    const MAX: usize = 1_024;

    /// The number, or nothing for "as many as there are cores".
    pub(crate) fn fixed(self) -> Option<usize> {
        (self.0 > 0).then_some(self.0)
    }
}

impl Value for Threads {
    const FORM: Form = Form::Number;
    const EXPECTED: &'static str = "a number of threads from 0 (as many as cores) to 1024";
    const NAME: &'static str = "NUMBER";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|threads| *threads <= Self::MAX).map(Self)
    }
}

/// An amount of memory in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheMib(usize);

impl CacheMib {
    /// More than the documents of ten million machines; a typing error should not take all memory.
    const MAX: usize = 65_536;

    /// The amount in bytes.
    pub(crate) const fn bytes(self) -> usize {
        self.0 * 1024 * 1024
    }
}

impl Value for CacheMib {
    const FORM: Form = Form::Number;
    const EXPECTED: &'static str = "a number of MiB from 0 to 65536";
    const NAME: &'static str = "MIB";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|mib| *mib <= Self::MAX).map(Self)
    }
}

impl Value for StoreLocation {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str = "the path of the database file, or :memory:";
    const NAME: &'static str = "PATH";

    fn parse(text: &str) -> Option<Self> {
        match text {
            ":memory:" => Some(Self::Memory),
            path => PathBuf::parse(path).map(Self::File),
        }
    }
}

impl Value for OpenStackVersion {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str = "a version of the OpenStack metadata format from 2012-08-10 to \
                                    2025-04-04, like 2018-08-27";
    const NAME: &'static str = "VERSION";

    fn parse(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

impl Value for MetadataPath {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str = "\"redirect\" or \"address\"";
    const NAME: &'static str = "redirect|address";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A short name of one line: a group, a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// The longest host and group names there are.
    const MAX: usize = 255;

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Name {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str = "a name without spaces, of at most 255 characters";
    const NAME: &'static str = "NAME";

    fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.len() <= Self::MAX
            && text.chars().all(|c| c.is_ascii_graphic() && c != ',');
        fits.then(|| Self(text.to_owned()))
    }
}

/// Where an API of the metadata service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceUrl(Uri);

impl ServiceUrl {
    /// Its host; an IPv6 address is in brackets.
    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// Its port, or its scheme's.
    pub(crate) fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or_else(|| if self.is_https() { 443 } else { 80 })
    }

    /// The URL: scheme, host and perhaps port.
    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether it is asked over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }
}

impl Value for ServiceUrl {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str =
        "a URL of scheme, host and port only, like http://127.0.0.1:8775 or https://[2001:db8::1]";
    const NAME: &'static str = "URL";

    fn parse(text: &str) -> Option<Self> {
        let uri = text.parse::<Uri>().ok()?;
        let scheme = uri.scheme_str()?;
        let plain_path = uri.path_and_query().map_or("/", PathAndQuery::as_str) == "/";
        let authority = uri.authority()?;
        let fits = matches!(scheme, "http" | "https")
            && plain_path
            && !uri.host()?.is_empty()
            && !authority.as_str().contains('@')
            && !authority.as_str().ends_with(':')
            && !text.contains('#');
        fits.then_some(Self(uri))
    }
}

/// One or more [`ServiceUrl`]s.
impl Value for Vec<ServiceUrl> {
    const FORM: Form = Form::List;
    const EXPECTED: &'static str = "a list of URLs, like [\"http://127.0.0.1:8775\"] in the file and http://a:8775,http://b:8775 elsewhere";
    const NAME: &'static str = "URL,…";

    fn parse(text: &str) -> Option<Self> {
        text.split(',').map(|url| ServiceUrl::parse(url.trim())).collect()
    }
}

/// Where the control API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ControlAddress {
    /// Behind a Unix socket of this machine.
    Socket(PathBuf),
    /// Over TCP, with a token.
    Url(ServiceUrl),
}

impl Value for ControlAddress {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str =
        "the absolute path of a Unix socket, or a URL like http://192.0.2.1:8776";
    const NAME: &'static str = "PATH|URL";

    fn parse(text: &str) -> Option<Self> {
        if text.starts_with('/') {
            return PathBuf::parse(text).map(Self::Socket);
        }
        ServiceUrl::parse(text).filter(|url| !url.is_https()).map(Self::Url)
    }
}

/// The path of a file with a secret in it.
///
/// Text without a slash is refused, lest somebody gives the secret where its file's path belongs
/// and finds it in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretFile(PathBuf);

impl SecretFile {
    /// The path.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Value for SecretFile {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str =
        "the absolute path of the file that holds the secret, never the secret itself";
    const NAME: &'static str = "PATH";
    const SECRET: bool = true;

    fn parse(text: &str) -> Option<Self> {
        PathBuf::parse(text).filter(|path| path.is_absolute()).map(Self)
    }
}

macro_rules! choices {
    ($(#[doc = $doc:literal])+ $type:ident, $expected:literal, $name:literal:
     $($(#[doc = $choice_doc:literal])+ $choice:ident = $text:literal;)+) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $type {
            $($(#[doc = $choice_doc])+ $choice,)+
        }

        impl Value for $type {
            const FORM: Form = Form::Text;
            const EXPECTED: &'static str = $expected;
            const NAME: &'static str = $name;

            fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$choice),)+ _ => None }
            }
        }
    };
}

choices! {
    /// Whose API the agent asks.
    ApiKind, "\"innkeeper\" or \"nova\"", "innkeeper|nova":
    /// Innkeeper's own: the address is vouched for, the request id and the hops travel along.
    Innkeeper = "innkeeper";
    /// Nova's: it gets exactly what Neutron's agent would send.
    Nova = "nova";
}

choices! {
    /// How the API tells who asks.
    IdentificationMode, "\"instance-id\" or \"address\"", "instance-id|address":
    /// By headers that an agent or a load balancer signs.
    InstanceId = "instance-id";
    /// By the address of whoever connects.
    Address = "address";
}

choices! {
    /// How log lines are written.
    LogFormat, "\"text\" or \"json\"", "text|json":
    /// For people.
    Text = "text";
    /// One JSON object a line.
    Json = "json";
}

/// Which log lines are written: a level, perhaps with other levels for some targets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LogFilter(String);

impl LogFilter {
    /// The filter itself.
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for LogFilter {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str =
        "error, warn, info, debug or trace, perhaps with targets, like info,innkeeper_agent=debug";
    const NAME: &'static str = "LEVEL";

    fn parse(text: &str) -> Option<Self> {
        // A bare word that is no level would be read as the name of a target, at every level.
        let words_are_levels = text.split(',').all(|directive| {
            directive.contains('=')
                || (!directive.is_empty()
                    && directive.parse::<tracing_subscriber::filter::LevelFilter>().is_ok())
        });
        (words_are_levels && EnvFilter::builder().parse(text).is_ok())
            .then(|| Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_carry_no_path_and_no_password() {
        for good in ["http://127.0.0.1:8775", "https://api", "https://[2001:db8::1]:8775/"] {
            assert!(ServiceUrl::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:8775",
            "ftp://a",
            "http://a/latest",
            "http://a/?x=1",
            "http://u:p@a",
            "http://a:",
            "http://",
            "http://a/#x",
        ] {
            assert!(ServiceUrl::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn log_filters_are_levels_or_directives() {
        for good in ["info", "warn,guest=info", "off", "info,innkeeper_agent=debug"] {
            assert!(LogFilter::parse(good).is_some(), "{good}");
        }
        for bad in ["", "verbose", "info,innkeeper", "guest=loud"] {
            assert!(LogFilter::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_taken_for_the_path_of_its_file() {
        assert!(SecretFile::parse("/etc/innkeeper/shared_secret").is_some());
        assert!(SecretFile::parse("0123456789abcdef0123456789abcdef").is_none());
    }

    #[test]
    fn the_path_of_metadata_is_one_of_two() {
        let parse = <MetadataPath as Value>::parse;
        assert_eq!(parse("redirect"), Some(MetadataPath::Redirect));
        assert_eq!(parse("address"), Some(MetadataPath::Address));
        assert_eq!(parse("nat"), None);
        for path in MetadataPath::ALL {
            assert!(MetadataPath::EXPECTED.contains(path.as_str()));
        }
    }

    #[test]
    fn threads_have_a_bound() {
        assert_eq!(Threads::parse("0").map(Threads::fixed), Some(None));
        assert_eq!(Threads::parse("4").map(Threads::fixed), Some(Some(4)));
        assert_eq!(Threads::parse("1000000"), None);
        assert_eq!(Threads::parse("-1"), None);
    }
}
