//! Documents that nobody can find, and links that lead nowhere.

use crate::tree::{File, Tree};

/// Finds unreferenced files under `docs` and broken relative links in Markdown.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.starts_with("docs/")) {
        if !is_referred_to(tree, file) {
            findings.push(format!("{}: no other file refers to it", file.path));
        }
    }
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for link in relative_links(&file.text) {
            if !tree.has(&resolve(&file.path, link)) {
                findings.push(format!("{}: the link to {link} leads nowhere", file.path));
            }
        }
    }
    findings
}

/// By its path from the root, by that of a directory it is in, or by a link.
fn is_referred_to(tree: &Tree, file: &File) -> bool {
    let mut names = vec![file.path.as_str()];
    let mut rest = file.path.as_str();
    while let Some((parent, _)) = rest.rsplit_once('/').filter(|(parent, _)| *parent != "docs") {
        names.push(parent);
        rest = parent;
    }
    tree.files.iter().filter(|other| other.path != file.path).any(|other| {
        names.iter().any(|name| other.text.contains(name))
            || (other.path.ends_with(".md")
                && relative_links(&other.text)
                    .any(|link| names.contains(&resolve(&other.path, link).as_str())))
    })
}

/// Targets of `[text](target)` that are neither addresses nor places in the same file.
fn relative_links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split_once('#').map_or(target, |(path, _)| path))
        .filter(|target| !target.is_empty() && !target.contains(':') && !target.contains(' '))
}

fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    #[test]
    fn finds_documents_nobody_refers_to() {
        let tree = tree(&[
            ("README.md", "[a](docs/a.md), docs/man and [b](docs/b.md#part)"),
            ("docs/a.md", "[d](./sub/d.md) docs/alone.md"),
            ("docs/b.md", ""),
            ("docs/alone2.md", "docs/alone2.md"),
            ("docs/man/page.1", ""),
            ("docs/sub/d.md", ""),
        ]);
        assert_eq!(check(&tree), ["docs/alone2.md: no other file refers to it"]);
    }

    #[test]
    fn finds_links_that_lead_nowhere() {
        let tree = tree(&[
            ("docs/a.md", "[up](../README.md) [gone](gone.md) [web](https://x) [here](#part)"),
            ("README.md", "[dir](docs/) [a](docs/a.md)"),
        ]);
        assert_eq!(check(&tree), ["docs/a.md: the link to gone.md leads nowhere"]);
    }
}
