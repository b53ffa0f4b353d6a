//! A private libvirtd answers from outside of its namespaces, runs machines, and leaves nothing.

use std::{fs, path::Path, time::Duration};

use innkeeper_lab::{LabError, Libvirtd, Program, isolated, wait_until};

#[test]
fn a_private_libvirtd_runs_a_machine_and_leaves_nothing() -> Result<(), LabError> {
    let directory = tempfile::tempdir()?;
    let libvirtd = Libvirtd::start(directory.path())?;
    assert_eq!(libvirtd.virsh(&["list", "--all", "--name"])?.trim(), "", "nobody else's machines");

    let disk = directory.path().join("disk.raw");
    fs::write(&disk, vec![0; 1 << 20])?;
    let console = directory.path().join("console.log");
    let definition = directory.path().join("machine.xml");
    fs::write(&definition, machine(&disk, &console))?;
    libvirtd.virsh(&["create", &definition.to_string_lossy()])?;
    assert_eq!(libvirtd.virsh(&["domstate", "lab-machine"])?.trim(), "running");
    wait_until("the machine's firmware to speak", Duration::from_secs(30), || {
        fs::read_to_string(&console).is_ok_and(|said| said.contains("SeaBIOS"))
    })?;
    libvirtd.virsh(&["destroy", "lab-machine"])?;
    libvirtd.virsh(&["create", &definition.to_string_lossy()])?;

    libvirtd.stop()?;
    assert_eq!(using(directory.path()), Vec::<String>::new(), "processes were left behind");
    assert_eq!(mounts(directory.path()), Vec::<String>::new(), "mounts were left behind");
    Ok(())
}

fn machine(disk: &Path, console: &Path) -> String {
    format!(
        "<domain type='qemu'>
           <name>lab-machine</name><memory unit='MiB'>32</memory>
           <os><type arch='x86_64' machine='pc'>hvm</type><bios useserial='yes'/></os>
           <devices>
             <disk type='file' device='disk'>
               <driver name='qemu' type='raw'/><source file='{}'/><target dev='vda' bus='virtio'/>
             </disk>
             <serial type='file'><source path='{}'/></serial>
             <memballoon model='none'/>
           </devices>
         </domain>",
        disk.display(),
        console.display()
    )
}

/// The command lines of processes that name the directory.
fn using(directory: &Path) -> Vec<String> {
    let directory = directory.to_string_lossy();
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|words| String::from_utf8_lossy(&words).replace('\0', " "))
        .filter(|words| words.contains(&*directory))
        .collect()
}

fn mounts(directory: &Path) -> Vec<String> {
    let directory = directory.to_string_lossy();
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
    mounts.lines().filter(|line| line.contains(&*directory)).map(str::to_owned).collect()
}

#[test]
fn a_machine_is_plugged_into_a_bridge_of_the_lab() {
    isolated(|| {
        let run = |line: &str| Program::new("ip").run(line.split_whitespace());
        run("link add brq-lab type bridge")?;
        run("link set brq-lab up")?;
        let directory = tempfile::tempdir()?;
        let libvirtd = Libvirtd::start(directory.path())?;
        let definition = directory.path().join("machine.xml");
        fs::write(&definition, plugged_in("brq-lab"))?;
        libvirtd.virsh(&["create", &definition.to_string_lossy()])?;
        let tap = run("-o link show tap-lab")?;
        assert!(tap.contains("master brq-lab"), "{tap}");
        libvirtd.stop()?;
        let left = run("-o link show")?;
        assert!(!left.contains("tap-lab"), "{left}");
        Ok(())
    });
}

fn plugged_in(bridge: &str) -> String {
    format!(
        "<domain type='qemu'>
           <name>lab-machine</name><memory unit='MiB'>32</memory>
           <os><type arch='x86_64' machine='pc'>hvm</type></os>
           <devices>
             <interface type='bridge'>
               <source bridge='{bridge}'/><target dev='tap-lab'/><model type='virtio'/>
             </interface>
             <memballoon model='none'/>
           </devices>
         </domain>"
    )
}
