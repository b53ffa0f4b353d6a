//! The headers of a request to another hop.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers in the order in which they are sent. There are a dozen at most, hardly ever looked up: a
/// map of so many takes more room than the allocator has at hand, and a hash for each.
#[derive(Debug, Default)]
pub struct HeaderList(Vec<(HeaderName, HeaderValue)>);

impl HeaderList {
    /// None yet, and room for so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds a header, whatever others there are of the same name.
    pub(crate) fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    /// Puts a header in place of those of the same name.
    pub(crate) fn put(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.retain(|(other, _)| *other != name);
        self.append(name, value);
    }

    /// Removes what has one of `names`.
    pub(crate) fn remove_all(&mut self, names: &[HeaderName]) {
        self.0.retain(|(name, _)| !names.contains(name));
    }

    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The same as a map.
    pub fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.0.len());
        for (name, value) in self.iter() {
            map.append(name, value.clone());
        }
        map
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
        for (name, text) in [(header::ACCEPT, "d"), (header::VARY, "e")] {
            list.put(name.clone(), value(text));
            map.insert(name, value(text));
        }
        assert_eq!(list.to_map(), map);
        list.remove_all(&[header::ETAG, header::ALLOW]);
        map.remove(header::ETAG);
        assert_eq!(list.to_map(), map);
        assert!(list.contains(&header::VARY) && !list.contains(&header::ETAG));
    }
}
