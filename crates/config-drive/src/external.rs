//! An external program in place of what is built in, as Nova runs it.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use innkeeper_image::{Image, Tree, Volume};
use tempfile::TempDir;

use crate::ConfigDriveError;

/// How long the program may take. It needs a fraction of a second; whoever waits for the drive of a
/// machine that boots waits no longer than this.
const TIME_MAX: Duration = Duration::from_secs(20);

/// How often a program is looked at that prints no more but has not ended.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How much of what it prints is shown: where it stops is what matters.
const SHOWN_CHARS_MAX: usize = 2_000;

/// Bytes that are read of what it prints. More is read and dropped, lest it blocks.
const PRINTED_BYTES_MAX: u64 = 64 * 1024;

/// Writes `tree` to a directory that nobody else can read, and has the program make an image of it.
pub(crate) fn iso9660(
    program: &Path,
    tree: &Tree,
    volume: &Volume,
) -> Result<Image, ConfigDriveError> {
    let directory = private_directory()?;
    let (contents, image) = (directory.path().join("contents"), directory.path().join("image"));
    write(tree, &contents)?;
    let mut command = Command::new(program);
    // Nova's arguments, in its order.
    command.arg("-o").arg(&image);
    command.args(["-ldots", "-allow-lowercase", "-allow-multidot", "-l"]);
    command.args(["-publisher", &volume.publisher, "-quiet", "-J", "-r", "-V", &volume.label]);
    command.arg(contents);
    run("mkisofs_cmd", command, &image)
}

/// Has the program make a VHD of `raw`, as Nova had it made for Hyper-V: a dynamic one.
pub(crate) fn vhd(program: &Path, raw: &Image) -> Result<Image, ConfigDriveError> {
    let directory = private_directory()?;
    let (inside, image) = (directory.path().join("raw"), directory.path().join("image"));
    File::create_new(&inside)
        .and_then(|file| raw.write_sparse(&file))
        .map_err(|source| ConfigDriveError::disk("write", &inside, source))?;
    let mut command = Command::new(program);
    command.args(["convert", "-f", "raw", "-O", "vpc"]).arg(inside).arg(&image);
    run("qemu_img_cmd", command, &image)
}

fn private_directory() -> Result<TempDir, ConfigDriveError> {
    let made = tempfile::Builder::new()
        .prefix("innkeeper-config-drive-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir();
    made.map_err(|source| {
        ConfigDriveError::disk("make a directory in", &std::env::temp_dir(), source)
    })
}

fn write(tree: &Tree, to: &Path) -> Result<(), ConfigDriveError> {
    for (path, contents) in tree.files() {
        let path = to.join(path);
        let parent = path.parent().unwrap_or(to);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, contents))
            .map_err(|source| ConfigDriveError::disk("write", &path, source))?;
    }
    Ok(())
}

/// Runs the program that `key` names; it is to make `image`.
fn run(key: &'static str, command: Command, image: &Path) -> Result<Image, ConfigDriveError> {
    let program = command.get_program().display().to_string();
    let made = image_of(command, image);
    made.map_err(|reason| ConfigDriveError::Program { key, program, reason })
}

/// The image, or why there is none.
fn image_of(mut command: Command, image: &Path) -> Result<Image, String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("it could not be started: {error}"))?;
    let (status, printed) = wait(child, TIME_MAX)?;
    if !status.success() {
        return Err(format!("it ended with {status} and printed: {}", shown(&printed)));
    }
    match fs::read(image) {
        Ok(bytes) if bytes.is_empty() => Err("it wrote an empty image".to_owned()),
        Ok(bytes) => Ok(Image::from_bytes(bytes)),
        Err(error) => Err(format!(
            "it ended well, but its image cannot be read: {error}; {}",
            shown(&printed)
        )),
    }
}

/// How the program ended, and what it printed on its standard error.
fn wait(mut child: Child, time_max: Duration) -> Result<(ExitStatus, Vec<u8>), String> {
    let mut stderr = child.stderr.take().expect("it was asked for");
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || {
        let mut printed = Vec::new();
        let read = stderr.by_ref().take(PRINTED_BYTES_MAX).read_to_end(&mut printed);
        // Its end is the program's end, or it is as good as that.
        let _ = read.and_then(|_| io::copy(&mut stderr, &mut io::sink()));
        let _ = tell.send(printed);
    });
    let deadline = Instant::now() + time_max;
    if let Ok(printed) = ended.recv_timeout(time_max) {
        // A program may close its standard error and go on.
        while Instant::now() < deadline {
            match child.try_wait() {
                Ok(Some(status)) => return Ok((status, printed)),
                Ok(None) => thread::sleep(LOOK_EVERY),
                Err(error) => return Err(format!("it could not be waited for: {error}")),
            }
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("it was stopped after {} seconds", time_max.as_secs()))
}

/// The last of what was printed, on one line.
fn shown(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(printed);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = lines.join("; ");
    let skipped = text.chars().count().saturating_sub(SHOWN_CHARS_MAX);
    let text: String = text.chars().skip(skipped).filter(|c| !c.is_control()).collect();
    if text.is_empty() { "nothing".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(script: &str, time_max: Duration) -> Result<(ExitStatus, Vec<u8>), String> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::null()).stderr(Stdio::piped());
        wait(command.spawn().expect("a shell"), time_max)
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped_whatever_it_prints() {
        for script in ["exec sleep 60", "exec sleep 60 2>&-", "echo words >&2; exec sleep 60 2>&-"]
        {
            let begun = Instant::now();
            let stopped = waited(script, Duration::from_millis(300)).expect_err("stopped");
            assert!(stopped.contains("it was stopped"), "{script}: {stopped}");
            assert!(begun.elapsed() < Duration::from_secs(30), "{script}");
        }
        let (status, printed) =
            waited("echo words >&2; exec 2>&-; sleep 0.1; exit 3", TIME_MAX).expect("it ends");
        assert_eq!((status.code(), &*printed), (Some(3), &b"words\n"[..]));
    }
}
