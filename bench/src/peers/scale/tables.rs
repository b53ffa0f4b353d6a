//! The figures of few and of many instances: a table, and JSON.

use std::{fs, path::Path};

use anyhow::{Context, ensure};

use super::Scale;
use crate::peers::tables::mib;

const TITLE: &str = "# Few and many instances\n\nWhat `./x bench scale` measured: `innkeeper serve` \
with few and with many instances in its store, which is in memory (tmpfs), as a file's pages are that \
were read before. Figures are medians of nine starts of each, in turns. Reads are of meta_data.json by a guest behind a \
router's redirect, one after the other, on new connections: the first of each of 1,000 guests, which \
nobody can have ready, and then 5,000 of one guest.\n\n";

/// A row's name, and what it says of some number of instances.
type Row = (&'static str, fn(&Scale) -> String);

/// Prints and writes them; fails if any request did.
pub(super) fn finish(machine: &str, figures: &[Scale], directory: &Path) -> anyhow::Result<()> {
    let table = table(figures);
    println!("{machine}\n\n{table}");
    fs::create_dir_all(directory)?;
    let put = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    put("scale.md", &format!("{TITLE}{machine}\n\n{table}"))?;
    let json = serde_json::json!({ "machine": machine, "scale": figures });
    put("scale.json", &(serde_json::to_string_pretty(&json)? + "\n"))?;
    let errors: u64 = figures.iter().map(|scale| scale.errors).sum();
    ensure!(errors == 0, "{errors} requests failed");
    Ok(())
}

/// A column for each number of instances.
fn table(figures: &[Scale]) -> String {
    let mut text = "| instances |".to_owned();
    text.extend(figures.iter().map(|scale| format!(" {} |", scale.instances)));
    text += "\n|---|";
    text.extend(figures.iter().map(|_| "---:|"));
    text.push('\n');
    let rows: [Row; 9] = [
        ("store, MiB", |scale| mib(scale.store_kib)),
        ("from its start until operators are answered, ms", |scale| scale.start_ms.to_string()),
        ("from its start until the guest is answered, ms", |scale| {
            scale.first_answer_ms.to_string()
        }),
        ("memory at rest (RSS), MiB", |scale| mib(scale.idle_rss_kib)),
        ("memory after the reads (RSS), MiB", |scale| mib(scale.busy_rss_kib)),
        ("first reads, p50 µs", |scale| scale.first_read_p50_us.to_string()),
        ("first reads, p99 µs", |scale| scale.first_read_p99_us.to_string()),
        ("reads again, p50 µs", |scale| scale.read_again_p50_us.to_string()),
        ("reads again, p99 µs", |scale| scale.read_again_p99_us.to_string()),
    ];
    for (name, show) in rows {
        text += &format!("| {name} |");
        text.extend(figures.iter().map(|scale| format!(" {} |", show(scale))));
        text.push('\n');
    }
    text
}
