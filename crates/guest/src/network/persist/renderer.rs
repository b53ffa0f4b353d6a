use std::{fmt, fs, path::Path};

/// What configures an image's network at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renderer {
    /// systemd-networkd: files in `/etc/systemd/network`.
    Networkd,
    /// NetworkManager: files in `/etc/NetworkManager/system-connections`.
    NetworkManager,
    /// ifupdown: `/etc/network/interfaces` and what that reads.
    Ifupdown,
}

impl Renderer {
    /// What the image under `root` runs. Debian's systemd brings systemd-networkd along everywhere,
    /// so that being there is not yet being used: what is enabled comes first, then what somebody
    /// installed on purpose, then systemd-networkd, which only has to be enabled.
    pub fn detect(root: &Path) -> Option<Self> {
        // A link into another file system points nowhere from here: that it is there is enough.
        let is_there = |path: &str| fs::symlink_metadata(root.join(path)).is_ok();
        let any = |paths: &[&str]| paths.iter().any(|path| is_there(path));
        let networkd = any(&NETWORKD);
        let network_manager = any(&NETWORK_MANAGER);
        if networkd && is_enabled(root, "systemd-networkd.service") {
            return Some(Self::Networkd);
        }
        if network_manager && is_enabled(root, "NetworkManager.service") {
            return Some(Self::NetworkManager);
        }
        if any(&IFUP) && is_there("etc/network/interfaces") {
            return Some(Self::Ifupdown);
        }
        if network_manager || is_there("etc/NetworkManager") {
            return Some(Self::NetworkManager);
        }
        (networkd && is_there("etc/systemd/network")).then_some(Self::Networkd)
    }
}

impl fmt::Display for Renderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Networkd => "systemd-networkd",
            Self::NetworkManager => "NetworkManager",
            Self::Ifupdown => "ifupdown",
        })
    }
}

const NETWORKD: [&str; 2] = ["usr/lib/systemd/systemd-networkd", "lib/systemd/systemd-networkd"];
const NETWORK_MANAGER: [&str; 2] = ["usr/sbin/NetworkManager", "usr/bin/NetworkManager"];
const IFUP: [&str; 3] = ["usr/sbin/ifup", "sbin/ifup", "usr/bin/ifup"];

/// Whether a target of the image wants the service.
fn is_enabled(root: &Path, service: &str) -> bool {
    let system = root.join("etc/systemd/system");
    let Ok(entries) = fs::read_dir(&system) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        let folder = entry.path();
        let is_wants = folder.extension().is_some_and(|extension| extension == "wants");
        is_wants && fs::symlink_metadata(folder.join(service)).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            fs::write(path, "").expect("a file");
        }
        root
    }

    fn detected(files: &[&str]) -> Option<Renderer> {
        Renderer::detect(image(files).path())
    }

    const DEBIAN: [&str; 2] = ["lib/systemd/systemd-networkd", "etc/systemd/network/.keep"];

    #[test]
    fn what_is_enabled_comes_before_what_is_there() {
        let with = |more: &[&'static str]| detected(&[&DEBIAN, more].concat());
        assert_eq!(detected(&[]), None);
        assert_eq!(with(&[]), Some(Renderer::Networkd));
        let ifupdown = ["sbin/ifup", "etc/network/interfaces"];
        assert_eq!(with(&ifupdown), Some(Renderer::Ifupdown));
        assert_eq!(with(&["usr/sbin/NetworkManager"]), Some(Renderer::NetworkManager));
        let enabled = "etc/systemd/system/multi-user.target.wants/systemd-networkd.service";
        assert_eq!(
            with(&["sbin/ifup", "etc/network/interfaces", enabled]),
            Some(Renderer::Networkd)
        );
        let enabled = "etc/systemd/system/multi-user.target.wants/NetworkManager.service";
        assert_eq!(
            with(&["sbin/ifup", "etc/network/interfaces", "usr/sbin/NetworkManager", enabled]),
            Some(Renderer::NetworkManager)
        );
    }
}
