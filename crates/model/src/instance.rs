use std::{collections::HashSet, fmt};

use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::{
    BlockDevice, Device, Flavor, FlavorId, ImageId, InstanceId, Invalid, KeyPairType, NetworkId,
    NumaCell, PortId, ProjectId, Properties, Revision, Secret, UnixSeconds, UserData, limits, port,
    text,
};

/// A machine, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Instance {
    /// What guests are identified by (`X-Instance-ID`).
    pub id: InstanceId,
    /// The owner.
    pub project_id: ProjectId,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The display name.
    pub name: String,
    /// The host name, without the domain that documents append.
    pub hostname: String,
    /// The flavor as it was when the machine was made.
    pub flavor: Flavor,
    /// The image it was made from; `None` if it boots from a volume.
    #[serde(default)]
    pub image_id: Option<ImageId>,
    /// The kernel image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_id: Option<ImageId>,
    /// The ramdisk image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk_id: Option<ImageId>,
    /// The availability zone it was asked for or put into.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// Its number among machines made together.
    pub launch_index: u32,
    /// `r-` and eight characters, shared by machines made together.
    pub reservation_id: String,
    /// The key pair as it was when the machine was made.
    #[serde(default)]
    pub key_pair: Option<AttachedKeyPair>,
    /// User data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<UserData>,
    /// The owner's key/value metadata, in order.
    pub metadata: Properties,
    /// Files to be put into the guest; config drive only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personality: Vec<PersonalityFile>,
    /// The administrator's password; config drive only, never listed.
    #[serde(default, skip_serializing)]
    pub admin_password: Option<Secret>,
    /// For example `/dev/vda`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_device_name: Option<String>,
    /// For example `/dev/vdb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ephemeral_device: Option<String>,
    /// For example `/dev/vdc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_swap_device: Option<String>,
    /// Disks, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block_devices: Vec<BlockDevice>,
    /// Devices with role tags, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Pinned virtual CPUs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numa_cells: Vec<NumaCell>,
    /// Whether it has a config drive; once true after the first launch it stays true.
    pub config_drive: bool,
    /// Whether it runs.
    pub power_state: PowerState,
    /// When it was first launched.
    #[serde(default)]
    pub launched_at: Option<UnixSeconds>,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// How often its documents have changed.
    pub revision: Revision,
}

/// A key pair that was given to a machine: later changes of the key pair do not reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttachedKeyPair {
    /// The key pair's name.
    pub name: String,
    /// What it is good for.
    #[serde(rename = "type", default)]
    pub key_pair_type: KeyPairType,
    /// The key's text, verbatim.
    pub public_key: String,
}

/// Whether a machine runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PowerState {
    /// Nobody has said.
    #[default]
    Unknown,
    /// It runs.
    Running,
    /// It does not.
    Shutdown,
}

/// A file to be put into the guest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PersonalityFile {
    /// Where in the guest, absolute.
    pub path: String,
    /// Its content, as base64.
    pub contents: String,
}

impl fmt::Debug for PersonalityFile {
    /// Says where it goes, never what is in it: it may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonalityFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A network on which a new machine is to have a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NetworkRequest {
    /// A new port on this network, with the lowest free address.
    Network(NetworkId),
    /// This port, which is attached to nothing yet.
    Port(PortId),
}

/// A machine to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewInstance {
    /// The id to give it, such as Nova's; a random one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<InstanceId>,
    /// The owner.
    pub project_id: ProjectId,
    /// Who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The display name.
    pub name: String,
    /// The host name; made from the name otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The flavor.
    pub flavor_id: FlavorId,
    /// The image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<ImageId>,
    /// The name of a key pair of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// Where it is plugged in, in order.
    #[serde(default)]
    pub networks: Vec<NetworkRequest>,
    /// Security groups of the ports that are made for it; `default` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_groups: Option<Vec<String>>,
    /// The availability zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// User data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<UserData>,
    /// Key/value metadata.
    #[serde(default)]
    pub metadata: Properties,
    /// Files to be put into the guest.
    #[serde(default)]
    pub personality: Vec<PersonalityFile>,
    /// The administrator's password.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "Secret::serialize_exposed"
    )]
    pub admin_password: Option<Secret>,
    /// Whether it gets a config drive.
    #[serde(default)]
    pub config_drive: bool,
    /// Its number among machines made together.
    #[serde(default)]
    pub launch_index: u32,
    /// `r-` and eight characters; made otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<String>,
    /// For example `/dev/vda`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_device_name: Option<String>,
    /// Disks, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block_devices: Vec<BlockDevice>,
    /// Devices with role tags, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Pinned virtual CPUs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numa_cells: Vec<NumaCell>,
}

