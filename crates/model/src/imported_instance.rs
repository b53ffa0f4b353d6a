//! A machine of Nova's, taken over as Nova kept it.
//!
//! Nova's own reading is lenient, so this is: what is unknown is passed over, and null is absent.
//! What a document cannot do without is refused by the name of its field.

use std::fmt;

use base64::Engine as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    AttachedKeyPair, BlockDevice, Device, Ec2Ids, Ec2Key, Flavor, GuestRecord, ImageId, Instance,
    InstanceId, Invalid, NumaCell, PersonalityFile, PowerState, Properties, Secret, UserData, Vif,
    instance::check_personality_path,
};

/// Device types that documents can show.
const DEVICE_TYPES: [&str; 3] = ["nic", "disk", "share"];
/// Buses that documents can show.
const DEVICE_BUSES: [&str; 5] = ["pci", "usb", "scsi", "ide", "xen"];
/// Nova keeps a guest's password in several items, whose names begin so.
const PASSWORD_PREFIX: &str = "password_";

/// A machine as Nova's tables had it: the columns of `instances`, its flavor, network info cache,
/// devices and EC2 ids, in the form of an `input.json` of Innkeeper's recordings.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = Object))]
#[serde(transparent)]
pub struct ImportedInstance(Map<String, Value>);

/// Its passwords and user data are nobody's business.
impl fmt::Debug for ImportedInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedInstance")
            .field("uuid", &self.0.get("uuid"))
            .finish_non_exhaustive()
    }
}

impl ImportedInstance {
    /// What the machine's documents are made of; until then it is as it was sent.
    ///
    /// [`Ec2Ids::instance`] is 0 if Nova had numbered neither the machine nor its images.
    ///
    /// # Errors
    /// [`Invalid`] names the field that is missing or does not fit, and what would.
    pub fn record(&self) -> Result<GuestRecord, Invalid> {
        let system_metadata = self.texts("system_metadata")?;
        Ok(GuestRecord {
            instance: self.instance()?,
            ec2_ids: self.ec2_ids()?,
            display_name: self.optional("display_name")?,
            ec2_key: self.ec2_key()?,
            boot_roles: system_metadata.get("boot_roles").cloned().unwrap_or_default(),
            network_info: self.network_info()?,
            security_groups: self.security_groups()?,
            password: password(&system_metadata),
        })
    }

    fn instance(&self) -> Result<Instance, Invalid> {
        let hostname: String = self.demanded("hostname")?;
        Ok(Instance {
            id: self.id()?,
            project_id: self.demanded("project_id")?,
            user_id: self.optional("user_id")?,
            name: self.optional("display_name")?.unwrap_or_else(|| hostname.clone()),
            hostname,
            flavor: self.flavor()?,
            image_id: self.image("image_ref")?,
            kernel_id: self.image("kernel_id")?,
            ramdisk_id: self.image("ramdisk_id")?,
            availability_zone: self.optional("availability_zone")?,
            launch_index: self.demanded("launch_index")?,
            reservation_id: self
                .optional("reservation_id")?
                // What EC2 documents, the only ones that show it, say of what is not there.
                .unwrap_or_else(|| "None".to_owned()),
            key_pair: self.key_pair()?,
            user_data: self.optional::<UserData>("user_data_b64")?,
            metadata: self.texts("metadata")?,
            personality: self.personality()?,
            admin_password: self.texts("extra_md")?.get("admin_pass").cloned().map(Secret::new),
            root_device_name: self.optional("root_device_name")?,
            default_ephemeral_device: self.optional("default_ephemeral_device")?,
            default_swap_device: self.optional("default_swap_device")?,
            block_devices: self.block_devices()?,
            devices: self.devices()?,
            numa_cells: self.numa_cells()?,
            config_drive: self.config_drive(),
            power_state: PowerState::Unknown,
            launched_at: None,
            created_at: 0,
            revision: 1,
        })
    }

