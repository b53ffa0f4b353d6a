//! The whole program: settings, metadata, steps.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write as _},
};

use rustix::{
    fs::{FlockOperation, Mode, flock},
    io::Errno,
    process::umask,
};

use crate::{
    apply::{apply, plan},
    command_line::{Command, HELP, Options, parse},
    documents::{self, Documents, ReadingError},
    drive::{BlockDevices, ConfigDrive, find},
    files::{FileError, Missing, Root},
    log::{Log, printable},
    naming::await_names,
    network::{interfaces, set_up_link_local},
    service::{Endpoint, Service},
    settings::{CONFIG, Settings, Sources},
    source::Source,
    state::{DIRECTORY, State},
    steps::{Machine, user_data},
};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is applied, now or before.
    Applied,
    /// Some of it failed.
    Failed,
    /// It was not told properly what to do.
    Usage,
    /// There are no metadata.
    NothingFound,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Applied => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NothingFound => 3,
        }
    }
}

/// Bytes of a configuration file that are read.
const CONFIG_BYTES_MAX: u64 = 64 * 1024;

/// Does what `args` say, which come without the program's name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    match parse(args) {
        Ok(Command::Help) => say(HELP),
        Ok(Command::Version) => say(&format!("innkeeper-guest {}\n", env!("CARGO_PKG_VERSION"))),
        Ok(Command::Run(options)) => work(&options),
        Err(error) => wrong(&error.to_string()),
    }
}

/// Writes to standard output, which nobody may be reading any more.
fn say(text: &str) -> Exit {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Exit::Applied
}

fn wrong(message: &str) -> Exit {
    let _ = writeln!(io::stderr().lock(), "innkeeper-guest: {}", printable(message));
    Exit::Usage
}

fn work(options: &Options) -> Exit {
    let root = match Root::open(&options.root) {
        Ok(root) => root,
        Err(error) => return wrong(&error.to_string()),
    };
    let settings = match settings(options, &root) {
        Ok(settings) => settings,
        Err(message) => return wrong(&message),
    };
    // Modes are given with each file.
    umask(Mode::from_raw_mode(0o022));
    let log = if options.is_dry_run { Log::new(None) } else { log(&settings, &root) };
    let lock = if options.is_dry_run { Ok(None) } else { lock(&root) };
    if let Err(Some(message)) = &lock {
        log.note(message);
        return Exit::Failed;
    }
    let documents = match read(&settings, options, &root, &log) {
        Ok(documents) => documents,
        Err((exit, message)) => {
            log.note(&message);
            return exit;
        }
    };
    let from = format!(
        "instance {}, version {} of {}",
        documents.instance.uuid, documents.version, documents.origin
    );
    if options.is_dry_run {
        show(documents, &settings, &root, &log, (options.is_early, &from))
    } else {
        log.note(&from);
        carry_out(documents, &settings, &root, &log, options.is_early)
    }
}

fn carry_out(
    documents: Documents,
    settings: &Settings,
    root: &Root,
    log: &Log,
    is_early: bool,
) -> Exit {
    told_but_not_applied(&documents).iter().for_each(|line| log.note(line));
    if settings.force {
        // Should this run fail, the next one is to go on from here and not from what was before.
        if let Err(error) = State::discard(root, &documents.instance.uuid) {
            log.note(&error.to_string());
        }
    }
    let mut state = recorded(&documents, settings, root, log);
    let machine = Machine { root, log, boot: boot(), is_early };
    let summary = apply(documents, &settings.user, &machine, &mut state);
    summary.lines().iter().for_each(|line| log.note(line));
    if summary.is_success() { Exit::Applied } else { Exit::Failed }
}

fn show(
    documents: Documents,
    settings: &Settings,
    root: &Root,
    log: &Log,
    (is_early, from): (bool, &str),
) -> Exit {
    let state = recorded(&documents, settings, root, log);
    let machine = Machine { root, log, boot: boot(), is_early };
    let mut lines = vec![from.to_owned()];
    lines.extend(told_but_not_applied(&documents));
    let (planned, summary) = plan(documents, &settings.user, &machine, &state);
    lines.extend(planned);
    let lines: String = lines.iter().map(|line| printable(line) + "\n").collect();
    say(&lines);
    if summary.is_success() { Exit::Applied } else { Exit::Failed }
}

fn settings(options: &Options, root: &Root) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let text = match &options.config {
        Some(path) => Some(
            fs::read_to_string(path)
                .map_err(|e| format!("could not read the configuration {}: {e}", path.display()))?,
        ),
        None => usual_config(root).map_err(|e| e.to_string())?,
    };
    if let Some(text) = text {
        let path =
            options.config.as_ref().map_or_else(|| CONFIG.to_owned(), |p| p.display().to_string());
        settings.read(&text).map_err(|e| format!("{path}, {e}"))?;
    }
    options.set(&mut settings).map_err(|e| e.to_string())?;
    if options.is_early && settings.sources == Sources::Auto {
        settings.sources = Sources::Drive;
    }
    Ok(settings)
}

