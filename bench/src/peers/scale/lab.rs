//! One number of instances in a lab of its own: a process that measures when it is told to by a line
//! on its standard input, and answers with a line of JSON.

use std::{
    io::{BufRead, BufReader, Write as _, stdin, stdout},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, ensure};
use innkeeper_lab::relaunch;

use super::Scale;

/// What a lab says once there is something to measure.
const READY: &str = "ready";

/// The lab, from the outside. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Lab {
    child: Child,
    /// Nothing more to come ends it.
    orders: Option<ChildStdin>,
    figures: BufReader<ChildStdout>,
}

impl Lab {
    /// Starts it, and waits until its instances are made.
    pub(super) fn set_up(innkeeper: &Path, instances: usize) -> anyhow::Result<Self> {
        let words = ["scale-of".as_ref(), "--innkeeper".as_ref(), innkeeper.as_os_str()];
        let lab = relaunch(&std::env::current_exe()?, words);
        // It ends with this program, whatever ends that.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(lab.get_program()).args(lab.get_args());
        command.envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(["--instances", &instances.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("start a lab")?;
        let orders = child.stdin.take();
        let figures = BufReader::new(child.stdout.take().context("a lab has an output")?);
        let mut lab = Self { child, orders, figures };
        let line = lab.line().with_context(|| format!("make {instances} instances"))?;
        ensure!(line.trim_end() == READY, "a lab said {line:?}, not {READY:?}");
        Ok(lab)
    }

    /// Has it measure once.
    pub(super) fn measure(&mut self) -> anyhow::Result<Scale> {
        writeln!(self.orders.as_mut().context("a lab has an input")?).context("tell a lab")?;
        serde_json::from_str(&self.line()?).context("read the figures of a lab")
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.figures.read_line(&mut line).context("listen to a lab")?;
        ensure!(!line.is_empty(), "the lab ended; what it says of it is above");
        Ok(line)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// The lab, from the inside.
pub(super) fn measure_when_asked(
    mut measure: impl FnMut() -> anyhow::Result<Scale>,
) -> anyhow::Result<()> {
    let say = |line: &str| {
        let mut output = stdout().lock();
        writeln!(output, "{line}").and_then(|()| output.flush()).context("answer the benchmark")
    };
    say(READY)?;
    for order in stdin().lines() {
        order.context("listen to the benchmark")?;
        say(&serde_json::to_string(&measure()?)?)?;
    }
    Ok(())
}
