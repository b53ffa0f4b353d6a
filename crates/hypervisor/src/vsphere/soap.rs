//! vSphere's SOAP: envelopes, answers, faults. The API is described in VMware's "vSphere Web
//! Services API"; namespace `urn:vim25`.

use std::fmt;

use roxmltree::{Document, Node};

use super::VSphereError;

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A managed object: its type and the server's name for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) kind: String,
    pub(super) id: String,
}

impl Reference {
    pub(super) fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned() }
    }

    /// As the element `name`.
    pub(super) fn element(&self, name: &str) -> String {
        format!("<{name} type=\"{}\">{}</{name}>", Text(&self.kind), Text(&self.id))
    }

    pub(super) fn read(node: Node<'_, '_>) -> Option<Self> {
        let id = node.text().unwrap_or_default().trim();
        // Beside it there may be `xsi:type`, whose local name is the same.
        let types = node.attributes().filter(|attribute| attribute.name() == "type");
        let kind = types.into_iter().find(|attribute| attribute.namespace().is_none());
        let kind = kind.map_or("", |attribute| attribute.value());
        (!id.is_empty()).then(|| Self::new(kind, id))
    }
}

/// Text that is none of the markup.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&apos;"),
            // No XML can hold the other control characters, however they are written.
            '\t' | '\n' | '\r' => write!(f, "&#{};", character as u32),
            control if control.is_control() => f.write_str("\u{fffd}"),
            other => write!(f, "{other}"),
        })
    }
}

/// A call of `method` on `object` with arguments that are markup already.
pub(super) fn envelope(method: &str, object: &Reference, arguments: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"{XSI}\">\
         <Body><{method} xmlns=\"urn:vim25\">{}{arguments}</{method}></Body></Envelope>",
        object.element("_this")
    )
}

/// An answer to the call that `doing` describes.
pub(super) struct Answer<'a> {
    document: Document<'a>,
    doing: &'static str,
}

impl<'a> Answer<'a> {
    /// Reads an answer; a fault is an error.
    pub(super) fn read(text: &'a str, doing: &'static str) -> Result<Self, VSphereError> {
        let document = Document::parse(text).map_err(|error| {
            let reason = format!("{error}; is this the address of a vCenter or ESXi host?");
            VSphereError::Protocol { doing, reason }
        })?;
        if let Some(fault) = document.descendants().find(|node| is(*node, "Fault")) {
            return Err(refusal(doing, fault));
        }
        Ok(Self { document, doing })
    }

    /// The first `returnval`; none means nothing was found.
    pub(super) fn value(&self) -> Option<Node<'_, 'a>> {
        self.document.descendants().find(|node| is(*node, "returnval"))
    }

    /// The first `returnval`, which has to be there.
    pub(super) fn required(&self) -> Result<Node<'_, 'a>, VSphereError> {
        self.value().ok_or_else(|| self.missing("returnval"))
    }

    /// The error that `what` is not in the answer.
    pub(super) fn missing(&self, what: &str) -> VSphereError {
        VSphereError::Protocol { doing: self.doing, reason: format!("it has no {what}") }
    }
}

/// The property `name` of the only object of a RetrievePropertiesEx.
pub(super) fn property<'n, 'a>(value: Node<'n, 'a>, name: &str) -> Option<Node<'n, 'a>> {
    let sets = value.descendants().filter(|node| is(*node, "propSet"));
    let found = sets.into_iter().find(|set| child_text(*set, "name") == Some(name))?;
    child(found, "val")
}

pub(super) fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

pub(super) fn child<'n, 'a>(node: Node<'n, 'a>, name: &str) -> Option<Node<'n, 'a>> {
    node.children().find(|child| is(*child, name))
}

pub(super) fn child_text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name).and_then(|child| child.text()).map(str::trim)
}

/// The type that an element says it has, without its prefix.
pub(super) fn type_of<'a>(node: Node<'a, '_>) -> &'a str {
    let named = node.attribute((XSI, "type")).unwrap_or_default();
    named.rsplit(':').next().unwrap_or_default()
}

fn refusal(doing: &'static str, fault: Node<'_, '_>) -> VSphereError {
    let message = child_text(fault, "faultstring").unwrap_or("no reason").to_owned();
    let detail = child(fault, "detail").and_then(|detail| detail.first_element_child());
    let kind = detail.map_or("", |detail| match type_of(detail) {
        // An element named like its type needs no other name for it.
        "" => detail.tag_name().name().trim_end_matches("Fault"),
        kind => kind,
    });
    refused(doing, kind, message)
}

/// A refusal with what can be done about it.
pub(super) fn refused(doing: &'static str, fault: &str, message: String) -> VSphereError {
    let remedy = match fault {
        "InvalidLogin" => "; check --vsphere-user and the password's file",
        "NoPermission" => {
            "; the user needs VirtualMachine.Config.AddRemoveDevice and EditDevice on the machine, \
             and Datastore.FileManagement"
        }
        "InvalidDatastore" | "InvalidDatastorePath" => {
            "; name the datastore as vSphere does, with --datastore, or leave it out for the one with \
             the machine's own files"
        }
        "InvalidPowerState" => {
            "; a CD-ROM drive can be added while the machine is off only: power it off and run \
             this again"
        }
        _ => "",
    };
    let fault = if fault.is_empty() { "an unnamed fault" } else { fault }.to_owned();
    VSphereError::Refused { doing, fault, message, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let hostile = "</userName><x a=\"'&\u{1}\n";
        let envelope = envelope("Login", &Reference::new("T", "i"), &Text(hostile).to_string());
        let document = Document::parse(&envelope).expect("well formed");
        let login = document.descendants().find(|node| is(*node, "Login")).expect("there");
        let text = login.last_child().and_then(|node| node.text());
        assert_eq!(text, Some("</userName><x a=\"'&\u{fffd}\n"));
    }

    #[test]
    fn a_fault_is_an_error_that_says_what_to_do() {
        let text = format!(
            "<e:Envelope xmlns:e=\"x\" xmlns:xsi=\"{XSI}\"><e:Body><e:Fault>\
             <faultstring>Cannot complete login</faultstring>\
             <detail><InvalidLoginFault xmlns=\"urn:vim25\" xsi:type=\"InvalidLogin\"/></detail>\
             </e:Fault></e:Body></e:Envelope>"
        );
        let error = Answer::read(&text, "log in").err().expect("refused").to_string();
        assert!(error.contains("(InvalidLogin); check --vsphere-user"), "{error}");
        assert!(Answer::read("<html>", "log in").is_err());
    }
}
