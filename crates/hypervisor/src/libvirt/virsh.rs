//! libvirt, spoken to by its own command `virsh`.
//!
//! A C library would have to be built against and would crash with us; `virsh` is installed
//! wherever libvirt is run, and its commands and options are kept stable.

use std::{ffi::OsStr, path::Path, time::Duration};

use innkeeper_model::InstanceId;

use super::{
    description::Description,
    program::{Ended, Program, Run},
};
use crate::HypervisorError;

const VIRSH: Program = Program {
    name: "virsh",
    missing: "install it (libvirt-clients on Debian and Ubuntu, libvirt-client on Fedora and RHEL)",
};

/// How long libvirt may take to answer a question or to write a definition. It answers at once
/// unless another operation on the same domain holds it up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a machine may take to start: its memory may have to be allocated first.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// A libvirt of this machine.
#[derive(Debug, Clone)]
pub struct Virsh {
    uri: String,
}

/// A domain that libvirt knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDomain {
    /// Its UUID.
    pub id: InstanceId,
    /// Its name.
    pub name: String,
}

/// Which description of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// What its next start makes of it.
    NextStart,
    /// What it is now.
    Now,
}

impl Virsh {
    /// The libvirt at `uri`, which must be one that runs QEMU on this machine.
    pub fn at(uri: &str) -> Result<Self, HypervisorError> {
        let local = ["qemu:///", "qemu+unix:///"];
        if local.iter().any(|beginning| uri.starts_with(beginning)) {
            return Ok(Self { uri: uri.to_owned() });
        }
        Err(HypervisorError::NotOfThisMachine { uri: uri.escape_debug().to_string() })
    }

    /// The URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Every domain, running or not.
    pub async fn domains(&self) -> Result<Vec<KnownDomain>, HypervisorError> {
        let words = ["list", "--all", "--uuid", "--name"];
        let ended = self.done("asking libvirt for its domains", &words).await?;
        let lines = ended.stdout.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| known(line).ok_or_else(|| odd("asking for domains", line))).collect()
    }

    /// The domain of this name or UUID.
    pub async fn find(&self, given: &str) -> Result<KnownDomain, HypervisorError> {
        let domains = self.domains().await?;
        let by_id = domains.iter().find(|domain| domain.id.to_string() == given);
        let found = by_id.or_else(|| domains.iter().find(|domain| domain.name == given));
        found.cloned().ok_or_else(|| HypervisorError::NoDomain {
            name: given.escape_debug().to_string(),
            uri: self.uri.clone(),
        })
    }

    /// Whether the domain runs, be it paused.
    pub async fn is_active(&self, id: InstanceId) -> Result<bool, HypervisorError> {
        let id = id.to_string();
        let doing = format!("asking libvirt whether domain {id} runs");
        let state = self.done(&doing, &["domstate", "--domain", &id]).await?;
        Ok(!matches!(state.stdout.trim(), "shut off" | "crashed"))
    }

    /// What a domain is, or will be at its next start.
    pub async fn description(
        &self,
        id: InstanceId,
        aspect: Aspect,
    ) -> Result<Description, HypervisorError> {
        let id = id.to_string();
        let doing = format!("reading the description of domain {id}");
        let mut words = vec!["dumpxml", "--domain", &id];
        words.extend((aspect == Aspect::NextStart).then_some("--inactive"));
        let ended = self.done(&doing, &words).await?;
        Description::read(&ended.stdout).map_err(|cause| odd(&doing, &cause))
    }

    /// Makes a domain of a description. All of it is there afterwards, or nothing.
    pub async fn define(&self, name: &str, xml: &str) -> Result<(), HypervisorError> {
        let doing = format!("defining domain {name}");
        let words = ["define", "--file", STDIN];
        self.run(&doing, &words, xml, ANSWER_TIMEOUT).await.map(drop)
    }

    /// Starts a domain.
    pub async fn start(&self, domain: &KnownDomain) -> Result<(), HypervisorError> {
        let (doing, id) = (format!("starting domain {}", domain.name), domain.id.to_string());
        self.run(&doing, &["start", "--domain", &id], "", START_TIMEOUT).await.map(drop)
    }

    /// Gives a domain a device from its next start on.
    pub async fn attach(&self, domain: &KnownDomain, device: &str) -> Result<(), HypervisorError> {
        let doing = format!("attaching a device to domain {}", domain.name);
        let id = domain.id.to_string();
        let words = ["attach-device", "--domain", &id, "--file", STDIN, "--config"];
        self.run(&doing, &words, device, ANSWER_TIMEOUT).await.map(drop)
    }

    /// Takes the CD out of a drive of a running domain. Forced: a guest that mounted it has locked
    /// its tray.
    pub async fn eject(&self, domain: &KnownDomain, target: &str) -> Result<(), HypervisorError> {
        let doing = format!("taking the CD out of {target} of domain {}", domain.name);
        let id = domain.id.to_string();
        let words = ["change-media", "--domain", &id, "--path", target];
        let words = [&words[..], &["--eject", "--live", "--force"]].concat();
        self.done(&doing, &words).await.map(drop)
    }

    /// Puts a CD into an empty drive of a running domain.
    pub async fn insert(
        &self,
        domain: &KnownDomain,
        target: &str,
        file: &Path,
    ) -> Result<(), HypervisorError> {
        let doing = format!("putting a CD into {target} of domain {}", domain.name);
        let (id, file) = (domain.id.to_string(), path_text(file)?);
        let words = ["change-media", "--domain", &id, "--path", target, "--source", &file];
        let words = [&words[..], &["--insert", "--live"]].concat();
        self.done(&doing, &words).await.map(drop)
    }

    async fn done(&self, doing: &str, words: &[&str]) -> Result<Ended, HypervisorError> {
        self.run(doing, words, "", ANSWER_TIMEOUT).await
    }

    async fn run(
        &self,
        doing: &str,
        words: &[&str],
        input: &str,
        within: Duration,
    ) -> Result<Ended, HypervisorError> {
        let connected = ["--quiet", "--connect", &self.uri];
        let args = connected.iter().chain(words).map(OsStr::new).collect();
        let run = Run { doing: doing.to_owned(), args, input: input.as_bytes(), within };
        let ended = VIRSH.run(run).await?;
        if ended.success {
            return Ok(ended);
        }
        let said = ended.said;
        if said.contains("failed to connect to the hypervisor") {
            let advice = connection_advice(&said);
            return Err(HypervisorError::Unreachable { uri: self.uri.clone(), advice, said });
        }
        let advice = advice(&said);
        Err(HypervisorError::Failed { doing: doing.to_owned(), said, advice })
    }
}