impl NewInstance {
    /// A machine with every default.
    pub fn named(name: impl Into<String>, project_id: ProjectId, flavor_id: FlavorId) -> Self {
        Self {
            id: None,
            project_id,
            user_id: None,
            name: name.into(),
            hostname: None,
            flavor_id,
            image_id: None,
            key_name: None,
            networks: Vec::new(),
            security_groups: None,
            availability_zone: None,
            user_data: None,
            metadata: Properties::new(),
            personality: Vec::new(),
            admin_password: None,
            config_drive: false,
            launch_index: 0,
            reservation_id: None,
            root_device_name: None,
            block_devices: Vec::new(),
            devices: Vec::new(),
            numa_cells: Vec::new(),
        }
    }

    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_name(&self.name)?;
        self.hostname.as_deref().map_or(Ok(()), text::check_hostname)?;
        check_metadata(&self.metadata)?;
        check_personality(&self.personality)?;
        check_admin_password(self.admin_password.as_ref())?;
        check_reservation_id(self.reservation_id.as_deref())?;
        for (field, value) in [
            ("user_id", &self.user_id),
            ("availability_zone", &self.availability_zone),
            ("root_device_name", &self.root_device_name),
        ] {
            if let Some(value) = value {
                text::check_text(field, value, limits::NAME_CHARS_MAX)?;
            }
        }
        check_count("networks", self.networks.len(), limits::PORTS_PER_INSTANCE_MAX)?;
        check_count("block_devices", self.block_devices.len(), limits::DEVICES_MAX)?;
        check_count("numa_cells", self.numa_cells.len(), limits::DEVICES_MAX)?;
        let tags = self.block_devices.iter().filter_map(|device| device.tag.as_deref());
        check_tags("block_devices", tags)?;
        check_devices(&self.devices)
    }
}

/// What to change of a machine; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct InstanceChange {
    /// A new display name; the host name stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Replaces the user data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_data: Option<UserData>,
    /// Metadata items to set; the others stay.
    #[serde(skip_serializing_if = "Properties::is_empty")]
    pub set_metadata: Properties,
    /// Metadata items to take away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unset_metadata: Vec<String>,
    /// A new availability zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// Whether it runs; `running` for the first time also sets when it was launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_state: Option<PowerState>,
    /// Replaces the devices with role tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<Device>>,
}

impl InstanceChange {
    /// Refuses what breaks a rule on its own; the number of metadata items is the store's to count.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.name.as_deref().map_or(Ok(()), text::check_name)?;
        self.hostname.as_deref().map_or(Ok(()), text::check_hostname)?;
        check_metadata(&self.set_metadata)?;
        if let Some(zone) = &self.availability_zone {
            text::check_text("availability_zone", zone, limits::NAME_CHARS_MAX)?;
        }
        self.devices.as_deref().map_or(Ok(()), check_devices)
    }
}

/// The compute API's rules for instance metadata: 128 items of at most 255 characters.
fn check_metadata(metadata: &Properties) -> Result<(), Invalid> {
    check_count("metadata", metadata.len(), limits::METADATA_ITEMS_MAX)?;
    for (key, value) in metadata {
        text::check_text("metadata key", key, limits::METADATA_CHARS_MAX)?;
        let chars = value.chars().count();
        if chars > limits::METADATA_CHARS_MAX {
            let reason = format!(
                "has {chars} characters; at most {} are allowed",
                limits::METADATA_CHARS_MAX
            );
            return Err(Invalid::new(format!("metadata[{key}]"), reason));
        }
    }
    Ok(())
}

