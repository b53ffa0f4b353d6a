//! The tiny guest boots, sees what was brought and what was plugged in, and reports it.

use std::{fs, time::Duration};

use innkeeper_lab::{Brought, Bus, GuestImages, LabError, Qemu};

const RUN: &str = "
cat /guest/message
echo product $(cat /sys/class/dmi/id/product_name)
echo disk $(head -c 5 /dev/vda)
echo overwritten | dd of=/dev/vda conv=notrunc 2>/dev/null
echo mac $(cat /sys/class/net/eth0/address)
exit 3
";

#[test]
fn the_tiny_guest_runs_what_it_was_given() -> Result<(), LabError> {
    let directory = tempfile::tempdir()?;
    let guest = GuestImages::kept().tiny()?;
    let initramfs = directory.path().join("initramfs");
    let brought =
        [Brought::program("guest/run", RUN), Brought::data("guest/message", "brought along\n")];
    guest.bring(&brought, &initramfs)?;
    let disk = directory.path().join("a disk, with a comma");
    fs::write(&disk, [b"first".as_slice(), &[0; 4096]].concat())?;

    let boot = Qemu::new(directory.path(), &guest.kernel, &initramfs)
        .drive(&disk, "raw", Bus::Virtio)
        .network("hubport,hubid=0", "fa:16:3e:00:00:01")
        .product("OpenStack Nova", "0f0e0d0c-0000-4000-8000-000000000001")
        .run(Duration::from_secs(60))?;

    let report = boot.report;
    assert_eq!(report.first("brought"), Some("along"));
    assert_eq!(report.first("product"), Some("OpenStack Nova"));
    assert_eq!(report.first("disk"), Some("first"));
    assert_eq!(report.first("mac"), Some("fa:16:3e:00:00:01"));
    assert_eq!(report.exit_code(), Some(3), "console: {}", boot.console);
    assert!(fs::read(&disk)?.starts_with(b"first"), "the file was written to");
    Ok(())
}

#[test]
fn a_machine_that_does_not_end_is_switched_off() -> Result<(), LabError> {
    let directory = tempfile::tempdir()?;
    let guest = GuestImages::kept().tiny()?;
    let initramfs = directory.path().join("initramfs");
    guest.bring(&[Brought::program("guest/run", "sleep 600")], &initramfs)?;
    let run = Qemu::new(directory.path(), &guest.kernel, &initramfs).run(Duration::from_secs(1));
    let error = run.expect_err("it never ends").to_string();
    assert!(error.contains("waited 1 s in vain"), "{error}");
    assert!(error.contains("its console ends"), "{error}");
    let name = directory.path().to_string_lossy().into_owned();
    let processes = fs::read_dir("/proc")?.flatten();
    let commands = processes.filter_map(|one| fs::read(one.path().join("cmdline")).ok());
    let left = commands.filter(|words| String::from_utf8_lossy(words).contains(&name)).count();
    assert_eq!(left, 0, "it still runs");
    Ok(())
}
