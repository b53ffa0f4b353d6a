//! Log lines as JSON objects.
//!
//! In the form of tracing-subscriber's own, which has each value made a string, checked and copied
//! on its way through a serializer: a third of all instructions of a request on a kept connection,
//! since there is a line for each.

use std::fmt::{self, Debug, Write as _};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

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
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(metadata.level().as_str())?;
        writer.write_char('"')?;
        let mut fields = Fields { writer: writer.by_ref(), outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        writer.write_str(",\"target\":\"")?;
        Escaping(&mut writer).write_str(metadata.target())?;
        writer.write_str("\"}\n")
    }
}

/// Writes fields behind what is there already, until something cannot be written.
struct Fields<'a> {
    writer: Writer<'a>,
    outcome: fmt::Result,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        self.outcome = self.outcome.and_then(|()| {
            self.writer.write_str(",\"")?;
            self.writer.write_str(field.name())?;
            self.writer.write_str("\":")?;
            value(&mut self.writer)
        });
    }

    fn put_text(&mut self, field: &Field, text: impl FnOnce(&mut Escaping<'_, '_>) -> fmt::Result) {
        self.put(field, |writer| {
            writer.write_char('"')?;
            text(&mut Escaping(writer))?;
            writer.write_char('"')
        });
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put_text(field, |text| write!(text, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, |text| text.write_str(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, |writer| match value.is_finite() {
            true => write!(writer, "{value:?}"),
            // JSON has no such numbers.
            false => writer.write_str("null"),
        });
    }
}

/// Writes what stands between the quotes of a JSON string (RFC 8259 §7).
struct Escaping<'a, 'b>(&'a mut Writer<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly all text: without an early end, many bytes are looked at at once.
        if !text.bytes().fold(false, |found, byte| found | must_be_escaped(byte)) {
            return self.0.write_str(text);
        }
        let mut rest = text;
        while let Some(at) = rest.bytes().position(must_be_escaped) {
            let (plain, from) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut chars = from.chars();
            match chars.next() {
                Some(character @ ('"' | '\\')) => write!(self.0, "\\{character}")?,
                Some('\n') => self.0.write_str("\\n")?,
                Some('\r') => self.0.write_str("\\r")?,
                Some('\t') => self.0.write_str("\\t")?,
                Some(control) => write!(self.0, "\\u{:04x}", u32::from(control))?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
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
