//! One module per family.

use crate::Registry;

/// Adds every codec of this crate, the more special after the more general.
pub(crate) fn register(registry: Registry) -> Registry {
    registry
}
