//! The headers of a request to another hop.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::remove;

/// Where headers are put that go to another hop.
pub trait Fields {
    /// Puts a header in place of those of the same name.
    fn put(&mut self, name: HeaderName, value: HeaderValue);
    /// Takes away what has one of `names`.
    fn remove_all(&mut self, names: &[HeaderName]);
}

impl Fields for HeaderMap {
    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }

    fn remove_all(&mut self, names: &[HeaderName]) {
        remove(self, names);
    }
}

/// Headers in the order in which they are sent. There are a dozen at most, hardly ever looked up: a
/// map of so many takes more room than the allocator has at hand, and a hash for each.
#[derive(Debug)]
pub(crate) struct HeaderList(Vec<(HeaderName, HeaderValue)>);

impl HeaderList {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds a header, whatever others there are of the same name.
    pub(crate) fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The same as a map.
    pub(crate) fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.0.len());
        for (name, value) in self.iter() {
            map.append(name, value.clone());
        }
        map
    }
}

impl Fields for HeaderList {
    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.retain(|(other, _)| *other != name);
        self.append(name, value);
    }

    fn remove_all(&mut self, names: &[HeaderName]) {
        self.0.retain(|(name, _)| !names.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    #[test]
    fn a_list_is_what_a_map_would_be() {
        let value = HeaderValue::from_static;
        let mut list = HeaderList::with_capacity(2);
        let mut map = HeaderMap::new();
        for (name, text) in [(header::ACCEPT, "a"), (header::ACCEPT, "b"), (header::ETAG, "c")] {
            list.append(name.clone(), value(text));
            map.append(name, value(text));
        }
        assert_eq!(list.to_map(), map);
        for fields in [&mut list as &mut dyn Fields, &mut map] {
            fields.put(header::ACCEPT, value("d"));
            fields.put(header::VARY, value("e"));
            fields.remove_all(&[header::ETAG, header::ALLOW]);
        }
        assert_eq!(list.to_map(), map);
        assert_eq!(map.len(), 2);
        assert!(list.contains(&header::VARY) && !list.contains(&header::ETAG));
    }
}