fn check_personality(files: &[PersonalityFile]) -> Result<(), Invalid> {
    check_count("personality", files.len(), limits::PERSONALITY_FILES_MAX)?;
    for file in files {
        let field = format!("personality[{}]", file.path.escape_debug());
        check_personality_path(&field, &file.path)?;
        let contents = base64::engine::general_purpose::STANDARD.decode(&file.contents);
        let bytes = contents
            .map_err(|e| Invalid::new(field.clone(), format!("the contents are not base64: {e}")))?
            .len();
        if bytes > limits::PERSONALITY_FILE_BYTES_MAX {
            let reason = format!(
                "has {bytes} bytes; at most {} are allowed",
                limits::PERSONALITY_FILE_BYTES_MAX
            );
            return Err(Invalid::new(field, reason));
        }
    }
    Ok(())
}

/// Where in a guest a file may go: a program there writes it with every right.
pub(crate) fn check_personality_path(field: &str, path: &str) -> Result<(), Invalid> {
    text::check_text(field, path, limits::PERSONALITY_PATH_CHARS_MAX)?;
    let reason = if !path.starts_with('/') {
        "the path must be absolute"
    } else if path.split('/').any(|part| part == "..") {
        "the path must not climb: write it without .."
    } else if matches!(path.rsplit('/').next(), Some("" | ".")) {
        "the path must end with the name of a file"
    } else {
        return Ok(());
    };
    Err(Invalid::new(field, reason))
}

fn check_admin_password(password: Option<&Secret>) -> Result<(), Invalid> {
    let chars = password.map_or(0, |password| password.expose().chars().count());
    check_count("admin_password", chars, limits::ADMIN_PASSWORD_CHARS_MAX)
}

