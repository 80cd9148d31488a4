//! A signed-in person as back offices read of her in header fields: made once for a session, sent with each of its requests.
//!
//! Invariant: a value is percent-encoded UTF-8: whatever is not visible ASCII or a space, and `%` and `,` themselves, so that a unit's
//! name can neither end a list nor a line.

use std::borrow::Cow;

use http::HeaderValue;
use http::header::InvalidHeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::model::Who;

#[derive(Clone, Debug)]
pub struct Introduction {
    pub user: HeaderValue,
    pub email: Option<HeaderValue>,
    pub groups: HeaderValue,
}

impl Introduction {
    pub(super) fn of(who: &Who, email: Option<&str>) -> Result<Self, InvalidHeaderValue> {
        Ok(Self {
            user: HeaderValue::from_str(&encoded(who.name.as_str()))?,
            email: email.map(|email| HeaderValue::from_str(&encoded(email))).transpose()?,
            groups: HeaderValue::from_str(&format!("unit:{},role:{}", encoded(who.unit.as_str()), who.role))?,
        })
    }
}

fn encoded(text: &str) -> Cow<'_, str> {
    const SET: &AsciiSet = &CONTROLS.add(b'%').add(b',');
    utf8_percent_encode(text, SET).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_name_is_made_of_it_is_a_field_and_reads_back(name in any::<String>()) {
            let value = HeaderValue::from_str(&encoded(&name)).unwrap();
            let text = value.to_str().unwrap();
            prop_assert!(!text.contains(','));
            prop_assert_eq!(percent_encoding::percent_decode_str(text).decode_utf8().unwrap(), name);
        }
    }
}
