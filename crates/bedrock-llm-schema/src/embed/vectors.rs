//! Vectors in one piece of memory.

use std::fmt;
use std::slice::ChunksExact;

use super::EmbeddingType;

/// Rows of equal length, one after the other in one piece of memory.
///
/// ```
/// use bedrock_llm_schema::embed::Matrix;
///
/// let mut matrix = Matrix::new();
/// matrix.push(&[1.0, 0.0])?;
/// matrix.push(&[0.0, 1.0])?;
/// assert_eq!(matrix.row(1), Some(&[0.0, 1.0][..]));
/// assert_eq!(matrix.as_slice(), [1.0, 0.0, 0.0, 1.0]);
/// assert!(matrix.push(&[1.0]).is_err());
/// # Ok::<(), bedrock_llm_schema::embed::ShapeError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Matrix<T> {
    values: Vec<T>,
    /// 0 only while there is no row.
    width: usize,
}

/// Rows that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// A row is not as long as those before it.
    #[error("a row has {found} numbers, and those before it have {wanted}")]
    Width {
        /// How long the rows are.
        wanted: usize,
        /// How long this one is.
        found: usize,
    },
    /// A row without numbers.
    #[error("a row has no numbers")]
    Empty,
}

impl<T> Matrix<T> {
    /// No rows yet; the first one says how long they are.
    #[must_use]
    pub fn new() -> Self {
        Self { values: Vec::new(), width: 0 }
    }

    /// The same with room for this many rows of this many numbers.
    #[must_use]
    pub fn with_capacity(rows: usize, width: usize) -> Self {
        Self { values: Vec::with_capacity(rows.saturating_mul(width)), width: 0 }
    }

    /// Numbers that lie row after row.
    ///
    /// # Errors
    /// When they are no whole number of rows.
    pub fn from_values(values: Vec<T>, width: usize) -> Result<Self, ShapeError> {
        match values.len().checked_rem(width) {
            None if values.is_empty() => Ok(Self { values, width: 0 }),
            None => Err(ShapeError::Empty),
            Some(0) => Ok(Self { width: if values.is_empty() { 0 } else { width }, values }),
            Some(found) => Err(ShapeError::Width { wanted: width, found }),
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many numbers a row has; 0 while there is none.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// A row; `None` past the last.
    #[must_use]
    pub fn row(&self, place: usize) -> Option<&[T]> {
        let start = place.checked_mul(self.width)?;
        self.values.get(start..start.checked_add(self.width)?).filter(|row| !row.is_empty())
    }

    /// The rows, in order.
    pub fn rows(&self) -> ChunksExact<'_, T> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// All numbers, row after row.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.values
    }

    /// All numbers, row after row, to be changed in place.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Hands the numbers over, row after row.
    #[must_use]
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    /// Gives back memory that no number stands in.
    pub fn shrink_to_fit(&mut self) {
        self.values.shrink_to_fit();
    }

    /// Adds a row that `write` appends to the numbers. Nothing is added when it fails.
    ///
    /// # Errors
    /// What `write` says, and [`ShapeError`] when the row is not as long as those before it.
    pub fn push_with<E: From<ShapeError>>(
        &mut self,
        write: impl FnOnce(&mut Vec<T>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.values.len();
        let wanted = self.width;
        let outcome = write(&mut self.values).and_then(|()| match self.values.len().saturating_sub(before) {
            0 => Err(ShapeError::Empty.into()),
            found if wanted != 0 && found != wanted => Err(ShapeError::Width { wanted, found }.into()),
            found => {
                self.width = found;
                Ok(())
            }
        });
        if outcome.is_err() {
            self.values.truncate(before);
        }
        outcome
    }
}

impl<T: Clone> Matrix<T> {
    /// Adds a row.
    ///
    /// # Errors
    /// When it is not as long as those before it, or has no numbers.
    pub fn push(&mut self, row: &[T]) -> Result<(), ShapeError> {
        self.push_with(|values| {
            values.extend_from_slice(row);
            Ok(())
        })
    }
}

impl<T> Default for Matrix<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Matrix<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matrix({} rows of {})", self.len(), self.width)
    }
}

/// Eight dimensions of one bit each, the first in the highest bit.
///
/// A signed byte of Cohere's `binary` is read as two's complement: -125 is `Bits(0x83)`, as 131 of `ubinary` is. No source
/// says how Cohere makes it signed; were it by taking 128 away, then the highest bit of every byte would be the other way
/// round. Hamming distances of such vectors are the same either way. An `Embedder` of bits asks for `ubinary` where a model
/// has both, which leaves no doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Bits(pub u8);

impl Bits {
    /// Packs dimensions, eight to a byte; the last byte is filled up with zeros.
    pub fn pack(dimensions: impl IntoIterator<Item = bool>) -> Vec<Self> {
        let mut packed = Vec::new();
        for (place, dimension) in dimensions.into_iter().enumerate() {
            if place % 8 == 0 {
                packed.push(Self(0));
            }
            if let Some(Self(byte)) = packed.last_mut().filter(|_| dimension) {
                *byte |= 0x80 >> (place % 8);
            }
        }
        packed
    }

    /// The eight dimensions, in order.
    pub fn unpack(self) -> impl Iterator<Item = bool> {
        (0..8).map(move |place| self.0 & (0x80 >> place) != 0)
    }
}

