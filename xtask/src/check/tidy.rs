//! Short files, nothing unfinished, no path of one machine.

use crate::tree::{File, Tree};

/// Longer files hold more than one idea, or repeat one.
const LINES_MAX: usize = 600;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// What must not stand in Rust code. Spelled in halves, so that this file passes its own check.
const UNFINISHED: &[&str] =
    &[concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "ignore")];

/// What must not stand in a comment of Rust code. In a string the word may be data: Nova serves
/// one of them as a value.
const PROMISES: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X")];

/// What must not stand in any file: places that exist on one machine only.
const PLACES: &[&str] = &[concat!("/wo", "rk/"), concat!(".lib", "rary")];

/// Finds untidy files.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        findings.extend(too_long(file, LONG_FILES));
        findings.extend(mentions(file, UNFINISHED, whole, "finish it or leave it out"));
        findings.extend(mentions(file, PROMISES, comment, "finish it or leave it out"));
    }
    for file in &tree.files {
        findings.extend(mentions(file, PLACES, whole, "no other machine has that place"));
    }
    for (path, _) in LONG_FILES {
        if !tree.rust().any(|file| file.path == *path && lines(file) > LINES_MAX) {
            findings.push(format!("{path} is no longer long: take it off the list of exceptions"));
        }
    }
    findings
}

fn too_long(file: &File, exceptions: &[(&str, &str)]) -> Option<String> {
    let lines = lines(file);
    let excepted = exceptions.iter().any(|(path, _)| *path == file.path);
    (lines > LINES_MAX && !excepted)
        .then(|| format!("{}: {lines} lines; split it, at most {LINES_MAX}", file.path))
}

/// Finds `forbidden` words in what `part` takes of each line.
fn mentions(file: &File, forbidden: &[&str], part: fn(&str) -> &str, advice: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        for word in forbidden.iter().filter(|word| part(line).contains(*word)) {
            findings.push(format!("{}:{number}: {word}: {advice}", file.path));
        }
    }
    findings
}

fn whole(line: &str) -> &str {
    line
}

fn comment(line: &str) -> &str {
    line.split_once("//").map_or("", |(_, comment)| comment)
}

fn lines(file: &File) -> usize {
    file.text.lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    #[test]
    fn finds_long_files() {
        let (fits, long) = ("x\n".repeat(LINES_MAX), "x\n".repeat(LINES_MAX + 1));
        let tree = tree(&[("fits.rs", &fits), ("long.rs", &long), ("long.md", &long)]);
        assert_eq!(check(&tree), ["long.rs: 601 lines; split it, at most 600"]);
    }

    #[test]
    fn an_exception_is_for_one_file() {
        let long = "x\n".repeat(LINES_MAX + 1);
        let tree = tree(&[("long.rs", &long), ("other.rs", &long)]);
        let exceptions = [("long.rs", "a table")];
        let found: Vec<_> = tree.files.iter().map(|file| too_long(file, &exceptions)).collect();
        assert!(found[0].is_none() && found[1].is_some());
    }

    #[test]
    fn finds_unfinished_code_with_its_line() {
        let text = format!("fn a() {{\n    {}\n}}\n", UNFINISHED[0]);
        let tree = tree(&[("a.rs", &text), ("a.md", &text)]);
        assert_eq!(check(&tree), [format!("a.rs:2: {}: finish it or leave it out", UNFINISHED[0])]);
    }

    #[test]
    fn finds_promises_in_comments_but_not_in_data() {
        let promise = PROMISES[0];
        let text = format!("a(\"{promise}\");\nb(); // {promise} later\n");
        let tree = tree(&[("a.rs", &text)]);
        assert_eq!(check(&tree), [format!("a.rs:2: {promise}: finish it or leave it out")]);
    }

    #[test]
    fn finds_places_of_one_machine_in_any_file() {
        let text = format!("see {}here\n", PLACES[0]);
        let tree = tree(&[("a.md", &text)]);
        assert_eq!(
            check(&tree),
            [format!("a.md:1: {}: no other machine has that place", PLACES[0])]
        );
    }
}
