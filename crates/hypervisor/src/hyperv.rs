//! Hyper-V: the PowerShell that puts a drive into a virtual machine. Nothing here runs it.

use std::fmt;

/// How the machine is given the drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// The ISO image in a DVD drive.
    Dvd,
    /// The VHD image as a hard disk.
    Disk,
}

/// What the script is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment<'a> {
    /// The machine's name in Hyper-V.
    pub machine: &'a str,
    /// Where the image is on the Hyper-V host.
    pub path: &'a str,
    /// How the machine is given it.
    pub medium: Medium,
}

/// A script that attaches the drive, and changes nothing if it is attached already.
///
/// A machine of generation 1 gets it at the first free place on IDE, one of generation 2, which has
/// no IDE, as a DVD on its SCSI controller: Hyper-V gives those no VHD. Nova's driver took IDE
/// controller 1, place 0, where a machine that was not made by Nova has its DVD drive already.
pub fn script(attachment: &Attachment<'_>) -> String {
    let (kind, get) = match attachment.medium {
        Medium::Dvd => ("DVD drive", "Get-VMDvdDrive"),
        Medium::Disk => ("disk", "Get-VMHardDiskDrive"),
    };
    format!(
        "# Attaches the config drive of a virtual machine to it. Run it on the Hyper-V host, as an\n\
         # administrator. Running it again changes nothing.\n\
         #Requires -Modules Hyper-V\n\
         Set-StrictMode -Version Latest\n\
         $ErrorActionPreference = 'Stop'\n\
         \n\
         $name = {name}\n\
         $image = {path}\n\
         \n\
         if (-not (Test-Path -LiteralPath $image -PathType Leaf)) {{\n    \
             throw \"There is no file $image on this host: copy the config drive there first.\"\n\
         }}\n\
         $machine = @(Get-VM | Where-Object {{ $_.Name -eq $name }})\n\
         if ($machine.Count -ne 1) {{\n    \
             throw \"$($machine.Count) virtual machines are named $name; there has to be one.\"\n\
         }}\n\
         $machine = $machine[0]\n\
         \n\
         if (@({get} -VM $machine | Where-Object {{ $_.Path -eq $image }}).Count -gt 0) {{\n    \
             Write-Output \"$name has the config drive already.\"\n    \
             return\n\
         }}\n\
         if ($machine.Generation -eq 1 -and $machine.State -ne 'Off') {{\n    \
             throw \"$name runs: shut it down first, an IDE device cannot be added before.\"\n\
         }}\n\
         {add}\
         Write-Output \"$name has the config drive in a new {kind}.\"\n",
        name = Quoted(attachment.machine),
        path = Quoted(attachment.path),
        add = added(attachment.medium),
    )
}

/// A DVD drive goes where its generation has them; of disks both controllers are possible.
const fn added(medium: Medium) -> &'static str {
    match medium {
        Medium::Dvd => "Add-VMDvdDrive -VM $machine -Path $image\n",
        Medium::Disk => {
            "if ($machine.Generation -ne 1) {\n    \
                 throw \"$name is of generation 2, which takes no VHD: make the config drive anew \
                 with --as dvd.\"\n\
             }\n\
             Add-VMHardDiskDrive -VM $machine -ControllerType IDE -Path $image\n"
        }
    }
}

/// A PowerShell string in which nothing is expanded.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        for character in self.0.chars() {
            match character {
                // PowerShell takes typographic quotes for plain ones.
                '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' => {
                    write!(f, "{character}{character}")?;
                }
                // A line break would be one in the script too, where nobody expects it.
                control if control.is_control() => f.write_str("?")?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_are_as_reviewed() {
        for (medium, path, golden) in [
            (Medium::Dvd, r"C:\web1\configdrive.iso", include_str!("../tests/golden/dvd.ps1")),
            (Medium::Disk, r"C:\web1\configdrive.vhd", include_str!("../tests/golden/disk.ps1")),
        ] {
            assert_eq!(script(&Attachment { machine: "web1", path, medium }), golden, "{medium:?}");
        }
    }

    #[test]
    fn names_stay_strings() {
        let hostile = "a'; Remove-Item C:\\ -Recurse; '\u{2019}$(x)`n\nb";
        let quoted = Quoted(hostile).to_string();
        assert_eq!(quoted, "'a''; Remove-Item C:\\ -Recurse; ''\u{2019}\u{2019}$(x)`n?b'");
    }
}
