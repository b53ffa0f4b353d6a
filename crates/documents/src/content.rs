//! Documents, rendered when they are asked for.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use innkeeper_model::{GuestRecord, Vif};

use crate::{
    GuestTree, OpenStackVersion, Rendered, Settings, VendorDataProvider, injected_network, json,
    meta_data, network_data, vendor_data::VendorData2,
};

/// Fills a buffer with random bytes. Called only where a document shows some.
pub type Entropy<'e> = dyn FnMut(&mut [u8]) + 'e;

/// What a document is to be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// Text, by name; user data may be any bytes.
    Text,
    /// JSON.
    Json,
    /// What Nova calls the password.
    Html,
}

impl MediaType {
    /// The value of Content-Type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=UTF-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=UTF-8",
        }
    }
}

/// A document that exists and is rendered when it is asked for.
#[derive(Clone)]
pub struct File<'a> {
    media_type: MediaType,
    content: Content<'a>,
}

#[derive(Clone)]
enum Content<'a> {
    Ready(Cow<'a, str>),
    UserData(&'a GuestRecord),
    Password(&'a GuestRecord),
    MetaData(&'a GuestRecord, &'a Settings, OpenStackVersion),
    NetworkData(&'a GuestRecord, &'a Settings),
    StaticVendorData(&'a Settings),
    VendorData2(VendorData2<'a>),
}

impl<'a> File<'a> {
    /// What the document is to be read as.
    pub const fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// Whether this is the password, the one document that not every method reads.
    pub const fn is_password(&self) -> bool {
        matches!(self.content, Content::Password(_))
    }

    /// Whether rendering it shows what the operator's services say of the machine: see
    /// [`GuestTree::with_dynamic_vendor_data`]. No other file has to wait for them.
    pub fn needs_dynamic_vendor_data(&self) -> bool {
        matches!(&self.content, Content::VendorData2(vendor_data) if vendor_data.is_dynamic())
    }

    /// The document's bytes.
    pub fn render(&self, entropy: &mut Entropy<'_>) -> Bytes {
        self.rendered().bytes(entropy)
    }

    /// The document, to be read more than once.
    pub(crate) fn rendered(&self) -> Rendered {
        let bytes = match &self.content {
            Content::Ready(text) => Bytes::copy_from_slice(text.as_bytes()),
            Content::UserData(record) => {
                let user_data = record.instance.user_data.as_ref();
                user_data.map_or_else(Bytes::new, |user_data| user_data.to_bytes().into())
            }
            Content::Password(record) => Bytes::copy_from_slice(record.password.as_bytes()),
            Content::MetaData(record, settings, version) => {
                let constant = json::encode(&meta_data::Constant::new(record, settings));
                if meta_data::has_random_seed(*version) {
                    let (before, behind) = meta_data::around_seed(&constant, record, *version);
                    return Rendered::with_seed(self.media_type, before, behind);
                }
                let versioned = meta_data::Versioned::new(record, *version, None);
                meta_data::document(&constant, &versioned).into()
            }
            Content::NetworkData(record, settings) => {
                json::encode(&network_data::document(&record.network_info, settings)).into()
            }
            Content::StaticVendorData(settings) => {
                json::encode(&settings.static_vendor_data).into()
            }
            Content::VendorData2(vendor_data) => json::encode(vendor_data).into(),
        };
        Rendered::new(self.media_type, bytes)
    }

    /// Whether this is `meta_data.json`, the one document that differs from version to version and
    /// between service and drive.
    pub(crate) const fn is_meta_data(&self) -> bool {
        matches!(self.content, Content::MetaData(..))
    }

    pub(crate) const fn text(text: Cow<'a, str>) -> Self {
        Self { media_type: MediaType::Text, content: Content::Ready(text) }
    }

    /// `None` if the machine has none; empty user data is there, and empty.
    pub(crate) fn user_data(record: &'a GuestRecord) -> Option<Self> {
        let content = record.instance.user_data.as_ref().map(|_| Content::UserData(record))?;
        Some(Self { media_type: MediaType::Text, content })
    }

    pub(crate) const fn meta_data(
        record: &'a GuestRecord,
        settings: &'a Settings,
        version: OpenStackVersion,
    ) -> Self {
        let content = Content::MetaData(record, settings, version);
        Self { media_type: MediaType::Json, content }
    }

    /// JSON, but Nova has never said so.
    pub(crate) const fn network_data(record: &'a GuestRecord, settings: &'a Settings) -> Self {
        Self { media_type: MediaType::Text, content: Content::NetworkData(record, settings) }
    }

    pub(crate) const fn password(record: &'a GuestRecord) -> Self {
        Self { media_type: MediaType::Html, content: Content::Password(record) }
    }

    /// `None` if the operator does not have it among the sources.
    pub(crate) fn vendor_data(settings: &'a Settings) -> Option<Self> {
        let content = Content::StaticVendorData(settings);
        let file = Self { media_type: MediaType::Json, content };
        settings.uses(VendorDataProvider::StaticJson).then_some(file)
    }

    pub(crate) const fn vendor_data2(tree: &GuestTree<'a>) -> Self {
        let vendor_data = VendorData2::new(tree.settings, tree.dynamic_vendor_data);
        Self { media_type: MediaType::Json, content: Content::VendorData2(vendor_data) }
    }

    /// `None` if no interface is to be configured by a file.
    pub(crate) fn injected_network(vifs: &[Vif]) -> Option<Self> {
        injected_network::file(vifs).map(|text| Self::text(text.into()))
    }
}

impl fmt::Debug for File<'_> {
    /// Says what it is, never what is in it: user data and passwords are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("media_type", &self.media_type).finish_non_exhaustive()
    }
}