    fn id(&self) -> Result<InstanceId, Invalid> {
        let text: String = self.demanded("uuid")?;
        text.parse().map_err(|invalid: Invalid| Invalid::new("uuid", invalid.reason))
    }

    fn ec2_ids(&self) -> Result<Ec2Ids, Invalid> {
        let Some(mut ids) = self.value("ec2_ids").cloned() else { return Ok(Ec2Ids::default()) };
        drop_nulls(&mut ids);
        if ids.as_object().is_some_and(|ids| !ids.contains_key("instance")) {
            return Ok(Ec2Ids::default());
        }
        parse("ec2_ids", &ids)
    }

    /// The EC2 documents need the key's name only.
    fn ec2_key(&self) -> Result<Option<Ec2Key>, Invalid> {
        let name: Option<String> = self.optional("key_name")?;
        let public_key = self.optional("key_data")?;
        let name = name.filter(|name| !name.is_empty());
        Ok(name.map(|name| Ec2Key { name, public_key }))
    }

    /// Nova shows a key pair only of a machine that has a key name too.
    fn key_pair(&self) -> Result<Option<AttachedKeyPair>, Invalid> {
        let key_pair = self.value("keypair").map(|pair| {
            let mut pair = pair.clone();
            drop_nulls(&mut pair);
            parse("keypair", &pair)
        });
        let key_pair = key_pair.transpose()?;
        let is_named = self.optional::<String>("key_name")?.is_some_and(|name| !name.is_empty());
        Ok(key_pair.filter(|_| is_named))
    }

    fn flavor(&self) -> Result<Flavor, Invalid> {
        let fields = Self(self.demanded("flavor")?);
        let inside = |invalid: Invalid| within("flavor", invalid);
        let name: String = fields.demanded("name").map_err(inside)?;
        let id = fields.value("flavorid").map_or_else(|| name.clone(), as_text);
        let number = |field| fields.optional::<u32>(field).map_err(inside);
        Ok(Flavor {
            id: flavor_id(&id).parse().map_err(inside)?,
            name,
            vcpus: number("vcpus")?.unwrap_or_default(),
            ram_mib: number("memory_mb")?.unwrap_or_default(),
            disk_gib: number("root_gb")?.unwrap_or_default(),
            extra_specs: fields.texts("extra_specs").map_err(inside)?,
            created_at: 0,
        })
    }

    /// Nova writes the empty text where there is no image.
    fn image(&self, field: &str) -> Result<Option<ImageId>, Invalid> {
        let text = self.optional::<String>(field)?.filter(|text| !text.is_empty());
        let id = text.map(|text| text.parse());
        id.transpose().map_err(|invalid: Invalid| Invalid::new(field, invalid.reason))
    }

    fn personality(&self) -> Result<Vec<PersonalityFile>, Invalid> {
        let files = self.items("files")?.into_iter().map(|(field, file)| {
            let file = Self(parse(&field, file)?);
            let inside = |invalid| within(&field, invalid);
            let content: String = file.demanded("content").map_err(inside)?;
            let contents = base64::engine::general_purpose::STANDARD.encode(content);
            let path: String = file.demanded("path").map_err(inside)?;
            check_personality_path(&format!("{field}.path"), &path)?;
            Ok(PersonalityFile { path, contents })
        });
        files.collect()
    }

    fn block_devices(&self) -> Result<Vec<BlockDevice>, Invalid> {
        let devices = self.items("block_devices")?.into_iter().map(|(field, device)| {
            let mut device = device.clone();
            drop_nulls(&mut device);
            parse(&field, &device)
        });
        devices.collect()
    }

