//! Vectors, read straight into one piece of memory and written from it.

use std::fmt;
use std::marker::PhantomData;

use bedrock_llm_schema::embed::{Bits, Matrix, ShapeError};
use serde::de::{DeserializeOwned, DeserializeSeed, Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Room that is made for the first row: most models' vectors are no longer.
const ROW: usize = 1024;

/// How numbers stand on the wire, and what becomes of them.
pub(crate) trait Wire: 'static {
    /// What stands on the wire.
    type Number: DeserializeOwned + Serialize;
    /// What a matrix holds.
    type Cell: Copy;

    fn cell(number: Self::Number) -> Self::Cell;
    fn number(cell: Self::Cell) -> Self::Number;
}

macro_rules! wire {
    ($($(#[$meta:meta])* $name:ident: $number:ty => $cell:ty, $read:expr, $write:expr;)*) => {$(
        $(#[$meta])*
        pub(crate) enum $name {}
        impl Wire for $name {
            type Number = $number;
            type Cell = $cell;
            fn cell(number: $number) -> $cell {
                ($read)(number)
            }
            fn number(cell: $cell) -> $number {
                ($write)(cell)
            }
        }
    )*};
}

wire! {
    /// Floats.
    Floats: f32 => f32, |number| number, |cell| cell;
    /// Signed bytes.
    Signed: i8 => i8, |number| number, |cell| cell;
    /// Unsigned bytes.
    Unsigned: u8 => u8, |number| number, |cell| cell;
    /// Eight dimensions to a signed byte.
    SignedBits: i8 => Bits, |number: i8| Bits(number.cast_unsigned()), |Bits(byte)| u8::cast_signed(byte);
    /// Eight dimensions to an unsigned byte.
    UnsignedBits: u8 => Bits, Bits, |Bits(byte)| byte;
}

/// Rows: an array of arrays.
pub(crate) struct Rows<W: Wire>(pub(crate) Matrix<W::Cell>);

/// A single row: an array.
pub(crate) struct Row<W: Wire>(pub(crate) Matrix<W::Cell>);

/// A single row with a number of 0 or 1 for each dimension.
pub(crate) struct Digits(pub(crate) Matrix<Bits>);

impl<'de, W: Wire> Deserialize<'de> for Rows<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsVisitor<W>(PhantomData<W>);
        impl<'de, W: Wire> Visitor<'de> for RowsVisitor<W> {
            type Value = Rows<W>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of vectors")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Rows<W>, A::Error> {
                let mut matrix = Matrix::with_capacity(1, ROW);
                while rows.next_element_seed(Append::<W>(&mut matrix))?.is_some() {}
                matrix.shrink_to_fit();
                Ok(Rows(matrix))
            }
        }
        deserializer.deserialize_seq(RowsVisitor(PhantomData))
    }
}

impl<'de, W: Wire> Deserialize<'de> for Row<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut matrix = Matrix::with_capacity(1, ROW);
        Append::<W>(&mut matrix).deserialize(deserializer)?;
        matrix.shrink_to_fit();
        Ok(Self(matrix))
    }
}

/// Appends a row to a matrix.
pub(crate) struct Append<'a, W: Wire>(pub(crate) &'a mut Matrix<W::Cell>);

impl<'de, W: Wire> DeserializeSeed<'de> for Append<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, W: Wire> Visitor<'de> for Append<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vector")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<(), A::Error> {
        let write = |values: &mut Vec<W::Cell>| {
            while let Some(number) = numbers.next_element().map_err(Unfit::Number)? {
                values.push(W::cell(number));
            }
            Ok(())
        };
        self.0.push_with(write).map_err(Unfit::into_error)
    }
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DigitsVisitor;
        impl<'de> Visitor<'de> for DigitsVisitor {
            type Value = Digits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a vector of zeros and ones")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut digits: A) -> Result<Digits, A::Error> {
                let mut matrix = Matrix::with_capacity(1, ROW / 8);
                let write = |values: &mut Vec<Bits>| {
                    let (mut byte, mut count) = (0_u8, 0_u8);
                    while let Some(digit) = digits.next_element::<u8>().map_err(Unfit::Number)? {
                        if digit > 1 {
                            let message = format_args!("{digit} is neither 0 nor 1");
                            return Err(Unfit::Number(A::Error::custom(message)));
                        }
                        byte = byte << 1 | digit;
                        count += 1;
                        if count == 8 {
                            values.push(Bits(byte));
                            (byte, count) = (0, 0);
                        }
                    }
                    if count == 0 {
                        return Ok(());
                    }
                    let message = "the number of dimensions of a binary vector must be a multiple of 8";
                    Err(Unfit::Number(A::Error::custom(message)))
                };
                matrix.push_with(write).map_err(Unfit::into_error)?;
                matrix.shrink_to_fit();
                Ok(Digits(matrix))
            }
        }
        deserializer.deserialize_seq(DigitsVisitor)
    }
}

/// Why a row was not taken.
enum Unfit<E> {
    Number(E),
    Shape(ShapeError),
}

impl<E: Error> Unfit<E> {
    fn into_error(self) -> E {
        match self {
            Self::Number(error) => error,
            Self::Shape(error) => E::custom(error),
        }
    }
}

impl<E> From<ShapeError> for Unfit<E> {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

/// Writes a row.
pub(crate) struct WriteRow<'a, W: Wire>(pub(crate) &'a [W::Cell]);

impl<W: Wire> Serialize for WriteRow<'_, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|cell| W::number(*cell)))
    }
}

/// Writes rows.
pub(crate) struct WriteRows<'a, W: Wire>(pub(crate) &'a Matrix<W::Cell>);

impl<W: Wire> Serialize for WriteRows<'_, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.rows().try_for_each(|row| rows.serialize_element(&WriteRow::<W>(row)))?;
        rows.end()
    }
}

/// Writes a row with a number for each dimension.
pub(crate) struct WriteDigits<'a>(pub(crate) &'a [Bits]);

impl Serialize for WriteDigits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flat_map(|bits| bits.unpack()).map(u8::from))
    }
}
