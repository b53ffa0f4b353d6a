//! nginx as the peer: the same bytes, from the same namespace, behind the same redirect.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use innkeeper_lab::{Process, Program};

use super::{
    contender::PORT,
    stage::{Answer, Stage},
};

/// nginx reads a word of its configuration into a buffer of this size.
const WORD_BYTES_MAX: usize = 4096;

/// Where nginx has the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum From {
    /// In files that it keeps open.
    Files,
    /// In its configuration, hence in its memory.
    Memory,
    /// The same, with connections that wait in the kernel for their first bytes, as they do for us.
    MemoryDeferred,
}

/// Starts nginx in the router's namespace; with one line of log per request, as Innkeeper writes one,
/// or without.
pub(super) fn start(stage: &Stage, from: From, log: bool) -> anyhow::Result<Process> {
    let root = stage.world.directory().join("nginx");
    // Its log, above all, which would otherwise fill the memory in the course of the rounds.
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::create_dir(&root)?;
    let answers = stage.answers.iter().map(|(path, answer)| (*path, answer));
    let server = match from {
        From::Files => files(&root, answers)?,
        From::Memory | From::MemoryDeferred => memory(answers)?,
    };
    let configuration = root.join("nginx.conf");
    fs::write(&configuration, text(&root, from, log, &server))?;
    Program::new("ip")
        .start(
            [
                "netns".as_ref(),
                "exec".as_ref(),
                stage.namespace.as_ref(),
                "nginx".as_ref(),
                "-c".as_ref(),
                configuration.as_os_str(),
            ],
            &root.join("stderr.log"),
        )
        .context("start nginx (apt-get install nginx-light)")
}

/// Its version, for the report.
pub(super) fn version() -> anyhow::Result<String> {
    let output =
        Command::new("nginx").arg("-v").output().context("run nginx -v; is it installed?")?;
    ensure!(output.status.success(), "nginx -v failed");
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(text.trim().trim_start_matches("nginx version: ").to_owned())
}

/// Each answer as a file of its own; a directory's listing cannot be a file beside the directory, so
/// every path has a number for a name.
fn files<'a>(
    root: &Path,
    answers: impl Iterator<Item = (&'a str, &'a Answer)>,
) -> anyhow::Result<String> {
    let folder: PathBuf = root.join("www");
    fs::create_dir_all(&folder)?;
    let mut server = String::new();
    for (number, (path, answer)) in answers.enumerate() {
        let file = folder.join(number.to_string());
        fs::write(&file, &answer.body)?;
        let _ = writeln!(
            server,
            "location = {path} {{ default_type {}; alias {}; }}",
            quoted(&answer.content_type),
            file.display()
        );
    }
    Ok(server)
}

fn memory<'a>(answers: impl Iterator<Item = (&'a str, &'a Answer)>) -> anyhow::Result<String> {
    let mut server = String::new();
    for (path, answer) in answers {
        let body = quoted(std::str::from_utf8(&answer.body)?);
        ensure!(body.len() < WORD_BYTES_MAX, "nginx cannot have {path} in its configuration");
        let _ = writeln!(
            server,
            "location = {path} {{ default_type {}; return 200 {body}; }}",
            quoted(&answer.content_type)
        );
    }
    Ok(server)
}

/// A word of nginx's configuration. A dollar would begin a variable, and there is no way to write one
/// but as a variable's value.
fn quoted(text: &str) -> String {
    let mut word = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                word.push('\\');
                word.push(letter);
            }
            '$' => word.push_str("${dollar}"),
            _ => word.push(letter),
        }
    }
    word.push('"');
    word
}

fn text(root: &Path, from: From, log: bool, server: &str) -> String {
    let root = root.display();
    let defer = if from == From::MemoryDeferred { " deferred" } else { "" };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let log = if log {
        format!("access_log {root}/access.log combined buffer=32k flush=1s;")
    } else {
        "access_log off;".to_owned()
    };
    format!(
        "daemon off;\nuser root;\nworker_processes {cores};\npid {root}/nginx.pid;\n\
         error_log {root}/error.log;\n\
         events {{ worker_connections 4096; multi_accept on; }}\n\
         http {{\n\
           {log}\n\
           geo $dollar {{ default \"$\"; }}\n\
           sendfile on; tcp_nopush on; tcp_nodelay on;\n\
           keepalive_requests 100000000;\n\
           open_file_cache max=100 inactive=60s;\n\
           client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;\n\
           fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;\n\
           server {{ listen {PORT} backlog=4096{defer};\n{server}}}\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nginx_would_read_otherwise_is_quoted() {
        assert_eq!(quoted(r#"{"a\": $b}"#), r#""{\"a\\\": ${dollar}b}""#);
    }
}
