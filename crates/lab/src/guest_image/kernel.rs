//! A kernel with the modules that guests need, in the order in which they can be loaded.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    LabError,
    guest_image::{
        cache::Cache, catalogue::Catalogue, copy, file, list, make, read, remove, write,
    },
    process::run,
};

/// What drives are on, what file systems they have, and what their network documents describe.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_net",
    "virtio_blk",
    "virtio_scsi",
    "ata_piix",
    "sr_mod",
    "sd_mod",
    "isofs",
    "vfat",
    "nls_cp437",
    "nls_iso8859_1",
    "nls_ascii",
    "nls_utf8",
    "8021q",
    "bonding",
];

/// The kernel's file in its directory.
pub(crate) const VMLINUZ: &str = "vmlinuz";
/// The modules' directory in the kernel's directory.
const MODULES_DIRECTORY: &str = "modules";
/// The file that names the modules in the order in which they are loaded.
const ORDER: &str = "order";

/// The directory of the kernel and its modules, for guests of all kinds.
pub(crate) fn directory(cache: &Cache, catalogue: &Catalogue) -> Result<PathBuf, LabError> {
    let package = &catalogue.kernel;
    let modules = MODULES.join(" ");
    let ingredients = [package.name.as_bytes(), package.version.as_bytes(), modules.as_bytes()];
    cache.get("kernel", &ingredients, |at| {
        let deb = catalogue.download(cache, |catalogue| &catalogue.kernel, at)?;
        unpack(&deb, at)?;
        fs::remove_file(&deb).map_err(|source| file("remove", &deb, source))
    })
}

/// Takes kernel and modules out of the package's file, into `directory`.
fn unpack(deb: &Path, directory: &Path) -> Result<(), LabError> {
    let unpacked = directory.join("unpacked");
    run("dpkg-deb", [Path::new("--extract"), deb, &unpacked])?;
    let vmlinuz = the_one(&unpacked.join("boot"), "vmlinuz-")?;
    copy(&vmlinuz, &directory.join(VMLINUZ))?;
    let tree = the_one(&unpacked.join("lib/modules"), "")?;
    let modules = directory.join(MODULES_DIRECTORY);
    make(&modules)?;
    let mut order = String::new();
    for file in load_order(&tree)? {
        let name = file_name(&file);
        copy(&file, &modules.join(&name))?;
        order.push_str(&name);
        order.push('\n');
    }
    write(&modules.join(ORDER), order.as_bytes())?;
    remove(&unpacked)
}

/// Paths within a first file system and contents: the modules and their order.
pub(crate) fn modules(directory: &Path) -> Result<Vec<(String, Vec<u8>)>, LabError> {
    let mut paths = list(&directory.join(MODULES_DIRECTORY))?;
    paths.sort_unstable();
    paths.iter().map(|path| Ok((format!("modules/{}", file_name(path)), read(path)?))).collect()
}

/// The wanted modules' files, each after those it depends on; none for what is in the kernel.
fn load_order(tree: &Path) -> Result<Vec<PathBuf>, LabError> {
    let mut files = BTreeMap::new();
    find_modules(tree, &mut files)?;
    let builtin = String::from_utf8_lossy(&read(&tree.join("modules.builtin"))?).into_owned();
    let builtin: Vec<_> = builtin.lines().map(|path| module_name(Path::new(path))).collect();
    let mut order = Vec::new();
    for module in MODULES {
        visit(module, &files, &builtin, &mut order)?;
    }
    Ok(order)
}

fn visit(
    module: &str,
    files: &BTreeMap<String, PathBuf>,
    builtin: &[String],
    order: &mut Vec<PathBuf>,
) -> Result<(), LabError> {
    if builtin.iter().any(|name| name == module) {
        return Ok(());
    }
    let file = files.get(module).ok_or_else(|| LabError::Failed {
        command: format!("look for the module {module}"),
        message: "this kernel has none".to_owned(),
    })?;
    if order.contains(file) {
        return Ok(());
    }
    for dependency in dependencies(&read(file)?) {
        visit(&dependency, files, builtin, order)?;
    }
    order.push(file.clone());
    Ok(())
}

/// What a module says of itself that it depends on.
fn dependencies(module: &[u8]) -> Vec<String> {
    const FIELD: &[u8] = b"\0depends=";
    let Some(at) = module.windows(FIELD.len()).position(|bytes| bytes == FIELD) else {
        return Vec::new();
    };
    let value = &module[at + FIELD.len()..];
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    value.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

fn find_modules(directory: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<(), LabError> {
    for path in list(directory)? {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            find_modules(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            found.insert(module_name(&path), path);
        }
    }
    Ok(())
}

/// The name by which others depend on it: files may have dashes where names have underscores.
fn module_name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The one entry of a directory whose name begins so.
fn the_one(directory: &Path, prefix: &str) -> Result<PathBuf, LabError> {
    let mut paths = list(directory)?.into_iter();
    paths.find(|path| file_name(path).starts_with(prefix)).ok_or_else(|| LabError::Failed {
        command: "unpack a kernel's package".to_owned(),
        message: format!("{} has nothing named {prefix}…", directory.display()),
    })
}