fn usual_config(root: &Root) -> Result<Option<String>, FileError> {
    let place = match root.place(CONFIG, Missing::Refuse) {
        Err(error) if error.is_missing() => return Ok(None),
        place => place?,
    };
    let found = place.read(CONFIG_BYTES_MAX)?;
    Ok(found.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned()))
}

fn log(settings: &Settings, root: &Root) -> Log {
    let Some(path) = &settings.log else { return Log::new(None) };
    match root.place(path, Missing::Make).and_then(|place| place.append()) {
        Ok(file) => Log::new(Some(file)),
        Err(error) => {
            let log = Log::new(None);
            log.note(&format!("there is no log file: {error}"));
            log
        }
    }
}

/// Keeps others from doing the same at the same time. That there can be no lock is no reason to
/// do nothing: the error then is `None`.
fn lock(root: &Root) -> Result<Option<fs::File>, Option<String>> {
    let path = format!("{DIRECTORY}/lock");
    let file = root.place(&path, Missing::Make).and_then(|place| place.append());
    let file = file.or(Err(None))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(Some(format!(
            "another innkeeper-guest is at work (it holds {path}): wait until it has ended"
        ))),
        _ => Ok(Some(file)),
    }
}

fn read(
    settings: &Settings,
    options: &Options,
    root: &Root,
    log: &Log,
) -> Result<Documents, (Exit, String)> {
    let mut nearest = None;
    if settings.sources != Sources::Service {
        let failure = match drive(settings, log) {
            Ok(drive) => match documents::read(&drive) {
                Ok(documents) => return Ok(documents),
                Err(error) => (Exit::Failed, error.to_string()),
            },
            Err(failure) => failure,
        };
        if settings.sources == Sources::Drive || settings.device.is_some() {
            return Err(failure);
        }
        log.note(&format!("{}; asking the metadata service", failure.1));
        nearest = Some(failure).filter(|(exit, _)| *exit == Exit::Failed);
    }
    let is_quiet = options.is_dry_run || !root.is_live();
    let service = service(settings, is_quiet, log).map_err(|problem| match nearest {
        Some((exit, nearest)) => (exit, format!("{nearest}; and {problem}")),
        None => (Exit::NothingFound, problem),
    })?;
    documents::read(&service).map_err(|error| {
        let exit = match error {
            ReadingError::Nothing { .. } => Exit::NothingFound,
            _ => Exit::Failed,
        };
        (exit, error.to_string())
    })
}

/// The config drive. Without one, how the program ends, and why.
fn drive(settings: &Settings, log: &Log) -> Result<ConfigDrive, (Exit, String)> {
    let found = match &settings.device {
        Some(device) => ConfigDrive::open(device).map_err(Some),
        None => find(&BlockDevices::of_this_machine(), settings.wait, log),
    };
    found.map_err(|problem| match problem {
        Some(error) if error.is_another_kind() || error.may_pass() => {
            (Exit::NothingFound, error.to_string())
        }
        Some(error) => (Exit::Failed, error.to_string()),
        None => {
            let message = "there is no config drive: no block device has the label config-2";
            (Exit::NothingFound, message.to_owned())
        }
    })
}

fn service(settings: &Settings, is_quiet: bool, log: &Log) -> Result<Service, String> {
    let named = settings.service.clone();
    if named.is_none() && !is_quiet {
        await_names(log);
        match set_up_link_local() {
            Ok(up) => {
                let names: Vec<String> = up.into_iter().map(|interface| interface.name).collect();
                log.note(&format!("for the metadata service these are up: {}", names.join(", ")));
            }
            Err(error) => log.note(&format!("could not bring interfaces up: {error}")),
        }
    }
    let endpoints = || match &named {
        Some(endpoint) => vec![endpoint.clone()],
        None => Endpoint::conventional(&interfaces().unwrap_or_default()),
    };
    let service =
        Service::find(&endpoints, settings.service_wait, log).map_err(|e| e.to_string())?;
    log.note(&format!("found {}", service.describe()));
    Ok(service)
}

fn recorded(documents: &Documents, settings: &Settings, root: &Root, log: &Log) -> State {
    let uuid = &documents.instance.uuid;
    if settings.force {
        return State::new(uuid);
    }
    match State::load(root, uuid) {
        Ok(state) => state.unwrap_or_else(|| State::new(uuid)),
        Err(problem) => {
            log.note(&format!(
                "the record of what was applied is damaged ({problem}): all is applied again, but \
                 for a script that was begun"
            ));
            let mut state = State::new(uuid);
            user_data::note_if_begun(root, &mut state, uuid);
            state
        }
    }
}

/// What is in the metadata and is not for this program.
fn told_but_not_applied(documents: &Documents) -> Vec<String> {
    let mut lines = Vec::new();
    if documents.instance.has_network_template() {
        lines.push(
            "network_config is there, and not applied: network_data.json says more".to_owned(),
        );
    }
    for name in &documents.vendor_data {
        lines.push(format!(
            "{name} has something in it, which is not applied: vendor data are for cloud-init"
        ));
    }
    lines
}

/// Which boot this is.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}