/// Where `virsh` reads a description that is no file.
const STDIN: &str = "/dev/stdin";

/// `<uuid> <name>`; the name may have spaces.
fn known(line: &str) -> Option<KnownDomain> {
    let (id, name) = line.split_once(' ')?;
    Some(KnownDomain { id: id.parse().ok()?, name: name.trim().to_owned() })
}

fn odd(doing: &str, cause: &str) -> HypervisorError {
    HypervisorError::NotUnderstood {
        program: VIRSH.name,
        doing: doing.to_owned(),
        cause: cause.escape_debug().to_string(),
    }
}

/// A path as a domain's description can say it.
pub fn path_text(path: &Path) -> Result<String, HypervisorError> {
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(HypervisorError::PathText { path: path.to_owned() }),
    }
}

fn connection_advice(said: &str) -> &'static str {
    if said.contains("Permission denied") || said.contains("authentication") {
        "run the command as root, or as a member of the group libvirt"
    } else {
        "is it running? `systemctl start libvirtd` starts it, or `systemctl start virtqemud` where \
         its parts are apart; another socket is named by --libvirt-uri"
    }
}

/// What to do about what libvirt says, where that is known.
fn advice(said: &str) -> &'static str {
    let known = [
        (
            "Permission denied",
            "; QEMU runs as another user (libvirt-qemu or qemu), who must be able to enter every \
             directory above the disks and images, and to read the image",
        ),
        (
            "Cannot get interface MTU",
            "; the bridge is not there: is `innkeeper serve` or `innkeeper host` running here?",
        ),
        (
            "emulator",
            "; is QEMU for the guest's architecture installed (qemu-system-x86 on Debian and \
             Ubuntu, qemu-kvm on Fedora and RHEL)?",
        ),
        ("cannot set up guest memory", "; take a smaller flavor, or end other machines"),
        ("Cannot allocate memory", "; take a smaller flavor, or end other machines"),
        ("KVM", "; --virt-type qemu does without KVM, slowly"),
    ];
    let found = known.into_iter().find(|(sign, _)| said.contains(sign));
    found.map_or("", |(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_qemu_of_this_machine_will_do() {
        for uri in ["qemu:///system", "qemu:///session", "qemu+unix:///system?socket=/run/s"] {
            assert_eq!(Virsh::at(uri).expect("local").uri(), uri);
        }
        for uri in ["qemu+ssh://other/system", "xen:///system", "test:///default", "", "-h"] {
            let error = Virsh::at(uri).expect_err(uri).to_string();
            assert!(error.contains("is not a QEMU of this machine"), "{error}");
        }
    }

    #[test]
    fn domains_are_read_with_spaces_in_their_names() {
        let id = "0f0e0d0c-0000-4000-8000-000000000001";
        let line = format!("{id} my web");
        let domain = known(&line).expect("a domain");
        assert_eq!((domain.id.to_string(), &*domain.name), (id.to_owned(), "my web"));
        assert_eq!(known("web1"), None);
    }

    #[test]
    fn nobody_there_is_told_apart_from_nobody_let_in() {
        let gone = "Failed to connect socket to '/run/libvirt-sock': No such file or directory";
        assert!(connection_advice(gone).contains("systemctl start libvirtd"));
        let closed = "Failed to connect socket to '/run/libvirt-sock': Permission denied";
        assert!(connection_advice(closed).contains("as root"));
    }

    #[tokio::test]
    async fn a_libvirt_that_does_not_run_is_told() {
        let virsh = Virsh::at("qemu+unix:///system?socket=/nowhere/libvirt-sock").expect("local");
        let error = virsh.domains().await.expect_err("nobody there");
        assert!(matches!(error, HypervisorError::Unreachable { .. }), "{error:?}");
    }
}
