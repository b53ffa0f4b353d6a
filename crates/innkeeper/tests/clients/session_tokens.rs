//! Session tokens and the password, as `curl` in a guest has them over the whole path.

use std::time::Duration;

use innkeeper_lab::{LabError, Reply, World, isolated, read_reply, wait_until};

use crate::{
    inside::Inside,
    machine::{Complete, neighbour},
    world,
};

const TOKEN: &str = "/latest/api/token";
const HOSTNAME: &str = "/latest/meta-data/hostname";
const PASSWORD: &str = "/openstack/latest/password";

/// How long anything may take that happens within a second or two.
const PATIENCE: Duration = Duration::from_secs(20);

/// A guest in which somebody types `curl`.
struct Shell<'a>(Inside<'a>);

impl Shell<'_> {
    /// What the metadata address answers to `curl OPTIONS http://169.254.169.254PATH`.
    fn curl(&self, options: &[&str], path: &str) -> Result<Reply, LabError> {
        let url = format!("http://169.254.169.254{path}");
        let mut args = vec!["--silent", "--show-error", "--include", "--path-as-is"];
        args.extend(options);
        args.push(&url);
        read_reply(&mut self.0.output_of("curl", &args)?.as_slice())
    }

    fn status(&self, options: &[&str], path: &str) -> Result<u16, LabError> {
        self.curl(options, path).map(|reply| reply.status)
    }

    /// Asks for a token that is good for so many seconds.
    fn token(&self, seconds: u32) -> Result<String, LabError> {
        let ttl = format!("X-aws-ec2-metadata-token-ttl-seconds: {seconds}");
        let reply = self.curl(&["-X", "PUT", "-H", &ttl], TOKEN)?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let given = reply.header("x-aws-ec2-metadata-token-ttl-seconds");
        assert_eq!(given, Some(seconds.to_string().as_str()));
        let content_type = reply.header("content-type").unwrap_or_default();
        assert!(content_type.starts_with("text/plain"), "{content_type}");
        let token = reply.text();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=".contains(c);
        assert!(!token.is_empty() && token.chars().all(is_plain), "{token:?} as a header's value");
        Ok(token)
    }

    /// The status of a request that shows this token.
    fn shows(&self, token: &str, path: &str) -> Result<u16, LabError> {
        self.status(&["-H", &format!("X-aws-ec2-metadata-token: {token}")], path)
    }
}

#[test]
fn a_token_opens_what_its_absence_does_not_close() {
    isolated(|| {
        let world = world()?;
        let roles = world.roles()?;
        let complete = Complete::make(&world)?;
        let shell = Shell(Inside::new(&world, &complete.guest)?);
        let token = shell.token(60)?;
        for path in [HOSTNAME, "/openstack/latest/meta_data.json", "/2009-04-04/user-data", "/"] {
            assert_eq!(shell.shows(&token, path)?, 200, "{path} with the token");
            assert_eq!(shell.status(&[], path)?, 200, "{path} without");
        }
        assert_eq!(shell.shows(&token, "/latest/meta-data/nothing")?, 404);
        assert_ne!(shell.token(60)?, token, "each is another");
        for seconds in [1, 21_600] {
            shell.token(seconds)?;
        }

        drop(roles);
        let _roles = world.roles()?;
        world.await_answer(&complete.guest)?;
        assert_eq!(shell.shows(&token, HOSTNAME)?, 200, "after all processes were started anew");
        Ok(())
    });
}

#[test]
fn a_token_that_is_not_this_machines_closes_everything() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let complete = Complete::make(&world)?;
        let other = neighbour(&world)?;
        let shell = Shell(Inside::new(&world, &complete.guest)?);
        let other = Shell(Inside::new(&world, &other)?);
        let (token, short) = (shell.token(60)?, shell.token(1)?);
        let foreign = other.token(60)?;
        assert_eq!(other.shows(&foreign, HOSTNAME)?, 200, "the other machine's own");

        let mut wrong = vec![foreign, format!("{token}A"), "letmein".to_owned()];
        for place in [0, token.len() / 2, token.len() - 2] {
            wrong.push(tampered(&token, place));
        }
        wrong.push(token.chars().take(token.len() / 2).collect());
        for wrong in wrong {
            for path in [HOSTNAME, "/openstack/latest/meta_data.json", "/latest/nothing"] {
                let reply =
                    shell.curl(&["-H", &format!("X-aws-ec2-metadata-token: {wrong}")], path)?;
                assert_eq!(reply.status, 401, "{path} with {wrong} instead of {token}");
                assert!(!reply.text().contains("web1"), "a refusal with data: {}", reply.text());
            }
        }
        let mut last = Ok(0);
        wait_until("a token of one second to expire", PATIENCE, || {
            last = shell.shows(&short, HOSTNAME);
            last.as_ref().map_or(true, |status| *status != 200)
        })?;
        assert_eq!(last?, 401, "an expired token");
        assert_eq!(shell.shows(&token, HOSTNAME)?, 200, "the one that has not expired");
        Ok(())
    });
}

