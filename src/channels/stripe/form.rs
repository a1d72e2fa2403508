//! Bodies and queries of calls: it knows how names are nested in brackets and how a form is escaped, and must
//! never know what a member means.

use url::form_urlencoded::Serializer;

/// A form in the order in which its members were added, so that every attempt sends the same bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The same form with one more member.
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same form with `outer[inner]`.
    pub(super) fn within(self, outer: &str, inner: &str, value: impl ToString) -> Self {
        self.with(&format!("{outer}[{inner}]"), value)
    }

    /// The same form with one more element of the list `name`.
    pub(super) fn push(self, name: &str, value: impl ToString) -> Self {
        self.with(&format!("{name}[]"), value)
    }

    /// As `application/x-www-form-urlencoded`; of a query, what follows the question mark.
    pub(super) fn encoded(&self) -> String {
        let mut serializer = Serializer::new(String::new());
        for (name, value) in &self.0 {
            serializer.append_pair(name, value);
        }
        serializer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_nested_in_brackets_and_the_order_is_kept() {
        let form = Form::default()
            .with("amount", 1234)
            .with("currency", "cny")
            .push("payment_method_types", "card")
            .within("metadata", "bursar_payment", "01ab")
            .with("confirm", false);
        assert_eq!(
            form.encoded(),
            "amount=1234&currency=cny&payment_method_types%5B%5D=card&metadata%5Bbursar_payment%5D=01ab&confirm=false"
        );
    }

    #[test]
    fn a_value_cannot_add_a_member() {
        let form = Form::default().with("description", "a&amount=1 =+%00[x]\n日").with("empty", "");
        assert_eq!(form.encoded(), "description=a%26amount%3D1+%3D%2B%2500%5Bx%5D%0A%E6%97%A5&empty=");
        let read: Vec<_> = url::form_urlencoded::parse(form.encoded().as_bytes()).into_owned().collect();
        assert_eq!(read, form.0);
    }
}
