//! What sessions and snapshots may be called.

use super::StoreError;

/// The most bytes of a name; what every database takes as a key.
const MOST_BYTES: usize = 512;

/// Refuses names that not every database can keep.
pub(super) fn check(what: &'static str, name: &str) -> Result<(), StoreError> {
    let problem = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.len() > MOST_BYTES {
        format!("it has {} bytes; at most {MOST_BYTES} are kept", name.len())
    } else if name.contains('\0') {
        "it contains the character NUL".to_owned()
    } else {
        return Ok(());
    };
    Err(StoreError::BadName { what, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_database_cannot_keep_are_refused() {
        for name in ["a", "Gespräch 7/β 🦀", " ", &"x".repeat(512)] {
            assert!(check("session", name).is_ok(), "{name}");
        }
        let told = |name: &str| check("snapshot", name).unwrap_err().to_string();
        assert_eq!(told(""), "this cannot be the name of a snapshot: it is empty");
        assert!(told(&"ä".repeat(257)).ends_with("it has 514 bytes; at most 512 are kept"));
        assert!(told("a\0b").contains("NUL"));
    }
}
