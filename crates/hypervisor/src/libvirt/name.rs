//! What a domain is called.

use innkeeper_model::InstanceId;

/// Characters of a domain's name: libvirt makes file names and socket paths of it.
const NAME_CHARS_MAX: usize = 63;

/// A domain's name made from an instance's: what is no letter, digit, dot, underscore or hyphen
/// becomes a hyphen. If nothing is left, or what is left could be taken for a domain's number or
/// UUID, it is `instance-` and the beginning of the id.
pub fn domain_name(instance_name: &str, id: InstanceId) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = instance_name
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .skip_while(|c| matches!(c, '-' | '.'))
        .take(NAME_CHARS_MAX)
        .collect();
    let name = name.trim_end_matches(['-', '.']);
    let is_number = name.chars().all(|c| c.is_ascii_digit());
    if is_number || name.parse::<InstanceId>().is_ok() {
        return format!("instance-{}", beginning(id));
    }
    name.to_owned()
}

/// The name if another domain has the one of [`domain_name`]: instances' names need not differ.
pub fn other_domain_name(name: &str, id: InstanceId) -> String {
    format!("{name}-{}", beginning(id))
}

fn beginning(id: InstanceId) -> String {
    id.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_not_mistaken_for_numbers() {
        let id: InstanceId = "0f0e0d0c-0000-4000-8000-000000000001".parse().expect("an id");
        let uuid = "0f0e0d0c-0000-4000-8000-000000000002";
        let long = "x".repeat(200);
        for (name, domain) in [
            ("web1", "web1"),
            ("My Web/Server", "My-Web-Server"),
            ("../../etc", "etc"),
            ("-.x.-", "x"),
            ("web 日", "web"),
            ("日本", "instance-0f0e0d0c"),
            ("7", "instance-0f0e0d0c"),
            (uuid, "instance-0f0e0d0c"),
            (&long, &"x".repeat(63)),
        ] {
            assert_eq!(domain_name(name, id), domain, "of {name:?}");
        }
        assert_eq!(other_domain_name("web1", id), "web1-0f0e0d0c");
    }
}
