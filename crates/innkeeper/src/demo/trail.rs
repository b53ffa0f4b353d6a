use serde_json::Value;

/// The log line of one guest request: which hops it crossed, and how long each had it.
pub(super) struct Trail {
    hops: Vec<(String, String)>,
    reason: String,
}

impl Trail {
    /// Reads a JSON log line; `None` unless it is of a request for `path`.
    pub(super) fn read(line: &str, path: &str) -> Option<Self> {
        let fields: Value = serde_json::from_str(line).ok()?;
        if fields.get("path")?.as_str()? != path {
            return None;
        }
        let reason = fields.get("reason")?.as_str()?.to_owned();
        let split = |hop: &str| hop.split_once('=').map(|(n, t)| (n.to_owned(), t.to_owned()));
        let hops = fields.get("hops")?.as_str()?.split(' ').filter_map(split).collect();
        Some(Self { hops, reason })
    }

    /// One line per hop, the guest's side first; a hop's time includes those behind it.
    pub(super) fn hops(&self) -> impl Iterator<Item = String> {
        self.hops.iter().rev().map(|(hop, took)| {
            let microseconds = took.trim_end_matches("us");
            format!("{hop:<6}{microseconds:>7} µs  {}", self.reason)
        })
    }
}
