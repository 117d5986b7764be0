//! Vectors that come in any order, in one piece of memory.

use bedrock_llm_schema::embed::{Element, Matrix};
use bedrock_llm_schema::{Error, ErrorKind};

/// Room for the vector of each input; the memory is taken when the first comes.
pub(super) struct Rows<T> {
    values: Vec<T>,
    width: usize,
    is_there: Vec<bool>,
}

impl<T: Element> Rows<T> {
    pub(super) fn new(count: usize) -> Self {
        Self { values: Vec::new(), width: 0, is_there: vec![false; count] }
    }

    /// Puts a vector in its place.
    ///
    /// # Errors
    /// When it is not as long as those before it.
    pub(super) fn place(&mut self, index: usize, row: &[T]) -> Result<(), Error> {
        if self.width == 0 {
            self.width = row.len();
            self.values = vec![T::default(); self.is_there.len().saturating_mul(self.width)];
        }
        let start = index.saturating_mul(self.width);
        let slot = self.values.get_mut(start..start.saturating_add(self.width));
        match (slot, self.is_there.get_mut(index)) {
            (Some(slot), Some(is_there)) if !row.is_empty() && slot.len() == row.len() => {
                slot.copy_from_slice(row);
                *is_there = true;
                Ok(())
            }
            _ => Err(Error::new(
                ErrorKind::Decode,
                format!("a vector has {} numbers, and others of the same model {}", row.len(), self.width),
            )),
        }
    }

    /// Those that came, in order.
    pub(super) fn into_matrix(mut self) -> Matrix<T> {
        let mut kept = 0;
        for (index, _) in self.is_there.iter().enumerate().filter(|(_, is_there)| **is_there) {
            if index != kept {
                let start = index.saturating_mul(self.width);
                self.values
                    .copy_within(start..start.saturating_add(self.width), kept.saturating_mul(self.width));
            }
            kept += 1;
        }
        self.values.truncate(kept.saturating_mul(self.width));
        // whole rows by construction
        Matrix::from_values(self.values, self.width).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_any_order_and_some_not_at_all() {
        let mut rows = Rows::new(5);
        rows.place(3, &[3, 3]).unwrap();
        rows.place(1, &[1, 1]).unwrap();
        assert_eq!(*rows.place(0, &[0]).unwrap_err().kind(), ErrorKind::Decode);
        assert!(rows.place(0, &[]).is_err() && rows.place(5, &[5, 5]).is_err());
        rows.place(4, &[4, 4]).unwrap();
        assert_eq!(rows.into_matrix().into_values(), [1i8, 1, 3, 3, 4, 4]);
        assert!(Rows::<u8>::new(3).into_matrix().is_empty());
    }
}