fn check_reservation_id(id: Option<&str>) -> Result<(), Invalid> {
    let well_formed = |id: &str| {
        id.strip_prefix("r-")
            .is_some_and(|rest| rest.len() == 8 && rest.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    match id {
        Some(id) if !well_formed(id) => {
            let reason = format!("\"{}\" is not r- and eight characters", id.escape_debug());
            Err(Invalid::new("reservation_id", reason))
        }
        _ => Ok(()),
    }
}

fn check_devices(devices: &[Device]) -> Result<(), Invalid> {
    check_count("devices", devices.len(), limits::DEVICES_MAX)?;
    devices.iter().enumerate().try_for_each(|(index, device)| {
        let tags = device.tags.iter().flatten().map(String::as_str);
        check_tags(&format!("devices[{index}].tags"), tags)
    })
}

/// Each well formed, and none given twice: a guest finds a device by its tag.
fn check_tags<'a>(field: &str, tags: impl Iterator<Item = &'a str>) -> Result<(), Invalid> {
    let mut known = HashSet::new();
    for tag in tags {
        port::check_tag(field, tag)?;
        if !known.insert(tag) {
            let reason = format!("the tag \"{tag}\" is given twice: a tag names one device");
            return Err(Invalid::new(field, reason));
        }
    }
    Ok(())
}

fn check_count(field: &str, count: usize, max: usize) -> Result<(), Invalid> {
    if count > max {
        return Err(Invalid::new(field, format!("has {count} items; at most {max} are allowed")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web1() -> NewInstance {
        let project = "p".parse().expect("an id");
        NewInstance::named("web1", project, "m1.small".parse().expect("an id"))
    }

    fn refusal(instance: &NewInstance) -> String {
        instance.validate().expect_err("should be refused").to_string()
    }

    #[test]
    fn a_plain_machine_is_good() {
        web1().validate().expect("a good machine");
    }

    #[test]
    fn metadata_has_the_compute_api_s_limits() {
        let mut instance = web1();
        instance.metadata =
            (0..limits::METADATA_ITEMS_MAX).map(|n| (format!("k{n}"), "v".repeat(255))).collect();
        instance.validate().expect("just fits");
        instance.metadata.insert("one-more".to_owned(), String::new());
        assert_eq!(refusal(&instance), "metadata: has 129 items; at most 128 are allowed");
        instance.metadata = [("role".to_owned(), "v".repeat(256))].into_iter().collect();
        assert!(refusal(&instance).starts_with("metadata[role]: has 256 characters"));
    }

    #[test]
    fn other_fields_are_named_too() {
        type Spoil = fn(&mut NewInstance);
        let cases: [(Spoil, &str); 6] = [
            (|i| i.name = String::new(), "name: "),
            (|i| i.hostname = Some("a_b".to_owned()), "hostname: "),
            (|i| i.reservation_id = Some("x".to_owned()), "reservation_id: "),
            (|i| i.admin_password = Some(Secret::new("x".repeat(256))), "admin_password: "),
            (|i| i.availability_zone = Some(String::new()), "availability_zone: "),
            (
                |i| {
                    let (path, contents) = ("etc/motd".to_owned(), String::new());
                    i.personality = vec![PersonalityFile { path, contents }];
                },
                "personality[etc/motd]: ",
            ),
        ];
        for (spoil, field) in cases {
            let mut instance = web1();
            spoil(&mut instance);
            let refused = refusal(&instance);
            assert!(refused.starts_with(field), "{refused} should name {field}");
        }
    }

    #[test]
    fn files_go_to_plain_places() {
        let refused = |path: &str| check_personality_path("f", path).map_err(|e| e.reason);
        for good in ["/etc/motd", "/a", "/a//b", "/..a/b..", "/grüße", "/a b"] {
            assert_eq!(refused(good), Ok(()), "{good}");
        }
        for (bad, reason) in [
            ("", "must not be empty"),
            ("etc/motd", "the path must be absolute"),
            ("../etc/motd", "the path must be absolute"),
            ("/tmp/../etc/shadow", "the path must not climb: write it without .."),
            ("/..", "the path must not climb: write it without .."),
            ("/", "the path must end with the name of a file"),
            ("/etc/", "the path must end with the name of a file"),
            ("/etc/.", "the path must end with the name of a file"),
            ("/etc/motd\0", "must not contain control characters"),
            ("/etc/\nmotd", "must not contain control characters"),
        ] {
            assert_eq!(refused(bad), Err(reason.into()), "{bad:?}");
        }
    }

    #[test]
    fn tags_of_devices_have_the_same_rules_in_a_change() {
        let device = r#"{"type":"nic","mac":"fa:16:3e:00:00:01","tags":["a,b"]}"#;
        let device: Device = serde_json::from_str(device).expect("a device");
        let change = InstanceChange { devices: Some(vec![device.clone()]), ..Default::default() };
        let refused = change.validate().expect_err("a tag with a comma").to_string();
        let instance = NewInstance { devices: vec![device], ..web1() };
        assert_eq!(refused, refusal(&instance));
        assert!(refused.starts_with("devices[0].tags: "), "{refused}");
    }

    #[test]
    fn a_tag_is_given_once() {
        let disk = |tag: &str| BlockDevice { tag: Some(tag.to_owned()), ..BlockDevice::default() };
        let mut instance = NewInstance { block_devices: vec![disk("a"), disk("b")], ..web1() };
        instance.validate().expect("two tags");
        instance.block_devices.push(disk("a"));
        let twice = "block_devices: the tag \"a\" is given twice: a tag names one device";
        assert_eq!(refusal(&instance), twice);
        let device = r#"{"type":"nic","mac":"fa:16:3e:00:00:01","tags":["x","x"]}"#;
        let device: Device = serde_json::from_str(device).expect("a device");
        let change = InstanceChange { devices: Some(vec![device]), ..Default::default() };
        let refused = change.validate().expect_err("a tag twice");
        assert_eq!(refused.field, "devices[0].tags");
    }

    #[test]
    fn the_admin_password_travels_but_is_not_shown() {
        let mut instance = web1();
        instance.admin_password = Some(Secret::new("hunter2"));
        let json = serde_json::to_string(&instance).expect("json");
        assert!(json.contains("hunter2"), "the request must carry it");
        assert!(!format!("{instance:?}").contains("hunter2"));
    }
}
