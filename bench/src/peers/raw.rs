//! The kernel's limit: accept, read once, write what was prepared, close. What is slower than this
//! is slower by its own doing.
//!
//! A process of its own, so that its processor time is known as the others' are.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread,
};

use anyhow::Context;

/// Threads that wait for a connection, for each core: a few, since each also waits for a guest's
/// request once it has accepted.
const THREADS_PER_CORE: usize = 4;
/// Connections that wait to be accepted: as many as of the others.
const BACKLOG: i32 = 4096;
/// More than any request that is measured is long.
const REQUEST_BYTES_MAX: usize = 4096;

/// How the loop is run; started by the benchmark itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
    /// PATH=FILE: the whole answer to a request for PATH, to the byte.
    #[arg(long)]
    answer: Vec<String>,
}

/// An answer, and what the requests begin with that get it.
type Answers = Vec<(Vec<u8>, Vec<u8>)>;

/// Answers until it is killed.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut answers = Answers::new();
    for pair in &arguments.answer {
        let (path, file) = pair.split_once('=').context("--answer wants PATH=FILE")?;
        let file = PathBuf::from(file);
        let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        answers.push((format!("GET {path} ").into_bytes(), bytes));
    }
    let answers = Arc::new(answers);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, arguments.port))?;
    // Again, for a longer queue than the standard library's.
    rustix::net::listen(&listener, BACKLOG)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cores * THREADS_PER_CORE)
        .map(|_| {
            let (listener, answers) = (listener.try_clone(), Arc::clone(&answers));
            thread::spawn(move || {
                answer_all(&listener?, &answers);
                anyhow::Ok(())
            })
        })
        .collect();
    for thread in threads {
        let ended = thread.join().map_err(|_panic| anyhow::anyhow!("a thread panicked"))?;
        ended?;
    }
    Ok(())
}

fn answer_all(listener: &TcpListener, answers: &Answers) {
    let mut buffer = [0; REQUEST_BYTES_MAX];
    loop {
        let Ok((stream, _)) = listener.accept() else { continue };
        // A guest that has gone is the guest's affair.
        let _ = answer(stream, answers, &mut buffer);
    }
}

fn answer(mut stream: TcpStream, answers: &Answers, buffer: &mut [u8]) -> std::io::Result<()> {
    let read = stream.read(buffer)?;
    let request = buffer.get(..read).unwrap_or_default();
    let found = answers.iter().find(|(beginning, _)| request.starts_with(beginning));
    stream.write_all(found.map(|(_, answer)| answer.as_slice()).unwrap_or_default())
}
