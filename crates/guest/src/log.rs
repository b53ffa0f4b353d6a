//! What was done, for people: on standard error and in a file.

use std::{
    fs::File,
    io::{self, Write as _},
    time::{SystemTime, UNIX_EPOCH},
};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The first of January 2025, before which this program was not there to be run.
const FIRST_DAY: u64 = 20_089;

/// Where notes go. Nothing secret is ever noted.
#[derive(Debug)]
pub(crate) struct Log {
    file: Option<File>,
    is_silent: bool,
}

impl Log {
    /// Standard error, and a file if there is one.
    pub(crate) const fn new(file: Option<File>) -> Self {
        Self { file, is_silent: false }
    }

    /// Nowhere.
    #[cfg(test)]
    pub(crate) const fn silent() -> Self {
        Self { file: None, is_silent: true }
    }

    /// Notes one line. Control characters are escaped: they may come from anybody, and the log is
    /// shown on consoles.
    pub(crate) fn note(&self, text: &str) {
        if self.is_silent {
            return;
        }
        let line = format!("{} innkeeper-guest: {}\n", now(), printable(text));
        // A log that cannot be written must not stop what is being logged.
        let _ = io::stderr().lock().write_all(line.as_bytes());
        if let Some(file) = &self.file {
            let _ = (&mut &*file).write_all(line.as_bytes());
        }
    }

    /// The file, for a program that writes into it itself.
    pub(crate) const fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }
}

/// Days since 1970; `None` if the clock was never set, as on a machine without one of its own.
pub(crate) fn today() -> Option<u64> {
    Some(seconds() / DAY).filter(|day| *day >= FIRST_DAY)
}

/// Now, like `2026-11-23T12:00:00Z`.
pub(crate) fn now() -> String {
    let seconds = seconds();
    let (year, month, day) = date(seconds / DAY);
    let of_day = seconds % DAY;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `text` with its control characters escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Year, month and day of a day since 1970, by counting whole years and months: a program that
/// runs for a second needs nothing faster.
fn date(mut day: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let days = if is_leap(year) { 366 } else { 365 };
        if day < days {
            break;
        }
        day -= days;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (day, expected) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_088, (2024, 12, 31)),
            (20_089, (2025, 1, 1)),
        ] {
            assert_eq!(date(day), expected, "day {day}");
        }
    }

    #[test]
    fn a_note_is_one_harmless_line() {
        assert_eq!(printable("a\u{1b}[2J\nb\u{e4}"), "a\\u{1b}[2J\\nb\u{e4}");
    }
}
