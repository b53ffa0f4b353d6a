//! A value of the document that knows where it stands.

use serde_json::Value;

use super::NetworkError;

#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { path: String::new(), value }
    }

    /// The member, or an error if it is absent or null.
    pub(super) fn required(&self, key: &str) -> Result<Self, NetworkError> {
        match self.optional(key)? {
            Some(node) => Ok(node),
            None => Err(self.child(key, &Value::Null).wrong("is missing")),
        }
    }

    /// The member unless it is absent or null.
    pub(super) fn optional(&self, key: &str) -> Result<Option<Self>, NetworkError> {
        let Value::Object(members) = self.value else {
            return Err(self.wrong("must be an object"));
        };
        Ok(members.get(key).filter(|value| !value.is_null()).map(|value| self.child(key, value)))
    }

    /// The elements of a member that is an array; none if it is absent or null.
    pub(super) fn list(&self, key: &str, most: usize) -> Result<Vec<Self>, NetworkError> {
        let Some(list) = self.optional(key)? else { return Ok(Vec::new()) };
        let Value::Array(elements) = list.value else {
            return Err(list.wrong("must be an array"));
        };
        if elements.len() > most {
            return Err(list.wrong(&format!("has {} elements, at most {most}", elements.len())));
        }
        let element = |(number, value)| Self { path: format!("{}[{number}]", list.path), value };
        Ok(elements.iter().enumerate().map(element).collect())
    }

    pub(super) fn text(&self, most_chars: usize) -> Result<&'a str, NetworkError> {
        let Value::String(text) = self.value else {
            return Err(self.wrong("must be a string"));
        };
        if text.chars().nth(most_chars).is_some() {
            return Err(self.wrong(&format!("is longer than {most_chars} characters")));
        }
        Ok(text)
    }

    /// The text, made into something by its parser.
    pub(super) fn parsed<T: std::str::FromStr>(&self, what: &str) -> Result<T, NetworkError> {
        // No address, mask or MAC is longer.
        const MOST_CHARS: usize = 64;
        let text = self.text(MOST_CHARS)?;
        text.parse().ok().ok_or_else(|| self.wrong(&format!("{text:?} is not {what}")))
    }

    /// A whole number; also as text, as property lists write it.
    pub(super) fn number(&self) -> Result<u32, NetworkError> {
        let number = match self.value {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        number.ok_or_else(|| self.wrong("must be a whole number"))
    }

    pub(super) fn wrong(&self, problem: &str) -> NetworkError {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        NetworkError::Document { path: path.to_owned(), problem: problem.to_owned() }
    }

    fn child(&self, key: &str, value: &'a Value) -> Self {
        let path =
            if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Self { path, value }
    }
}
