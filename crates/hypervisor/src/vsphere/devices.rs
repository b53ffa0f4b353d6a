//! What has to change in a machine's hardware so that it has the drive.

use roxmltree::Node;

use super::soap::{Text, child, child_text, type_of};

/// Devices that one controller takes, by its type.
const CONTROLLERS: [(&str, i32); 2] = [("VirtualIDEController", 2), ("VirtualAHCIController", 30)];

/// IDE controllers that a machine may have.
const IDE_CONTROLLERS_MAX: usize = 2;

/// Keys of devices that are yet to be made are negative; the server gives them others.
const NEW_CONTROLLER_KEY: i32 = -200;
const NEW_CDROM_KEY: i32 = -201;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The drive is in a CD-ROM drive that is connected at start.
    Nothing,
    /// The CD-ROM drive with this key, place and controller is to be connected at start.
    Connect { key: i32, controller: i32, unit: i32 },
    /// A CD-ROM drive is to be added.
    Add { controller: i32, unit: i32 },
    /// A controller is to be added, and a CD-ROM drive on it.
    AddWithController { bus: i32 },
}

/// What `devices` (the value of `config.hardware.device`) lack of the drive `file`; `None` if there
/// is no room for it.
pub(super) fn change(devices: Node<'_, '_>, file: &str) -> Option<Change> {
    let devices: Vec<Node<'_, '_>> = devices.children().filter(Node::is_element).collect();
    let has_file = |device: &&Node<'_, '_>| {
        let backing = child(**device, "backing");
        type_of(**device) == "VirtualCdrom"
            && backing.and_then(|backing| child_text(backing, "fileName")) == Some(file)
    };
    if let Some(device) = devices.iter().find(has_file) {
        let starts = child(*device, "connectable")
            .is_some_and(|connectable| child_text(connectable, "startConnected") == Some("true"));
        let number = |name| number(*device, name);
        return match (starts, number("key"), number("controllerKey"), number("unitNumber")) {
            (false, Some(key), Some(controller), Some(unit)) => {
                Some(Change::Connect { key, controller, unit })
            }
            _ => Some(Change::Nothing),
        };
    }
    let place = CONTROLLERS.into_iter().find_map(|(kind, units)| {
        let controllers = devices.iter().filter(|device| type_of(**device) == kind);
        controllers.filter_map(|controller| number(*controller, "key")).find_map(|controller| {
            let used: Vec<i32> = devices
                .iter()
                .filter(|device| number(**device, "controllerKey") == Some(controller))
                .filter_map(|device| number(*device, "unitNumber"))
                .collect();
            let unit = (0..units).find(|unit| !used.contains(unit))?;
            Some(Change::Add { controller, unit })
        })
    });
    place.or_else(|| {
        let ide: Vec<_> = devices.iter().filter(|it| type_of(**it) == CONTROLLERS[0].0).collect();
        let buses: Vec<_> = ide.iter().filter_map(|it| number(**it, "busNumber")).collect();
        let bus = (0..2).find(|bus| !buses.contains(bus))?;
        (ide.len() < IDE_CONTROLLERS_MAX).then_some(Change::AddWithController { bus })
    })
}

/// The specification of a reconfiguration that makes `change`.
pub(super) fn specification(change: Change, file: &str) -> Option<String> {
    let (operation, key, controller, unit) = match change {
        Change::Nothing => return None,
        Change::Connect { key, controller, unit } => ("edit", key, controller, unit),
        Change::Add { controller, unit } => ("add", NEW_CDROM_KEY, controller, unit),
        Change::AddWithController { .. } => ("add", NEW_CDROM_KEY, NEW_CONTROLLER_KEY, 0),
    };
    let controller_first = match change {
        Change::AddWithController { bus } => format!(
            "<deviceChange><operation>add</operation><device xsi:type=\"VirtualIDEController\">\
             <key>{NEW_CONTROLLER_KEY}</key><busNumber>{bus}</busNumber></device></deviceChange>"
        ),
        _ => String::new(),
    };
    // Guest control stays off: what a guest ejects is gone at its next start too.
    Some(format!(
        "<spec>{controller_first}<deviceChange><operation>{operation}</operation>\
         <device xsi:type=\"VirtualCdrom\"><key>{key}</key>\
         <backing xsi:type=\"VirtualCdromIsoBackingInfo\"><fileName>{}</fileName></backing>\
         <connectable><startConnected>true</startConnected>\
         <allowGuestControl>false</allowGuestControl><connected>true</connected></connectable>\
         <controllerKey>{controller}</controllerKey><unitNumber>{unit}</unitNumber>\
         </device></deviceChange></spec>",
        Text(file)
    ))
}

fn number(device: Node<'_, '_>, name: &str) -> Option<i32> {
    child_text(device, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    const FILE: &str = "[ds] 1/configdrive.iso";

    fn changed(devices: &str) -> Option<Change> {
        let text =
            format!("<val xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{devices}</val>");
        let document = Document::parse(&text).expect("well formed");
        change(document.root_element(), FILE)
    }

    fn device(kind: &str, key: i32, place: Option<(i32, i32)>, inside: &str) -> String {
        let place = place.map_or_else(String::new, |(controller, unit)| {
            format!("<controllerKey>{controller}</controllerKey><unitNumber>{unit}</unitNumber>")
        });
        format!(
            "<VirtualDevice xsi:type=\"{kind}\"><key>{key}</key>{inside}{place}</VirtualDevice>"
        )
    }

    fn cdrom(file: &str, starts: bool) -> String {
        let inside = format!(
            "<backing xsi:type=\"VirtualCdromIsoBackingInfo\"><fileName>{file}</fileName></backing>\
             <connectable><startConnected>{starts}</startConnected></connectable>"
        );
        device("VirtualCdrom", 3000, Some((200, 0)), &inside)
    }

    fn ide(key: i32, bus: i32) -> String {
        device("VirtualIDEController", key, None, &format!("<busNumber>{bus}</busNumber>"))
    }

    #[test]
    fn a_drive_that_is_there_is_left_alone() {
        assert_eq!(changed(&(ide(200, 0) + &cdrom(FILE, true))), Some(Change::Nothing));
        let connect = Change::Connect { key: 3000, controller: 200, unit: 0 };
        assert_eq!(changed(&(ide(200, 0) + &cdrom(FILE, false))), Some(connect));
    }

    #[test]
    fn the_first_free_place_is_taken() {
        let other = ide(200, 0) + &cdrom("[ds] other.iso", true);
        assert_eq!(changed(&other), Some(Change::Add { controller: 200, unit: 1 }));
        let full = other + &device("VirtualDisk", 2000, Some((200, 1)), "");
        assert_eq!(changed(&full), Some(Change::AddWithController { bus: 1 }));
        let sata = full + &device("VirtualAHCIController", 15000, None, "");
        assert_eq!(changed(&sata), Some(Change::Add { controller: 15000, unit: 0 }));
        assert_eq!(changed(""), Some(Change::AddWithController { bus: 0 }));
    }

    #[test]
    fn without_room_there_is_no_place() {
        let places = [(200, 0), (200, 1), (201, 0), (201, 1)];
        let disks = places.map(|place| device("VirtualDisk", 2000, Some(place), ""));
        assert_eq!(changed(&(ide(200, 0) + &ide(201, 1) + &disks.concat())), None);
    }
}
