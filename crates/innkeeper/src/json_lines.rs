//! Log lines as JSON objects.
//!
//! In the form of tracing-subscriber's own, which has each value made a string, checked and copied
//! on its way through a serializer: a third of all instructions of a request on a kept connection,
//! since there is a line for each.

use std::{
    cell::RefCell,
    fmt::{self, Debug, Write as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use innkeeper_documents::CivilDate;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// About what a line takes.
const LINE_BYTES: usize = 512;

/// Writes an event as `{"timestamp":…,"level":…,<its fields>,"target":…}`. We use no spans.
#[derive(Debug)]
pub(crate) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        // What `writer` writes to is known only when the program runs: one call for all is less.
        let mut line = String::with_capacity(LINE_BYTES);
        line.push_str("{\"timestamp\":\"");
        push_time(&mut line, SystemTime::now());
        line.push_str("\",\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push('"');
        event.record(&mut Fields(&mut line));
        line.push_str(",\"target\":\"");
        push_escaped(&mut line, metadata.target());
        line.push_str("\"}\n");
        writer.write_str(&line)
    }
}

/// The time in UTC, to the microsecond: 2026-11-30T12:34:56.123456Z.
fn push_time(line: &mut String, time: SystemTime) {
    thread_local! {
        /// A second and its text: nearly always that of the line before.
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    // A clock before 1970 counts as 1970.
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() || text.is_empty() {
            *second = since.as_secs();
            *text = second_as_text(*second);
        }
        line.push_str(text);
    });
    line.push('.');
    let micros = since.subsec_micros();
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(micros);
    line.push_str("000000".get(digits.len()..).unwrap_or_default());
    line.push_str(digits);
    line.push('Z');
}

fn second_as_text(second: u64) -> String {
    let date = CivilDate::from_unix(i64::try_from(second).unwrap_or(i64::MAX));
    let (minutes, hours) = (second / 60, second / 3600);
    format!("{date}T{:02}:{:02}:{:02}", hours % 24, minutes % 60, second % 60)
}

/// Writes fields behind what is there already.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn put(&mut self, field: &Field) -> &mut String {
        self.0.push_str(",\"");
        self.0.push_str(field.name());
        self.0.push_str("\":");
        self.0
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let line = self.put(field);
        line.push('"');
        // A value that cannot be shown is shown as far as it can be.
        let _ = write!(Escaping(line), "{value:?}");
        line.push('"');
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let line = self.put(field);
        line.push('"');
        push_escaped(line, value);
        line.push('"');
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field).push_str(if value { "true" } else { "false" });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field).push_str(itoa::Buffer::new().format(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field).push_str(itoa::Buffer::new().format(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let line = self.put(field);
        match value.is_finite() {
            true => line.push_str(&format!("{value:?}")),
            // JSON has no such numbers.
            false => line.push_str("null"),
        }
    }
}

/// Writes what stands between the quotes of a JSON string.
struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

/// RFC 8259 §7.
fn push_escaped(line: &mut String, text: &str) {
    // Nearly all text: without an early end, many bytes are looked at at once.
    if !text.bytes().fold(false, |found, byte| found | must_be_escaped(byte)) {
        line.push_str(text);
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(must_be_escaped) {
        let (plain, from) = rest.split_at(at);
        line.push_str(plain);
        let mut chars = from.chars();
        match chars.next() {
            Some(character @ ('"' | '\\')) => line.extend(['\\', character]),
            Some('\n') => line.push_str("\\n"),
            Some('\r') => line.push_str("\\r"),
            Some('\t') => line.push_str("\\t"),
            Some(control) => line.push_str(&format!("\\u{:04x}", u32::from(control))),
            None => {}
        }
        rest = chars.as_str();
    }
    line.push_str(rest);
}

/// All of these are characters of one byte.
const fn must_be_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use proptest::{prelude::any, proptest};
    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(event: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .event_format(JsonLines)
            .finish();
        tracing::subscriber::with_default(subscriber, event);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    /// The line without its time, which is that of now.
    fn object(event: impl FnOnce()) -> Value {
        let line = line(event);
        assert_eq!(line.find('\n'), Some(line.len() - 1), "not one line: {line:?}");
        let mut object: Value = serde_json::from_str(&line).unwrap();
        let time = object.as_object_mut().unwrap().remove("timestamp").unwrap();
        let time = time.as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z') && time.contains('T'), "{time}");
        object
    }

    #[test]
    fn a_line_is_in_the_order_in_which_operators_read() {
        let line = line(|| tracing::warn!(target: "guest", status = 404, "gone"));
        let (start, rest) = line.split_at("{\"timestamp\":\"".len());
        assert_eq!(start, "{\"timestamp\":\"");
        let (_time, rest) = rest.split_once('"').unwrap();
        let fields = r#","level":"WARN","message":"gone","status":404,"target":"guest"}"#;
        assert_eq!(rest, format!("{fields}\n"));
    }

    #[test]
    fn times_are_shown_to_the_microsecond() {
        for (micros, shown) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (1_796_041_861_120_034, "2026-11-30T12:31:01.120034Z"),
            (1_796_083_199_999_999, "2026-11-30T23:59:59.999999Z"),
            (1_796_083_200_000_000, "2026-12-01T00:00:00.000000Z"),
        ] {
            let mut line = String::new();
            push_time(&mut line, UNIX_EPOCH + Duration::from_micros(micros));
            assert_eq!(line, shown);
        }
    }

    #[test]
    fn values_keep_their_kind() {
        let none: Option<u64> = None;
        let object = object(|| {
            let error = io::Error::other("no \"such\" thing");
            tracing::info!(
                target: "kinds", yes = true, less = -3_i64, more = u64::MAX, part = 0.5,
                whole = 2.0, nan = f64::NAN, text = "a", shown = %"b\\c", debug = ?"d\n",
                none, error = &error as &dyn std::error::Error, "{}", 7,
            );
        });
        let expected = json!({
            "level": "INFO", "yes": true, "less": -3, "more": u64::MAX, "part": 0.5, "whole": 2.0,
            "nan": null, "text": "a", "shown": "b\\c", "debug": "\"d\\n\"",
            "error": "no \"such\" thing", "message": "7", "target": "kinds",
        });
        assert_eq!(object, expected);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let object = object(|| tracing::info!(shown = %text, text = text.as_str()));
            assert_eq!(object["shown"], text);
            assert_eq!(object["text"], text);
        }
    }
}
