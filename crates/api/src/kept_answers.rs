//! What was rendered, kept for who asks for the same again.
//!
//! An answer is a function of the record, the settings, the day and the address that was asked from.
//! It is used again only if all of them are the very same; the store says each time which record is
//! current. Dynamic vendor data, which depends on more, is never kept here.

use std::sync::{Arc, Weak};

use http::{Method, uri::PathAndQuery};
use innkeeper_documents::{CivilDate, Rendered, Settings};
use innkeeper_model::InstanceId;
use innkeeper_store::{Bounded, KeptRecord};
use innkeeper_wire::GuestRequest;

use crate::asker::{Asker, ShownAddress};

/// Bytes of a path that is kept; no document has as long a one.
const PATH_BYTES_MAX: usize = 256;

/// The answers that are kept.
#[derive(Debug)]
pub(crate) struct KeptAnswers(Bounded<(InstanceId, PathAndQuery), Arc<Kept>>);

#[derive(Debug)]
struct Kept {
    made_of: MadeOf,
    rendered: Rendered,
}

/// All that an answer is made of.
#[derive(Debug)]
struct MadeOf {
    record: u64,
    /// Not held, since settings may be large and change; while this lives, no others have its place.
    settings: Weak<Settings>,
    today: CivilDate,
    shown_address: Option<ShownAddress>,
}

/// What is asked, as far as its answer may be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    instance: InstanceId,
    target: &'a PathAndQuery,
    record: u64,
    settings: &'a Arc<Settings>,
    today: CivilDate,
    shown_address: Option<&'a ShownAddress>,
}

impl<'a> Question<'a> {
    /// Nothing if the request does more than read.
    pub(crate) fn of(
        request: &'a GuestRequest<Asker>,
        record: &KeptRecord,
        settings: &'a Arc<Settings>,
        today: CivilDate,
    ) -> Option<Self> {
        (request.method == Method::GET).then_some(Self {
            instance: request.who.instance,
            target: &request.target,
            record: record.number(),
            settings,
            today,
            shown_address: request.who.shown_address.as_ref(),
        })
    }

    fn is_answered_by(&self, made_of: &MadeOf) -> bool {
        self.record == made_of.record
            && std::ptr::eq(Arc::as_ptr(self.settings), made_of.settings.as_ptr())
            && self.today == made_of.today
            && self.shown_address == made_of.shown_address.as_ref()
    }
}

impl KeptAnswers {
    /// Keeps up to `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Bounded::new(bytes_max))
    }

    /// What was rendered for the same question.
    pub(crate) fn find(&self, question: &Question<'_>) -> Option<Rendered> {
        let kept = self.0.get(&(question.instance, question.target.clone()))?;
        question.is_answered_by(&kept.made_of).then(|| kept.rendered.clone())
    }

    /// Keeps what was rendered, unless the path is one of the endless other spellings of a path.
    pub(crate) fn keep(&self, question: Question<'_>, rendered: &Rendered) {
        let Some(target) = plain(question.target) else { return };
        let shown = match question.shown_address {
            Some(ShownAddress::Text(text)) => text.len(),
            _ => 0,
        };
        let bytes = size_of::<Kept>() + rendered.size() + target.as_str().len() + shown;
        let made_of = MadeOf {
            record: question.record,
            settings: Arc::downgrade(question.settings),
            today: question.today,
            shown_address: question.shown_address.cloned(),
        };
        let kept = Arc::new(Kept { made_of, rendered: rendered.clone() });
        self.0.insert((question.instance, target), kept, bytes);
    }
}

/// A copy of the target, if it is the plain spelling of its path. A copy, since what a request
/// refers to is the whole buffer that it was read into.
fn plain(target: &PathAndQuery) -> Option<PathAndQuery> {
    let text = target.as_str();
    let mut segments = text.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_plain = match segment {
            "" => segments.peek().is_none(),
            "." | ".." => false,
            segment => !segment.contains(['%', '?']),
        };
        if !is_plain {
            return None;
        }
    }
    (text.len() <= PATH_BYTES_MAX).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_by_one_or_two_names() {
        for path in ["/", "/openstack", "/openstack/", "/openstack/latest/meta_data.json", "/a/.b"]
        {
            let target: PathAndQuery = path.parse().unwrap();
            assert_eq!(plain(&target).unwrap(), path);
        }
        let long = format!("/{}", "x".repeat(PATH_BYTES_MAX));
        for path in ["//", "/a//b", "//a", "/./a", "/a/..", "/a/../b", "/%61", "/a?", "/a?b", &long]
        {
            let target: PathAndQuery = path.parse().unwrap();
            assert_eq!(plain(&target), None, "{path}");
        }
    }
}
