//! Where `unsafe` may stand.
//!
//! The compiler denies it in every crate; a module may allow it to itself. This list makes that a
//! decision of the project, not of the module.

use crate::tree::{File, Tree};

/// Modules that may, each with the system call that no safe library offers.
const MODULES: &[(&str, &str)] = &[
    (
        "crates/host/src/netlink/receive.rs",
        "recvmsg(2) with a control message that rustix does not know",
    ),
    ("crates/host/src/unshare.rs", "unshare(2): rustix has no safe wrapper of it"),
    ("crates/host/src/dhcp/packet.rs", "sendto(2) to a sockaddr_ll, which rustix does not have"),
    ("crates/host/src/taps/tun.rs", "ioctl(2) with TUNSETIFF: rustix has no safe wrapper of it"),
    (
        "crates/proxy/src/listener.rs",
        "epoll_ctl(2) by way of tokio, which cannot check that the descriptor stays open",
    ),
    (
        "bench/src/peers/raw/deferred.rs",
        "setsockopt(2) with TCP_DEFER_ACCEPT: rustix has no safe wrapper of it",
    ),
    ("crates/lab/src/tap.rs", "ioctl(2) with TUNSETIFF: rustix has no safe wrapper of it"),
];

/// What unsafe code begins with.
const BEGINNINGS: &[&str] = &["{", "fn", "impl", "extern", "trait"];

/// Finds unsafe code outside the list, and modules that no longer need their place on it.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let listed = MODULES.iter().any(|(path, _)| *path == file.path);
        let lines = unsafe_lines(file);
        if listed && lines.is_empty() {
            findings.push(format!("{} has no unsafe code: take it off the list", file.path));
        }
        if !listed {
            let describe = |number| format!("{}:{number}: unsafe code outside the list", file.path);
            findings.extend(lines.into_iter().map(describe));
        }
    }
    findings
}

fn unsafe_lines(file: &File) -> Vec<usize> {
    let begins_unsafe = |line: &str| {
        let code = line.split_once("//").map_or(line, |(code, _)| code);
        code.contains(concat!("allow(", "unsafe_code"))
            || code.split(concat!("uns", "afe ")).skip(1).any(|rest| {
                BEGINNINGS.iter().any(|beginning| rest.trim_start().starts_with(beginning))
            })
    };
    (1..).zip(file.text.lines()).filter(|(_, line)| begins_unsafe(line)).map(|(n, _)| n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    #[test]
    fn finds_unsafe_code_but_not_the_word() {
        let block = concat!("let a = uns", "afe { b() };");
        let function = concat!("pub uns", "afe fn c() {}");
        let allow = concat!("#![allow(", "unsafe_code, reason = \"x\")]");
        let word = "// unsafe { } in a comment\nlet x = \"it is unsafe to go\";";
        let text = [block, function, allow, word].join("\n");
        let tree = tree(&[("a.rs", &text)]);
        assert_eq!(
            check(&tree),
            [
                "a.rs:1: unsafe code outside the list",
                "a.rs:2: unsafe code outside the list",
                "a.rs:3: unsafe code outside the list",
            ]
        );
    }

    #[test]
    fn a_listed_module_must_need_its_place() {
        let (path, _) = MODULES[0];
        let needs_it = tree(&[(path, concat!("let a = uns", "afe { b() };"))]);
        assert_eq!(check(&needs_it), Vec::<String>::new());
        let needs_it_no_longer = tree(&[(path, "let a = b();")]);
        let finding = format!("{path} has no unsafe code: take it off the list");
        assert_eq!(check(&needs_it_no_longer), [finding]);
    }
}
