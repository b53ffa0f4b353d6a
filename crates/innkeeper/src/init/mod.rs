//! `innkeeper init`: what a first start needs. Everything that is there already is kept, so that
//! running it again mends what is missing and changes nothing else.

mod new_file;

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use innkeeper_model::TokenScope;
use innkeeper_store::{Store, StoreLocation};

use self::new_file::{Outcome, make_file};
use crate::{
    command_line,
    config::{self, Config, ConfigArgs, DEFAULT_FILE},
    secret_file,
};

/// Bytes of randomness in a shared secret: the strength of the HMAC-SHA256 that it keys.
const SHARED_SECRET_BYTES: usize = 32;
/// Configuration holds no secret, and every user's commands may read it.
const PUBLIC_FILE: u32 = 0o644;
/// Secrets are their owner's alone.
const SECRET_FILE: u32 = 0o600;
/// Directories that others may look into, but not write.
const DIRECTORY: u32 = 0o755;

/// What to make, and where.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Put everything into DIR: configuration, secret, tokens, database and sockets.
    ///
    /// For a trial beside an installation, or without root.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    dir: Option<PathBuf>,
    /// Make new tokens; those made before open nothing any more.
    ///
    /// For a token that somebody else may have seen. A running API obeys at once, so every agent
    /// and host that uses a token needs the new one.
    #[arg(long)]
    revoke_tokens: bool,
}

/// Makes what is missing and says what it did and what to do next.
pub(crate) fn run(args: &InitArgs) -> anyhow::Result<()> {
    let place = Place::of(args)?;
    let revoke_tokens = args.revoke_tokens;
    let mut done = Done::default();
    make_directory(&place.directory)?;
    let configuration = make_file(&place.file, PUBLIC_FILE, place.configuration().as_bytes())?;
    done.note(configuration, &place.file, "the configuration: every key with its default");

    let args = ConfigArgs::of_file(Some(place.file.clone()));
    let (config, _) = args.given(command_line::variables()).load()?;
    make_shared_secret(&config, &mut done)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(make_database(&config, &place, revoke_tokens, &mut done))?;

    let mut out = io::stdout().lock();
    // A closed standard output undoes nothing of what was made.
    let _ = out.write_all(done.told(&place).as_bytes());
    Ok(())
}

/// Where things are put.
struct Place {
    directory: PathBuf,
    file: PathBuf,
    /// Whether database and sockets are in the directory too.
    all_in_one: bool,
}

impl Place {
    fn of(args: &InitArgs) -> anyhow::Result<Self> {
        if let Some(directory) = &args.dir {
            let directory = std::path::absolute(directory)
                .with_context(|| format!("cannot use --dir {}", directory.display()))?;
            let file = directory.join("innkeeper.toml");
            return Ok(Self { directory, file, all_in_one: true });
        }
        let file =
            std::path::absolute(args.config.file().unwrap_or_else(|| Path::new(DEFAULT_FILE)))?;
        let Some(directory) = file.parent().map(Path::to_owned) else {
            bail!("--config {} names no file", file.display());
        };
        Ok(Self { directory, file, all_in_one: false })
    }

    /// The configuration to write where there is none.
    fn configuration(&self) -> String {
        if !self.all_in_one && self.file == Path::new(DEFAULT_FILE) {
            return config::example();
        }
        let inside = |name| self.directory.join(name);
        let (socket, agent) = (inside("control.sock"), inside("metadata_proxy"));
        let secret = inside("shared_secret");
        let (database, instances) = (inside("innkeeper.db"), inside("instances"));
        if !self.all_in_one {
            return config::file_with(&[("secrets", "shared_secret_file", &secret)]);
        }
        config::file_with(&[
            ("store", "path", &database),
            ("config_drive", "instances_path", &instances),
            ("control", "socket", &socket),
            ("agent", "socket", &agent),
            ("agent", "control", &socket),
            ("proxy", "agent_socket", &agent),
            ("host", "control", &socket),
            ("secrets", "shared_secret_file", &secret),
        ])
    }
}

