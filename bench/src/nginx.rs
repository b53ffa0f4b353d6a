//! nginx as the peer: the same bytes, from the same namespace, behind the same redirect.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, ensure};
use innkeeper_lab::{Process, Program};

/// Starts nginx in a namespace on port 9697 with `document` as the answer to the path asked for.
///
/// As shipped by Debian but for the namespace: two workers (one per core), open files cached, one
/// line of log per request, as Innkeeper writes one.
pub(crate) fn start(namespace: &str, directory: &Path, document: &[u8]) -> anyhow::Result<Process> {
    let root = directory.join("nginx");
    let folder = root.join("www/openstack/latest");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("meta_data.json"), document)?;
    let configuration = root.join("nginx.conf");
    fs::write(&configuration, text(&root))?;
    let arguments = [
        "netns".as_ref(),
        "exec".as_ref(),
        namespace.as_ref(),
        "nginx".as_ref(),
        "-c".as_ref(),
        configuration.as_os_str(),
    ];
    Program::new("ip")
        .start(arguments, &root.join("stderr.log"))
        .context("start nginx (apt-get install nginx-light)")
}

/// Its version, for the report.
pub(crate) fn version() -> anyhow::Result<String> {
    let output =
        Command::new("nginx").arg("-v").output().context("run nginx -v; is it installed?")?;
    ensure!(output.status.success(), "nginx -v failed");
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(text.trim().trim_start_matches("nginx version: ").to_owned())
}

fn text(root: &Path) -> String {
    let root = root.display();
    format!(
        "daemon off;\nuser root;\nworker_processes 2;\npid {root}/nginx.pid;\n\
         error_log {root}/error.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
           access_log {root}/access.log combined buffer=32k flush=1s;\n\
           sendfile on; tcp_nopush on; tcp_nodelay on;\n\
           keepalive_requests 100000000;\n\
           open_file_cache max=100 inactive=60s;\n\
           types {{ application/json json; }}\n\
           client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;\n\
           fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;\n\
           server {{ listen 9697 backlog=4096; root {root}/www; }}\n\
         }}\n"
    )
}
