//! Answers that are there, to the byte.

use std::{fs, path::PathBuf};

use anyhow::Context;

use crate::peers::{
    crawl::{INSTANCE_ID, META_DATA},
    stage::{Answer, Stage},
};

/// What is answered without looking any closer.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What the requests begin with that get an answer, and the answer.
    answers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Prepared {
    /// Writes down what the stage's guests are answered; gives the arguments that [`Prepared::read`]
    /// is to be given.
    pub(super) fn write(stage: &Stage) -> anyhow::Result<Vec<String>> {
        let mut words = Vec::new();
        for (number, path) in [META_DATA, INSTANCE_ID].iter().enumerate() {
            let Answer { content_type, body } =
                stage.answers.get(path).context("a boot asks for what is measured")?;
            let length = body.len();
            let mut answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
            )
            .into_bytes();
            answer.extend_from_slice(body);
            let file = stage.world.directory().join(format!("raw-{number}"));
            fs::write(&file, answer)?;
            words.extend(["--answer".to_owned(), format!("{path}={}", file.display())]);
        }
        Ok(words)
    }

    /// Reads it again, as PATH=FILE each.
    pub(super) fn read(pairs: &[String]) -> anyhow::Result<Self> {
        let mut answers = Vec::new();
        for pair in pairs {
            let (path, file) = pair.split_once('=').context("--answer wants PATH=FILE")?;
            let file = PathBuf::from(file);
            let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
            answers.push((format!("GET {path} ").into_bytes(), bytes));
        }
        Ok(Self { answers })
    }

    /// The whole answer to a request, to the byte.
    pub(super) fn answer(&self, request: &[u8]) -> Option<&[u8]> {
        let found = self.answers.iter().find(|(beginning, _)| request.starts_with(beginning));
        found.map(|(_, answer)| answer.as_slice())
    }
}
