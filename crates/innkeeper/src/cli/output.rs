//! Results on standard output: tables for people, JSON for programs.

use std::io::{self, Write as _};

use comfy_table::{Table, presets::ASCII_FULL_CONDENSED};
use innkeeper_control_api::Resource;
use serde_json::Value;

use super::{
    arguments::{Format, OutputOptions},
    error::CliError,
};

/// A resource that people can look at.
pub(crate) trait Shown: Resource {
    /// Heads of the columns after ID and Name.
    const COLUMNS: &'static [&'static str];

    /// The id in `text`, if it can only be one: a UUID.
    fn parse_id(text: &str) -> Option<Self::Id>;

    /// The columns after ID and Name.
    fn columns(&self) -> Vec<String>;

    /// How `show` shows a field, if not as it is.
    fn field(&self, _name: &str) -> Option<String> {
        None
    }
}

impl OutputOptions {
    /// Whether people read it, and not programs.
    pub(crate) fn is_for_people(&self) -> bool {
        self.output == Format::Table
    }

    /// Writes a list.
    pub(crate) fn list<R: Shown>(&self, all: &[R]) -> Result<(), CliError> {
        self.list_with(all, &[], |_| Vec::new())
    }

    /// Writes a list with further columns for people.
    pub(crate) fn list_with<R: Shown>(
        &self,
        all: &[R],
        heads: &[&str],
        cells: impl Fn(&R) -> Vec<String>,
    ) -> Result<(), CliError> {
        if self.output == Format::Json {
            return write_json(all);
        }
        let rows = all.iter().map(|one| {
            let mut row = vec![one.id().to_string(), one.name()];
            row.extend(one.columns());
            row.extend(cells(one));
            row
        });
        write_table(["ID", "Name"].iter().chain(R::COLUMNS).chain(heads), rows)
    }

    /// Writes what is no resource, one row each.
    pub(crate) fn rows<T: serde::Serialize>(
        &self,
        all: &[T],
        heads: &[&str],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> Result<(), CliError> {
        if self.output == Format::Json {
            return write_json(all);
        }
        write_table(heads.iter(), all.iter().map(cells))
    }

    /// Writes one.
    pub(crate) fn show<R: Shown>(&self, one: &R) -> Result<(), CliError> {
        self.show_with(one, None)
    }

    /// Writes one with a further field for people.
    pub(crate) fn show_with<R: Shown>(
        &self,
        one: &R,
        further: Option<(&str, String)>,
    ) -> Result<(), CliError> {
        if self.output == Format::Json {
            return write_json(one);
        }
        let Ok(Value::Object(fields)) = serde_json::to_value(one) else {
            return write_json(one);
        };
        let rows = fields.iter().map(|(name, value)| {
            vec![name.clone(), one.field(name).unwrap_or_else(|| shown(name, value))]
        });
        let further = further.map(|(name, value)| vec![name.to_owned(), value]);
        write_table(["Field", "Value"].iter(), rows.chain(further))
    }

    /// Writes what is no resource: its fields, one row each.
    pub(crate) fn fields<T: serde::Serialize>(&self, one: &T) -> Result<(), CliError> {
        let (Format::Table, Ok(Value::Object(fields))) = (self.output, serde_json::to_value(one))
        else {
            return write_json(one);
        };
        let rows = fields.iter().map(|(name, value)| vec![name.clone(), shown(name, value)]);
        write_table(["Field", "Value"].iter(), rows)
    }

    /// Says what was done where there is nothing to show; programs have the exit code.
    pub(crate) fn say(&self, text: &str) -> Result<(), CliError> {
        match self.output {
            Format::Json => Ok(()),
            Format::Table => write_bytes(format!("{text}\n").as_bytes()),
        }
    }
}

/// Says on standard error what may not be meant. It may be closed; what was done is done.
pub(crate) fn warn(warnings: &[String]) {
    let mut stderr = io::stderr().lock();
    for warning in warnings {
        let _ = writeln!(stderr, "warning: {}", harmless(warning));
    }
}

/// Says on standard error what helps to understand the result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "note: {text}");
}

/// Writes to standard output. That nobody reads on is no failure.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(()),
    }
}

/// Writes JSON to standard output.
pub(crate) fn write_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<(), CliError> {
    let json = serde_json::to_string_pretty(value);
    let json = json.map_err(|error| CliError::Output(io::Error::other(error)))?;
    write_bytes(format!("{json}\n").as_bytes())
}

fn write_table<'a>(
    heads: impl Iterator<Item = &'a &'a str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), CliError> {
    let mut table = Table::new();
    table.load_style(ASCII_FULL_CONDENSED).set_header(heads);
    for row in rows {
        table.add_row(row.iter().map(|cell| harmless(cell)));
    }
    write_bytes(format!("{table}\n").as_bytes())
}

/// A terminal obeys control characters, and tenants choose names and values.
pub(crate) fn harmless(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    for c in cell.trim_end().chars() {
        if c.is_control() && c != '\n' {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}

/// A field's value as people read it.
fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) if name.ends_with("_at") => {
            number.as_i64().map_or_else(String::new, utc)
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shown("", item)).collect();
            items.join(if items.iter().any(|item| item.contains('=')) { "\n" } else { ", " })
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{key}={}", shown(key, value)));
            fields.collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// `2026-01-31T23:59:59Z`, by the civil calendar's arithmetic in eras of 400 years.
fn utc(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn tenants_cannot_command_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\rc\nd \n"), "a\\u{1b}[2Jb\\rc\nd");
    }
}
