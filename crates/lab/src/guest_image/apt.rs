//! Debian's packages through the machine's own apt: its sources, its proxy, its keys.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{LabError, process::run};

/// A version of a package that apt can download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    depends: String,
}

impl Package {
    /// The one package it exists to depend on, if it depends on one.
    pub(crate) fn dependency(&self) -> Option<&str> {
        self.depends.split([' ', ',']).next().filter(|name| !name.is_empty())
    }
}

/// apt, with the machine's lists of packages or with newer ones of our own.
#[derive(Debug, Clone)]
pub(crate) struct Apt {
    lists: Option<PathBuf>,
}

impl Apt {
    /// With the machine's lists, as they are.
    pub(crate) fn of_machine() -> Self {
        Self { lists: None }
    }

    /// With lists that were fetched into `directory` before, if any were.
    pub(crate) fn fetched(directory: &Path) -> Option<Self> {
        directory.is_dir().then(|| Self { lists: Some(directory.to_owned()) })
    }

    /// With lists kept in `directory`, which are fetched anew now. The machine's are not touched.
    pub(crate) fn refreshed(directory: &Path) -> Result<Self, LabError> {
        let partial = directory.join("partial");
        fs::create_dir_all(&partial).map_err(|source| LabError::File {
            doing: "make",
            path: partial,
            source,
        })?;
        let apt = Self { lists: Some(directory.to_owned()) };
        apt.run("apt-get", &["update"])?;
        Ok(apt)
    }

    /// What would be downloaded for these names, in their order.
    pub(crate) fn candidates(&self, names: &[&str]) -> Result<Vec<Package>, LabError> {
        let shown = self.run("apt-cache", &[&["show", "--no-all-versions"], names].concat())?;
        let known: Vec<_> = shown.split("\n\n").filter_map(package).collect();
        let find = |name: &&str| known.iter().find(|package| package.name == **name).cloned();
        let missing = |name: &&str| LabError::Failed {
            command: format!("apt-cache show {name}"),
            message: "apt knows no such package; run `apt-get update`".to_owned(),
        };
        names.iter().map(|name| find(name).ok_or_else(|| missing(name))).collect()
    }

    /// Downloads a package into a directory: the path of the file.
    pub(crate) fn download(&self, package: &Package, to: &Path) -> Result<PathBuf, LabError> {
        let wanted = format!("{}={}", package.name, package.version);
        // apt-get downloads to where it is called, so it is called there.
        let script = "cd -- \"$1\" && shift && exec apt-get \"$@\"";
        let mut args = vec!["-c".to_owned(), script.to_owned(), "sh".to_owned()];
        args.push(to.to_string_lossy().into_owned());
        args.extend(self.options());
        args.extend(["download".to_owned(), wanted]);
        run("sh", &args)?;
        let prefix = format!("{}_", package.name);
        let files = fs::read_dir(to).map_err(|source| LabError::File {
            doing: "list",
            path: to.to_owned(),
            source,
        })?;
        let mut paths = files.flatten().map(|file| file.path());
        paths.find(|path| name_of(path).starts_with(&prefix)).ok_or_else(|| LabError::Failed {
            command: format!("apt-get download {}", package.name),
            message: format!("left no file in {}", to.display()),
        })
    }

    /// The lines of a `sources.list` for the machine's own release of Debian, without what it has
    /// of other distributors, and without backports.
    pub(crate) fn sources(&self) -> Result<Vec<String>, LabError> {
        let release = release()?;
        let suites = [release.clone(), format!("{release}-updates"), format!("{release}-security")];
        let format = "$(ORIGIN) $(CODENAME) $(SITE) $(RELEASE) $(COMPONENT)";
        let targets = ["indextargets", "--format", format, "Created-By: Packages"];
        let listed = self.run("apt-get", &targets)?;
        let mut lines: Vec<_> = listed
            .lines()
            .filter_map(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                let [origin, suite, site, release, component] = words[..] else { return None };
                let ours = origin == "Debian" && suites.iter().any(|known| known == suite);
                (ours && component == "main").then(|| format!("deb {site} {release} main"))
            })
            .collect();
        lines.sort_unstable();
        lines.dedup();
        if lines.is_empty() {
            return Err(LabError::Failed {
                command: "apt-get indextargets".to_owned(),
                message: format!(
                    "names no source of Debian {release}; the guests are made of Debian's packages: \
                     add such a source and run `apt-get update`"
                ),
            });
        }
        Ok(lines)
    }

    /// The machine's way to the archive, as lines of an `apt.conf`.
    pub(crate) fn proxies(&self) -> Result<Vec<String>, LabError> {
        let dumped = self.run("apt-config", &["dump"])?;
        let is_proxy = |line: &&str| line.starts_with("Acquire::http") && line.contains("::Proxy");
        Ok(dumped.lines().filter(is_proxy).map(str::to_owned).collect())
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<String, LabError> {
        let mut all = self.options();
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        run(program, &all)
    }

    fn options(&self) -> Vec<String> {
        let mut options = vec!["-o".to_owned(), "APT::Sandbox::User=root".to_owned()];
        if let Some(lists) = &self.lists {
            options.extend(["-o".to_owned(), format!("Dir::State::lists={}/", lists.display())]);
            // The machine's index of packages is not made of these lists.
            options.extend(
                ["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]
                    .map(str::to_owned),
            );
        }
        options
    }
}

/// Reads a paragraph of what `apt-cache show` says.
fn package(paragraph: &str) -> Option<Package> {
    let field = |wanted: &str| {
        let mut lines = paragraph.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(field, _)| *field == wanted).map(|(_, value)| value.to_owned())
    };
    let depends = field("Depends").unwrap_or_default();
    Some(Package { name: field("Package")?, version: field("Version")?, depends })
}

/// The machine's release of Debian by its codename.
pub(crate) fn release() -> Result<String, LabError> {
    let path = Path::new("/etc/os-release");
    let text = fs::read_to_string(path).map_err(|source| LabError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    })?;
    let mut lines = text.lines();
    let codename = lines.find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(codename.unwrap_or("bookworm").trim_matches('"').to_owned())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