/// The token with one character replaced.
fn tampered(token: &str, place: usize) -> String {
    let mut characters: Vec<_> = token.chars().collect();
    characters[place] = if characters[place] == 'B' { 'C' } else { 'B' };
    characters.into_iter().collect()
}

#[test]
fn what_is_not_asked_properly_is_refused_by_name() {
    isolated(|| {
        let world = world()?;
        let _serve = world.serve()?;
        let complete = Complete::make(&world)?;
        let shell = Shell(Inside::new(&world, &complete.guest)?);
        assert_eq!(shell.status(&["-X", "PUT"], TOKEN)?, 400, "no time to live");
        for ttl in ["0", "21601", "-1", "+60", "1.5", "abc", "99999999999999999999", "60, 60"] {
            let header = format!("X-aws-ec2-metadata-token-ttl-seconds: {ttl}");
            assert_eq!(shell.status(&["-X", "PUT", "-H", &header], TOKEN)?, 400, "{ttl}");
        }

        let refused = [
            ("DELETE", HOSTNAME),
            ("DELETE", TOKEN),
            ("PUT", HOSTNAME),
            ("PUT", PASSWORD),
            ("PUT", "/openstack/latest/meta_data.json"),
            ("POST", HOSTNAME),
            ("POST", "/openstack/latest/user_data"),
            ("PATCH", PASSWORD),
            ("OPTIONS", "/"),
        ];
        for (method, path) in refused {
            let reply = shell.curl(&["-X", method], path)?;
            assert_eq!(reply.status, 405, "{method} {path}: {}", reply.text());
            let allowed = reply.header("allow").unwrap_or_default();
            assert!(allowed.contains("GET") || path == TOKEN, "{method} {path}: {allowed:?}");
            assert!(!allowed.contains(method), "{method} {path}: {allowed:?}");
        }
        let ttl = ["-X", "PUT", "-H", "X-aws-ec2-metadata-token-ttl-seconds: 60"];
        for spelling in ["/latest/api/token/", "//latest//api/./token", "/latest/%61pi/token"] {
            assert_eq!(shell.status(&ttl, spelling)?, 200, "{spelling}");
        }
        Ok(())
    });
}

#[test]
fn a_password_is_set_once_and_stays() {
    isolated(|| {
        let world = world()?;
        let roles = world.roles()?;
        let complete = Complete::make(&world)?;
        let shell = Shell(Inside::new(&world, &complete.guest)?);
        let empty = shell.curl(&[], PASSWORD)?;
        assert_eq!((empty.status, empty.text().as_str()), (200, ""), "before it is set");

        let too_long = "x".repeat(1_021);
        assert_eq!(shell.status(&["--data-binary", &too_long], PASSWORD)?, 400, "1021 bytes");
        let password = "k7".repeat(510);
        assert_eq!(shell.status(&["--data-binary", &password], PASSWORD)?, 200, "1020 bytes");
        assert_password(&shell, &world, &password)?;
        assert_eq!(shell.status(&["--data-binary", "second"], PASSWORD)?, 409, "a second time");

        drop(roles);
        let _roles = world.roles()?;
        world.await_answer(&complete.guest)?;
        assert_password(&shell, &world, &password)?;
        assert_eq!(shell.status(&["--data-binary", "third"], PASSWORD)?, 409, "after a restart");
        assert_password(&shell, &world, &password)
    });
}

/// The guest reads this password, and so does the operator.
fn assert_password(shell: &Shell<'_>, world: &World, password: &str) -> Result<(), LabError> {
    let read = shell.curl(&[], PASSWORD)?;
    assert_eq!((read.status, read.text().as_str()), (200, password), "as the guest reads it");
    let shown = world.operator("red", &format!("instance metadata web1 {PASSWORD}"))?;
    assert_eq!(shown, password, "as the operator reads it");
    Ok(())
}