    /// Devices of a kind or on a bus that no document knows are passed over.
    fn devices(&self) -> Result<Vec<Device>, Invalid> {
        let known = |device: &Value| {
            let text = |field| device.get(field).and_then(Value::as_str);
            text("type").is_some_and(|kind| DEVICE_TYPES.contains(&kind))
                && match device.get("bus") {
                    None | Some(Value::Null) => true,
                    Some(_) => text("bus").is_some_and(|bus| DEVICE_BUSES.contains(&bus)),
                }
        };
        let devices = self.items("devices")?.into_iter().filter(|(_, device)| known(device));
        devices.map(|(field, device)| parse(&field, device)).collect()
    }

    fn numa_cells(&self) -> Result<Vec<NumaCell>, Invalid> {
        let cells = self.items("numa_cells")?.into_iter().map(|(field, cell)| {
            let mut cell = cell.clone();
            drop_nulls(&mut cell);
            parse(&field, &cell)
        });
        cells.collect()
    }

    fn network_info(&self) -> Result<Vec<Vif>, Invalid> {
        let vifs = self.items("network_info")?.into_iter().map(|(field, vif)| {
            let mut vif = vif.clone();
            drop_nulls(&mut vif);
            parse(&field, &vif)
        });
        vifs.collect()
    }

    fn security_groups(&self) -> Result<Vec<String>, Invalid> {
        let mut all = Vec::new();
        for (field, groups) in self.items("security_groups_per_port")? {
            all.extend(parse::<Vec<String>>(&field, groups)?);
        }
        Ok(all)
    }

    /// Any text but the empty one, as in Nova.
    fn config_drive(&self) -> bool {
        match self.value("config_drive") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        }
    }

    /// A field that is there and is not null.
    fn value(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn optional<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, Invalid> {
        self.value(field).map(|value| parse(field, value)).transpose()
    }

    fn demanded<T: DeserializeOwned>(&self, field: &str) -> Result<T, Invalid> {
        self.optional(field)?.ok_or_else(|| {
            let reason = "is missing or null, and no document can be made without it: give what \
                          Nova's database has";
            Invalid::new(field, reason)
        })
    }

    /// A list's items that are not null, each with its name.
    fn items(&self, field: &str) -> Result<Vec<(String, &Value)>, Invalid> {
        match self.value(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                let named = items.iter().enumerate().filter(|(_, item)| !item.is_null());
                Ok(named.map(|(index, item)| (format!("{field}[{index}]"), item)).collect())
            }
            Some(_) => Err(Invalid::new(field, "is not a list")),
        }
    }

    /// An object whose values are shown as texts.
    fn texts(&self, field: &str) -> Result<Properties, Invalid> {
        match self.value(field) {
            None => Ok(Properties::new()),
            Some(Value::Object(fields)) => {
                Ok(fields.iter().map(|(key, value)| (key.clone(), as_text(value))).collect())
            }
            // Without the value: it may be a password.
            Some(_) => Err(Invalid::new(field, "is not an object")),
        }
    }
}

fn parse<T: DeserializeOwned>(field: &str, value: &Value) -> Result<T, Invalid> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let reason = format!("does not fit: {}", error.inner());
        match path.as_str() {
            "." => Invalid::new(field, reason),
            _ => Invalid::new(format!("{field}.{path}"), reason),
        }
    })
}

fn within(field: &str, invalid: Invalid) -> Invalid {
    Invalid::new(format!("{field}.{}", invalid.field), invalid.reason)
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// To Nova null and absent are one, wherever this is applied.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

/// No document shows the id, and Nova's may have characters that ours have not.
fn flavor_id(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let id: String = text.chars().take(255).map(|c| if allowed(c) { c } else { '-' }).collect();
    if id.is_empty() { "-".to_owned() } else { id }
}

/// The parts, joined in the order of their names' text.
fn password(system_metadata: &Properties) -> String {
    let mut parts: Vec<_> =
        system_metadata.iter().filter(|(key, _)| key.starts_with(PASSWORD_PREFIX)).collect();
    parts.sort();
    parts.into_iter().map(|(_, part)| part.as_str()).collect()
}

#[cfg(test)]
mod tests;
