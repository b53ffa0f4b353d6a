//! With which virtualization a machine runs.

use std::{fmt, fs::File, path::Path, str::FromStr};

/// The `type` of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VirtType {
    /// The processor's own virtualization.
    Kvm,
    /// Emulation in software: works everywhere, many times slower.
    Qemu,
}

impl VirtType {
    /// What this machine can do, as far as this process may see: KVM if its device can be opened
    /// for reading and writing.
    pub fn of_this_machine() -> Self {
        Self::by_device(Path::new("/dev/kvm"))
    }

    fn by_device(device: &Path) -> Self {
        match File::options().read(true).write(true).open(device) {
            Ok(_) => Self::Kvm,
            Err(_) => Self::Qemu,
        }
    }

    /// Its name in a domain's description.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Qemu => "qemu",
        }
    }
}

impl fmt::Display for VirtType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for VirtType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "kvm" => Ok(Self::Kvm),
            "qemu" => Ok(Self::Qemu),
            _ => Err(format!("\"{}\" is neither kvm nor qemu", text.escape_debug())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_cannot_be_opened_is_no_kvm() {
        assert_eq!(VirtType::by_device(Path::new("/nowhere/kvm")), VirtType::Qemu);
        let device = tempfile::NamedTempFile::new().expect("a file");
        assert_eq!(VirtType::by_device(device.path()), VirtType::Kvm);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for one in [VirtType::Kvm, VirtType::Qemu] {
            assert_eq!(one.as_str().parse(), Ok(one));
        }
        assert!("xen".parse::<VirtType>().is_err());
    }
}