/// What was made and what was kept, for people.
#[derive(Default)]
struct Done(String);

impl Done {
    fn note(&mut self, outcome: Outcome, path: &Path, what: &str) {
        let word = match outcome {
            Outcome::Made => "made",
            Outcome::Kept => "kept",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{word}  {}  ({what})", path.display());
    }

    fn told(mut self, place: &Place) -> String {
        let option = if place.file == Path::new(DEFAULT_FILE) {
            String::new()
        } else {
            format!(" --config {}", place.file.display())
        };
        let _ = writeln!(
            self.0,
            "\nNext:\n  innkeeper serve{option}    # every role in one process\n\nWhere the roles are \
             processes of their own: innkeeper api, agent, proxy, host. An agent or host on\n\
             another machine needs a copy of {}, an agent the shared secret too.",
            place.directory.join("agent.token").display()
        );
        self.0
    }
}

fn make_directory(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY)
        .create(path)
        .with_context(|| format!("cannot make the directory {}: run this as root, or choose a directory of your own with --dir", path.display()))
}

fn make_shared_secret(config: &Config, done: &mut Done) -> anyhow::Result<()> {
    let path = config.secrets.shared_secret_file.path();
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    let mut random = [0; SHARED_SECRET_BYTES];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    let mut text = String::with_capacity(2 * SHARED_SECRET_BYTES + 1);
    for byte in random {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    let outcome = make_file(path, SECRET_FILE, text.as_bytes())?;
    secret_file::shared_secret(path)?;
    done.note(outcome, path, "the secret that agent and API share");
    Ok(())
}

async fn make_database(
    config: &Config,
    place: &Place,
    revoke_tokens: bool,
    done: &mut Done,
) -> anyhow::Result<()> {
    let StoreLocation::File(path) = &config.store.path else {
        let _ = writeln!(
            done.0,
            "no database and no tokens: store.path is :memory:, which each process begins anew"
        );
        return Ok(());
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_directory(parent)?;
    }
    let outcome = if path.exists() { Outcome::Kept } else { Outcome::Made };
    let store = Store::open(&config.store.path).await?;
    done.note(outcome, path, "the database, its schema up to date");
    let tokens = [
        (TokenScope::Admin, "admin.token", "a token of scope admin: everything, over TCP"),
        (TokenScope::Agent, "agent.token", "a token of scope agent: what agents and hosts need"),
    ];
    if revoke_tokens {
        let files = tokens.map(|(_, name, _)| place.directory.join(name));
        let revoked = self::revoke_tokens(&store, &files).await?;
        let _ = writeln!(done.0, "revoked {revoked} tokens: they open nothing any more");
    }
    for (scope, name, what) in tokens {
        let path = place.directory.join(name);
        let outcome = make_token(&store, scope, &path).await?;
        done.note(outcome, &path, what);
    }
    store.close().await;
    Ok(())
}

/// Makes every token of the database useless and removes the files of those made here.
async fn revoke_tokens(store: &Store, files: &[PathBuf]) -> anyhow::Result<usize> {
    let known = store.token_list().await?;
    for record in &known {
        store.token_delete(record.id).await?;
    }
    for file in files {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    Ok(known.len())
}

/// Makes a token unless its file is there; one that the database does not know is of no use.
async fn make_token(store: &Store, scope: TokenScope, path: &Path) -> anyhow::Result<Outcome> {
    if path.exists() {
        let token = secret_file::token(path)?;
        if store.token_scope(token.expose()).await? != Some(scope) {
            bail!(
                "{} holds no {} token of this database (was the database made anew?): remove the \
                 file and run innkeeper init again",
                path.display(),
                scope.as_str()
            );
        }
        return Ok(Outcome::Kept);
    }
    let (record, token) = store.token_create(scope, "made by innkeeper init").await?;
    let written = make_file(path, SECRET_FILE, format!("{}\n", token.expose()).as_bytes());
    if !matches!(written, Ok(Outcome::Made)) {
        store.token_delete(record.id).await?;
    }
    written
}