/// Vectors of one type of number.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Vectors {
    /// 32-bit floats.
    Float(Matrix<f32>),
    /// Signed bytes.
    Int8(Matrix<i8>),
    /// Unsigned bytes.
    Uint8(Matrix<u8>),
    /// One bit for a dimension, by a service that calls it `binary`; signed bytes are read as two's complement.
    Binary(Matrix<Bits>),
    /// One bit for a dimension, by a service that calls it `ubinary`.
    Ubinary(Matrix<Bits>),
}

impl Vectors {
    /// The type of the numbers.
    #[must_use]
    pub fn r#type(&self) -> EmbeddingType {
        match self {
            Self::Float(_) => EmbeddingType::Float,
            Self::Int8(_) => EmbeddingType::Int8,
            Self::Uint8(_) => EmbeddingType::Uint8,
            Self::Binary(_) => EmbeddingType::Binary,
            Self::Ubinary(_) => EmbeddingType::Ubinary,
        }
    }

    /// How many vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Float(matrix) => matrix.len(),
            Self::Int8(matrix) => matrix.len(),
            Self::Uint8(matrix) => matrix.len(),
            Self::Binary(matrix) | Self::Ubinary(matrix) => matrix.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many dimensions a vector has.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        match self {
            Self::Float(matrix) => matrix.width(),
            Self::Int8(matrix) => matrix.width(),
            Self::Uint8(matrix) => matrix.width(),
            Self::Binary(matrix) | Self::Ubinary(matrix) => matrix.width().saturating_mul(8),
        }
    }

    /// How many bytes the numbers take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Float(matrix) => size_of_val(matrix.as_slice()),
            Self::Int8(matrix) => matrix.as_slice().len(),
            Self::Uint8(matrix) => matrix.as_slice().len(),
            Self::Binary(matrix) | Self::Ubinary(matrix) => matrix.as_slice().len(),
        }
    }
}

/// A type of number that vectors are made of: `f32`, `i8`, `u8`, [`Bits`]. Sealed.
pub trait Element: Copy + Default + PartialEq + fmt::Debug + Send + Sync + sealed::Sealed + 'static {
    /// The types, by the services' names, that it holds; the first is the one to ask for where a model has several.
    const TYPES: &'static [EmbeddingType];

    /// How many dimensions one of it holds.
    const DIMENSIONS: usize = 1;

    /// The vectors, if they are made of it.
    fn view(vectors: &Vectors) -> Option<&Matrix<Self>>;

    /// The vectors, if they are made of it.
    fn take(vectors: Vectors) -> Option<Matrix<Self>>;

    /// The numbers as floats, to be scaled in place; `None` where they are quantised and cannot be.
    fn floats(_numbers: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! element {
    ($($number:ty: $($variant:ident)|+ $(, $dimensions:literal)? $(=> $floats:item)?;)*) => {$(
        impl sealed::Sealed for $number {}
        impl Element for $number {
            const TYPES: &'static [EmbeddingType] = &[$(EmbeddingType::$variant),+];
            $(const DIMENSIONS: usize = $dimensions;)?
            $($floats)?

            fn view(vectors: &Vectors) -> Option<&Matrix<Self>> {
                match vectors {
                    $(Vectors::$variant(matrix))|+ => Some(matrix),
                    _ => None,
                }
            }

            fn take(vectors: Vectors) -> Option<Matrix<Self>> {
                match vectors {
                    $(Vectors::$variant(matrix))|+ => Some(matrix),
                    _ => None,
                }
            }
        }
    )*};
}

element! {
    f32: Float => fn floats(numbers: &mut [f32]) -> Option<&mut [f32]> { Some(numbers) };
    i8: Int8;
    u8: Uint8;
    Bits: Ubinary | Binary, 8;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_views_of_one_buffer() {
        let mut matrix = Matrix::with_capacity(2, 3);
        assert_eq!((matrix.len(), matrix.width(), matrix.row(0)), (0, 0, None));
        matrix.push(&[1, 2, 3]).unwrap();
        matrix.push(&[4, 5, 6]).unwrap();
        assert_eq!(matrix.push(&[7]), Err(ShapeError::Width { wanted: 3, found: 1 }));
        assert_eq!(matrix.push(&[]), Err(ShapeError::Empty));
        assert_eq!(matrix.rows().collect::<Vec<_>>(), [&[1, 2, 3], &[4, 5, 6]]);
        assert_eq!(
            (matrix.row(1), matrix.row(2), matrix.row(usize::MAX)),
            (Some(&[4, 5, 6][..]), None, None)
        );
        assert_eq!(matrix.into_values(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn values_must_be_whole_rows() {
        assert_eq!(Matrix::from_values(vec![1, 2, 3, 4], 2).unwrap().len(), 2);
        assert_eq!(Matrix::from_values(vec![1, 2, 3], 2), Err(ShapeError::Width { wanted: 2, found: 1 }));
        assert_eq!(Matrix::from_values(vec![1], 0), Err(ShapeError::Empty));
        assert!(Matrix::<u8>::from_values(Vec::new(), 0).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn bits_are_packed_and_unpacked(dimensions in prop::collection::vec(any::<bool>(), 0..40)) {
            let packed = Bits::pack(dimensions.iter().copied());
            prop_assert_eq!(packed.len(), dimensions.len().div_ceil(8));
            let mut unpacked: Vec<_> = packed.into_iter().flat_map(Bits::unpack).collect();
            let filled = unpacked.split_off(dimensions.len());
            prop_assert_eq!(unpacked, dimensions);
            prop_assert!(filled.into_iter().all(|dimension| !dimension));
        }
    }
}
