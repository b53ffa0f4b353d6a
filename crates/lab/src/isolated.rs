use std::{env, thread};

use crate::{
    LabError,
    sandbox::{Sandbox, inside, relaunch},
};

/// Runs a test's body in a lab of its own: the test program starts itself again, inside, for this
/// one test.
///
/// # Panics
///
/// If the body panics, or namespaces are not to be had: a test that cannot run has failed.
pub fn isolated(body: impl FnOnce() -> Result<(), LabError>) {
    let outcome = if inside() { Sandbox::prepare().and_then(|_| body()) } else { outside() };
    if let Err(error) = outcome {
        #[allow(clippy::panic, reason = "the only way to fail a test")]
        {
            panic!("{error}");
        }
    }
}

fn outside() -> Result<(), LabError> {
    let this = thread::current();
    let name = this.name().unwrap_or_default().to_owned();
    let program = env::current_exe()?;
    let output = relaunch(&program, [name.as_str(), "--exact", "--nocapture"])
        .output()
        .map_err(|source| LabError::Spawn { program: "unshare".to_owned(), source })?;
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if !output.status.success() || !said.contains("1 passed") {
        return Err(LabError::Failed { command: format!("test {name} in its lab"), message: said });
    }
    // Shown, as what any test prints, to whoever runs tests with `--nocapture`.
    #[allow(clippy::print_stderr, reason = "a test's output is its report")]
    {
        eprint!("{said}");
    }
    Ok(())
}
