//! Names of tools that a model can call, for names that it cannot.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// The most characters of a tool's name: `ToolSpecification` in
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html>.
const MAX: usize = 64;
/// The characters of a mark, its `_` included.
const MARK: usize = 9;

/// Whether Bedrock takes this character in a tool's name.
pub(super) fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// A legal name for each of these, with the prefix before it. Each is given once.
///
/// A name that is legal stays. In others `_` stands for each character that is not; a mark of the whole name follows
/// where it had to be cut, or where another tool would have the same name. So a tool's name depends on which others
/// there are, not on their order.
pub(super) fn legal_names(prefix: &str, names: &[&str]) -> Vec<String> {
    let wanted: Vec<String> = names.iter().map(|name| format!("{prefix}{name}")).collect();
    let plain: Vec<String> = wanted.iter().map(|name| plain(name)).collect();
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &plain {
        *holders.entry(name).or_default() += 1;
    }
    let mut taken: Vec<String> = Vec::new();
    let mut given: Vec<Option<String>> = vec![None; names.len()];
    // those that stay as they are come first, so that a made name never takes theirs
    for ((slot, wanted), plain) in given.iter_mut().zip(&wanted).zip(&plain) {
        let is_alone = holders.get(plain.as_str()) == Some(&1) && wanted.chars().count() <= MAX;
        if !plain.is_empty() && (wanted == plain || is_alone) {
            *slot = Some(plain.clone());
            taken.push(plain.clone());
        }
    }
    let mut rest: Vec<(&String, &String, &mut Option<String>)> = wanted
        .iter()
        .zip(&plain)
        .zip(&mut given)
        .filter(|(_, slot)| slot.is_none())
        .map(|((wanted, plain), slot)| (wanted, plain, slot))
        .collect();
    rest.sort_by_key(|(wanted, _, _)| *wanted);
    for (wanted, plain, slot) in rest {
        let marked = (0u32..).map(|turn| marked(wanted, plain, turn)).find(|name| !taken.contains(name));
        let name = marked.unwrap_or_else(|| plain.clone());
        taken.push(name.clone());
        *slot = Some(name);
    }
    given.into_iter().flatten().collect()
}

/// `_` for every character that is not legal, cut to the most there may be.
fn plain(name: &str) -> String {
    name.chars().map(|c| if is_legal(c) { c } else { '_' }).take(MAX).collect()
}

fn marked(wanted: &str, plain: &str, turn: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(wanted);
    if turn > 0 {
        hash.update(turn.to_be_bytes());
    }
    let mark: String = hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let stem: String = plain.chars().take(MAX - MARK).collect();
    format!("{stem}_{mark}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn legal_names_stay() {
        assert_eq!(legal_names("", &["add", "get-all", "A_1"]), ["add", "get-all", "A_1"]);
        assert_eq!(legal_names("calc_", &["add"]), ["calc_add"]);
    }

    #[test]
    fn what_is_not_legal_is_replaced() {
        assert_eq!(legal_names("", &["files.read", "files/écrire"]), ["files_read", "files__crire"]);
    }

    #[test]
    fn clashes_are_marked_and_the_legal_name_stays() {
        let names = legal_names("", &["a.b", "a/b", "a_b"]);
        assert_eq!(names, ["a_b_2e7336dc", "a_b_c14cddc0", "a_b"]);
        let turned = legal_names("", &["a_b", "a/b", "a.b"]);
        assert_eq!(turned, ["a_b", names[1].as_str(), names[0].as_str()]);
    }

    #[test]
    fn long_names_are_cut_and_marked() {
        let (one, other) = ("x".repeat(70), "x".repeat(80));
        let names = legal_names("p_", &[&one, &other]);
        assert!(names.iter().all(|name| name.len() == 64 && name.starts_with("p_xxx")), "{names:?}");
        assert_ne!(names[0], names[1]);
        assert_eq!(legal_names("p_", &[&one])[0], names[0], "whoever else is there");
    }

    #[test]
    fn a_name_of_nothing_becomes_one() {
        assert_eq!(legal_names("", &[""])[0].len(), MARK);
    }

    proptest! {
        #[test]
        fn names_are_legal_unique_and_the_same_in_any_order(
            names in prop::collection::btree_set("[a-c._/ é-]{0,3}|[a-b.]{60,70}", 1..12),
            prefix in "[a-b_]{0,4}",
        ) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let given = legal_names(&prefix, &names);
            prop_assert_eq!(given.len(), names.len());
            for name in &given {
                prop_assert!(!name.is_empty() && name.len() <= MAX && name.chars().all(is_legal), "{}", name);
            }
            let unique: std::collections::BTreeSet<_> = given.iter().collect();
            prop_assert_eq!(unique.len(), given.len());
            let reversed: Vec<&str> = names.iter().rev().copied().collect();
            let mut again = legal_names(&prefix, &reversed);
            again.reverse();
            prop_assert_eq!(given, again);
        }
    }
}
