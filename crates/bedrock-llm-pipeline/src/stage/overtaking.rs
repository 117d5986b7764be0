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
        if !item.last || self.open.contains_key(&item.index) {
            let open = self.open.entry(item.index).or_default();
            open.elements += 1;
            open.closing |= item.last;
        }
    }

    /// An element comes out.
    pub(crate) fn comes_out<T>(&mut self, item: &mut Item<T>) {
        if let Some(open) = self.open.get_mut(&item.index) {
            open.elements -= 1;
            item.last = open.closing && open.elements == 0;
            if item.last {
                self.open.remove(&item.index);
            }
        }
    }
}
