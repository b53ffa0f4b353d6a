//! The plan in the files of whatever configures the image's network at boot.

mod ifupdown;
mod interfaces_file;
mod network_manager;
mod networkd;
mod renderer;

use std::path::{Path, PathBuf};

pub use renderer::Renderer;

use super::{NetworkError, Plan, file};

/// Folders that hold files of ours, and how the names of those begin.
const OURS: [(&str, &str); 3] = [
    ("etc/systemd/network", networkd::NAME_PREFIX),
    ("etc/network/interfaces.d", ifupdown::FILE_NAME),
    ("etc/NetworkManager/system-connections", network_manager::NAME_PREFIX),
];

/// A file that is to be there.
#[derive(Debug, PartialEq, Eq)]
struct Rendered {
    path: PathBuf,
    content: String,
    mode: u32,
}

pub(super) fn persist(plan: &Plan, root: &Path) -> Result<Vec<PathBuf>, NetworkError> {
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    let mut block = None;
    if !plan.devices.is_empty() {
        match Renderer::detect(root) {
            Some(Renderer::Networkd) => files = networkd::render(plan, root),
            Some(Renderer::NetworkManager) => files = network_manager::render(plan, root),
            Some(Renderer::Ifupdown) => {
                let interfaces = interfaces_file::InterfacesFile::read(root)?;
                let content = ifupdown::render(plan, |name, family, method| {
                    let is_free = interfaces.is_free(name, family, method);
                    is_free.map_err(|refusal| refused.push(refusal)).unwrap_or(false)
                });
                if interfaces.reads_folder() {
                    let path = root.join("etc/network/interfaces.d").join(ifupdown::FILE_NAME);
                    files.extend(content.map(|content| Rendered { path, content, mode: 0o644 }));
                } else {
                    block = content;
                }
            }
            None => {}
        }
    }
    let mut written = Vec::new();
    for Rendered { path, content, mode } in files {
        file::write(&path, &content, mode)?;
        written.push(path);
    }
    written.extend(interfaces_file::put_block(root, block.as_deref())?);
    remove_others(root, &written)?;
    if refused.is_empty() {
        Ok(written)
    } else {
        Err(NetworkError::PartlyPersisted { written, refused })
    }
}

/// Removes files of earlier plans.
fn remove_others(root: &Path, kept: &[PathBuf]) -> Result<(), NetworkError> {
    for (folder, prefix) in OURS {
        let folder = root.join(folder);
        for name in file::names(&folder)? {
            let path = folder.join(&name);
            if name.starts_with(prefix) && !kept.contains(&path) {
                file::remove(&path)?;
            }
        }
    }
    Ok(())
}
