//! XML, written. Every value is escaped here and nowhere else.

/// A document that grows from its beginning to its end.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
    open: Vec<&'static str>,
}

/// Attributes, in order.
type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Writer {
    /// Opens an element; what follows is inside until [`close`](Self::close).
    pub(crate) fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.text.push_str(">\n");
        self.open.push(tag);
    }

    /// Closes the innermost element.
    pub(crate) fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.indent();
            self.text.push_str(&format!("</{tag}>\n"));
        }
    }

    /// An element with nothing inside.
    pub(crate) fn empty(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.text.push_str("/>\n");
    }

    /// An element with text inside.
    pub(crate) fn text(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.start(tag, attributes);
        self.text.push('>');
        self.escaped(text);
        self.text.push_str(&format!("</{tag}>\n"));
    }

    /// All of it, with what is still open closed.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn start(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.indent();
        self.text.push_str(&format!("<{tag}"));
        for (name, value) in attributes {
            self.text.push_str(&format!(" {name}='"));
            self.escaped(value);
            self.text.push('\'');
        }
    }

    fn indent(&mut self) {
        self.text.push_str(&"  ".repeat(self.open.len()));
    }

    fn escaped(&mut self, value: &str) {
        for c in value.chars() {
            match c {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&apos;"),
                // A reader turns these into spaces where they are not escaped.
                '\t' | '\n' | '\r' => self.text.push_str(&format!("&#{};", u32::from(c))),
                c if is_allowed(c) => self.text.push(c),
                _ => self.text.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }
}

/// Whether XML 1.0 can say it at all, escaped or not.
pub(crate) const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(value: &str) -> String {
        let mut writer = Writer::default();
        writer.open("a", &[("b", value), ("c", "d")]);
        writer.text("e", &[], value);
        writer.empty("f", &[("g", value)]);
        writer.finish()
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_place(value in any::<String>()) {
            let text = document(&value);
            let read = roxmltree::Document::parse(&text).expect("well-formed XML");
            let said: String =
                value.chars().map(|c| if is_allowed(c) { c } else { '\u{FFFD}' }).collect();
            let root = read.root_element();
            prop_assert_eq!(root.attribute("b"), Some(said.as_str()));
            prop_assert_eq!(root.attribute("c"), Some("d"));
            let inside: Vec<_> = root.children().filter(roxmltree::Node::is_element).collect();
            prop_assert_eq!(inside.len(), 2);
            prop_assert_eq!(inside[0].text().unwrap_or_default(), said.as_str());
            prop_assert_eq!(inside[1].attribute("g"), Some(said.as_str()));
        }
    }

    #[test]
    fn markup_is_only_text() {
        let text = document("'/><x y=\"&\n");
        assert!(text.contains("b='&apos;/&gt;&lt;x y=&quot;&amp;&#10;'"), "{text}");
    }
}
