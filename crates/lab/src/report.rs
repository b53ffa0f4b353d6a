//! What a guest reports: marked lines, among whatever else is on its serial port.

/// What a guest puts before each line of its report.
const MARK: &str = "report: ";
/// The last line's beginning, before the exit code of what the guest ran.
const END: &str = "ended with ";

/// A guest's report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    lines: Vec<String>,
    exit_code: Option<i32>,
}

impl Report {
    /// Reads it from all that was on a serial port.
    pub fn read(said: &str) -> Self {
        let mut report = Self::default();
        let marked = said.lines().filter_map(|line| line.split_once(MARK));
        for (_, line) in marked {
            let line = line.trim_end_matches('\r');
            match line.strip_prefix(END).and_then(|code| code.parse().ok()) {
                Some(code) => report.exit_code = Some(code),
                None => report.lines.push(line.to_owned()),
            }
        }
        report
    }

    /// All its lines but the last, which says how it ended.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// What the lines that begin with this word say after it.
    pub fn all(&self, word: &str) -> Vec<&str> {
        let split = self.lines.iter().filter_map(|line| line.split_once(' '));
        split.filter(|(first, _)| *first == word).map(|(_, rest)| rest).collect()
    }

    /// What the first line that begins with this word says after it.
    pub fn first(&self, word: &str) -> Option<&str> {
        self.all(word).first().copied()
    }

    /// The exit code of what the guest ran; none if the report was cut short.
    pub fn exit_code(&self) -> Option<i32> {
        self.exit_code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_told_from_what_else_is_said() {
        let said = "[ 1.0] kernel\r\n[ 2.0] mixed report: file a 1\r\nreport: file b 2\r\n\
                    noise\r\nreport: alone\r\nreport: ended with 3\r\n";
        let report = Report::read(said);
        assert_eq!(report.all("file"), ["a 1", "b 2"]);
        assert_eq!(report.first("file"), Some("a 1"));
        assert_eq!(report.lines().len(), 3);
        assert_eq!(report.exit_code(), Some(3));
    }

    #[test]
    fn a_report_that_was_cut_short_has_no_end() {
        assert_eq!(Report::read("report: file a 1\nreport: ended").exit_code(), None);
    }
}
