//! First file systems: modules, busybox and a script as the first process.

use std::path::Path;

use crate::{
    LabError,
    guest_image::{
        cache::Cache,
        catalogue::{BUSYBOX, Catalogue},
        cpio::Archive,
        file, kernel, make, read, remove,
    },
    process::run,
};

/// What one with this script is made of, besides our own code.
pub(crate) fn ingredients<'a>(
    catalogue: &'a Catalogue,
    kernel: &'a Path,
    init: &'a str,
) -> [&'a [u8]; 4] {
    let kernel = kernel.file_name().unwrap_or_default();
    let busybox = catalogue.busybox.version.as_bytes();
    [FORM.as_bytes(), kernel.as_encoded_bytes(), busybox, init.as_bytes()]
}

/// To be changed with what [`write`] does.
const FORM: &str = "newc: init, bin/busybox, modules";

/// Writes one. It is not compressed: an emulated machine would take longer to unpack it than this
/// machine to read it.
pub(crate) fn write(
    cache: &Cache,
    catalogue: &Catalogue,
    kernel: &Path,
    init: &str,
    to: &Path,
) -> Result<(), LabError> {
    let busybox = busybox(cache, catalogue, to.parent().unwrap_or(to))?;
    let modules = kernel::modules(kernel)?;
    let mut archive = Archive::new(Vec::new());
    let written = archive
        .file("init", 0o755, init.as_bytes())
        .and_then(|()| archive.file("bin/busybox", 0o755, &busybox))
        .and_then(|()| {
            modules.iter().try_for_each(|(path, content)| archive.file(path, 0o644, content))
        });
    let whole = written.and_then(|()| archive.finish());
    super::write(to, &whole.map_err(|source| file("write", to, source))?)
}

/// Debian's statically linked busybox. It is not installed: it would replace another one.
fn busybox(cache: &Cache, catalogue: &Catalogue, directory: &Path) -> Result<Vec<u8>, LabError> {
    let work = directory.join(BUSYBOX);
    make(&work)?;
    let deb = catalogue.download(cache, |catalogue| &catalogue.busybox, &work)?;
    run("dpkg-deb", [Path::new("--extract"), &deb, &work])?;
    let places = ["bin/busybox", "usr/bin/busybox"].map(|path| work.join(path));
    let found = places.iter().find(|path| path.exists()).unwrap_or(&places[0]);
    let content = read(found)?;
    remove(&work)?;
    Ok(content)
}
