//! A metadata service that answered once, and is asked again when it fails.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{Endpoint, http::get};
use crate::{
    log::Log,
    source::{Source, SourceError},
};

/// The pause after the first failure; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause: an address that becomes usable is found soon after.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause that a service may ask for.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(15);

/// How long is waited for a document that is only looked at: the machine's keys wait meanwhile.
const GLANCE_PATIENCE: Duration = Duration::from_secs(5);

/// A service that is there.
#[derive(Debug)]
pub(crate) struct Service {
    endpoint: Endpoint,
    versions: Vec<String>,
    patience: Duration,
}

/// The service has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// Nobody answers anywhere.
    #[error("no metadata service answered within {seconds} s: {}", failures.join("; "))]
    Nowhere {
        /// How long was waited.
        seconds: u64,
        /// The last failure of each address.
        failures: Vec<String>,
    },
    /// A document is not to be had.
    #[error("{url}: {problem}")]
    Failed {
        /// What was asked for.
        url: String,
        /// The last failure.
        problem: String,
    },
}

enum Answer {
    There(Vec<u8>),
    NotThere,
    Later { problem: String, pause: Option<Duration> },
    Never(String),
}

impl Service {
    /// Asks every address in turn, again and again, until one lists its versions. `endpoints` is
    /// called for each turn: interfaces come up while this waits.
    pub(crate) fn find(
        endpoints: &dyn Fn() -> Vec<Endpoint>,
        patience: Duration,
        log: &Log,
    ) -> Result<Self, ServiceError> {
        let deadline = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        let mut told = Vec::new();
        loop {
            let mut failures = Vec::new();
            for endpoint in endpoints() {
                let problem = match ask(&endpoint, "/openstack", deadline) {
                    Answer::There(listing) => {
                        let versions = lines(&listing);
                        return Ok(Self { endpoint, versions, patience });
                    }
                    Answer::NotThere => "does not know this machine (404)".to_owned(),
                    Answer::Later { problem, .. } | Answer::Never(problem) => problem,
                };
                failures.push(format!("{endpoint}: {problem}"));
            }
            if failures != told {
                log.note(&format!(
                    "the metadata service does not answer yet: {}",
                    failures.join("; ")
                ));
                told.clone_from(&failures);
            }
            if Instant::now() + pause >= deadline {
                return Err(ServiceError::Nowhere { seconds: patience.as_secs(), failures });
            }
            thread::sleep(pause);
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn fetch(&self, path: &str, patience: Duration) -> Result<Option<Vec<u8>>, ServiceError> {
        let deadline = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let (problem, asked) = match ask(&self.endpoint, path, deadline) {
                Answer::There(body) => return Ok(Some(body)),
                Answer::NotThere => return Ok(None),
                Answer::Never(problem) => (problem, None),
                Answer::Later { problem, pause: asked } => {
                    (problem, Some(asked.unwrap_or(pause).min(LONGEST_ASKED_PAUSE)))
                }
            };
            let now = asked.filter(|now| Instant::now() + *now < deadline);
            let Some(now) = now else {
                let url = format!("{}{path}", self.endpoint);
                return Err(ServiceError::Failed { url, problem });
            };
            thread::sleep(now);
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

impl Source for Service {
    fn describe(&self) -> String {
        format!("the metadata service at {}", self.endpoint)
    }

    fn versions(&self) -> Vec<String> {
        self.versions.clone()
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.fetch(&format!("/{path}"), self.patience)?)
    }

    fn glance(&self, path: &str) -> Option<Vec<u8>> {
        let patience = self.patience.min(GLANCE_PATIENCE);
        self.fetch(&format!("/{path}"), patience).ok().flatten()
    }
}

fn ask(endpoint: &Endpoint, path: &str, deadline: Instant) -> Answer {
    let response = match get(endpoint, path, deadline) {
        Ok(response) => response,
        Err(error) => return Answer::Later { problem: error.to_string(), pause: None },
    };
    match response.status {
        200 => Answer::There(response.body),
        404 => Answer::NotThere,
        status @ (429 | 500..=599) => Answer::Later {
            problem: format!("answers {status}"),
            pause: response.retry_after.map(Duration::from_secs),
        },
        status @ 300..=399 => {
            Answer::Never(format!("answers {status}; redirects are not followed"))
        }
        status => Answer::Never(format!("answers {status}")),
    }
}

fn lines(listing: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(listing).lines().map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        sync::mpsc,
    };

    use super::*;

    /// Answers each connection with the next of `answers`, then with nothing; says what was asked.
    fn served(answers: Vec<String>) -> (Endpoint, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                    request.push(byte[0]);
                }
                tell.send(String::from_utf8(request).unwrap()).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap(), told)
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn find(answers: Vec<String>) -> (Result<Service, ServiceError>, mpsc::Receiver<String>) {
        let (endpoint, told) = served(answers);
        let patience = Duration::from_secs(10);
        (Service::find(&|| vec![endpoint.clone()], patience, &Log::silent()), told)
    }

    #[test]
    fn what_fails_for_a_moment_is_asked_again() {
        let listing = answer("200 OK", "2012-08-10\n2013-04-04\r\nlatest");
        let (service, told) = find(vec![
            answer("503 Service Unavailable", ""),
            answer("404 Not Found", ""),
            String::new(),
            listing,
            answer("500 x", ""),
            "HTTP/1.1 429 x\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n".to_owned(),
            answer("200 OK", "{}"),
            answer("404 Not Found", "x"),
            answer("302 Found", "x"),
        ]);
        let service = service.unwrap();
        assert_eq!(service.versions(), ["2012-08-10", "2013-04-04", "latest"]);
        let path = "openstack/latest/meta_data.json";
        assert_eq!(service.read(path).unwrap().as_deref(), Some(&b"{}"[..]));
        assert_eq!(service.read(path).unwrap(), None);
        let error = service.read(path).unwrap_err().to_string();
        assert!(error.contains("redirects are not followed"), "{error}");
        let request = told.iter().next().unwrap();
        assert!(request.starts_with("GET /openstack HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    }

    #[test]
    fn nobody_there_is_said_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let endpoint = Endpoint::parse(&url).unwrap();
        let found =
            Service::find(&|| vec![endpoint.clone()], Duration::from_millis(300), &Log::silent());
        let error = found.unwrap_err().to_string();
        assert!(error.contains(&url) && error.contains("could not connect"), "{error}");
    }
}
