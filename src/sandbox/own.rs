//! What a front keeps of its own beside an order or a refund: it knows how to hold a value of any type and
//! give it back to whoever knows the type, and must never look inside.

use std::any::Any;
use std::fmt;

/// A front's own facts.
pub(crate) struct Own(Box<dyn Any + Send>);

impl Own {
    pub(crate) fn new<T: Any + Send>(facts: T) -> Self {
        Self(Box::new(facts))
    }

    /// The facts, when they are of this type; orders and refunds of another front have others.
    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// The same, to change them.
    pub(crate) fn get_mut<T: Any>(&mut self) -> Option<&mut T> {
        self.0.downcast_mut()
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own(..)")
    }
}
