//! Which element of an input is its last, where elements overtake each other.

use std::collections::HashMap;

use super::Item;

/// For elements whose input has several under way: says which of them is the last to come.
///
/// Where elements overtake each other, the one marked `last` when they went in need not be the last that comes out.
#[derive(Debug, Default)]
pub(crate) struct Overtaking {
    open: HashMap<u64, Open>,
}

#[derive(Debug, Default)]
struct Open {
    elements: usize,
    closing: bool,
}

impl Overtaking {
    /// An element goes in.
    pub(crate) fn goes_in<T>(&mut self, item: &Item<T>) {
        self.enter(item.index, item.last);
    }

    /// An element comes out.
    pub(crate) fn comes_out<T>(&mut self, item: &mut Item<T>) {
        item.last = self.leave(item.index, item.last);
    }

    /// An element goes in; whether it must be asked for when it comes out. One that is alone need not be.
    pub(crate) fn enter(&mut self, index: u64, last: bool) -> bool {
        let others = !last || self.open.contains_key(&index);
        if others {
            let open = self.open.entry(index).or_default();
            open.elements += 1;
            open.closing |= last;
        }
        others
    }

    /// An element comes out; whether it is the last of its index.
    pub(crate) fn leave(&mut self, index: u64, last: bool) -> bool {
        let Some(open) = self.open.get_mut(&index) else {
            return last;
        };
        open.elements -= 1;
        let last = open.closing && open.elements == 0;
        if last {
            self.open.remove(&index);
        }
        last
    }
}
