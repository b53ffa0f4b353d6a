use serde::{Deserialize, Serialize};

/// A disk of a machine, as its block device mapping says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct BlockDevice {
    /// Where its content comes from: `image`, `volume`, `snapshot` or `blank`.
    pub source_type: String,
    /// What it is: `volume` or `local`.
    pub destination_type: String,
    /// The name the guest was promised, for example `/dev/vdb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// `swap`, a file system, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_format: Option<String>,
    /// 0 for the disk that boots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_index: Option<i32>,
    /// The volume, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_id: Option<String>,
    /// The role tag that the guest finds on the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// A device that the guest is told of, with the tags by which it knows its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Device {
    /// What it is.
    #[serde(flatten)]
    pub kind: DeviceKind,
    /// The bus it is on; `None` if unknown.
    #[serde(default)]
    pub bus: Option<DeviceBus>,
    /// Its place on the bus, for example `0000:00:03.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Role tags. Nova tells a device without tags from one with an empty list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// What a device is, and what only its kind has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum DeviceKind {
    /// A network interface.
    Nic {
        /// Its MAC address, as stored.
        mac: String,
        /// The VLAN of an SR-IOV function.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vlan: Option<u32>,
        /// Whether the function is trusted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vf_trusted: Option<bool>,
    },
    /// A disk.
    Disk {
        /// The volume's id. Absent, present and null differ: the outer `None` is absent.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        serial: Option<Option<String>>,
        /// The device node, if the hypervisor knows it. Absent, present and null differ, too.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        path: Option<Option<String>>,
    },
    /// A shared file system.
    Share {
        /// The share's id.
        share_id: String,
        /// The mount tag.
        tag: String,
    },
}

/// The bus of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DeviceBus {
    /// PCI.
    Pci,
    /// USB.
    Usb,
    /// SCSI.
    Scsi,
    /// IDE.
    Ide,
    /// Xen.
    Xen,
}

impl DeviceBus {
    /// The word that documents carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pci => "pci",
            Self::Usb => "usb",
            Self::Scsi => "scsi",
            Self::Ide => "ide",
            Self::Xen => "xen",
        }
    }
}

/// A NUMA cell of a machine: which of its virtual CPUs have a physical one of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct NumaCell {
    /// Ids of the virtual CPUs that are pinned.
    pub pcpuset: Vec<u32>,
}

/// Keeps `"serial": null` apart from no serial at all.
mod nullable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::option_option, reason = "absent, null and text are three states")]
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<String>>, D::Error> {
        Option::deserialize(deserializer).map(Some)
    }

    #[allow(clippy::option_option, reason = "absent, null and text are three states")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Option<String>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_serial_is_not_an_absent_one() {
        let read = |json: &str| serde_json::from_str::<Device>(json).expect("a device").kind;
        let serial = |kind| match kind {
            DeviceKind::Disk { serial, .. } => serial,
            other => panic!("{other:?} is not a disk"),
        };
        assert_eq!(serial(read(r#"{"type":"disk","bus":"ide"}"#)), None);
        assert_eq!(serial(read(r#"{"type":"disk","serial":null}"#)), Some(None));
        let device = read(r#"{"type":"disk","serial":"vol"}"#);
        assert_eq!(serial(device), Some(Some("vol".to_owned())));
    }
}
