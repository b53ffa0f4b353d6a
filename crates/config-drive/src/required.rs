//! Which machines get a drive.

use innkeeper_model::Instance;

/// Whether `instance` gets a drive: because it was asked for, or because the operator wants one for
/// everybody (`force`). The latter does not reach machines that were launched without one.
///
/// Images that demand a drive have done so when the instance was made: it was asked for then.
pub const fn is_required(instance: &Instance, force: bool) -> bool {
    instance.config_drive || (force && instance.launched_at.is_none())
}

#[cfg(test)]
mod tests {
    use innkeeper_model::ImportedInstance;

    use super::*;

    #[test]
    fn force_reaches_what_was_never_launched() {
        let input = include_str!("../../../tests/conformance/minimal/input.json");
        let input: ImportedInstance = serde_json::from_str(input).expect("a machine");
        let mut instance = input.record().expect("a record").instance;
        // Asked for, launched, forced: whether there is one.
        for (asked, launched, force, expected) in [
            (false, false, false, false),
            (false, false, true, true),
            (false, true, true, false),
            (true, true, false, true),
            (true, false, false, true),
            (true, true, true, true),
        ] {
            instance.config_drive = asked;
            instance.launched_at = launched.then_some(1);
            assert_eq!(is_required(&instance, force), expected, "{asked} {launched} {force}");
        }
    }
}
